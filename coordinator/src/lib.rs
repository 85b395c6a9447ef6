//! The coordinator: splits the source, keeps the window of work in flight, tracks what the workers report,
//! verifies, promotes, and says how it went.
//!
//! In the order of the flow: [`open`] a run, [`split`] its source, [`load`] the chunks through the [`window`]
//! with the [`tally`] of what workers report, have [`ranges`] of them read back, [`verify`] what arrived,
//! [`reconcile`] it, [`promote`] it, [`pinpoint`] what differs and name the `differences`, [`report`] it. [`run`]
//! drives all of these from the state in the ledger, so that resuming is the same as going on; [`ops`] is what
//! an operator may do, [`acting`] who that is; [`service`] drives what is submitted; [`audit`] walks the evidence log,
//! [`checkpoints`] notes its head elsewhere; [`pack`] exports a run's evidence and checks what was exported;
//! [`trends`] puts a job's runs side by side.

pub mod acting;
pub mod attendance;
pub mod audit;
mod beside;
pub mod checkpoints;
pub mod declare;
mod differences;
mod follow;
pub mod held;
pub mod load;
pub mod notify;
pub mod open;
pub mod ops;
mod owner;
pub mod pack;
pub mod pinpoint;
pub mod progress;
pub mod promote;
pub mod ranges;
pub mod reconcile;
pub mod report;
pub mod run;
pub mod service;
pub mod source_check;
pub mod split;
pub mod standing;
pub mod tally;
pub mod trends;
pub mod verify;
pub mod window;
