//! What an operator asks of a store, as one answer each: what commands print with `--json`, and what the console
//! serves. A key that is printed is a promise: each type has a JSON Schema.

pub mod attestations;
pub mod chunks;
pub mod findings;
pub mod fleet;
pub mod flow;
pub mod jobs;
pub mod log;
pub mod record;
pub mod rejects;
pub mod runs;
pub mod workers;
