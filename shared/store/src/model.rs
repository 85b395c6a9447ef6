//! What the store keeps and hands out: the nouns of the ledger.

use std::time::Duration;

use domain::bytes::ByteShares;
use domain::check::CheckResult;
use domain::finding::Finding;
use domain::fingerprint::Hash;
use domain::forest::Forest;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::lifecycle::{ChunkState, RunState};
use domain::reconcile::VerifySource;
use domain::retention::Parts;
use domain::rule::RuleOutcome;
use domain::totals::Sums;

pub use crate::block::{Block, ChunkRange, Entry, EntryKind, Exclusion};
pub use crate::original::NewResend;
pub use job::chunk::ChunkCut;
pub use wire::ChunkCounts;

/// A run about to be opened.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The id that the run will have.
    pub run_id: RunId,
    /// The name of the job that the run executes.
    pub job: String,
    /// The job file's text.
    pub job_text: String,
    /// SHA-256 of the job file's text.
    pub job_digest: Hash,
    /// Where the source is; `-` is standard input.
    pub source: String,
    /// The length of the source on disk, in bytes; `None` for a stream.
    pub source_bytes: Option<u64>,
    /// SHA-256 of the source on disk, taken before the run; `None` for a stream.
    pub source_sha256: Option<Hash>,
    /// What the sender declared, as JSON; `None` unless it came from outside the job file.
    pub declared: Option<String>,
    /// The greatest length of a chunk, in bytes.
    pub chunk_bytes: u64,
    /// The greatest number of records in a chunk; 0 sets no limit.
    pub chunk_records: u64,
    /// Whether the operator insisted on loading bytes that were loaded before.
    pub again: bool,
    /// Whether the run waits for approval once staging is proven.
    pub pause_after_staged: bool,
    /// Which chunks the coordinator decodes itself from the source's bytes.
    pub verify_source: VerifySource,
    /// Whether the coordinator service drives the run, instead of the process that opens it.
    pub submitted: bool,
    /// The rejects that the run loads again, corrected; `None` for a source of its own.
    pub resends: Option<NewResend>,
    /// The operator who opens the run: `operator@host`.
    pub actor: String,
    /// What else the log says of its opening: the reason, the command, the process.
    pub detail: serde_json::Map<String, serde_json::Value>,
    /// When the run is opened, in milliseconds since 1970.
    pub now_ms: i64,
}

/// A run as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The run's id, which also orders runs by their opening.
    pub run_id: RunId,
    /// The name of the job that the run executes.
    pub job: String,
    /// The job file's digest; the text is fetched by it.
    pub job_digest: Hash,
    /// The run's state; [`domain::lifecycle::RUN_STEPS`] lists the legal steps between states.
    pub state: RunState,
    /// Where the source is.
    pub source: String,
    /// The length of the source on disk, in bytes; `None` for a stream.
    pub source_bytes: Option<u64>,
    /// SHA-256 of the source before the run; `None` for a stream.
    pub source_sha256: Option<Hash>,
    /// SHA-256 of the bytes that were split; known once the last chunk was cut.
    pub split_sha256: Option<Hash>,
    /// What the sender declared, as JSON.
    pub declared: Option<String>,
    /// The greatest length of a chunk, in bytes.
    pub chunk_bytes: u64,
    /// The greatest number of records in a chunk; 0 sets no limit.
    pub chunk_records: u64,
    /// Whether the operator asked to load the same bytes again (`--again`).
    pub again: bool,
    /// Whether it waits for approval once staging is proven.
    pub pause_after_staged: bool,
    /// Which chunks the coordinator decodes itself from the source's bytes.
    pub verify_source: VerifySource,
    /// Whether the coordinator service drives the run.
    pub submitted: bool,
    /// Whether the run is left alone until an operator resumes it, because one paused it or it cannot go on by itself;
    /// `note` says why.
    pub parked: bool,
    /// How many of its chunks may be in flight, as an operator asked; `None` for its share of the coordinator's window.
    pub window_chunks: Option<u64>,
    /// The run whose corrected rejects it loads; `None` for a run on a source of its own.
    pub resends: Option<RunId>,
    /// The operator who opened the run: `operator@host`.
    pub actor: String,
    /// When the run was opened, in milliseconds since 1970.
    pub opened_at_ms: i64,
    /// When the run ended, in milliseconds since 1970; `None` while it is not over.
    pub ended_at_ms: Option<i64>,
    /// Time that coordinators spent on the run, in milliseconds.
    pub elapsed_ms: u64,
    /// How many times the run's lease was acquired; each acquisition fences the coordinators before it.
    pub epoch: u64,
    /// Whether a coordinator acquired the run again while it was loading.
    pub interrupted: bool,
    /// Whether all its rows were removed: staging, rejects and findings.
    pub purged: bool,
    /// What of it was removed.
    pub removed: Parts,
    /// Why the run is in its state, in words; `None` if that needs no words.
    pub note: Option<String>,
    /// What the splitter found; `None` until it reached the source's end.
    pub split: Option<SplitTotals>,
}

/// What the splitter found at the source's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitTotals {
    /// Chunks that the source was cut into.
    pub chunks: u64,
    /// Records that the splitter counted.
    pub records: u64,
    /// Bytes of content, after decompression.
    pub bytes: u64,
    /// Bytes before the first chunk.
    pub header_bytes: u64,
    /// The length of the source on disk, in bytes.
    pub bytes_on_disk: u64,
    /// SHA-256 of the bytes on disk.
    pub sha256: Hash,
}

/// A chunk in the ledger: as it was cut, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkRow {
    /// The chunk as the splitter cut it.
    pub cut: ChunkCut,
    /// The chunk's state: split, committed or set aside.
    pub state: ChunkState,
    /// What was committed of the chunk; `None` if it is not committed.
    pub committed: Option<Committed>,
    /// Why the chunk was set aside, or why the worker that had it last handed it back; `None` otherwise.
    pub reason: Option<String>,
}

/// What a chunk's processor counted and its writer committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The processor that decoded the chunk.
    pub processor: WorkerId,
    /// The writer that committed the chunk's batch.
    pub writer: WorkerId,
    /// Bytes that were decoded.
    pub bytes_in: u64,
    /// Records that were decoded.
    pub records_in: u64,
    /// Records that were accepted.
    pub accepted: u64,
    /// Of these, those of each record type.
    pub by_type: Vec<u64>,
    /// Records that were rejected.
    pub rejected: u64,
    /// Sums over the accepted.
    pub sums: Sums,
    /// Sums over the rejects, as far as they could be read.
    pub rejected_sums: Sums,
    /// The chunk's part of the fingerprint, one tree for each record type.
    pub tree: Forest,
    /// What the chunk adds to the declared totals, encoded; empty in a job whose records declare none.
    pub footing: Vec<u8>,
    /// What came of each row rule.
    pub rules: Vec<RuleOutcome>,
    /// The digest of all that was committed ([`wire::Batch::content`]).
    pub content: Option<Hash>,
    /// Where the chunk's bytes went; `None` if a version before 0.2.0 committed it.
    pub bytes: Option<ByteShares>,
}

/// The answer to a worker that starts work on a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// The work may begin; the start is charged.
    Go {
        /// How often the chunk was started in this role, this time included.
        starts: u32,
        /// What the ledger says of the work.
        task: Box<Task>,
    },
    /// The chunk is committed: there is nothing to do.
    Committed,
    /// The chunk was set aside, or its run no longer loads: there is nothing to do.
    Closed,
}

/// What the ledger says of a chunk that work begins on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The chunk as it was cut: its bytes must give this SHA-256.
    pub cut: ChunkCut,
    /// The digest of the run's job.
    pub job_digest: Hash,
    /// Where the run's source is, for a chunk that travels by reference.
    pub source: String,
}

/// A worker in the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow {
    /// The worker's number, unique in the store.
    pub worker_id: WorkerId,
    /// The worker's name, such as `processor-1`.
    pub name: String,
    /// What the worker does: decode chunks or write batches.
    pub role: domain::counts::Role,
    /// The host it runs on.
    pub host: String,
    /// The id of the worker's process on its host.
    pub pid: u32,
    /// The version of the program that the worker runs.
    pub version: String,
    /// When it started, in milliseconds since 1970, by its host's clock.
    pub started_at_ms: i64,
    /// When its last heartbeat came, in milliseconds since 1970, by the database's clock.
    pub seen_at_ms: i64,
    /// When the worker reported that it stops, by the database's clock; `None` if it did not.
    pub stopped_at_ms: Option<i64>,
    /// How long ago its last heartbeat was, by the database's clock.
    pub silent: Duration,
    /// How long it had worked on its current message at its last heartbeat; `None` if it waited for one.
    pub in_hand: Option<Duration>,
    /// When an operator asked it to finish its work in hand and end, by the database's clock; `None` if nobody did.
    pub drain_asked_at_ms: Option<i64>,
}

/// One heartbeat of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The worker that lives.
    pub worker: WorkerId,
    /// How long it has worked on its current message; `None` if it waits for one.
    pub in_hand: Option<Duration>,
}

impl Heartbeat {
    /// Heartbeats of workers that wait for a message.
    #[must_use]
    pub fn idle(workers: &[WorkerId]) -> Vec<Self> {
        workers.iter().map(|worker| Self { worker: *worker, in_hand: None }).collect()
    }

    /// How long it has worked on its current message, in milliseconds.
    pub fn in_hand_ms(&self) -> Option<i64> {
        self.in_hand.map(|since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A number of milliseconds that a database counted between two of its own times.
pub fn counted(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// The batch is committed now.
    Committed,
    /// The chunk was committed before, by this or another writer: nothing was done.
    AlreadyThere,
    /// The run takes no more batches (it was cancelled, or has moved on): nothing was done.
    RunClosed,
    /// The batch was made from other bytes than the ledger has for the chunk: nothing was done.
    OtherBytes,
}

/// A worker about to be registered.
#[derive(Debug, Clone)]
pub struct NewWorker {
    /// The worker's name, such as `processor-1`.
    pub name: String,
    /// What the worker does: decode chunks or write batches.
    pub role: domain::counts::Role,
    /// The host it runs on.
    pub host: String,
    /// The id of the worker's process on its host.
    pub pid: u32,
    /// The version of the program that the worker runs.
    pub version: String,
    /// When the worker started, in milliseconds since 1970, by its host's clock.
    pub now_ms: i64,
}

/// A chunk's counts as a worker reported them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// The number of the chunk that was counted.
    pub chunk_no: ChunkNo,
    /// The role it was counted in.
    pub role: domain::counts::Role,
    /// The worker in whose name the counts are.
    pub worker: WorkerId,
    /// The counts that the worker reported.
    pub counts: ChunkCounts,
}

/// A chunk and the state that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkStanding {
    /// The chunk's number in its run, from 0.
    pub chunk_no: u64,
    /// The chunk's state: split, committed or set aside.
    pub state: ChunkState,
}

/// A chunk that a worker began and has neither finished nor requeued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BegunChunk {
    /// The run that the chunk belongs to.
    pub run_id: RunId,
    /// The chunk's number in its run, from 0.
    pub chunk_no: ChunkNo,
    /// The worker that began it last.
    pub worker: WorkerId,
}

/// A run, with what its last reconciliation left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    /// The run as the ledger has it.
    pub run: Run,
    /// The summary of the last reconciliation, as JSON; `None` if there was none.
    pub summary: Option<String>,
}

/// What a worker found in a range of chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readback {
    /// The chunks that were read back.
    pub range: ChunkRange,
    /// What was found: an encoded [`wire::RangeFound`].
    pub body: Vec<u8>,
}

/// What a run's last reconciliation left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptChecks {
    /// The checks of the last reconciliation; none if there was no reconciliation.
    pub checks: Vec<CheckResult>,
    /// The summary of the last reconciliation, as JSON; `None` if there was none.
    pub summary: Option<String>,
}

/// Some of a run's findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingPage {
    /// The findings on this page.
    pub findings: Vec<Finding>,
    /// How many findings the run has in all.
    pub total: u64,
}

/// What came of a run's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesApplied {
    /// What came of each rule, in the job's order.
    pub outcomes: Vec<RuleOutcome>,
    /// What is known of the keys.
    pub keys: KeyCounts,
}

/// What is known of the key of one record type before promotion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TypeKeys {
    /// Append: records whose key an earlier record of the run has.
    pub duplicates: u64,
    /// Append: records whose key is already in final.
    pub already_in_final: u64,
}

/// What is known of a run's keys before promotion, over all record types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// The first two of each record type.
    pub by_type: Vec<TypeKeys>,
    /// Append: records whose key an earlier record of the run has.
    pub duplicates: u64,
    /// Append: records whose key is already in final.
    pub already_in_final: u64,
    /// Records kept out of final by a rule.
    pub held: u64,
    /// Upsert: records replaced by a later one.
    pub merged: u64,
    /// Rules of which more or fewer breaches are kept than the processors counted.
    pub rules_differing: u64,
}

impl KeyCounts {
    /// Adds the counts of the next record type.
    pub fn add(&mut self, next: Self) {
        let of_type = TypeKeys { duplicates: next.duplicates, already_in_final: next.already_in_final };
        self.by_type.push(of_type);
        self.duplicates += next.duplicates;
        self.already_in_final += next.already_in_final;
        self.merged += next.merged;
    }
}

/// A kept reject, for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectRow {
    /// The number of the chunk that the record is in, from 0.
    pub chunk_no: ChunkNo,
    /// The record's number in its source, from 1.
    pub record_no: RecordNo,
    /// The record's offset in the source's content, in bytes.
    pub offset: u64,
    /// The processor that rejected the record.
    pub worker_id: WorkerId,
    /// The record's bytes, without framing.
    pub raw: Vec<u8>,
    /// Why: every reason that was found.
    pub reasons: Vec<domain::constraint::Reason>,
}

/// How many chunks of a run are split, committed and set aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Chunks in the ledger.
    pub split: u64,
    /// Chunks that are committed to staging.
    pub committed: u64,
    /// Chunks that failed repeatedly and were set aside.
    pub set_aside: u64,
    /// Records in the committed chunks.
    pub records: u64,
}
