//! Rows at the end of final that name a run which the ledger does not know.

use domain::layout::Layout;
use sqlx::Row as _;
use store::StoreError;
use store::names::{quoted, table as quoted_table};
use store::strangers::{run_column, strangers};

use super::connect::{PostgresStore, take_back};
use super::found::is_there;

/// This many bytes at the end of a table are looked at: rows that were added last are there.
const BYTES_MAX: i64 = 100 << 20;

/// And so many rows of it.
const ROWS_MAX: u32 = 2_000_000;

impl PostgresStore {
    /// Runs that the newest rows of the final table of `layout` name and that the ledger does not know, a few of them.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn strangers(&self, layout: &Layout) -> Result<Vec<String>, StoreError> {
        let table = layout.final_table.run_table().unwrap_or(&layout.final_table.name);
        let name = quoted_table(table);
        let (mut session, _watch) = self.begin().await?;
        if !is_there(&mut session, table).await? {
            take_back(session).await;
            return Ok(Vec::new());
        }
        let row = sqlx::query(
            "SELECT greatest(pg_relation_size(to_regclass($1)) - $2, 0)
                    / current_setting('block_size')::bigint AS page",
        )
        .bind(&name)
        .bind(BYTES_MAX)
        .fetch_one(&mut *session)
        .await?;
        take_back(session).await;
        let (page, column) = (row.try_get::<i64, _>("page")?, run_column(layout));
        let newest =
            format!("(SELECT {} FROM {name} WHERE ctid >= '({page},0)' LIMIT {ROWS_MAX})", quoted(column));
        strangers(self, &newest, column).await
    }
}
