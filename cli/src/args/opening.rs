//! The arguments with which a run is opened.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

/// How `run` and `submit` open a run.
#[derive(Debug, ClapArgs)]
pub(crate) struct Opening {
    /// JSON file with the sender's declared totals: records, bytes, amounts, sha256 or fingerprint
    #[arg(long, value_name = "FILE")]
    pub(crate) declared: Option<PathBuf>,
    /// Load the source even if the same bytes were loaded before
    #[arg(long)]
    pub(crate) again: bool,
    /// Reason for the run, recorded in the evidence log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Pause for review after this stage, before anything is promoted
    #[arg(long, value_enum, value_name = "STAGE")]
    pub(crate) pause_after: Option<PauseAfter>,
    /// How many chunks the coordinator decodes as a cross-check: about one in 32, or all (uses one more core)
    #[arg(long, value_enum, value_name = "HOW", default_value = "sample")]
    pub(crate) verify_source: Verify,
    /// Whether each accepted record is encoded again and compared with its bytes; `off` is shown in the report
    #[arg(long, value_enum, value_name = "WHETHER", default_value = "on")]
    pub(crate) decode_proof: DecodeProof,
}

/// Whether decoding is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecodeProof {
    /// As the job says, which is `on` unless it says `off`
    On,
    /// Not for this run
    Off,
}

/// How many of the chunks the coordinator decodes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verify {
    /// The first chunk, and about one in 32 at random
    Sample,
    /// Every chunk of the source
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

/// The stage after which a run pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PauseAfter {
    /// Staging is loaded and verified; `crossfoot approve` verifies it again and promotes it
    Staged,
}
