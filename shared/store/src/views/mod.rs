//! What a console asks of the ledger: pages of runs with their counts, and the like. Each is one statement or a few,
//! however many runs there are.

mod chunks;
mod jobs;
pub mod model;
mod rejects;
mod runs;

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::event::Event;
use domain::ids::{ChunkNo, RunId};

use crate::StoreError;
use crate::database::Database;
use crate::model::RejectRow;
pub use model::{
    ChunkPhase, ChunkReport, ChunkStory, ChunkTimes, ChunkTotals, CountedRun, JobRow, JobTotals, NewestRun,
    PromotedJob, RejectCounts, RejectPage, RunDuration, RunLease, RunPage,
};
pub(crate) use runs::{counted_from, of_one};

/// What a console asks of the ledger.
#[async_trait]
#[delegatable_trait]
pub trait Views: Send + Sync {
    /// The latest runs that `page` lets through, the newest first, `limit` at most, each with its counts.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn counted_runs(&self, page: &RunPage, limit: u32) -> Result<Vec<CountedRun>, StoreError>;
    /// One run with its counts.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRun`].
    async fn counted(&self, run_id: RunId) -> Result<CountedRun, StoreError>;
    /// How long promoted runs took: of each job the newest opened no later than `until`, `each` at most, newest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn durations(&self, until: RunId, each: u32) -> Result<Vec<RunDuration>, StoreError>;
    /// The leases on runs that are not over.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn run_leases(&self) -> Result<Vec<RunLease>, StoreError>;
    /// Every job, each with its latest run, by name.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn jobs(&self) -> Result<Vec<JobRow>, StoreError>;
    /// The newest run of every job, by the job's name, without its counts.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn newest_runs(&self) -> Result<Vec<NewestRun>, StoreError>;
    /// The jobs that have promoted runs, by name, and the newest of each.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn promoted_jobs(&self) -> Result<Vec<PromotedJob>, StoreError>;
    /// What the runs of each job in each state come to.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn job_totals(&self) -> Result<Vec<JobTotals>, StoreError>;
    /// How far each chunk is, from chunk `from` on, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn chunk_phases(&self, run_id: RunId, from: u64, limit: u32)
    -> Result<Vec<ChunkPhase>, StoreError>;
    /// What happened to a chunk; `None` if the run has no such chunk.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn chunk_story(&self, run_id: RunId, chunk_no: ChunkNo) -> Result<Option<ChunkStory>, StoreError>;
    /// What processors reported of chunks that are not committed yet: records that are read, but not written. A chunk
    /// counts once.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn read_ahead(&self, run_id: RunId) -> Result<ChunkTotals, StoreError>;
    /// How long each worker takes for a chunk of the run, by its reports.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn chunk_times(&self, run_id: RunId) -> Result<Vec<ChunkTimes>, StoreError>;
    /// The run's rejects that `page` lets through, in the order of the source, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn reject_page(
        &self,
        run_id: RunId,
        page: &RejectPage,
        limit: u32,
    ) -> Result<Vec<RejectRow>, StoreError>;
    /// One reject; `None` if that record was not rejected.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn reject(&self, run_id: RunId, record_no: u64) -> Result<Option<RejectRow>, StoreError>;
    /// How many rejects the run has, by reason, field and worker.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn reject_counts(&self, run_id: RunId) -> Result<RejectCounts, StoreError>;
    /// Events of the log, of one run or of all, the newest first, `limit` at most. `before`: only those with a smaller
    /// number.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn events_before(
        &self,
        run_id: Option<RunId>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError>;
}

#[async_trait]
impl<D: Database> Views for D {
    async fn counted_runs(&self, page: &RunPage, limit: u32) -> Result<Vec<CountedRun>, StoreError> {
        runs::counted_runs(self, page, limit).await
    }

    async fn counted(&self, run_id: RunId) -> Result<CountedRun, StoreError> {
        runs::counted(self, run_id).await
    }

    async fn durations(&self, until: RunId, each: u32) -> Result<Vec<RunDuration>, StoreError> {
        jobs::durations(self, until, each).await
    }

    async fn run_leases(&self) -> Result<Vec<RunLease>, StoreError> {
        runs::run_leases(self).await
    }

    async fn jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        jobs::jobs(self).await
    }

    async fn newest_runs(&self) -> Result<Vec<NewestRun>, StoreError> {
        jobs::newest_runs(self).await
    }

    async fn promoted_jobs(&self) -> Result<Vec<PromotedJob>, StoreError> {
        jobs::promoted_jobs(self).await
    }

    async fn job_totals(&self) -> Result<Vec<JobTotals>, StoreError> {
        jobs::job_totals(self).await
    }

    async fn chunk_phases(
        &self,
        run_id: RunId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<ChunkPhase>, StoreError> {
        chunks::chunk_phases(self, run_id, from, limit).await
    }

    async fn chunk_story(&self, run_id: RunId, chunk_no: ChunkNo) -> Result<Option<ChunkStory>, StoreError> {
        chunks::chunk_story(self, run_id, chunk_no).await
    }

    async fn read_ahead(&self, run_id: RunId) -> Result<ChunkTotals, StoreError> {
        chunks::read_ahead(self, run_id).await
    }

    async fn chunk_times(&self, run_id: RunId) -> Result<Vec<ChunkTimes>, StoreError> {
        chunks::chunk_times(self, run_id).await
    }

    async fn reject_page(
        &self,
        run_id: RunId,
        page: &RejectPage,
        limit: u32,
    ) -> Result<Vec<RejectRow>, StoreError> {
        rejects::reject_page(self, run_id, page, limit).await
    }

    async fn reject(&self, run_id: RunId, record_no: u64) -> Result<Option<RejectRow>, StoreError> {
        rejects::reject(self, run_id, record_no).await
    }

    async fn reject_counts(&self, run_id: RunId) -> Result<RejectCounts, StoreError> {
        rejects::reject_counts(self, run_id).await
    }

    async fn events_before(
        &self,
        run_id: Option<RunId>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        runs::events_before(self, run_id, before, limit).await
    }
}
