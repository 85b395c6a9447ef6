//! What the server says of itself, for a person who has to make it work.

use sqlx::Row as _;

use super::connect::PostgresStore;
use crate::store::StoreError;

/// Facts about a server and what its user may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its version, such as `15.8`.
    pub version: String,
    /// The same as a number, such as 150008.
    pub version_num: i32,
    /// Whether it writes through to the disk.
    pub fsync: bool,
    /// Whether a page that was torn by a crash can be mended.
    pub full_page_writes: bool,
    /// Who we are.
    pub user: String,
    /// Where our tables are made.
    pub schema: String,
    /// Whether we may make them.
    pub may_create: bool,
    /// Connections that are open now.
    pub connections: i64,
    /// Connections that it allows.
    pub max_connections: i64,
}

impl PostgresStore {
    /// What the server says of itself.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn facts(&self) -> Result<Facts, StoreError> {
        let row = sqlx::query(
            "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS version_num,
                    current_setting('fsync')::bool AS fsync, current_setting('full_page_writes')::bool AS full_page_writes,
                    current_user::text AS user_name, coalesce(current_schema()::text, '') AS schema_name,
                    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
                    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
                    current_setting('max_connections')::bigint AS max_connections",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Facts {
            version: row.try_get("version")?,
            version_num: row.try_get("version_num")?,
            fsync: row.try_get("fsync")?,
            full_page_writes: row.try_get("full_page_writes")?,
            user: row.try_get("user_name")?,
            schema: row.try_get("schema_name")?,
            may_create: row.try_get("may_create")?,
            connections: row.try_get("connections")?,
            max_connections: row.try_get("max_connections")?,
        })
    }
}
