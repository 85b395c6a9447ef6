//! Why loading ended early.

use broker::BrokerError;
use domain::ids::ChunkNo;
use domain::travel::{NotByReference, UNREAD_MAX};
use post::PostError;
use source::{Location, SourceError};
use store::StoreError;
use thiserror::Error;
use wire::CodecError;

use crate::split::splitter::SplitError;

/// Why loading ended early.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The source could not be cut.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The store failed while chunks were loaded.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker failed while chunks were sent or counts received.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A message could not be made.
    #[error(transparent)]
    Codec(CodecError),
    /// Chunks failed every time they were started.
    #[error("{}", set_aside_text(*count, *chunk_no, reason))]
    SetAside {
        /// How many were set aside.
        count: u64,
        /// The first of them.
        chunk_no: ChunkNo,
        /// Why it failed the last time.
        reason: String,
    },
    /// Chunks are to travel by reference, and the source cannot be read in parts.
    #[error("{location}: {error}")]
    NotByReference {
        /// The source.
        location: Location,
        /// Why it cannot.
        error: NotByReference,
    },
    /// The first bytes of the source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Chunks travel by reference, and no worker could read the source.
    #[error(
        "no worker could read chunk {chunk_no} at its place in the source, and nothing was loaded for {} s; the last that \
         tried: {reason}. Make the source reachable for the processors at this place, with [worker] sources that allow \
         it, or load it with `chunks = \"inline\"` under [fleet]; then resume the run",
        UNREAD_MAX.as_secs()
    )]
    Unread {
        /// The first chunk that no worker could read.
        chunk_no: ChunkNo,
        /// What the worker said that tried last.
        reason: String,
    },
    /// The ledger has chunks that are neither committed nor set aside, though none is in flight.
    #[error(
        "the ledger has {settled} of {split} chunks as committed or set aside, but none is in flight; resume the run"
    )]
    NotSettled {
        /// How many chunks are committed or set aside.
        settled: u64,
        /// How many chunks the source was split into.
        split: u64,
    },
    /// Someone asked for it.
    #[error("stopped on request")]
    Stopped,
    /// The thread that splits was lost.
    #[error("the splitter ended early: {0}")]
    SplitterLost(String),
}

impl From<PostError> for LoadError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Broker(error) => Self::Broker(error),
            PostError::Codec(error) => Self::Codec(error),
            PostError::Store(error) => Self::Store(error),
        }
    }
}

fn set_aside_text(count: u64, chunk_no: ChunkNo, reason: &str) -> String {
    let others = if count > 1 { format!(", as were {} others", count - 1) } else { String::new() };
    format!("chunk {chunk_no} failed every time it was started and was set aside{others}: {reason}")
}
