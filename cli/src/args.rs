//! What may be typed.

mod audit;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use shared::secret::ServerUrl;

pub(crate) use audit::{Audit, Export, Prove, VerifyArgs};

/// Loads batch extracts from source to staging to final tables, and proves that what arrived is what was sent.
///
/// Exit codes: 0 reconciled and promoted; 1 not reconciled; 2 the command, job file or configuration is wrong;
/// 3 not finished: it could not (broker, store, source), was stopped, or waits for approval, and can be resumed.
#[derive(Debug, Parser)]
#[command(name = "crossfoot", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Global {
    /// The store: sqlite:PATH or postgres://USER@HOST/DATABASE [default: sqlite:crossfoot.db, or as configured]
    #[arg(long, global = true, help_heading = "Options of all commands", value_name = "URL")]
    pub(crate) store: Option<ServerUrl>,
    /// The broker: memory:, amqp://HOST/VHOST or amqps:// [default: memory:, or as configured]
    #[arg(long, global = true, help_heading = "Options of all commands", value_name = "URL")]
    pub(crate) broker: Option<ServerUrl>,
    /// The configuration file [default: crossfoot.toml, if it is there]
    #[arg(long, global = true, help_heading = "Options of all commands", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Who acts, for the evidence log [default: CROSSFOOT_OPERATOR, or the operating system's user]
    #[arg(long, global = true, help_heading = "Options of all commands", value_name = "NAME")]
    pub(crate) operator: Option<String>,
    /// Print JSON for machines
    #[arg(long, global = true, help_heading = "Options of all commands")]
    pub(crate) json: bool,
}

/// How many workers, and how the source is cut.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Fleet {
    /// Processors in this process [default: one a core]
    #[arg(long, value_name = "N")]
    pub(crate) processors: Option<usize>,
    /// Writers in this process [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) writers: Option<usize>,
    /// Bytes a chunk holds, about [default: 524288]
    #[arg(long, value_name = "N")]
    pub(crate) chunk_bytes: Option<usize>,
    /// Records a chunk holds at most [default: as many as the bytes allow]
    #[arg(long, value_name = "N")]
    pub(crate) chunk_records: Option<u64>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take a generated file through the whole pipeline
    Demo(Demo),
    /// Write a job file to start from, from a sample of the source
    Init(Init),
    /// Check a job file; show its layout, its tables, and records of its source
    Check(Check),
    /// Run a job to its verdict
    Run(Run),
    /// Print a source's control totals and fingerprint as JSON, loading nothing: what a sender ships along
    Fingerprint(Fingerprint),
    /// List runs
    Runs {
        /// How many, the newest first
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u32,
    },
    /// Show a job's runs side by side, and which were far from those before
    Trends(Trends),
    /// Show one run: where it stands, and its checks
    Show(RunArg),
    /// Show each worker's share of a run: as reported, in the ledger, in the tables
    Workers(RunArg),
    /// List a run's rejects with their reasons
    Rejects(Rejects),
    /// Walk a run's differences down to record, field, both values, and worker
    Explain(Explain),
    /// Print a run's report
    Report(Report),
    /// Hand a run to the coordinator service
    Submit(Submit),
    /// Serve: take up submitted runs and drive each to its verdict
    Coordinator(Serve),
    /// Serve: process chunks, or write batches, for whoever runs on this broker and store
    Worker(Worker),
    /// Go on with a run that was interrupted
    Resume(Resume),
    /// Take up again the chunks of a run that were set aside
    Redrive(Redrive),
    /// Promote a run that awaits approval, if its staging is still what it was
    Approve(Approve),
    /// Give a run up; nothing of it reaches final
    Cancel(Operate),
    /// Remove the staging rows and rejects of a run that is over; its ledger, checks and log stay
    Purge(Operate),
    /// Test the controls: strike every defect of the catalogue in a shadow of a job, and see it caught
    Drill(Drill),
    /// Prove that one record is in a run's source as it was loaded, for whoever has the record's bytes
    Prove(Prove),
    /// The evidence log, and packs of evidence for whoever has neither store nor broker
    #[command(subcommand)]
    Audit(Audit),
    /// Can broker and store be reached, are they as they should be, and what is to be done if not
    Doctor(Doctor),
    /// Print the JSON Schema of the job file, of the settings, or of what a command prints with --json
    Schema(Schema),
    /// Replace the key that messages are sealed with; the one before stays valid for what is on its way
    ///
    /// Running processes learn of the new key within 30 seconds, without a restart. A key may be replaced again after
    /// 60 seconds. Only for deployments whose key is in the store; a key in a file is replaced there.
    RotateKey,
}

/// `schema`
#[derive(Debug, ClapArgs)]
pub(crate) struct Schema {
    /// The schema: `job`, `settings`, or a name that --list lists
    #[arg(value_name = "NAME", default_value = "job")]
    pub(crate) name: String,
    /// List the schemas
    #[arg(long)]
    pub(crate) list: bool,
    /// Print a reference of every key as Markdown (`job` and `settings`)
    #[arg(long, conflicts_with = "list")]
    pub(crate) markdown: bool,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE", conflicts_with = "list")]
    pub(crate) output: Option<PathBuf>,
}

/// `doctor`
#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    /// First give the broker's queues to this store, though another store has them; stop the other's processes before
    #[arg(long)]
    pub(crate) take_queues: bool,
}

/// `trends`
#[derive(Debug, ClapArgs)]
pub(crate) struct Trends {
    /// The job's name, or its job file
    pub(crate) job: String,
    /// How many runs, the newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,
}

/// `submit`
#[derive(Debug, ClapArgs)]
pub(crate) struct Submit {
    /// The job file
    #[arg(value_name = "JOB")]
    pub(crate) job: PathBuf,
    /// The source, where the coordinator finds it under the same path [default: the job's own]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// What the sender declares: a JSON file with records, bytes, amounts, sha256 or fingerprint
    #[arg(long, value_name = "FILE")]
    pub(crate) declared: Option<PathBuf>,
    /// Load bytes that were loaded before
    #[arg(long)]
    pub(crate) again: bool,
    /// Why it is run, or run again; it goes into the evidence log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Stop where a person is to look before anything is promoted
    #[arg(long, value_enum, value_name = "STAGE")]
    pub(crate) pause_after: Option<PauseAfter>,
    /// Chunks of the source that the coordinator decodes too: about one in 32, or all (costs one core's decoding)
    #[arg(long, value_enum, value_name = "HOW", default_value = "sample")]
    pub(crate) verify_source: Verify,
    /// Wait for the verdict, print the report, and exit as `run` does
    #[arg(long)]
    pub(crate) wait: bool,
    /// End with exit code 3 after so long without any progress of the run, which goes on when it can [default: wait on]
    #[arg(long, value_name = "SECONDS", requires = "wait", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    /// Bytes a chunk holds, about [default: 524288]
    #[arg(long, value_name = "N")]
    pub(crate) chunk_bytes: Option<usize>,
    /// Records a chunk holds at most [default: as many as the bytes allow]
    #[arg(long, value_name = "N")]
    pub(crate) chunk_records: Option<u64>,
}

/// `coordinator`
#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// How many runs it drives at a time
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) runs: u16,
}

/// `worker`
#[derive(Debug, ClapArgs)]
pub(crate) struct Worker {
    /// What it does; both, with a comma between them, in a small fleet
    #[arg(long, value_enum, value_delimiter = ',', required = true, value_name = "ROLE")]
    pub(crate) role: Vec<WorkerRole>,
    /// How many of each role it has [default: one a core for processors, two writers]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) slots: Option<u16>,
    /// Its name, which each slot's number is added to [default: the host's name and the role]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How long it may take to finish what it has in hand when it is told to stop
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) drain_seconds: u64,
}

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorkerRole {
    /// Turns chunks of bytes into batches of rows
    Processor,
    /// Commits batches to staging
    Writer,
}

/// `redrive`
#[derive(Debug, ClapArgs)]
pub(crate) struct Redrive {
    #[command(flatten)]
    pub(crate) operate: Operate,
    /// The source, if it is not where the run was begun from; its bytes must be the same
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// End with exit code 3 after so long without any progress; the run can be resumed [default: wait on]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
}

/// One run.
#[derive(Debug, ClapArgs)]
pub(crate) struct RunArg {
    /// The run: its id, the beginning or end of it, or `last`
    #[arg(value_name = "RUN", default_value = "last")]
    pub(crate) run: String,
}

/// `demo`
#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// How many records to generate
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    pub(crate) records: u64,
    /// Where the generated file and the store are put; what an earlier demo left there is replaced
    #[arg(long, default_value = "crossfoot-demo", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Damage staging behind the run's back, to see it found
    #[arg(long, value_enum, value_name = "DAMAGE", num_args = 0..=1, default_missing_value = "all")]
    pub(crate) inject: Option<Damage>,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
}

/// What `demo --inject` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Damage {
    /// Every one of them
    All,
    /// A record is lost
    LostRecord,
    /// An amount is a cent off
    Cent,
    /// Two records' amounts change places: every total stays right
    SwappedValue,
    /// A record is doubled
    DoubledRecord,
}

/// `init`
#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// A delimited file like those to be loaded
    #[arg(long, value_name = "FILE", required_unless_present = "copybook", conflicts_with = "copybook")]
    pub(crate) sample: Option<PathBuf>,
    /// The COBOL copybook of the file to be loaded
    #[arg(long, value_name = "FILE")]
    pub(crate) copybook: Option<PathBuf>,
    /// With a copybook: the code page of the file
    #[arg(long, value_name = "PAGE", default_value = "cp037", requires = "copybook")]
    pub(crate) encoding: String,
    /// With a copybook: how the file's records are told apart
    #[arg(long, value_name = "HOW", default_value = "fixed", requires = "copybook")]
    pub(crate) framing: String,
    /// The copybook is in free format, not in columns 8 to 72
    #[arg(long, requires = "copybook")]
    pub(crate) free: bool,
    /// Where to write the job file; of a copybook the tables' DDL too, beside it as .sql [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `check`
#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// The job file
    #[arg(value_name = "JOB")]
    pub(crate) job: PathBuf,
    /// A source to preview [default: the job's own, if it names one]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// How many records to preview
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) records: u64,
}

/// `run`
#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// The job file
    #[arg(value_name = "JOB")]
    pub(crate) job: PathBuf,
    /// The source; `-` is standard input [default: the job's own]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// What the sender declares: a JSON file with records, bytes, amounts, sha256 or fingerprint
    #[arg(long, value_name = "FILE")]
    pub(crate) declared: Option<PathBuf>,
    /// Load bytes that were loaded before
    #[arg(long)]
    pub(crate) again: bool,
    /// Why it is run, or run again; it goes into the evidence log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Stop where a person is to look before anything is promoted
    #[arg(long, value_enum, value_name = "STAGE")]
    pub(crate) pause_after: Option<PauseAfter>,
    /// Chunks of the source that the coordinator decodes too: about one in 32, or all (costs one core's decoding)
    #[arg(long, value_enum, value_name = "HOW", default_value = "sample")]
    pub(crate) verify_source: Verify,
    /// End with exit code 3 after so long without any progress; the run can be resumed [default: wait on]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
}

/// Of how many chunks the coordinator decodes the source's bytes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verify {
    /// Of about one chunk in 32, drawn by chance, and of the first
    Sample,
    /// Of every chunk
    Full,
}

impl From<Verify> for domain::reconcile::VerifySource {
    fn from(verify: Verify) -> Self {
        match verify {
            Verify::Sample => Self::Sample,
            Verify::Full => Self::Full,
        }
    }
}

/// Where a run may pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PauseAfter {
    /// Staging is loaded and proven; `crossfoot approve` verifies it once more and promotes
    Staged,
}

/// `fingerprint`
#[derive(Debug, ClapArgs)]
pub(crate) struct Fingerprint {
    /// The job file
    #[arg(value_name = "JOB")]
    pub(crate) job: PathBuf,
    /// The source; `-` is standard input [default: the job's own]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
}

/// `drill`
#[derive(Debug, ClapArgs)]
pub(crate) struct Drill {
    /// The job file
    #[arg(value_name = "JOB", required_unless_present = "list")]
    pub(crate) job: Option<PathBuf>,
    /// A source of the job that reconciles, a file; small is enough, a defect takes a whole run [default: the job's own]
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// Strike only these, such as AMT-01,CNT-03
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub(crate) only: Vec<String>,
    /// List the catalogue, and strike nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// The form
    #[arg(long, value_enum, default_value_t = DrillFormat::Text, value_name = "FORM")]
    pub(crate) format: DrillFormat,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The form of a drill's document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DrillFormat {
    /// For a terminal
    Text,
    /// For machines
    Json,
    /// One self-contained page
    Html,
    /// For a repository's documentation
    Markdown,
}

/// `rejects`
#[derive(Debug, ClapArgs)]
pub(crate) struct Rejects {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// How many to list
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: u32,
    /// Write the rejects to FILE byte for byte, framed as the source's records are: to be mended and sent again.
    /// Sensitive fields are in clear there, and the run's log says who asked
    #[arg(long, value_name = "FILE")]
    pub(crate) raw: Option<PathBuf>,
}

/// `explain`
#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// How many to list; 0: all
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) limit: u64,
}

/// `report`
#[derive(Debug, ClapArgs)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// The form
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORM")]
    pub(crate) format: Format,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// A report's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a terminal
    Text,
    /// For machines
    Json,
    /// One self-contained page
    Html,
    /// JUnit XML, a test case for each check: for pipelines
    Junit,
}

/// `resume`
#[derive(Debug, ClapArgs)]
pub(crate) struct Resume {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// The source, if it is not where the run was begun from; its bytes must be the same
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// End with exit code 3 after so long without any progress; the run can be resumed [default: wait on]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
}

/// `approve`
#[derive(Debug, ClapArgs)]
pub(crate) struct Approve {
    #[command(flatten)]
    pub(crate) operate: Operate,
    /// The source, if it is not where the run was begun from; its bytes must be the same
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// End with exit code 3 after so long without any progress; the run can be resumed [default: wait on]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
}

/// `cancel`, `purge`, and what `approve` and `redrive` have of them
#[derive(Debug, ClapArgs)]
pub(crate) struct Operate {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Why; it goes into the evidence log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}
