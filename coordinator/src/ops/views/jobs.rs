//! Jobs: their runs side by side.

use std::collections::BTreeMap;

use domain::trend::TrendRules;
use schemars::JsonSchema;
use serde::Serialize;
use store::{Store, StoreError, stored_job};

use super::runs::WatchedRun;
use crate::ops::schedules::standings;
use crate::report::summary::Summary;
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

/// A job in the list of a console.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ListedJob {
    /// The name of the job.
    pub job: String,
    /// How many runs it has had.
    pub runs: u64,
    /// The next time at which a run is expected (`[schedule]` in the job file), in milliseconds since 1970; in the past
    /// while a run is late and not missed yet. Null if the job has no schedule.
    pub next_expected_at_ms: Option<i64>,
    /// The newest expected time that was missed since the latest run was opened; null if none was.
    pub missed_at_ms: Option<i64>,
    /// Its latest run, as the list of runs has it, but without a rate and what is usual.
    pub last_run: WatchedRun,
}

/// Every job, by name, and where it stands with its schedule at `now_ms`.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn list(store: &dyn Store, now_ms: i64) -> Result<Vec<ListedJob>, StoreError> {
    let standings = standings(store, now_ms).await?;
    let mut jobs = Vec::new();
    for row in store.jobs().await? {
        let standing = standings.iter().find(|(run, _)| run.job == row.job).map(|(_, standing)| standing);
        jobs.push(ListedJob {
            next_expected_at_ms: standing.and_then(|standing| standing.next_at_ms),
            missed_at_ms: standing.and_then(|standing| standing.missed_at_ms),
            last_run: WatchedRun::of(&row.latest),
            job: row.job,
            runs: row.runs,
        });
    }
    Ok(jobs)
}

/// One job with its history.
#[derive(Debug, Serialize, JsonSchema)]
pub struct JobView {
    /// The job's runs side by side, as `trends --json` has them.
    #[serde(flatten)]
    pub trends: JobTrends,
    /// The text of the job file that ran last, with its copybooks.
    pub job_text: String,
    /// The sequence numbers that the last promoted run declared, for the next one to follow; empty if there are none.
    pub sequences: BTreeMap<String, String>,
    /// The sequence number that the next source must declare; null unless the job has one such number.
    pub next_sequence: Option<String>,
}

/// One job with its latest `limit` runs; `None` if it has none.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn view(store: &dyn Store, job: &str, limit: u32) -> Result<Option<JobView>, StoreError> {
    let Some(latest) = store.history(job, None, false, 1).await?.pop() else { return Ok(None) };
    let promoted = store.history(job, None, true, 1).await?.pop();
    let summary = promoted.and_then(|past| serde_json::from_str::<Summary>(past.summary.as_deref()?).ok());
    let sequences = summary.map(|summary| summary.sequences).unwrap_or_default();
    let plan = stored_job(store, &latest.run.job_digest).await?.footing;
    let only = sequences.values().next().filter(|_| sequences.len() == 1);
    let next = only.and_then(|last| plan?.next_number(last.parse().ok()?));
    let next_sequence = next.map(|next| next.to_string());
    let job_text = store.job_text(&latest.run.job_digest).await?;
    let trends = side_by_side(store, job.to_owned(), None, limit).await?;
    Ok(Some(JobView { trends, job_text, sequences, next_sequence }))
}
