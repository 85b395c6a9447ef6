//! Promotion: insert, read back and commit in one transaction, which a task or a thread of its own holds.

use std::sync::Arc;

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::check::CheckResult;
use domain::event::Entry as LogEntry;
use domain::layout::{Layout, Mode};
use domain::lifecycle::RunEvent;
use domain::permit::Permit;
use job::Job;
use tokio::sync::{mpsc, oneshot};

use crate::database::Connection;
use crate::evidence::put_checks;
use crate::log::append;
use crate::model::Block;
use crate::names::{columns, quoted};
use crate::rules::{names, order};
use crate::runs::step_run;
use crate::{Blocks, Fence, StoreError};

/// Promotions of reconciled runs.
#[async_trait]
#[delegatable_trait]
pub trait Promotions: Send + Sync {
    /// Begins the promotion of a reconciled run. No other session writes to final until it is over.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]; [`StoreError::TableDiffers`] when final is no longer the job's.
    async fn begin_promotion(
        &self,
        fence: Fence,
        permit: &Permit,
        job: &Arc<Job>,
    ) -> Result<Box<dyn Promotion>, StoreError>;
}

/// A promotion under way: one transaction, invisible to other sessions until it is committed.
#[async_trait]
pub trait Promotion: Send {
    /// Brings the staged rows that are not excluded into final, for every record type. Returns how many rows of any
    /// table changed.
    ///
    /// # Errors
    /// [`StoreError::LoadedMeanwhile`] when the same bytes got there first; [`StoreError::FinalRefused`] when final's
    /// own constraints refuse a row.
    async fn insert(&mut self) -> Result<u64, StoreError>;
    /// Reads back from the final table of the record type at `place` what belongs to each of its staged records, in
    /// record order: rows and absences.
    async fn read_final(&mut self, place: usize) -> Blocks;
    /// Commits the transaction with the run's last step, its checks and its log entry.
    ///
    /// # Errors
    /// [`StoreError`] of the database; nothing is promoted then, or its outcome is unknown if the connection was lost.
    async fn commit(
        self: Box<Self>,
        checks: &[CheckResult],
        summary: &str,
        log: LogEntry,
    ) -> Result<(), StoreError>;
    /// Rolls the transaction back.
    ///
    /// # Errors
    /// [`StoreError`] of the database; nothing is promoted in that case either.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// Where the answer to an [`Ask`] goes.
pub type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What is stored when a run is promoted: its checks, its summary, its log entry.
#[derive(Debug)]
pub struct Outcome {
    /// The checks of the run, final's included.
    pub checks: Vec<CheckResult>,
    /// The summary, as JSON.
    pub summary: String,
    /// The `promoted` event for the evidence log.
    pub log: LogEntry,
}

impl Outcome {
    /// Stores the run's last step, its checks and its log entry. The fence is compared again.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], [`StoreError::Step`].
    pub async fn put(self, connection: &mut dyn Connection, fence: Fence) -> Result<(), StoreError> {
        step_run(connection, fence, RunEvent::Promoted, None, self.log.at_ms).await?;
        put_checks(connection, fence.run_id, &self.checks, &self.summary).await?;
        append(connection, self.log).await?;
        Ok(())
    }
}

/// What the task or thread that holds the transaction is asked to do.
pub enum Ask {
    /// Insert the rows into final; the answer is how many rows of any table changed.
    Insert(Reply<u64>),
    /// Read final back, for the record type at `place`.
    Read {
        /// The record type's place in the job.
        place: usize,
        /// The channel that receives the blocks that are read.
        sender: mpsc::Sender<Result<Block, StoreError>>,
    },
    /// Commit the transaction with the run's last step, its checks and its log entry.
    Commit(Outcome, Reply<()>),
    /// Roll the transaction back: nothing is promoted.
    Rollback(Reply<()>),
}

/// A promotion whose transaction another task or thread holds: every step is requested from it. When this is dropped,
/// the holder receives no more requests and rolls the transaction back.
pub struct Asked {
    asks: mpsc::Sender<Ask>,
    lost: fn() -> StoreError,
}

impl Asked {
    /// A promotion, and the channel on which the transaction's holder receives requests. `lost` makes the error for a
    /// holder that no longer exists.
    #[must_use]
    pub fn new(lost: fn() -> StoreError) -> (Self, mpsc::Receiver<Ask>) {
        let (asks, inbox) = mpsc::channel(1);
        (Self { asks, lost }, inbox)
    }

    async fn ask<T: Send>(&self, ask: impl FnOnce(Reply<T>) -> Ask + Send) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(ask(reply)).await.map_err(|_| (self.lost)())?;
        answer.await.map_err(|_| (self.lost)())?
    }
}

#[async_trait]
impl Promotion for Asked {
    async fn insert(&mut self) -> Result<u64, StoreError> {
        self.ask(Ask::Insert).await
    }

    async fn read_final(&mut self, place: usize) -> Blocks {
        let (sender, receiver) = mpsc::channel(4);
        let ask = Ask::Read { place, sender };
        if let Err(mpsc::error::SendError(Ask::Read { sender, .. })) = self.asks.send(ask).await {
            let _ = sender.send(Err((self.lost)())).await;
        }
        receiver
    }

    async fn commit(
        self: Box<Self>,
        checks: &[CheckResult],
        summary: &str,
        log: LogEntry,
    ) -> Result<(), StoreError> {
        let outcome = Outcome { checks: checks.to_vec(), summary: summary.to_owned(), log };
        self.ask(|reply| Ask::Commit(outcome, reply)).await
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.ask(Ask::Rollback).await
    }
}

/// The statement that brings a record type's rows into final. `run` is the run in SQL, `condition` what else must
/// hold of the staged record `s`. In the order of final's key: inserting in key order was measured at half the time
/// of arrival order.
#[must_use]
pub fn insert_statement(layout: &Layout, run: &str, condition: &str) -> String {
    let all = || layout.fields.iter().map(|field| field.name.as_str());
    let (mut into, mut from) = (columns("", all()), columns("s.", all()));
    into.push_str(", last_run_id");
    from.push_str(", s.run_id");
    let key: Vec<_> = names(layout, &layout.key).collect();
    if key.is_empty() {
        into.push_str(", last_record_no");
        from.push_str(", s.record_no");
    }
    let conflict = match layout.mode {
        Mode::Append => String::new(),
        Mode::Upsert => {
            let others = all()
                .filter(|name| !key.contains(name))
                .map(|name| format!("{0} = excluded.{0}", quoted(name)));
            let set: Vec<_> = others.chain(["last_run_id = excluded.last_run_id".to_owned()]).collect();
            format!(" ON CONFLICT ({}) DO UPDATE SET {}", columns("", key.iter().copied()), set.join(", "))
        }
    };
    format!(
        "INSERT INTO {} ({into}) SELECT {from} FROM {} s WHERE s.run_id = {run}{condition} ORDER BY {}{conflict}",
        quoted(&layout.final_table),
        quoted(&layout.staging),
        order(layout),
    )
}
