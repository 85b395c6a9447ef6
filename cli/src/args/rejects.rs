//! Arguments of the commands that list rejects, and load corrected ones.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Fleet, RunArg};

/// The arguments of `crossfoot rejects`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Rejects {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Maximum number of rejects to list
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: u32,
    /// Write the rejects to FILE byte for byte, framed like the source, so that they can be corrected and sent again.
    /// Sensitive fields are not masked; the run's log records who asked
    #[arg(long, value_name = "FILE")]
    pub(crate) raw: Option<PathBuf>,
    /// Write the rejects to FILE as CSV, one row each with its fields, to be edited and loaded with `crossfoot resend`.
    /// Sensitive fields are not masked; the run's log records who asked
    #[arg(long, value_name = "FILE", conflicts_with = "raw")]
    pub(crate) edit: Option<PathBuf>,
}

/// The arguments of `crossfoot resend`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Resend {
    /// Run whose rejects were corrected: its ID, its first or last characters, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// CSV file that `crossfoot rejects RUN --edit` wrote, with the corrected rows; rows without a change stay rejects
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// Where the corrected records are written, which then are the source [default: resend-RUN-N.dat beside --from]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Reason for the run, recorded in the evidence log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Stop after this long without progress and exit with code 3; the run can be resumed [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
}
