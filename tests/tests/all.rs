//! The tests across crates, in one binary so that they link once.

#[path = "all/flow.rs"]
mod flow;
