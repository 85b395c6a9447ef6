//! Why a run could not be taken to its verdict.

use domain::ids::RunId;
use source::SourceError;
use store::StoreError;
use thiserror::Error;

use crate::load::LoadError;
use crate::split::again::SourceAgainError;
use crate::split::wanted::{OpenSourceError, SourceWanted};
use crate::verify::VerifyError;

/// Why a run could not be taken to its verdict. It can be resumed.
#[derive(Debug, Error)]
pub enum RunError {
    /// Loading ended before every chunk was settled.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Verification could not be done.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The store failed, or someone else has the run.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database server lost what the run had staged.
    #[error("the database server crashed and lost the run's unlogged staging (durability = \"redrive\")")]
    StagingLost,
    /// What staging lost cannot be made from the source again.
    #[error("cannot load the chunks that staging lost from the source again: {0}")]
    NotRestaged(#[from] SourceAgainError),
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The run was begun from a stream, and its bytes must be handed in again.
    #[error("{}", OpenSourceError::StreamGone)]
    StreamGone,
    /// The run waits for its source.
    #[error(transparent)]
    SourceWanted(#[from] SourceWanted),
    /// An operator paused it, or it was set aside for one.
    #[error("{note}; continue with `crossfoot resume {run_id}`")]
    Parked {
        /// The run that waits for an operator.
        run_id: RunId,
        /// Who paused it or why it was set aside, in words.
        note: String,
    },
    /// The job in the store is not understood by this program.
    #[error("this version cannot use the run's job: {0}")]
    Job(String),
}

impl From<OpenSourceError> for RunError {
    fn from(error: OpenSourceError) -> Self {
        match error {
            OpenSourceError::Source(error) => Self::Source(error),
            OpenSourceError::StreamGone => Self::StreamGone,
        }
    }
}

impl RunError {
    /// Whether the cause may go away by itself, so that the run may succeed when it is resumed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::StagingLost | Self::Load(LoadError::Broker(_)) | Self::Verify(VerifyError::Broker(_)) => {
                true
            }
            _ => self.store().is_some_and(StoreError::is_transient),
        }
    }

    /// What the store said, if it was the store that failed, however deep it lies.
    #[must_use]
    pub fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error)
            | Self::Load(LoadError::Store(error))
            | Self::Verify(VerifyError::Store(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether someone asked for the stop.
    #[must_use]
    pub const fn is_stop(&self) -> bool {
        matches!(self, Self::Load(LoadError::Stopped))
    }
}
