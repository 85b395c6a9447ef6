//! Rows of final that name a run which the ledger does not know.

use domain::layout::Layout;
use store::StoreError;
use store::database::Database as _;
use store::names::{quoted, table as quoted_table};
use store::params;
use store::strangers::{run_column, strangers};

use super::connect::SqliteStore;

/// At most this many rows of a table are looked at, in the order in which it keeps them.
const ROWS_MAX: u32 = 1_000_000;

impl SqliteStore {
    /// Runs that rows of the final table of `layout` name and that the ledger does not know, a few of them.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn strangers(&self, layout: &Layout) -> Result<Vec<String>, StoreError> {
        let table = layout.final_table.run_table().unwrap_or(&layout.final_table.name);
        let there = "SELECT 1 AS x FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower($1)";
        if self.fetch_first(there, params![table.name()]).await?.is_none() {
            return Ok(Vec::new());
        }
        let column = run_column(layout);
        let newest = format!("(SELECT {} FROM {} LIMIT {ROWS_MAX})", quoted(column), quoted_table(table));
        strangers(self, &newest, column).await
    }
}
