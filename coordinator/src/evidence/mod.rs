//! Evidence that outlives a run: the log, walked, and the pack, exported and checked.

pub mod audit;
pub mod pack;
