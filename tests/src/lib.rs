//! The harness of the tests across crates: an embedded fleet, sources and jobs to give it, and an independent
//! computation of what must come out.
//!
//! [`fleet`] boots and drives, [`generated`] makes jobs at random, [`ledger`] makes sources whose every record is
//! known, [`jobs`] makes job files,
//! [`examples`] tries the job files under `examples/`, [`peers`] finds files that others made, [`fuzz`] is what must hold of any bytes, [`late`] is a broker that delivers
//! some counts late, [`pack`] takes evidence packs apart, [`report`] holds a
//! run's reports to its verdict, [`proof`] computes control totals and fingerprint from the
//! documented form alone, without the product's code.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a harness stops at the first surprise, as tests do"
)]

pub mod examples;
pub mod fleet;
pub mod fuzz;
pub mod generated;
pub mod jobs;
pub mod late;
pub mod ledger;
pub mod pack;
pub mod peers;
pub mod proof;
pub mod report;
