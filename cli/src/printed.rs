//! What commands print with `--json`, where it is not a type of another package. Each type has a JSON Schema, which is
//! listed in [`crate::schema`]: a key that is printed is a promise.

pub(crate) mod dead_letters;
pub(crate) mod failed;
pub(crate) mod fleet;

use std::collections::BTreeMap;
use std::path::PathBuf;

use coordinator::evidence::pack::Vouched;
use coordinator::report::trends::TrendRow;
use domain::constraint::Reason;
use domain::finding::Finding;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::invariants::Invariant;
use domain::lifecycle::RunState;
use domain::pack::proof::Statement;
use domain::pack::{Manifest, PartCheck};
use domain::report::{Outcome, Report};
use drill::defect::{Located, Strikes};
use schemars::JsonSchema;
use serde::Serialize;
use store::own_table::TableLook;

/// One run in the list of `runs`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedRun {
    /// The id of the run, which other commands take.
    pub(crate) run_id: RunId,
    /// The name of the run's job.
    pub(crate) job: String,
    /// Where the run is in its life.
    pub(crate) state: RunState,
    /// The outcome of the run.
    pub(crate) outcome: Outcome,
    /// Where the source is.
    pub(crate) source: String,
    /// Records in the source, once it is split.
    pub(crate) records: Option<u64>,
    /// When the run was opened: milliseconds since 1970, UTC.
    pub(crate) opened_at_ms: i64,
    /// When the run ended, if it has: milliseconds since 1970, UTC.
    pub(crate) ended_at_ms: Option<i64>,
    /// Time spent by coordinators, in milliseconds.
    pub(crate) elapsed_ms: u64,
    /// Who opened the run: `operator@host`.
    pub(crate) actor: String,
    /// Whether the run's staging rows and rejects were removed.
    pub(crate) purged: bool,
    /// Why the run is in this state, if that needs saying.
    pub(crate) note: Option<String>,
}

/// One run as `show` prints it: its report and its progress.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ShownRun {
    #[serde(flatten)]
    pub(crate) report: Report,
    /// How far the run is.
    pub(crate) progress: RunProgress,
}

/// How far a run is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunProgress {
    /// Chunks that the source was cut into so far.
    pub(crate) chunks_split: u64,
    /// Chunks that are committed to staging.
    pub(crate) chunks_committed: u64,
    /// Chunks that were set aside because they kept failing.
    pub(crate) chunks_set_aside: u64,
    /// Records of the committed chunks.
    pub(crate) records: u64,
}

/// One reject, with every reason.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedReject {
    /// The record's place in its source, from 1.
    pub(crate) record_no: RecordNo,
    /// The chunk that the record is in.
    pub(crate) chunk_no: ChunkNo,
    /// Where the record begins in the source (after decompression).
    pub(crate) byte_offset: u64,
    /// The worker that rejected the record.
    pub(crate) worker_id: WorkerId,
    /// The record's bytes in hexadecimal digits; null in a job with sensitive fields.
    pub(crate) raw_hex: Option<String>,
    /// Every reason that was found.
    pub(crate) reasons: Vec<Reason>,
}

/// The differences of a run, as `explain` prints them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Explained {
    /// The id of the run, which other commands take.
    pub(crate) run_id: RunId,
    /// How many findings there are.
    pub(crate) findings_total: u64,
    /// The findings, as many as `--limit` allows.
    pub(crate) findings: Vec<Finding>,
}

/// The version of the shape of [`JobTrends`].
pub(crate) const TRENDS_VERSION: u32 = 2;

/// A job's runs side by side.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JobTrends {
    /// The version of the shape of this document.
    pub(crate) trends_version: u32,
    /// The name of the job whose runs are compared.
    pub(crate) job: String,
    /// The runs, the newest first.
    pub(crate) runs: Vec<TrendRow>,
}

/// A job file as `check` understands it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckedJob {
    /// The job's name, as the job file has it.
    pub(crate) job: String,
    /// SHA-256 of the job file with its copybook.
    pub(crate) digest: Hash,
    /// The digest of the hashed fields' names and types. Fingerprints of different layouts cannot be compared.
    pub(crate) layout_digest: Hash,
    /// The record types, in the order of the job file.
    pub(crate) types: Vec<CheckedType>,
    /// What the author of the job should know.
    pub(crate) notes: Vec<String>,
    /// The final tables that are there already, compared with the job; empty if there is no store.
    pub(crate) tables: Vec<TableLook>,
    /// The framing settings that fit the source's first records, in words, if the job's do not or others do as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fits: Option<String>,
    /// The first records of the source; null if no source was given.
    pub(crate) records: Option<Vec<PreviewedRecord>>,
}

/// One record type of a job.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckedType {
    /// The record type's name.
    pub(crate) record: String,
    /// The record type's fields.
    pub(crate) fields: Vec<CheckedField>,
    /// The SQL statements that make the record type's tables.
    pub(crate) ddl: Vec<String>,
}

/// One field of a record type.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckedField {
    /// The field's name, which is its column's in staging too.
    pub(crate) name: String,
    /// The field's type, as a job file writes it.
    #[serde(rename = "type")]
    pub(crate) ty: String,
    /// Whether a record in which the field is NULL is a reject.
    pub(crate) required: bool,
    /// Whether the field's content is shown as a mask.
    pub(crate) sensitive: bool,
}

/// One record of a source as the job reads it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PreviewedRecord {
    /// The record's place in its source, from 1.
    pub(crate) record_no: u64,
    /// Where the record begins in the source (after decompression).
    pub(crate) offset: u64,
    /// The record's length in bytes.
    pub(crate) bytes: usize,
    /// The record type; null if the record is of none.
    pub(crate) record: Option<String>,
    /// The record's fields, in the order of the layout.
    pub(crate) fields: Vec<PreviewedField>,
    /// Why the record would be rejected; empty if it would not.
    pub(crate) rejected: Vec<Reason>,
}

/// One field of a record as the job reads it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PreviewedField {
    /// The field's name, which is its column's too.
    pub(crate) name: String,
    /// Where the field begins in the record, from 0, in formats in which it has a place.
    pub(crate) offset: Option<usize>,
    /// The field's length in bytes, in formats in which it has a place.
    pub(crate) bytes: Option<usize>,
    /// The field's bytes in hexadecimal digits; null if they are withheld.
    pub(crate) hex: Option<String>,
    /// The field's value; `?` if it has none.
    pub(crate) value: String,
}

/// A run, and the state that a command left it in.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunStands {
    /// The id of the run, which other commands take.
    pub(crate) run_id: RunId,
    /// Where the run is in its life.
    pub(crate) state: RunState,
}

/// A run whose chunks were requeued for the coordinator service.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Redriven {
    /// The id of the run, which other commands take.
    pub(crate) run_id: RunId,
    /// How many chunks were requeued.
    pub(crate) chunks: u64,
}

/// A run whose staging rows and rejects were removed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Purged {
    /// The id of the run, which other commands take.
    pub(crate) run_id: RunId,
    /// How many rows were removed.
    pub(crate) rows_removed: u64,
}

/// The replacement of the key that seals messages.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RotatedKey {
    /// The id of the key that seals messages from now on.
    pub(crate) key: String,
    /// The id of the key before, which stays valid until the next replacement.
    pub(crate) before: String,
}

/// A defect of the catalogue.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedDefect {
    /// The defect's number: a group, and a number within it.
    pub(crate) id: &'static str,
    /// Where along the flow the defect strikes.
    pub(crate) strikes: Strikes,
    /// What the defect does, in a sentence.
    pub(crate) what: &'static str,
    /// The invariant that the defect breaks.
    pub(crate) invariant: Invariant,
    /// What must catch the defect: one of these checks or refusals.
    pub(crate) must: Vec<String>,
    /// How closely the defect must be located when a check catches it.
    pub(crate) must_locate: Located,
}

/// One event of the evidence log.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LoggedEvent {
    /// The event's number, from 1, without gaps.
    pub(crate) seq: u64,
    /// When it happened, UTC: `2024-02-29T13:45:00.123Z`.
    pub(crate) at: String,
    /// The run that the event belongs to; null for events of the store itself.
    pub(crate) run_id: Option<String>,
    /// What happened: `opened`, `resumed`, `approved`, `promoted` and so on.
    pub(crate) kind: String,
    /// Who did it: `operator@host`.
    pub(crate) actor: String,
    /// What there is to say about it; the keys depend on `kind`.
    pub(crate) detail: serde_json::Map<String, serde_json::Value>,
    /// The hash of the event before.
    pub(crate) previous: Hash,
    /// The hash over the whole event and `previous`.
    pub(crate) hash: Hash,
}

/// What a walk over the evidence log found.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum WalkedLog {
    /// Nothing was removed, reordered or rewritten.
    Intact {
        /// Whether the log is intact: true.
        intact: bool,
        /// How many events the log has.
        events: u64,
        /// The hash of the last event.
        head: Hash,
        /// What the checkpoint file held; null if none was given.
        checkpoints: Option<HeldCheckpoints>,
    },
    /// The log is not what was written.
    Broken {
        /// Whether the log is intact: false.
        intact: bool,
        /// Which event is at fault, and why.
        reason: String,
    },
}

/// What a checkpoint file held.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HeldCheckpoints {
    /// How many checkpoints of this store the log still holds.
    pub(crate) held: usize,
    /// How many checkpoints are of other stores, by the store's name.
    pub(crate) of_other_stores: BTreeMap<String, u64>,
}

/// A pack of evidence that was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExportedPack {
    /// The path of the file that the pack was written to.
    pub(crate) pack: PathBuf,
    /// The pack's length in bytes.
    pub(crate) bytes: u64,
    /// The pack's manifest, as it was written.
    pub(crate) manifest: Manifest,
}

/// A pair of keys that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MadeKeys {
    /// The path of the private key, which signs.
    pub(crate) private: PathBuf,
    /// The path of the public key, which verifies.
    pub(crate) public: PathBuf,
    /// The key's id: SHA-256 of the public key.
    pub(crate) key: Hash,
}

/// The result of checking a pack of evidence.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifiedPack<'a> {
    /// Whether everything holds and someone vouches for it.
    pub(crate) verified: bool,
    /// Whether no check failed, regardless of who vouches for it.
    pub(crate) holds: bool,
    /// Who vouches for the pack.
    pub(crate) vouched_by: Vouched,
    /// The pack's manifest; null if it could not be read.
    pub(crate) manifest: Option<&'a Manifest>,
    /// Everything that was checked.
    pub(crate) checks: &'a [PartCheck],
}

/// The result of checking the proof of one record.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifiedProof<'a> {
    /// Whether everything holds, the record is the one that was given, and someone vouches for the root.
    pub(crate) verified: bool,
    /// Whether no check failed, regardless of who vouches for it.
    pub(crate) holds: bool,
    /// Whether something that was given shows which record it is.
    pub(crate) is_of_record: bool,
    /// Who vouches for the root.
    pub(crate) vouched_by: Vouched,
    /// The statement that is signed; null if there is none or it cannot be read.
    pub(crate) statement: Option<&'a Statement>,
    /// Everything that was checked.
    pub(crate) checks: &'a [PartCheck],
}

/// One JSON Schema in the list of `schema`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedSchema {
    /// The schema's name, as `crossfoot schema NAME` takes it.
    pub(crate) name: &'static str,
    /// The schema's identifier, which ends with its version.
    pub(crate) id: String,
    /// What the schema describes.
    pub(crate) about: &'static str,
}
