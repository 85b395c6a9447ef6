//! A run's report as a person reads it: on a terminal, and as one HTML file.
//!
//! Both show the same facts in the same order: the verdict, the control totals at every level, where the
//! records and amounts went, the checks, the workers, the rejects, the findings. Neither decides anything:
//! what they show is in [`domain::report::Report`], and the same report always gives the same text.

pub mod format;
pub mod html;
pub mod junit;
pub mod summary;
pub mod text;
pub mod trends;

mod relation;
mod verdict;

pub use verdict::NO_AMOUNTS;
pub(crate) use verdict::{consequence, next_step};

#[cfg(test)]
#[path = "tests/fixture.rs"]
mod fixture;
