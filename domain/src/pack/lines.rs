//! What stands in the parts: run, versions, chunks, rejects and the log, as JSON has them.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::bytes::ByteShares;
use crate::constraint::Reason;
use crate::counts::Role;
use crate::declared::Declared;
use crate::event::Event;
use crate::fingerprint::{Hash, RangeError, TreeRange};
use crate::forest::Forest;
use crate::ids::{ChunkNo, RecordNo, WorkerId};
use crate::lifecycle::{ChunkState, RunState};
use crate::retention::{Part, Parts};
use crate::rule::RuleOutcome;

/// `run.json`: the run as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// The run's id, a UUID.
    pub run_id: String,
    /// The name of the job that the run executed.
    pub job: String,
    /// SHA-256 of the job file.
    pub job_digest: Hash,
    /// The record types, in the order of their trees.
    pub types: Vec<String>,
    /// The digest of the hashed fields' names and types.
    pub layout_digest: Hash,
    /// The state of the run when the pack was made.
    pub state: RunState,
    /// Where the source is.
    pub source: String,
    /// The length of the source on disk before the run, in bytes; `None` for a stream.
    pub source_bytes: Option<u64>,
    /// SHA-256 of the source on disk before the run; `None` for a stream.
    pub source_sha256: Option<Hash>,
    /// What the splitter found, once it came to the source's end.
    pub split: Option<SplitFacts>,
    /// What the sender declared beside the job file.
    pub declared: Option<Declared>,
    /// The greatest length of a chunk, in bytes.
    pub chunk_bytes: u64,
    /// The greatest number of records in a chunk; 0 sets no limit.
    pub chunk_records: u64,
    /// Whether the operator asked to load the same bytes again (`--again`).
    pub again: bool,
    /// Whether the run waits for approval once staging is proven.
    pub pause_after_staged: bool,
    /// Whether it was left to the coordinator service.
    pub submitted: bool,
    /// The operator who opened the run: `operator@host`.
    pub opened_by: String,
    /// When the run was opened: milliseconds since 1970, UTC.
    pub opened_at_ms: i64,
    /// When the run ended: milliseconds since 1970, UTC; `None` while it is not over.
    pub ended_at_ms: Option<i64>,
    /// Whether a coordinator acquired the run again while it was loading.
    pub interrupted: bool,
    /// Whether its staging rows, rejects and findings were removed before the export.
    pub purged: bool,
    /// What of it was removed before the export, where that is not all its rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Part>,
    /// Why the run is in its state, in words; `None` if that needs no words.
    pub note: Option<String>,
}

impl RunFacts {
    /// What of the run was removed before the export.
    #[must_use]
    pub fn removed(&self) -> Parts {
        let rows = if self.purged { Parts::ROWS } else { Parts::NONE };
        self.removed.iter().copied().collect::<Parts>().and(rows)
    }
}

/// What the splitter found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitFacts {
    /// Chunks that the source was cut into.
    pub chunks: u64,
    /// Records that the splitter counted.
    pub records: u64,
    /// Bytes of content, after decompression.
    pub bytes: u64,
    /// Of these bytes, those before the first chunk.
    pub header_bytes: u64,
    /// Of these bytes, those after the last chunk.
    pub footer_bytes: u64,
    /// The length of the source on disk, in bytes.
    pub bytes_on_disk: u64,
    /// SHA-256 of the bytes on disk.
    pub sha256: Hash,
}

/// `versions.json`: the programs that took part in the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// The program that made the pack.
    pub crossfoot: String,
    /// The version of the pack's form ([`super::manifest::FORMAT_VERSION`]).
    pub pack_format: u32,
    /// The version of the report's shape.
    pub report_version: u32,
    /// The kind of store: `sqlite` or `postgres`.
    pub store: String,
    /// The workers that took part in the run, as they registered.
    pub workers: Vec<WorkerVersion>,
}

/// A worker as it registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerVersion {
    /// The worker's number in the store's register.
    pub worker_id: WorkerId,
    /// The worker's name, such as `processor-1`.
    pub name: String,
    /// What the worker does: decode chunks or write batches.
    pub role: Role,
    /// The host it ran on.
    pub host: String,
    /// The version of the program that the worker ran.
    pub version: String,
}

/// A line of `chunks.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkLine {
    /// The chunk's number in its source, from 0.
    pub chunk_no: ChunkNo,
    /// The chunk's offset in the source's content, in bytes.
    pub offset: u64,
    /// The chunk's length in the content, in bytes.
    pub bytes: u64,
    /// The number of the chunk's first record, from 1.
    pub first_record_no: RecordNo,
    /// How many records the chunk has, rejects included.
    pub records: u64,
    /// For each record type the latest record of it before the chunk, in a job whose records have parents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<u64>,
    /// SHA-256 of the chunk's bytes.
    pub sha256: Hash,
    /// The state of the chunk when the pack was made.
    pub state: ChunkState,
    /// Why the chunk was set aside; `None` if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was committed of the chunk; `None` if it is not committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<CommittedLine>,
}

/// What was committed of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedLine {
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
    /// Sums over the accepted, in the order of the report's `amount_names`.
    pub sums: Vec<Amount>,
    /// Sums over the rejects, as far as they could be read.
    pub rejected_sums: Vec<Amount>,
    /// What came of each row rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleOutcome>,
    /// What the chunk adds to the totals that headers and trailers declare, in hexadecimal; empty if none are declared.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub footing: String,
    /// Where the chunk's bytes went; absent if a version before 0.2.0 committed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<ByteShares>,
    /// The chunk's leaves in each record type's tree.
    pub trees: Vec<TreeLine>,
}

/// The leaves `begin..end` of a tree, as the roots of the largest aligned perfect subtrees that tile them, left to
/// right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeLine {
    /// The first leaf: record number less one.
    pub begin: u64,
    /// The first leaf that is not in it.
    pub end: u64,
    /// The roots of the subtrees, left to right.
    pub roots: Vec<Hash>,
}

impl From<&TreeRange> for TreeLine {
    fn from(range: &TreeRange) -> Self {
        Self { begin: range.begin(), end: range.end(), roots: range.roots().to_vec() }
    }
}

impl TreeLine {
    /// The trees of a chunk.
    ///
    /// # Errors
    /// [`RangeError::Malformed`] when roots and bounds do not fit each other, or the trees have not the same leaves.
    pub fn forest(trees: &[Self]) -> Result<Forest, RangeError> {
        let mut forest: Option<Forest> = None;
        for tree in trees {
            let one = Forest::from(TreeRange::from_roots(tree.begin, tree.end, tree.roots.clone())?);
            forest = Some(match forest {
                None => one,
                Some(before) => before.beside(one).map_err(|_| RangeError::Malformed)?,
            });
        }
        forest.ok_or(RangeError::Malformed)
    }
}

/// A line of `rejects.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectLine {
    /// The record's number in its source, from 1.
    pub record_no: RecordNo,
    /// The number of the chunk that the record is in, from 0.
    pub chunk_no: ChunkNo,
    /// The record's offset in the source's content, in bytes.
    pub offset: u64,
    /// The processor that rejected the record.
    pub worker_id: WorkerId,
    /// Its bytes, in hexadecimal; absent where the job's sensitive fields forbid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The record's length without framing, in bytes.
    pub raw_bytes: u64,
    /// Every reason that was found.
    pub reasons: Vec<Reason>,
}

/// A line of `log.jsonl`: an event of the run, whole, or the place of an event that is not the run's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LogLine {
    /// An event of the run.
    Event(Event),
    /// An event of something else: only what the chain needs.
    Link(Link),
}

/// The place of an event in the chain, without what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The event's number in the evidence log, from 1.
    pub seq: u64,
    /// The hash of the event before it.
    pub previous: Hash,
    /// The event's own hash.
    pub hash: Hash,
}
