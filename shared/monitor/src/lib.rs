//! What a process tells monitoring systems: its metrics, whether it lives, and whether it is ready for work.
//!
//! [`server`] answers, [`process`] is what every process of a fleet tells, and what its role counts comes from the
//! package of the role. [`guard`] decides who may ask; the console asks it too.

pub mod guard;
pub mod process;
pub mod server;

/// The type of the text that metrics are served as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
