//! What the environment asks for, and doing it.

use std::io::Write;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a slow place takes.
const SLOW: Duration = Duration::from_secs(2);

/// What can become of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfStep {
    /// It is not done, and fails.
    Fail,
    /// It is done, and fails all the same.
    LoseReply,
    /// It is done twice.
    Twice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// As `kill -9` ends it.
    Die,
    /// Frozen as by SIGSTOP, until somebody sends SIGCONT.
    Hang,
    Slow,
    OfStep(OfStep),
}

impl Action {
    const ALL: [(&str, Self); 6] = [
        ("die", Self::Die),
        ("hang", Self::Hang),
        ("slow", Self::Slow),
        ("fail", Self::OfStep(OfStep::Fail)),
        ("lose-reply", Self::OfStep(OfStep::LoseReply)),
        ("twice", Self::OfStep(OfStep::Twice)),
    ];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, action)| *action == self).map_or("", |(word, _)| word)
    }
}

/// One fault that is asked for.
#[derive(Debug)]
struct Asked {
    name: String,
    from: u64,
    is_lasting: bool,
    action: Action,
    came: AtomicU64,
}

impl Asked {
    fn parse(text: &str) -> Option<Self> {
        let (place, action) = text.split_once('=')?;
        let (name, when) = place.split_once('@').unwrap_or((place, "1"));
        let (from, is_lasting) = when.strip_suffix('+').map_or((when, false), |from| (from, true));
        let (_, action) = Action::ALL.into_iter().find(|(word, _)| *word == action)?;
        // Of a step alone there is nothing to fail at a point, and the other way round.
        let is_at_point = name.ends_with(".before") || name.ends_with(".after");
        let from: u64 = from.parse().ok().filter(|from| *from > 0)?;
        let is_misplaced = is_at_point && matches!(action, Action::OfStep(_));
        (!name.is_empty() && !is_misplaced).then(|| Self {
            name: name.to_owned(),
            from,
            is_lasting,
            action,
            came: AtomicU64::new(0),
        })
    }

    /// Whether it is due, now that the process comes to `name`.
    fn is_due(&self, name: &str) -> bool {
        if self.name != name {
            return false;
        }
        let came = self.came.fetch_add(1, Ordering::SeqCst) + 1;
        came == self.from || self.is_lasting && came > self.from
    }
}

fn parse(text: &str) -> Result<Vec<Asked>, String> {
    let asked = |one: &str| Asked::parse(one.trim()).ok_or_else(|| one.to_owned());
    text.split(',').filter(|one| !one.trim().is_empty()).map(asked).collect()
}

fn asked() -> &'static [Asked] {
    static ASKED: OnceLock<Vec<Asked>> = OnceLock::new();
    ASKED.get_or_init(|| {
        let text = std::env::var("CROSSFOOT_FAULT").unwrap_or_default();
        match parse(&text) {
            Ok(asked) => asked,
            // A fault that is misspelled would never strike, and its test would prove nothing.
            Err(one) => {
                note(&format!("CROSSFOOT_FAULT: cannot read `{one}`"));
                std::process::exit(2)
            }
        }
    })
}

/// Adds a line to the log of what struck.
fn note(line: &str) {
    let Some(path) = std::env::var_os("CROSSFOOT_FAULT_LOG") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    // Without its line the test that waits for it fails.
    drop(file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())));
}

fn due(name: &str, is_of_step: bool) -> Option<Action> {
    let of_this_kind = |asked: &&Asked| matches!(asked.action, Action::OfStep(_)) == is_of_step;
    let action = asked().iter().filter(of_this_kind).find(|asked| asked.is_due(name))?.action;
    note(&format!("{name} {}", action.word()));
    Some(action)
}

/// The process comes to the place `name`: what is due there happens.
pub fn reach(name: &str) {
    match due(name, false) {
        Some(Action::Die) => {
            signal("KILL");
            // Not reached, unless there is no `kill`.
            std::process::abort();
        }
        Some(Action::Hang) => signal("STOP"),
        Some(Action::Slow) => pause(SLOW),
        Some(Action::OfStep(_)) | None => {}
    }
}

/// What is due for the step `name`, now that it comes.
#[must_use]
pub fn of_step(name: &str) -> Option<OfStep> {
    match due(name, true) {
        Some(Action::OfStep(of_step)) => Some(of_step),
        _ => None,
    }
}

/// Drops what the first of two times a step came to.
pub fn let_go<T>(_: T) {}

fn signal(name: &str) {
    drop(Command::new("kill").args(["-s", name, &std::process::id().to_string()]).status());
    // Until the signal has come to this thread too.
    pause(Duration::from_millis(50));
}

/// The whole thread waits, so that what shares its task waits too: it is this that a slow process does.
#[allow(clippy::disallowed_methods, reason = "being slow is what is asked for")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_comes_at_its_place_and_its_time() {
        let asked = parse("a.before@2=die, b=twice,c@2+=fail").unwrap();
        let due = |at: usize, name: &str| (0..3).map(|_| asked[at].is_due(name)).collect::<Vec<_>>();
        assert_eq!(due(0, "a.before"), [false, true, false]);
        assert_eq!(due(0, "b"), [false, false, false]);
        assert_eq!(due(1, "b"), [true, false, false]);
        assert_eq!(due(2, "c"), [false, true, true]);
        assert_eq!(asked[2].action.word(), "fail");
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_not_passed_over() {
        for bad in ["a", "a=explode", "a@0=die", "a@x=die", "=die", "a.before=fail", "a.after=twice"] {
            assert_eq!(parse(bad).map(|_| ()), Err(bad.to_owned()), "{bad}");
        }
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn a_step_in_which_nothing_is_due_is_done_once() {
        struct Lost;
        impl crate::Injected for Lost {
            fn injected(_: String) -> Self {
                Self
            }
        }
        let mut times = 0;
        let mut step = || -> Result<u32, Lost> {
            times += 1;
            Ok(times)
        };
        assert!(matches!(crate::around!("a.step", step()), Ok(1)));
    }
}
