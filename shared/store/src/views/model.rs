//! What a console is told of the ledger: the nouns.

use domain::constraint::ReasonCode;
use domain::counts::{Counts, Role};
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RunId, WorkerId};
use domain::lifecycle::RunState;
use serde::{Deserialize, Serialize};

use crate::Lease;
use crate::model::Run;

/// Which runs a page shows; by default the newest of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunPage {
    /// The name of the runs' job; `None` for any.
    pub job: Option<String>,
    /// The states that runs may be in; empty for any.
    pub states: Vec<RunState>,
    /// What a run's ID, job, source, operator or note must contain, in any case; empty for anything.
    pub text: String,
    /// Only runs that were opened before this one; `None` to begin with the newest.
    pub before: Option<RunId>,
}

/// What the ledger counts of a run's chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkTotals {
    /// Chunks that the source was cut into so far.
    pub chunks: u64,
    /// Records in these chunks.
    pub records: u64,
    /// Bytes of these chunks.
    pub bytes: u64,
    /// Chunks that are committed to staging.
    pub committed: u64,
    /// Chunks that were set aside.
    pub set_aside: u64,
    /// Records of the committed chunks that a processor read.
    pub read: u64,
    /// Records of the committed chunks that were accepted, and written to staging.
    pub accepted: u64,
    /// Records of the committed chunks that were rejected.
    pub rejected: u64,
    /// Bytes of the committed chunks.
    pub bytes_committed: u64,
}

impl ChunkTotals {
    /// These and others, term by term.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self {
            chunks: self.chunks.saturating_add(others.chunks),
            records: self.records.saturating_add(others.records),
            bytes: self.bytes.saturating_add(others.bytes),
            committed: self.committed.saturating_add(others.committed),
            set_aside: self.set_aside.saturating_add(others.set_aside),
            read: self.read.saturating_add(others.read),
            accepted: self.accepted.saturating_add(others.accepted),
            rejected: self.rejected.saturating_add(others.rejected),
            bytes_committed: self.bytes_committed.saturating_add(others.bytes_committed),
        }
    }
}

/// A run, and what the ledger counts of its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedRun {
    /// The run as the ledger has it.
    pub run: Run,
    /// The counts over its chunks.
    pub totals: ChunkTotals,
    /// The lease on it; `None` if no coordinator holds one. It may have ended.
    pub lease: Option<Lease>,
}

/// A job, and its latest run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// The name of the job.
    pub job: String,
    /// How many runs it has had.
    pub runs: u64,
    /// Its latest run, with its counts.
    pub latest: CountedRun,
}

/// The newest run of a job, as far as a schedule asks about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestRun {
    /// The name of the job.
    pub job: String,
    /// The run.
    pub run_id: RunId,
    /// SHA-256 of the job file that it ran.
    pub job_digest: Hash,
    /// When it was opened, in milliseconds since 1970.
    pub opened_at_ms: i64,
}

/// A job that has promoted runs, and the newest of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotedJob {
    /// The name of the job.
    pub job: String,
    /// The run that was promoted last.
    pub run_id: RunId,
    /// SHA-256 of the job file that it ran.
    pub job_digest: Hash,
    /// When it was opened, in milliseconds since 1970.
    pub opened_at_ms: i64,
    /// When it was promoted, in milliseconds since 1970.
    pub promoted_at_ms: i64,
    /// When the job's first run was promoted, in milliseconds since 1970.
    pub first_promoted_at_ms: i64,
}

/// How long a promoted run took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDuration {
    /// The name of the run's job.
    pub job: String,
    /// The run that took so long.
    pub run_id: RunId,
    /// Time that coordinators spent on it, in milliseconds.
    pub elapsed_ms: u64,
}

/// The lease on a run that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLease {
    /// The run that is held.
    pub run_id: RunId,
    /// Who holds it, and for how long.
    pub lease: Lease,
}

/// How far a chunk is, as far as the ledger knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChunkPhase {
    /// It was cut, and no worker has begun it.
    Waiting,
    /// A worker has begun it.
    Begun,
    /// It was decoded, and is not committed yet.
    Processed,
    /// It is committed to staging.
    Committed,
    /// It was set aside because it kept failing.
    SetAside,
}

impl ChunkPhase {
    /// Every phase, in the order of their numbers in a map.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Begun, Self::Processed, Self::Committed, Self::SetAside];

    /// What the phase is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Begun => "begun",
            Self::Processed => "processed",
            Self::Committed => "committed",
            Self::SetAside => "set-aside",
        }
    }
}

/// What happened to a chunk besides what its row says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChunkStory {
    /// How often processors began it.
    pub processor_starts: u64,
    /// How often writers began it.
    pub writer_starts: u64,
    /// The worker that began it last.
    pub started_by: Option<WorkerId>,
    /// What workers reported of it.
    pub reports: Vec<ChunkReport>,
}

/// What a worker reported of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkReport {
    /// The worker's role.
    pub role: Role,
    /// The worker that reported.
    pub worker: WorkerId,
    /// What it counted: one chunk.
    pub counts: Counts,
    /// The bytes it worked through.
    pub bytes: u64,
    /// The time it spent, in microseconds.
    pub busy_us: u64,
}

/// How long a worker takes for a chunk of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkTimes {
    /// The worker that reported.
    pub worker: WorkerId,
    /// The worker's role.
    pub role: Role,
    /// How many chunks it reported.
    pub chunks: u64,
    /// The median, in microseconds.
    pub median_us: u64,
    /// The 95th percentile, in microseconds.
    pub p95_us: u64,
}

/// Which rejects of a run a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectPage {
    /// Only those with this reason.
    pub code: Option<ReasonCode>,
    /// Only those with a reason about this field; empty for a reason about the whole record.
    pub field: Option<String>,
    /// Only those that this worker rejected.
    pub worker: Option<WorkerId>,
    /// Only those after this one.
    pub after: Option<(ChunkNo, u64)>,
}

/// How many rejects have something in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectCounts {
    /// Rejects in all.
    pub total: u64,
    /// By reason: a record with several reasons counts once for each.
    pub by_reason: Vec<(ReasonCode, u64)>,
    /// By field; none for the whole record. A record with several reasons counts once for each field.
    pub by_field: Vec<(Option<String>, u64)>,
    /// By the worker that rejected them.
    pub by_worker: Vec<(WorkerId, u64)>,
}

/// What the runs of a job in one state come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobTotals {
    /// The name of the job.
    pub job: String,
    /// The state of its runs that are counted here.
    pub state: RunState,
    /// How many runs there are.
    pub runs: u64,
    /// When the last of them ended, in milliseconds since 1970.
    pub last_ended_at_ms: Option<i64>,
    /// What the ledger counts of their chunks.
    pub totals: ChunkTotals,
}
