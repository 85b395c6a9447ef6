//! The arguments of `audit` and `prove`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::RunArg;

/// The subcommands of `crossfoot audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Verify the evidence log, an evidence pack, a record's proof, or the evidence of a comparison
    ///
    /// Without FILE: walks the store's evidence log and checks that no event was removed, reordered or rewritten.
    /// With FILE: checks a pack from `audit export`, a proof from `prove`, or what `reconcile --evidence` wrote. Needs
    /// neither store nor broker.
    /// Exits with 0 only if everything holds and something vouches for it: the key given with --key, or a --head that
    /// matches the head of the export. A proof needs the record too.
    Verify(VerifyArgs),
    /// Export a run's evidence to one signed file: report, checks, chunks, workers, rejects, job file, log
    Export(Export),
    /// Generate a key pair: NAME.key signs packs, NAME.pub verifies them
    Keygen {
        /// Base name of the two files; existing files are never overwritten
        #[arg(long, short, value_name = "NAME")]
        output: PathBuf,
    },
    /// Show who did what, and when: the events of the log, or of one run
    Log {
        /// Run ID, its first or last characters, or `last` [default: all events of the store]
        #[arg(value_name = "RUN")]
        run: Option<String>,
        /// Maximum number of events to show, counted from the newest; 0 shows all
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u64,
    },
}

/// The arguments of `crossfoot audit verify`.
#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// Pack, proof or evidence of a comparison to verify [default: the store's log]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Public key of the expected signer
    #[arg(long, value_name = "FILE", requires = "file")]
    pub(crate) key: Option<PathBuf>,
    /// For a proof: file with the record's bytes as they are in the source
    #[arg(long, value_name = "FILE", requires = "file")]
    pub(crate) record: Option<PathBuf>,
    /// For a proof: job file that decodes the record [default: the pack's]
    #[arg(long, value_name = "JOB", requires = "record")]
    pub(crate) job: Option<PathBuf>,
    /// For a proof: canonical form of the record from `prove --canonical-out`, instead of its bytes
    #[arg(long, value_name = "FILE", requires = "file", conflicts_with = "record")]
    pub(crate) canonical: Option<PathBuf>,
    /// For a proof: pack of the run, which vouches for the root
    #[arg(long, value_name = "PACK", requires = "file")]
    pub(crate) pack: Option<PathBuf>,
    /// Log head noted earlier, as `NUMBER:HASH`; shows whether the end of the log was cut off
    #[arg(long, value_name = "NUMBER:HASH")]
    pub(crate) head: Option<String>,
    /// Checkpoint file kept outside the store (`checkpoint_file` under [audit]); the log must contain every checkpoint
    /// in it
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub(crate) checkpoints: Option<PathBuf>,
}

/// The arguments of `crossfoot prove`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Prove {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Record number, counted from 1
    #[arg(long, value_name = "N")]
    pub(crate) record: u64,
    /// Write the proof to FILE [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Private key that signs the root [default: `signing_key` under [audit] in crossfoot.toml, else unsigned]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Source file, if it has moved since the run was opened
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// Write the record's bytes, unmasked, to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) record_out: Option<PathBuf>,
    /// Write the record's canonical form, unmasked, to FILE: the bytes that are hashed
    #[arg(long, value_name = "FILE")]
    pub(crate) canonical_out: Option<PathBuf>,
}

/// The arguments of `crossfoot audit export`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// Write the pack to FILE, which must not exist [default: RUN.pack.tar]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Private key that signs the pack [default: `signing_key` under [audit] in crossfoot.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "unsigned")]
    pub(crate) key: Option<PathBuf>,
    /// Do not sign the pack
    #[arg(long)]
    pub(crate) unsigned: bool,
}
