//! Why a pack was not made, or could not be checked.

use std::path::PathBuf;

use domain::ids::{RecordNo, RunId};
use domain::lifecycle::RunState;
use store::StoreError;
use thiserror::Error;

/// Why a pack was not made, or could not be checked at all. (One that does not hold is no error: see
/// [`Verified`](super::Verified).)
#[derive(Debug, Error)]
pub enum PackError {
    /// The store failed while evidence was fetched from it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run is still at work.
    #[error(
        "run {run_id} is {state}; only a run that is over or awaits approval can be exported. Continue it with `crossfoot resume`, or end it with `crossfoot cancel`"
    )]
    NotOver {
        /// The run that was to be exported.
        run_id: RunId,
        /// The state of the run, in which it cannot be exported.
        state: RunState,
    },
    /// Retention removed what a pack is made of.
    #[error(
        "the chunks of run {run_id} were removed by retention, so its evidence cannot be exported any more; a pack that \
         was exported before still verifies"
    )]
    Removed {
        /// The run that was to be exported.
        run_id: RunId,
    },
    /// The run changed while it was exported.
    #[error("run {run_id} changed during the export; export it again when it is idle")]
    WentOn {
        /// The run that was being exported.
        run_id: RunId,
    },
    /// The file is there, and is never written over.
    #[error("{} already exists; choose another file, or remove it first", path.display())]
    Exists {
        /// The path of the file that exists already.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The path of the file that could not be read or written.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is not a pack.
    #[error("{} is not an evidence pack; create one with `crossfoot audit export RUN -o FILE`", path.display())]
    NotAPack {
        /// The path of the file that was given as a pack.
        path: PathBuf,
    },
    /// The file is not a proof.
    #[error("{} is not a proof of a record: {reason}; create one with `crossfoot prove RUN --record N -o FILE`", path.display())]
    NotAProof {
        /// The path of the file that was given as a proof.
        path: PathBuf,
        /// Why the file cannot be read as a proof, in words.
        reason: String,
    },
    /// The file is not the evidence of a comparison.
    #[error("{} is not the evidence of a comparison: {reason}; create one with `crossfoot reconcile … --evidence FILE`", path.display())]
    NotAComparison {
        /// The path of the file that was given as evidence.
        path: PathBuf,
        /// Why the file cannot be read as evidence, in words.
        reason: String,
    },
    /// A key cannot be used.
    #[error("{}: {reason}", path.display())]
    Key {
        /// The path of the key's file.
        path: PathBuf,
        /// Why the key cannot be used, in words.
        reason: String,
    },
    /// There is nothing to prove, or no way to.
    #[error("record {record_no} of run {run_id}: {reason}")]
    NotProvable {
        /// The run whose record was to be proven.
        run_id: RunId,
        /// The number of the record within its run.
        record_no: RecordNo,
        /// Why the record cannot be proven, in words.
        reason: String,
    },
    /// The evidence cannot be serialized, which is a bug.
    #[error("cannot create the pack: {0}")]
    Unmade(String),
}

impl PackError {
    /// Whether it is the command that has to change, rather than the world.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Store(error) => error.is_usage(),
            Self::NotOver { .. }
            | Self::Removed { .. }
            | Self::Exists { .. }
            | Self::NotAPack { .. }
            | Self::NotAProof { .. }
            | Self::NotAComparison { .. }
            | Self::Key { .. }
            | Self::NotProvable { .. } => true,
            Self::WentOn { .. } | Self::File { .. } | Self::Unmade(_) => false,
        }
    }
}
