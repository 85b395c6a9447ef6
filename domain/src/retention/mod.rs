//! Retention: which runs' staging rows and rejects may go, by their age, and why others stay.
//!
//! The run itself stays: its totals, checks, fingerprints and chunks, and the evidence log.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::ids::RunId;
use crate::lifecycle::RunState;

const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;

/// The longest age that can be set: 100 years.
const DAYS_MAX: u64 = 36_500;

/// How long something is kept: `90d` or `36h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(Duration);

/// The text is no age.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no age: write days or hours, as in `90d` or `36h`, at least 1h and at most 36500d")]
pub struct NotAnAge(String);

impl Age {
    /// The age in milliseconds.
    #[must_use]
    pub fn ms(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl FromStr for Age {
    type Err = NotAnAge;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || NotAnAge(text.escape_debug().to_string());
        let (number, unit_s) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
            (Some(days), _) => (days, DAY_S),
            (_, Some(hours)) => (hours, HOUR_S),
            _ => return Err(bad()),
        };
        let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| is_plain).ok_or_else(bad)?;
        let seconds = number.checked_mul(unit_s).ok_or_else(bad)?;
        if (HOUR_S..=DAYS_MAX * DAY_S).contains(&seconds) {
            Ok(Self(Duration::from_secs(seconds)))
        } else {
            Err(bad())
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds.is_multiple_of(DAY_S) {
            write!(f, "{}d", seconds / DAY_S)
        } else {
            write!(f, "{}h", seconds / HOUR_S)
        }
    }
}

/// What is known of a run when it is decided whether its rows may go.
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
    /// Whether its rows were removed before.
    pub is_purged: bool,
    /// Whether it is the job's last run.
    pub is_last: bool,
    /// Whether it is the job's last run whose rows are in final.
    pub is_last_promoted: bool,
    /// How many of its records a rule holds back: they are in its staging, and nowhere else. `None`: not known.
    pub held: Option<u64>,
}

/// What becomes of a run's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// They go.
    Goes,
    /// They stay: the run is not old enough, or they went before.
    Stays,
    /// They stay although the run is old enough, for this reason.
    Kept(Why),
}

crate::named! {
    /// Why the rows of an old run are kept.
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
    }
}

/// Decides what becomes of a run's staging rows and rejects, if they are kept for `age`.
#[must_use]
pub fn fate(run: &RunFacts, age: Age, now_ms: i64) -> Fate {
    // A run that is not over is as old as its beginning.
    let since_ms = run.ended_at_ms.unwrap_or(run.opened_at_ms);
    if run.is_purged || now_ms.saturating_sub(since_ms) < age.ms() {
        return Fate::Stays;
    }
    if run.state == RunState::AwaitingApproval {
        return Fate::Kept(Why::AwaitsApproval);
    }
    if !run.state.is_over() || run.ended_at_ms.is_none() {
        return Fate::Kept(Why::Unfinished);
    }
    if run.is_last {
        return Fate::Kept(Why::Last);
    }
    if run.is_last_promoted {
        return Fate::Kept(Why::LastPromoted);
    }
    // Records of a run that is not in final are all in its source still.
    if run.state == RunState::Promoted && run.held != Some(0) {
        return Fate::Kept(Why::Held);
    }
    Fate::Goes
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
            is_purged: false,
            is_last: false,
            is_last_promoted: false,
            held: Some(0),
        }
    }

    #[test]
    fn ages_are_days_or_hours() {
        for (text, ms) in [("90d", 90 * DAY_MS), ("36h", 36 * 3_600_000), ("1h", 3_600_000)] {
            let age: Age = text.parse().unwrap();
            assert_eq!((age.ms(), age.to_string()), (ms, text.to_owned()));
        }
        assert_eq!("48h".parse::<Age>().unwrap().to_string(), "2d");
        let huge = "99999999999999999999d";
        for bad in ["", "d", "0d", "0h", "-1d", "+1d", "1.5d", "90", "90 d", "3w", "36501d", huge] {
            assert!(bad.parse::<Age>().is_err(), "{bad}");
        }
    }

    #[test]
    fn old_rows_go_unless_something_needs_them() {
        use Fate::{Goes, Kept, Stays};
        use RunState::{AwaitingApproval, Cancelled, Loading, Promoted, Staged};
        let unended = |state| RunFacts { state, ended_at_ms: None, ..old() };
        for (run, becomes) in [
            (old(), Goes),
            (RunFacts { ended_at_ms: Some(1000 + DAY_MS), ..old() }, Stays),
            (RunFacts { is_purged: true, ..old() }, Stays),
            (unended(AwaitingApproval), Kept(Why::AwaitsApproval)),
            (unended(Loading), Kept(Why::Unfinished)),
            (unended(Staged), Kept(Why::Unfinished)),
            // Its end is not known: nobody can say how old it is.
            (unended(Promoted), Kept(Why::Unfinished)),
            (RunFacts { is_last: true, ..old() }, Kept(Why::Last)),
            (RunFacts { is_last_promoted: true, ..old() }, Kept(Why::LastPromoted)),
            (RunFacts { held: Some(2), ..old() }, Kept(Why::Held)),
            (RunFacts { held: None, ..old() }, Kept(Why::Held)),
            (RunFacts { state: Cancelled, held: None, ..old() }, Goes),
        ] {
            let age = "10d".parse().unwrap();
            assert_eq!(fate(&run, age, 1000 + 10 * DAY_MS), becomes, "{run:?}");
        }
        // To the millisecond.
        assert_eq!(fate(&old(), "10d".parse().unwrap(), 999 + 10 * DAY_MS), Stays);
    }
}
