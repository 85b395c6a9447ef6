//! The evidence pack: one file that carries a run's evidence to a person who has neither database nor broker.
//!
//! The file is a tar of the parts in [`Part::ALL`], in that order, in the one form that [`archive`] writes. Nothing
//! else may be in it, not even a byte of padding that is not zero, so that whatever changes in it is found and has a
//! place.
//!
//! What vouches for what:
//!
//! - the log's last event in the pack is the export itself; it notes the digest of all parts before the log
//!   ([`parts_digest`]), so that a noted head of the log vouches for them;
//! - the manifest lists every part but itself and its signature, with length and SHA-256, and the log's head;
//! - the signature is Ed25519 over the manifest's bytes.
//!
//! And what is in the parts must follow from each other: see [`content`] and [`vouched`]. Pure: reading files is the
//! coordinator's.

pub mod archive;
mod bytes;
pub mod chunks;
pub mod comparison;
pub mod content;
pub mod life;
pub mod lines;
pub mod manifest;
pub mod proof;
pub mod vouched;

use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

pub use bytes::bytes;
pub use manifest::{Listed, Manifest, Part, parts_digest};

/// How a comparison came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "CheckOutcome")]
pub enum Outcome {
    /// The comparison was made, and it holds.
    Passed,
    /// The comparison does not hold.
    Failed,
    /// The comparison was not made, for the reason given. It never counts as passed.
    NotChecked,
}

/// Why something in a pack or a proof is not as it must be, in words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Contradiction(String);

impl<T: Into<String>> From<T> for Contradiction {
    fn from(why: T) -> Self {
        Self(why.into())
    }
}

/// What a comparison came to: what holds, in words, or why it does not.
pub type Judged = Result<String, Contradiction>;

/// One thing that was checked of a pack or a proof: where, what, and how it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PartCheck {
    /// The part of the pack, by its name in the archive; `archive` for what belongs to none.
    pub part: String,
    /// What was checked, in words.
    pub check: String,
    /// How it came out.
    pub outcome: Outcome,
    /// What was found, in words.
    pub detail: String,
}

impl PartCheck {
    /// A check that came out as `result` says.
    #[must_use]
    pub fn of(part: impl Into<String>, check: impl Into<String>, result: Judged) -> Self {
        let (outcome, detail) = match result {
            Ok(detail) => (Outcome::Passed, detail),
            Err(Contradiction(why)) => (Outcome::Failed, why),
        };
        Self { part: part.into(), check: check.into(), outcome, detail }
    }

    /// A check that was not made.
    #[must_use]
    pub fn not_made(part: impl Into<String>, check: impl Into<String>, why: impl Into<String>) -> Self {
        Self { part: part.into(), check: check.into(), outcome: Outcome::NotChecked, detail: why.into() }
    }
}
