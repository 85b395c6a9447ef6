//! The checks that staging's evidence is put to, group by group.

use crate::amount::Amount;
use crate::check::{self, CheckKind, CheckResult, Stage, Subject, Verdict};
use crate::counts::{Role, WorkerShare};
use crate::invariants::Invariant;
use crate::totals::{ControlTotals, Sums};
use crate::words::{counted, grouped, plural};

use super::evidence::{DecodedTwice, SourceLevel, StagingEvidence};

/// What holds of the source whatever it was decoded to.
pub(super) fn source_checks(evidence: &SourceLevel<'_>, at_ms: i64, checks: &mut Vec<CheckResult>) {
    use Invariant as Inv;
    let source = evidence.source;
    let subject = |invariant, name: &str| Subject::new(Stage::Source, invariant, name);

    let declared_empty = evidence.declared.and_then(|declared| declared.records) == Some(0);
    if source.records == 0 && !declared_empty {
        let mut empty = check::count(
            subject(Inv::RecordsAccounted, "the source holds records"),
            1,
            0,
            "the source is empty; if this is correct, set `records = 0` under [declared]",
            at_ms,
        );
        empty.expected = "at least 1".into();
        checks.push(empty);
    }
    let message = match source.first_gap {
        None => {
            format!(
                "the source is covered by {}, from its first to its last byte",
                plural(source.chunks, "chunk")
            )
        }
        Some(at) => format!("the chunks have a gap or an overlap at byte {at}"),
    };
    let mut tiled = check::count(
        subject(Inv::ChunksTileSource, "chunks tile the source"),
        source.bytes,
        source.bytes_tiled,
        message,
        at_ms,
    );
    if source.first_gap.is_some() {
        tiled.verdict = Verdict::Fail;
    }
    checks.push(tiled);
    checks.push(match (&source.changed, source.sha256_before) {
        (Some(changed), before) => {
            let mut result = check::hash(
                subject(Inv::SourceUnchanged, "source unchanged during the run"),
                before.unwrap_or(source.sha256_split),
                source.sha256_split,
                format!("the source changed while it was read: {changed}; run the job again when the file is complete"),
                at_ms,
            );
            result.verdict = Verdict::Fail;
            if result.discrepancy.is_empty() {
                result.discrepancy = "changed".into();
            }
            result
        }
        (None, Some(before)) => check::hash(
            subject(Inv::SourceUnchanged, "source unchanged during the run"),
            before,
            source.sha256_split,
            "SHA-256 before the run = SHA-256 of the bytes that were split",
            at_ms,
        ),
        (None, None) => {
            let mut result = check::hash(
                subject(Inv::SourceUnchanged, "source unchanged during the run"),
                source.sha256_split,
                source.sha256_split,
                "a stream can be read only once, so there is nothing to compare its bytes with",
                at_ms,
            );
            result.verdict = Verdict::Vacuous;
            if source.stream_interrupted {
                result.verdict = Verdict::Warn;
                result.message =
                    "the stream was interrupted before its end and passed in again; only \
                                  declared totals can prove that it is complete"
                        .into();
            }
            result
        }
    });
}

/// Whether the run's chunks are all there, and whether its bytes are new.
pub(super) fn committed_checks(evidence: &StagingEvidence, at_ms: i64, checks: &mut Vec<CheckResult>) {
    use Invariant as Inv;
    let (source, ledger) = (&evidence.source, &evidence.ledger);
    let subject = |invariant, name: &str| Subject::new(Stage::Source, invariant, name);
    if let Some(earlier) = evidence.loaded_before.last() {
        let mut before = check::count(
            subject(Inv::FinalBalances, "these bytes were not loaded before"),
            0,
            evidence.loaded_before.len() as u64,
            format!("run {earlier} promoted the same bytes; pass `--again` to load them again"),
            at_ms,
        );
        if evidence.again {
            before.verdict = Verdict::Warn;
        }
        checks.push(before);
    }
    checks.push(check::count(
        subject(Inv::BytesProcessed, "every chunk was committed"),
        source.chunks,
        ledger.chunks,
        "chunks split = chunks committed",
        at_ms,
    ));
}

/// Whether all bytes and records of the source were decoded.
pub(super) fn decoded_checks(evidence: &SourceLevel<'_>, at_ms: i64, checks: &mut Vec<CheckResult>) {
    use Invariant as Inv;
    let (source, ledger) = (evidence.source, evidence.ledger);
    let subject = |invariant, name: &str| Subject::new(Stage::Source, invariant, name);
    checks.push(check::count(
        subject(Inv::BytesProcessed, "bytes processed"),
        source.bytes_tiled.saturating_sub(source.header_bytes),
        ledger.bytes,
        "bytes in the chunks = bytes the processors hashed and decoded",
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::RecordsAccounted, "records decoded"),
        source.records,
        ledger.records,
        "records framed by the splitter = records seen by the processors",
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::RecordsAccounted, "records accepted or rejected"),
        0,
        ledger.chunks_unbalanced,
        "chunks in which records in differ from accepted + rejected",
        at_ms,
    ));
}

pub(super) fn staging_checks(evidence: &StagingEvidence, at_ms: i64, checks: &mut Vec<CheckResult>) {
    use Invariant as Inv;
    let (ledger, staging) = (&evidence.ledger, &evidence.staging);
    let subject = |invariant, name: String| Subject::new(Stage::Staging, invariant, name);

    checks.push(check::count(
        subject(Inv::StagedOnce, "staging rows".into()),
        ledger.accepted.records,
        staging.totals.records,
        "records accepted = rows read back from staging",
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::RecordsAccounted, "rejects kept".into()),
        ledger.rejected,
        staging.rejects,
        "records rejected = rejects read back",
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::StagedOnce, "rows outside any chunk".into()),
        0,
        staging.stray_rows,
        "staging rows of the run that belong to no committed chunk",
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::StagedOnce, "chunks as committed".into()),
        0,
        staging.chunks_differing,
        "chunks whose rows or rejects differ from what was committed, in content or in worker",
        at_ms,
    ));
    let balance = evidence.balance();
    checks.push(check::count(
        subject(Inv::RecordsAccounted, "records = staged + rejected".into()),
        balance.records,
        balance.staged.saturating_add(balance.rejected),
        format!("{} staged + {} rejected", balance.staged, balance.rejected),
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::FinalBalances, "records to promote".into()),
        balance.to_promote().unwrap_or(0),
        evidence.to_promote.records,
        format!("{} staged - {} held - {} merged", balance.staged, balance.held, balance.merged),
        at_ms,
    ));
    by_type_checks(Stage::Staging, &evidence.types, &(&ledger.accepted, &staging.totals), at_ms, checks);
    for (place, name) in evidence.amount_names.iter().enumerate() {
        checks.push(check::amount_total(
            subject(Inv::AmountsEqual, format!("sum of {name}, source to staging")),
            sum(&ledger.accepted.sums, place),
            sum(&staging.totals.sums, place),
            format!("{name} over the accepted records = over staging as read back"),
            at_ms,
        ));
    }
    checks.push(check::hash(
        subject(Inv::FingerprintsEqual, "fingerprint, source to staging".into()),
        fingerprint(&ledger.accepted),
        fingerprint(&staging.totals),
        match staging.chunks_differing {
            0 => "every record of every chunk equals the source's".into(),
            1 => "1 chunk differs".into(),
            n => format!("{n} chunks differ"),
        },
        at_ms,
    ));
}

/// For a job with several record types, checks each type's rows and fingerprint; with one type, it adds no check.
pub(super) fn by_type_checks(
    stage: Stage,
    types: &[String],
    (expected, found): &(&ControlTotals, &ControlTotals),
    at_ms: i64,
    checks: &mut Vec<CheckResult>,
) {
    if types.len() < 2 {
        return;
    }
    let (rows, from, seen) = match stage {
        Stage::Final => (Invariant::FinalBalances, "staging to final", "final"),
        _ => (Invariant::StagedOnce, "source to staging", "staging"),
    };
    for (place, name) in types.iter().enumerate() {
        let count = |totals: &ControlTotals| totals.by_type.get(place).copied().unwrap_or(0);
        let root = |totals: &ControlTotals| {
            let root = totals.tree.trees().get(place).and_then(crate::fingerprint::TreeRange::root);
            root.map_or_else(|| "incomplete".into(), |root| root.to_string())
        };
        checks.push(check::count(
            Subject::new(stage, rows, format!("{name} rows")),
            count(expected),
            count(found),
            format!("records of type {name} = rows of its {seen} table as read back"),
            at_ms,
        ));
        checks.push(check::hash(
            Subject::new(stage, Invariant::FingerprintsEqual, format!("fingerprint of {name}, {from}")),
            root(expected),
            root(found),
            format!("every record of type {name} equals the source's, and there are no others"),
            at_ms,
        ));
    }
}

/// Compares what processors decoded with the coordinator's own decoding.
pub(super) fn decoded_beside(evidence: &StagingEvidence, at_ms: i64) -> CheckResult {
    let beside = &evidence.decoded_beside;
    let of = evidence.ledger.chunks;
    let message = format!(
        "the coordinator decoded {} of {} ({}) again; chunks that processors decoded differently",
        beside.chunks,
        counted(of, "chunk"),
        counted(beside.records, "record")
    );
    let subject = Subject::new(Stage::Source, Invariant::FingerprintsEqual, "chunks decoded twice");
    let mut check = check::count(subject, 0, beside.differing, message, at_ms);
    if beside.chunks == 0 {
        check.verdict = Verdict::Vacuous;
    }
    check
}

/// Compares where the source's bytes went with how many there are (INV-13).
pub(super) fn bytes_accounted(evidence: &SourceLevel<'_>, at_ms: i64) -> Vec<CheckResult> {
    let source = evidence.source;
    let bytes = (source.bytes_tiled, source.header_bytes);
    evidence.bytes.checks(evidence.types, bytes, evidence.filler_any, evidence.went_through, at_ms)
}

/// Compares how many records were encoded again with how many were accepted (INV-14).
pub(super) fn decode_proved(evidence: &SourceLevel<'_>, at_ms: i64) -> CheckResult {
    let trips = &evidence.bytes.shares.round_trips;
    trips.check(evidence.ledger.accepted.records, evidence.decode_proof_off, evidence.went_through, at_ms)
}

/// Warns of refused messages. They changed nothing, but a person should find out who sends them.
pub(super) fn messages_refused(evidence: &StagingEvidence, at_ms: i64) -> Option<CheckResult> {
    if evidence.refused_messages == 0 {
        return None;
    }
    let subject = Subject::new(Stage::Staging, Invariant::BytesProcessed, "messages refused");
    let message =
        "messages for this run that were refused; `crossfoot audit log RUN` lists them (message-refused)";
    let mut check = check::count(subject, 0, evidence.refused_messages, message, at_ms);
    check.verdict = Verdict::Warn;
    Some(check)
}

/// Compares a run that was interrupted or paused with the source itself again, not with what the ledger says of it.
pub(super) fn source_again_checks(evidence: &StagingEvidence, at_ms: i64, checks: &mut Vec<CheckResult>) {
    let subject =
        || Subject::new(Stage::Source, Invariant::FingerprintsEqual, "fingerprint, source decoded again");
    let ledger = fingerprint(&evidence.ledger.accepted);
    match &evidence.source_again {
        DecodedTwice::NotNeeded => {}
        DecodedTwice::Gone => {
            let message = "the run was started from a stream, which cannot be read again";
            let mut check = check::hash(subject(), &ledger, &ledger, message, at_ms);
            check.verdict = Verdict::Vacuous;
            checks.push(check);
        }
        DecodedTwice::Failed(why) => {
            checks.push(check::hash(subject(), ledger, "not known", why.as_str(), at_ms))
        }
        DecodedTwice::Decoded { fingerprint, chunks_differing, rules_differing } => {
            let again = fingerprint.map_or_else(|| "incomplete".into(), |root| root.to_string());
            let message = "fingerprint of the source, decoded again = fingerprint in the ledger";
            checks.push(check::hash(subject(), again, ledger, message, at_ms));
            checks.push(check::count(
                Subject::new(Stage::Source, Invariant::AmountsEqual, "chunks, source decoded again"),
                0,
                *chunks_differing,
                "chunks whose counts, sums or content in the ledger differ from the source",
                at_ms,
            ));
            checks.push(check::count(
                Subject::new(Stage::Rules, Invariant::RecordsAccounted, "breaches, source decoded again"),
                0,
                *rules_differing,
                "row rules whose recorded breaches differ from the records that break them",
                at_ms,
            ));
        }
    }
}

pub(super) fn sum(sums: &Sums, place: usize) -> Amount {
    sums.0.get(place).copied().unwrap_or(Amount::zero(0))
}

pub(super) fn fingerprint(totals: &ControlTotals) -> String {
    totals.fingerprint().map_or_else(|| "incomplete".into(), |root| root.to_string())
}

pub(super) fn workers_agree(role: Role, workers: &[WorkerShare], at_ms: i64) -> CheckResult {
    let of_role = || workers.iter().filter(move |worker| worker.role == role);
    let disagreeing: Vec<_> = of_role().filter(|worker| !worker.agrees()).collect();
    let total = |count: fn(&WorkerShare) -> u64| of_role().map(count).sum::<u64>();
    let unreported = total(|worker| worker.unreported_chunks);
    let unit = match role {
        Role::Processor => "reject",
        Role::Writer => "row",
    };
    let message = if let Some(first) = disagreeing.first() {
        format!(
            "worker {} ({}) reported {} accepted and {} rejected, the ledger has {} and {}, and the tables hold {} \
             of its {}",
            first.worker_id,
            first.name,
            grouped(first.reported.accepted),
            grouped(first.reported.rejected),
            grouped(first.ledger.accepted),
            grouped(first.ledger.rejected),
            grouped(first.table),
            plural(first.table_expected(), unit),
        )
    } else if unreported > 0 {
        format!(
            "for every {}; {} committed just before a process died, and its report was lost",
            role.name(),
            plural(unreported, "chunk")
        )
    } else {
        format!("reported = ledger = table, for every {}", role.name())
    };
    let table = total(WorkerShare::table_expected);
    let seen = total(|worker| worker.table);
    let sides =
        |records: u64, found: u64| format!("{}, {}", counted(records, "record"), counted(found, unit));
    CheckResult {
        kind: CheckKind::Count,
        stage: Stage::Workers,
        name: format!("{}s agree", role.name()),
        invariant: Some(Invariant::WorkersAgree),
        expected: sides(total(|worker| worker.ledger.records), table),
        actual: sides(total(|worker| worker.reported.records), seen),
        discrepancy: match disagreeing.len() {
            0 => String::new(),
            n => counted(n, "worker"),
        },
        verdict: match (disagreeing.is_empty(), of_role().next().is_some()) {
            (true, true) => Verdict::Pass,
            (true, false) => Verdict::Vacuous,
            (false, _) => Verdict::Fail,
        },
        message,
        at_ms,
    }
}
