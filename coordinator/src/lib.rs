//! The coordinator: splits the source, keeps the window of work in flight, tracks what the workers report, verifies,
//! promotes, and says how it went.
//!
//! Its rooms, in the order of the flow:
//!
//! | room | what happens there |
//! |---|---|
//! | [`context`] | what every step works with: the [`Coordinator`], who acts, leases, checkpoints, who is notified |
//! | [`open`] | opens a run: the tables fit, the source is there, its bytes were not loaded before |
//! | [`mod@split`] | cuts the source into chunks; reads it again where that is needed |
//! | [`load`] | hands chunks out, follows what workers report, has ranges of committed chunks read back |
//! | [`verify`] | compares what was read back, reconciles it, walks down what differs |
//! | [`promote`] | brings a reconciled run's rows into final, and reads final back before they become visible |
//! | [`run`] | drives all of these from the state in the ledger, so that resuming is the same as going on |
//! | [`report`] | says how a run went, and puts a job's runs side by side |
//! | [`notice`] | what others are told of a run, in JSON, for chat services and by e-mail |
//! | [`evidence`] | walks the evidence log; exports a run's evidence and checks what was exported |
//! | [`ops`] | what an operator may do with a run, and what a run waits for |
//! | [`service`] | drives what is submitted |
//!
//! [`progress`] is the live view that all of them write, and [`metrics`] is what they count for monitoring systems.
//! The rooms depend on each other in one direction only.

pub mod context;
pub mod evidence;
pub mod load;
pub mod metrics;
pub mod notice;
pub mod open;
pub mod ops;
pub mod progress;
pub mod promote;
pub mod report;
pub mod run;
pub mod service;
pub mod split;
pub mod verify;

pub use context::builder::CoordinatorBuilder;
pub use context::coordinator::Coordinator;
