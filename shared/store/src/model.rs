//! What the store keeps and hands out: the nouns of the ledger.

use std::time::Duration;

use domain::check::CheckResult;
use domain::event::Entry as LogEntry;
use domain::event_kind::EventKind;
use domain::finding::Finding;
use domain::fingerprint::Hash;
use domain::forest::Forest;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::lifecycle::{ChunkState, RunState};
use domain::reconcile::VerifySource;
use domain::rule::RuleOutcome;
use domain::totals::Sums;

pub use crate::block::{Block, ChunkRange, Entry, EntryKind, Exclusion};
pub use job::chunk::ChunkCut;
pub use wire::ChunkCounts;

/// A run about to be opened.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id.
    pub run_id: RunId,
    /// The job's name.
    pub job: String,
    /// The job file's text.
    pub job_text: String,
    /// Its digest.
    pub job_digest: Hash,
    /// Where the source is; `-` is standard input.
    pub source: String,
    /// Its length on disk, if it has one.
    pub source_bytes: Option<u64>,
    /// SHA-256 of it as it lies on disk, if it could be taken before the run.
    pub source_sha256: Option<Hash>,
    /// What the sender declared, as JSON, when it came from beside the job file.
    pub declared: Option<String>,
    /// How the source is cut.
    pub chunk_bytes: u64,
    /// At most so many records a chunk; 0: no bound.
    pub chunk_records: u64,
    /// Whether the operator insisted on loading bytes that were loaded before.
    pub again: bool,
    /// Whether the run waits for approval once staging is proven.
    pub pause_after_staged: bool,
    /// Of how many chunks the coordinator decodes the source's bytes itself.
    pub verify_source: VerifySource,
    /// Whether it is left to the coordinator service, instead of being driven by whoever opens it.
    pub submitted: bool,
    /// Who opened it.
    pub actor: String,
    /// What else the log says of its opening: the reason, the command, the process.
    pub detail: serde_json::Map<String, serde_json::Value>,
    /// When, in milliseconds since 1970.
    pub now_ms: i64,
}

impl NewRun {
    /// The log's entry for its opening.
    #[must_use]
    pub fn opened(&self) -> LogEntry {
        let mut detail = serde_json::json!({
            "job": self.job,
            "job_digest": self.job_digest,
            "source": self.source,
            "source_bytes": self.source_bytes,
            "source_sha256": self.source_sha256,
            "again": self.again,
            "version": env!("CARGO_PKG_VERSION"),
        });
        if let serde_json::Value::Object(detail) = &mut detail {
            detail.extend(self.detail.clone());
        }
        LogEntry {
            run_id: Some(self.run_id.to_string()),
            at_ms: self.now_ms,
            kind: EventKind::Opened.into(),
            actor: self.actor.clone(),
            detail: detail.to_string(),
        }
    }
}

/// A run as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub run_id: RunId,
    /// The job's name.
    pub job: String,
    /// The job file's digest; the text is fetched by it.
    pub job_digest: Hash,
    /// Where it is in its life.
    pub state: RunState,
    /// Where the source is.
    pub source: String,
    /// Its length on disk.
    pub source_bytes: Option<u64>,
    /// SHA-256 of it before the run.
    pub source_sha256: Option<Hash>,
    /// SHA-256 of the bytes that were split; known once the last chunk was cut.
    pub split_sha256: Option<Hash>,
    /// What the sender declared, as JSON.
    pub declared: Option<String>,
    /// How the source is cut.
    pub chunk_bytes: u64,
    /// At most so many records a chunk; 0: no bound.
    pub chunk_records: u64,
    /// Whether loading the same bytes again was insisted on.
    pub again: bool,
    /// Whether it waits for approval once staging is proven.
    pub pause_after_staged: bool,
    /// Of how many chunks the coordinator decodes the source's bytes itself.
    pub verify_source: VerifySource,
    /// Whether it is left to the coordinator service.
    pub submitted: bool,
    /// Whether the coordinator service leaves it alone until an operator takes it up; why is in `note`.
    pub parked: bool,
    /// Who opened it.
    pub actor: String,
    /// When it was opened.
    pub opened_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// Time its coordinators spent on it.
    pub elapsed_ms: u64,
    /// How often it was taken up; each coordinator that takes it up is fenced by the next.
    pub epoch: u64,
    /// Whether loading was taken up more than once.
    pub interrupted: bool,
    /// Whether its staging rows were removed.
    pub purged: bool,
    /// Why it stands where it stands.
    pub note: Option<String>,
    /// What the splitter found, once it came to the end.
    pub split: Option<SplitTotals>,
}

/// What the splitter found at the source's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitTotals {
    /// Chunks.
    pub chunks: u64,
    /// Records.
    pub records: u64,
    /// Bytes of content, after decompression.
    pub bytes: u64,
    /// Bytes before the first chunk.
    pub header_bytes: u64,
    /// Bytes on disk.
    pub bytes_on_disk: u64,
    /// SHA-256 of the bytes on disk.
    pub sha256: Hash,
}

/// A chunk in the ledger: as it was cut, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkRow {
    /// As it was cut.
    pub cut: ChunkCut,
    /// Where it is in its life.
    pub state: ChunkState,
    /// What was committed, if it was.
    pub committed: Option<Committed>,
    /// Why it was set aside, if it was.
    pub reason: Option<String>,
}

/// What a chunk's processor counted and its writer committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Who decoded it.
    pub processor: WorkerId,
    /// Who wrote it.
    pub writer: WorkerId,
    /// Bytes that were decoded.
    pub bytes_in: u64,
    /// Records that were decoded.
    pub records_in: u64,
    /// Accepted.
    pub accepted: u64,
    /// Of these, those of each record type.
    pub by_type: Vec<u64>,
    /// Rejected.
    pub rejected: u64,
    /// Sums over the accepted.
    pub sums: Sums,
    /// Sums over the rejects, as far as they could be read.
    pub rejected_sums: Sums,
    /// Its part of the fingerprint.
    pub tree: Forest,
    /// What it adds to the declared totals.
    pub footing: Vec<u8>,
    /// What came of each row rule.
    pub rules: Vec<RuleOutcome>,
    /// The digest of all that was committed ([`wire::Batch::content`]).
    pub content: Option<Hash>,
}

/// What whoever starts work on a chunk is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// Go on. It is the chunk's `starts`th start in this role, counted from 1.
    Go {
        /// How often it was started, this time included.
        starts: u32,
        /// What the work is, by the ledger.
        task: Box<Task>,
    },
    /// It is committed: there is nothing to do.
    Committed,
    /// It was set aside, or its run loads no more: there is nothing to do.
    Closed,
}

/// What the ledger says of a chunk that work begins on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The chunk as it was cut: its bytes must give this SHA-256.
    pub cut: ChunkCut,
    /// The digest of the run's job.
    pub job_digest: Hash,
}

/// A worker in the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow {
    /// Its number.
    pub worker_id: WorkerId,
    /// Its name.
    pub name: String,
    /// What it does.
    pub role: domain::counts::Role,
    /// The host it runs on.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// When it started, in milliseconds since 1970, by its host's clock.
    pub started_at_ms: i64,
    /// Its last heartbeat, by the database's clock.
    pub seen_at_ms: i64,
    /// When it said that it stops, if it did, by the database's clock.
    pub stopped_at_ms: Option<i64>,
    /// How long ago its last heartbeat was.
    pub silent: Duration,
    /// How long it has worked on the message that it has in hand, by its last heartbeat; `None`: it waited for one.
    pub in_hand: Option<Duration>,
}

/// One heartbeat of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The worker.
    pub worker: WorkerId,
    /// How long it has worked on the message that it has in hand; `None`: it waits for one.
    pub in_hand: Option<Duration>,
}

impl Heartbeat {
    /// Heartbeats of workers that have nothing in hand.
    #[must_use]
    pub fn idle(workers: &[WorkerId]) -> Vec<Self> {
        workers.iter().map(|worker| Self { worker: *worker, in_hand: None }).collect()
    }

    /// How long it has worked, in milliseconds.
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
    /// It is committed now.
    Committed,
    /// It was committed before, by this or another writer: nothing was done.
    AlreadyThere,
    /// The run takes no more batches (it was cancelled, or has moved on): nothing was done.
    RunClosed,
    /// The batch is of other bytes than the ledger booked for the chunk: nothing was done.
    OtherBytes,
}

/// A worker about to be registered.
#[derive(Debug, Clone)]
pub struct NewWorker {
    /// Its name.
    pub name: String,
    /// `processor` or `writer`.
    pub role: domain::counts::Role,
    /// The host it runs on.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// When it started.
    pub now_ms: i64,
}

/// A chunk's counts as a worker reported them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported {
    /// The chunk.
    pub chunk_no: ChunkNo,
    /// The role it was counted in.
    pub role: domain::counts::Role,
    /// The worker.
    pub worker: WorkerId,
    /// What it counted.
    pub counts: ChunkCounts,
}

/// A chunk, and where it is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkStanding {
    /// Its number.
    pub chunk_no: u64,
    /// Where it is in its life.
    pub state: ChunkState,
}

/// A chunk that a worker began and has neither ended nor given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BegunChunk {
    /// Its run.
    pub run_id: RunId,
    /// Its number.
    pub chunk_no: ChunkNo,
    /// The worker that began it last.
    pub worker: WorkerId,
}

/// A run, with what its last reconciliation left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    /// The run.
    pub run: Run,
    /// The summary, if it was reconciled.
    pub summary: Option<String>,
}

/// What a worker found in a range of chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readback {
    /// The range.
    pub range: ChunkRange,
    /// The encoded [`wire::RangeFound`].
    pub body: Vec<u8>,
}

/// What a run's last reconciliation left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptChecks {
    /// The checks.
    pub checks: Vec<CheckResult>,
    /// The summary, if the run was reconciled.
    pub summary: Option<String>,
}

/// Some of a run's findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingPage {
    /// Those that were asked for.
    pub findings: Vec<Finding>,
    /// How many there are in all.
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
    /// Adds those of the next record type.
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
    /// The chunk.
    pub chunk_no: ChunkNo,
    /// The record.
    pub record_no: RecordNo,
    /// Where it begins in the content.
    pub offset: u64,
    /// Who rejected it.
    pub worker_id: WorkerId,
    /// Its bytes.
    pub raw: Vec<u8>,
    /// Why: every reason that was found.
    pub reasons: Vec<domain::constraint::Reason>,
}
