//! The whole fleet in one thread, and a seed that decides everything that may happen to it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a simulation stops at the first surprise, as tests do"
)]

mod broker;
mod clock;
mod fixture;
mod gate;
mod last;
mod life;
mod many;
pub mod model;
mod mutants;
mod plan;
mod process;
mod schedule;
mod shrink;
mod watch;
mod world;

pub use last::Last;
pub use many::{Many, many};
pub use mutants::Mutant;
pub use plan::{Fault, Plan, What, When};
pub use schedule::{Outcome, run};
pub use shrink::shrink;
pub use world::{Step, Struck};

/// How many prepared runs there are.
#[must_use]
pub fn cases() -> usize {
    fixture::Fixture::shared().cases.len()
}
