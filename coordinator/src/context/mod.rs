//! What every step of a run works with: the coordinator's own state, who acts, the leases it signs, and where verdicts
//! and the log's head are told outside of the store.

pub mod actor;
pub mod builder;
pub mod checkpoints;
pub mod coordinator;
pub(crate) mod lease;
pub mod notify;
pub(crate) mod owner;

pub use owner::is_dead_here;
