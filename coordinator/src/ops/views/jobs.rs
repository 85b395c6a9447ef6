//! Jobs: their runs side by side.

use domain::trend::TrendRules;
use schemars::JsonSchema;
use serde::Serialize;
use store::{Store, StoreError, stored_job};

use crate::report::trends::{TrendRow, trends};

/// The version of the shape of [`JobTrends`].
pub const TRENDS_VERSION: u32 = 2;

/// A job's runs side by side.
#[derive(Debug, Serialize, JsonSchema)]
pub struct JobTrends {
    /// The version of the shape of this document.
    pub trends_version: u32,
    /// The name of the job whose runs are compared.
    pub job: String,
    /// The runs, the newest first.
    pub runs: Vec<TrendRow>,
}

/// The latest `limit` runs of the job side by side, by the rules of its latest run or by `rules`.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn side_by_side(
    store: &dyn Store,
    job: String,
    rules: Option<TrendRules>,
    limit: u32,
) -> Result<JobTrends, StoreError> {
    let rules = match rules {
        Some(rules) => rules,
        None => latest_rules(store, &job).await?,
    };
    let runs = trends(store, &job, &rules, limit).await?;
    Ok(JobTrends { trends_version: TRENDS_VERSION, job, runs })
}

/// The trend rules of the job's latest run.
async fn latest_rules(store: &dyn Store, job: &str) -> Result<TrendRules, StoreError> {
    Ok(match store.history(job, None, false, 1).await?.pop() {
        Some(latest) => stored_job(store, &latest.run.job_digest).await?.trends,
        None => TrendRules::default(),
    })
}
