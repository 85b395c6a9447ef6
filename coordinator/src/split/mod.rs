//! The source: cut into chunks by the [`splitter`], declared as its sender would, and read again where differences
//! are walked down.

pub mod again;
pub mod declare;
mod of_source;
pub mod splitter;
mod units;
pub mod wanted;

pub use of_source::of_source;
pub use splitter::{ChunkLimits, SplitError, split};
