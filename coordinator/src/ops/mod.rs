//! What an operator does with a run and asks about it: the commands, who is missing for it, what it waits for, where it
//! stands.

pub mod acts;
pub mod attendance;
pub mod attestations;
mod commands;
pub mod dead_letters;
pub mod drain;
pub mod held;
pub mod resend;
pub mod retention;
pub mod roster;
pub mod schedules;
pub mod standing;
pub mod tokens;
pub mod views;

pub use commands::{
    OpsError, Requeued, may_approve, may_back_out, may_cancel, may_change_window, may_pause, may_purge,
    may_redrive,
};
