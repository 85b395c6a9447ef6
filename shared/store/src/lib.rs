//! The store: the ledger, staging, rejects, evidence and promotion, in the database of the job's tables.
//!
//! # The contract that every adapter keeps
//!
//! - [`Store::commit`] is one transaction: the chunk's ledger entry, its staging rows, rejects and breaches. A
//!   second commit of the chunk changes nothing and says [`CommitOutcome::AlreadyThere`]. A commit into a run
//!   that no longer loads changes nothing and says [`CommitOutcome::RunClosed`]. A batch of other bytes than those that
//!   the ledger booked changes nothing and says [`CommitOutcome::OtherBytes`]: the ledger decides, not the message.
//! - **Fencing**: whoever takes a run up gets a [`Fence`]; every change to a run by an older one fails with
//!   [`StoreError::Fenced`].
//! - **Reading back** gives what is in the tables *now*, ordered by chunk, record and kind, in blocks of bounded
//!   size, and never trusts the ledger for it. Dropping the receiver ends it.
//! - **Promotion** inserts, reads back and commits in one transaction; dropped uncommitted, it leaves nothing.
//! - **The log** is appended to in one transaction with the change it documents where there is one.
//! - Unknown outcome (a lost connection during commit) means: do it again.

pub mod bounds;
pub mod by_record;
pub mod by_type;
pub mod failure;
pub mod masking;
pub mod message_key;
pub mod model;
pub mod names;
pub mod readback;
pub mod walk;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::check::CheckResult;
use domain::constraint::ReasonCode;
use domain::counts::{Role, WorkerShare};
use domain::event::{Entry as LogEntry, Event};
use domain::finding::Finding;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RunId, StoreId, WorkerId};
use domain::layout::Layout;
use domain::lifecycle::{ChunkState, IllegalStep, RunEvent, RunState};
use domain::mask::MaskKey;
use domain::permit::Permit;
use domain::report::RejectGroup;
use domain::rule::RuleOutcome;
use domain::seal::{KeyId, Keyring};
use job::Job;
use thiserror::Error;
use tokio::sync::mpsc;
use wire::Batch;

use model::{
    Block, ChunkCut, ChunkRange, ChunkRow, CommitOutcome, Heartbeat, KeyCounts, NewRun, NewWorker, RejectRow,
    Reported, Run, SplitTotals, Started, WorkerRow,
};

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error(
        "cannot open the store {url}: {reason}; check `--store` or the configuration, and write permissions"
    )]
    Unreachable {
        /// The store's URL, without secrets.
        url: String,
        /// What the database said.
        reason: String,
    },
    /// It answers, but cannot hold what it would be given.
    #[error("the store {url} is not suitable: {reason}")]
    Unfit {
        /// The store's URL, without secrets.
        url: String,
        /// What is missing, and what to do.
        reason: String,
    },
    /// The URL is not one of a store.
    #[error("invalid store URL `{url}`: expected sqlite:PATH or postgres://USER@HOST/DATABASE")]
    BadUrl {
        /// What was given.
        url: String,
    },
    /// It was written by a newer program.
    #[error(
        "the store was written by a newer crossfoot (schema {found}; this version supports {known}); use the \
         newer version"
    )]
    Newer {
        /// The schema's version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// A table is there, and is not the job's.
    #[error("table {table} does not match the job:\n  {}\nchange the job or the table, or use another table", differences.join("\n  "))]
    TableDiffers {
        /// The table.
        table: String,
        /// Each difference, in words.
        differences: Vec<String>,
    },
    /// Its tables cannot hold what the job brings.
    #[error("{what}")]
    TooWide {
        /// What is too much, in words.
        what: String,
    },
    /// A rule names a table or column that is not there.
    #[error("{what}")]
    NoSuchTable {
        /// What is missing, in words.
        what: String,
    },
    /// There is no such run.
    #[error("there is no run {what} in {url}; `crossfoot runs` lists all runs")]
    NoSuchRun {
        /// What was asked for.
        what: String,
        /// Where.
        url: String,
    },
    /// Another run was opened on the same bytes between looking and opening.
    #[error(
        "run {run_id} has just started to load the same bytes; nothing was loaded. Pass `--again` to load them again"
    )]
    TakenMeanwhile {
        /// The other run.
        run_id: String,
    },
    /// Someone else has taken the run up.
    #[error(
        "run {run_id} was taken over by another coordinator, cancelled or finished; this coordinator stops"
    )]
    Fenced {
        /// The run.
        run_id: RunId,
    },
    /// The run is over: nobody takes it up, parks it, or adds to its events.
    #[error("run {run_id} is over ({state}); see `crossfoot show {run_id}`")]
    Over {
        /// The run.
        run_id: RunId,
        /// How it ended.
        state: RunState,
    },
    /// Somebody else holds a lock on what has to be changed, and did not let go of it in time.
    #[error(
        "{what}: waited {waited_s} s for a lock held by another session: {by}; end that session or wait for it, \
         then run `crossfoot resume`"
    )]
    Blocked {
        /// What had to wait.
        what: String,
        /// For how long it waited.
        waited_s: u64,
        /// Who holds it, as far as the database says.
        by: String,
    },
    /// Someone else is at work on it.
    #[error("run {run_id} is being driven by {owner}; wait for it, stop it, or cancel the run")]
    LeaseHeld {
        /// The run.
        run_id: RunId,
        /// Who.
        owner: String,
    },
    /// The step is not in the table of legal steps.
    #[error(transparent)]
    Step(#[from] IllegalStep),
    /// Final refused a row: its key, or another of its constraints.
    #[error("the final table rejected a row: {reason}")]
    FinalRefused {
        /// What the database said.
        reason: String,
    },
    /// Another run of the job brought the very same bytes into final since this one was reconciled.
    #[error("run {run_id} has promoted the same bytes in the meantime")]
    LoadedMeanwhile {
        /// That run.
        run_id: RunId,
    },
    /// The operator's masking key is not the one that masks were made with before.
    #[error(
        "the masking key differs from the one used in {url}; set the same `key_file` under [masking] (or none, \
         if there was none) in every process. To switch keys, delete the row of crossfoot_masking; old masks \
         can then no longer be compared with new ones"
    )]
    OtherKey {
        /// The store.
        url: String,
    },
    /// The message key was replaced just now.
    #[error(
        "the message key was replaced {age_s} s ago, and some processes may not know it yet; wait until it is \
         {settled_s} s old"
    )]
    KeyTooYoung {
        /// How long ago, in seconds.
        age_s: i64,
        /// How old it must be, in seconds.
        settled_s: i64,
    },
    /// No room is left.
    #[error(
        "the disk of the store or of its temporary files is full; free some space, then run `crossfoot resume`"
    )]
    Full,
    /// A query's shared memory has no room: a container has 64 MB of it unless told.
    #[error(
        "the database server ran out of shared memory (/dev/shm) for a query; give it more (for a container, \
         `shm_size: 2gb`) or set max_parallel_workers_per_gather = 0 on the server, then run `crossfoot resume`"
    )]
    SharedMemory,
    /// A record holds what the database has no place for. It is never stored as something else.
    #[error("{what}; remove it from the source, load the field as bytes, or use another store")]
    Unstorable {
        /// What, and where, without the record's contents.
        what: String,
    },
    /// The connection was lost, or the database had to give up for the moment. What was under way may be done again.
    #[error("the store is temporarily unavailable: {reason}; retry the command")]
    Interrupted {
        /// What happened.
        reason: String,
    },
    /// What is in the ledger does not make sense.
    #[error("the ledger is damaged: {what}")]
    Damaged {
        /// What, and where.
        what: String,
    },
    /// Anything else that the database says.
    #[error("the store failed: {reason}")]
    Database {
        /// What it said.
        reason: String,
    },
}

impl StoreError {
    /// Whether it is the command, job or configuration that has to change, rather than the world.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::BadUrl { .. }
                | Self::TableDiffers { .. }
                | Self::TooWide { .. }
                | Self::NoSuchTable { .. }
                | Self::NoSuchRun { .. }
                | Self::TakenMeanwhile { .. }
                | Self::OtherKey { .. }
                | Self::KeyTooYoung { .. }
                | Self::Over { .. }
                | Self::Step(_)
        )
    }
}

/// The right to change a run, until someone else takes it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The run.
    pub run_id: RunId,
    /// The number of times it had been taken up by then.
    pub epoch: u64,
}

/// Who has a run in hand, or the place of the coordinator service.
///
/// When a lease ends is for the database's clock to say, and never for a host's: hosts' clocks differ and jump. (SQLite has
/// the clock of the one host on which all its processes are.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who, as `user@host pid N`, with what tells processes of one number apart.
    pub owner: String,
    /// How long it still lasts, unless it is renewed; nothing once it is over.
    pub left: Duration,
}

impl Lease {
    /// A lease of `owner` that lasts for so many milliseconds more; over, if it is none.
    #[must_use]
    pub fn new(owner: String, left_ms: i64) -> Self {
        Self { owner, left: Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)) }
    }
}

/// On what grounds a run is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// If nobody has it in hand.
    IfFree,
    /// Whoever has it: the owner is known to be dead, or is to be fenced off.
    Evict,
    /// If nobody has it in hand, and although the run may be over: to remove what it left.
    AfterItsEnd,
}

/// How far a run's chunks are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Chunks in the ledger.
    pub split: u64,
    /// Of these, committed.
    pub committed: u64,
    /// Of these, set aside.
    pub set_aside: u64,
    /// Records in the committed ones.
    pub records: u64,
}

/// What reading back yields.
pub type Blocks = mpsc::Receiver<Result<Block, StoreError>>;

/// The ledger, the tables and the evidence.
#[async_trait]
pub trait Store: Send + Sync {
    /// Its URL, without secrets.
    fn url(&self) -> String;
    /// The store's identity, made at the first call and kept; every process on the store gets the same.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn identity(&self) -> Result<StoreId, StoreError>;
    /// The keys that messages are sealed with: the current one, made at the first call, and the one before it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn message_keys(&self) -> Result<Keyring, StoreError>;
    /// Replaces the current key by a new one, and returns the new one's number; the one before stays valid, and older
    /// ones do not.
    ///
    /// # Errors
    /// [`StoreError::KeyTooYoung`] unless the current key was made at least `settled_ms` ago: processes that do not know
    /// it yet seal with the one that would stop being valid.
    async fn rotate_message_key(&self, now_ms: i64, settled_ms: i64) -> Result<KeyId, StoreError>;

    // The job's tables.

    /// Makes the job's tables where they are missing.
    ///
    /// # Errors
    /// [`StoreError::TableDiffers`] when one is there and differs; nothing is changed then.
    async fn prepare(&self, job: &Job) -> Result<(), StoreError>;

    // Runs.

    /// Opens a run.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn open_run(&self, new: &NewRun) -> Result<Run, StoreError>;
    /// One run.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRun`].
    async fn run(&self, run_id: RunId) -> Result<Run, StoreError>;
    /// The latest runs, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError>;
    /// The runs of `job` on bytes with this SHA-256, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn runs_with_source(&self, job: &str, sha256: &Hash) -> Result<Vec<Run>, StoreError>;
    /// The latest promoted run of the same job that was opened before this one.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn promoted_before(&self, run_id: RunId) -> Result<Option<Run>, StoreError>;
    /// The latest runs of `job`, the newest first, `limit` at most, each with the summary that its last reconciliation
    /// left. `before`: only those opened before this run; `promoted`: only those in final.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn history(
        &self,
        job: &str,
        before: Option<RunId>,
        promoted: bool,
        limit: u32,
    ) -> Result<Vec<(Run, Option<String>)>, StoreError>;
    /// The text of the job file with this digest.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is not there.
    async fn job_text(&self, digest: &Hash) -> Result<String, StoreError>;

    /// The key of masks: the operator's if one was set, else one that is made at the first call and kept. Every process
    /// on this store gets the same, whoever comes first.
    ///
    /// # Errors
    /// [`StoreError::OtherKey`] when masks were made with another key before.
    async fn masking_key(&self) -> Result<MaskKey, StoreError>;

    // Who drives a run.

    /// Who has it in hand.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn lease(&self, run_id: RunId) -> Result<Option<Lease>, StoreError>;
    /// Takes the run up for `owner`, for so long unless it is renewed. A promotion that the owner before has under way is
    /// ended where the database can do that, and waited for otherwise; never for long.
    ///
    /// A lease that would still last longer than `lasts` was made by a clock that has been set back since: it is over.
    ///
    /// # Errors
    /// [`StoreError::LeaseHeld`]; [`StoreError::Over`] unless it is taken up for after its end;
    /// [`StoreError::Interrupted`], with who is in the way, when somebody holds its row.
    async fn take_up(
        &self,
        run_id: RunId,
        owner: &str,
        lasts: Duration,
        claim: Claim,
    ) -> Result<Fence, StoreError>;
    /// Keeps it for so long from now on.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn renew(&self, fence: Fence, lasts: Duration) -> Result<(), StoreError>;
    /// Lets it go, and books the time spent on it.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn release(&self, fence: Fence, spent_ms: u64) -> Result<(), StoreError>;
    /// Takes the run a step further in its life, with the log's entry for it. The step to *promoted* is not taken
    /// here: only [`Promotion::commit`] takes it.
    ///
    /// # Errors
    /// [`StoreError::Step`] when the table has no such step, [`StoreError::Fenced`].
    async fn step(
        &self,
        fence: Fence,
        event: RunEvent,
        note: Option<&str>,
        log: LogEntry,
    ) -> Result<Run, StoreError>;

    // Chunks.

    /// Books chunks as cut. One that is there already must be the same.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when a chunk of that number was cut otherwise, [`StoreError::Fenced`].
    async fn add_chunks(&self, fence: Fence, chunks: &[ChunkCut]) -> Result<(), StoreError>;
    /// Books that the source's end was reached.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn finish_split(&self, fence: Fence, totals: &SplitTotals) -> Result<(), StoreError>;
    /// Chunks from number `from` on, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn chunks(&self, run_id: RunId, from: u64, limit: u32) -> Result<Vec<ChunkRow>, StoreError>;
    /// How far the run's chunks are.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn progress(&self, run_id: RunId) -> Result<Progress, StoreError>;
    /// The states of these chunks of the run, in order of their numbers; chunks that the ledger does not have are left out.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn chunk_states(&self, run_id: RunId, chunks: &[u64])
    -> Result<Vec<(u64, ChunkState)>, StoreError>;
    /// Charges a start: whoever begins to work on a chunk says so first, so that a chunk which kills its workers
    /// is known by its starts. A chunk that merely waits in a worker is not started. What the work is, is handed out of the
    /// ledger. `attempt` is the run's attempt that the message was sent in: a processor does not begin what an earlier
    /// attempt sent, because the present one sends it again; a batch stays good.
    ///
    /// # Errors
    /// [`StoreError`] of the database; the start may have been charged.
    async fn start_chunk(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        attempt: u64,
        worker: WorkerId,
    ) -> Result<Started, StoreError>;
    /// Chunks of runs that load, or of one run, which a worker began and has neither ended nor given back, in order,
    /// `limit` at most: each with the worker that began it last.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn begun_chunks(
        &self,
        run_id: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<(RunId, ChunkNo, WorkerId)>, StoreError>;
    /// Takes a charge back: what failed was not the chunk's fault (the broker, the store, a worker told to stop).
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn forgive_start(&self, run_id: RunId, chunk_no: ChunkNo, role: Role) -> Result<(), StoreError>;
    /// Takes a chunk that keeps failing out of the flow, unless it is committed or its run loads no more.
    /// Whoever gives up may say so: it is the worker that knows, and its coordinator may be gone.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn set_aside(&self, run_id: RunId, chunk_no: ChunkNo, reason: &str) -> Result<(), StoreError>;
    /// Puts the chunks that were set aside back into the flow, their starts forgotten.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn put_back(&self, fence: Fence) -> Result<u64, StoreError>;
    /// Chunks that were set aside, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn chunks_aside(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkRow>, StoreError>;

    // Workers.

    /// Registers a worker.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn register_worker(&self, worker: &NewWorker) -> Result<WorkerId, StoreError>;
    /// Commits a batch: ledger entry, rows, rejects and breaches, in one transaction, exactly once.
    ///
    /// # Errors
    /// [`StoreError`] of the database; whether it was committed is then not known.
    async fn commit(
        &self,
        job: &Arc<Job>,
        batch: Batch,
        writer: WorkerId,
    ) -> Result<CommitOutcome, StoreError>;
    /// Keeps what workers reported. The same report again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn keep_reports(&self, run_id: RunId, reports: &[Reported]) -> Result<(), StoreError>;
    /// Committed chunks that lack the report of their processor or of their writer, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn unreported(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkNo>, StoreError>;
    /// A sign of life of `workers`.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn beat(&self, workers: &[Heartbeat]) -> Result<(), StoreError>;
    /// `workers` stop, and say so.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn retire(&self, workers: &[WorkerId]) -> Result<(), StoreError>;
    /// Workers whose last heartbeat is no older than `within`, by number; all that ever registered, if it is not said.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn fleet(&self, within: Option<Duration>) -> Result<Vec<WorkerRow>, StoreError>;
    /// Every worker's share of the run, counted in three places.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn worker_shares(&self, run_id: RunId, job: &Job) -> Result<Vec<WorkerShare>, StoreError>;

    // The coordinator service.

    /// Takes or renews the place of *the* coordinator service for so long, unless another holds it. `None`: it is
    /// `owner`'s; otherwise who holds it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn claim_service(&self, owner: &str, lasts: Duration) -> Result<Option<Lease>, StoreError>;
    /// Who has the place of the coordinator service, or had it last; its time may be over.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn service(&self) -> Result<Option<Lease>, StoreError>;
    /// Lets the place of the coordinator service go, if `owner` has it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn leave_service(&self, owner: &str) -> Result<(), StoreError>;
    /// Submitted runs that nobody has in hand and that are not parked, the oldest first: those that load, and
    /// those that are staged. `lasts`: how long the longest lease is.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn waiting_runs(&self, lasts: Duration, limit: u32) -> Result<Vec<Run>, StoreError>;
    /// Leaves a submitted run to an operator, with the reason (`Some`), or to the service again (`None`).
    ///
    /// # Errors
    /// [`StoreError::Fenced`]; [`StoreError::Over`].
    async fn park(&self, fence: Fence, why: Option<&str>) -> Result<(), StoreError>;

    // Verification.

    /// Keeps what a worker found when it read a range of chunks back, in a pass of verification. Of the same range, the
    /// first to come stands. The pass is the epoch of the fence under which the range was handed out.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn keep_readback(
        &self,
        run_id: RunId,
        pass: u64,
        range: ChunkRange,
        found: &[u8],
    ) -> Result<(), StoreError>;
    /// What was found in a pass, from ranges that begin at chunk `from` on, in order, `limit` at most: each with its range.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn readbacks(
        &self,
        run_id: RunId,
        pass: u64,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(ChunkRange, Vec<u8>)>, StoreError>;
    /// Forgets what was found in every pass.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn clear_readbacks(&self, fence: Fence) -> Result<(), StoreError>;

    /// Reads staging back: the rows of one record type, and the rejects.
    async fn read_staging(&self, run_id: RunId, layout: &Arc<Layout>, range: ChunkRange) -> Blocks;
    /// Applies the set rules and finds out what will not be promoted, anew.
    /// The outcomes are of all rules, in the job's order; row rules' as kept by the writers.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn apply_rules(&self, fence: Fence, job: &Job)
    -> Result<(Vec<RuleOutcome>, KeyCounts), StoreError>;
    /// For each of `rules`, by their places in the job: SHA-256 over the records kept as its breaches, as chunk and
    /// record number (8 bytes each, big-endian), in that order.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn breach_digests(&self, run_id: RunId, rules: &[usize]) -> Result<Vec<Hash>, StoreError>;
    /// Begins the promotion of a reconciled run. Nobody else writes to final until it is over.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]; [`StoreError::TableDiffers`] when final is no longer the job's.
    async fn begin_promotion(
        &self,
        fence: Fence,
        permit: &Permit,
        job: &Arc<Job>,
    ) -> Result<Box<dyn Promotion>, StoreError>;

    // Evidence.

    /// Appends to the log.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn log(&self, entry: LogEntry) -> Result<Event, StoreError>;
    /// Appends to the log what the run's driver has to say, unless it was fenced off meanwhile: nothing comes after the
    /// event that ended a run.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn log_under(&self, fence: Fence, entry: LogEntry) -> Result<Event, StoreError>;
    /// The log's events behind number `after`, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn events(&self, after: u64, limit: u32) -> Result<Vec<Event>, StoreError>;
    /// The number of the run's first event; `None` when it has none.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn first_event(&self, run_id: RunId) -> Result<Option<u64>, StoreError>;
    /// The run's own events behind number `after`, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn run_events(&self, run_id: RunId, after: u64, limit: u32) -> Result<Vec<Event>, StoreError>;
    /// The number and hash of the log's last event; `None` when it is empty.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn log_head(&self) -> Result<Option<(u64, Hash)>, StoreError>;
    /// Replaces the run's checks and summary by those of its last reconciliation.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn keep_checks(
        &self,
        fence: Fence,
        checks: &[CheckResult],
        summary: &str,
    ) -> Result<(), StoreError>;
    /// The run's checks, and its summary, if it was reconciled.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn checks(&self, run_id: RunId) -> Result<(Vec<CheckResult>, Option<String>), StoreError>;
    /// Forgets the findings of an earlier reconciliation.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn clear_findings(&self, fence: Fence) -> Result<(), StoreError>;
    /// Keeps findings.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn keep_findings(&self, fence: Fence, findings: &[Finding]) -> Result<(), StoreError>;
    /// Findings from the `from`th on, `limit` at most, and how many there are.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn findings(&self, run_id: RunId, from: u64, limit: u32)
    -> Result<(Vec<Finding>, u64), StoreError>;
    /// Records that break rules or share a key, as findings, from the `from`th on, `limit` at most, and how many
    /// there are. Groups that do not balance are among [`Store::findings`].
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn breaches(
        &self,
        run_id: RunId,
        job: &Job,
        from: u64,
        limit: u32,
    ) -> Result<(Vec<Finding>, u64), StoreError>;
    /// Rejects behind record `after`, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn rejects(&self, run_id: RunId, after: u64, limit: u32) -> Result<Vec<RejectRow>, StoreError>;
    /// Rejects by field and kind of fault, most frequent first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn reject_groups(&self, run_id: RunId) -> Result<Vec<RejectGroup>, StoreError>;
    /// Removes the run's staging rows, rejects and findings, in steps that can be repeated; the ledger, the checks and the log stay.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn purge(&self, fence: Fence, staging: &[String], log: LogEntry) -> Result<u64, StoreError>;
}

/// A promotion under way: one transaction, invisible to everyone else until it is committed.
#[async_trait]
pub trait Promotion: Send {
    /// Brings the staged rows that are not excluded into final, for every record type. Returns how many rows of any table changed.
    ///
    /// # Errors
    /// [`StoreError::LoadedMeanwhile`] when the same bytes got there first; [`StoreError::FinalRefused`] when final's own constraints refuse a row.
    async fn insert(&mut self) -> Result<u64, StoreError>;
    /// Reads back from the final table of the record type at `place` what belongs to each of its staged records, in
    /// record order: rows and absences.
    async fn read_final(&mut self, place: usize) -> Blocks;
    /// Makes it visible, with the run's last step, its checks and the log's entry.
    ///
    /// # Errors
    /// [`StoreError`] of the database; nothing is promoted then, or its outcome is unknown if the connection was lost.
    async fn commit(
        self: Box<Self>,
        checks: &[CheckResult],
        summary: &str,
        log: LogEntry,
    ) -> Result<(), StoreError>;
    /// Takes everything back.
    ///
    /// # Errors
    /// [`StoreError`] of the database; nothing is promoted all the same.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// The job with this digest, as the store keeps it, able to mask if it has sensitive fields.
///
/// # Errors
/// [`StoreError`] of the database; [`StoreError::Damaged`] when this program does not understand the job.
pub async fn stored_job(store: &dyn Store, digest: &Hash) -> Result<Job, StoreError> {
    let text = store.job_text(digest).await?;
    let job = Job::parse("(from the store)", &text)
        .map_err(|error| StoreError::Damaged { what: error.to_string() })?;
    if job.is_sensitive() {
        job.masks.give_key(&store.masking_key().await?);
    }
    Ok(job)
}

/// The code of a kept reject's reason, from its name.
#[must_use]
pub fn reason_code(name: &str) -> Option<ReasonCode> {
    ReasonCode::ALL.iter().copied().find(|code| code.name() == name)
}
