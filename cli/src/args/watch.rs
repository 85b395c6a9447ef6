//! The arguments of `crossfoot watch`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use domain::arrival::{Companion, Pattern};

use super::opening::PauseAfter;
use super::{Chunks, Fleet};

/// The arguments of `crossfoot watch`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Watch {
    /// Folder to watch, without its subfolders, or a prefix of an object store, such as s3://BUCKET/in
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// Job file that loads the files (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) job: PathBuf,
    /// Names of the files to load; * stands for any characters, ? for one
    #[arg(long = "match", value_name = "PATTERN", default_value = "*", value_parser = pattern)]
    pub(crate) pattern: Pattern,
    /// How long a file's size and time must not change before it is complete
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) settle: Duration,
    /// File whose arrival says that its source is complete, such as {name}.ok or {stem}.done
    #[arg(long, value_name = "TEMPLATE", value_parser = companion)]
    pub(crate) trigger: Option<Companion>,
    /// Control file with the sender's declared totals, such as {name}.json: a source waits for it
    #[arg(long, value_name = "TEMPLATE", value_parser = companion)]
    pub(crate) declared: Option<Companion>,
    /// Folder or prefix for files that were promoted [default: they stay, and are marked]
    #[arg(long, value_name = "DIR")]
    pub(crate) done: Option<PathBuf>,
    /// Folder or prefix for files that were refused or not reconciled [default: they stay, and are marked]
    #[arg(long, value_name = "DIR")]
    pub(crate) failed: Option<PathBuf>,
    /// Load what is there and exit with the highest exit code of all files (for cron)
    #[arg(long)]
    pub(crate) once: bool,
    /// Load no file before one with an earlier name that is incomplete or unfinished
    #[arg(long)]
    pub(crate) in_order: bool,
    /// Fleet: wait for the verdict of each file before the next is submitted (as without this flag)
    #[arg(long, overrides_with = "no_wait")]
    pub(crate) wait: bool,
    /// Fleet: submit each file at once, and move it when its verdict is there
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Time between two looks at the folder
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = interval)]
    pub(crate) every: Duration,
    /// Reason for the runs, recorded in the evidence log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Pause each run for review after this stage, before anything is promoted
    #[arg(long, value_enum, value_name = "STAGE")]
    pub(crate) pause_after: Option<PauseAfter>,
    /// Stop waiting for a run after this long without progress; its file is tried again later [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) patience: Option<u64>,
    #[command(flatten)]
    pub(crate) fleet: Fleet,
}

impl Watch {
    /// The sizes of chunks and of the fleet of this process.
    pub(crate) fn fleet(&self) -> Fleet {
        let Chunks { chunk_bytes, chunk_records } = self.fleet.chunks;
        Fleet { chunks: Chunks { chunk_bytes, chunk_records }, ..self.fleet }
    }
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text).map_err(|error| error.to_string())
}

fn companion(text: &str) -> Result<Companion, String> {
    Companion::new(text).map_err(|error| error.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    let read = text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    read.filter(|time| time.as_secs() <= 86_400)
        .ok_or_else(|| "expected a time of at most a day, such as 10s, 500ms or 2m".into())
}

fn interval(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time < Duration::from_millis(100) { Err("expected at least 100ms".into()) } else { Ok(time) }
}
