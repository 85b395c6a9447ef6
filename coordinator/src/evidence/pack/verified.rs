//! The result of checking a pack.

use domain::fingerprint::Hash;
use domain::pack::{Manifest, Outcome, Part, PartCheck};
use domain::report::Report;
use schemars::JsonSchema;
use serde::Serialize;

/// The check that an archive or a part has the form it must have.
pub(super) const FORM: &str = "is in the form that crossfoot writes";
/// The check of a part against the manifest's list.
pub(super) const LISTED: &str = "is as the manifest lists it";
/// The check that a part can be understood.
pub(super) const READ: &str = "can be read";
/// The check of the signature.
pub(super) const SIGNS: &str = "signs the manifest";

/// Who vouches for a pack that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Vouched {
    /// The holder of the private half of the key that was given, by its id.
    Key(Hash),
    /// The holder of the noted head of the log that was given: it is the export's.
    Head(u64),
    /// Nobody: the pack agrees with itself, and anyone may have made it.
    Nobody,
}

/// The result of checking a pack.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Everything that was checked, in the order of the parts.
    pub checks: Vec<PartCheck>,
    /// The manifest, if it could be read.
    pub manifest: Option<Manifest>,
    /// Who vouches for it, if it holds.
    pub vouched: Vouched,
    /// The job file in it, if that could be reached.
    pub job: Option<Vec<u8>>,
    /// The run's report in it, if it could be read.
    pub report: Option<Report>,
}

impl Verified {
    /// Returns whether no check failed.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.outcome != Outcome::Failed)
    }

    /// The parts that are not what was written, as far as that can be told: by their form, their hashes or the
    /// signature. What else failed may follow from that.
    #[must_use]
    pub fn changed(&self) -> Vec<&str> {
        let of_bytes = |check: &&PartCheck| {
            // Whatever is wrong with a manifest is of its bytes: all of it follows from the parts.
            let is_of_bytes = [FORM, LISTED, READ, SIGNS].contains(&check.check.as_str());
            check.outcome == Outcome::Failed && (is_of_bytes || check.part == Part::Manifest.name())
        };
        let mut parts: Vec<_> =
            self.checks.iter().filter(of_bytes).map(|check| check.part.as_str()).collect();
        parts.dedup();
        // A manifest that was changed is not signed any more, whatever became of the signature.
        if parts.contains(&Part::Manifest.name()) {
            parts.retain(|part| *part != Part::Signature.name());
        }
        parts
    }

    /// Whether it holds and someone vouches for it.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.holds() && self.vouched != Vouched::Nobody
    }
}
