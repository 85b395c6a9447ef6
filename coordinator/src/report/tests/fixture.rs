//! Reports for the tests: a million records that reconciled, and runs that did not.

use domain::amount::Amount;
use domain::balance::{AmountBalance, Balance};
use domain::bytes::{ByteBalance, ByteCounts, Places, TypeBytes};
use domain::check::{self, CheckResult, Stage, Subject, Verdict};
use domain::constraint::ReasonCode;
use domain::counts::{Counts, Role, WorkerShare};
use domain::finding::{Difference, Finding};
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo, WorkerId};
use domain::invariants::Invariant;
use domain::lifecycle::RunState;
use domain::report::{CheckCounts, LevelTotals, LogHead, Outcome, RejectGroup, Report, SourceSummary};
use domain::round_trip::{DecodeProofReport, Equivalence, NamedEquivalence};

const AT_MS: i64 = 1_795_470_407_123;

pub(super) fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

/// A million records through two processors and two writers, every check passed.
pub(super) fn reconciled() -> Report {
    let (sum, fee) = (amount("50210734.18"), amount("-1250.5000"));
    let root = Hash::of(b"root");
    let level =
        |stage| LevelTotals { stage, records: 1_000_000, sums: vec![sum, fee], fingerprint: Some(root) };
    let balance = |field: &str, sum| AmountBalance {
        field: field.into(),
        source: sum,
        staging: sum,
        rejected: amount("0.00"),
        to_promote: sum,
        final_: Some(sum),
    };
    let checks = checks(root);
    let counts = CheckCounts::of(&checks);
    Report {
        report_version: 2,
        crossfoot_version: "0.1.0".into(),
        run_id: "019ab3f2-71c5-7d04-9c1e-5b6f2a80d7e3".into(),
        job: "card-transactions".into(),
        job_digest: Hash::of(b"job"),
        state: RunState::Promoted,
        outcome: Outcome::Reconciled,
        note: None,
        driven_by: None,
        resends: None,
        resent: None,
        leading_cause: None,
        source: SourceSummary {
            location: "/data/in/2026-11-23/dalytran.ebc".into(),
            bytes: 79_123_456,
            sha256: Some(Hash::of(b"source")),
            chunks: 76,
        },
        staging_table: "stg_card_transactions".into(),
        final_table: "card_transactions".into(),
        opened_at_ms: AT_MS,
        ended_at_ms: Some(AT_MS + 3_249),
        elapsed_ms: 3_249,
        success_rate: counts.success_rate(),
        all_passed: counts.all_passed(),
        counts,
        checks,
        amount_names: vec!["amt".into(), "fee".into()],
        levels: vec![level(Stage::Source), level(Stage::Staging), level(Stage::Final)],
        balance: Some(Balance { records: 1_000_000, staged: 1_000_000, ..Balance::default() }),
        bytes: Some(bytes()),
        decode_proof: Some(decode_proof()),
        amounts: vec![balance("amt", sum), balance("fee", fee)],
        workers: vec![
            worker(1, "processor-a", Role::Processor, 40, 526_316),
            worker(2, "processor-b", Role::Processor, 36, 473_684),
            worker(3, "writer-a", Role::Writer, 39, 513_158),
            worker(4, "writer-b", Role::Writer, 37, 486_842),
        ],
        rejects: Vec::new(),
        findings: Vec::new(),
        findings_total: 0,
        log_head: Some(LogHead::Named { seq: 118, hash: Hash::of(b"head") }),
    }
}

/// The same with one amount changed in staging, two records lost, and rejects.
pub(super) fn failed() -> Report {
    let mut report = reconciled();
    report.state = RunState::NotReconciled;
    report.outcome = Outcome::NotReconciled;
    report.note = Some("staging differs from the source in chunk 41; the run was not promoted".into());
    let found = amount("50210630.58");
    report.levels = vec![
        LevelTotals { records: 999_988, ..report.levels[0].clone() },
        LevelTotals {
            stage: Stage::Staging,
            records: 999_986,
            sums: vec![found, amount("-1250.5000")],
            fingerprint: Some(Hash::of(b"other")),
        },
    ];
    report.balance = Some(Balance { records: 1_000_000, staged: 999_986, rejected: 12, held: 0, merged: 0 });
    report.amounts[0] = AmountBalance {
        staging: found,
        to_promote: found,
        rejected: amount("1045.00"),
        ..report.amounts[0].clone()
    };
    for amounts in &mut report.amounts {
        amounts.final_ = None;
    }
    report.checks.retain(|check| check.stage != Stage::Final);
    fail(
        &mut report,
        "staging rows",
        "999988",
        "999986",
        "-2",
        "records accepted = rows read back from staging",
    );
    fail(
        &mut report,
        "sum of amt, source to staging",
        "50210734.18",
        "50210630.58",
        "-103.60",
        "amt over the accepted records = over staging as read back",
    );
    let (root, other) = (Hash::of(b"root").to_string(), Hash::of(b"other").to_string());
    fail(&mut report, "fingerprint, source to staging", &root, &other, "differs", "1 chunk differs");
    fail(
        &mut report,
        "writers agree",
        "1000000 records, 999988 rows",
        "1000000 records, 999986 rows",
        "1 worker",
        "worker 4 (writer-b): reported 486842 + 0, ledger 486842 + 0, table 486840 of 486842",
    );
    if let Some(rule) = report.checks.iter_mut().find(|check| check.name == "amount within limit") {
        rule.actual = "3 of 999986".into();
        rule.discrepancy = "+3".into();
        rule.verdict = Verdict::Warn;
    }
    recount(&mut report);
    report.workers[3].table -= 2;
    report.workers[0].unreported_chunks = 1;
    report.workers[0].reported.chunks -= 1;
    report.workers[0].reported.records -= 13_157;
    report.workers[0].reported.accepted -= 13_157;
    let group = |field: Option<&str>, code, records, first_record_no| RejectGroup {
        detail: None,
        examples: Vec::new(),
        field: field.map(String::from),
        code,
        records,
        first_record_no,
    };
    report.rejects = vec![
        group(Some("amt"), ReasonCode::Type, 7, 1_204),
        group(Some("orig_ts"), ReasonCode::Required, 4, 310_552),
        group(None, ReasonCode::FieldCount, 1, 998_001),
    ];
    let finding = |difference, record_no, field: Option<&str>, sides: Option<(&str, &str)>| Finding {
        stage: Stage::Staging,
        difference,
        chunk_no: ChunkNo(41),
        record_no: RecordNo(record_no),
        byte_offset: Some(record_no * 79),
        field: field.map(String::from),
        expected: sides.map(|sides| sides.0.into()),
        actual: sides.map(|sides| sides.1.into()),
        worker_id: Some(WorkerId(4)),
    };
    report.findings = vec![
        finding(Difference::Missing, 539_474, None, None),
        finding(Difference::Field, 539_502, Some("amt"), Some(("104.50", "0.90"))),
        finding(
            Difference::Field,
            539_502,
            Some("merchant_name"),
            Some(("ZÜRICH KANTONALBANK AG", "Z?RICH KANTONALBANK AG")),
        ),
        finding(Difference::Missing, 540_117, None, None),
    ];
    report.findings_total = 1_207;
    report
}

/// Reconciled, though not every source record is in final: some rejected, held and merged.
pub(super) fn held() -> Report {
    let mut report = reconciled();
    report.balance = Some(Balance { records: 1_000_000, staged: 999_988, rejected: 12, held: 3, merged: 40 });
    report.levels[1].records = 999_988;
    report.levels[2].records = 999_945;
    report.levels[2].fingerprint = Some(Hash::of(b"due"));
    let of_final = |check: &&mut CheckResult| {
        check.stage == Stage::Final && check.kind == domain::check::CheckKind::Hash
    };
    for check in report.checks.iter_mut().filter(|check| of_final(check)) {
        check.expected = Hash::of(b"due").to_string();
        check.actual = check.expected.clone();
    }
    report.levels[2].sums[0] = amount("50210000.00");
    report.amounts[0].to_promote = amount("50210000.00");
    report.amounts[0].final_ = Some(amount("50210000.00"));
    report
}

/// Names and values as an attacker would choose them.
pub(super) fn hostile() -> Report {
    let mut report = failed();
    let long = "x".repeat(300);
    report.job = "<script>alert(1)</script>".into();
    report.note = Some("\u{1b}[2J</style><script>alert(2)</script>\nsecond line \u{202e}reversed".into());
    report.source.location = format!("/data/{long}/<img src=x onerror=alert(3)>");
    report.staging_table = long.clone();
    report.workers[0].name = "東京".repeat(60);
    report.workers[0].host = "\u{1b}]0;title\u{7}".into();
    report.checks[0].name = format!("rule {long}");
    report.checks[1].message = format!("<b>{long}</b>");
    report.checks[1].verdict = Verdict::Fail;
    report.checks[1].expected = long.clone();
    report.checks[1].discrepancy = long.clone();
    report.findings[1].expected = Some(format!("\"><script>{long}"));
    report.findings[1].field = Some(long.clone());
    report.amount_names[1] = long.clone();
    report.amounts[1].field = long.clone();
    report.rejects[0].field = Some(long);
    let most = amount("-12345678901234567890123456789012345678");
    for level in &mut report.levels {
        level.sums[0] = most;
    }
    report.amounts[0].source = most;
    recount(&mut report);
    report
}

/// All records encoded again; of two fields some values are in another form than the usual one.
fn decode_proof() -> DecodeProofReport {
    let of = |field: &str, kind, values| {
        let (record, field) = ("transaction".into(), field.into());
        NamedEquivalence { record, field, kind, values }
    };
    let equivalences = vec![of("amount", Equivalence::Sign, 412_331), of("booked_on", Equivalence::Date, 7)];
    DecodeProofReport { is_off: false, proved: 1_000_000, unproved: 0, equivalences }
}

/// Records of 79 bytes, and a header of 123,456.
fn bytes() -> ByteBalance {
    let of_type = ByteCounts { fields: 70_000_000, filler: 9_000_000, ..ByteCounts::default() };
    ByteBalance {
        source: 79_123_456,
        outside: 123_456,
        classes: ByteCounts { framing: 123_456, ..of_type },
        types: vec![TypeBytes {
            record: "transaction".into(),
            bytes: of_type,
            filler_data: Places::default(),
        }],
        untyped: ByteCounts::default(),
        unaccounted: Places::default(),
        chunks_off: 0,
        chunks_uncounted: 0,
    }
}

fn recount(report: &mut Report) {
    report.counts = CheckCounts::of(&report.checks);
    report.success_rate = report.counts.success_rate();
    report.all_passed = report.counts.all_passed();
}

fn fail(report: &mut Report, name: &str, expected: &str, actual: &str, discrepancy: &str, message: &str) {
    let check = report.checks.iter_mut().find(|check| check.name == name).unwrap();
    check.verdict = Verdict::Fail;
    check.expected = expected.into();
    check.actual = actual.into();
    check.discrepancy = discrepancy.into();
    check.message = message.into();
}

fn worker(id: u32, name: &str, role: Role, chunks: u64, records: u64) -> WorkerShare {
    let counts = Counts { chunks, records, accepted: records, rejected: 0 };
    WorkerShare {
        worker_id: WorkerId(id),
        name: name.into(),
        host: "batch-07".into(),
        role,
        reported: counts,
        ledger: counts,
        unreported_chunks: 0,
        table: if role == Role::Writer { records } else { 0 },
        bytes: records * 79,
        busy_us: records * 4,
    }
}

fn checks(root: Hash) -> Vec<CheckResult> {
    use Invariant as Inv;
    let count = |stage, invariant, name: &str, number, message: &str| {
        check::count(Subject::new(stage, invariant, name), number, number, message, AT_MS + 2_100)
    };
    let sum = |stage, name: &str, sum: &str, message: &str| {
        let subject = Subject::new(stage, Inv::AmountsEqual, name);
        check::amount_total(subject, amount(sum), amount(sum), message, AT_MS + 2_100)
    };
    let hash = |stage, invariant, name: &str, hash, message: &str| {
        check::hash(Subject::new(stage, invariant, name), hash, hash, message, AT_MS + 2_100)
    };
    let rule = |name: &str, demands: &str, examined: u64| CheckResult {
        invariant: None,
        kind: check::CheckKind::BusinessRule,
        expected: "0 breaches".into(),
        actual: format!("0 of {examined}"),
        verdict: if examined == 0 { Verdict::Vacuous } else { Verdict::Pass },
        ..count(Stage::Rules, Inv::FinalBalances, name, 0, demands)
    };
    let mut limit =
        count(Stage::Source, Inv::RecordsAccounted, "rejects within the limit", 0, "no record was rejected");
    limit.expected = "at most 100".into();
    let mut agree = count(
        Stage::Workers,
        Inv::WorkersAgree,
        "processors agree",
        0,
        "reported = ledger = table, for every processor",
    );
    agree.expected = "1000000 records, 0 rejects".into();
    agree.actual.clone_from(&agree.expected);
    let mut writers = count(
        Stage::Workers,
        Inv::WorkersAgree,
        "writers agree",
        0,
        "reported = ledger = table, for every writer",
    );
    writers.expected = "1000000 records, 1000000 rows".into();
    writers.actual.clone_from(&writers.expected);
    vec![
        count(
            Stage::Source,
            Inv::ChunksTileSource,
            "chunks tile the source",
            79_123_456,
            "76 chunks cover the source from its first byte to its last",
        ),
        hash(
            Stage::Source,
            Inv::SourceUnchanged,
            "source unchanged during the run",
            Hash::of(b"source"),
            "SHA-256 before the run = SHA-256 of the bytes that were split",
        ),
        count(
            Stage::Source,
            Inv::BytesProcessed,
            "every chunk was committed",
            76,
            "chunks split = chunks committed",
        ),
        count(
            Stage::Source,
            Inv::BytesProcessed,
            "bytes processed",
            79_123_456,
            "bytes in the chunks = bytes the processors hashed and decoded",
        ),
        count(
            Stage::Source,
            Inv::RecordsAccounted,
            "records decoded",
            1_000_000,
            "records framed by the splitter = records seen by the processors",
        ),
        count(
            Stage::Source,
            Inv::RecordsAccounted,
            "records accepted or rejected",
            0,
            "chunks in which records in differ from accepted + rejected",
        ),
        count(
            Stage::Staging,
            Inv::StagedOnce,
            "staging rows",
            1_000_000,
            "records accepted = rows read back from staging",
        ),
        count(
            Stage::Staging,
            Inv::RecordsAccounted,
            "records = staged + rejected",
            1_000_000,
            "1000000 staged + 0 rejected",
        ),
        sum(
            Stage::Staging,
            "sum of amt, source to staging",
            "50210734.18",
            "amt over the accepted records = over staging as read back",
        ),
        sum(
            Stage::Staging,
            "sum of fee, source to staging",
            "-1250.5000",
            "fee over the accepted records = over staging as read back",
        ),
        hash(
            Stage::Staging,
            Inv::FingerprintsEqual,
            "fingerprint, source to staging",
            root,
            "every record of every chunk equals the source's",
        ),
        agree,
        writers,
        count(
            Stage::Declared,
            Inv::DeclaredMet,
            "declared records",
            1_000_000,
            "records declared = records in the source",
        ),
        limit,
        count(
            Stage::Rules,
            Inv::FinalBalances,
            "key is unique",
            0,
            "records whose key (id) an earlier record of the run has",
        ),
        rule("amount within limit", "abs(amt) <= 100000 AND type_cd IN ('01', '03')", 1_000_000),
        rule("reversals name their original", "type_cd <> '09' OR orig_id IS NOT NULL", 0),
        count(
            Stage::Final,
            Inv::FinalBalances,
            "final rows",
            1_000_000,
            "staged - held - merged = rows read back from final",
        ),
        sum(Stage::Final, "sum of amt in final", "50210734.18", "amt due in final = over final as read back"),
        hash(
            Stage::Final,
            Inv::FingerprintsEqual,
            "fingerprint, staging to final",
            root,
            "every record in final is as it was due",
        ),
    ]
}
