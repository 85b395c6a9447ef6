//! A promoted run's rows taken out of final again.

use std::sync::Arc;

use domain::back_out::can_be_told;
use domain::layout::Layout;
use job::Job;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _};
use store::failure::refused;
use store::names::table as quoted_table;
use store::promotion::{Undo, delete_statement};
use store::runs::hold_fence;
use store::{Fence, StoreError};

use super::attach;
use super::connect::PostgresStore;
use super::final_table::check_again;
use super::ledger::Ledger;

/// Others who read or write final are waited for, but not for long: more of them queue up after this.
const WAITS: &str = "SET LOCAL lock_timeout = '30s'";

impl PostgresStore {
    /// See [`store::promotion::Promotions::back_out`].
    pub(crate) async fn take_out(
        &self,
        fence: Fence,
        job: &Arc<Job>,
        promoted: u64,
        undo: Undo,
    ) -> Result<(), StoreError> {
        let job = Arc::clone(job);
        self.change_watched("backing a run out", move |connection, _| {
            Box::pin(async move {
                let mut layouts: Vec<_> = job.layouts().map(|layout| &**layout).collect();
                can_be_told(layouts.iter().copied())?;
                connection.execute(WAITS).await?;
                // As a promotion does: two jobs with the same tables do not wait for each other.
                layouts.sort_by(|a, b| a.final_table.name.cmp(&b.final_table.name));
                let mut found = 0;
                for layout in layouts {
                    found += take_out_of(connection, layout, fence).await?;
                }
                let mut ledger = Ledger(connection);
                hold_fence(&mut ledger, fence).await?;
                undo.put(&mut ledger, fence, (promoted, found)).await
            })
        })
        .await
    }
}

/// Takes the run's rows out of one final table. How many there were.
async fn take_out_of(
    connection: &mut PgConnection,
    layout: &Layout,
    fence: Fence,
) -> Result<u64, StoreError> {
    if layout.is_attached() {
        return attach::take_back(connection, layout, fence.run_id).await;
    }
    check_again(connection, layout).await?;
    let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", quoted_table(&layout.final_table.name));
    connection.execute(AssertSqlSafe(lock)).await?;
    let Some(delete) = delete_statement(layout, fence.run_id) else { return Ok(0) };
    Ok(connection.execute(AssertSqlSafe(delete)).await.map_err(refused)?.rows_affected())
}
