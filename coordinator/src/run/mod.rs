//! A run, driven to its verdict from the state that the ledger has.

mod differences;
mod drive;
mod ending;
mod error;
mod notify;
mod restage;
mod source;
mod stages;

pub use ending::{Drive, Ending};
pub use error::RunError;
