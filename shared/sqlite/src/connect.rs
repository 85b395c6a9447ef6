//! Opening the database, and the one place through which everything is written.
//!
//! Statements go through `rusqlite`, on a blocking thread: measured over 1,000,000 rows of six columns it reads
//! back in 0.3 s where `sqlx` takes 3.4 s, and a closure on a blocking thread cannot be cancelled half-way. Only
//! the migrations use `sqlx`, which records them the same way in every database.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::mask::MaskKey;
use platform::files::create_new_private;
use platform::inline;
use platform::secret::ServerUrl;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection};
use store::StoreError;
use store::database::Database as _;
use store::masking::Masking;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore};
use tokio::time::Instant;

/// How long a statement waits for another process to finish writing.
pub(crate) const BUSY: Duration = Duration::from_secs(60);

/// How soon a store that another process is just making is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// Memory for pages and sorting, for each connection: 16 MiB. Beyond it SQLite spills to temporary files.
const CACHE_KIB: i64 = 16 << 10;

/// Every version of the schema, in order. What was released is never changed: a new version is added.
const MIGRATIONS: [(i64, &str, &str); 13] = [
    (1, "ledger", include_str!("0001_ledger.sql")),
    (2, "fleet", include_str!("0002_fleet.sql")),
    (3, "audit", include_str!("0003_audit.sql")),
    (4, "masking", include_str!("0004_masking.sql")),
    (5, "messages", include_str!("0005_messages.sql")),
    (6, "heartbeat", include_str!("0006_heartbeat.sql")),
    (7, "bytes", include_str!("0007_bytes.sql")),
    (8, "position", include_str!("0008_position.sql")),
    (9, "console", include_str!("0009_console.sql")),
    (11, "orders", include_str!("0011_orders.sql")),
    (12, "resend", include_str!("0012_resend.sql")),
    (13, "retention", include_str!("0013_retention.sql")),
    (14, "comparison", include_str!("0014_comparison.sql")),
];
const SCHEMA_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// Maximum read-only connections in use: each has its own page cache.
const READERS: usize = 4;

/// An embedded store: one SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) path: PathBuf,
    readers: Arc<Readers>,
    writer: Arc<Mutex<Connection>>,
    turn: Arc<AsyncMutex<()>>,
    pub(crate) masking: Arc<Masking>,
    #[cfg(feature = "simulation")]
    pub(crate) gate: Option<Arc<dyn super::simulated::Gate>>,
}

/// The read-only connections of a store.
struct Readers {
    places: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl SqliteStore {
    /// Opens the store at `url` (`sqlite:PATH`), making the file and the ledger if they are missing.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`], [`StoreError::Unreachable`], [`StoreError::Newer`].
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::connect(url, true).await
    }

    /// Opens the store at `url` if its file is there.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]; [`StoreError::Unreachable`] when there is no such file.
    pub async fn open_existing(url: &str) -> Result<Self, StoreError> {
        Self::connect(url, false).await
    }

    async fn connect(url: &str, create: bool) -> Result<Self, StoreError> {
        let shown = ServerUrl::from(url).to_string();
        let bad = || StoreError::BadUrl { url: shown.clone() };
        let path = url.strip_prefix("sqlite:").filter(|path| !path.is_empty()).ok_or_else(bad)?;
        let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
        let unreachable = |reason: String| StoreError::Unreachable { url: shown.clone(), reason };
        if !create && !path.exists() {
            return Err(unreachable("there is no such file".into()));
        }
        if path.is_dir() {
            return Err(unreachable("it is a directory".into()));
        }
        if create {
            // Rows, rejects and the masking key stand in it: nobody but its owner reads them. SQLite gives its -wal
            // and -shm the mode of the file. Why it cannot be made, SQLite says itself; one that is there keeps its
            // mode.
            drop(create_new_private(&path));
        }
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(create)
            .busy_timeout(BUSY)
            .page_size(8192)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        make(&options).await.map_err(|error| match error {
            MigrateError::VersionMissing(found) => StoreError::Newer { found, known: SCHEMA_VERSION },
            MigrateError::VersionTooNew(found, known) => StoreError::Newer { found, known },
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) if is_full(&error) => {
                StoreError::Full
            }
            MigrateError::Execute(error) => unreachable(reason(&error)),
            other => unreachable(other.to_string()),
        })?;
        Self::at(path)
    }

    /// The store in the file at `path`, which is there and has this version's schema.
    pub(crate) fn at(path: PathBuf) -> Result<Self, StoreError> {
        let writer = Arc::new(Mutex::new(read_write(&path)?));
        let readers = Arc::new(Readers { places: Semaphore::new(READERS), idle: Mutex::default() });
        Ok(Self {
            path,
            readers,
            writer,
            turn: Arc::default(),
            masking: Arc::default(),
            #[cfg(feature = "simulation")]
            gate: None,
        })
    }

    /// The handle of a simulated process that asks through `gate`.
    #[cfg(feature = "simulation")]
    #[must_use]
    pub fn through(&self, gate: Arc<dyn super::simulated::Gate>) -> Self {
        Self { gate: Some(gate), ..self.clone() }
    }

    /// With the operator's masking key, if one was set.
    #[must_use]
    pub fn with_masking_key(self, configured: Option<MaskKey>) -> Self {
        Self { masking: Arc::new(Masking::of(configured)), ..self }
    }

    /// Waits for the turn to write. SQLite has one writer; queueing here is fair, and its own waiting is not.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Runs `change` in one transaction. Once begun it runs to its end, even if its caller stops waiting.
    pub(crate) async fn change<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writing<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.change_within(BUSY, change).await
    }

    /// As [`SqliteStore::change`], and waits no longer than this for another process that writes.
    pub(crate) async fn change_within<T, F>(&self, busy: Duration, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writing<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.enters::<F>().await?;
        let turn = self.turn().await;
        let writer = Arc::clone(&self.writer);
        #[cfg(feature = "simulation")]
        let gate = self.gate.clone();
        let done = blocking(move || {
            let _turn = turn;
            // A panic in an earlier change was rolled back with its transaction; the connection is sound.
            let mut connection = writer.lock().unwrap_or_else(PoisonError::into_inner);
            connection.busy_timeout(busy)?;
            let mut writing = Writing::begin(&mut connection)?;
            let done = change(&mut writing)?;
            writing.commit()?;
            #[cfg(feature = "simulation")]
            if let Some(gate) = gate {
                gate.changed(std::any::type_name::<F>(), &connection);
            }
            Ok(done)
        })
        .await;
        self.leaves::<F>().await?;
        match done {
            Err(StoreError::Interrupted { reason }) => {
                Err(StoreError::Interrupted { reason: self.locked(&reason, busy).await })
            }
            done => done,
        }
    }

    /// Runs `read` on a read-only connection. Does not wait for writers.
    pub(crate) async fn reading<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (readers, path) = (Arc::clone(&self.readers), self.path.clone());
        let closed = |_| StoreError::Database { reason: "the store is closed".into() };
        self.enters::<F>().await?;
        let _place = self.readers.places.acquire().await.map_err(closed)?;
        blocking(move || {
            let idle = || readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
            // A statement of its own: the list is not locked while the connection is in use.
            let next = idle().pop();
            let connection = match next {
                Some(connection) => connection,
                None => read_only(&path)?,
            };
            let done = read(&connection)?;
            let mut idle = idle();
            // A caller that stopped waiting freed its place early, so there may be one connection too many.
            if idle.len() < READERS {
                idle.push(connection);
            }
            Ok(done)
        })
        .await
    }

    /// Before the store is asked for something. A simulation may make it wait, or fail.
    #[cfg_attr(
        not(feature = "simulation"),
        allow(
            clippy::unused_async,
            clippy::extra_unused_type_parameters,
            reason = "a simulation waits here"
        )
    )]
    pub(crate) async fn enters<What>(&self) -> Result<(), StoreError> {
        #[cfg(feature = "simulation")]
        if let Some(gate) = &self.gate {
            return gate.enters(std::any::type_name::<What>()).await;
        }
        Ok(())
    }

    /// After the store changed something, before its caller is told. A simulation may lose the answer.
    #[cfg_attr(
        not(feature = "simulation"),
        allow(
            clippy::unused_async,
            clippy::extra_unused_type_parameters,
            reason = "a simulation waits here"
        )
    )]
    async fn leaves<What>(&self) -> Result<(), StoreError> {
        #[cfg(feature = "simulation")]
        if let Some(gate) = &self.gate {
            return gate.leaves(std::any::type_name::<What>()).await;
        }
        Ok(())
    }

    /// Which file is locked, for how long it was waited, and who drives runs in it: nobody else can end another
    /// process's transaction. Reading goes on beside whoever writes.
    pub(crate) async fn locked(&self, reason: &str, busy: Duration) -> String {
        let sql =
            "SELECT DISTINCT lease_owner FROM crossfoot_run WHERE lease_owner IS NOT NULL ORDER BY 1 LIMIT 5";
        let owners = self.fetch(sql, Vec::new()).await.unwrap_or_default();
        let owners: Vec<String> = owners.iter().filter_map(|row| row.get("lease_owner").ok()).collect();
        let by = if owners.is_empty() {
            "no run is active".into()
        } else {
            format!("its runs are being driven by {}", owners.join("; "))
        };
        format!(
            "{reason}: another process has been writing to {} for more than {} s ({by}); wait for it or stop it",
            self.path.display(),
            busy.as_secs()
        )
    }
}

/// A write transaction. Rolls back when it is dropped without a commit.
pub(crate) struct Writing<'c> {
    connection: &'c mut Connection,
    is_open: bool,
}

impl<'c> Writing<'c> {
    /// Begins a write transaction. Waits while another process writes.
    pub(crate) fn begin(connection: &'c mut Connection) -> Result<Self, StoreError> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self { connection, is_open: true })
    }

    pub(crate) fn commit(mut self) -> Result<(), StoreError> {
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.is_open = false;
        Ok(())
    }

    pub(crate) fn rollback(mut self) -> Result<(), StoreError> {
        self.is_open = false;
        Ok(self.connection.execute_batch("ROLLBACK")?)
    }
}

impl Deref for Writing<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        // SQLite itself rolls back after some errors.
        if self.is_open && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

/// Makes the file and the ledger if they are missing.
///
/// Several processes may do so at the same time. SQLite waits for none of them where a connection that reads already
/// comes to write, which the switch of a new file to WAL is (`sqlite3BtreeBeginTrans` asks the busy handler only
/// outside of a transaction): it is locked at once, whatever the timeout. So the waiting is done here, as long as
/// SQLite would.
async fn make(options: &SqliteConnectOptions) -> Result<(), MigrateError> {
    let began = Instant::now();
    let mut tries = 0;
    loop {
        let made = async {
            let mut first = SqliteConnection::connect_with(options).await?;
            let migrated = migrate(&mut first).await;
            first.close().await?;
            migrated
        };
        let error = match made.await {
            Err(MigrateError::Execute(error)) if is_busy(&error) => MigrateError::Execute(error),
            Err(MigrateError::ExecuteMigration(error, version)) if is_busy(&error) => {
                MigrateError::ExecuteMigration(error, version)
            }
            Err(error @ (MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))) => {
                // Another process made this very step first: what it has made is found now.
                tries += 1;
                if tries > MIGRATIONS.len() {
                    return Err(error);
                }
                continue;
            }
            done => return done,
        };
        if began.elapsed() > BUSY {
            return Err(error);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// SQLITE_BUSY or SQLITE_LOCKED, in whatever extended form: the low byte is the primary code (its manual, "Result and
/// Error Codes").
fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(5 | 6))
}

/// Whether the disk is (`SQLITE_FULL`).
fn is_full(error: &sqlx::Error) -> bool {
    code(error) == Some(13)
}

/// SQLite's primary result code.
fn code(error: &sqlx::Error) -> Option<u32> {
    let sqlx::Error::Database(database) = error else { return None };
    let code = database.code().and_then(|code| code.parse::<u32>().ok());
    code.map(|code| code & 0xff)
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        let sql = sqlx::SqlSafeStr::into_sql_str(sql);
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.dangerous_set_table_name("crossfoot_schema");
    migrator.run_direct(None, connection, false).await
}

fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        other => other.to_string(),
    }
}

/// Runs `work` on a thread that may block.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match inline::run(work).await {
        Ok(result) => result,
        Err(error) => {
            let why = platform::telemetry::ended(&error);
            Err(StoreError::Database { reason: format!("the database thread failed: {why}") })
        }
    }
}

fn connection(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // Plans do not depend on the values bound: otherwise SQLite plans a cached statement again for each new value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A job may have any number of statements, the ledger has over a hundred; what is not used again is finalised.
    connection.set_prepared_statement_cache_capacity(256);
    #[cfg(feature = "simulation")]
    super::simulated::set_clock(&connection)?;
    Ok(connection)
}

/// A connection that may write. Commits survive a crash of the process; a power failure may take back the
/// latest of them, whole, which resuming redoes.
pub(crate) fn read_write(path: &Path) -> Result<Connection, StoreError> {
    let connection = connection(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Checkpoint every 32 MiB of log instead of every 4: bulk loading rewrites fewer pages twice.
    connection.pragma_update(None, "wal_autocheckpoint", 4096)?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    connection(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}
