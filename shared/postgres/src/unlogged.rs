//! Staging that the server does not log: whether a crash has emptied it, and of which chunks.
//!
//! A table of the same kind tells: `crossfoot_unlogged` has a row for each run whose staging is whole. When the server
//! recovers from a crash, or a standby takes over, it empties both, and never one of them alone.

use domain::ids::{ChunkNo, RunId};
use domain::table::TableName;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};
use store::names::table as quoted_table;
use store::runs::hold_fence;
use store::{Fence, StoreError};

use super::connect::{Id, PostgresStore};
use super::ledger::{Ledger, damaged};

/// Notes that the run's staging is whole.
pub(crate) async fn mark(connection: &mut PgConnection, run_id: RunId) -> Result<(), StoreError> {
    let sql = "INSERT INTO crossfoot_unlogged (run_id) VALUES ($1) ON CONFLICT DO NOTHING";
    sqlx::query(sql).bind(Id(run_id)).execute(connection).await?;
    Ok(())
}

impl PostgresStore {
    /// Whether the run's staging is not whole.
    pub(crate) async fn lost_unlogged(&self, run_id: RunId) -> Result<bool, StoreError> {
        self.change(move |connection| {
            Box::pin(async move {
                let sql = "SELECT NOT EXISTS (SELECT FROM crossfoot_unlogged WHERE run_id = $1) AS lost";
                Ok(sqlx::query(sql).bind(Id(run_id)).fetch_one(connection).await?.try_get("lost")?)
            })
        })
        .await
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
                     ORDER BY c.chunk_no LIMIT {max}",
                    tables.iter().map(lacks).collect::<String>()
                );
                let rows = sqlx::query(AssertSqlSafe(sql)).bind(Id(fence.run_id)).fetch_all(&mut *connection);
                let chunk_no = |row: sqlx::postgres::PgRow| {
                    let number: i64 = row.try_get("chunk_no")?;
                    let number = u64::try_from(number).map_err(|_| damaged(format!("chunk {number}")))?;
                    Ok::<_, StoreError>(ChunkNo(number))
                };
                let gaps = rows.await?.into_iter().map(chunk_no).collect::<Result<Vec<_>, _>>()?;
                if gaps.is_empty() {
                    mark(connection, fence.run_id).await?;
                }
                Ok(gaps)
            })
        })
        .await
    }
}
