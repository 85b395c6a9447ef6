//! The store: the ledger, staging, rejects, evidence and promotion, in the database of the job's tables.
//!
//! # The contract that every adapter keeps
//!
//! - [`Staging::commit`] is one transaction: the chunk's ledger entry, its staging rows, rejects and breaches. A
//!   second commit of the chunk changes nothing and says [`AlreadyThere`](model::CommitOutcome::AlreadyThere). A commit
//!   into a run that no longer loads changes nothing and says [`RunClosed`](model::CommitOutcome::RunClosed). A batch
//!   of other bytes than those that the ledger has changes nothing and says
//!   [`OtherBytes`](model::CommitOutcome::OtherBytes): the ledger decides, not the message.
//! - **Fencing**: acquiring a run's lease gives a [`Fence`]; every change to a run under an older one fails with
//!   [`StoreError::Fenced`].
//! - **Reading back** gives what is in the tables *now*, ordered by chunk, record and kind, in blocks of bounded
//!   size, and never trusts the ledger for it. Dropping the receiver ends it.
//! - **Promotion** inserts, reads back and commits in one transaction; dropped uncommitted, it leaves nothing.
//! - **The log** is appended to in one transaction with the change it documents where there is one.
//! - Unknown outcome (a lost connection during commit) means: do it again.

mod absent;
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
pub mod lineage;
pub mod log;
pub mod made_table;
pub mod masking;
pub mod message_key;
pub mod model;
pub mod names;
mod opening;
mod original;
pub mod own_table;
pub mod param;
pub mod promotion;
pub mod readback;
pub mod readbacks;
pub mod removals;
pub mod resends;
pub mod row;
pub mod rules;
mod run_row;
pub mod runs;
pub mod staging;
pub mod strangers;
pub mod target;
pub mod tokens;
pub mod totals;
pub mod views;
pub mod walk;
pub mod wanted;

use std::time::Duration;

use domain::back_out::CannotBackOut;
use domain::constraint::ReasonCode;
use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::lifecycle::{IllegalStep, RunState};
use domain::resend::CannotResend;
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
pub use model::Progress;
pub use promotion::{Promotion, Promotions};
pub use readbacks::Readbacks;
pub use removals::Removals;
pub use resends::Resends;
pub use rules::Rules;
pub use runs::{RunFilter, Runs};
pub use staging::Staging;
pub use tokens::Tokens;
pub use views::Views;

use model::Block;

/// Why a store could not do what it was asked to do.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store cannot be opened.
    #[error(
        "cannot open the store {url}: {reason}; check `--store` or the configuration, and write permissions"
    )]
    Unreachable {
        /// The store's URL, without secrets.
        url: String,
        /// What the database said.
        reason: String,
    },
    /// The database answers, but does not meet the requirements of a store.
    #[error("the store {url} is not suitable: {reason}")]
    Unfit {
        /// The store's URL, without secrets.
        url: String,
        /// What is missing, and what to do.
        reason: String,
    },
    /// The store's tables are in another schema than the configuration names.
    #[error(
        "the tables of the store {url} are in schema {found}, but [store] schema is {wanted}; remove the setting, or \
         set it to {found}. For a second store in this database, remove the setting and add \
         `?options=-csearch_path={wanted}` to the URL"
    )]
    OtherSchema {
        /// The store's URL, without secrets.
        url: String,
        /// The schema that its tables are in.
        found: String,
        /// The schema that the configuration names.
        wanted: String,
    },
    /// The URL is not one of a store.
    #[error("invalid store URL `{url}`: expected sqlite:PATH or postgres://USER@HOST/DATABASE")]
    BadUrl {
        /// The URL that was given.
        url: String,
    },
    /// The store was written by a newer version of the program.
    #[error(
        "the store was written by a newer crossfoot (schema {found}; this version supports {known}); use the \
         newer version"
    )]
    Newer {
        /// The version of the schema in the store.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// A table exists, but its columns do not match the job.
    #[error("table {table} does not match the job:\n  {}\nchange the job or the table, or use another table", differences.join("\n  "))]
    TableDiffers {
        /// The name of the table that differs.
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
        /// The store that was searched: its URL, without secrets.
        url: String,
    },
    /// The run was removed, and the log keeps its events.
    #[error(
        "run {run_id} of job {job} ({state}) was removed by retention on {at}; the evidence log keeps its events \
         (`crossfoot audit log {run_id}`)"
    )]
    RunRemoved {
        /// The id of the run.
        run_id: RunId,
        /// The name of its job.
        job: String,
        /// The state in which it ended.
        state: String,
        /// When it was removed.
        at: String,
    },
    /// The run cannot be removed: its rows are in final, or it is not over.
    #[error("run {run_id} is {state}: only runs that are over and have nothing in final are removed")]
    Kept {
        /// The id of the run.
        run_id: RunId,
        /// The state that it is in.
        state: RunState,
    },
    /// Another run was opened on the same bytes between looking and opening.
    #[error(
        "run {run_id} has just started to load the same bytes; nothing was loaded. Pass `--again` to load them again"
    )]
    TakenMeanwhile {
        /// The id of the other run.
        run_id: String,
    },
    /// Another coordinator acquired the run, or the run was cancelled or finished.
    #[error(
        "run {run_id} was taken over by another coordinator, cancelled or finished; this coordinator stops"
    )]
    Fenced {
        /// The run that this coordinator may no longer change.
        run_id: RunId,
    },
    /// The run is over: it cannot be acquired, parked, or given further events.
    #[error("run {run_id} is over ({state}); see `crossfoot show {run_id}`")]
    Over {
        /// The run that is over.
        run_id: RunId,
        /// The state that the run ended in.
        state: RunState,
    },
    /// Another session holds a lock on what must be changed, and did not release it in time.
    #[error(
        "{what}: waited {waited_s} s for a lock held by another session: {by}; end that session or wait for it, \
         then run `crossfoot resume`"
    )]
    Blocked {
        /// What had to wait.
        what: String,
        /// How long it waited, in seconds.
        waited_s: u64,
        /// The session that holds the lock, as far as the database says.
        by: String,
    },
    /// Another coordinator holds the run's lease.
    #[error(
        "run {run_id} is being driven by {}; wait for that process (`crossfoot show {run_id}` shows its progress), \
         stop it, or cancel the run",
        domain::lease::Holder::of(owner)
    )]
    LeaseHeld {
        /// The run whose lease is held.
        run_id: RunId,
        /// The holder of the lease: `user@host pid N`, with what distinguishes processes of one number.
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
    /// The rows of a promoted run cannot be taken out of final.
    #[error(transparent)]
    CannotBackOut(#[from] CannotBackOut),
    /// Rejects cannot be resent, or were, and that forbids it.
    #[error(transparent)]
    CannotResend(#[from] CannotResend),
    /// Another run of the job promoted the same bytes after this one was reconciled.
    #[error("run {run_id} has promoted the same bytes in the meantime")]
    LoadedMeanwhile {
        /// The run that promoted the same bytes.
        run_id: RunId,
    },
    /// The operator's masking key is not the one that masks were made with before.
    #[error(
        "the masking key differs from the one used in {url}; set the same `key_file` under [masking] (or none, \
         if there was none) in every process. To switch keys, delete the row of crossfoot_masking; old masks \
         can then no longer be compared with new ones"
    )]
    OtherKey {
        /// The store's URL, without secrets.
        url: String,
    },
    /// The message key was replaced just now.
    #[error(
        "the message key was replaced {age_s} s ago, and some processes may not know it yet; wait until it is \
         {settled_s} s old"
    )]
    KeyTooYoung {
        /// The age of the current key, in seconds.
        age_s: i64,
        /// The least age at which the key may be replaced, in seconds.
        settled_s: i64,
    },
    /// No room is left.
    #[error(
        "the disk of the store or of its temporary files is full; free some space, then run `crossfoot resume`"
    )]
    Full,
    /// The server of the database has no room. Whoever looks after it makes some; what was under way is done again.
    #[error("the database server's disk is full: {reason}; free some space on it, and work continues")]
    ServerFull {
        /// What the server said.
        reason: String,
    },
    /// A query's shared memory has no room: a container has 64 MB of it by default.
    #[error(
        "the database server ran out of shared memory (/dev/shm) for a query; give it more (for a container, \
         `shm_size: 2gb`) or set max_parallel_workers_per_gather = 0 on the server, then run `crossfoot resume`"
    )]
    SharedMemory,
    /// A record holds what the database has no place for. It is never stored as something else.
    #[error("{what}; remove it from the source, load the field as bytes, or use another store")]
    Unstorable {
        /// What cannot be stored, and where, without the record's contents.
        what: String,
    },
    /// The connection was lost, or the database had to give up for the moment. What was under way may be done again.
    #[error("the store is temporarily unavailable: {reason}; retry the command")]
    Interrupted {
        /// What happened, in the database's or driver's words.
        reason: String,
    },
    /// What is in the ledger does not make sense.
    #[error("the ledger is damaged: {what}")]
    Damaged {
        /// What is damaged, and where, in words.
        what: String,
    },
    /// Anything else that the database says.
    #[error("the store failed: {reason}")]
    Database {
        /// What the database said.
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
                | Self::OtherSchema { .. }
                | Self::TableDiffers { .. }
                | Self::TooWide(_)
                | Self::NoSuchTable { .. }
                | Self::NoSuchRun { .. }
                | Self::RunRemoved { .. }
                | Self::Kept { .. }
                | Self::TakenMeanwhile { .. }
                | Self::OtherKey { .. }
                | Self::KeyTooYoung { .. }
                | Self::Over { .. }
                | Self::Step(_)
                | Self::CannotBackOut(_)
                | Self::CannotResend(_)
        )
    }
}

/// The right to change a run, until another coordinator acquires its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The run that may be changed.
    pub run_id: RunId,
    /// How many times the run's lease had been acquired by then, this time included.
    pub epoch: u64,
}

/// The lease on a run, or on the role of the coordinator service: who holds it, and for how long.
///
/// When a lease ends is for the database's clock to say, and never for a host's: hosts' clocks differ and jump.
/// (SQLite has the clock of the one host on which all its processes are.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The holder, as `user@host pid N`, with what distinguishes processes of one number.
    pub owner: String,
    /// How long the lease still lasts, unless it is renewed; zero once it has ended.
    pub left: Duration,
}

impl Lease {
    /// A lease of `owner` that ends `left_ms` milliseconds from now; at or below 0 it has ended.
    #[must_use]
    pub fn new(owner: String, left_ms: i64) -> Self {
        Self { owner, left: Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)) }
    }
}

/// What reading back yields.
pub type Blocks = mpsc::Receiver<Result<Block, StoreError>>;

/// The ledger, the tables and the evidence: everything that the rest of Crossfoot asks of a store.
///
/// What is kept in the ledger is written once, over [`database::Database`]; an adapter implements that, [`Staging`],
/// [`Rules`] and [`Promotions`].
pub trait Store:
    Identity
    + Runs
    + Leases
    + Chunks
    + Fleet
    + Readbacks
    + Staging
    + Rules
    + Evidence
    + Log
    + Promotions
    + Views
    + Tokens
    + Resends
    + Removals
{
}

impl<T> Store for T where
    T: Identity
        + Runs
        + Leases
        + Chunks
        + Fleet
        + Readbacks
        + Staging
        + Rules
        + Evidence
        + Log
        + Promotions
        + Views
        + Tokens
        + Resends
        + Removals
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
    let job = Job::parse("(from the store)", &text).map_err(|error| damaged(error.to_string()))?;
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
