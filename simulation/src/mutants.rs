//! Fleets with a defect: each behaves as the product must not, and the simulation and the model must catch it. Those of
//! the broker are in `broker`; those of the store are laid over it here. Shipped code has none of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::check::CheckResult;
use domain::counts::{Role, WorkerShare};
use domain::event::Entry as LogEntry;
use domain::ids::{ChunkNo, RunId, WorkerId};
use domain::layout::Layout;
use domain::lease::Claim;
use domain::lifecycle::ChunkState;
use domain::permit::Permit;
use job::Job;
use rusqlite::Connection;
use store::chunks::{Chunks, HandedBack};
use store::fleet::Fleet;
use store::layered::Layered;
use store::leases::Leases;
use store::model::{
    BegunChunk, ChunkCut, ChunkRange, ChunkRow, ChunkStanding, CommitOutcome, Heartbeat, NewWorker, Reported,
    Run, Started, WorkerRow,
};
use store::promotion::{Promotion, Promotions, Undo};
use store::staging::Staging;
use store::{Blocks, Fence, Lease, Progress, Store, StoreError};
use wire::Batch;

use crate::world::World;

domain::named! {
    /// A defect of the whole fleet.
    pub enum Mutant {
        /// A writer acknowledges a batch before it is committed.
        AckBeforeCommit = "ack before commit",
        /// A processor acknowledges a chunk before its batch is published.
        AckBeforePublish = "ack before publish",
        /// The coordinator acknowledges counts before they are stored.
        CountsAckedUnread = "counts acknowledged before they are stored",
        /// Counts are added to those that were reported before.
        CountAddedTwice = "a count added twice",
        /// Acquiring a lease fences nobody off.
        LeaseNotFenced = "a lease not fenced",
        /// A permit is used for another attempt than the one that it was made in.
        PermitReused = "a permit reused",
        /// A start stays charged, though the work was done.
        ChargeKept = "a charge not taken back",
        /// A batch that is committed is committed again.
        BatchCommittedTwice = "a batch committed twice",
        /// A batch that was delivered before is dropped.
        RedeliveredDropped = "a redelivered message dropped",
        /// What is read back is not committed yet.
        ReadBackEarly = "a range read back before it is committed",
        /// A promotion whose answer was lost is done again.
        PromotionRepeated = "a promotion repeated after a lost reply",
        /// A chunk that was handed out is never handed out again.
        ForgottenChunk = "a chunk forgotten after a reset of the broker",
    }
}

/// The store with the world's defect, if it has one of the store.
pub(crate) fn spoil(mut layered: Layered, world: &Arc<World>) -> Arc<dyn Store> {
    let Some(mutant) = world.mutant else { return Arc::new(layered) };
    let (chunks, promotions) = (Arc::clone(&layered.chunks), Arc::clone(&layered.promotions));
    let path = world.path.clone();
    match mutant {
        Mutant::CountAddedTwice => {
            layered.fleet = Arc::new(Doubling { below: layered.fleet, world: Arc::clone(world) });
        }
        Mutant::LeaseNotFenced => layered.leases = Arc::new(Unfenced { below: layered.leases, path }),
        Mutant::ChargeKept => layered.chunks = Arc::new(Charging { below: chunks, forgives: false }),
        Mutant::ReadBackEarly => layered.chunks = Arc::new(Charging { below: chunks, forgives: true }),
        Mutant::BatchCommittedTwice => {
            layered.staging = Arc::new(Committing { below: layered.staging, path });
        }
        Mutant::PermitReused | Mutant::PromotionRepeated => {
            let repeats = mutant == Mutant::PromotionRepeated;
            layered.promotions = Arc::new(Promoting { below: promotions, world: Arc::clone(world), repeats });
        }
        _ => {}
    }
    Arc::new(layered)
}

/// Does in the database what no code of the product does. Where somebody else is writing, it is left.
fn behind(path: &PathBuf, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    let _ = connection.execute_batch(sql);
}

struct Doubling {
    below: Arc<dyn Fleet>,
    world: Arc<World>,
}

#[async_trait]
impl Fleet for Doubling {
    async fn register_worker(&self, worker: &NewWorker) -> Result<WorkerId, StoreError> {
        self.below.register_worker(worker).await
    }

    async fn heartbeat(&self, workers: &[Heartbeat]) -> Result<Vec<WorkerId>, StoreError> {
        self.below.heartbeat(workers).await
    }

    async fn ask_to_drain(&self, workers: &[WorkerId], log: LogEntry) -> Result<Vec<WorkerId>, StoreError> {
        self.below.ask_to_drain(workers, log).await
    }

    async fn retire(&self, workers: &[WorkerId]) -> Result<(), StoreError> {
        self.below.retire(workers).await
    }

    async fn fleet(&self, within: Option<Duration>) -> Result<Vec<WorkerRow>, StoreError> {
        self.below.fleet(within).await
    }

    async fn keep_reports(&self, run_id: RunId, reports: &[Reported]) -> Result<(), StoreError> {
        let is_there = |one: &&Reported| {
            let sql = "SELECT count(*) FROM crossfoot_report WHERE chunk_no = ?1 AND role = ?2";
            let of = (one.chunk_no.0, one.role.name());
            self.world.look(|ledger| ledger.query_row(sql, of, |row| row.get::<_, u64>(0))) > 0
        };
        let again: Vec<_> = reports.iter().filter(is_there).collect();
        self.below.keep_reports(run_id, reports).await?;
        for Reported { chunk_no, role, .. } in again {
            let sql = format!(
                "UPDATE crossfoot_report SET records = 2 * records, accepted = 2 * accepted
                 WHERE chunk_no = {} AND role = '{}'",
                chunk_no.0,
                role.name()
            );
            behind(&self.world.path, &sql);
        }
        Ok(())
    }

    async fn unreported(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkNo>, StoreError> {
        self.below.unreported(run_id, limit).await
    }

    async fn worker_shares(&self, run_id: RunId, job: &Job) -> Result<Vec<WorkerShare>, StoreError> {
        self.below.worker_shares(run_id, job).await
    }
}

struct Unfenced {
    below: Arc<dyn Leases>,
    path: PathBuf,
}

#[async_trait]
impl Leases for Unfenced {
    async fn lease(&self, run_id: RunId) -> Result<Option<Lease>, StoreError> {
        self.below.lease(run_id).await
    }

    async fn acquire_lease(
        &self,
        run_id: RunId,
        owner: &str,
        lasts: Duration,
        claim: Claim,
    ) -> Result<Fence, StoreError> {
        let fence = self.below.acquire_lease(run_id, owner, lasts, claim).await?;
        // All attempts have the same number, so that none is an older one.
        behind(&self.path, "UPDATE crossfoot_run SET epoch = 1");
        Ok(Fence { epoch: 1, ..fence })
    }

    async fn renew(&self, fence: Fence, lasts: Duration) -> Result<Option<u64>, StoreError> {
        self.below.renew(fence, lasts).await
    }

    async fn release(&self, fence: Fence, spent_ms: u64) -> Result<(), StoreError> {
        self.below.release(fence, spent_ms).await
    }

    async fn waiting_runs(&self, lasts: Duration, limit: u32) -> Result<Vec<Run>, StoreError> {
        self.below.waiting_runs(lasts, limit).await
    }

    async fn claim_service(&self, owner: &str, lasts: Duration) -> Result<Option<Lease>, StoreError> {
        self.below.claim_service(owner, lasts).await
    }

    async fn service(&self) -> Result<Option<Lease>, StoreError> {
        self.below.service().await
    }

    async fn leave_service(&self, owner: &str) -> Result<(), StoreError> {
        self.below.leave_service(owner).await
    }

    async fn claim_comparison(&self, owner: &str, lasts: Duration) -> Result<Option<Lease>, StoreError> {
        self.below.claim_comparison(owner, lasts).await
    }

    async fn comparison(&self) -> Result<Option<Lease>, StoreError> {
        self.below.comparison().await
    }

    async fn leave_comparison(&self, owner: &str) -> Result<(), StoreError> {
        self.below.leave_comparison(owner).await
    }
}

/// Takes no charge back; or, where it does, calls chunks committed that are not.
struct Charging {
    below: Arc<dyn Chunks>,
    forgives: bool,
}

#[async_trait]
impl Chunks for Charging {
    async fn add_chunks(&self, fence: Fence, chunks: &[ChunkCut]) -> Result<(), StoreError> {
        self.below.add_chunks(fence, chunks).await
    }

    async fn chunks(&self, run_id: RunId, from: u64, limit: u32) -> Result<Vec<ChunkRow>, StoreError> {
        self.below.chunks(run_id, from, limit).await
    }

    async fn progress(&self, run_id: RunId) -> Result<Progress, StoreError> {
        let progress = self.below.progress(run_id).await?;
        Ok(if self.forgives { Progress { committed: progress.split, ..progress } } else { progress })
    }

    async fn chunk_states(&self, run_id: RunId, chunks: &[u64]) -> Result<Vec<ChunkStanding>, StoreError> {
        let mut states = self.below.chunk_states(run_id, chunks).await?;
        if self.forgives {
            states.iter_mut().for_each(|one| one.state = ChunkState::Committed);
        }
        Ok(states)
    }

    async fn start_chunk(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        attempt: u64,
        worker: WorkerId,
    ) -> Result<Started, StoreError> {
        self.below.start_chunk(run_id, chunk_no, role, attempt, worker).await
    }

    async fn begun_chunks(&self, run_id: Option<RunId>, limit: u32) -> Result<Vec<BegunChunk>, StoreError> {
        self.below.begun_chunks(run_id, limit).await
    }

    async fn forgive_start(&self, run_id: RunId, chunk_no: ChunkNo, role: Role) -> Result<(), StoreError> {
        if self.forgives { self.below.forgive_start(run_id, chunk_no, role).await } else { Ok(()) }
    }

    async fn withdraw_start(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        worker: WorkerId,
    ) -> Result<(), StoreError> {
        self.below.withdraw_start(run_id, chunk_no, role, worker).await
    }

    async fn hand_back(&self, run_id: RunId, chunk_no: ChunkNo, reason: &str) -> Result<(), StoreError> {
        self.below.hand_back(run_id, chunk_no, reason).await
    }

    async fn handed_back(&self, run_id: RunId) -> Result<Option<HandedBack>, StoreError> {
        self.below.handed_back(run_id).await
    }

    async fn forget_handed_back(&self, fence: Fence) -> Result<(), StoreError> {
        self.below.forget_handed_back(fence).await
    }

    async fn set_aside(&self, run_id: RunId, chunk_no: ChunkNo, reason: &str) -> Result<(), StoreError> {
        self.below.set_aside(run_id, chunk_no, reason).await
    }

    async fn requeue(&self, fence: Fence) -> Result<u64, StoreError> {
        self.below.requeue(fence).await
    }

    async fn chunks_aside(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkRow>, StoreError> {
        self.below.chunks_aside(run_id, limit).await
    }
}

struct Committing {
    below: Arc<dyn Staging>,
    path: PathBuf,
}

#[async_trait]
impl Staging for Committing {
    async fn prepare(&self, job: &Job) -> Result<(), StoreError> {
        self.below.prepare(job).await
    }

    async fn commit(
        &self,
        job: &Arc<Job>,
        batch: Batch,
        writer: WorkerId,
    ) -> Result<CommitOutcome, StoreError> {
        let chunk_no = batch.chunk_no;
        let outcome = self.below.commit(job, batch, writer).await?;
        if outcome == CommitOutcome::AlreadyThere {
            let sql = format!(
                "INSERT INTO stg_ledger (run_id, chunk_no, record_no, worker_id, id, account, amount)
                 SELECT run_id, chunk_no, record_no + 1000, worker_id, id, account, amount FROM stg_ledger
                 WHERE chunk_no = {chunk_no}"
            );
            behind(&self.path, &sql);
        }
        Ok(outcome)
    }

    async fn read_staging(&self, run_id: RunId, layout: &Arc<Layout>, range: ChunkRange) -> Blocks {
        self.below.read_staging(run_id, layout, range).await
    }
}

struct Promoting {
    below: Arc<dyn Promotions>,
    world: Arc<World>,
    repeats: bool,
}

#[async_trait]
impl Promotions for Promoting {
    async fn begin_promotion(
        &self,
        fence: Fence,
        permit: &Permit,
        job: &Arc<Job>,
    ) -> Result<Box<dyn Promotion>, StoreError> {
        match self.below.begin_promotion(fence, permit, job).await {
            Err(StoreError::Fenced { .. }) if !self.repeats => {
                let sql = "SELECT epoch FROM crossfoot_run";
                let epoch = self.world.look(|ledger| ledger.query_row(sql, [], |row| row.get(0)));
                self.below.begin_promotion(Fence { epoch, ..fence }, permit, job).await
            }
            Ok(below) if self.repeats => Ok(Box::new(Repeating { below, path: self.world.path.clone() })),
            begun => begun,
        }
    }

    async fn back_out(
        &self,
        fence: Fence,
        job: &Arc<Job>,
        promoted: u64,
        undo: Undo,
    ) -> Result<(), StoreError> {
        self.below.back_out(fence, job, promoted, undo).await
    }
}

struct Repeating {
    below: Box<dyn Promotion>,
    path: PathBuf,
}

#[async_trait]
impl Promotion for Repeating {
    async fn insert(&mut self) -> Result<u64, StoreError> {
        self.below.insert().await
    }

    async fn read_final(&mut self, place: usize) -> Blocks {
        self.below.read_final(place).await
    }

    async fn commit(
        self: Box<Self>,
        checks: &[CheckResult],
        summary: &str,
        log: LogEntry,
    ) -> Result<(), StoreError> {
        let committed = self.below.commit(checks, summary, log).await;
        if committed.is_err() {
            let again = "CREATE TEMP TABLE again AS SELECT * FROM ledger; UPDATE again SET id = id + 1000;
                         INSERT INTO ledger SELECT * FROM again";
            behind(&self.path, again);
        }
        committed
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.below.rollback().await
    }
}
