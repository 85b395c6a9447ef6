//! The prepared runs: stores in which a run is opened and submitted. Each schedule gets a copy that no other has meanwhile.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use broker::in_process::{InProcess, Limits};
use coordinator::CoordinatorBuilder;
use coordinator::open::RunRequest;
use coordinator::split::ChunkLimits;
use domain::reconcile::VerifySource;
use job::Job;
use platform::clock::ManualClock;
use post::{Post, PostSettings};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use source::Location;
use sqlite::SqliteStore;
use store::{Identity as _, Store};
use tempfile::TempDir;

/// When every schedule begins, in milliseconds since 1970.
pub(crate) const BEGINS_MS: i64 = 1_767_225_600_000;

/// How many records the source has, and how many of them are rejected.
pub(crate) const RECORDS: u64 = 24;

/// The prepared runs differ in how many records a chunk has.
const CHUNK_RECORDS: [u64; 3] = [4, 8, 12];

const JOB: &str = r#"
[job]
name = "ledger"
[source]
format = "delimited"
[[record]]
name = "posting"
key = ["id"]
amounts = ["amount"]
staging = "stg_ledger"
final = "ledger"
[[record.field]]
name = "id"
type = "integer"
[[record.field]]
name = "account"
type = "text(12)"
required = true
[[record.field]]
name = "amount"
type = "decimal(15,2)"
required = true
[limits]
rejects = 5
"#;

/// A prepared run.
pub(crate) struct Case {
    /// The file of its store.
    path: PathBuf,
    database: Vec<u8>,
    /// Copies that no schedule uses.
    idle: Mutex<Vec<Database>>,
}

impl Case {
    fn idle(&self) -> MutexGuard<'_, Vec<Database>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all schedules of a process share.
pub(crate) struct Fixture {
    pub(crate) cases: Vec<Case>,
    directory: TempDir,
}

/// In memory, where the system has files there.
fn directory() -> TempDir {
    let prefix = "crossfoot-simulation-";
    let mut builder = tempfile::Builder::new();
    let made = builder.prefix(prefix).tempdir_in("/dev/shm");
    made.or_else(|_| builder.prefix(prefix).tempdir()).unwrap()
}

fn source() -> String {
    let line = |no: u64| match no {
        // The one that is rejected.
        7 => format!("{no},DE{no:05},seven\n"),
        no => format!("{no},DE{:05},{}.{:02}\n", no * 37 % 1000, no * 7919 % 10_000, no % 100),
    };
    (1..=RECORDS).map(line).collect()
}

impl Fixture {
    /// The one of this process.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Fixture> = OnceLock::new();
        SHARED.get_or_init(|| {
            let made = std::thread::spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
                runtime.unwrap().block_on(Self::make())
            });
            made.join().unwrap()
        })
    }

    async fn make() -> Self {
        let directory = directory();
        let path = directory.path().join("source.csv");
        std::fs::write(&path, source()).unwrap();
        let mut cases = Vec::new();
        for records in CHUNK_RECORDS {
            cases.push(Self::case(directory.path(), &path, records).await);
        }
        Self { cases, directory }
    }

    async fn case(directory: &Path, source: &Path, records: u64) -> Case {
        let path = directory.join(format!("case-{records}.db"));
        let store = SqliteStore::open(&format!("sqlite:{}", path.display())).await.unwrap();
        store.identity().await.unwrap();
        store.message_keys().await.unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let broker = Arc::new(InProcess::new(Limits::default()));
        let clock = Arc::new(ManualClock::at(BEGINS_MS));
        let post = Post::new(broker, Arc::clone(&store), clock, PostSettings::default(), "operator@desk");
        let request = RunRequest {
            job: Arc::new(Job::parse("job.toml", JOB).unwrap()),
            source: Location::file(source.to_owned()),
            declared: None,
            again: false,
            reason: None,
            pause_after_staged: false,
            verify_source: VerifySource::Full,
            submitted: true,
            chunks: ChunkLimits { bytes: 64 << 10, records },
        };
        CoordinatorBuilder::new(post, "operator@desk").build().open(&request).await.unwrap();
        drop(store);
        let connection = Connection::open(&path).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        connection.close().unwrap();
        Case { database: std::fs::read(&path).unwrap(), path, idle: Mutex::default() }
    }

    /// A copy of a prepared run's store, for one schedule.
    pub(crate) fn database(&self, case: usize) -> Database {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let case = &self.cases[case];
        if let Some(database) = case.idle().pop() {
            return database;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.path().join(format!("{number}.db"));
        std::fs::write(&path, &case.database).unwrap();
        Database::open(Copied(path), &case.path)
    }

    /// Makes a database as it was prepared, for the next schedule. Everybody else must have let go of it.
    pub(crate) fn give_back(&self, case: usize, database: Database) {
        let case = &self.cases[case];
        if database.restore() {
            case.idle().push(database);
        }
    }
}

/// A copy of a prepared run's store, with its connections.
///
/// One schedule after another uses it: opening connections and parsing statements was a third of a schedule's time.
pub(crate) struct Database {
    pub(crate) store: SqliteStore,
    /// Reads the ledger beside everybody.
    pub(crate) look: Arc<Mutex<Connection>>,
    /// Restores the prepared content.
    restores: Connection,
    schema_version: i64,
    pub(crate) copied: Copied,
}

impl Database {
    /// The thread must be a simulated one: its clock becomes the database's.
    fn open(copied: Copied, prepared: &Path) -> Self {
        let path = &copied.0;
        let store = SqliteStore::copied(path.clone()).unwrap();
        let look = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let restores = Connection::open(path).unwrap();
        // The log refuses to be changed, even here.
        restores.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
        restores.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false).unwrap();
        restores.pragma_update(None, "synchronous", "OFF").unwrap();
        restores.set_prepared_statement_cache_capacity(128);
        restores.execute("ATTACH ?1 AS prepared", [prepared.to_str().unwrap()]).unwrap();
        let schema_version = schema_version(&restores);
        Self { store, look: Arc::new(Mutex::new(look)), restores, schema_version, copied }
    }

    /// Whether every table has the rows of the prepared store again.
    fn restore(&self) -> bool {
        if schema_version(&self.restores) != self.schema_version {
            return false;
        }
        let run = |sql: &str| self.restores.prepare_cached(sql).and_then(|mut sql| sql.execute([])).unwrap();
        run("BEGIN IMMEDIATE");
        // Restored rows count up the sequences too.
        let sql =
            "SELECT name FROM main.sqlite_master WHERE type = 'table' ORDER BY name = 'sqlite_sequence'";
        let mut tables = self.restores.prepare_cached(sql).unwrap();
        let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
        for table in tables.collect::<rusqlite::Result<Vec<_>>>().unwrap() {
            run(&format!("DELETE FROM main.{table}"));
            run(&format!("INSERT INTO main.{table} SELECT * FROM prepared.{table}"));
        }
        run("COMMIT");
        true
    }
}

fn schema_version(connection: &Connection) -> i64 {
    connection.query_row("PRAGMA main.schema_version", [], |row| row.get(0)).unwrap()
}

/// The file of a copy, removed when this is dropped.
pub(crate) struct Copied(pub(crate) PathBuf);

impl Drop for Copied {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.0.display()));
        }
    }
}
