//! The evidence of one comparison: the report, the job file, and the event of the log that names both, in one file that
//! is checked without store or database.
//!
//! What vouches for what: the event's hash covers its detail, which has the SHA-256 of the report and of the job file;
//! the signature is Ed25519 over [`statement`], which names the event's hash. A noted head of the log that is this
//! event vouches for it too.

use serde::{Deserialize, Serialize};

use super::PartCheck;
use crate::check::Verdict;
use crate::comparison::{LoadOutcome, LoadReport};
use crate::event::Event;
use crate::event_kind::EventKind;
use crate::fingerprint::Hash;
use crate::report::CheckCounts;

/// What stands at the head of the file.
pub const FORMAT: &str = "crossfoot comparison evidence";

/// The version of its form.
pub const FORMAT_VERSION: u32 = 1;

/// What checks of the file as a whole are called by.
pub const EVIDENCE: &str = "evidence";

/// The evidence of one comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonEvidence {
    /// The text that every such file begins with: `crossfoot comparison evidence`.
    pub format: String,
    /// The version of the form.
    pub format_version: u32,
    /// The event of the log, whole.
    pub event: Event,
    /// The report, as the JSON text whose SHA-256 the event names.
    pub report: String,
    /// The job file's text.
    pub job: String,
    /// The key that signed it; absent if it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Hash>,
    /// The signature over the statement, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// The text that is signed: it names the event by number and hash, and the key.
#[must_use]
pub fn statement(event: &Event, signed_by: &Hash) -> String {
    format!("crossfoot comparison statement 1\n{}:{}\nsigned by {signed_by}\n", event.seq, event.hash)
}

/// What the event says of the report.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ComparisonDetail {
    /// What the comparison came to.
    pub outcome: LoadOutcome,
    /// SHA-256 of the job file.
    pub job_digest: Hash,
    /// SHA-256 of the report's text.
    pub report_sha256: Hash,
    /// How many differences there were.
    pub differences: u64,
    /// How many checks came out how.
    pub checks: CheckCounts,
}

/// What must follow from what. `report` and `detail` are what the texts say, or why they cannot be read.
#[must_use]
pub fn follows(
    evidence: &ComparisonEvidence,
    report: Result<&LoadReport, String>,
    detail: Result<&ComparisonDetail, String>,
) -> Vec<PartCheck> {
    let event = &evidence.event;
    let mut checks = Vec::new();
    let mut push = |part: &str, check: &str, result: Result<String, String>| {
        checks.push(PartCheck::of(part, check, result.map_err(Into::into)));
    };
    let again = Event::seal(event.seq, event.entry.clone(), event.previous);
    push(
        "event",
        "has the hash of its content",
        match again.hash == event.hash {
            true => Ok(format!("event {}, {}", event.seq, event.hash)),
            false => Err(format!("its content has the hash {}", again.hash)),
        },
    );
    let kind = EventKind::of(&event.entry.kind);
    push(
        "event",
        "is a comparison",
        match kind {
            Some(EventKind::LoadCompared | EventKind::Attested) => {
                Ok(format!("{} by {}", event.entry.kind, event.entry.actor))
            }
            _ => Err(format!("it is `{}`", event.entry.kind)),
        },
    );
    let (report, detail) = match (report, detail) {
        (Ok(report), Ok(detail)) => (report, detail),
        (Err(error), _) => {
            push("report", "can be read", Err(error));
            return checks;
        }
        (_, Err(error)) => {
            push("event", "can be read", Err(error));
            return checks;
        }
    };
    let of_report = Hash::of(evidence.report.as_bytes());
    push(
        "report",
        "is the report that the event names",
        match of_report == detail.report_sha256 {
            true => Ok(format!("SHA-256 {of_report}")),
            false => Err(format!("its SHA-256 is {of_report}, but the event names {}", detail.report_sha256)),
        },
    );
    let of_job = Hash::of(evidence.job.as_bytes());
    push(
        "job",
        "is the job file that the report names",
        match of_job == report.job_digest && of_job == detail.job_digest {
            true => Ok(format!("SHA-256 {of_job}")),
            false => Err(format!("its SHA-256 is {of_job}, but the report names {}", report.job_digest)),
        },
    );
    push("report", "its verdict follows from its checks", verdict(report, detail));
    push("report", "its balance adds up", balance(report));
    checks
}

fn verdict(report: &LoadReport, detail: &ComparisonDetail) -> Result<String, String> {
    let failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
    let outcome = if failed == 0 { LoadOutcome::Reconciled } else { LoadOutcome::NotReconciled };
    let counts = CheckCounts::of(&report.checks);
    let is_so = report.outcome == outcome && report.counts == counts;
    if !is_so {
        return Err(format!("{failed} checks failed, but it says `{}`", report.outcome.name()));
    }
    if (detail.outcome, detail.differences) != (report.outcome, report.differences) || detail.checks != counts
    {
        return Err("the event says otherwise".into());
    }
    if (outcome == LoadOutcome::Reconciled) && report.differences > 0 {
        return Err(format!("it is reconciled with {} differences", report.differences));
    }
    Ok(format!("{}, {failed} of {} checks failed", outcome.name(), report.checks.len()))
}

fn balance(report: &LoadReport) -> Result<String, String> {
    let mut differences = 0;
    for table in &report.tables {
        if !table.balance.holds() {
            return Err(format!("the terms of {} do not add up", table.record));
        }
        let of = &table.balance;
        differences += of.differing + of.missing + of.doubled + of.extra;
    }
    // A record that repeats a key and has its row is a difference of its own, and in no term.
    match differences <= report.differences {
        true => Ok(format!("{} differences", report.differences)),
        false => {
            Err(format!("it lists {} differences, but its terms have {differences}", report.differences))
        }
    }
}
