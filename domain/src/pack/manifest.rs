//! The parts of a pack, and the manifest that lists them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Head;
use crate::fingerprint::Hash;
use crate::report::Outcome;

/// What stands at the head of every manifest, so that no other signed text can be taken for one.
pub const FORMAT: &str = "crossfoot evidence pack";

/// The version of the pack's form.
pub const FORMAT_VERSION: u32 = 1;

crate::named! {
    /// A part of a pack.
    #[derive(PartialOrd, Ord, Hash)]
    pub enum Part {
        /// The job file that ran, as text.
        Job = "job.toml",
        /// The programs that took part in the run, with their versions.
        Versions = "versions.json",
        /// The run as the ledger has it, and what the splitter found.
        Run = "run.json",
        /// The run's report, as JSON.
        Report = "report.json",
        /// The report as a page.
        Page = "report.html",
        /// The checks of the last reconciliation; their SHA-256 is in the log.
        Checks = "checks.json",
        /// Every worker's counts: as reported, in the ledger, in the tables.
        Workers = "workers.json",
        /// Every chunk: where it was cut, who did it, its counts and sums, and its part of the fingerprint.
        Chunks = "chunks.jsonl",
        /// Every reject with its reasons.
        Rejects = "rejects.jsonl",
        /// The evidence log from the run's first event to the export.
        Log = "log.jsonl",
        /// The list of all parts with their SHA-256, and what the pack is of.
        Manifest = "manifest.json",
        /// The manifest's signature: 64 bytes, Ed25519.
        Signature = "manifest.sig",
    }
}

/// A part as the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The name of the part in the archive.
    pub name: String,
    /// The length of the part in bytes.
    pub bytes: u64,
    /// SHA-256 of the part.
    pub sha256: Hash,
}

/// One digest over `parts`: SHA-256 of what `sha256sum` prints of them, a line of `SHA-256  NAME` each.
#[must_use]
pub fn parts_digest(parts: &[Listed]) -> Hash {
    let lines: String = parts.iter().map(|part| format!("{}  {}\n", part.sha256, part.name)).collect();
    Hash::of(lines.as_bytes())
}

/// The manifest of a pack. Everything in it but the version follows from the parts, so that not even an unsigned one
/// can be changed without contradicting them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The text that every manifest begins with: `crossfoot evidence pack`.
    pub format: String,
    /// The version of the form.
    pub format_version: u32,
    /// The version of the program that made the pack.
    pub crossfoot_version: String,
    /// The run's id, a UUID.
    pub run_id: String,
    /// The name of the job that the run executed.
    pub job: String,
    /// SHA-256 of the job file.
    pub job_digest: Hash,
    /// What the run came to.
    pub outcome: Outcome,
    /// The root over every record of the source, merged from the chunks' parts of it; none of a run of which not
    /// every chunk was committed.
    pub fingerprint: Option<Hash>,
    /// When the pack was made: milliseconds since 1970, UTC.
    pub exported_at_ms: i64,
    /// Who made the pack.
    pub exported_by: String,
    /// The log's head: the event of the export.
    pub log_head: Head,
    /// The key that signs it: SHA-256 of the public key's SPKI (DER); none of a pack that is not signed.
    pub signed_by: Option<Hash>,
    /// Every part but the manifest and its signature, in the archive's order.
    pub parts: Vec<Listed>,
}
