//! Rejects that a run loads again, and what each was before.

use domain::event::Entry as LogEntry;
use domain::ids::RunId;

/// The rejects that a run loads again.
#[derive(Debug, Clone)]
pub struct NewResend {
    /// The run that rejected them.
    pub first: RunId,
    /// Each record, in the order in which the new run has them: its number is its place, from 1.
    pub records: Vec<Original>,
    /// The `resent` event for the log, which is of the first run.
    pub log: LogEntry,
}

/// What a resent record was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Original {
    /// The record's number in the run that rejected it.
    pub record_no: u64,
    /// Where it began in the source of that run.
    pub offset: u64,
}
