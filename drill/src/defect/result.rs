//! The result of a drill: a document for auditors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::outcome::{Evidence, Judgement, Seen};
use domain::fingerprint::Hash;

/// The version of the document's shape.
pub const DRILL_VERSION: u32 = 1;

/// The result of injecting one defect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Struck {
    /// Its number in the catalogue.
    pub id: String,
    /// Where along the flow the defect strikes.
    pub strikes: String,
    /// What the defect does, in a sentence.
    pub what: String,
    /// The invariant that it breaks.
    pub invariant: String,
    /// What must catch the defect: one of these checks or refusals.
    pub must: Vec<String>,
    /// How closely it must be located, when a check catches it.
    pub must_locate: String,
    /// Where it was struck: the drilled job, or a reference job.
    pub stand: String,
    /// What was done, without the record's contents.
    pub told: String,
    /// How it came out.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// What was observed of the run after the defect was injected.
    pub evidence: Evidence,
    /// How long the run and its verdict took, in milliseconds.
    pub elapsed_ms: u64,
}

/// A job that was run undamaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Undamaged {
    /// The job: the drilled one, or a reference.
    pub stand: String,
    /// SHA-256 of its job file.
    pub job_digest: Hash,
    /// SHA-256 of its source.
    pub source_sha256: Option<Hash>,
    /// How many records the source has.
    pub records: u64,
    /// Whether it reconciled, straight through and after a pause.
    pub reconciled: bool,
    /// The root of the run's fingerprint; null if there is none.
    pub fingerprint: Option<Hash>,
    /// Why not, if it did not.
    pub why: String,
    /// How long the two runs took, in milliseconds.
    pub elapsed_ms: u64,
}

/// The document that a drill makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrillReport {
    /// The version of this document's shape.
    pub drill_version: u32,
    /// The version of Crossfoot that drilled.
    pub crossfoot_version: String,
    /// The drilled job's name.
    pub job: String,
    /// SHA-256 of its job file.
    pub job_digest: Hash,
    /// The path of the drilled job's source.
    pub source: String,
    /// The kind of store in which the shadows were.
    pub store: String,
    /// Who ran the drill: `user@host`.
    pub actor: String,
    /// When it began, in milliseconds since 1970, UTC.
    pub began_at_ms: i64,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// How each job that was used ran without a defect.
    pub undamaged: Vec<Undamaged>,
    /// Every defect of the catalogue, struck.
    pub defects: Vec<Struck>,
    /// Fields that the job's fingerprint does not cover: damage to them is not seen by it.
    pub not_covered: Vec<String>,
}

impl DrillReport {
    /// Whether every defect was caught, and every undamaged run reconciled.
    #[must_use]
    pub fn is_effective(&self) -> bool {
        !self.defects.is_empty()
            && self.undamaged.iter().all(|run| run.reconciled)
            && self.defects.iter().all(|defect| defect.judgement.seen != Seen::Missed)
    }

    /// How many defects came out so.
    #[must_use]
    pub fn count(&self, seen: Seen) -> usize {
        self.defects.iter().filter(|defect| defect.judgement.seen == seen).count()
    }
}
