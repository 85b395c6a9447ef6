//! Rejects that were corrected and loaded again: what became of each, and which may be loaded once more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::RunId;
use crate::lifecycle::RunState;
use crate::words::{grouped, plural};

/// Why rejects of a run cannot be resent, or a run whose rejects were resent cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CannotResend {
    /// The run whose rejects they are is not in final.
    #[error(
        "run {first} is {state}: rejects are resent once their run is promoted; approve or resume it, or correct its \
         source and load that as a new run"
    )]
    NotPromoted {
        /// The run that rejected the records.
        first: RunId,
        /// The state that it is in.
        state: RunState,
    },
    /// A record is carried by another run already.
    #[error(
        "record {record_no} of run {first} was resent by run {run_id}, which is {state}; nothing was loaded. {}",
        instead(*state, *run_id)
    )]
    Before {
        /// The run that rejected the record.
        first: RunId,
        /// The record's number in that run.
        record_no: u64,
        /// The run that carries the record.
        run_id: RunId,
        /// The state that this run is in.
        state: RunState,
    },
    /// Rows that belong to the run's source are in final under another run.
    #[error(
        "its rejects were resent by run {run_id}, which is {state}: final would hold a part of the source without the \
         rest; {} first",
        if state.is_over() { format!("back out run {run_id}") } else { format!("cancel run {run_id}") }
    )]
    Resent {
        /// The run that resent rejects.
        run_id: RunId,
        /// The state that it is in.
        state: RunState,
    },
}

fn instead(state: RunState, run_id: RunId) -> String {
    if state.is_over() {
        format!("If it was rejected again, correct it there: `crossfoot rejects {run_id} --edit FILE`")
    } else {
        format!("Take that run to its end, or cancel it: `crossfoot cancel {run_id}`")
    }
}

/// Whether a run in `state` holds on to the records that it resends: they are in final, or on their way there.
#[must_use]
pub const fn carries(state: RunState) -> bool {
    match state {
        RunState::Loading | RunState::Staged | RunState::AwaitingApproval | RunState::Promoted => true,
        RunState::NotReconciled | RunState::Cancelled | RunState::BackedOut => false,
    }
}

/// One run that resent rejects of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resend {
    /// The id of the run that resent them.
    pub run_id: String,
    /// Where it is in its life.
    pub state: RunState,
    /// How many records it carries.
    pub records: u64,
    /// Of these, in final: by this run, or by a run that resent its rejects in turn.
    pub in_final: u64,
    /// Of these, accepted but not in final: a rule holds them, or a later record with the same key replaced them.
    pub kept_out: u64,
    /// Of these, rejected again and open still.
    pub rejected_again: u64,
}

/// What became of a run's rejects, over all runs that resent them. The terms add up to `rejects`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectBooks {
    /// The run's rejects.
    pub rejects: u64,
    /// Of these, resent and in final.
    pub in_final: u64,
    /// Of these, resent and rejected again.
    pub rejected_again: u64,
    /// Of these, resent and accepted, but kept out of final: held by a rule, or replaced by a later record.
    pub kept_out: u64,
    /// Of these, in a run that is not over.
    pub under_way: u64,
    /// Of these, not resent, or resent by a run that did not bring them into final.
    pub open: u64,
    /// The runs that resent them, the oldest first.
    pub runs: Vec<Resend>,
}

impl RejectBooks {
    /// The books of a run with this many rejects, of which `runs` carried some. `None` if more were carried than there
    /// are, which no ledger that is whole says.
    #[must_use]
    pub fn of(rejects: u64, runs: Vec<Resend>) -> Option<Self> {
        let mut books = Self { rejects, ..Self::default() };
        for run in runs.iter().filter(|run| carries(run.state)) {
            if run.state == RunState::Promoted {
                let parts = [run.in_final, run.kept_out, run.rejected_again];
                let sum = parts.into_iter().try_fold(0_u64, u64::checked_add)?;
                if sum != run.records {
                    return None;
                }
                books.in_final = books.in_final.checked_add(run.in_final)?;
                books.kept_out = books.kept_out.checked_add(run.kept_out)?;
                books.rejected_again = books.rejected_again.checked_add(run.rejected_again)?;
            } else {
                books.under_way = books.under_way.checked_add(run.records)?;
            }
        }
        let told = [books.in_final, books.kept_out, books.rejected_again, books.under_way];
        let told = told.into_iter().try_fold(0_u64, u64::checked_add)?;
        books.open = rejects.checked_sub(told)?;
        books.runs = runs;
        Some(books)
    }

    /// The sum in words: `3 = resent and in final 2 + resent and rejected again 0 + open 1`. Terms of runs that are not
    /// over, and of records that rules keep out, are named where there are any.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut out = format!(
            "{} = resent and in final {} + resent and rejected again {}",
            grouped(self.rejects),
            grouped(self.in_final),
            grouped(self.rejected_again)
        );
        if self.kept_out > 0 {
            out.push_str(&format!(" + resent and kept out of final {}", grouped(self.kept_out)));
        }
        if self.under_way > 0 {
            out.push_str(&format!(" + being resent {}", grouped(self.under_way)));
        }
        out + &format!(" + open {}", grouped(self.open))
    }
}

impl Resend {
    /// The run in words: `run 01a2… resent 2 records: 2 in final`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let what = format!("run {} resent {}", self.run_id, plural(self.records, "record"));
        if self.state != RunState::Promoted {
            return format!("{what}, and is {}", self.state);
        }
        let mut parts = vec![format!("{} in final", grouped(self.in_final))];
        parts.extend((self.kept_out > 0).then(|| format!("{} kept out of final", grouped(self.kept_out))));
        let again = self.rejected_again;
        parts.extend((again > 0).then(|| format!("{} rejected again", grouped(again))));
        format!("{what}: {}", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(state: RunState, parts: [u64; 4]) -> Resend {
        let [records, in_final, kept_out, rejected_again] = parts;
        Resend { run_id: "01".into(), state, records, in_final, kept_out, rejected_again }
    }

    #[test]
    fn the_terms_add_up_to_the_rejects() {
        use RunState::{BackedOut, Cancelled, Loading, NotReconciled, Promoted};
        for (rejects, runs, says) in [
            (3, vec![], "3 = resent and in final 0 + resent and rejected again 0 + open 3"),
            (
                3,
                vec![run(Promoted, [2, 2, 0, 0])],
                "3 = resent and in final 2 + resent and rejected again 0 + open 1",
            ),
            (
                3,
                vec![run(Promoted, [2, 1, 0, 1]), run(Cancelled, [1, 0, 0, 0])],
                "3 = resent and in final 1 + resent and rejected again 1 + open 1",
            ),
            (
                9,
                vec![run(Promoted, [4, 1, 2, 1]), run(Loading, [2, 0, 0, 0]), run(BackedOut, [1, 0, 0, 0])],
                "9 = resent and in final 1 + resent and rejected again 1 + resent and kept out of final 2 + being \
                 resent 2 + open 3",
            ),
            (
                1,
                vec![run(NotReconciled, [1, 0, 0, 0])],
                "1 = resent and in final 0 + resent and rejected again 0 + open 1",
            ),
        ] {
            assert_eq!(RejectBooks::of(rejects, runs).unwrap().sentence(), says);
        }
        // More than there were, and parts that are not the whole.
        assert_eq!(RejectBooks::of(1, vec![run(Promoted, [2, 2, 0, 0])]), None);
        assert_eq!(RejectBooks::of(3, vec![run(Promoted, [2, 1, 0, 0])]), None);
    }

    #[test]
    fn a_run_that_came_to_nothing_lets_go_of_its_records() {
        for state in RunState::ALL {
            let is_lost =
                matches!(state, RunState::NotReconciled | RunState::Cancelled | RunState::BackedOut);
            assert_eq!(carries(*state), !is_lost, "{state}");
        }
    }
}
