//! Why a chunk cannot be processed.

use job::chunk::ChunkError;
use source::{Location, PartError};
use thiserror::Error;
use wire::CodecError;

/// Why a chunk could not be processed.
#[derive(Debug, Error)]
pub(crate) enum ProcessError {
    /// The bytes are not those that the coordinator split (INV-02).
    #[error("chunk {chunk_no}: its bytes do not match the SHA-256 in the ledger")]
    Altered {
        /// The number of the altered chunk.
        chunk_no: u64,
    },
    /// The bytes at the chunk's place in the source are not those that the coordinator split (INV-12).
    #[error(
        "chunk {chunk_no}: the source changed after it was split: {why}; restore {location} as it was and redrive the run, \
         or cancel it and load the changed source as a new run"
    )]
    Changed {
        /// The number of the chunk.
        chunk_no: u64,
        /// The source.
        location: Location,
        /// What differs.
        why: String,
    },
    /// This worker cannot read the source of a chunk that travels by reference.
    #[error("{reader}: {error}")]
    Unreadable {
        /// The worker that tried, with its host.
        reader: String,
        /// Why it cannot.
        error: PartError,
    },
    /// A chunk that travels by reference has more bytes than a message may hold.
    #[error("chunk {chunk_no} has {bytes} bytes, more than any chunk may have; use smaller chunks")]
    Oversized {
        /// The number of the chunk.
        chunk_no: u64,
        /// Its length, as the ledger has it.
        bytes: u64,
    },
    /// The chunk holds more or fewer records than the splitter counted.
    #[error("chunk {chunk_no}: the splitter found {split} records, but {decoded} were decoded")]
    RecordCount {
        /// The number of the chunk.
        chunk_no: u64,
        /// Records that the splitter counted.
        split: u64,
        /// Records that the processor decoded.
        decoded: u64,
    },
    /// The job's formats cannot be used.
    #[error("invalid job: {0}")]
    Job(String),
    /// The batch does not fit a message.
    #[error("chunk {chunk_no}: {error}; use smaller chunks")]
    Batch {
        /// The number of the chunk.
        chunk_no: u64,
        /// Why the batch cannot be encoded.
        error: CodecError,
    },
    /// The chunk as such cannot be decoded.
    #[error("chunk {chunk_no}: {error}")]
    Chunk {
        /// The number of the chunk.
        chunk_no: u64,
        /// Why the chunk cannot be decoded.
        error: ChunkError,
    },
}
