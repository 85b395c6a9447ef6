//! How far a run is, for live display. The ledger is the truth; this is the view.

use domain::counts::Role;
use domain::ids::{RunId, WorkerId};

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Nothing has begun yet; the initial value.
    #[default]
    Starting,
    /// The source's bytes are hashed before anything is loaded.
    Sealing,
    /// Chunks are split, processed and written.
    Loading,
    /// Rules are applied to staging as a whole.
    ApplyingRules,
    /// Staging is read back.
    Verifying,
    /// Rows are brought into final.
    Promoting,
    /// Final is read back, inside the promoting transaction.
    VerifyingFinal,
    /// Differences are walked down to records and fields.
    Pinpointing,
    /// Driving the run has ended, with a verdict or without.
    Over,
}

impl Phase {
    /// The phase as a person reads it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Sealing => "hashing the source",
            Self::Loading => "loading",
            Self::ApplyingRules => "applying rules",
            Self::Verifying => "verifying staging",
            Self::Promoting => "promoting",
            Self::VerifyingFinal => "verifying final",
            Self::Pinpointing => "pinpointing differences",
            Self::Over => "done",
        }
    }
}

/// One moment of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// What it is doing.
    pub phase: Phase,
    /// How much of the phase is done: bytes while sealing, else records. Rules and promotion are one step each.
    pub done: u64,
    /// Of how many; 0 while not known.
    pub of: u64,
    /// Bytes of the source on disk that were split.
    pub bytes_read: u64,
    /// Bytes of the source on disk whose chunks are committed to staging: the same chunks that `done` counts the
    /// records of.
    pub bytes_loaded: u64,
    /// Bytes of the source on disk; 0 for a stream.
    pub bytes_total: u64,
    /// Chunks whose rows are committed to staging.
    pub chunks_committed: u64,
    /// The workers that have reported so far.
    pub workers: Vec<AtWork>,
}

/// A worker, and how far it has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtWork {
    /// The worker's role: processor or writer.
    pub role: Role,
    /// The worker's id in the ledger.
    pub id: WorkerId,
    /// Its records so far.
    pub records: u64,
}

/// Says in the log that a stage is done: the times between these lines are the run's time by stage.
pub(crate) fn stage(run_id: RunId, done: &'static str) {
    tracing::info!(%run_id, done, "stage");
}
