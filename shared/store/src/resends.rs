//! Rejects that were corrected and loaded again: which run carries which, each at most once.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::resend::{CannotResend, carries};

use crate::database::{Connection, Database};
use crate::model::Run;
use crate::param::{Column, Insert, Param};
use crate::row::Row;
use crate::run_row::run_from;
use crate::{StoreError, params};

pub use crate::original::{NewResend, Original};

/// How many records go into one statement.
const BATCH: usize = 1000;

/// The lineage of resent records.
#[async_trait]
#[delegatable_trait]
pub trait Resends: Send + Sync {
    /// The runs that resent rejects of this one, the oldest first, each with the number of records that it carries.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn resends_of(&self, run_id: RunId) -> Result<Vec<(Run, u64)>, StoreError>;
    /// What the records of a run that resends were before, by their numbers in it: those after `after`, `limit` at
    /// most. None of a run on a source of its own.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn originals(
        &self,
        run_id: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Original)>, StoreError>;
}

fn original_from(row: &Row) -> Result<(u64, Original), StoreError> {
    let original =
        Original { record_no: row.get("first_record_no")?, offset: row.get("first_offset_bytes")? };
    Ok((row.get("record_no")?, original))
}

/// The states in which a run holds on to its records, as a list that a statement searches.
fn carrying() -> String {
    RunState::ALL.iter().filter(|state| carries(**state)).map(|state| format!(",{},", state.name())).collect()
}

/// Takes the records for the run that is being opened. Until the transaction ends nothing else resends rejects of the
/// first run, and that run is not backed out.
///
/// # Errors
/// [`StoreError::CannotResend`].
pub(crate) async fn take(
    connection: &mut dyn Connection,
    run_id: RunId,
    resend: &NewResend,
) -> Result<(), StoreError> {
    let first = resend.first;
    let lock_row = connection.syntax().lock_row;
    let sql = format!("SELECT state FROM crossfoot_run WHERE run_id = $1 {lock_row}");
    let state: RunState = connection.fetch_one(&sql, params![first]).await?.parsed("state")?;
    if state != RunState::Promoted {
        return Err(CannotResend::NotPromoted { first, state }.into());
    }
    let mut number = 0;
    for records in resend.records.chunks(BATCH) {
        let numbers: Vec<u64> = records
            .iter()
            .map(|_| {
                number += 1;
                number
            })
            .collect();
        let insert = Insert::into("crossfoot_resent")
            .same("run_id", run_id)
            .same("first_run_id", first)
            .each("record_no", Column::counts(&numbers, |number| *number)?)
            .each("first_record_no", Column::counts(records, |one| one.record_no)?)
            .each("first_offset_bytes", Column::counts(records, |one| one.offset)?);
        connection.insert(insert).await?;
    }
    let sql = "SELECT o.run_id, o.first_record_no, r.state FROM crossfoot_resent n
               JOIN crossfoot_resent o ON o.first_run_id = n.first_run_id
                    AND o.first_record_no = n.first_record_no AND o.run_id <> n.run_id
               JOIN crossfoot_run r ON r.run_id = o.run_id
               WHERE n.run_id = $1 AND $2 LIKE '%,' || r.state || ',%' ORDER BY o.first_record_no LIMIT 1";
    match connection.fetch_first(sql, params![run_id, carrying()]).await? {
        None => Ok(()),
        Some(row) => Err(CannotResend::Before {
            first,
            record_no: row.get("first_record_no")?,
            run_id: row.parsed("run_id")?,
            state: row.parsed("state")?,
        }
        .into()),
    }
}

/// Fails while another run holds on to rejects of this one, whose row the transaction has locked.
///
/// # Errors
/// [`StoreError::CannotResend`].
pub(crate) async fn none_carried(connection: &mut dyn Connection, run_id: RunId) -> Result<(), StoreError> {
    let sql = "SELECT run_id, state FROM crossfoot_run
               WHERE resends = $1 AND $2 LIKE '%,' || state || ',%' ORDER BY run_id LIMIT 1";
    match connection.fetch_first(sql, params![run_id, carrying()]).await? {
        None => Ok(()),
        Some(row) => {
            Err(CannotResend::Resent { run_id: row.parsed("run_id")?, state: row.parsed("state")? }.into())
        }
    }
}

#[async_trait]
impl<D: Database> Resends for D {
    async fn resends_of(&self, run_id: RunId) -> Result<Vec<(Run, u64)>, StoreError> {
        let sql = "SELECT r.*, (SELECT count(*) FROM crossfoot_resent n WHERE n.run_id = r.run_id) AS carried
                   FROM crossfoot_run r WHERE r.resends = $1 ORDER BY r.run_id";
        let rows = self.fetch(sql, params![run_id]).await?;
        rows.iter().map(|row| Ok((run_from(row)?, row.get("carried")?))).collect()
    }

    async fn originals(
        &self,
        run_id: RunId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Original)>, StoreError> {
        let sql = "SELECT record_no, first_record_no, first_offset_bytes FROM crossfoot_resent
                   WHERE run_id = $1 AND record_no > $2 ORDER BY record_no LIMIT $3";
        self.fetch(sql, params![run_id, Param::place(after), limit])
            .await?
            .iter()
            .map(original_from)
            .collect()
    }
}
