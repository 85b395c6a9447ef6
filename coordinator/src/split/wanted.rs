//! Why a run's source is not available.

use source::SourceError;
use thiserror::Error;

/// Why a run's source could not be opened again.
#[derive(Debug, Error)]
pub enum OpenSourceError {
    /// It cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The run was begun from a stream, and its bytes must be handed in again.
    #[error(
        "the run was begun from standard input: hand the same bytes in again, `crossfoot resume RUN --source FILE`"
    )]
    StreamGone,
}

/// Why a run waits for its source.
#[derive(Debug, Error)]
pub enum SourceWanted {
    /// It is not there, or cannot be read.
    #[error(
        "cannot read the run's source: {error}; restore it, or pass its new path: `{command} --source FILE`"
    )]
    Away {
        /// Why the source could not be opened.
        error: SourceError,
        /// What goes on with the run.
        command: String,
    },
    /// Another file was named.
    #[error(
        "{given} is not the run's source: it has {found}, but the run's source has {expected}; pass the right file: \
         `{command} --source THE_RIGHT_FILE`"
    )]
    Other {
        /// The source that the user named instead.
        given: String,
        /// What identifies the named source, in words: its size or SHA-256.
        found: String,
        /// What it should be.
        expected: String,
        /// What goes on with the run.
        command: String,
    },
}
