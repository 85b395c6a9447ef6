//! How many records are where: the flow of a run, and whether its books balance so far.

use domain::check::Stage;
use domain::report::Report;
use domain::retention::Part;
use schemars::JsonSchema;
use serde::Serialize;
use store::views::{ChunkTotals, CountedRun};

/// How many records are at each place of the flow. A number is null while it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Flow {
    /// What the source was cut into so far.
    pub source: FlowSource,
    /// What processors have read: chunks that are committed, and chunks that wait for a writer.
    pub processed: FlowProcessed,
    /// What writers have committed to staging, by the ledger.
    pub written: FlowPlace,
    /// What staging holds: as read back by the last reconciliation, or as counted now while the run loads.
    pub staging: FlowPlace,
    /// Of the staged records, those that a rule keeps out of final.
    pub held: Option<u64>,
    /// Of the staged records, those that a later one with the same key replaced.
    pub merged: Option<u64>,
    /// What final holds of the run, as read back.
    #[serde(rename = "final")]
    pub final_: Option<u64>,
    /// Whether the numbers add up.
    pub balances: Vec<FlowBalance>,
}

/// What the source was cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FlowSource {
    /// Records in the chunks that were cut so far.
    pub records: u64,
    /// Bytes of these chunks.
    pub bytes: u64,
    /// Whether the source was cut to its end.
    pub is_whole: bool,
}

/// What processors have read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FlowProcessed {
    /// Records that were read.
    pub read: u64,
    /// Of these, accepted.
    pub accepted: u64,
    /// Of these, rejected.
    pub rejected: u64,
}

/// How many records are at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FlowPlace {
    /// Records at this place; null while it is not known.
    pub records: Option<u64>,
}

/// Two numbers that must be equal at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FlowBalance {
    /// What is compared, in words: `split = accepted + rejected`.
    pub text: &'static str,
    /// The left side.
    pub left: String,
    /// The right side.
    pub right: String,
    /// Whether they are equal; null while the run is still on its way, and the right side may catch up.
    pub holds: Option<bool>,
}

/// The flow of a run, out of the ledger's counts, what processors read beyond them, and the report.
#[must_use]
pub fn flow(counted: &CountedRun, ahead: &ChunkTotals, report: &Report) -> Flow {
    let CountedRun { run, totals, .. } = counted;
    let level =
        |stage: Stage| report.levels.iter().find(|level| level.stage == stage).map(|level| level.records);
    let read_back = level(Stage::Staging);
    // What workers have in the tables; a run whose rows were purged has none, and that says nothing.
    let counted_now = || report.workers.iter().filter(|share| share.role == domain::counts::Role::Writer);
    let staging = match read_back {
        None if run.removed.has(Part::Staging) => None,
        None => Some(counted_now().map(|share| share.table).sum()),
        found => found,
    };
    let source = FlowSource { records: totals.records, bytes: totals.bytes, is_whole: run.split.is_some() };
    let processed = FlowProcessed {
        read: totals.read + ahead.read,
        accepted: totals.accepted + ahead.accepted,
        rejected: totals.rejected + ahead.rejected,
    };
    let final_ = level(Stage::Final);
    let (held, merged) = match report.balance {
        Some(balance) => (Some(balance.held), Some(balance.merged)),
        None => (None, None),
    };
    let is_over = run.state.is_over() || read_back.is_some();
    let mut balances = vec![
        balance(
            "split = accepted + rejected",
            source.records,
            processed.accepted + processed.rejected,
            is_over && source.is_whole,
        ),
        balance("read = accepted + rejected", processed.read, processed.accepted + processed.rejected, true),
        balance("accepted = written", processed.accepted, totals.accepted, is_over),
    ];
    if let Some(staging) = staging {
        balances.push(balance("written = staging", totals.accepted, staging, is_over));
        if let (Some(held), Some(merged), Some(in_final)) = (held, merged, final_) {
            balances.push(balance(
                "staging = final + held + merged",
                staging,
                in_final + held + merged,
                true,
            ));
        }
    }
    Flow {
        source,
        processed,
        written: FlowPlace { records: Some(totals.accepted) },
        staging: FlowPlace { records: staging },
        held,
        merged,
        final_,
        balances,
    }
}

/// A right side that is too large is wrong at any time; one that is too small may catch up until the end.
fn balance(text: &'static str, left: u64, right: u64, is_settled: bool) -> FlowBalance {
    let holds = match left.cmp(&right) {
        std::cmp::Ordering::Equal => Some(true),
        std::cmp::Ordering::Greater if !is_settled => None,
        std::cmp::Ordering::Less if !is_settled && text.ends_with("staging") => None,
        _ => Some(false),
    };
    FlowBalance { text, left: left.to_string(), right: right.to_string(), holds }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_may_catch_up_is_not_wrong_yet_and_one_that_is_too_large_is() {
        for (text, left, right, is_settled, holds) in [
            ("a = b", 3, 3, false, Some(true)),
            ("a = b", 3, 2, false, None),
            ("a = b", 3, 2, true, Some(false)),
            ("a = b", 3, 4, false, Some(false)),
            // The ledger and the tables are read one after the other: while a run loads, the tables may be ahead.
            ("written = staging", 3, 4, false, None),
            ("written = staging", 3, 4, true, Some(false)),
        ] {
            assert_eq!(balance(text, left, right, is_settled).holds, holds, "{text} {left} {right}");
        }
    }
}
