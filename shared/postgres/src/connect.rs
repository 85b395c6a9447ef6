//! Opening the database: who, where, over what; its schema; and the one way in which it is changed.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::RunId;
use domain::mask::MaskKey;
use futures_util::future::BoxFuture;
use platform::secret::{Secret, ServerUrl};
use sqlx::error::BoxDynError;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgConnectOptions, PgConnection, PgTypeInfo, PgValueRef, Postgres};
use sqlx::{Connection as _, Decode, Encode, Executor as _, Row as _, Type};
use store::StoreError;
use store::masking::Masking;
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

pub(crate) use super::locks::{Lock, lock, lock_for, share};

use super::clock;
use super::place::{self, LedgerSchema, Place};
use super::pool::{Pool, Session, connect};
use super::sessions::APPLICATION;
use super::watched::Watch;

/// Every version of the schema, in order. What was released is never changed: a new version is added.
const MIGRATIONS: [(i64, &str, &str); 15] = [
    (1, "ledger", include_str!("0001_ledger.sql")),
    (2, "fleet", include_str!("0002_fleet.sql")),
    (3, "audit", include_str!("0003_audit.sql")),
    (4, "masking", include_str!("0004_masking.sql")),
    (5, "messages", include_str!("0005_messages.sql")),
    (6, "heartbeat", include_str!("0006_heartbeat.sql")),
    (7, "bytes", include_str!("0007_bytes.sql")),
    (8, "position", include_str!("0008_position.sql")),
    (9, "console", include_str!("0009_console.sql")),
    (10, "roles", include_str!("0010_roles.sql")),
    (11, "orders", include_str!("0011_orders.sql")),
    (12, "resend", include_str!("0012_resend.sql")),
    (13, "retention", include_str!("0013_retention.sql")),
    (14, "comparison", include_str!("0014_comparison.sql")),
    (15, "unlogged", include_str!("0015_unlogged.sql")),
];
/// The text of every version of the schema.
#[cfg(test)]
pub(crate) fn migrations() -> impl Iterator<Item = &'static str> {
    MIGRATIONS.into_iter().map(|(_, _, sql)| sql)
}

const SCHEMA_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// How long looking at the server, and making or updating the ledger, may take: another process may be doing it.
const MIGRATE: Duration = Duration::from_secs(300);
/// How long taking a failed transaction back may take, before the connection is closed instead.
pub(crate) const ROLLBACK: Duration = Duration::from_secs(5);
/// Connections of one process, unless it is said otherwise.
const CONNECTIONS: u32 = 16;

/// What every transaction begins with, whatever the server's defaults are. What is acknowledged must be durable
/// and the locks below suppose that each statement sees what was committed before it.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// The parameters that a URL may have. The driver passes over any other, and logs its value, which may be a password
/// under a mistyped name.
const PARAMETERS: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[…]",
];
const UNKNOWN: &str = "its URL has an unknown parameter; supported parameters: ";

/// Where the database is, and who comes.
#[derive(Debug, Clone, Default)]
pub struct PostgresSettings {
    /// `postgres://USER@HOST:PORT/DATABASE?sslmode=…`; what is missing comes from the `PG…` variables.
    pub url: ServerUrl,
    /// In place of the URL's user.
    pub username: Option<String>,
    /// In place of the URL's password.
    pub password: Option<Secret>,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// A PEM file of authorities to trust besides the system's, unless the URL names one (`sslrootcert`).
    pub ca_file: Option<PathBuf>,
    /// The most connections; 16 by default.
    pub max_connections: Option<u32>,
    /// In which schema the ledger is. A URL that sets the search path decides, unless a schema is named here.
    pub schema: LedgerSchema,
}

impl PostgresSettings {
    /// Settings of which only the URL is said.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

/// A store in a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) url: String,
    pub(crate) pool: Pool,
    pub(crate) place: Arc<Place>,
    /// By how much this host's clock was ahead of the server's when the store was opened.
    pub(crate) skew_ms: i64,
    pub(crate) masking: Arc<Masking>,
}

/// A run's id as PostgreSQL's `uuid`.
pub(crate) struct Id(pub(crate) RunId);

const UUID: PgTypeInfo = PgTypeInfo::with_oid(Oid(2950));

impl Type<Postgres> for Id {
    fn type_info() -> PgTypeInfo {
        UUID
    }
}

impl Encode<'_, Postgres> for Id {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<sqlx::encode::IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0.to_bytes());
        Ok(sqlx::encode::IsNull::No)
    }
}

impl<'r> Decode<'r, Postgres> for Id {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(RunId::from_bytes(value.as_bytes()?.try_into()?)))
    }
}

impl PostgresStore {
    /// Opens the store, making the ledger if it is missing.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`], [`StoreError::Unreachable`], [`StoreError::Unfit`], [`StoreError::Newer`].
    pub async fn open(settings: &PostgresSettings) -> Result<Self, StoreError> {
        let url = settings.url.to_string();
        let unreachable = |reason: String| StoreError::Unreachable { url: url.clone(), reason };
        let options = options(settings, &url)?;
        // The pool itself would go on trying a server that refuses, and say in the end that time is up.
        let (mut first, _) = connect(&options).await.map_err(|error| unreachable(why(&error)))?;
        let looked = timeout(MIGRATE, async {
            let unfit = |error: Unfit| StoreError::Unfit { url: url.clone(), reason: error.to_string() };
            fits(&mut first).await.map_err(unfit)?;
            let skew_ms = clock::skew_ms(&mut first).await?;
            let url_decides = settings.url.reveal().contains("search_path");
            let place = place::find(&mut first, &settings.schema, &url, url_decides).await?;
            migrate(&mut first).await.map_err(|error| match error {
                MigrateError::VersionMissing(found) => StoreError::Newer { found, known: SCHEMA_VERSION },
                MigrateError::VersionTooNew(found, known) => StoreError::Newer { found, known },
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    unreachable(format!("cannot create its ledger: {}", why(&error)))
                }
                other => unreachable(other.to_string()),
            })?;
            Ok((skew_ms, place))
        });
        let (skew_ms, place) = looked.await.unwrap_or_else(|_| {
            Err(unreachable(format!("cannot read its ledger within {} s", MIGRATE.as_secs())))
        })?;
        drop(timeout(ROLLBACK, first.close()).await);
        clock::warn_of(skew_ms);
        let max = settings.max_connections.unwrap_or(CONNECTIONS).max(2);
        let pool = Pool::new(options, place.path.clone(), max);
        Ok(Self { url, pool, place: Arc::new(place), skew_ms, masking: Arc::default() })
    }

    /// With the operator's masking key, if one was set.
    #[must_use]
    pub fn with_masking_key(self, configured: Option<MaskKey>) -> Self {
        Self { masking: Arc::new(Masking::of(configured)), ..self }
    }

    /// Runs `change` in one transaction. Once begun it runs to its end, even if its caller stops waiting.
    pub(crate) async fn change<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        self.change_watched("a change of the ledger", |connection, _| change(connection)).await
    }

    /// As [`PostgresStore::change`], and `change` tells its watch how it goes. `what` names it in the log.
    pub(crate) async fn change_watched<T, F>(&self, what: &'static str, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection, Watch) -> BoxFuture<'c, Result<T, StoreError>>
            + Send
            + 'static,
    {
        let store = self.clone();
        to_its_end(async move {
            let (mut session, watch) = store.begin().await?;
            let done = watch.over(what, change(&mut session, watch.clone())).await;
            match done {
                Ok(done) => {
                    fault::around!(
                        "ledger.commit",
                        watch.over(what, session.execute("COMMIT")).await.map_err(StoreError::from)
                    )?;
                    session.keep();
                    Ok(done)
                }
                Err(error) => {
                    take_back(session).await;
                    Err(watch.told(error))
                }
            }
        })
        .await
    }

    /// A session in a transaction.
    pub(crate) async fn begin(&self) -> Result<(Session, Watch), StoreError> {
        let mut session = self.pool.acquire().await?;
        let watch = session.watch();
        watch.over("beginning a transaction", session.execute(BEGIN)).await?;
        Ok((session, watch))
    }
}

/// Takes a transaction back. When this fails too the connection is closed, and the transaction ends with it.
pub(crate) async fn take_back(mut session: Session) {
    if let Ok(Ok(_)) = timeout(ROLLBACK, session.execute("ROLLBACK")).await {
        session.keep();
    }
}

/// Runs `work` as a task of its own, which is not cancelled when its caller stops waiting.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => {
            let why = platform::telemetry::ended(&error);
            Err(StoreError::Interrupted { reason: format!("a task of the store ended: {why}") })
        }
    }
}

fn options(settings: &PostgresSettings, url: &str) -> Result<PgConnectOptions, StoreError> {
    let bad = || StoreError::BadUrl { url: url.to_owned() };
    if !settings.url.is_of(&["postgres://", "postgresql://"]) {
        return Err(bad());
    }
    let parsed = Url::parse(settings.url.reveal()).map_err(|_| bad())?;
    let is_known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
    if parsed.query_pairs().any(|(name, _)| !is_known(&name)) {
        return Err(StoreError::Unfit {
            url: url.to_owned(),
            reason: format!("{UNKNOWN}{}", PARAMETERS.join(", ")),
        });
    }
    let mut options = PgConnectOptions::from_str(settings.url.reveal()).map_err(|_| bad())?;
    options = options.application_name(APPLICATION);
    if let Some(file) = &settings.ca_file
        && !names_authority(&parsed)
    {
        options = options.ssl_root_cert(file);
    }
    if let Some(username) = &settings.username {
        options = options.username(username);
    }
    if let Some(file) = &settings.password_file {
        let text = Secret::from_file(file).map_err(|error| StoreError::Unreachable {
            url: url.to_owned(),
            reason: format!("cannot read the password file {}: {error}", file.display()),
        })?;
        options = options.password(text.reveal());
    }
    if let Some(password) = &settings.password {
        options = options.password(password.reveal());
    }
    Ok(options)
}

/// Whether a URL names the file of the authorities to trust.
#[must_use]
pub fn names_authority(url: &Url) -> bool {
    url.query_pairs().any(|(name, _)| ["sslrootcert", "ssl-root-cert", "ssl-ca"].contains(&&*name))
}

/// A connection to the database as it is: no ledger is made.
pub(crate) async fn connected(settings: &PostgresSettings) -> Result<PgConnection, StoreError> {
    let url = settings.url.to_string();
    let options = options(settings, &url)?;
    let connected = connect(&options).await;
    connected
        .map(|(connection, _)| connection)
        .map_err(|error| StoreError::Unreachable { url, reason: why(&error) })
}

/// Why the settings are refused before any server is asked, in words that hold no secret.
#[must_use]
pub fn refused(settings: &PostgresSettings) -> Option<String> {
    options(settings, &settings.url.to_string()).err().map(|error| error.to_string())
}

/// Why there is no connection, for the person who has to fix it.
fn why(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => match database.code() {
            Some(code) => format!("{} (SQLSTATE {code})", database.message()),
            None => database.message().to_owned(),
        },
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "nothing listens there (connection refused)".into()
        }
        sqlx::Error::Io(error) if error.to_string().contains("lookup") => {
            format!("host not found ({error})")
        }
        // What rustls has against a server's certificate comes wrapped into an error of reading.
        sqlx::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            format!(
                "cannot establish a TLS connection: {error}; its certificate must be signed by the CA in \
                 `tls.ca_file` or `sslrootcert`, or by one that this system trusts, and must match the host name"
            )
        }
        sqlx::Error::Tls(error) => {
            let mut said = format!("cannot establish a TLS connection: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                said = format!("{said}: {error}");
                cause = error.source();
            }
            said
        }
        other => other.to_string(),
    }
}

/// Why a server is not suitable.
#[derive(Debug, Error)]
enum Unfit {
    /// It could not be asked.
    #[error("{}", why(.0))]
    Unasked(#[from] sqlx::Error),
    /// It is too old.
    #[error("its server has version {0}; use 13 or later")]
    Version(i32),
    /// It cannot keep every text.
    #[error(
        "the database's encoding is {0}; create one with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`"
    )]
    Encoding(String),
    /// It does not count changed rows.
    #[error(
        "track_counts is off on the server; turn it on, because promotion uses it to count the rows that triggers \
         change"
    )]
    Uncounted,
}

/// Whether the server can keep what it is given, and count what a promotion changes.
async fn fits(connection: &mut PgConnection) -> Result<(), Unfit> {
    let row = sqlx::query(
        "SELECT current_setting('server_encoding') AS encoding, current_setting('track_counts') AS counts,
         current_setting('server_version_num')::int AS version",
    )
    .fetch_one(connection)
    .await?;
    let (version, encoding): (i32, String) = (row.try_get("version")?, row.try_get("encoding")?);
    if version < 130_000 {
        return Err(Unfit::Version(version / 10_000));
    }
    if encoding != "UTF8" {
        return Err(Unfit::Encoding(encoding));
    }
    if row.try_get::<String, _>("counts")? != "on" {
        return Err(Unfit::Uncounted);
    }
    Ok(())
}

/// Makes or updates the ledger. Two processes may open the same database at the same time: the migrator holds an
/// advisory lock, and the second finds what the first has made.
async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    if let Some(found) = version(connection).await? {
        if found > SCHEMA_VERSION {
            return Err(MigrateError::VersionTooNew(found, SCHEMA_VERSION));
        }
        if found == SCHEMA_VERSION {
            // Whoever only works here may lack the right to make tables.
            return Ok(());
        }
    }
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        let sql = sqlx::SqlSafeStr::into_sql_str(sql);
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.dangerous_set_table_name("crossfoot_schema");
    migrator.run_direct(None, connection, false).await
}

async fn version(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    let is_there: bool = sqlx::query("SELECT to_regclass('crossfoot_schema') IS NOT NULL AS x")
        .fetch_one(&mut *connection)
        .await?
        .try_get("x")?;
    if !is_there {
        return Ok(None);
    }
    sqlx::query("SELECT max(version) AS v FROM crossfoot_schema WHERE success")
        .fetch_one(connection)
        .await?
        .try_get("v")
}
