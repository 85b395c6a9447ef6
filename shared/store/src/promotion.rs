//! Promotion: insert, read back and commit in one transaction, which a task or a thread of its own holds.

use std::sync::Arc;

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::back_out;
use domain::check::CheckResult;
use domain::event::Entry as LogEntry;
use domain::ids::RunId;
use domain::layout::{Layout, Mode};
use domain::lifecycle::RunEvent;
use domain::permit::Permit;
use job::Job;
use tokio::sync::{mpsc, oneshot};

use crate::database::Connection;
use crate::evidence::put_checks;
use crate::log::append;
use crate::model::Block;
use crate::names::{columns, quoted, table};
use crate::resends::none_carried;
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
    /// Takes the rows of a promoted run out of final again, in one transaction with the run's step and the log entry.
    /// `promoted`: how many rows it promoted, which final must hold. Rows that were copied are deleted, and are in
    /// staging still; partitions that were attached go back to staging.
    ///
    /// # Errors
    /// [`StoreError::CannotBackOut`] when final does not hold them all, or they cannot be told from others;
    /// [`StoreError::FinalRefused`] when a constraint forbids it; [`StoreError::Fenced`]. Nothing is changed then.
    async fn back_out(
        &self,
        fence: Fence,
        job: &Arc<Job>,
        promoted: u64,
        undo: Undo,
    ) -> Result<(), StoreError>;
}

/// What is stored when a run is backed out.
#[derive(Debug)]
pub struct Undo {
    /// Why it was backed out, as the run's note says it.
    pub note: String,
    /// The `backed-out` event for the evidence log.
    pub log: LogEntry,
}

impl Undo {
    /// Stores the run's step and its log entry, if `found` rows are what the run promoted. The fence is compared.
    ///
    /// # Errors
    /// [`StoreError::CannotBackOut`], [`StoreError::Fenced`], [`StoreError::Step`]; [`StoreError::CannotResend`] while
    /// another run resends rejects of this one.
    pub async fn put(
        self,
        connection: &mut dyn Connection,
        fence: Fence,
        (promoted, found): (u64, u64),
    ) -> Result<(), StoreError> {
        back_out::is_whole(promoted, found)?;
        step_run(connection, fence, RunEvent::BackedOut, Some(&self.note), self.log.at_ms).await?;
        none_carried(connection, fence.run_id).await?;
        append(connection, self.log).await?;
        Ok(())
    }
}

/// The statement that deletes a run's rows of a record type from final; none if they do not name it.
#[must_use]
pub fn delete_statement(layout: &Layout, run_id: RunId) -> Option<String> {
    let run = layout.final_table.run_column()?;
    Some(format!("DELETE FROM {} WHERE {} = '{run_id}'", table(&layout.final_table.name), quoted(run)))
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
        // Model: `CommitPromotion`.
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
        let (sender, receiver) = platform::inline::channel(4);
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
/// hold of the staged record `s`. `lineage`: final's column for the record's number, if it has one. In the order of
/// final's key: inserting in key order was measured at half the time of arrival order.
#[must_use]
pub fn insert_statement(layout: &Layout, run: &str, condition: &str, lineage: Option<&str>) -> String {
    let of = &layout.final_table;
    let mut into = columns("", layout.columns());
    let mut from = columns("s.", layout.fields.iter().map(|field| field.name.as_str()));
    if let Some(column) = of.run_column() {
        into.push_str(&format!(", {}", quoted(column)));
        from.push_str(", s.run_id");
    }
    if let Some(column) = lineage {
        into.push_str(&format!(", {}", quoted(column)));
        from.push_str(", s.record_no");
    }
    let conflict = match layout.mode {
        Mode::Append => String::new(),
        Mode::Upsert => {
            let others = (0..layout.fields.len()).filter(|at| !layout.key.contains(at));
            let set: Vec<_> = others
                .map(|at| layout.column(at))
                .chain(of.run_column())
                .chain(lineage)
                .map(|column| format!("{0} = excluded.{0}", quoted(column)))
                .collect();
            // With nothing but a key, a row that is there is written again all the same: it is counted.
            let key = quoted(layout.column(layout.key[0]));
            let set = if set.is_empty() { format!("{key} = excluded.{key}") } else { set.join(", ") };
            format!(" ON CONFLICT ({}) DO UPDATE SET {set}", columns("", layout.key_columns()))
        }
    };
    format!(
        "INSERT INTO {} ({into}) SELECT {from} FROM {} s WHERE s.run_id = {run}{condition} ORDER BY {}{conflict}",
        table(&of.name),
        table(&layout.staging),
        order(layout),
    )
}

/// The statement that keeps which run wrote the rows of a record type, where final itself does not; as
/// [`insert_statement`].
#[must_use]
pub fn mark_statement(layout: &Layout, run: &str, condition: &str) -> Option<String> {
    let key = || names(layout, &layout.key);
    layout.final_table.run_table().map(|runs| {
        format!(
            "INSERT INTO {} ({}, last_run_id) SELECT {}, s.run_id FROM {} s WHERE s.run_id = {run}{condition}
             ORDER BY {} ON CONFLICT ({}) DO UPDATE SET last_run_id = excluded.last_run_id",
            table(runs),
            columns("", key()),
            columns("s.", key()),
            table(&layout.staging),
            order(layout),
            columns("", key()),
        )
    })
}

/// What a table of runs says of the key that two rows have in common: its columns are called as the fields are.
#[must_use]
pub fn same_marked_key(layout: &Layout, runs: &str, other: &str) -> String {
    let equal = names(layout, &layout.key).map(|name| format!("{runs}.{0} = {other}.{0}", quoted(name)));
    equal.collect::<Vec<_>>().join(" AND ")
}
