//! The arguments of `crossfoot reconcile` and `attest`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use platform::secret::ServerUrl;

use super::RunArg;

/// The arguments of `crossfoot reconcile`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Reconcile {
    /// Job file that describes the source, and under [[target]] the tables it was loaded into
    pub(crate) job: PathBuf,
    /// Source file, or `-` for standard input [default: `path` in the job file]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// Read a database or Parquet files instead of a source file: sqlite:PATH, postgres://, mysql://, parquet:PATH or
    /// odbc:DSN=NAME
    #[arg(long, value_name = "URL", conflicts_with = "source")]
    pub(crate) from: Option<ServerUrl>,
    /// File whose first line is the password for the database of --from
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) from_password_file: Option<PathBuf>,
    /// Where the load is: sqlite:PATH, postgres://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE, parquet:PATH (a file
    /// or folder), odbc:DSN=NAME or another connection string, or a file with --target-job [default: `url` under
    /// [target] in the job file, else the store]
    #[arg(long, value_name = "URL")]
    pub(crate) target: Option<ServerUrl>,
    /// Job file that describes the target, if the target is a file
    #[arg(long, value_name = "JOB", requires = "target")]
    pub(crate) target_job: Option<PathBuf>,
    /// File whose first line is the password for the target's database
    #[arg(long, value_name = "FILE")]
    pub(crate) target_password_file: Option<PathBuf>,
    /// Declared totals to compare with: output of `fingerprint`, or JSON written by the sender
    #[arg(long, value_name = "FILE")]
    pub(crate) declared: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) comparing: Comparing,
}

/// The arguments of `crossfoot attest`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Attest {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Source file, if it has moved since the run was opened
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) comparing: Comparing,
}

/// How two sides are compared.
#[derive(Debug, ClapArgs)]
pub(crate) struct Comparing {
    /// Write every difference to FILE, which must not exist: lines of JSON, or CSV if its name ends in .csv
    #[arg(long, value_name = "FILE")]
    pub(crate) differences: Option<PathBuf>,
    /// Maximum connections that read the target at the same time
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) readers: u16,
    /// Maximum rows read from the target per second, by all connections together [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rows_per_second: Option<u64>,
    /// Threads that decode the source and compare [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    /// Memory for records and rows, in MiB; what does not fit goes to temporary files
    #[arg(long, default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u32).range(8..=65_536))]
    pub(crate) memory: u32,
    /// Directory for temporary files, which may become as large as both sides [default: the system's]
    #[arg(long, value_name = "DIR")]
    pub(crate) temp_dir: Option<PathBuf>,
}
