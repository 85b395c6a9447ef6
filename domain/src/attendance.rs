//! Whether the processes that a run needs are running: when to say that one is missing, and when to stop waiting.

use std::fmt;

/// Milliseconds without progress before a missing process is reported: workers that were just started need time to
/// register.
const GRACE_MS: i64 = 3_000;

/// Milliseconds until the same message is repeated.
const AGAIN_MS: i64 = 30_000;

/// The processes that a run waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missing {
    /// No coordinator service is running that could acquire the run.
    pub coordinator: bool,
    /// No processor is alive.
    pub processors: bool,
    /// No writer is alive.
    pub writers: bool,
}

impl Missing {
    /// Whether no process is missing.
    #[must_use]
    pub const fn is_nobody(self) -> bool {
        !(self.coordinator || self.processors || self.writers)
    }
}

impl fmt::Display for Missing {
    /// Names the missing processes and the commands that start them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.coordinator, "no coordinator service is running", "crossfoot coordinator"),
            (self.processors, "no processor is running", "crossfoot worker --role processor"),
            (self.writers, "no writer is running", "crossfoot worker --role writer"),
        ];
        let mut separator = "";
        for (_, what, start) in all.iter().filter(|(is_missing, ..)| *is_missing) {
            write!(f, "{separator}{what}: start one with `{start}` on the same broker and store")?;
            separator = "; ";
        }
        if self.is_nobody() {
            f.write_str("no process is missing")?;
        }
        Ok(())
    }
}

/// What one look at a run and its fleet finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// The processes that the run needs and that are not running.
    pub missing: Missing,
    /// A number that changes whenever the run has got further.
    pub progress: u64,
    /// Whether the run works on something that shows no progress and needs no worker: rules, a promotion.
    pub is_busy: bool,
}

/// What follows from a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Nothing needs saying; the run continues.
    Nothing,
    /// Report which processes are missing.
    Say(Missing),
    /// Report that no process is missing any more.
    Complete,
    /// There was no progress for as long as the caller waits.
    GiveUp(Missing),
}

/// What was seen and said so far.
#[derive(Debug, Clone)]
pub struct Attendance {
    patience_ms: Option<i64>,
    progress: u64,
    moved_at_ms: i64,
    said: Option<(Missing, i64)>,
}

impl Attendance {
    /// Begins to watch a run at `now_ms`. `patience_ms` limits the time without progress; `None` waits without limit.
    #[must_use]
    pub const fn new(now_ms: i64, patience_ms: Option<i64>) -> Self {
        Self { patience_ms, progress: 0, moved_at_ms: now_ms, said: None }
    }

    /// What follows from this look.
    pub fn look(&mut self, now_ms: i64, look: Look) -> Advice {
        if look.progress != self.progress || look.is_busy {
            self.progress = look.progress;
            self.moved_at_ms = now_ms;
        }
        let still_ms = now_ms.saturating_sub(self.moved_at_ms);
        if self.patience_ms.is_some_and(|patience_ms| still_ms >= patience_ms) {
            return Advice::GiveUp(look.missing);
        }
        let is_due = match self.said {
            Some((missing, _)) if missing != look.missing => true,
            Some((_, at_ms)) => now_ms.saturating_sub(at_ms) >= AGAIN_MS,
            None => true,
        };
        match (look.missing.is_nobody(), still_ms >= GRACE_MS) {
            (true, _) if self.said.take().is_some() => Advice::Complete,
            (false, true) if is_due => {
                self.said = Some((look.missing, now_ms));
                Advice::Say(look.missing)
            }
            _ => Advice::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Missing = Missing { coordinator: false, processors: true, writers: true };
    const NO_WRITER: Missing = Missing { coordinator: false, processors: false, writers: true };

    fn look(missing: Missing, progress: u64) -> Look {
        Look { missing, progress, is_busy: false }
    }

    #[test]
    fn who_is_missing_is_said_soon_and_then_not_too_often() {
        let mut attendance = Attendance::new(0, None);
        let said: Vec<_> = (0..70)
            .map(|second| second * 1000)
            .filter(|now| attendance.look(*now, look(ALONE, 0)) == Advice::Say(ALONE))
            .collect();
        assert_eq!(said, [3000, 33_000, 63_000]);
        assert_eq!(attendance.look(71_000, look(NO_WRITER, 0)), Advice::Say(NO_WRITER), "it has changed");
        assert_eq!(attendance.look(72_000, look(Missing::default(), 0)), Advice::Complete);
        assert_eq!(attendance.look(73_000, look(Missing::default(), 0)), Advice::Nothing);
    }

    #[test]
    fn nobody_is_missed_while_the_run_gets_further() {
        let mut attendance = Attendance::new(0, Some(10_000));
        for second in 1..60 {
            let progress = u64::try_from(second).unwrap();
            assert_eq!(attendance.look(second * 1000, look(ALONE, progress)), Advice::Nothing);
        }
    }

    #[test]
    fn patience_ends_without_progress_and_not_while_the_run_is_busy_by_itself() {
        let mut attendance = Attendance::new(0, Some(5000));
        let busy = Look { is_busy: true, ..look(Missing::default(), 0) };
        assert_eq!(attendance.look(60_000, busy), Advice::Nothing);
        assert_eq!(attendance.look(64_000, look(ALONE, 0)), Advice::Say(ALONE));
        assert_eq!(attendance.look(65_000, look(ALONE, 0)), Advice::GiveUp(ALONE));
        let mut attendance = Attendance::new(0, Some(5000));
        assert_eq!(attendance.look(5000, look(Missing::default(), 0)), Advice::GiveUp(Missing::default()));
    }

    #[test]
    fn what_is_said_names_what_to_start() {
        let text = Missing { coordinator: true, processors: true, writers: true }.to_string();
        for says in [
            "no coordinator service is running: start one with `crossfoot coordinator`",
            "no processor is running: start one with `crossfoot worker --role processor`",
            "no writer is running: start one with `crossfoot worker --role writer`",
        ] {
            assert!(text.contains(says), "{text}");
        }
    }
}
