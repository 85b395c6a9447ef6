use super::*;
use crate::bytes::{ByteEvidence, ByteShares};
use crate::counts::{Counts, WorkerShare};
use crate::declared::Declared;
use crate::fingerprint::Hash;
use crate::ids::{RecordNo, WorkerId};
use crate::keys::KeysCounted;
use crate::layout::{Field, Layout, Mode, RecordTypeSlot};
use crate::record;
use crate::rule::{OnBreach, RuleOutcome};
use crate::totals::Sums;
use crate::value::{FieldType, Value};

fn layout() -> Layout {
    let ty = FieldType::Decimal { precision: 15, scale: 2 };
    Layout {
        record: "r".into(),
        among: RecordTypeSlot::ALONE,
        fields: vec![Field {
            name: "amt".into(),
            ty,
            required: true,
            sensitive: false,
            constraints: Vec::new(),
        }],
        key: vec![0],
        amounts: vec![0],
        hashed: vec![0],
        mode: Mode::Append,
        promote_by: crate::layout::PromoteBy::Insert,
        staging: "s".into(),
        final_table: "f".into(),
        masks: crate::mask::Masks::default(),
    }
}

fn totals(amounts: &[&str]) -> ControlTotals {
    let layout = layout();
    let mut totals = ControlTotals::starting_at(0, &layout);
    for (at, amount) in amounts.iter().enumerate() {
        let mut row = Vec::new();
        record::begin(&mut row, RecordNo(at as u64 + 1));
        let values = [Value::Decimal(amount.parse().unwrap())];
        record::put(&mut row, &values[0]);
        totals.accept_decoded(&layout, &values, &row).unwrap();
    }
    totals
}

fn share(role: Role, accepted: u64, table: u64) -> WorkerShare {
    let counts = Counts { chunks: 1, records: 3, accepted, rejected: 3 - accepted };
    WorkerShare {
        worker_id: WorkerId(1),
        name: "w".into(),
        host: "h".into(),
        role,
        reported: counts,
        ledger: counts,
        unreported_chunks: 0,
        table,
        bytes: 9,
        busy_us: 9,
    }
}

/// One chunk of 25 bytes, of which `fields` are of fields.
fn bytes(fields: u64) -> ByteEvidence {
    let mut shares = ByteShares::none(1);
    shares.types[0].fields = fields;
    shares.round_trips.proved = 3;
    let mut evidence = ByteEvidence::none(1);
    evidence.chunk(0, 25, Some(&shares));
    evidence
}

/// Three records, one chunk, nothing wrong.
fn good() -> StagingEvidence {
    let all = totals(&["1.00", "2.00", "-0.50"]);
    let hash = Hash::of(b"source");
    StagingEvidence {
        run_id: RunId::from_bytes([1; 16]),
        types: vec!["r".into()],
        amount_names: vec!["amt".into()],
        layout: Hash::of(b"layout"),
        source: SourceEvidence {
            chunks: 1,
            records: 3,
            bytes: 30,
            bytes_tiled: 30,
            header_bytes: 5,
            first_gap: None,
            sha256_before: Some(hash),
            sha256_split: hash,
            stream_interrupted: false,
            changed: None,
            bytes_on_disk: 30,
        },
        source_again: DecodedTwice::NotNeeded,
        decoded_beside: DecodedBeside { chunks: 1, records: 3, differing: 0 },
        refused_messages: 0,
        ledger: LedgerEvidence {
            chunks: 1,
            bytes: 25,
            chunks_unbalanced: 0,
            records: 3,
            rejected: 0,
            accepted: all.clone(),
            rejected_sums: Sums::zero(&[2]),
        },
        bytes: bytes(25),
        filler_any: vec![false],
        decode_proof_off: false,
        staging: ReadBack { totals: all.clone(), rejects: 0, stray_rows: 0, chunks_differing: 0 },
        workers: vec![share(Role::Processor, 3, 0), share(Role::Writer, 3, 3)],
        declared: None,
        footing: None,
        rules: Vec::new(),
        keys: vec![KeyEvidence { record: None, fields: "amt".into(), counted: Some(KeysCounted::default()) }],
        reject_limit: RejectLimit::Count(0),
        rules_differing: 0,
        loaded_before: Vec::new(),
        again: false,
        trends: None,
        held: 0,
        merged: 0,
        to_promote: all,
    }
}

fn counted(evidence: &mut StagingEvidence) -> &mut KeysCounted {
    evidence.keys[0].counted.get_or_insert_default()
}

fn failed(evidence: &StagingEvidence) -> Vec<String> {
    let reconciliation = reconcile_staging(evidence, 0);
    let failed = reconciliation.checks().iter().filter(|check| check.verdict == Verdict::Fail);
    let names: Vec<_> = failed.map(|check| check.name.clone()).collect();
    assert_eq!(reconciliation.permit().is_ok(), names.is_empty(), "a permit exactly when nothing failed");
    names
}

#[test]
fn a_run_in_which_nothing_is_wrong_gets_its_permit() {
    assert_eq!(failed(&good()), Vec::<String>::new());
    let permit = reconcile_staging(&good(), 0).permit().unwrap();
    assert_eq!(permit.expected().records, 3);
    assert_eq!(Some(permit.fingerprint()), good().to_promote.fingerprint());
}

#[test]
fn each_thing_that_can_be_wrong_fails_the_check_that_is_there_for_it() {
    type Damage = fn(&mut StagingEvidence);
    let rule = |on_breach, examined, breached| RuleEvidence {
        name: "the rule".into(),
        demands: "amt > 0".into(),
        on_breach,
        outcome: RuleOutcome { examined, breached },
    };
    let declared = |records, amount: &str| Declared {
        records,
        amounts: [("amt".to_owned(), amount.parse().unwrap())].into(),
        ..Declared::default()
    };
    let table: &[(&str, &[&str], Damage)] = &[
        ("a gap", &["chunks tile the source"], |e| e.source.first_gap = Some(7)),
        ("a chunk short", &["chunks tile the source", "bytes processed", "every byte accounted for"], |e| {
            e.source.bytes_tiled = 20
        }),
        (
            "a byte that no class has",
            &["every byte accounted for", "bytes accounted for, chunk by chunk"],
            |e| e.bytes = bytes(24),
        ),
        (
            "a byte that two classes have",
            &["every byte accounted for", "bytes accounted for, chunk by chunk"],
            |e| e.bytes = bytes(26),
        ),
        ("a chunk that nobody counted", &["every byte accounted for"], |e| {
            e.bytes = ByteEvidence::none(1);
            e.bytes.shares.round_trips.proved = 3;
            e.bytes.chunk(0, 25, None);
        }),
        ("source changed", &["source unchanged during the run"], |e| {
            e.source.changed = Some("it grew".into())
        }),
        ("other bytes", &["source unchanged during the run"], |e| {
            e.source.sha256_before = Some(Hash::of(b"x"))
        }),
        ("chunk lost", &["every chunk was committed"], |e| e.ledger.chunks = 0),
        ("bytes lost", &["bytes processed"], |e| e.ledger.bytes = 24),
        ("record not decoded", &["records decoded"], |e| e.ledger.records = 2),
        ("unbalanced chunk", &["records accepted or rejected"], |e| e.ledger.chunks_unbalanced = 1),
        ("another record to promote", &["records to promote"], |e| e.to_promote = totals(&["1.00", "2.00"])),
        ("stray row", &["rows outside any chunk"], |e| e.staging.stray_rows = 1),
        (
            "row lost",
            &[
                "staging rows",
                "records = staged + rejected",
                "sum of amt, source to staging",
                "fingerprint, source to staging",
            ],
            |e| {
                e.staging.totals = totals(&["1.00", "2.00"]);
                e.to_promote = e.staging.totals.clone();
            },
        ),
        ("a cent", &["sum of amt, source to staging", "fingerprint, source to staging"], |e| {
            e.staging.totals = totals(&["1.00", "2.01", "-0.50"]);
        }),
        ("two errors that cancel", &["fingerprint, source to staging"], |e| {
            e.staging.totals = totals(&["1.01", "1.99", "-0.50"]);
        }),
        ("swapped", &["fingerprint, source to staging"], |e| {
            e.staging.totals = totals(&["2.00", "1.00", "-0.50"])
        }),
        ("reject lost", &["rejects kept", "rejects within the limit"], |e| e.ledger.rejected = 1),
        ("processor reports more", &["processors agree"], |e| e.workers[0].reported.accepted = 4),
        ("writer reports less", &["writers agree"], |e| e.workers[1].reported.accepted = 2),
        ("rows under another worker", &["writers agree"], |e| e.workers[1].table = 2),
        ("declared one more", &["declared records"], |e| {
            e.declared = Some(Declared { records: Some(4), ..Declared::default() });
        }),
        ("declared other bytes", &["declared SHA-256"], |e| {
            e.declared = Some(Declared { sha256: Some(Hash::of(b"x")), ..Declared::default() });
        }),
        ("declared other fingerprint", &["declared fingerprint"], |e| {
            e.declared = Some(Declared { fingerprint: Some(Hash::of(b"x")), ..Declared::default() });
        }),
        ("ledger and staging altered alike", &["fingerprint, source decoded again"], |e| {
            let fingerprint = Some(Hash::of(b"what the source says"));
            e.source_again = DecodedTwice::Decoded { fingerprint, chunks_differing: 0, rules_differing: 0 };
        }),
        ("a chunk's sums altered", &["chunks, source decoded again"], |e| {
            let fingerprint = e.ledger.accepted.fingerprint();
            e.source_again = DecodedTwice::Decoded { fingerprint, chunks_differing: 1, rules_differing: 0 };
        }),
        ("another record held", &["breaches, source decoded again"], |e| {
            let fingerprint = e.ledger.accepted.fingerprint();
            e.source_again = DecodedTwice::Decoded { fingerprint, chunks_differing: 0, rules_differing: 1 };
        }),
        ("a processor decoded something else", &["chunks decoded twice"], |e| {
            e.decoded_beside.differing = 1;
        }),
        ("source unreadable", &["fingerprint, source decoded again"], |e| {
            e.source_again = DecodedTwice::Failed("gone".into());
        }),
        ("duplicate key", &["key is unique"], |e| counted(e).duplicates = 1),
        ("key in final", &["key is not yet in final"], |e| counted(e).already_in_final = 1),
        ("loaded before", &["these bytes were not loaded before"], |e| {
            e.loaded_before = vec![RunId::from_bytes([2; 16])]
        }),
    ];
    for (damage, expected, inflict) in table {
        let mut evidence = good();
        inflict(&mut evidence);
        assert_eq!(&failed(&evidence), expected, "{damage}");
    }
    let with = |change: &dyn Fn(&mut StagingEvidence)| {
        let mut evidence = good();
        change(&mut evidence);
        failed(&evidence)
    };
    assert_eq!(with(&|e| e.declared = Some(declared(Some(3), "2.50"))), Vec::<String>::new());
    assert_eq!(with(&|e| e.declared = Some(declared(None, "2.51"))), ["declared sum of amt"]);
    assert_eq!(with(&|e| e.rules = vec![rule(OnBreach::Fail, 3, 1)]), ["the rule"]);
    assert_eq!(with(&|e| e.rules = vec![rule(OnBreach::Hold, 3, 1)]), Vec::<String>::new());
    assert_eq!(with(&|e| e.rules = vec![rule(OnBreach::Warn, 3, 1)]), Vec::<String>::new());
}

#[test]
fn a_rule_that_found_nothing_to_apply_to_is_not_passed() {
    let mut evidence = good();
    let outcome = RuleOutcome { examined: 0, breached: 0 };
    let (name, demands) = ("r".to_owned(), "d".to_owned());
    evidence.rules = vec![RuleEvidence { name, demands, on_breach: OnBreach::Fail, outcome }];
    let reconciliation = reconcile_staging(&evidence, 0);
    assert_eq!(reconciliation.checks().last().map(|check| check.verdict), Some(Verdict::Vacuous));
}

#[test]
fn an_empty_source_fails_unless_it_was_declared_empty() {
    let mut evidence = good();
    let none = totals(&[]);
    (evidence.source.records, evidence.source.chunks, evidence.source.bytes_tiled) = (0, 0, 5);
    evidence.source.bytes = 5;
    evidence.bytes = ByteEvidence::none(1);
    (evidence.ledger.records, evidence.ledger.chunks, evidence.ledger.bytes) = (0, 0, 0);
    (evidence.ledger.accepted, evidence.staging.totals, evidence.to_promote) =
        (none.clone(), none.clone(), none);
    evidence.workers.clear();
    assert_eq!(failed(&evidence), ["the source holds records"]);
    evidence.declared = Some(Declared { records: Some(0), ..Declared::default() });
    assert_eq!(failed(&evidence), Vec::<String>::new());
}

#[test]
fn rejects_are_allowed_up_to_the_limit_and_a_share_is_exact() {
    assert_eq!(RejectLimit::PerMillion(1000).of(999), 0);
    assert_eq!(RejectLimit::PerMillion(1000).of(1000), 1);
    assert_eq!(RejectLimit::PerMillion(1_000_000).of(u64::MAX), u64::MAX);
    assert_eq!(RejectLimit::Count(5).of(0), 5);
}

#[test]
fn final_is_held_to_what_the_permit_says() {
    let permit = || reconcile_staging(&good(), 0).permit().unwrap();
    let names = ["amt".to_owned()];
    let checks = |totals: ControlTotals, rows_changed, chunks_differing| {
        let found = FinalEvidence { totals, rows_changed, chunks_differing };
        reconcile_final(&permit(), &["r".into()], &names, &found, 0)
    };
    let fails = |totals: ControlTotals, rows_changed| {
        let checks = checks(totals, rows_changed, None);
        let failed = checks.into_iter().filter(|check| check.verdict == Verdict::Fail);
        failed.map(|check| check.name).collect::<Vec<_>>()
    };
    assert_eq!(fails(totals(&["1.00", "2.00", "-0.50"]), 3), Vec::<String>::new());
    assert_eq!(fails(totals(&["1.00", "2.00", "-0.50"]), 4), ["rows changed by the promotion"]);
    assert_eq!(fails(totals(&["2.00", "1.00", "-0.50"]), 3), ["fingerprint, staging to final"]);
    assert_eq!(
        fails(totals(&["1.00", "2.00"]), 3),
        ["final rows", "sum of amt, staging to final", "fingerprint, staging to final"]
    );
    // A row that stands under another worker is in no total.
    let by_workers = |differing| checks(totals(&["1.00", "2.00", "-0.50"]), 3, Some(differing));
    assert!(none_failed(&by_workers(0)));
    let failed: Vec<_> = by_workers(1).into_iter().filter(|check| check.verdict == Verdict::Fail).collect();
    assert_eq!((failed.len(), failed[0].name.as_str()), (1, "chunks of final as committed"));
}

#[test]
fn keys_that_are_left_to_final_are_proven_by_it_or_not_decided() {
    let mut evidence = good();
    evidence.keys[0].counted = None;
    let reconciliation = reconcile_staging(&evidence, 1);
    assert!(
        !reconciliation.checks().iter().any(|check| check.name.contains("key is")),
        "nothing was counted"
    );
    let permit = || reconciliation.permit().unwrap();
    let names = ["amt".to_owned()];
    let verdicts = |found: &FinalEvidence| {
        let checks = reconcile_final(&permit(), &["r".into()], &names, found, 1);
        let of_keys = checks.iter().filter(|check| check.name.contains("key is"));
        of_keys.map(|check| check.verdict).collect::<Vec<_>>()
    };
    let mut found = FinalEvidence {
        totals: evidence.to_promote.clone(),
        rows_changed: evidence.to_promote.records,
        chunks_differing: None,
    };
    assert_eq!(verdicts(&found), [Verdict::Pass, Verdict::Pass]);
    // A trigger that leaves a row out, or adds one, says nothing of the keys.
    found.rows_changed += 1;
    assert_eq!(verdicts(&found), [Verdict::Vacuous, Verdict::Vacuous]);
}

#[test]
fn refused_messages_are_a_warning_and_change_no_verdict() {
    let mut evidence = good();
    evidence.refused_messages = 3;
    let reconciliation = reconcile_staging(&evidence, 0);
    let check = reconciliation.checks().iter().find(|check| check.name == "messages refused").unwrap();
    assert_eq!((check.verdict, check.actual.as_str()), (Verdict::Warn, "3"));
    assert!(reconciliation.permit().is_ok());
}

#[test]
fn a_run_of_which_nothing_was_decoded_twice_does_not_say_that_it_was() {
    let mut evidence = good();
    evidence.decoded_beside = DecodedBeside::default();
    let reconciliation = reconcile_staging(&evidence, 0);
    let check = reconciliation.checks().iter().find(|check| check.name == "chunks decoded twice").unwrap();
    assert_eq!(check.verdict, Verdict::Vacuous);
}
