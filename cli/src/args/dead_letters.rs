//! The arguments of `dead-letters`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

/// The subcommands of `crossfoot dead-letters`.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List the dead letters, oldest first, with the reason, queue, run and chunk of each
    List {
        /// Maximum number of dead letters to list
        #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=2000))]
        limit: u16,
    },
    /// Show one dead letter: everything that is known of it, but not its contents
    Show {
        /// ID of the dead letter, or its first four or more characters
        #[arg(value_name = "ID")]
        id: String,
        /// Write the message to FILE byte for byte. It may hold unmasked records; the log records who asked
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Publish dead letters again to the queues that they come from
    ///
    /// Messages are safe to repeat: what was done before is not done twice. A chunk that was set aside is requeued with
    /// `crossfoot redrive` instead.
    Replay(Letters),
    /// Remove dead letters; the ledger and the log stay
    Clear(Letters),
}

/// The dead letters that `replay` and `clear` act on.
#[derive(Debug, ClapArgs)]
pub(crate) struct Letters {
    /// IDs of dead letters, or their first four or more characters
    #[arg(value_name = "ID", required_unless_present_any = ["of_run", "all"])]
    pub(crate) ids: Vec<String>,
    /// Act on all dead letters of this run
    #[arg(long = "run", value_name = "RUN", conflicts_with_all = ["ids", "all"])]
    pub(crate) of_run: Option<String>,
    /// Act on all dead letters
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Reason, recorded in the evidence log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Act without asking; a script must pass it with --run and --all
    #[arg(long, short)]
    pub(crate) yes: bool,
}
