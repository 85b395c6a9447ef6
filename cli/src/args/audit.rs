//! What may be typed about the evidence: `audit` and `prove`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::RunArg;

/// `audit`
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check the evidence log, a pack of evidence, or a record's proof
    ///
    /// Without FILE: walks the store's evidence log and checks that nothing was removed, reordered or rewritten.
    /// With FILE: checks a pack that `audit export` made, or a proof that `prove` made. Needs neither store nor broker.
    /// Exits 0 only if everything holds and somebody vouches for it: the key that is given, or a noted head that is the
    /// export's own. A proof needs the record too.
    Verify(VerifyArgs),
    /// Write a run's evidence to one signed file: report, checks, chunks, workers, rejects, job file, log
    Export(Export),
    /// Make a pair of keys: NAME.key signs packs, NAME.pub verifies them
    Keygen {
        /// The keys' name: NAME.key and NAME.pub are made, and never written over
        #[arg(long, short, value_name = "NAME")]
        output: PathBuf,
    },
    /// Show who did what, and when: the log's events, or those of one run
    Log {
        /// The run: its id, the beginning or end of it, or `last` [default: all, and the store itself]
        #[arg(value_name = "RUN")]
        run: Option<String>,
        /// How many, the newest; 0: all
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: u64,
    },
}

/// `audit verify`
#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// A pack, or a record's proof [default: the store's log]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The public key of whoever should have signed it
    #[arg(long, value_name = "FILE", requires = "file")]
    pub(crate) key: Option<PathBuf>,
    /// Of a proof: the record's bytes as they are in the source
    #[arg(long, value_name = "FILE", requires = "file")]
    pub(crate) record: Option<PathBuf>,
    /// Of a proof: the job file that decodes the record [default: the pack's]
    #[arg(long, value_name = "JOB", requires = "record")]
    pub(crate) job: Option<PathBuf>,
    /// Of a proof: the content of the record's leaf, as `prove --canonical-out` wrote it, instead of its bytes
    #[arg(long, value_name = "FILE", requires = "file", conflicts_with = "record")]
    pub(crate) canonical: Option<PathBuf>,
    /// Of a proof: a pack of the run, which vouches for the root
    #[arg(long, value_name = "PACK", requires = "file")]
    pub(crate) pack: Option<PathBuf>,
    /// A head that was noted earlier, as `NUMBER:HASH`: shows whether the end was cut off
    #[arg(long, value_name = "NUMBER:HASH")]
    pub(crate) head: Option<String>,
    /// Checkpoints that were kept outside of the store (`checkpoint_file` under [audit]): the log must still hold every
    /// one of them
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub(crate) checkpoints: Option<PathBuf>,
}

/// `prove`
#[derive(Debug, ClapArgs)]
pub(crate) struct Prove {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// The record's number, from 1
    #[arg(long, value_name = "N")]
    pub(crate) record: u64,
    /// Where to write the proof [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The private key that signs the root [default: `signing_key` under [audit] in crossfoot.toml; else it is not signed]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The source, if it is not where the run was begun from
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<String>,
    /// Write the record's bytes, in clear, to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) record_out: Option<PathBuf>,
    /// Write the content of the record's leaf, in clear, to FILE: what is hashed
    #[arg(long, value_name = "FILE")]
    pub(crate) canonical_out: Option<PathBuf>,
}

/// `audit export`
#[derive(Debug, ClapArgs)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) run: RunArg,
    /// The pack, which must not be there [default: RUN.pack.tar]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The private key that signs it [default: `signing_key` under [audit] in crossfoot.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "unsigned")]
    pub(crate) key: Option<PathBuf>,
    /// Do not sign it
    #[arg(long)]
    pub(crate) unsigned: bool,
}
