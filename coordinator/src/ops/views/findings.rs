//! Differences of a run, traced to record and field.

use domain::finding::Finding;
use domain::ids::RunId;
use domain::retention::Part;
use job::Job;
use schemars::JsonSchema;
use serde::Serialize;
use store::model::Run;
use store::{Store, StoreError};

use super::rejects::{OriginalRecord, original};

/// The differences of a run, as `explain` prints them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explained {
    /// The id of the run, which other commands take.
    pub run_id: RunId,
    /// How many findings there are.
    pub findings_total: u64,
    /// The findings, as many as `--limit` allows.
    pub findings: Vec<Finding>,
    /// What the records among the findings were before they were corrected and resent; absent in a run on a source of
    /// its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub originals: Vec<FindingOriginal>,
}

/// A record that was resent, and what it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FindingOriginal {
    /// The record's place in the source of the run, from 1.
    pub record_no: u64,
    /// What it was before.
    pub original: OriginalRecord,
}

/// What the records of `findings` were before; nothing unless the run resends.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn originals(
    store: &dyn Store,
    run: &Run,
    findings: &[Finding],
) -> Result<Vec<FindingOriginal>, StoreError> {
    let mut all: Vec<FindingOriginal> = Vec::new();
    if run.resends.is_none() {
        return Ok(all);
    }
    for record_no in findings.iter().map(|finding| finding.record_no.0) {
        if all.iter().all(|one| one.record_no != record_no)
            && let Some(original) = original(store, run, record_no).await?
        {
            all.push(FindingOriginal { record_no, original });
        }
    }
    Ok(all)
}

/// A page of a run's differences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingsPage {
    /// The differences on this page: none after the last.
    pub findings: Vec<Finding>,
    /// How many differences the run has in all.
    pub total: u64,
}

/// The run's differences from number `from` on, `limit` at most: first what verification found, then what broke rules.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn page(
    store: &dyn Store,
    run: &Run,
    job: &Job,
    from: u64,
    limit: u32,
) -> Result<FindingsPage, StoreError> {
    let mut found = store.findings(run.run_id, from, limit).await?;
    if run.removed.has(Part::Reports) {
        return Ok(FindingsPage { findings: found.findings, total: found.total });
    }
    let had = u32::try_from(found.findings.len()).unwrap_or(limit);
    let breaches = store.breaches(run.run_id, job, from.saturating_sub(found.total), limit - had).await?;
    found.findings.extend(breaches.findings);
    Ok(FindingsPage { findings: found.findings, total: found.total + breaches.total })
}
