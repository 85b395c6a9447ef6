//! Where bytes come from: a file, an object in a store, or standard input, as it is or compressed.
//!
//! Two things are kept apart throughout: the **raw** bytes, as they are on disk, which are what a sender
//! signs and what [`RawTotals`] counts and digests; and the **content**, decompressed, which is what formats
//! read. All of this blocks; asynchronous callers run it on a blocking thread.

mod bounds;
mod error;
mod file;
mod location;
#[cfg(feature = "cloud")]
pub mod object;
mod parts;
mod raw;
mod reader;
#[cfg(test)]
mod tests;

pub use bounds::{RATIO_FREE_BYTES, RATIO_MAX, WINDOW_LOG_MAX};
pub use error::SourceError;
pub use file::{Identity, SourceFile};
pub use location::Location;
pub use parts::{BadPlace, PartError, Parts};
pub use raw::RawTotals;
pub use reader::{Compression, Reader};
