//! The report: one run, its verdict, and everything the verdict rests on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::balance::{AmountBalance, Balance};
use crate::bytes::ByteBalance;
use crate::cause::LeadingCause;
pub use crate::cause::{RejectExample, RejectGroup};
use crate::check::{CheckResult, Stage, Verdict};
use crate::counts::WorkerShare;
use crate::finding::Finding;
use crate::fingerprint::Hash;
use crate::lifecycle::RunState;
use crate::resend::RejectBooks;
use crate::round_trip::DecodeProofReport;

crate::named! {
    /// What a run came to.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum Outcome {
        /// Every check passed and final holds the records.
        Reconciled = "reconciled",
        /// A check failed; nothing of the run is in final.
        NotReconciled = "not reconciled",
        /// Staging is proven; approval is waited for.
        AwaitingApproval = "awaiting approval",
        /// Not finished; it can be resumed.
        Unfinished = "unfinished",
        /// Given up by an operator.
        Cancelled = "cancelled",
        /// It reconciled, and an operator took its rows out of final again.
        BackedOut = "backed out",
    }
}

impl Outcome {
    /// What a run in `state` has come to.
    #[must_use]
    pub const fn of(state: RunState) -> Self {
        match state {
            RunState::Promoted => Self::Reconciled,
            RunState::NotReconciled => Self::NotReconciled,
            RunState::AwaitingApproval => Self::AwaitingApproval,
            RunState::Loading | RunState::Staged => Self::Unfinished,
            RunState::Cancelled => Self::Cancelled,
            RunState::BackedOut => Self::BackedOut,
        }
    }
}

/// How many checks came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckCounts {
    /// How many checks passed.
    pub passed: usize,
    /// How many checks failed.
    pub failed: usize,
    /// Checks that did not hold and are reported only.
    pub warned: usize,
    /// Checks that had nothing to compare.
    pub vacuous: usize,
}

impl CheckCounts {
    /// Counts the verdicts of `checks`.
    #[must_use]
    pub fn of(checks: &[CheckResult]) -> Self {
        let mut counts = Self::default();
        for check in checks {
            match check.verdict {
                Verdict::Pass => counts.passed += 1,
                Verdict::Fail => counts.failed += 1,
                Verdict::Warn => counts.warned += 1,
                Verdict::Vacuous => counts.vacuous += 1,
            }
        }
        counts
    }

    /// Checks that compared something.
    #[must_use]
    pub const fn decided(&self) -> usize {
        self.passed + self.failed + self.warned
    }

    /// Passed of decided, in percent with one digit, rounded down: 100.0 means all.
    #[must_use]
    pub fn success_rate(&self) -> Amount {
        if self.decided() == 0 {
            return Amount::zero(1);
        }
        let per_mille = self.passed * 1000 / self.decided();
        Amount::new(i128::try_from(per_mille).unwrap_or(0), 1).unwrap_or(Amount::zero(1))
    }

    /// Whether every check that compared something passed, and there was one.
    #[must_use]
    pub const fn all_passed(&self) -> bool {
        self.decided() > 0 && self.passed == self.decided()
    }
}

/// Control totals at one level, for printing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LevelTotals {
    /// The level that the totals are of: source, staging or final.
    pub stage: Stage,
    /// Records at this level.
    pub records: u64,
    /// The sums of the amounts, in the order of `amount_names` of the report.
    pub sums: Vec<Amount>,
    /// The fingerprint of the records at this level.
    pub fingerprint: Option<Hash>,
}

/// The source as the run saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceSummary {
    /// Where the source is.
    pub location: String,
    /// The length of the source on disk, in bytes.
    pub bytes: u64,
    /// SHA-256 of the source as it is on disk.
    pub sha256: Option<Hash>,
    /// Chunks that the source was cut into.
    pub chunks: u64,
}

/// The head of the evidence log: its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LogHead {
    /// The event's number and its hash.
    Named {
        /// The number of the event, from 1.
        seq: u64,
        /// The hash of the event, which covers all events before it.
        hash: Hash,
    },
    /// The same as a pair, as reports of version 1 have it: packs that 0.1.0 wrote contain one, byte for byte.
    #[schemars(skip)]
    Pair(u64, Hash),
}

impl LogHead {
    /// The event's number and its hash.
    #[must_use]
    pub const fn parts(self) -> (u64, Hash) {
        match self {
            Self::Named { seq, hash } | Self::Pair(seq, hash) => (seq, hash),
        }
    }
}

/// The report of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of the shape of this report.
    pub report_version: u32,
    /// The version of the program that made the report.
    pub crossfoot_version: String,
    /// The run's id, a UUID.
    pub run_id: String,
    /// The name of the job that the run executed.
    pub job: String,
    /// SHA-256 of the job file that ran.
    pub job_digest: Hash,
    /// Where the run is in its life.
    pub state: RunState,
    /// What the run came to.
    pub outcome: Outcome,
    /// Why the run stands where it stands, if that needs saying.
    pub note: Option<String>,
    /// The process that drives the run at this moment, in words; absent if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driven_by: Option<String>,
    /// The source as the run saw it.
    pub source: SourceSummary,
    /// The staging table, or several with commas between them.
    pub staging_table: String,
    /// The final table, or several with commas between them.
    pub final_table: String,
    /// When the run was opened: milliseconds since 1970, UTC.
    pub opened_at_ms: i64,
    /// When the run ended, if it has: milliseconds since 1970, UTC.
    pub ended_at_ms: Option<i64>,
    /// Time spent by the coordinator, in milliseconds, pauses and interruptions not counted.
    pub elapsed_ms: u64,
    /// Every check of the last reconciliation.
    pub checks: Vec<CheckResult>,
    /// How many checks came out how.
    pub counts: CheckCounts,
    /// Passed of decided, in percent.
    pub success_rate: Amount,
    /// Whether every check that compared something passed.
    pub all_passed: bool,
    /// The names of the summed fields.
    pub amount_names: Vec<String>,
    /// Control totals at source, staging and final, as far as the run came.
    pub levels: Vec<LevelTotals>,
    /// Where the records went.
    pub balance: Option<Balance>,
    /// Where the source's bytes went, by class and record type; absent if no version counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<ByteBalance>,
    /// What encoding the accepted records again came to; absent if no version did so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode_proof: Option<DecodeProofReport>,
    /// Where the amounts went.
    pub amounts: Vec<AmountBalance>,
    /// Every worker's share of the run.
    pub workers: Vec<WorkerShare>,
    /// Rejects by field and kind of fault, most frequent first, at most 20 groups.
    pub rejects: Vec<RejectGroup>,
    /// The run whose corrected rejects this run loaded; absent if its source is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resends: Option<String>,
    /// What became of the rejects that were resent; absent if none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent: Option<RejectBooks>,
    /// The cause for which more than half of the records were rejected; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leading_cause: Option<LeadingCause>,
    /// The first findings; all of them are printed by `crossfoot explain`.
    pub findings: Vec<Finding>,
    /// How many findings there are.
    pub findings_total: u64,
    /// The evidence log's head when the report was made: event number and hash.
    pub log_head: Option<LogHead>,
}
