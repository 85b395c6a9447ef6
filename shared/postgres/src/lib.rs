//! The store of a fleet: a PostgreSQL database.
//!
//! What is acknowledged is durable. Every change is one transaction on a task of its own, so that a caller who gives up
//! cuts nothing off half-way. Rows travel as binary COPY both ways.

mod balance;
mod chunks;
mod clock;
mod connect;
mod evidence;
mod facts;
mod fleet;
mod in_order;
#[cfg(test)]
mod in_order_tests;
#[cfg(test)]
mod large_tests;
mod lease;
mod ledger;
mod locks;
#[cfg(test)]
mod measure;
mod messages;
mod numeric;
#[cfg(test)]
mod own_tests;
mod pool;
mod promotion;
mod read_back;
mod rows;
mod rules;
mod sessions;
mod shares;
mod staging;
mod tables;
#[cfg(test)]
mod tests;
mod watched;
#[cfg(test)]
mod watched_tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::check::CheckResult;
use domain::counts::{Role, WorkerShare};
use domain::event::{Entry as LogEntry, Event};
use domain::finding::Finding;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RunId, StoreId, WorkerId};
use domain::layout::Layout;
use domain::lifecycle::{ChunkState, IllegalStep, RunEvent};
use domain::mask::MaskKey;
use domain::permit::Permit;
use domain::report::RejectGroup;
use domain::rule::RuleOutcome;
use domain::seal::{KeyId, Keyring};
use job::Job;
use store::bounds::Dialect;
use store::model::{
    ChunkCut, ChunkRange, ChunkRow, CommitOutcome, Heartbeat, KeyCounts, NewRun, NewWorker, RejectRow,
    Reported, Run, SplitTotals, Started, WorkerRow,
};
use store::{Blocks, Claim, Fence, Lease, Progress, Promotion, Store, StoreError};
use wire::Batch;

pub use connect::refused;
pub use connect::{PostgresSettings, PostgresStore};
pub use tables::ddl;

#[async_trait]
impl Store for PostgresStore {
    fn url(&self) -> String {
        self.url.clone()
    }

    async fn identity(&self) -> Result<StoreId, StoreError> {
        self.agreed_identity().await
    }

    async fn message_keys(&self) -> Result<Keyring, StoreError> {
        self.fetch_message_keys().await
    }

    async fn rotate_message_key(&self, now_ms: i64, settled_ms: i64) -> Result<KeyId, StoreError> {
        self.replace_message_key(now_ms, settled_ms).await
    }

    async fn prepare(&self, job: &Job) -> Result<(), StoreError> {
        Dialect::Postgres.holds(job).map_err(|what| StoreError::TooWide { what })?;
        let job = job.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let layouts: Vec<_> = job.layouts().map(|layout| &**layout).collect();
                tables::prepare(connection, &layouts).await
            })
        })
        .await
    }

    async fn open_run(&self, new: &NewRun) -> Result<Run, StoreError> {
        self.insert_run(new.clone()).await
    }

    async fn run(&self, run_id: RunId) -> Result<Run, StoreError> {
        self.fetch_run(run_id).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.fetch_runs(limit).await
    }

    async fn runs_with_source(&self, job: &str, sha256: &Hash) -> Result<Vec<Run>, StoreError> {
        self.fetch_runs_with_source(job, sha256).await
    }

    async fn promoted_before(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        self.fetch_promoted_before(run_id).await
    }

    async fn history(
        &self,
        job: &str,
        before: Option<RunId>,
        promoted: bool,
        limit: u32,
    ) -> Result<Vec<(Run, Option<String>)>, StoreError> {
        self.fetch_history(job, before, promoted, limit).await
    }

    async fn job_text(&self, digest: &Hash) -> Result<String, StoreError> {
        self.fetch_job_text(digest).await
    }

    async fn masking_key(&self) -> Result<MaskKey, StoreError> {
        self.agreed_masking_key().await
    }

    async fn lease(&self, run_id: RunId) -> Result<Option<Lease>, StoreError> {
        self.fetch_lease(run_id).await
    }

    async fn take_up(
        &self,
        run_id: RunId,
        owner: &str,
        lasts: Duration,
        claim: Claim,
    ) -> Result<Fence, StoreError> {
        self.take_lease(run_id, owner.to_owned(), lasts, claim).await
    }

    async fn renew(&self, fence: Fence, lasts: Duration) -> Result<(), StoreError> {
        self.keep_lease(fence, lasts).await
    }

    async fn release(&self, fence: Fence, spent_ms: u64) -> Result<(), StoreError> {
        self.drop_lease(fence, spent_ms).await
    }

    async fn step(
        &self,
        fence: Fence,
        event: RunEvent,
        note: Option<&str>,
        log: LogEntry,
    ) -> Result<Run, StoreError> {
        if event == RunEvent::Promoted {
            // Only a promotion takes this step, and a promotion takes a permit (INV-09).
            let from = self.fetch_run(fence.run_id).await?.state;
            return Err(IllegalStep { from, event }.into());
        }
        self.take_step(fence, event, note.map(str::to_owned), log).await
    }

    async fn add_chunks(&self, fence: Fence, chunks: &[ChunkCut]) -> Result<(), StoreError> {
        self.insert_chunks(fence, chunks.to_vec()).await
    }

    async fn finish_split(&self, fence: Fence, totals: &SplitTotals) -> Result<(), StoreError> {
        self.set_split(fence, *totals).await
    }

    async fn chunks(&self, run_id: RunId, from: u64, limit: u32) -> Result<Vec<ChunkRow>, StoreError> {
        self.fetch_chunks(run_id, from, limit).await
    }

    async fn progress(&self, run_id: RunId) -> Result<Progress, StoreError> {
        self.fetch_progress(run_id).await
    }

    async fn start_chunk(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        attempt: u64,
        worker: WorkerId,
    ) -> Result<Started, StoreError> {
        self.charge_start(run_id, chunk_no, role, attempt, worker).await
    }

    async fn chunk_states(
        &self,
        run_id: RunId,
        chunks: &[u64],
    ) -> Result<Vec<(u64, ChunkState)>, StoreError> {
        self.fetch_states(run_id, chunks).await
    }

    async fn begun_chunks(
        &self,
        run_id: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<(RunId, ChunkNo, WorkerId)>, StoreError> {
        self.fetch_begun(run_id, limit).await
    }

    async fn forgive_start(&self, run_id: RunId, chunk_no: ChunkNo, role: Role) -> Result<(), StoreError> {
        self.uncharge_start(run_id, chunk_no, role).await
    }

    async fn set_aside(&self, run_id: RunId, chunk_no: ChunkNo, reason: &str) -> Result<(), StoreError> {
        self.mark_set_aside(run_id, chunk_no, reason.to_owned()).await
    }

    async fn chunks_aside(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkRow>, StoreError> {
        self.fetch_chunks_aside(run_id, limit).await
    }

    async fn put_back(&self, fence: Fence) -> Result<u64, StoreError> {
        self.unset_aside(fence).await
    }

    async fn register_worker(&self, worker: &NewWorker) -> Result<WorkerId, StoreError> {
        self.insert_worker(worker.clone()).await
    }

    async fn commit(
        &self,
        job: &Arc<Job>,
        batch: Batch,
        writer: WorkerId,
    ) -> Result<CommitOutcome, StoreError> {
        self.commit_batch(job, batch, writer).await
    }

    async fn keep_reports(&self, run_id: RunId, reports: &[Reported]) -> Result<(), StoreError> {
        self.upsert_reports(run_id, reports.to_vec()).await
    }

    async fn unreported(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkNo>, StoreError> {
        self.fetch_unreported(run_id, limit).await
    }

    async fn beat(&self, workers: &[Heartbeat]) -> Result<(), StoreError> {
        self.touch_workers(workers.to_vec(), false).await
    }

    async fn retire(&self, workers: &[WorkerId]) -> Result<(), StoreError> {
        self.touch_workers(Heartbeat::idle(workers), true).await
    }

    async fn fleet(&self, within: Option<Duration>) -> Result<Vec<WorkerRow>, StoreError> {
        self.fetch_fleet(within).await
    }

    async fn claim_service(&self, owner: &str, lasts: Duration) -> Result<Option<Lease>, StoreError> {
        self.take_service(owner.to_owned(), lasts).await
    }

    async fn service(&self) -> Result<Option<Lease>, StoreError> {
        self.fetch_service().await
    }

    async fn leave_service(&self, owner: &str) -> Result<(), StoreError> {
        self.drop_service(owner.to_owned()).await
    }

    async fn waiting_runs(&self, lasts: Duration, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.fetch_waiting(lasts, limit).await
    }

    async fn park(&self, fence: Fence, why: Option<&str>) -> Result<(), StoreError> {
        self.set_parked(fence, why.map(str::to_owned)).await
    }

    async fn keep_readback(
        &self,
        run_id: RunId,
        pass: u64,
        range: ChunkRange,
        found: &[u8],
    ) -> Result<(), StoreError> {
        self.insert_readback(run_id, pass, range, found.to_vec()).await
    }

    async fn readbacks(
        &self,
        run_id: RunId,
        pass: u64,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(ChunkRange, Vec<u8>)>, StoreError> {
        self.fetch_readbacks(run_id, pass, from, limit).await
    }

    async fn clear_readbacks(&self, fence: Fence) -> Result<(), StoreError> {
        self.drop_readbacks(fence).await
    }

    async fn worker_shares(&self, run_id: RunId, job: &Job) -> Result<Vec<WorkerShare>, StoreError> {
        self.fetch_shares(run_id, job).await
    }

    async fn read_staging(&self, run_id: RunId, layout: &Arc<Layout>, range: ChunkRange) -> Blocks {
        self.stream_staging(run_id, layout, range)
    }

    async fn apply_rules(
        &self,
        fence: Fence,
        job: &Job,
    ) -> Result<(Vec<RuleOutcome>, KeyCounts), StoreError> {
        self.apply_all(fence, Arc::new(job.clone())).await
    }

    async fn breach_digests(&self, run_id: RunId, rules: &[usize]) -> Result<Vec<Hash>, StoreError> {
        self.digest_breaches(run_id, rules.to_vec()).await
    }

    async fn begin_promotion(
        &self,
        fence: Fence,
        permit: &Permit,
        job: &Arc<Job>,
    ) -> Result<Box<dyn Promotion>, StoreError> {
        if permit.run_id() != fence.run_id {
            return Err(StoreError::Fenced { run_id: fence.run_id });
        }
        self.open_promotion(fence, job).await
    }

    async fn log(&self, entry: LogEntry) -> Result<Event, StoreError> {
        self.append_event(entry).await
    }

    async fn log_under(&self, fence: Fence, entry: LogEntry) -> Result<Event, StoreError> {
        self.append_event_under(fence, entry).await
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.fetch_events(after, limit).await
    }

    async fn first_event(&self, run_id: RunId) -> Result<Option<u64>, StoreError> {
        self.fetch_first_event(run_id).await
    }

    async fn run_events(&self, run_id: RunId, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.fetch_run_events(run_id, after, limit).await
    }

    async fn log_head(&self) -> Result<Option<(u64, Hash)>, StoreError> {
        self.fetch_log_head().await
    }

    async fn keep_checks(
        &self,
        fence: Fence,
        checks: &[CheckResult],
        summary: &str,
    ) -> Result<(), StoreError> {
        self.replace_checks(fence, checks.to_vec(), summary.to_owned()).await
    }

    async fn checks(&self, run_id: RunId) -> Result<(Vec<CheckResult>, Option<String>), StoreError> {
        self.fetch_checks(run_id).await
    }

    async fn clear_findings(&self, fence: Fence) -> Result<(), StoreError> {
        self.drop_findings(fence).await
    }

    async fn keep_findings(&self, fence: Fence, findings: &[Finding]) -> Result<(), StoreError> {
        self.insert_findings(fence, findings.to_vec()).await
    }

    async fn findings(
        &self,
        run_id: RunId,
        from: u64,
        limit: u32,
    ) -> Result<(Vec<Finding>, u64), StoreError> {
        self.fetch_findings(run_id, from, limit).await
    }

    async fn breaches(
        &self,
        run_id: RunId,
        job: &Job,
        from: u64,
        limit: u32,
    ) -> Result<(Vec<Finding>, u64), StoreError> {
        self.fetch_breaches(run_id, job, from, limit).await
    }

    async fn rejects(&self, run_id: RunId, after: u64, limit: u32) -> Result<Vec<RejectRow>, StoreError> {
        self.fetch_rejects(run_id, after, limit).await
    }

    async fn reject_groups(&self, run_id: RunId) -> Result<Vec<RejectGroup>, StoreError> {
        self.fetch_reject_groups(run_id).await
    }

    async fn purge(&self, fence: Fence, staging: &[String], log: LogEntry) -> Result<u64, StoreError> {
        self.purge_rows(fence, staging.to_vec(), log).await
    }
}
