//! What becomes of each part of a run.

use super::{Part, Parts, Policy};
use crate::ids::RunId;
use crate::lifecycle::RunState;

/// What is known of a run when it is decided what of it may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunFacts {
    /// The run's id.
    pub run_id: RunId,
    /// Where the run is in its life.
    pub state: RunState,
    /// When it was opened, in milliseconds since 1970.
    pub opened_at_ms: i64,
    /// When it ended; `None` while it has not.
    pub ended_at_ms: Option<i64>,
    /// What was removed before.
    pub removed: Parts,
    /// How many runs of its job are newer.
    pub newer: u64,
    /// Whether it is the job's last run whose rows are in final.
    pub is_last_promoted: bool,
    /// How many of its records a rule holds back: they are in its staging, and nowhere else. `None`: not known.
    pub held: Option<u64>,
    /// How many of its rejects can still be resent, or are being resent. `None`: not known.
    pub open_rejects: Option<u64>,
}

crate::named! {
    /// Why a part of a run goes.
    #[derive(serde::Serialize, schemars::JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum Because {
        /// It is older than it is kept.
        Age = "older than it is kept",
        /// The job has as many newer runs as are kept.
        Number = "its job has enough newer runs",
        /// Staging is larger than it may be, and this is its oldest.
        Size = "the oldest of what exceeds the size of staging",
    }
}

/// What becomes of a part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes, for this reason.
    Goes(Because),
    /// It stays: it is not due, or it went before.
    Stays,
    /// It stays although it is due, for this reason.
    Kept(Why),
}

crate::named! {
    /// Why something of an old run is kept.
    #[derive(serde::Serialize, schemars::JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum Why {
        /// The run is not over: resume or cancel it.
        Unfinished = "it is not over; resume or cancel it",
        /// The run waits for approval: approve or cancel it.
        AwaitsApproval = "it waits for approval; approve or cancel it",
        /// It is the last run of its job.
        Last = "it is the last run of its job",
        /// It is the last run of its job whose rows are in final.
        LastPromoted = "it is the last promoted run of its job",
        /// A rule holds back records of it, which are nowhere else.
        Held = "a rule holds back records of it, which only its staging has; purge it once they are settled",
        /// Rejects of it can still be resent.
        Open = "rejects of it can still be resent; resend them, or purge the run once they are settled",
    }
}

/// Decides what becomes of `part` of a run.
#[must_use]
pub fn fate(run: &RunFacts, part: Part, policy: &Policy, now_ms: i64) -> Fate {
    if run.removed.has(part) {
        return Fate::Stays;
    }
    match (due(run, part, policy, now_ms), hindrance(run, part)) {
        (None, _) => Fate::Stays,
        (Some(_), Some(why)) => Fate::Kept(why),
        (Some(because), None) => Fate::Goes(because),
    }
}

fn due(run: &RunFacts, part: Part, policy: &Policy, now_ms: i64) -> Option<Because> {
    // A run that is not over is as old as its beginning.
    let since_ms = run.ended_at_ms.unwrap_or(run.opened_at_ms);
    let is_old = policy.age(part).is_some_and(|age| now_ms.saturating_sub(since_ms) >= age.ms());
    let is_one_too_many = policy.runs_per_job.is_some_and(|runs| part == Part::Runs && run.newer >= runs);
    match (is_old, is_one_too_many) {
        (true, _) => Some(Because::Age),
        (false, true) => Some(Because::Number),
        (false, false) => None,
    }
}

/// Why `part` of a run cannot go, whatever is due; `None` if it can.
#[must_use]
pub fn hindrance(run: &RunFacts, part: Part) -> Option<Why> {
    if run.state == RunState::AwaitingApproval {
        return Some(Why::AwaitsApproval);
    }
    if !run.state.is_over() || run.ended_at_ms.is_none() {
        return Some(Why::Unfinished);
    }
    if run.newer == 0 {
        return Some(Why::Last);
    }
    if run.is_last_promoted {
        return Some(Why::LastPromoted);
    }
    // Records of a run that is not in final are all in its source still.
    if run.state != RunState::Promoted {
        return None;
    }
    // Chunks go last, with all rows.
    let needs = |of: Part| (part == of || part == Part::Runs) && !run.removed.has(of);
    if needs(Part::Staging) && run.held != Some(0) {
        return Some(Why::Held);
    }
    if needs(Part::Rejects) && run.open_rejects != Some(0) {
        return Some(Why::Open);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3_600_000;

    fn old() -> RunFacts {
        RunFacts {
            run_id: RunId::from_bytes([1; 16]),
            state: RunState::Promoted,
            opened_at_ms: 0,
            ended_at_ms: Some(1000),
            removed: Parts::NONE,
            newer: 2,
            is_last_promoted: false,
            held: Some(0),
            open_rejects: Some(0),
        }
    }

    fn policy() -> Policy {
        Policy { staging: "10d".parse().ok(), ..Policy::default() }
    }

    #[test]
    fn old_rows_go_unless_something_needs_them() {
        use Fate::{Goes, Kept, Stays};
        use RunState::{AwaitingApproval, Cancelled, Loading, Promoted, Staged};
        let unended = |state| RunFacts { state, ended_at_ms: None, ..old() };
        for (run, becomes) in [
            (old(), Goes(Because::Age)),
            (RunFacts { ended_at_ms: Some(1000 + DAY_MS), ..old() }, Stays),
            (RunFacts { removed: Parts::NONE.with(Part::Staging), ..old() }, Stays),
            (RunFacts { removed: Parts::NONE.with(Part::Rejects), ..old() }, Goes(Because::Age)),
            (unended(AwaitingApproval), Kept(Why::AwaitsApproval)),
            (unended(Loading), Kept(Why::Unfinished)),
            (unended(Staged), Kept(Why::Unfinished)),
            // Its end is not known: nobody can say how old it is.
            (unended(Promoted), Kept(Why::Unfinished)),
            (RunFacts { newer: 0, ..old() }, Kept(Why::Last)),
            (RunFacts { is_last_promoted: true, ..old() }, Kept(Why::LastPromoted)),
            (RunFacts { held: Some(2), ..old() }, Kept(Why::Held)),
            (RunFacts { held: None, ..old() }, Kept(Why::Held)),
            (RunFacts { state: Cancelled, held: None, open_rejects: None, ..old() }, Goes(Because::Age)),
        ] {
            assert_eq!(fate(&run, Part::Staging, &policy(), 1000 + 10 * DAY_MS), becomes, "{run:?}");
        }
        // To the millisecond.
        assert_eq!(fate(&old(), Part::Staging, &policy(), 999 + 10 * DAY_MS), Stays);
    }

    #[test]
    fn each_part_has_its_time_and_its_reasons_to_stay() {
        use Fate::{Goes, Kept, Stays};
        let now_ms = 1000 + 10 * DAY_MS;
        let of = |run: RunFacts, policy: Policy| {
            Part::ALL.iter().map(|part| fate(&run, *part, &policy, now_ms)).collect::<Vec<_>>()
        };
        let age = Goes(Because::Age);
        assert_eq!(of(old(), policy()), [age, age, age, Stays]);
        let later = Policy { rejects: "11d".parse().ok(), ..policy() };
        assert_eq!(of(old(), later), [age, Stays, age, Stays]);
        // Rejects that can be resent stay, and the chunks with them; other rows go.
        let runs = Policy { runs: "10d".parse().ok(), ..policy() };
        let open = Kept(Why::Open);
        for open_rejects in [Some(1), None] {
            assert_eq!(of(RunFacts { open_rejects, ..old() }, runs), [age, open, age, open]);
        }
        let gone = Parts::NONE.with(Part::Rejects);
        assert_eq!(of(RunFacts { open_rejects: None, removed: gone, ..old() }, runs), [age, Stays, age, age]);
        assert_eq!(
            of(RunFacts { held: Some(1), ..old() }, runs),
            [Kept(Why::Held), age, age, Kept(Why::Held)]
        );
        // By number: the newest of a job stay, whatever their age.
        let three = Policy { runs_per_job: Some(3), ..Policy::default() };
        assert_eq!(of(RunFacts { newer: 2, ..old() }, three), [Stays; 4]);
        assert_eq!(of(RunFacts { newer: 3, ..old() }, three), [Stays, Stays, Stays, Goes(Because::Number)]);
        // The last one stays even if none is to be kept.
        let none = Policy { runs_per_job: Some(0), ..Policy::default() };
        assert_eq!(fate(&RunFacts { newer: 0, ..old() }, Part::Runs, &none, now_ms), Kept(Why::Last));
    }
}
