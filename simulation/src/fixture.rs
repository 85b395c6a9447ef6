//! The prepared runs: stores in which a run is opened and submitted. Each schedule gets a copy.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use broker::in_process::{InProcess, Limits};
use coordinator::CoordinatorBuilder;
use coordinator::open::RunRequest;
use coordinator::split::ChunkLimits;
use domain::reconcile::VerifySource;
use job::Job;
use platform::clock::ManualClock;
use post::{Post, PostSettings};
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
    database: Vec<u8>,
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
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        connection.close().unwrap();
        Case { database: std::fs::read(&path).unwrap() }
    }

    /// A copy of a prepared run's store, to be removed by its owner.
    pub(crate) fn copy(&self, case: usize) -> Copied {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.directory.path().join(format!("{number}.db"));
        std::fs::write(&path, &self.cases[case].database).unwrap();
        Copied(path)
    }
}

/// A copy of a store, removed when this is dropped.
pub(crate) struct Copied(pub(crate) PathBuf);

impl Drop for Copied {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.0.display()));
        }
    }
}
