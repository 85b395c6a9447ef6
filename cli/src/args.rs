//! The command line as clap parses it.

mod audit;
mod console;
mod dead_letters;
mod fleet;
mod opening;
mod reconcile;
mod rejects;
mod retention;
mod runs;
mod setup;
mod watch;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use platform::secret::ServerUrl;

pub(crate) use audit::{Audit, Export, Prove, VerifyArgs};
pub(crate) use console::{AddToken, Beside, Console, Token, Top};
pub(crate) use dead_letters::{DeadLetters, Letters};
pub(crate) use fleet::{Doctor, Drain, Metrics, Redrive, Serve, Submit, Worker, WorkerRole};
pub(crate) use opening::{DecodeProof, Opening, Verify};
pub(crate) use reconcile::{Attest, Comparing, Reconcile};
pub(crate) use rejects::{Rejects, Resend};
pub(crate) use retention::Retention;
pub(crate) use runs::{Operate, RunArg, Runs, Show, TargetArg, VerdictExit, WindowArgs};
pub(crate) use setup::{Completions, Man, Setup};
pub(crate) use watch::Watch;

/// What `--version` prints: what the binary was built from.
const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit   ",
    env!("CROSSFOOT_BUILT_FROM"),
    "\nfeatures ",
    env!("CROSSFOOT_FEATURES"),
);

/// Loads batch extracts from source to staging to final tables, and proves that what arrived is what was sent.
///
/// Exit codes: 0 reconciled and promoted; 1 not reconciled; 2 the command, job file or configuration is wrong;
/// 3 not finished (broker, store or source failed, run stopped, or approval pending); the run can be resumed.
#[derive(Debug, Parser)]
#[command(name = "crossfoot", version, long_version = LONG_VERSION, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options that every command accepts.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Global {
    /// Store URL: sqlite:PATH or postgres://USER@HOST/DATABASE [default: as configured, else sqlite:crossfoot.db]
    #[arg(long, global = true, help_heading = "Global options", value_name = "URL")]
    pub(crate) store: Option<ServerUrl>,
    /// Broker URL: memory:, amqp://HOST/VHOST or amqps://HOST/VHOST [default: as configured, else memory:]
    #[arg(long, global = true, help_heading = "Global options", value_name = "URL")]
    pub(crate) broker: Option<ServerUrl>,
    /// Configuration file [default: crossfoot.toml, if it exists]
    #[arg(long, global = true, help_heading = "Global options", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Operator name for the evidence log [default: CROSSFOOT_OPERATOR, else the operating system user]
    #[arg(long, global = true, help_heading = "Global options", value_name = "NAME")]
    pub(crate) operator: Option<String>,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
}

/// The number of workers, and the size of the chunks.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Fleet {
    /// Number of processors in this process [default: one per core]
    #[arg(long, value_name = "N")]
    pub(crate) processors: Option<usize>,
    /// Number of writers in this process [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) writers: Option<usize>,
    #[command(flatten)]
    pub(crate) chunks: Chunks,
}

/// The size of the chunks.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Chunks {
    /// Target chunk size in bytes [default: 1048576]
    #[arg(long, value_name = "N")]
    pub(crate) chunk_bytes: Option<usize>,
    /// Maximum records per chunk [default: limited by the chunk size only]
    #[arg(long, value_name = "N")]
    pub(crate) chunk_records: Option<u64>,
}

/// The subcommands of `crossfoot`, each with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load a generated file through the whole pipeline
    Demo(Demo),
    /// Generate a job file from a sample of the source or from a copybook
    Init(Init),
    /// Validate a job file; show its layout, its tables, and decoded records
    Check(Check),
    /// Run a job to its verdict
    Run(Run),
    /// Compare a source with a load that another program made, and locate every difference
    ///
    /// Reads the source and the target once, and brings records and rows together by key. Nothing is loaded into the
    /// target, and nothing is written to it. Exits with 0 only if each accepted record has exactly one equal row and
    /// each row a record; with 1 if not. The evidence log of the store keeps the verdict.
    Reconcile(Reconcile),
    /// Compare final with the source of a promoted run again: does it still hold what the run wrote?
    ///
    /// Reads the source, which must be the run's, and the rows of final that name the run, and writes to neither. Exits
    /// with 0 only if they are equal, record by record. The evidence log keeps the verdict.
    Attest(Attest),
    /// Print a source's control totals and fingerprint as JSON, without loading it
    Fingerprint(Fingerprint),
    /// List runs, newest first
    Runs(Runs),
    /// Compare a job's runs, and mark those that deviate from earlier ones
    Trends(Trends),
    /// Show a run's state, progress, and checks
    Show(Show),
    /// Show each worker's counts for a run: reported, in the ledger, in the tables
    Workers(RunArg),
    /// List a run's rejects with their reasons
    Rejects(Rejects),
    /// Load corrected rejects of a promoted run, and close the books of both runs
    ///
    /// Reads rows that `crossfoot rejects --edit` wrote and a person changed, writes the changed records byte for byte
    /// as the source has them, and loads them as a run of the same job. A reject is resent once.
    Resend(Resend),
    /// Trace a run's differences to record, field, both values, and worker
    Explain(Explain),
    /// Print a run's report
    Report(Report),
    /// Serve the operations console: runs, workers, rejects and the log as pages, and over HTTP
    Console(Console),
    /// Watch runs, workers and chunks live in the terminal, and act on them
    Top(Top),
    /// Submit a run to the coordinator service
    Submit(Submit),
    /// Load the files that arrive in a folder, each once, and move them away
    Watch(Watch),
    /// Start a coordinator, which drives submitted runs to their verdicts
    Coordinator(Serve),
    /// Start workers, which process chunks or write batches for all runs on this broker and store
    Worker(Worker),
    /// Resume an interrupted run
    Resume(Resume),
    /// Retry the chunks of a run that were set aside
    Redrive(Redrive),
    /// List, show, replay, or clear dead letters: messages that could not be handled
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Approve a paused run: verify its staging again and promote it
    Approve(Approve),
    /// Cancel a run; none of its rows reach final
    Cancel(Operate),
    /// Pause a run that loads or is being verified; `resume` continues it
    Pause(Operate),
    /// Change how many chunks of a loading run may be in flight
    Window(WindowArgs),
    /// Ask workers to finish their work in hand and end
    Drain(Drain),
    /// Take a promoted run's rows out of final again, with a reason; staging has them still
    BackOut(Operate),
    /// Delete a finished run's staging rows and rejects; keep its ledger, checks, and log
    Purge(Operate),
    /// List or remove the staging rows and rejects of old runs, as `[retention]` says
    Retention(Retention),
    /// Test the controls: inject every defect in the catalogue into a copy of a job
    Drill(Drill),
    /// Prove that a run loaded one particular record, without revealing the others
    Prove(Prove),
    /// Verify the evidence log; export and verify evidence packs
    #[command(subcommand)]
    Audit(Audit),
    /// List the coordinators and workers that are alive, and what each holds
    Fleet,
    /// Check that broker and store are reachable and configured correctly
    Doctor(Doctor),
    /// Create roles with least privilege for coordinators, workers, console and auditor
    ///
    /// Prints the SQL and the permissions on RabbitMQ. With --apply, the SQL is run too. It never prints a password.
    Setup(Setup),
    /// Print the JSON Schema of the job file, of the settings, or of what a command prints with --json
    Schema(Schema),
    /// Print completions of commands and options for a shell
    Completions(Completions),
    /// Write man pages to a folder
    Man(Man),
    /// Make, list or revoke tokens, with which operators sign in to the console
    #[command(subcommand)]
    Token(Token),
    /// Replace the key that seals messages; the previous key stays valid for messages in flight
    ///
    /// Running processes pick up the new key within 30 seconds, without a restart. Wait at least 60 seconds before you
    /// replace it again. This works only if the key is in the store; if it is in a file, replace the file.
    RotateKey,
}

/// The arguments of `crossfoot schema`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Schema {
    /// The schema: `job`, `settings`, or a name that --list lists
    #[arg(value_name = "NAME", default_value = "job")]
    pub(crate) name: String,
    /// List the schemas by name, with what each describes
    #[arg(long)]
    pub(crate) list: bool,
    /// Print a reference of every key as Markdown (`job` and `settings`)
    #[arg(long, conflicts_with = "list")]
    pub(crate) markdown: bool,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE", conflicts_with = "list")]
    pub(crate) output: Option<PathBuf>,
}

/// The arguments of `crossfoot trends`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Trends {
    /// Job name or job file
    pub(crate) job: String,
    /// Maximum number of runs to list, newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,
}

/// The arguments of `crossfoot demo`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// Number of records to generate
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    pub(crate) records: u64,
    /// Directory for the generated file and the store; replaces the files of an earlier demo
    #[arg(long, default_value = "crossfoot-demo", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Tamper with staging during the run, to show that the checks find it
    #[arg(long, value_enum, value_name = "DAMAGE", num_args = 0..=1, default_missing_value = "all")]
    pub(crate) inject: Option<Damage>,
    #[command(flatten)]
    pub(crate) beside: Beside,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
}

/// The damage that `demo --inject` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Damage {
    /// All of the following
    All,
    /// Delete a record from staging
    LostRecord,
    /// Add one cent to an amount
    Cent,
    /// Swap the amounts of two records, which leaves every total correct
    SwappedValue,
    /// Duplicate a record in staging
    DoubledRecord,
}

/// The arguments of `crossfoot init`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// Sample of the files to load; with --copybook, framing and code page are those that fit it
    #[arg(long, value_name = "FILE", required_unless_present = "copybook")]
    pub(crate) sample: Option<PathBuf>,
    /// COBOL copybook of the files to load
    #[arg(long, value_name = "FILE")]
    pub(crate) copybook: Option<PathBuf>,
    /// Code page of the file [default: cp037, or what fits the sample]
    #[arg(long, value_name = "PAGE", requires = "copybook")]
    pub(crate) encoding: Option<String>,
    /// Record framing of the file [default: fixed, or what fits the sample]
    #[arg(long, value_name = "HOW", requires = "copybook")]
    pub(crate) framing: Option<String>,
    /// Read the copybook as free format instead of columns 8 to 72
    #[arg(long, requires = "copybook")]
    pub(crate) free: bool,
    /// Folder with copybooks that the copybook copies (COPY), besides its own; may be given several times
    #[arg(long, value_name = "FOLDER", requires = "copybook")]
    pub(crate) copy_folder: Vec<PathBuf>,
    /// What is replaced in the copybook, such as :TAG:=CUST; may be given several times
    #[arg(long, value_name = "OLD=NEW", requires = "copybook")]
    pub(crate) replacing: Vec<String>,
    /// Write the job file to FILE; with --copybook, write the DDL to a .sql file next to it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The arguments of `crossfoot check`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// Job file to validate (TOML)
    #[arg(value_name = "JOB")]
    pub(crate) job: PathBuf,
    /// Source file to preview [default: the job's own, if it names one]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// Number of records to preview
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) records: u64,
}

/// The arguments of `crossfoot run`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// Job file to run (TOML)
    #[arg(value_name = "JOB")]
    pub(crate) job: PathBuf,
    /// Source file, or `-` for standard input [default: the job's own]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// Stop after this long without progress and exit with code 3; the run can be resumed [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    #[command(flatten)]
    pub(crate) beside: Beside,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
}

/// The arguments of `crossfoot fingerprint`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Fingerprint {
    /// Job file that describes the source (TOML)
    #[arg(value_name = "JOB")]
    pub(crate) job: PathBuf,
    /// Source file, or `-` for standard input [default: the job's own]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
}

/// The arguments of `crossfoot drill`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Drill {
    /// Job file to test the controls of (TOML)
    #[arg(value_name = "JOB", required_unless_present = "list")]
    pub(crate) job: Option<PathBuf>,
    /// Source file that reconciles; use a small one, as each defect takes a whole run [default: the job's own]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// Inject only these defects, such as AMT-01,CNT-03
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// List the catalogue without running the drill
    #[arg(long)]
    pub(crate) list: bool,
    /// Format of the drill's result
    #[arg(long, value_enum, default_value_t = DrillFormat::Text, value_name = "FORMAT")]
    pub(crate) format: DrillFormat,
    /// Write to FILE [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The format of a drill's document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DrillFormat {
    /// Plain text for a terminal
    Text,
    /// JSON, as with --json
    Json,
    /// One self-contained HTML page
    Html,
    /// Markdown for a repository's documentation
    Markdown,
}

/// The arguments of `crossfoot explain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Maximum number of differences to list; 0 lists all
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) limit: u64,
}

/// The arguments of `crossfoot report`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) run: RunArg,
    #[command(flatten)]
    pub(crate) verdict: VerdictExit,
    /// List the checks that passed, too (always done in a file or a pipe, and in the other formats)
    #[arg(long)]
    pub(crate) all: bool,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// Write to FILE [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Plain text for a terminal
    Text,
    /// JSON, as with --json
    Json,
    /// One self-contained HTML page
    Html,
    /// JUnit XML with one test case per check, for CI pipelines
    Junit,
}

/// The arguments of `crossfoot resume`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Resume {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Source file, if it has moved since the run was opened; its bytes must be identical
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// Stop after this long without progress and exit with code 3; the run can be resumed [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
}

/// The arguments of `crossfoot approve`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Approve {
    #[command(flatten)]
    pub(crate) operate: Operate,
    /// Source file, if it has moved since the run was opened; its bytes must be identical
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// Stop after this long without progress and exit with code 3; the run can be resumed [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
}
