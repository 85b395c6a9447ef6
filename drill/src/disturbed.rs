//! A store whose promotions are disturbed: cut off before they are committed, committed with the answer lost, or preceded
//! by a hand in the tables. Everything else goes through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::check::CheckResult;
use domain::counts::{Role, WorkerShare};
use domain::event::{Entry as LogEntry, Event};
use domain::finding::Finding;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RunId, StoreId, WorkerId};
use domain::layout::Layout;
use domain::lifecycle::{ChunkState, RunEvent};
use domain::mask::MaskKey;
use domain::permit::Permit;
use domain::report::RejectGroup;
use domain::rule::RuleOutcome;
use domain::seal::{KeyId, Keyring};
use job::Job;
use store::model::{
    ChunkCut, ChunkRange, ChunkRow, CommitOutcome, Heartbeat, KeyCounts, NewRun, NewWorker, RejectRow,
    Reported, Run, SplitTotals, Started, WorkerRow,
};
use store::{Blocks, Claim, Fence, Lease, Progress, Promotion, Store, StoreError};
use wire::Batch;

use crate::shadow::SqlClient;

/// What is done to the first promotion.
pub(crate) enum Disturbance {
    /// The connection is lost once the rows are in, before they are committed.
    CutOff,
    /// The connection is lost after the commit, before its answer.
    AnswerLost,
    /// These statements are run just before it begins.
    Before(Arc<SqlClient>, String),
}

/// A store on top of another.
pub(crate) struct Disturbed {
    inner: Arc<dyn Store>,
    disturbance: Disturbance,
    is_done: AtomicBool,
}

impl Disturbed {
    /// On top of `inner`.
    pub(crate) fn on(inner: Arc<dyn Store>, disturbance: Disturbance) -> Arc<dyn Store> {
        Arc::new(Self { inner, disturbance, is_done: AtomicBool::new(false) })
    }
}

struct CutOff {
    inner: Box<dyn Promotion>,
    commits: bool,
}

fn lost() -> StoreError {
    StoreError::Damaged { what: "the drill cut the connection".into() }
}

#[async_trait]
impl Promotion for CutOff {
    async fn insert(&mut self) -> Result<u64, StoreError> {
        self.inner.insert().await
    }

    async fn read_final(&mut self, place: usize) -> Blocks {
        self.inner.read_final(place).await
    }

    async fn commit(
        self: Box<Self>,
        checks: &[CheckResult],
        summary: &str,
        log: LogEntry,
    ) -> Result<(), StoreError> {
        if self.commits {
            self.inner.commit(checks, summary, log).await?;
        }
        Err(lost())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.rollback().await
    }
}

#[async_trait]
impl Store for Disturbed {
    async fn begin_promotion(
        &self,
        fence: Fence,
        permit: &Permit,
        job: &Arc<Job>,
    ) -> Result<Box<dyn Promotion>, StoreError> {
        let is_first = !self.is_done.swap(true, Ordering::SeqCst);
        if let (Disturbance::Before(client, sql), true) = (&self.disturbance, is_first) {
            client.execute(sql).await.map_err(|reason| StoreError::Damaged { what: reason })?;
        }
        let inner = self.inner.begin_promotion(fence, permit, job).await?;
        Ok(match (&self.disturbance, is_first) {
            (Disturbance::CutOff, true) => Box::new(CutOff { inner, commits: false }),
            (Disturbance::AnswerLost, true) => Box::new(CutOff { inner, commits: true }),
            _ => inner,
        })
    }

    fn url(&self) -> String {
        self.inner.url()
    }

    async fn identity(&self) -> Result<StoreId, StoreError> {
        self.inner.identity().await
    }

    async fn message_keys(&self) -> Result<Keyring, StoreError> {
        self.inner.message_keys().await
    }

    async fn rotate_message_key(&self, now_ms: i64, settled_ms: i64) -> Result<KeyId, StoreError> {
        self.inner.rotate_message_key(now_ms, settled_ms).await
    }

    async fn prepare(&self, job: &Job) -> Result<(), StoreError> {
        self.inner.prepare(job).await
    }

    async fn open_run(&self, new: &NewRun) -> Result<Run, StoreError> {
        self.inner.open_run(new).await
    }

    async fn run(&self, run_id: RunId) -> Result<Run, StoreError> {
        self.inner.run(run_id).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.inner.runs(limit).await
    }

    async fn runs_with_source(&self, job: &str, sha256: &Hash) -> Result<Vec<Run>, StoreError> {
        self.inner.runs_with_source(job, sha256).await
    }

    async fn promoted_before(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        self.inner.promoted_before(run_id).await
    }

    async fn history(
        &self,
        job: &str,
        before: Option<RunId>,
        promoted: bool,
        limit: u32,
    ) -> Result<Vec<(Run, Option<String>)>, StoreError> {
        self.inner.history(job, before, promoted, limit).await
    }

    async fn masking_key(&self) -> Result<MaskKey, StoreError> {
        self.inner.masking_key().await
    }

    async fn job_text(&self, digest: &Hash) -> Result<String, StoreError> {
        self.inner.job_text(digest).await
    }

    async fn lease(&self, run_id: RunId) -> Result<Option<Lease>, StoreError> {
        self.inner.lease(run_id).await
    }

    async fn take_up(
        &self,
        run_id: RunId,
        owner: &str,
        lasts: Duration,
        claim: Claim,
    ) -> Result<Fence, StoreError> {
        self.inner.take_up(run_id, owner, lasts, claim).await
    }

    async fn renew(&self, fence: Fence, lasts: Duration) -> Result<(), StoreError> {
        self.inner.renew(fence, lasts).await
    }

    async fn release(&self, fence: Fence, spent_ms: u64) -> Result<(), StoreError> {
        self.inner.release(fence, spent_ms).await
    }

    async fn step(
        &self,
        fence: Fence,
        event: RunEvent,
        note: Option<&str>,
        log: LogEntry,
    ) -> Result<Run, StoreError> {
        self.inner.step(fence, event, note, log).await
    }

    async fn add_chunks(&self, fence: Fence, chunks: &[ChunkCut]) -> Result<(), StoreError> {
        self.inner.add_chunks(fence, chunks).await
    }

    async fn finish_split(&self, fence: Fence, totals: &SplitTotals) -> Result<(), StoreError> {
        self.inner.finish_split(fence, totals).await
    }

    async fn chunks(&self, run_id: RunId, from: u64, limit: u32) -> Result<Vec<ChunkRow>, StoreError> {
        self.inner.chunks(run_id, from, limit).await
    }

    async fn progress(&self, run_id: RunId) -> Result<Progress, StoreError> {
        self.inner.progress(run_id).await
    }

    async fn start_chunk(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        attempt: u64,
        worker: WorkerId,
    ) -> Result<Started, StoreError> {
        self.inner.start_chunk(run_id, chunk_no, role, attempt, worker).await
    }

    async fn chunk_states(
        &self,
        run_id: RunId,
        chunks: &[u64],
    ) -> Result<Vec<(u64, ChunkState)>, StoreError> {
        self.inner.chunk_states(run_id, chunks).await
    }

    async fn begun_chunks(
        &self,
        run_id: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<(RunId, ChunkNo, WorkerId)>, StoreError> {
        self.inner.begun_chunks(run_id, limit).await
    }

    async fn forgive_start(&self, run_id: RunId, chunk_no: ChunkNo, role: Role) -> Result<(), StoreError> {
        self.inner.forgive_start(run_id, chunk_no, role).await
    }

    async fn set_aside(&self, run_id: RunId, chunk_no: ChunkNo, reason: &str) -> Result<(), StoreError> {
        self.inner.set_aside(run_id, chunk_no, reason).await
    }

    async fn put_back(&self, fence: Fence) -> Result<u64, StoreError> {
        self.inner.put_back(fence).await
    }

    async fn chunks_aside(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkRow>, StoreError> {
        self.inner.chunks_aside(run_id, limit).await
    }

    async fn register_worker(&self, worker: &NewWorker) -> Result<WorkerId, StoreError> {
        self.inner.register_worker(worker).await
    }

    async fn commit(
        &self,
        job: &Arc<Job>,
        batch: Batch,
        writer: WorkerId,
    ) -> Result<CommitOutcome, StoreError> {
        self.inner.commit(job, batch, writer).await
    }

    async fn keep_reports(&self, run_id: RunId, reports: &[Reported]) -> Result<(), StoreError> {
        self.inner.keep_reports(run_id, reports).await
    }

    async fn unreported(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkNo>, StoreError> {
        self.inner.unreported(run_id, limit).await
    }

    async fn beat(&self, workers: &[Heartbeat]) -> Result<(), StoreError> {
        self.inner.beat(workers).await
    }

    async fn retire(&self, workers: &[WorkerId]) -> Result<(), StoreError> {
        self.inner.retire(workers).await
    }

    async fn fleet(&self, within: Option<Duration>) -> Result<Vec<WorkerRow>, StoreError> {
        self.inner.fleet(within).await
    }

    async fn worker_shares(&self, run_id: RunId, job: &Job) -> Result<Vec<WorkerShare>, StoreError> {
        self.inner.worker_shares(run_id, job).await
    }

    async fn service(&self) -> Result<Option<Lease>, StoreError> {
        self.inner.service().await
    }

    async fn claim_service(&self, owner: &str, lasts: Duration) -> Result<Option<Lease>, StoreError> {
        self.inner.claim_service(owner, lasts).await
    }

    async fn leave_service(&self, owner: &str) -> Result<(), StoreError> {
        self.inner.leave_service(owner).await
    }

    async fn waiting_runs(&self, lasts: Duration, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.inner.waiting_runs(lasts, limit).await
    }

    async fn park(&self, fence: Fence, why: Option<&str>) -> Result<(), StoreError> {
        self.inner.park(fence, why).await
    }

    async fn keep_readback(
        &self,
        run_id: RunId,
        pass: u64,
        range: ChunkRange,
        found: &[u8],
    ) -> Result<(), StoreError> {
        self.inner.keep_readback(run_id, pass, range, found).await
    }

    async fn readbacks(
        &self,
        run_id: RunId,
        pass: u64,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(ChunkRange, Vec<u8>)>, StoreError> {
        self.inner.readbacks(run_id, pass, from, limit).await
    }

    async fn clear_readbacks(&self, fence: Fence) -> Result<(), StoreError> {
        self.inner.clear_readbacks(fence).await
    }

    async fn read_staging(&self, run_id: RunId, layout: &Arc<Layout>, range: ChunkRange) -> Blocks {
        self.inner.read_staging(run_id, layout, range).await
    }

    async fn apply_rules(
        &self,
        fence: Fence,
        job: &Job,
    ) -> Result<(Vec<RuleOutcome>, KeyCounts), StoreError> {
        self.inner.apply_rules(fence, job).await
    }

    async fn breach_digests(&self, run_id: RunId, rules: &[usize]) -> Result<Vec<Hash>, StoreError> {
        self.inner.breach_digests(run_id, rules).await
    }

    async fn log(&self, entry: LogEntry) -> Result<Event, StoreError> {
        self.inner.log(entry).await
    }

    async fn log_under(&self, fence: Fence, entry: LogEntry) -> Result<Event, StoreError> {
        self.inner.log_under(fence, entry).await
    }

    async fn events(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.inner.events(after, limit).await
    }

    async fn first_event(&self, run_id: RunId) -> Result<Option<u64>, StoreError> {
        self.inner.first_event(run_id).await
    }

    async fn run_events(&self, run_id: RunId, after: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.inner.run_events(run_id, after, limit).await
    }

    async fn log_head(&self) -> Result<Option<(u64, Hash)>, StoreError> {
        self.inner.log_head().await
    }

    async fn keep_checks(
        &self,
        fence: Fence,
        checks: &[CheckResult],
        summary: &str,
    ) -> Result<(), StoreError> {
        self.inner.keep_checks(fence, checks, summary).await
    }

    async fn checks(&self, run_id: RunId) -> Result<(Vec<CheckResult>, Option<String>), StoreError> {
        self.inner.checks(run_id).await
    }

    async fn clear_findings(&self, fence: Fence) -> Result<(), StoreError> {
        self.inner.clear_findings(fence).await
    }

    async fn keep_findings(&self, fence: Fence, findings: &[Finding]) -> Result<(), StoreError> {
        self.inner.keep_findings(fence, findings).await
    }

    async fn findings(
        &self,
        run_id: RunId,
        from: u64,
        limit: u32,
    ) -> Result<(Vec<Finding>, u64), StoreError> {
        self.inner.findings(run_id, from, limit).await
    }

    async fn breaches(
        &self,
        run_id: RunId,
        job: &Job,
        from: u64,
        limit: u32,
    ) -> Result<(Vec<Finding>, u64), StoreError> {
        self.inner.breaches(run_id, job, from, limit).await
    }

    async fn rejects(&self, run_id: RunId, after: u64, limit: u32) -> Result<Vec<RejectRow>, StoreError> {
        self.inner.rejects(run_id, after, limit).await
    }

    async fn reject_groups(&self, run_id: RunId) -> Result<Vec<RejectGroup>, StoreError> {
        self.inner.reject_groups(run_id).await
    }

    async fn purge(&self, fence: Fence, staging: &[String], log: LogEntry) -> Result<u64, StoreError> {
        self.inner.purge(fence, staging, log).await
    }
}
