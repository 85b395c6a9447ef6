//! What rules need of PostgreSQL. What they cost depends on the run, not on what final holds already.

use async_trait::async_trait;
use domain::ids::RunId;
use domain::layout::Layout;
use domain::rule::RuleOutcome;
use domain::table::TableName;
use job::Job;
use sqlx::postgres::PgConnection;
use sqlx::{Executor as _, Row as _};
use store::model::RulesApplied;
use store::rules::{Balance, Compared, Keys, Rules, RulesConnection, apply, order};
use store::{Fence, StoreError};

use super::balance;
use super::connect::PostgresStore;
use super::found::same_key;
use super::ledger::Ledger;
use super::staging::analyze;
use super::tables::{equalities, partition, quoted_table};

/// Sorting and hashing a run's keys happens in memory up to this, and then in temporary files.
const PLANS: &str = "SET LOCAL work_mem = '128MB'";

#[async_trait]
impl Rules for PostgresStore {
    async fn apply_rules(&self, fence: Fence, job: &Job, keys: Keys) -> Result<RulesApplied, StoreError> {
        let job = job.clone();
        self.change(move |connection| {
            Box::pin(async move { apply(&mut Ledger(connection), fence, &job, keys).await })
        })
        .await
    }
}

#[async_trait]
impl RulesConnection for Ledger<'_> {
    async fn before_rules(&mut self, run_id: RunId, job: &Job) -> Result<(), StoreError> {
        self.0.execute(PLANS).await?;
        for layout in job.layouts() {
            analyze(self.0, layout, run_id).await?;
        }
        Ok(())
    }

    async fn references(
        &mut self,
        table: &TableName,
        compared: &[Compared<'_>],
    ) -> Result<Vec<String>, StoreError> {
        equalities(self.0, table, "t", compared.iter().copied()).await
    }

    async fn same_key(&mut self, layout: &Layout) -> Result<Vec<String>, StoreError> {
        same_key(self.0, layout, "f").await
    }

    async fn begin_looking_up(&mut self, run_id: RunId, layout: &Layout) -> Result<String, StoreError> {
        Ok(match join_final_by_index(self.0, layout, run_id).await? {
            true => by_key(layout),
            false => String::new(),
        })
    }

    async fn end_looking_up(&mut self) -> Result<(), StoreError> {
        self.0.execute("SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on").await?;
        Ok(())
    }

    async fn balance(&mut self, run_id: RunId, balance: Balance<'_>) -> Result<RuleOutcome, StoreError> {
        let unexcluded = store::rules::unexcluded(self, run_id).await?;
        balance::apply(self.0, run_id, &balance, &unexcluded).await
    }
}

/// A final table of at most this many times the size of the run's rows may be read as a whole to be joined with them.
const WHOLE_FINAL: i64 = 2;

/// Leaves the planner no way to read the whole of a final table that is large beside the run, so that what a run
/// costs depends on the run: final is looked into key by key, through its index. Says whether it is so large.
pub(crate) async fn join_final_by_index(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT coalesce(pg_table_size(to_regclass($1)), 0)
                > $3 * coalesce(pg_table_size(to_regclass($2)), 0) AS large",
    )
    .bind(quoted_table(&layout.final_table.name))
    .bind(quoted_table(&partition(&layout.staging, run_id)))
    .bind(WHOLE_FINAL)
    .fetch_one(&mut *connection)
    .await?;
    let is_large = row.try_get("large")?;
    if is_large {
        connection.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off").await?;
    }
    Ok(is_large)
}

/// In the order of final's key. Staged records that look final's rows up one by one in this order walk its index
/// from end to end; in any other each of them jumps to a page of its own.
pub(crate) fn by_key(layout: &Layout) -> String {
    format!(" ORDER BY {}", order(layout))
}
