//! A look at a database's final tables, which changes nothing: no ledger is made.

use domain::layout::Layout;
use sqlx::Connection as _;
use store::StoreError;
use store::own_table::TableLook;
use tokio::time::timeout;

use super::connect::{PostgresSettings, ROLLBACK, connected};
use super::final_table;

/// Looks at the final tables that are there.
///
/// # Errors
/// [`StoreError::BadUrl`], [`StoreError::Unreachable`], and what the database says.
pub async fn look(settings: &PostgresSettings, layouts: &[&Layout]) -> Result<Vec<TableLook>, StoreError> {
    let mut connection = connected(settings).await?;
    let mut looks = Vec::new();
    for layout in layouts {
        looks.extend(final_table::look(&mut connection, layout).await?.map(|looked| looked.look));
    }
    drop(timeout(ROLLBACK, connection.close()).await);
    Ok(looks)
}
