//! Who did how much: per-worker counts as reported, as in the ledger, and as found in the tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::WorkerId;

crate::named! {
    /// What a worker does.
    #[derive(PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum Role {
        /// Turns chunks into batches.
        Processor = "processor",
        /// Commits batches to staging and to the ledger.
        Writer = "writer",
    }
}

impl std::str::FromStr for Role {
    type Err = crate::lifecycle::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|role| role.name() == text).ok_or(crate::lifecycle::UnknownName)
    }
}

/// Counts of one worker over some chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Chunks that the worker finished.
    pub chunks: u64,
    /// Records read (processor) or received (writer): accepted and rejected.
    pub records: u64,
    /// Of these, accepted (processor) or written to staging (writer).
    pub accepted: u64,
    /// Of these, rejected (processor) or kept as rejects (writer).
    pub rejected: u64,
}

impl Counts {
    /// Adds the counts of `other`.
    pub const fn merge(&mut self, other: &Self) {
        self.chunks += other.chunks;
        self.records += other.records;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
    }
}

/// One worker's share of a run, counted in three places (INV-05).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerShare {
    /// The worker's number; `None` never, but a number that is in the tables and not in the register has no name.
    pub worker_id: WorkerId,
    /// Its name, or `not registered`.
    pub name: String,
    /// The host it ran on.
    pub host: String,
    /// What the worker did.
    pub role: Role,
    /// What it reported on the bus, for the chunks that the ledger credits it with.
    pub reported: Counts,
    /// What the ledger credits it with.
    pub ledger: Counts,
    /// Chunks in the ledger whose report never came because the coordinator that waited for it died.
    pub unreported_chunks: u64,
    /// What the tables hold under its number: staging rows (writer), rejects (processor).
    pub table: u64,
    /// Source bytes (processor) or batch bytes (writer) worked through, as reported.
    pub bytes: u64,
    /// Time spent on them, in microseconds, as reported.
    pub busy_us: u64,
}

impl WorkerShare {
    /// What the ledger says the tables must hold under this worker's number.
    #[must_use]
    pub const fn table_expected(&self) -> u64 {
        match self.role {
            Role::Processor => self.ledger.rejected,
            Role::Writer => self.ledger.accepted,
        }
    }

    /// Whether the three places agree.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let reports_agree = if self.unreported_chunks == 0 {
            self.reported == self.ledger
        } else {
            // What was reported must be a part of what the ledger holds; the rest is named as unreported.
            self.reported.chunks + self.unreported_chunks == self.ledger.chunks
                && self.reported.records <= self.ledger.records
                && self.reported.accepted <= self.ledger.accepted
                && self.reported.rejected <= self.ledger.rejected
        };
        reports_agree && self.table == self.table_expected()
    }
}
