//! A store whose promotions are disturbed: cut off before they are committed, committed with the answer lost, or
//! preceded by a hand in the tables. Everything else goes through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use domain::check::CheckResult;
use domain::event::Entry as LogEntry;
use domain::permit::Permit;
use job::Job;
use store::layered::WithPromotions;
use store::promotion::{Promotion, Promotions, Undo};
use store::{Blocks, Fence, Store, StoreError};

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

/// Promotions on top of a store's own.
pub(crate) struct Disturbed {
    inner: Arc<dyn Store>,
    disturbance: Disturbance,
    is_done: AtomicBool,
}

impl Disturbed {
    /// The store `inner`, its promotions disturbed.
    pub(crate) fn on(inner: Arc<dyn Store>, disturbance: Disturbance) -> Arc<dyn Store> {
        let promotions = Self { inner: Arc::clone(&inner), disturbance, is_done: AtomicBool::new(false) };
        Arc::new(WithPromotions::new(inner, promotions))
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
impl Promotions for Disturbed {
    async fn begin_promotion(
        &self,
        fence: Fence,
        permit: &Permit,
        job: &Arc<Job>,
    ) -> Result<Box<dyn Promotion>, StoreError> {
        let is_first = !self.is_done.swap(true, Ordering::SeqCst);
        if let (Disturbance::Before(client, sql), true) = (&self.disturbance, is_first) {
            client.execute(sql).await.map_err(|error| StoreError::Damaged { what: error.to_string() })?;
        }
        let inner = self.inner.begin_promotion(fence, permit, job).await?;
        Ok(match (&self.disturbance, is_first) {
            (Disturbance::CutOff, true) => Box::new(CutOff { inner, commits: false }),
            (Disturbance::AnswerLost, true) => Box::new(CutOff { inner, commits: true }),
            _ => inner,
        })
    }

    async fn back_out(
        &self,
        fence: Fence,
        job: &Arc<Job>,
        promoted: u64,
        undo: Undo,
    ) -> Result<(), StoreError> {
        self.inner.back_out(fence, job, promoted, undo).await
    }
}
