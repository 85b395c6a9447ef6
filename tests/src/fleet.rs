//! An embedded fleet on a store of its own, driven to an ending, every wait of it bounded.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use broker::in_process::{Faults, InProcess, Limits};
use coordinator::open::{OpenError, RunRequest};
use coordinator::report::summary;
use coordinator::run::{Drive, Ending, RunError};
use coordinator::split::ChunkLimits;
use coordinator::{Coordinator, CoordinatorBuilder};
use domain::check::{CheckResult, Stage, Verdict};
use domain::finding::Finding;
use domain::ids::RunId;
use domain::reconcile::VerifySource;
use domain::report::Report;
use job::Job;
use platform::clock::{Clock, SystemClock};
use post::{Post, PostSettings};
use source::Location;
use sqlite::SqliteStore;
use store::Store;
use wire::BodyCompression;
use worker::{Fleet, WorkerContext};

use crate::jobs::JobText;

/// No step of a test takes longer; what does hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `work`, and fails the test instead of hanging with it.
///
/// # Panics
/// When it takes longer than any step of a test should.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not done within {PATIENCE:?}; it hangs"),
    }
}

/// How a fleet is made up.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// How many processors run.
    pub processors: usize,
    /// How many writers run.
    pub writers: usize,
    /// The greatest length of a chunk, in bytes.
    pub chunk_bytes: usize,
    /// The greatest number of records in a chunk; 0 sets no limit.
    pub chunk_records: u64,
    /// How the broker misbehaves.
    pub faults: Faults,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            processors: 2,
            writers: 2,
            chunk_bytes: 64 << 10,
            chunk_records: 10,
            faults: Faults::default(),
        }
    }
}

/// A store in a directory of its own, and what it takes to run jobs on it.
pub struct Bench {
    /// The store that the fleet works on.
    pub store: Arc<dyn Store>,
    /// The fleet that each drive gets.
    pub setup: Setup,
    /// The clock that the coordinator uses.
    pub clock: Arc<dyn Clock>,
    dir: tempfile::TempDir,
}

/// How a drive ended, and what is reported of the run.
#[derive(Debug)]
pub struct Ended {
    /// The id of the run that was driven.
    pub run_id: RunId,
    /// What it came to.
    pub ending: Ending,
    /// The report of the run.
    pub report: Report,
}

impl Bench {
    /// An empty store and the usual fleet.
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// An empty store and this fleet.
    pub async fn with(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("store.db").display());
        let store = SqliteStore::open(&url).await.unwrap();
        Self { store: Arc::new(store), setup, clock: Arc::new(SystemClock), dir }
    }

    /// This fleet on a store that is there already; of what is in it, the tables that are asked for by SQL are not
    /// known.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    #[must_use]
    pub fn on(store: Arc<dyn Store>, setup: Setup) -> Self {
        Self { store, setup, clock: Arc::new(SystemClock), dir: tempfile::tempdir().unwrap() }
    }

    /// The database itself, to look at it or to damage it.
    #[must_use]
    pub fn sql(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.dir.path().join("store.db")).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection
    }

    /// Runs SQL statements on the database.
    pub fn execute(&self, statements: &str) {
        self.sql().execute_batch(statements).unwrap();
    }

    /// One number from the database.
    #[must_use]
    pub fn number(&self, query: &str) -> i64 {
        self.sql().query_row(query, [], |row| row.get(0)).unwrap()
    }

    /// How many rows final holds.
    #[must_use]
    pub fn final_rows(&self) -> i64 {
        self.number("SELECT count(*) FROM ledger")
    }

    /// The path of the source file called `name`.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A request to load `bytes`, which become the file `name`.
    #[must_use]
    pub fn request_named(&self, name: &str, job: &JobText, bytes: &[u8]) -> RunRequest {
        self.request_of(name, &job.text(), bytes)
    }

    /// A request to load `bytes`, which become the file `name`, with the job of this text.
    ///
    /// # Panics
    /// When it is no job.
    #[must_use]
    pub fn request_of(&self, name: &str, text: &str, bytes: &[u8]) -> RunRequest {
        std::fs::write(self.path(name), bytes).unwrap();
        RunRequest {
            job: Arc::new(Job::parse("job.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}"))),
            source: Location::file(self.path(name)),
            declared: None,
            again: false,
            reason: None,
            pause_after_staged: false,
            verify_source: VerifySource::Sample,
            submitted: false,
            chunks: ChunkLimits { bytes: self.setup.chunk_bytes, records: self.setup.chunk_records },
        }
    }

    /// A request to load `bytes`.
    #[must_use]
    pub fn request(&self, job: &JobText, bytes: &[u8]) -> RunRequest {
        self.request_named("source.dat", job, bytes)
    }

    /// A coordinator with a broker of its own. It is a fresh process, as far as the store can tell.
    #[must_use]
    pub fn coordinator(&self) -> Coordinator {
        self.coordinator_on(|broker| broker)
    }

    /// As [`Bench::coordinator`], with something between it and its broker.
    #[must_use]
    pub fn coordinator_on(&self, between: impl FnOnce(Arc<dyn Broker>) -> Arc<dyn Broker>) -> Coordinator {
        let broker = between(Arc::new(InProcess::with_faults(Limits::default(), self.setup.faults)));
        let of = PostSettings { compression: BodyCompression::Lz4, ..PostSettings::default() };
        let post = Post::new(broker, Arc::clone(&self.store), Arc::clone(&self.clock), of, "tester@here");
        CoordinatorBuilder::new(post, "tester@here").build()
    }

    /// Opens a run.
    ///
    /// # Errors
    /// [`OpenError`] when none was opened.
    pub async fn open(&self, request: &RunRequest) -> Result<RunId, OpenError> {
        within("opening", self.coordinator().open(request)).await
    }

    /// Drives a run with `coordinator` and a fleet of its own.
    ///
    /// # Errors
    /// [`RunError`] when it could not be taken to an ending.
    pub async fn drive_with(
        &self,
        coordinator: &Coordinator,
        run_id: RunId,
        how: &Drive,
    ) -> Result<Ending, RunError> {
        let fleet = workers(&self.setup, coordinator);
        let ended = within("driving", Box::pin(coordinator.drive(run_id, how))).await;
        within("stopping the fleet", fleet.stop()).await;
        ended
    }

    /// Drives a run as far as it goes.
    ///
    /// # Panics
    /// When it cannot be taken to an ending.
    pub async fn drive(&self, run_id: RunId, how: &Drive) -> Ended {
        let ending = self.drive_with(&self.coordinator(), run_id, how).await.unwrap();
        let report = self.report(run_id).await;
        crate::report::assert_consistent(&report);
        Ended { run_id, ending, report }
    }

    /// Opens a run and drives it as far as it goes.
    pub async fn run(&self, request: &RunRequest) -> Ended {
        let run_id = self.open(request).await.unwrap();
        self.drive(run_id, &Drive::default()).await
    }

    /// Loads `bytes` to the end.
    pub async fn load(&self, job: &JobText, bytes: &[u8]) -> Ended {
        self.run(&self.request(job, bytes)).await
    }

    /// Loads `bytes` and pauses once staging is proven.
    ///
    /// # Panics
    /// When staging is not proven.
    pub async fn stage(&self, job: &JobText, bytes: &[u8]) -> RunId {
        let ended = self.run(&RunRequest { pause_after_staged: true, ..self.request(job, bytes) }).await;
        assert_eq!(ended.ending, Ending::Paused, "{:#?}", ended.failed());
        ended.run_id
    }

    /// Approves a run that waits for it, and drives it to its end.
    pub async fn approve(&self, run_id: RunId) -> Ended {
        self.coordinator().approve(run_id, Some("looks right")).await.unwrap();
        self.drive(run_id, &Drive { approved: true, ..Drive::default() }).await
    }

    /// What is reported of a run.
    pub async fn report(&self, run_id: RunId) -> Report {
        summary::report(&*self.store, run_id).await.unwrap()
    }

    /// All findings of a run.
    pub async fn findings(&self, run_id: RunId) -> Vec<Finding> {
        self.store.findings(run_id, 0, u32::MAX).await.unwrap().findings
    }
}

impl Ended {
    /// The checks that failed.
    #[must_use]
    pub fn failed(&self) -> Vec<&CheckResult> {
        self.report.checks.iter().filter(|check| check.verdict == Verdict::Fail).collect()
    }

    /// The check called `name`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn check(&self, name: &str) -> &CheckResult {
        let found = self.report.checks.iter().find(|check| check.name == name);
        found.unwrap_or_else(|| panic!("no check `{name}` in {:#?}", self.report.checks))
    }

    /// Records, sums and fingerprint at a level.
    ///
    /// # Panics
    /// When the run did not come so far.
    #[must_use]
    pub fn level(&self, stage: Stage) -> (u64, Vec<String>, String) {
        let level =
            self.report.levels.iter().find(|level| level.stage == stage).expect("the run came so far");
        let sums = level.sums.iter().map(ToString::to_string).collect();
        (level.records, sums, level.fingerprint.expect("the level is complete").to_string())
    }

    /// # Panics
    /// Unless it was promoted.
    pub fn promoted(self) -> Self {
        assert_eq!(self.ending, Ending::Promoted, "{:#?}\n{:#?}", self.failed(), self.report.findings);
        self
    }

    /// # Panics
    /// Unless it was found not to reconcile.
    pub fn not_reconciled(self) -> Self {
        assert_eq!(self.ending, Ending::NotReconciled);
        assert!(!self.failed().is_empty(), "not reconciled, and no check says why");
        self
    }
}

/// Starts the workers of one drive on the coordinator's broker and store.
fn workers(setup: &Setup, coordinator: &Coordinator) -> Fleet {
    let with = WorkerContext::new(Arc::clone(&coordinator.post));
    Fleet::start(with, "here", setup.processors, setup.writers)
}
