//! The arguments of `crossfoot reconcile` and `attest`.

use std::path::PathBuf;
use std::str::FromStr as _;

use clap::Args as ClapArgs;
use platform::secret::ServerUrl;

/// The arguments of `crossfoot reconcile`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Reconcile {
    /// Job file that describes the source, and under [[target]] the tables it was loaded into; or a chain file, which
    /// lists several comparisons as [[hop]]
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
    /// Compare totals only, in one pass: counts, sums, lowest and highest values, NULLs, different keys. Totals that
    /// agree prove nothing of values: the result is never "reconciled"
    #[arg(long, conflicts_with_all = ["differences", "html", "junit", "evidence", "work_dir", "fleet"])]
    pub(crate) quick: bool,
    /// Declared totals to compare with: output of `fingerprint`, or JSON written by the sender
    #[arg(long, value_name = "FILE")]
    pub(crate) declared: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) comparing: Comparing,
}

/// The arguments of `crossfoot attest`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Attest {
    /// Run ID, its first or last characters, `last`, or the file of an evidence pack with --target
    #[arg(value_name = "RUN|PACK", default_value = "last")]
    pub(crate) run: String,
    /// Source file, if it has moved since the run was opened
    #[arg(long, value_name = "FILE", conflicts_with = "history")]
    pub(crate) source: Option<String>,
    /// Database with a copy of the run's rows: sqlite:PATH, postgres:// or mysql:// [default: the store]
    #[arg(long, value_name = "URL", conflicts_with = "history")]
    pub(crate) target: Option<ServerUrl>,
    /// File whose first line is the password for the database of --target
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(crate) target_password_file: Option<PathBuf>,
    /// Public key of the pack's expected signer
    #[arg(long, value_name = "FILE", requires = "target")]
    pub(crate) pack_key: Option<PathBuf>,
    /// Show the earlier attestations of the run; exits with 0 only if the newest is reconciled
    #[arg(long)]
    pub(crate) history: bool,
    /// With --history: how old the newest attestation may be, such as `8d` or `36h`
    #[arg(long, value_name = "SPAN", requires = "history", value_parser = jiff::Span::from_str)]
    pub(crate) within: Option<jiff::Span>,
    #[command(flatten)]
    pub(crate) comparing: Comparing,
}

/// How two sides are compared.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Comparing {
    /// Write every difference to FILE, which must not exist: lines of JSON, or CSV if its name ends in .csv
    #[arg(long, value_name = "FILE")]
    pub(crate) differences: Option<PathBuf>,
    /// Write the report as a self-contained HTML page to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the checks as JUnit XML to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write report, job file and event of the log to FILE, which must not exist; `audit verify FILE` checks it
    #[arg(long, value_name = "FILE")]
    pub(crate) evidence: Option<PathBuf>,
    /// Private key that signs the evidence [default: `signing_key` under [audit] in crossfoot.toml, else unsigned]
    #[arg(long, value_name = "FILE", requires = "evidence")]
    pub(crate) key: Option<PathBuf>,
    /// Maximum connections that read the target at the same time
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) readers: u16,
    /// Maximum rows read from the target per second, by all connections together [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rows_per_second: Option<u64>,
    /// Have the workers of the fleet decode the source and read PostgreSQL databases; this process splits, sorts and
    /// compares. Needs a broker (--broker)
    #[arg(long)]
    pub(crate) fleet: bool,
    /// Threads that decode the source and compare [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
    /// Memory for records and rows, in MiB; what does not fit goes to temporary files
    #[arg(long, default_value_t = 64, value_name = "MIB", value_parser = clap::value_parser!(u32).range(8..=65_536))]
    pub(crate) memory: u32,
    /// Directory for temporary files, which may become as large as both sides [default: that of --work-dir, else the
    /// system's]
    #[arg(long, value_name = "DIR")]
    pub(crate) temp_dir: Option<PathBuf>,
    /// Keep what is finished in DIR, so that the same command resumes a comparison or chain that was stopped. DIR is
    /// made if it is not there, becomes as large as both sides, and is emptied at the verdict
    #[arg(long, value_name = "DIR")]
    pub(crate) work_dir: Option<PathBuf>,
}
