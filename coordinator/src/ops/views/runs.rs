//! Runs in a list, and one run with its progress.

use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::report::{Outcome, Report};
use schemars::JsonSchema;
use serde::Serialize;
use store::model::Run;
use store::views::{CountedRun, RunPage};
use store::{Progress, Store, StoreError};

use crate::report::summary;

/// One run in the list of `runs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedRun {
    /// The id of the run, which other commands take.
    pub run_id: RunId,
    /// The name of the run's job.
    pub job: String,
    /// Where the run is in its life.
    pub state: RunState,
    /// The outcome of the run.
    pub outcome: Outcome,
    /// Where the source is.
    pub source: String,
    /// Records in the source, once it is split.
    pub records: Option<u64>,
    /// When the run was opened: milliseconds since 1970, UTC.
    pub opened_at_ms: i64,
    /// When the run ended, if it has: milliseconds since 1970, UTC.
    pub ended_at_ms: Option<i64>,
    /// Time spent by coordinators, in milliseconds.
    pub elapsed_ms: u64,
    /// Who opened the run: `operator@host`.
    pub actor: String,
    /// Whether the run's staging rows and rejects were removed.
    pub purged: bool,
    /// Why the run is in this state, if that needs saying.
    pub note: Option<String>,
}

/// One run as `show` prints it: its report and its progress.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownRun {
    /// The run's report.
    #[serde(flatten)]
    pub report: Report,
    /// How far the run is.
    pub progress: RunProgress,
}

/// How far a run is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunProgress {
    /// Chunks that the source was cut into so far.
    pub chunks_split: u64,
    /// Chunks that are committed to staging.
    pub chunks_committed: u64,
    /// Chunks that were set aside because they kept failing.
    pub chunks_set_aside: u64,
    /// Records of the committed chunks.
    pub records: u64,
}

impl ListedRun {
    /// The run as a list has it.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            run_id: run.run_id,
            job: run.job.clone(),
            state: run.state,
            outcome: Outcome::of(run.state),
            source: run.source.clone(),
            records: run.split.map(|split| split.records),
            opened_at_ms: run.opened_at_ms,
            ended_at_ms: run.ended_at_ms,
            elapsed_ms: run.elapsed_ms,
            actor: run.actor.clone(),
            purged: run.purged,
            note: run.note.clone(),
        }
    }
}

impl From<Progress> for RunProgress {
    fn from(progress: Progress) -> Self {
        Self {
            chunks_split: progress.split,
            chunks_committed: progress.committed,
            chunks_set_aside: progress.set_aside,
            records: progress.records,
        }
    }
}

/// One run: its report and its progress.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn shown(store: &dyn Store, run_id: RunId) -> Result<ShownRun, StoreError> {
    let report = summary::report(store, run_id).await?;
    Ok(ShownRun { report, progress: store.progress(run_id).await?.into() })
}

/// A run in the list of a console: as `runs --json` has it, with its counts so far.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WatchedRun {
    /// The run as `runs --json` has it.
    #[serde(flatten)]
    pub run: ListedRun,
    /// Chunks that the source was cut into so far.
    pub chunks_split: u64,
    /// Chunks that are committed to staging.
    pub chunks_committed: u64,
    /// Chunks that were set aside because they kept failing.
    pub chunks_set_aside: u64,
    /// Records of the chunks that the source was cut into so far.
    pub records_split: u64,
    /// Records of the committed chunks: accepted and rejected.
    pub records_processed: u64,
    /// Records of the committed chunks that were rejected.
    pub records_rejected: u64,
    /// Records of the committed chunks that were written to staging.
    pub records_written: u64,
    /// The length of the source in bytes, if it is known.
    pub bytes_total: Option<u64>,
    /// Bytes of the committed chunks.
    pub bytes_committed: u64,
}

impl WatchedRun {
    /// The run with its counts.
    #[must_use]
    pub fn of(CountedRun { run, totals }: &CountedRun) -> Self {
        Self {
            chunks_split: totals.chunks,
            chunks_committed: totals.committed,
            chunks_set_aside: totals.set_aside,
            records_split: totals.records,
            records_processed: totals.read,
            records_rejected: totals.rejected,
            records_written: totals.accepted,
            bytes_total: run.split.map(|split| split.bytes),
            bytes_committed: totals.bytes_committed,
            run: ListedRun::of(run),
        }
    }
}

/// The latest runs that `page` lets through, the newest first, `limit` at most.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn watched(store: &dyn Store, page: &RunPage, limit: u32) -> Result<Vec<WatchedRun>, StoreError> {
    Ok(store.counted_runs(page, limit).await?.iter().map(WatchedRun::of).collect())
}
