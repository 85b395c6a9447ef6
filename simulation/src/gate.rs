//! The store as one simulated process sees it: a point before and after everything that is asked of it.

use std::sync::Arc;

use async_trait::async_trait;
use domain::check::CheckResult;
use domain::event::Entry as LogEntry;
use domain::ids::{RunId, WorkerId};
use domain::layout::Layout;
use domain::permit::Permit;
use job::Job;
use rusqlite::Connection;
use sqlite::{Gate, SqliteStore};
use store::layered::Layered;
use store::model::{ChunkRange, CommitOutcome};
use store::promotion::{Promotion, Promotions, Undo};
use store::staging::Staging;
use store::{Blocks, Fence, Store, StoreError};
use wire::Batch;

use crate::life::{Held, Life};
use crate::mutants;
use crate::world::{Of, Pass, World};

fn lost() -> StoreError {
    StoreError::Interrupted { reason: "the simulation lost the connection".into() }
}

/// What stands between a process and the store.
struct Process {
    world: Arc<World>,
    life: Arc<Life>,
}

impl Process {
    async fn pass(&self, point: &'static str) -> Result<Pass, StoreError> {
        match self.world.pass(&self.life, Of::Store, point).await {
            Pass::Fail => Err(lost()),
            pass => Ok(pass),
        }
    }
}

#[async_trait]
impl Gate for Process {
    async fn enters(&self, what: &'static str) -> Result<(), StoreError> {
        self.pass(what).await.map(drop)
    }

    async fn leaves(&self, what: &'static str) -> Result<(), StoreError> {
        self.pass(what).await.map(drop)
    }

    fn changed(&self, what: &'static str, connection: &Connection) {
        self.world.watch.changed(&self.world, &self.life, what, connection);
    }
}

/// The store of one process, with the world's defect if it is one of the store.
pub(crate) fn store(world: &Arc<World>, life: &Arc<Life>, file: &SqliteStore) -> Arc<dyn Store> {
    let process = || Process { world: Arc::clone(world), life: Arc::clone(life) };
    let below: Arc<dyn Store> = Arc::new(file.through(Arc::new(process())));
    let mut layered = Layered::on(Arc::clone(&below));
    layered.staging = Arc::new(Committing { below: Arc::clone(&below), process: process() });
    layered.promotions = Arc::new(Promoting { below, process: process() });
    mutants::spoil(layered, world)
}

/// Commits that are done twice where the plan says so, as by a client that lost the answer.
struct Committing {
    below: Arc<dyn Store>,
    process: Process,
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
        if self.process.pass("commit of a batch").await? == Pass::Twice {
            self.below.commit(job, batch.clone(), writer).await?;
        }
        self.below.commit(job, batch, writer).await
    }

    async fn read_staging(&self, run_id: RunId, layout: &Arc<Layout>, range: ChunkRange) -> Blocks {
        self.below.read_staging(run_id, layout, range).await
    }
}

/// Promotions with a point before and after each of their steps.
struct Promoting {
    below: Arc<dyn Store>,
    process: Process,
}

#[async_trait]
impl Promotions for Promoting {
    async fn begin_promotion(
        &self,
        fence: Fence,
        permit: &Permit,
        job: &Arc<Job>,
    ) -> Result<Box<dyn Promotion>, StoreError> {
        let Process { world, life } = &self.process;
        self.process.pass("promotion: begin").await?;
        let promotion = self.below.begin_promotion(fence, permit, job).await?;
        let held = life.holds_promotion(promotion);
        let process = Process { world: Arc::clone(world), life: Arc::clone(life) };
        // Made first, so that it is rolled back if the process is told that it failed.
        let promoted = Box::new(Promoted { held, process });
        promoted.process.pass("promotion: begun").await?;
        Ok(promoted)
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

struct Promoted {
    held: Held<Box<dyn Promotion>>,
    process: Process,
}

impl Drop for Promoted {
    /// Dropped without an end, it is rolled back.
    fn drop(&mut self) {
        if let Ok(mut held) = self.held.try_lock() {
            *held = None;
        }
    }
}

impl Promoted {
    /// The promotion, unless its process died: then it is rolled back.
    async fn taken(&self) -> Box<dyn Promotion> {
        let taken = self.held.lock().await.take();
        match taken {
            Some(promotion) if !self.process.life.is_dead() => promotion,
            _ => std::future::pending().await,
        }
    }

    /// Puts it back where it is found when the process dies.
    async fn put(&self, promotion: Box<dyn Promotion>) {
        if !self.process.life.is_dead() {
            *self.held.lock().await = Some(promotion);
        }
    }
}

#[async_trait]
impl Promotion for Promoted {
    async fn insert(&mut self) -> Result<u64, StoreError> {
        self.process.pass("promotion: insert").await?;
        let mut promotion = self.taken().await;
        let inserted = promotion.insert().await;
        self.put(promotion).await;
        self.process.pass("promotion: inserted").await?;
        inserted
    }

    async fn read_final(&mut self, place: usize) -> Blocks {
        let mut promotion = self.taken().await;
        let blocks = promotion.read_final(place).await;
        self.put(promotion).await;
        blocks
    }

    async fn commit(
        self: Box<Self>,
        checks: &[CheckResult],
        summary: &str,
        log: LogEntry,
    ) -> Result<(), StoreError> {
        self.process.pass("promotion: commit").await?;
        let promotion = self.taken().await;
        let Process { world, life } = &self.process;
        world.watch.promotes(&life.name);
        promotion.commit(checks, summary, log).await?;
        world.look(|connection| {
            world.watch.changed(world, life, "promotion: commit", connection);
            Ok(())
        });
        self.process.pass("promotion: committed").await.map(drop)
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        let promotion = self.taken().await;
        promotion.rollback().await
    }
}
