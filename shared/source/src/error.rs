//! What can be wrong with a source, and what to do about it.

use std::io;

use thiserror::Error;

use super::Location;

/// A source that cannot be read to its end. Offsets are in bytes from the beginning.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Nothing is there.
    #[error("{location} does not exist; check the path, and that its file system is mounted")]
    NotFound {
        /// The source.
        location: Location,
    },
    /// It is a directory.
    #[error("{location} is a directory: name one of the files in it")]
    IsDirectory {
        /// The source.
        location: Location,
    },
    /// The operating system refuses to open it.
    #[error("cannot open {location}; check its permissions")]
    NotReadable {
        /// The source.
        location: Location,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Reading failed in the middle.
    #[error("cannot read {location} at byte {offset}; check the disk or the network, then try again")]
    Read {
        /// The source.
        location: Location,
        /// Where, in raw bytes.
        offset: u64,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It can be read once only, as it comes.
    #[error("cannot read {location} a second time; save it to a file first")]
    NotRepeatable {
        /// The source.
        location: Location,
    },
    /// It is not compressed in the way that was asked for.
    #[error("{location} is not compressed with {expected}; correct or remove `compression` under [source]")]
    NotCompressed {
        /// The source.
        location: Location,
        /// `gzip` or `zstd`.
        expected: &'static str,
    },
    /// The compressed data ends in the middle.
    #[error(
        "{location} is truncated: its compressed data ends prematurely at byte {compressed_offset}, after \
         {content_offset} bytes of content; ask the sender for a new copy"
    )]
    Truncated {
        /// The source.
        location: Location,
        /// How many raw bytes there are.
        compressed_offset: u64,
        /// How many bytes of content they came to.
        content_offset: u64,
    },
    /// The compressed data is damaged.
    #[error(
        "{location} is corrupt: its compressed data is invalid before byte {compressed_offset}, after \
         {content_offset} bytes of content ({detail}); ask the sender for a new copy"
    )]
    Corrupt {
        /// The source.
        location: Location,
        /// Where it was noticed, in raw bytes; the damage lies before.
        compressed_offset: u64,
        /// How many bytes of content were read before.
        content_offset: u64,
        /// What the decompressor said.
        detail: String,
    },
    /// Something that is not compressed follows the compressed data.
    #[error(
        "{location} has extra bytes after its compressed data, starting at byte {compressed_offset}, after \
         {content_offset} bytes of content; ask the sender for a file without them"
    )]
    TrailingBytes {
        /// The source.
        location: Location,
        /// Where the compressed data ends, in raw bytes.
        compressed_offset: u64,
        /// How many bytes of content it came to.
        content_offset: u64,
    },
    /// The caller asked to stop.
    #[error("stopped reading {location}")]
    Stopped {
        /// The source.
        location: Location,
    },
}

impl SourceError {
    /// The error that [`Reader`](super::Reader) passed through [`io::Read`]; the given one back if it is none.
    ///
    /// # Errors
    /// `error`, when it did not come from a `Reader`.
    pub fn from_io(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<Self>()
    }

    /// For passing through [`io::Read`]; [`SourceError::from_io`] takes it out again.
    pub(super) fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            Self::Read { error, .. } => error.kind(),
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }
}
