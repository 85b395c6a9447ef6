//! What can be wrong with a source, and what to do about it.

use std::io;

use thiserror::Error;

use super::Location;
use super::bounds::RATIO_MAX;

/// A source that cannot be read to its end. Offsets are in bytes from the beginning.
#[derive(Debug, Error)]
pub enum SourceError {
    /// There is no file at the location.
    #[error("{location} does not exist; check the path, and that its file system is mounted")]
    NotFound {
        /// The source that does not exist.
        location: Location,
    },
    /// The location is a directory.
    #[error("{location} is a directory: name one of the files in it")]
    IsDirectory {
        /// The source that is a directory.
        location: Location,
    },
    /// The operating system refuses to open it.
    #[error("cannot open {location}; check its permissions")]
    NotReadable {
        /// The source that could not be opened.
        location: Location,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// The source is in an object store, and this binary cannot read those.
    #[error(
        "{location} is in an object store, which this binary cannot read; use one that was built with the feature \
         `cloud`, as the image is"
    )]
    NoObjects {
        /// The source in an object store.
        location: Location,
    },
    /// Reading failed in the middle.
    #[error("cannot read {location} at byte {offset}; check the disk or the network, then try again")]
    Read {
        /// The source that could not be read.
        location: Location,
        /// The offset at which reading failed, in raw bytes.
        offset: u64,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// The source is a stream and cannot be read a second time.
    #[error("cannot read {location} a second time; save it to a file first")]
    NotRepeatable {
        /// The source, which is a stream.
        location: Location,
    },
    /// The source is not compressed in the way that the job names.
    #[error("{location} is not compressed with {expected}; correct or remove `compression` under [source]")]
    NotCompressed {
        /// The source that is not compressed as expected.
        location: Location,
        /// The compression that the job names: `gzip` or `zstd`.
        expected: &'static str,
    },
    /// The compressed data ends in the middle.
    #[error(
        "{location} is truncated: its compressed data ends prematurely at byte {compressed_offset}, after \
         {content_offset} bytes of content; ask the sender for a new copy"
    )]
    Truncated {
        /// The source that ends too early.
        location: Location,
        /// The offset at which the compressed data ends, in raw bytes.
        compressed_offset: u64,
        /// How many bytes of content were decompressed before the end.
        content_offset: u64,
    },
    /// The compressed data is damaged.
    #[error(
        "{location} is corrupt: its compressed data is invalid before byte {compressed_offset}, after \
         {content_offset} bytes of content ({detail}); ask the sender for a new copy"
    )]
    Corrupt {
        /// The source with the damaged data.
        location: Location,
        /// The offset at which the damage was noticed, in raw bytes; the damage is before it.
        compressed_offset: u64,
        /// How many bytes of content were decompressed before it.
        content_offset: u64,
        /// What the decompressor said.
        detail: String,
    },
    /// The compressed data has more content than any honest source of its length.
    #[error(
        "{location} has {content_offset} bytes of content in its first {compressed_offset} bytes, more than \
         {RATIO_MAX} for each: it may be made to fill memory and disks, so it is not read on. If it is what the sender \
         means, decompress it first"
    )]
    Inflated {
        /// The source that was not read on.
        location: Location,
        /// How many raw bytes were read.
        compressed_offset: u64,
        /// How many bytes of content they had.
        content_offset: u64,
    },
    /// Something that is not compressed follows the compressed data.
    #[error(
        "{location} has extra bytes after its compressed data, starting at byte {compressed_offset}, after \
         {content_offset} bytes of content; ask the sender for a file without them"
    )]
    TrailingBytes {
        /// The source that other bytes follow.
        location: Location,
        /// Where the compressed data ends, in raw bytes.
        compressed_offset: u64,
        /// How many bytes of content the compressed data has.
        content_offset: u64,
    },
    /// The caller asked to stop.
    #[error("stopped reading {location}")]
    Stopped {
        /// The source whose reading was stopped.
        location: Location,
    },
}

impl SourceError {
    /// The error that [`Reader`](super::Reader) passed through [`io::Read`]; any other error is returned unchanged.
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
