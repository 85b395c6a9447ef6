//! The store: the ledger, staging, rejects, evidence and promotion, in the database of the job's tables.
//!
//! # The contract that every adapter keeps
//!
//! - [`Staging::commit`] is one transaction: the chunk's ledger entry, its staging rows, rejects and breaches. A
//!   second commit of the chunk changes nothing and says [`AlreadyThere`](model::CommitOutcome::AlreadyThere). A commit
//!   into a run that no longer loads changes nothing and says [`RunClosed`](model::CommitOutcome::RunClosed). A batch
//!   of
//!   other bytes than those that the ledger booked changes nothing and says
//!   [`OtherBytes`](model::CommitOutcome::OtherBytes): the ledger decides, not the message.
//! - **Fencing**: whoever takes a run up gets a [`Fence`]; every change to a run by an older one fails with
//!   [`StoreError::Fenced`].
//! - **Reading back** gives what is in the tables *now*, ordered by chunk, record and kind, in blocks of bounded
//!   size, and never trusts the ledger for it. Dropping the receiver ends it.
//! - **Promotion** inserts, reads back and commits in one transaction; dropped uncommitted, it leaves nothing.
//! - **The log** is appended to in one transaction with the change it documents where there is one.
//! - Unknown outcome (a lost connection during commit) means: do it again.

pub mod block;
pub mod bounds;
pub mod by_record;
pub mod by_type;
pub mod chunks;
pub mod database;
pub mod evidence;
pub mod failure;
pub mod fleet;
pub mod identity;
pub mod layered;
pub mod leases;
pub mod log;
pub mod masking;
pub mod message_key;
pub mod model;
pub mod names;
pub mod param;
pub mod promotion;
pub mod readback;
pub mod readbacks;
pub mod row;
pub mod rules;
pub mod runs;
pub mod staging;
pub mod walk;

use std::time::Duration;

use domain::constraint::ReasonCode;
use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::lifecycle::{IllegalStep, RunState};
use job::Job;
use thiserror::Error;
use tokio::sync::mpsc;

pub use chunks::Chunks;
pub use domain::lease::Claim;
pub use evidence::Evidence;
pub use fleet::Fleet;
pub use identity::Identity;
pub use leases::Leases;
pub use log::Log;
pub use promotion::{Promotion, Promotions};
pub use readbacks::Readbacks;
pub use rules::Rules;
pub use runs::{RunFilter, Runs};
pub use staging::Staging;

use model::Block;

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
    #[error(transparent)]
    TooWide(#[from] bounds::TooWide),
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
                | Self::TooWide(_)
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
/// When a lease ends is for the database's clock to say, and never for a host's: hosts' clocks differ and jump.
/// (SQLite has
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

/// The ledger, the tables and the evidence: everything that the rest of Crossfoot asks of a store.
///
/// What is kept in the ledger is written once, over [`database::Database`]; an adapter implements that, [`Staging`],
/// [`Rules`] and [`Promotions`].
pub trait Store:
    Identity + Runs + Leases + Chunks + Fleet + Readbacks + Staging + Rules + Evidence + Log + Promotions
{
}

impl<T> Store for T where
    T: Identity + Runs + Leases + Chunks + Fleet + Readbacks + Staging + Rules + Evidence + Log + Promotions
{
}

fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { what: what.into() }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged(error.to_string()))
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
