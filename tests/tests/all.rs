//! The tests across crates, in one binary so that they link once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests stop at the first surprise too"
)]

#[path = "all/attested.rs"]
mod attested;
#[path = "all/audit.rs"]
mod audit;
#[path = "all/checks.rs"]
mod checks;
#[path = "all/defects.rs"]
mod defects;
#[path = "all/evidence.rs"]
mod evidence;
#[path = "all/faults.rs"]
mod faults;
#[path = "all/final_defects.rs"]
mod final_defects;
#[path = "all/flow.rs"]
mod flow;
#[path = "all/formats.rs"]
mod formats;
#[path = "all/missing.rs"]
mod missing;
#[path = "all/pack.rs"]
mod pack;
#[path = "all/prove.rs"]
mod prove;
#[path = "all/random_damage.rs"]
mod random_damage;
#[path = "all/traces.rs"]
mod traces;
#[path = "all/types.rs"]
mod types;
