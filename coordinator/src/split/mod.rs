//! The source: cut into chunks by the [`splitter`], declared as its sender would, and read again where differences
//! are walked down.

pub mod again;
mod columns;
pub mod declare;
pub mod splitter;
mod units;
pub mod wanted;

pub use columns::of_source;
pub use splitter::{ChunkLimits, SplitError, split};
