//! The verdict in one line, for every rendering.

use domain::bytes::ByteBalance;
use domain::check::{Stage, Verdict, faults};
use domain::report::{Outcome, RejectGroup, Report};
use domain::round_trip::DecodeProofReport;

use super::format::{count, duration, plural, share, visible};

/// How many checks came out how: `34 of 34 checks passed`.
fn checks(report: &Report) -> String {
    let counts = &report.counts;
    match (counts.decided(), counts.failed) {
        (0, _) => "no checks yet".into(),
        (decided, 0) => format!("{} of {} passed", number(counts.passed), plural(wide(decided), "check")),
        (decided, failed) => format!("{} of {} failed", number(failed), plural(wide(decided), "check")),
    }
}

/// Of which run a run that resends rejects has its records.
pub(super) fn resends(first: &str) -> String {
    format!("rejects of run {}, corrected", visible(first))
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn number(number: usize) -> String {
    count(wide(number))
}

/// Records of the source, as far as they are known.
pub(super) fn records(report: &Report) -> Option<u64> {
    let level = report.levels.iter().find(|level| level.stage == Stage::Source);
    report.balance.map(|balance| balance.records).or(level.map(|level| level.records))
}

/// What the verdict rests on, each part on its own, the most important first.
pub(super) fn grounds(report: &Report) -> Vec<String> {
    let leading = report.leading_cause.as_ref();
    let mut parts: Vec<_> = leading
        .map(|cause| {
            format!("{} of records rejected ({})", share(cause.records, cause.of_records), cause.code)
        })
        .into_iter()
        .collect();
    parts.push(checks(report));
    parts.extend(records(report).map(|records| plural(records, "record")));
    parts.push(duration(report.elapsed_ms));
    let counts = &report.counts;
    if counts.warned > 0 {
        parts.push(format!("{} warned", number(counts.warned)));
    }
    if counts.vacuous > 0 {
        parts.push(format!("{} had nothing to compare", number(counts.vacuous)));
    }
    parts
}

/// What failed, each in a sentence with its figures: the first few, and how many more there are.
pub(super) fn failures(report: &Report) -> Vec<String> {
    /// The others stand among the checks.
    const SHOWN: usize = 3;
    let failed: Vec<_> = report.checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
    let more = failed.len().saturating_sub(SHOWN);
    let sentences = failed.iter().take(SHOWN).map(|check| visible(&check.fault()));
    sentences.chain((more > 0).then(|| format!("and {more} more, listed below"))).collect()
}

/// What is said of the run besides its checks.
pub(super) fn note(report: &Report) -> Option<String> {
    // A run that failed keeps what failed at the end of its note; the report says that line by line.
    let faults = faults(&report.checks);
    let note = report.note.as_deref().map(|note| note.strip_suffix(&faults).unwrap_or(note).trim_end());
    note.filter(|note| !note.is_empty()).map(visible)
}

/// What is said of a job that names no amount, in a check and in a report.
pub const NO_AMOUNTS: &str = "no amounts are declared, so counts and contents are proven, but not sums";

/// What the verdict means for the final table.
pub(crate) const fn consequence(report: &Report) -> &'static str {
    match report.outcome {
        Outcome::Unfinished if report.driven_by.is_some() => {
            "not finished; another process is driving the run, and none of its rows are in final yet"
        }
        Outcome::Reconciled => "final contains the records of this run, read back and verified",
        Outcome::NotReconciled => "none of this run's rows are in final",
        Outcome::AwaitingApproval => "staging is verified; nothing is promoted until someone approves",
        Outcome::Unfinished => "not finished; none of this run's rows are in final; the run can be resumed",
        Outcome::Cancelled => "cancelled by an operator; none of this run's rows are in final",
        Outcome::BackedOut => {
            "reconciled, and backed out later: an operator took its rows out of final again; the \
             figures are those of its promotion"
        }
    }
}

/// What was said against the rejects of each kind that differ in little, most frequent first.
pub(super) fn reject_details(report: &Report) -> Vec<String> {
    let of_group = |group: &RejectGroup| {
        let whole = group.detail.iter().map(|detail| (detail.clone(), group.records));
        let some = group.examples.iter().map(|example| (example.detail.clone(), example.records));
        let field = group.field.as_ref().map(|field| format!("{field}, ")).unwrap_or_default();
        let line = |(detail, records): (String, u64)| {
            visible(&format!("{field}{}, {}: {detail}", group.code, plural(records, "record")))
        };
        whole.chain(some).map(line).collect::<Vec<_>>()
    };
    report.rejects.iter().flat_map(of_group).collect()
}

/// Whether nothing failed but the limit of rejects.
fn only_rejects(report: &Report) -> bool {
    let mut failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail).peekable();
    failed.peek().is_some() && failed.all(|check| check.name == "rejects within the limit")
}

/// The command that goes on from here, if there is one.
pub(crate) fn next_step(report: &Report) -> Option<String> {
    let verb = match report.outcome {
        Outcome::AwaitingApproval => "approve",
        // Resuming would be refused while another process drives the run.
        Outcome::Unfinished if report.driven_by.is_some() => "show",
        Outcome::Unfinished => "resume",
        // Too many rejects differ from nothing: they are to be read.
        Outcome::NotReconciled if only_rejects(report) || report.leading_cause.is_some() => "rejects",
        Outcome::NotReconciled => "explain",
        Outcome::Reconciled | Outcome::Cancelled | Outcome::BackedOut => return None,
    };
    Some(format!("crossfoot {verb} {}", visible(&report.run_id)))
}

/// What is to be said beside the balance in bytes: records whose FILLER holds data, records and chunks that do not add
/// up, and chunks that were not counted.
#[must_use]
pub(super) fn byte_notes(balance: &ByteBalance) -> Vec<String> {
    let mut notes = Vec::new();
    for of_type in balance.types.iter().filter(|of_type| of_type.filler_data.records > 0) {
        let found = &of_type.filler_data;
        let first = found.first_in_words().unwrap_or_default();
        let records = plural(found.records, "record");
        notes.push(format!(
            "FILLER holds data in {records} of {}; the first is {first}",
            visible(&of_type.record)
        ));
    }
    if let Some(first) = balance.unaccounted.first_in_words() {
        let records = plural(balance.unaccounted.records, "record");
        notes.push(format!("bytes are counted twice or not at all in {records}; the first is {first}"));
    }
    if balance.chunks_uncounted > 0 {
        let chunks = plural(balance.chunks_uncounted, "chunk");
        notes.push(format!("{chunks} committed by a version that did not count bytes by class"));
    }
    notes
}

/// How many fields and forms of the decode proof a report shows.
pub(super) const FORMS_SHOWN: usize = 12;

/// How many fields and forms of the decode proof are not shown.
pub(super) fn forms_more(proof: &DecodeProofReport) -> Option<String> {
    let more = proof.equivalences.len().checked_sub(FORMS_SHOWN).filter(|more| *more > 0)?;
    Some(format!("{} more in the report's JSON.", plural(more as u64, "field or form")))
}
