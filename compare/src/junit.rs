//! A comparison as JUnit XML: one test case for each check, so that a pipeline shows them as tests.

use coordinator::report::junit::{Suite, document};
use domain::comparison::LoadReport;
use domain::report::LogHead;

/// The comparison as an XML document, in the form in which a run's report is one.
#[must_use]
pub fn junit(report: &LoadReport) -> String {
    let head = report
        .log_head
        .map(LogHead::parts)
        .map(|(event, hash)| format!("{event}:{hash}"))
        .unwrap_or_default();
    let sha256 = report.source.sha256.map(|hash| hash.to_string()).unwrap_or_default();
    let differences = report.differences.to_string();
    document(&Suite {
        name: &report.job,
        id: &report.job_digest.to_string(),
        elapsed_ms: report.elapsed_ms,
        at_ms: report.started_at_ms,
        properties: &[
            ("outcome", report.outcome.name()),
            ("crossfoot_version", &report.crossfoot_version),
            ("source", &report.source.location),
            ("source_sha256", &sha256),
            ("target", &report.target.location),
            ("differences", &differences),
            ("log_head", &head),
        ],
        checks: &report.checks,
        counts: report.counts,
        error: None,
    })
}
