//! What stands in the parts: run, versions, chunks, rejects and the log, as JSON has them.

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::constraint::Reason;
use crate::counts::Role;
use crate::declared::Declared;
use crate::event::Event;
use crate::fingerprint::{Hash, RangeError, TreeRange};
use crate::forest::Forest;
use crate::ids::{ChunkNo, RecordNo, WorkerId};
use crate::lifecycle::{ChunkState, RunState};
use crate::rule::RuleOutcome;

/// `run.json`: the run as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// Its id.
    pub run_id: String,
    /// The job's name.
    pub job: String,
    /// SHA-256 of the job file.
    pub job_digest: Hash,
    /// The record types, in the order of their trees.
    pub types: Vec<String>,
    /// The digest of the hashed fields' names and types.
    pub layout_digest: Hash,
    /// Where it is in its life.
    pub state: RunState,
    /// Where the source is.
    pub source: String,
    /// Its length on disk before the run, if it had one.
    pub source_bytes: Option<u64>,
    /// SHA-256 of it on disk before the run.
    pub source_sha256: Option<Hash>,
    /// What the splitter found, once it came to the source's end.
    pub split: Option<SplitFacts>,
    /// What the sender declared beside the job file.
    pub declared: Option<Declared>,
    /// How the source was cut: bytes a chunk.
    pub chunk_bytes: u64,
    /// Records a chunk; 0: no bound.
    pub chunk_records: u64,
    /// Whether loading the same bytes again was insisted on.
    pub again: bool,
    /// Whether it waited for approval.
    pub pause_after_staged: bool,
    /// Whether it was left to the coordinator service.
    pub submitted: bool,
    /// Who opened it.
    pub opened_by: String,
    /// When: milliseconds since 1970, UTC.
    pub opened_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// Whether loading was taken up more than once.
    pub interrupted: bool,
    /// Whether its staging rows, rejects and findings were removed before the export.
    pub purged: bool,
    /// Why it stands where it stands.
    pub note: Option<String>,
}

/// What the splitter found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitFacts {
    /// Chunks.
    pub chunks: u64,
    /// Records.
    pub records: u64,
    /// Bytes of content, after decompression.
    pub bytes: u64,
    /// Of these, before the first chunk.
    pub header_bytes: u64,
    /// Of these, behind the last chunk.
    pub footer_bytes: u64,
    /// Bytes on disk.
    pub bytes_on_disk: u64,
    /// SHA-256 of the bytes on disk.
    pub sha256: Hash,
}

/// `versions.json`: which programs had a hand in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// The program that made the pack.
    pub crossfoot: String,
    /// The pack's form.
    pub pack_format: u32,
    /// The report's shape.
    pub report_version: u32,
    /// The kind of store: `sqlite` or `postgres`.
    pub store: String,
    /// The workers that had a hand in it, as they registered.
    pub workers: Vec<WorkerVersion>,
}

/// A worker as it registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerVersion {
    /// Its number.
    pub worker_id: WorkerId,
    /// Its name.
    pub name: String,
    /// What it did.
    pub role: Role,
    /// The host it ran on.
    pub host: String,
    /// The program's version.
    pub version: String,
}

/// A line of `chunks.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkLine {
    /// Its number, from 0.
    pub chunk_no: ChunkNo,
    /// Where it begins in the content.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
    /// Its first record.
    pub first_record_no: RecordNo,
    /// How many records it has.
    pub records: u64,
    /// For each record type the latest record of it before the chunk, in a job whose records have parents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<u64>,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// Where it is in its life.
    pub state: ChunkState,
    /// Why it was set aside, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was committed, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<CommittedLine>,
}

/// What was committed of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedLine {
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
    /// Sums over the accepted, in the order of the report's `amount_names`.
    pub sums: Vec<Amount>,
    /// Sums over the rejects, as far as they could be read.
    pub rejected_sums: Vec<Amount>,
    /// What came of each row rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleOutcome>,
    /// What it adds to the totals that headers and trailers declare, in hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub footing: String,
    /// Its leaves of each record type's tree.
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
    /// The subtrees' roots.
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
    /// The record.
    pub record_no: RecordNo,
    /// The chunk.
    pub chunk_no: ChunkNo,
    /// Where it begins in the content.
    pub offset: u64,
    /// Who rejected it.
    pub worker_id: WorkerId,
    /// Its bytes, in hexadecimal; absent where the job's sensitive fields forbid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// How many bytes it has.
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
    /// Its number.
    pub seq: u64,
    /// The hash of the event before it.
    pub previous: Hash,
    /// Its hash.
    pub hash: Hash,
}
