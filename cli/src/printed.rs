//! What commands print with `--json`, where it is not a type of another package. Each type has a JSON Schema, which is
//! listed in [`crate::schema`]: a key that is printed is a promise.

pub(crate) mod dead_letters;
pub(crate) mod failed;
pub(crate) mod watch;

use std::path::PathBuf;

use coordinator::evidence::pack::Vouched;
use coordinator::ops::retention::{Going, KeptRun};
use coordinator::ops::tokens::ListedToken;
use coordinator::ops::views::attestations::ListedAttestation;
use coordinator::ops::views::record::PreviewedRecord;
use domain::comparison::LoadReport;
use domain::fingerprint::Hash;
use domain::ids::{RunId, WorkerId};
use domain::invariants::Invariant;
use domain::lifecycle::RunState;
use domain::pack::proof::Statement;
use domain::pack::{Manifest, PartCheck};
use drill::defect::{Located, Strikes};
use schemars::JsonSchema;
use serde::Serialize;
use store::own_table::TableLook;

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
    /// The next three times at which a run is expected (`[schedule]`): milliseconds since 1970, UTC.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) next_expected_ms: Vec<i64>,
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

/// A run whose number of chunks in flight was changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WindowChanged {
    /// The run's id.
    pub(crate) run_id: RunId,
    /// How many of its chunks may be in flight; null for its share of the coordinator's window.
    pub(crate) window_chunks: Option<u64>,
}

/// Workers that were asked to finish their work in hand and end.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Drained {
    /// The workers, by number.
    pub(crate) workers: Vec<DrainedWorker>,
}

/// A worker that was asked to finish its work in hand and end.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DrainedWorker {
    /// The worker's number in the store.
    pub(crate) worker_id: WorkerId,
    /// The worker's name.
    pub(crate) name: String,
    /// The host it runs on.
    pub(crate) host: String,
    /// Whether it has ended, as far as it was waited for.
    pub(crate) ended: bool,
}

/// A run whose rows were taken out of final.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BackedOut {
    /// The run's id.
    pub(crate) run_id: RunId,
    /// How many rows were taken out of final.
    pub(crate) rows_taken_out: u64,
}

/// A run whose staging rows and rejects were removed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Purged {
    /// The id of the run, which other commands take.
    pub(crate) run_id: RunId,
    /// How many rows were removed.
    pub(crate) rows_removed: u64,
}

/// What retention would remove, or removed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Retained {
    /// What is kept, as `crossfoot.toml` has it: `staging = "90d", runs_per_job = 400`.
    pub(crate) keeps: String,
    /// Whether it was removed.
    pub(crate) applied: bool,
    /// What would go, or went, run by run.
    pub(crate) runs: Vec<Going>,
    /// What is due, and kept.
    pub(crate) kept: Vec<KeptRun>,
}

/// The roles of a fleet's processes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SetUp {
    /// The names of the roles.
    pub(crate) roles: Vec<String>,
    /// The SQL that makes the roles and gives each its rights.
    pub(crate) sql: String,
    /// Commands that make the users of the broker and give each its permissions.
    pub(crate) rabbitmq: Vec<String>,
    /// Whether the SQL was run.
    pub(crate) applied: bool,
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

/// The result of checking the evidence of a comparison.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifiedEvidence<'a> {
    /// Whether everything holds and someone vouches for it.
    pub(crate) verified: bool,
    /// Whether no check failed, regardless of who vouches for it.
    pub(crate) holds: bool,
    /// Who vouches for it.
    pub(crate) vouched_by: Vouched,
    /// The report on the comparison; null if it cannot be read.
    pub(crate) report: Option<&'a LoadReport>,
    /// Everything that was checked.
    pub(crate) checks: &'a [PartCheck],
}

/// The attestations of a run.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AttestedRun {
    /// The run's id.
    pub(crate) run_id: String,
    /// Whether the newest one is reconciled, and as recent as was asked for.
    pub(crate) holds: bool,
    /// Why not, if it does not hold.
    pub(crate) why: Option<String>,
    /// The attestations, the oldest first.
    pub(crate) attestations: Vec<ListedAttestation>,
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

/// A token that was made for the console.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MadeToken {
    /// The token, which is not shown again.
    pub(crate) token: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub(crate) listed: ListedToken,
}

/// A token that was revoked.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RevokedToken {
    /// What the token was called.
    pub(crate) token_id: String,
}
