//! The shadows of a drill: stores of its own, never the real tables.
//!
//! Embedded, each shadow is an SQLite file in a temporary folder. On PostgreSQL it is a schema of its own in the
//! database, and nothing but that schema is on its connections' search path, so that no name in it can lead to a real
//! table. Tables that the job's rules refer to are copied in.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::rule::Condition;
use domain::table::TableName;
use job::{Job, ShadowJob};
use postgres::{LedgerSchema, PostgresSettings, PostgresStore, PostgresTarget};
use rusqlite::Connection;
use sqlite::{SqliteStore, SqliteTarget};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::target::{Target, TargetError};
use store::{Store, StoreError};
use thiserror::Error;

use crate::sql::{Dialect, quoted, quoted_table};

/// How long a shadow waits for its own locks.
const BUSY: Duration = Duration::from_secs(30);

/// Connections of a shadow's store: the fleet is small.
const CONNECTIONS: u32 = 8;

/// Where shadows are made.
pub enum ShadowFactory {
    /// SQLite files. `real`: the real store's file, if there is one, from which tables are copied that rules refer to.
    Embedded {
        /// The file of the real store; `None` if there is none.
        real: Option<PathBuf>,
    },
    /// Schemas in a PostgreSQL database.
    Postgres(PostgresSettings),
}

/// A store of its own, and the SQL client that damages it.
pub(crate) struct Shadow {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) client: Arc<SqlClient>,
    dir: tempfile::TempDir,
    schema: Option<String>,
    /// How its database is reached, if it is PostgreSQL.
    settings: Option<PostgresSettings>,
}

static SHADOWS: AtomicU32 = AtomicU32::new(0);

impl ShadowFactory {
    /// What its SQL is.
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Embedded { .. } => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// The kind of store, for the reader.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Embedded { .. } => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// A new shadow, with the job's tables in it and those that its rules refer to.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be made.
    pub(crate) async fn shadow(&self, of: &ShadowJob) -> Result<Shadow, StoreError> {
        let job = &of.job;
        let dir = tempfile::Builder::new()
            .prefix("crossfoot-drill-")
            .tempdir()
            .map_err(|error| failed(format!("a temporary folder: {error}")))?;
        match self {
            Self::Embedded { real } => {
                let path = dir.path().join("shadow.db");
                let store = SqliteStore::open(&format!("sqlite:{}", path.display())).await?;
                let client = Arc::new(SqlClient::Sqlite(path));
                let shadow = Shadow { store: Arc::new(store), client, dir, schema: None, settings: None };
                if let Some(real) = real {
                    shadow.copy_referenced_sqlite(real, of).map_err(|error| failed(error.to_string()))?;
                }
                shadow.store.prepare(job).await?;
                Ok(shadow)
            }
            Self::Postgres(settings) => {
                let number = SHADOWS.fetch_add(1, Ordering::Relaxed);
                let schema = format!("crossfoot_drill_{}_{number}", std::process::id());
                let open = |url: &str, most: u32| {
                    PgPoolOptions::new().max_connections(most).acquire_timeout(BUSY).connect_lazy(url)
                };
                let refused = |error: sqlx::Error| failed(format!("the shadow's schema: {error}"));
                let real = open(&login(settings)?, 1).map_err(refused)?;
                real.execute(AssertSqlSafe(format!("CREATE SCHEMA {}", quoted(&schema)))).await.map_err(|error| {
                    failed(format!(
                        "a schema for the drill cannot be made in the database: {error}; grant CREATE on the database, or drill embedded"
                    ))
                })?;
                for table in referenced(job) {
                    let (real_name, copy) = (
                        quoted_table(of.real(&table)),
                        format!("{}.{}", quoted(&schema), quoted_table(&table)),
                    );
                    let sql = format!(
                        "CREATE TABLE {copy} (LIKE {real_name}); INSERT INTO {copy} SELECT * FROM {real_name}"
                    );
                    // What is not there, the run itself complains of.
                    drop(real.execute(AssertSqlSafe(sql)).await);
                }
                real.close().await;
                let login = login(settings)?;
                let separator = if login.contains('?') { '&' } else { '?' };
                let url = format!("{login}{separator}options=-csearch_path%3D{schema}");
                let own = PostgresSettings {
                    url: url.as_str().into(),
                    max_connections: Some(CONNECTIONS),
                    // All of it in the shadow's own schema.
                    schema: LedgerSchema::SearchPath,
                    ..settings.clone()
                };
                let store = PostgresStore::open(&own).await?;
                let pool = open(&url, 2).map_err(refused)?;
                let shadow = Shadow {
                    store: Arc::new(store),
                    client: Arc::new(SqlClient::Postgres(pool)),
                    dir,
                    schema: Some(schema),
                    settings: Some(own),
                };
                shadow.store.prepare(job).await?;
                Ok(shadow)
            }
        }
    }
}

/// The URL with user and password in it: the SQL client connects by URL alone.
fn login(settings: &PostgresSettings) -> Result<String, StoreError> {
    let bad = || StoreError::BadUrl { url: settings.url.to_string() };
    let mut url: url::Url = settings.url.reveal().parse().map_err(|_| bad())?;
    if let Some(username) = &settings.username {
        url.set_username(username).map_err(|()| bad())?;
    }
    let of_file =
        settings.password_file.as_ref().and_then(|file| platform::secret::Secret::from_file(file).ok());
    let of_file = of_file.map(|secret| secret.reveal().to_owned());
    let password = settings.password.as_ref().map(|password| password.reveal().to_owned()).or(of_file);
    if let Some(password) = password {
        url.set_password(Some(&password)).map_err(|()| bad())?;
    }
    if let Some(file) = &settings.ca_file
        && !postgres::names_authority(&url)
    {
        url.query_pairs_mut().append_pair("sslrootcert", &file.to_string_lossy());
    }
    Ok(url.into())
}

fn failed(reason: String) -> StoreError {
    StoreError::Database { reason }
}

/// The tables that the job's rules refer to, other than its own.
fn referenced(job: &Job) -> Vec<TableName> {
    let own: Vec<_> = job.layouts().map(|layout| layout.final_table.name.clone()).collect();
    let mut tables: Vec<_> = job
        .rules
        .iter()
        .filter_map(|rule| match &rule.condition {
            Condition::References { table, .. } if !own.contains(table) => Some(table.clone()),
            _ => None,
        })
        .collect();
    tables.sort();
    tables.dedup();
    tables
}

impl Shadow {
    /// The path of a file of its own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The shadow as a database that another program loaded.
    pub(crate) async fn target(&self) -> Result<Arc<dyn Target>, TargetError> {
        Ok(match (&*self.client, &self.settings) {
            (SqlClient::Sqlite(path), _) => {
                Arc::new(SqliteTarget::open(&format!("sqlite:{}", path.display()))?)
            }
            (_, settings) => Arc::new(PostgresTarget::open(settings.clone().unwrap_or_default()).await?),
        })
    }

    fn copy_referenced_sqlite(&self, real: &Path, of: &ShadowJob) -> Result<(), SqlError> {
        if !real.exists() {
            return Ok(());
        }
        for table in referenced(&of.job) {
            let real_table = of.real(&table);
            let attach =
                format!("ATTACH DATABASE '{}' AS real", real.display().to_string().replace('\'', "''"));
            let SqlClient::Sqlite(path) = &*self.client else { return Ok(()) };
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY)?;
            connection.execute_batch(&attach)?;
            let made = connection.query_row(
                "SELECT sql FROM real.sqlite_schema WHERE type = 'table' AND lower(name) = lower(?1)",
                [real_table.name()],
                |row| row.get::<_, String>(0),
            );
            if let Ok(sql) = made {
                let (copied, real_table) = (quoted_table(&table), quoted_table(real_table));
                // Under its own name first: that is how its statement calls it.
                let rename = match copied == real_table {
                    true => String::new(),
                    false => format!("ALTER TABLE main.{real_table} RENAME TO {copied};"),
                };
                let copy =
                    format!("{sql}; {rename} INSERT INTO main.{copied} SELECT * FROM real.{real_table}");
                connection
                    .execute_batch(&copy)
                    .map_err(|error| SqlError::Copy { table: table.to_string(), error })?;
            }
        }
        Ok(())
    }

    /// Removes it. An SQLite shadow goes with its folder.
    pub(crate) async fn remove(self) {
        if let (SqlClient::Postgres(pool), Some(schema)) = (&*self.client, &self.schema) {
            let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", quoted(schema));
            drop(pool.execute(AssertSqlSafe(sql)).await);
            pool.close().await;
        }
    }
}

/// Why a statement was not done.
#[derive(Debug, Error)]
pub(crate) enum SqlError {
    /// SQLite rejected the statement, or could not be asked.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refuses it, in its words.
    #[error("{0}")]
    Refused(String),
    /// PostgreSQL could not be asked, or its answer not be read.
    #[error(transparent)]
    Postgres(#[from] sqlx::Error),
    /// A table that the job's rules refer to was not copied.
    #[error("table {table}: {error}")]
    Copy {
        /// The table that was to be copied.
        table: String,
        /// What SQLite said when the table was copied.
        error: rusqlite::Error,
    },
    /// A query was to give a number.
    #[error("no number comes of {0}")]
    NoNumber(String),
}

/// Damages a shadow with plain SQL, as someone with the database's password would.
pub(crate) enum SqlClient {
    Sqlite(PathBuf),
    Postgres(PgPool),
}

impl SqlClient {
    /// Runs statements; how many rows the last of them changed, where the database says so.
    pub(crate) async fn execute(&self, sql: &str) -> Result<u64, SqlError> {
        match self {
            Self::Sqlite(path) => {
                let connection = Connection::open(path)?;
                connection.busy_timeout(BUSY)?;
                let before = connection.total_changes();
                connection.execute_batch(sql)?;
                Ok(connection.total_changes() - before)
            }
            Self::Postgres(pool) => {
                let done = pool.execute(AssertSqlSafe(sql.to_owned())).await;
                done.map(|done| done.rows_affected()).map_err(|error| match error {
                    sqlx::Error::Database(said) => SqlError::Refused(said.message().to_owned()),
                    other => other.into(),
                })
            }
        }
    }

    /// The first column of the first row, which must be text or NULL.
    pub(crate) async fn text(&self, sql: &str) -> Result<Option<String>, SqlError> {
        match self {
            Self::Sqlite(path) => {
                let connection = Connection::open(path)?;
                connection.busy_timeout(BUSY)?;
                match connection.query_row(sql, [], |row| row.get(0)) {
                    Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
                    found => Ok(found?),
                }
            }
            Self::Postgres(pool) => {
                let row = pool.fetch_optional(AssertSqlSafe(sql.to_owned())).await;
                match row? {
                    Some(row) => Ok(row.try_get(0)?),
                    None => Ok(None),
                }
            }
        }
    }

    /// The whole number that the query gives.
    pub(crate) async fn number(&self, sql: &str) -> Result<u64, SqlError> {
        let text = self.text(&format!("SELECT CAST(({sql}) AS TEXT)")).await?;
        text.and_then(|text| text.parse().ok()).ok_or_else(|| SqlError::NoNumber(sql.into()))
    }
}
