//! Staging that the server does not log: whether a crash has emptied it, and of which chunks.
//!
//! A table of the same kind tells: `crossfoot_unlogged` has a row for each run whose staging is whole. When the server
//! recovers from a crash, or a standby takes over, it empties both, and never one of them alone.

use domain::ids::{ChunkNo, RunId};
use domain::table::TableName;
use sqlx::postgres::PgConnection;
use store::database::{Connection as _, Database as _};
use store::names::table as quoted_table;
use store::runs::hold_fence;
use store::{Fence, StoreError, params};

use super::connect::PostgresStore;
use super::ledger::Ledger;

/// Notes that the run's staging is whole.
pub(crate) async fn mark(connection: &mut PgConnection, run_id: RunId) -> Result<(), StoreError> {
    let sql = "INSERT INTO crossfoot_unlogged (run_id) VALUES ($1) ON CONFLICT DO NOTHING";
    Ledger(connection).execute(sql, params![run_id]).await?;
    Ok(())
}

impl PostgresStore {
    /// Whether the run's staging is not whole.
    pub(crate) async fn lost_unlogged(&self, run_id: RunId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS n FROM crossfoot_unlogged WHERE run_id = $1";
        Ok(self.fetch(sql, params![run_id]).await?.is_empty())
    }

    /// The first `max` committed chunks of which no row is in the run's partitions, `tables`. A crash leaves nothing
    /// of a chunk: its rows were committed together. If no chunk is missing, the run's staging is noted to be whole,
    /// in the same transaction: a crash in between ends that too.
    pub(crate) async fn gaps(
        &self,
        fence: Fence,
        tables: Vec<TableName>,
        max: u32,
    ) -> Result<Vec<ChunkNo>, StoreError> {
        self.change_watched("looking for what staging lost", move |connection, _| {
            Box::pin(async move {
                hold_fence(&mut Ledger(connection), fence).await?;
                let lacks = |table: &TableName| {
                    format!(
                        " AND NOT EXISTS (SELECT FROM {} s WHERE s.chunk_no = c.chunk_no)",
                        quoted_table(table)
                    )
                };
                let sql = format!(
                    "SELECT c.chunk_no FROM crossfoot_chunk c
                     WHERE c.run_id = $1 AND c.state = 'committed' AND c.accepted > 0{}
                     ORDER BY c.chunk_no LIMIT $2",
                    tables.iter().map(lacks).collect::<String>()
                );
                let rows = Ledger(connection).fetch(&sql, params![fence.run_id, max]).await?;
                if rows.is_empty() {
                    mark(connection, fence.run_id).await?;
                }
                rows.iter().map(|row| row.get("chunk_no").map(ChunkNo)).collect()
            })
        })
        .await
    }
}
