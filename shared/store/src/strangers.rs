//! Rows of final that name a run which the ledger does not know: the ledger is older than final, or another one's.

use domain::layout::Layout;

use crate::database::Database;
use crate::names::quoted;
use crate::{StoreError, params};

/// At most this many runs are named.
pub const NAMED_MAX: u32 = 5;

/// The column of final, or of the table beside it, that names a row's run.
#[must_use]
pub fn run_column(layout: &Layout) -> &str {
    layout.final_table.run_column().unwrap_or(domain::table::LAST_RUN_ID)
}

/// The runs that rows of `newest` name and that are not in the ledger, a few of them. `newest`: an SQL expression for a
/// bounded part of the table, with the column of the run.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn strangers<D: Database>(
    database: &D,
    newest: &str,
    column: &str,
) -> Result<Vec<String>, StoreError> {
    let column = quoted(column);
    let sql = format!(
        "SELECT x.id FROM (SELECT DISTINCT CAST(t.{column} AS text) AS id FROM {newest} t
                           WHERE t.{column} IS NOT NULL) x
         WHERE NOT EXISTS (SELECT 1 FROM crossfoot_run r WHERE CAST(r.run_id AS text) = x.id) ORDER BY x.id LIMIT $1"
    );
    database.fetch(&sql, params![NAMED_MAX]).await?.iter().map(|row| row.get("id")).collect()
}
