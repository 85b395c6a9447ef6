//! Why a comparison could not be finished. A difference is no error.

use std::io;

use coordinator::split::SplitError;
use domain::totals::TotalsError;
use job::chunk::ChunkError;
use source::SourceError;
use store::target::TargetError;
use thiserror::Error;

/// Why a comparison could not be finished.
#[derive(Debug, Error)]
pub enum CompareError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The source's records cannot be separated.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A chunk of the source cannot be decoded.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The job cannot be used for this.
    #[error("{0}")]
    Job(String),
    /// The target cannot be read.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A sum does not fit.
    #[error(transparent)]
    Totals(#[from] TotalsError),
    /// Temporary files cannot be written or read.
    #[error("cannot use temporary files: {0}; make room, or name another folder with --temp-dir")]
    Io(#[from] io::Error),
    /// The key does not identify records.
    #[error(
        "record type {record}: {most} records or rows of the {side} have the same key ({}), so it identifies none; \
         name another `key` under [[target]], or an empty one to compare whole records", key.join(", ")
    )]
    NoKey {
        /// The record type.
        record: String,
        /// The fields of the key.
        key: Vec<String>,
        /// The side that was seen.
        side: &'static str,
        /// How many of one key are compared.
        most: usize,
    },
    /// The folder of a comparison that can be resumed cannot be used.
    #[error("{0}")]
    Work(String),
    /// The fleet cannot do its part.
    #[error("the fleet cannot do its part of the comparison: {0}")]
    Fleet(String),
    /// A worker ended, or something was not as it was written, which would be a bug.
    #[error("{0} ended or is damaged; please report this")]
    Ended(&'static str),
}
