//! What retention and operators remove of a run, and runs that are no longer there.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::event::{Entry as LogEntry, Event};
use domain::lifecycle::RunState;
use domain::retention::{Part, Parts};
use domain::table::TableName;

use crate::database::{Change, Connection, Database};
use crate::log::{self, event_from};
use crate::run_row::parts_of;
use crate::runs::hold_fence;
use crate::views::{counted_from, of_one};
use crate::{Fence, StoreError, params};

/// Removing, in steps that can be repeated.
#[async_trait]
#[delegatable_trait]
pub trait Removals: Send + Sync {
    /// Removes these parts of a run that is over, and notes in the ledger and, with `log`, in the log that they were
    /// removed. The run, its checks and the log stay. Returns how many rows went.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]; [`StoreError`] of the database.
    async fn remove(
        &self,
        fence: Fence,
        parts: Parts,
        staging: &[TableName],
        log: LogEntry,
    ) -> Result<u64, StoreError>;
    /// Removes a run that has nothing in final, with everything that the ledger has of it, and notes so in the log,
    /// which keeps all events. Returns how many rows went.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]; [`StoreError::Kept`] when its rows are in final, or it is not over.
    async fn forget(&self, fence: Fence, staging: &[TableName], log: LogEntry) -> Result<u64, StoreError>;
    /// The events of runs that were removed, the newest first, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn forgotten(&self, limit: u32) -> Result<Vec<Event>, StoreError>;
}

/// What goes with a part of a run, besides the rows in staging.
const fn remains(part: Part) -> &'static [&'static str] {
    match part {
        Part::Staging => &["DELETE FROM crossfoot_exclusion WHERE run_id = $1"],
        Part::Rejects => &[
            "DELETE FROM crossfoot_reject WHERE run_id = $1",
            "DELETE FROM crossfoot_reject_reason WHERE run_id = $1",
        ],
        Part::Reports => &[
            "DELETE FROM crossfoot_breach WHERE run_id = $1",
            "DELETE FROM crossfoot_finding WHERE run_id = $1",
        ],
        Part::Runs => &[
            "DELETE FROM crossfoot_chunk WHERE run_id = $1",
            "DELETE FROM crossfoot_report WHERE run_id = $1",
        ],
    }
}

async fn delete<D: Database>(database: &D, fence: Fence, sql: &'static str) -> Result<u64, StoreError> {
    database
        .write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                connection.execute(sql, params![fence.run_id]).await
            })
        })
        .await
}

async fn delete_parts<D: Database>(
    database: &D,
    fence: Fence,
    parts: Parts,
    staging: &[TableName],
) -> Result<u64, StoreError> {
    let mut removed = 0;
    if parts.has(Part::Staging) {
        for table in staging {
            removed += database.empty_staging(fence, table).await?;
        }
    }
    for sql in parts.list().into_iter().flat_map(remains) {
        removed += delete(database, fence, sql).await?;
    }
    Ok(removed)
}

/// Notes what went, in the transaction that says so in the log.
async fn note(
    connection: &mut dyn Connection,
    fence: Fence,
    parts: Parts,
    log: LogEntry,
) -> Result<(), StoreError> {
    hold_fence(connection, fence).await?;
    if parts.has(Part::Staging) {
        // What was found in the rows is no record of the run's: it is not counted.
        let sql = "DELETE FROM crossfoot_readback WHERE run_id = $1";
        connection.execute(sql, params![fence.run_id]).await?;
    }
    let sql = "SELECT removed FROM crossfoot_run WHERE run_id = $1";
    let before: String = connection.fetch_one(sql, params![fence.run_id]).await?.get("removed")?;
    let removed = parts_of(&before)?.and(parts);
    let sql = "UPDATE crossfoot_run SET removed = $2, purged = $3 WHERE run_id = $1";
    let values = params![fence.run_id, removed.to_string(), removed.has_rows()];
    connection.execute(sql, values).await?;
    log::append(connection, log).await?;
    Ok(())
}

/// Keeps what is counted of a run's chunks before they are removed; what was kept before stays.
async fn keep_totals<D: Database>(connection: &mut dyn Connection, fence: Fence) -> Result<(), StoreError> {
    hold_fence(connection, fence).await?;
    let counted = counted_from(&connection.fetch_one(&of_one::<D>(), params![fence.run_id]).await?)?;
    let sql = "UPDATE crossfoot_run SET totals = $2 WHERE run_id = $1";
    connection.execute(sql, params![fence.run_id, crate::json(&counted.totals)?]).await?;
    Ok(())
}

/// The last step: until it is done, the run is there and says what it lacks.
async fn end_of_run(connection: &mut dyn Connection, fence: Fence, log: LogEntry) -> Result<u64, StoreError> {
    may_be_forgotten(connection, fence).await?;
    let mut removed = 0;
    for sql in [
        "DELETE FROM crossfoot_readback WHERE run_id = $1",
        "DELETE FROM crossfoot_check WHERE run_id = $1",
        "DELETE FROM crossfoot_resent WHERE run_id = $1",
        "DELETE FROM crossfoot_run WHERE run_id = $1",
    ] {
        removed += connection.execute(sql, params![fence.run_id]).await?;
    }
    log::append(connection, log).await?;
    Ok(removed)
}

async fn may_be_forgotten(connection: &mut dyn Connection, fence: Fence) -> Result<(), StoreError> {
    let run_id = fence.run_id;
    hold_fence(connection, fence).await?;
    let sql = "SELECT state FROM crossfoot_run WHERE run_id = $1";
    let state: RunState = connection.fetch_one(sql, params![run_id]).await?.parsed("state")?;
    if !state.is_over() || state == RunState::Promoted {
        return Err(StoreError::Kept { run_id, state });
    }
    // If it is interrupted, the run says what it lacks.
    let sql = "UPDATE crossfoot_run SET removed = $2, purged = true WHERE run_id = $1";
    connection.execute(sql, params![run_id, Parts::ALL.to_string()]).await?;
    Ok(())
}

#[async_trait]
impl<D: Database> Removals for D {
    async fn remove(
        &self,
        fence: Fence,
        parts: Parts,
        staging: &[TableName],
        log: LogEntry,
    ) -> Result<u64, StoreError> {
        if parts.has(Part::Runs) {
            self.write(Change::LEDGER, move |connection| Box::pin(keep_totals::<D>(connection, fence)))
                .await?;
        }
        let removed = delete_parts(self, fence, parts, staging).await?;
        self.write(Change::LEDGER, move |connection| Box::pin(note(connection, fence, parts, log))).await?;
        Ok(removed)
    }

    async fn forget(&self, fence: Fence, staging: &[TableName], log: LogEntry) -> Result<u64, StoreError> {
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                may_be_forgotten(connection, fence).await?;
                keep_totals::<D>(connection, fence).await
            })
        })
        .await?;
        let removed = delete_parts(self, fence, Parts::ALL, staging).await?;
        let end = self.write(Change::LEDGER, move |connection| Box::pin(end_of_run(connection, fence, log)));
        Ok(removed + end.await?)
    }

    async fn forgotten(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        let sql = "SELECT * FROM crossfoot_event WHERE kind = 'run-removed' ORDER BY seq DESC LIMIT $1";
        self.fetch(sql, params![limit]).await?.iter().map(event_from).collect()
    }
}
