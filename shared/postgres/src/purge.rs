//! A run's rows removed from staging.

use domain::table::TableName;
use sqlx::{AssertSqlSafe, Row as _};
use store::names::table as quoted_table;
use store::runs::hold_fence;
use store::{Fence, StoreError};

use super::connect::{Id, PostgresStore};
use super::found::is_there;
use super::ledger::Ledger;
use super::tables::partition;

impl PostgresStore {
    /// Empties the run's partition of staging at once, and then takes it off: only the second step needs all of
    /// staging for a moment. Rows of the run that lie elsewhere go one by one.
    pub(crate) async fn purge_staging(&self, fence: Fence, staging: TableName) -> Result<u64, StoreError> {
        let name = partition(&staging, fence.run_id);
        let (parent, partition) = (quoted_table(&staging), quoted_table(&name));
        let (parent_name, partition_name) = (staging.clone(), name.clone());
        let (from, truncate) = (parent.clone(), partition.clone());
        let removed = self
            .change_watched("emptying a run's staging", move |connection, watch| {
                // A process that is frozen while it sends or reads rows of the run holds its partition.
                watch.of_a_run_that_ended();
                Box::pin(async move {
                    hold_fence(&mut Ledger(connection), fence).await?;
                    let mut removed = 0;
                    if is_there(connection, &partition_name).await? {
                        let count = AssertSqlSafe(format!("SELECT count(*) AS n FROM {truncate}"));
                        removed += sqlx::query(count)
                            .fetch_one(&mut *connection)
                            .await?
                            .try_get::<i64, _>("n")?
                            .unsigned_abs();
                        sqlx::query(AssertSqlSafe(format!("TRUNCATE {truncate}")))
                            .execute(&mut *connection)
                            .await?;
                    }
                    if is_there(connection, &parent_name).await? {
                        let delete = AssertSqlSafe(format!("DELETE FROM {from} WHERE run_id = $1"));
                        let done =
                            sqlx::query(delete).bind(Id(fence.run_id)).execute(&mut *connection).await?;
                        removed += done.rows_affected();
                    }
                    Ok(removed)
                })
            })
            .await?;
        let mut tries = 0;
        loop {
            let (parent, partition, name) = (parent.clone(), partition.clone(), name.clone());
            let dropped = self
                .change_watched("dropping a run's staging", move |connection, _| {
                    Box::pin(async move {
                        hold_fence(&mut Ledger(connection), fence).await?;
                        if !is_there(connection, &name).await? {
                            return Ok(());
                        }
                        // Whoever reads staging now is waited for, but not for long: others queue up behind.
                        let sql = format!(
                            "SET LOCAL lock_timeout = '3s';
                             ALTER TABLE {parent} DETACH PARTITION {partition};
                             DROP TABLE {partition}"
                        );
                        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
                        Ok(())
                    })
                })
                .await;
            tries += 1;
            match dropped {
                Err(error) if error.is_transient() && tries < 5 => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(removed),
            }
        }
    }
}
