//! A run, driven from wherever the ledger says it stands to its verdict.

mod differences;
mod drive;
mod ending;
mod error;
mod notify;
mod source;
mod stages;

pub use ending::{Drive, Ending};
pub use error::RunError;
pub use notify::Notification;
