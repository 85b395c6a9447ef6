//! How far a run is, for live display. The ledger is the truth; this is the view.

use domain::counts::Role;
use domain::ids::{RunId, WorkerId};

domain::named! {
    /// What a run is doing.
    #[derive(Default)]
    pub enum Phase {
        /// Nothing has begun yet; the initial value.
        #[default]
        Starting = "starting",
        /// The source's bytes are hashed before anything is loaded.
        Sealing = "hashing the source",
        /// Chunks are split, processed and written.
        Loading = "loading",
        /// Rules are applied to staging as a whole.
        ApplyingRules = "applying rules",
        /// Staging is read back.
        Verifying = "verifying staging",
        /// Rows are brought into final.
        Promoting = "promoting",
        /// Final is read back, inside the promoting transaction.
        VerifyingFinal = "verifying final",
        /// Differences are walked down to records and fields.
        Pinpointing = "pinpointing differences",
        /// Driving the run has ended, with a verdict or without.
        Over = "done",
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
