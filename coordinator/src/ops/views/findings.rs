//! Differences of a run, traced to record and field.

use domain::finding::Finding;
use domain::ids::RunId;
use job::Job;
use schemars::JsonSchema;
use serde::Serialize;
use store::model::Run;
use store::{Store, StoreError};

/// The differences of a run, as `explain` prints them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explained {
    /// The id of the run, which other commands take.
    pub run_id: RunId,
    /// How many findings there are.
    pub findings_total: u64,
    /// The findings, as many as `--limit` allows.
    pub findings: Vec<Finding>,
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
    if run.purged {
        return Ok(FindingsPage { findings: found.findings, total: found.total });
    }
    let had = u32::try_from(found.findings.len()).unwrap_or(limit);
    let breaches = store.breaches(run.run_id, job, from.saturating_sub(found.total), limit - had).await?;
    found.findings.extend(breaches.findings);
    Ok(FindingsPage { findings: found.findings, total: found.total + breaches.total })
}
