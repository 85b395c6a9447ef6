//! The source: cut into chunks by the [`splitter`], declared as its sender would, and read again where differences
//! are walked down.

pub mod again;
pub mod declare;
pub mod splitter;
pub mod wanted;

pub use splitter::{ChunkLimits, SplitError, check_header_row, split};
