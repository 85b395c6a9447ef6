//! How many rows a promotion changed, whoever changed them: its statements, or triggers.

use job::Job;
use rusqlite::Connection;
use store::StoreError;
use store::names::{quoted, table as quoted_table};

/// Counts the rows that change.
pub(crate) enum Counter {
    /// Those of any table, since the connection was opened; so many there were before.
    OfAll(u64),
    /// Those of the job's own tables, which triggers of the connection count one by one.
    OfOwn,
}

impl Counter {
    /// Begins to count. If the job lists triggers that may change other tables, only rows of its own tables count:
    /// SQLite's own count does not tell tables apart.
    pub(crate) fn begin(connection: &Connection, job: &Job) -> Result<Self, StoreError> {
        if job.layouts().all(|layout| layout.final_table.triggers.is_empty()) {
            return Ok(Self::OfAll(total(connection)?));
        }
        connection.execute_batch("CREATE TEMP TABLE crossfoot_changed (n INTEGER NOT NULL)")?;
        connection.execute_batch("INSERT INTO temp.crossfoot_changed VALUES (0)")?;
        let tables = job.layouts().flat_map(|layout| layout.final_table.written());
        for (at, table) in tables.enumerate() {
            for event in ["INSERT", "UPDATE", "DELETE"] {
                let name = quoted(&format!("crossfoot_counts_{at}_{}", event.to_lowercase()));
                connection.execute_batch(&format!(
                    "CREATE TEMP TRIGGER {name} AFTER {event} ON main.{} BEGIN
                     UPDATE crossfoot_changed SET n = n + 1; END",
                    quoted_table(table)
                ))?;
            }
        }
        Ok(Self::OfOwn)
    }

    /// How many rows changed. The connection goes with the promotion, and its triggers with it.
    pub(crate) fn end(self, connection: &Connection) -> Result<u64, StoreError> {
        match self {
            Self::OfAll(before) => Ok(total(connection)?.saturating_sub(before)),
            Self::OfOwn => {
                Ok(connection.query_row("SELECT n FROM temp.crossfoot_changed", [], |row| row.get(0))?)
            }
        }
    }
}

/// Rows changed in any table since the connection was opened, triggers included.
fn total(connection: &Connection) -> Result<u64, StoreError> {
    Ok(connection.query_row("SELECT total_changes()", [], |row| row.get(0))?)
}
