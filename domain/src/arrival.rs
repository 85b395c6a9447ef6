//! Files that arrive in a watched folder: which of them are sources, when one is complete, whose claim on one holds,
//! and what becomes of one when its run has ended.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::lifecycle::RunState;

/// How long a claim on a file holds that its process does not renew. A share may show a host attributes that are a
/// minute old, so a claim lasts longer.
pub const CLAIM_LASTS_MS: i64 = 120_000;

/// How often a process renews its claim on a file.
pub const CLAIM_RENEWED_MS: u64 = 10_000;

/// The endings of names under which programs write files that are not complete.
const TEMPORARY: [&str; 3] = [".part", ".tmp", ".filepart"];

crate::named! {
    /// Why a file of a watched folder is no source. The name follows a number.
    #[derive(Hash, PartialOrd, Ord)]
    pub enum Skip {
        /// The name starts with a dot.
        Hidden = "hidden",
        /// The name says that the file is not complete: `.part`, `.tmp`, `.filepart`.
        Temporary = "with a temporary name",
        /// The file is a symbolic link, a pipe, a socket or a device.
        NotRegular = "not a regular file",
        /// The name is not UTF-8, or too long for the files that are kept beside it.
        BadName = "with a name that is not UTF-8 or longer than 200 bytes",
        /// The file is a trigger file, or the control file of another.
        Companion = "a trigger or control file",
        /// The name does not match the pattern.
        Unmatched = "not matched by the pattern",
    }
}

/// A pattern or a template that cannot be used.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("`{text}`: {reason}")]
pub struct BadPattern {
    text: String,
    reason: &'static str,
}

/// A pattern of file names, in which `*` stands for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<char>);

impl Pattern {
    /// The pattern that `text` writes.
    ///
    /// # Errors
    /// [`BadPattern`] for what other programs give a meaning that this one does not know.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let bad = |reason| Err(BadPattern { text: text.into(), reason });
        if text.is_empty() {
            return bad("the pattern is empty");
        }
        if text.contains('/') {
            return bad("a pattern is of names in the folder; subfolders are not watched");
        }
        if text.contains(['[', ']', '{', '}', '\\']) {
            return bad("only * (any characters) and ? (one character) have a meaning");
        }
        Ok(Self(text.chars().collect()))
    }

    /// Whether the whole of `name` matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name): (_, Vec<char>) = (&self.0, name.chars().collect());
        let (mut p, mut n) = (0, 0);
        // Where the last `*` is, and how much of the name it stands for so far.
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(one) if *one == '?' || Some(one) == name.get(n) => {
                    p += 1;
                    n += 1;
                }
                _ => match star {
                    Some((at, covers)) => {
                        star = Some((at, covers + 1));
                        p = at + 1;
                        n = covers + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern.iter().skip(p).all(|one| *one == '*')
    }
}

/// How the name of a file beside a source is made from the source's: `{name}.ok`, `{stem}.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    before: String,
    after: String,
    is_of_stem: bool,
}

impl Companion {
    /// The template that `text` writes.
    ///
    /// # Errors
    /// [`BadPattern`] unless it has exactly one `{name}` or `{stem}`, and something else.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let bad = |reason| Err(BadPattern { text: text.into(), reason });
        let of = |word| text.split_once(word);
        let (is_of_stem, parts) = match (of("{name}"), of("{stem}")) {
            (Some(parts), None) => (false, parts),
            (None, Some(parts)) => (true, parts),
            _ => return bad("write {name} (the file's whole name) or {stem} (without its last ending) once"),
        };
        let (before, after) = parts;
        if before.is_empty() && after.is_empty() {
            return bad("this is the name of the source itself; add an ending, as in {name}.ok");
        }
        if text.contains('/') || after.contains(['{', '}']) || before.contains(['{', '}']) {
            return bad("write one name in the folder, with {name} or {stem} once");
        }
        Ok(Self { before: before.into(), after: after.into(), is_of_stem })
    }

    /// The name of the file beside the source `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let name = if self.is_of_stem { stem } else { name };
        format!("{}{name}{}", self.before, self.after)
    }

    /// Whether `name` is that of a file beside a source.
    #[must_use]
    pub fn is_one(&self, name: &str) -> bool {
        let inner =
            name.strip_prefix(self.before.as_str()).and_then(|rest| rest.strip_suffix(self.after.as_str()));
        inner.is_some_and(|inner| !inner.is_empty())
    }
}

/// Which names of a folder are sources, and which files are expected beside each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The names of sources.
    pub pattern: Pattern,
    /// The file whose arrival says that its source is complete.
    pub trigger: Option<Companion>,
    /// The file with what the sender declares of its source.
    pub control: Option<Companion>,
}

impl Wanted {
    /// Why the file of this name is no source; `None` if it is one.
    #[must_use]
    pub fn skipped(&self, name: &str, is_regular: bool) -> Option<Skip> {
        let lower = name.to_ascii_lowercase();
        let companions = [&self.trigger, &self.control];
        Some(if name.starts_with('.') {
            Skip::Hidden
        } else if TEMPORARY.iter().any(|ending| lower.ends_with(ending)) {
            Skip::Temporary
        } else if !is_regular {
            Skip::NotRegular
        } else if name.len() > 200 {
            Skip::BadName
        } else if companions.into_iter().flatten().any(|companion| companion.is_one(name)) {
            Skip::Companion
        } else if !self.pattern.matches(name) {
            Skip::Unmatched
        } else {
            return None;
        })
    }
}

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The file's length in bytes.
    pub bytes: u64,
    /// When the file was last written, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// The file's number in its file system.
    pub inode: u64,
}

/// How long a file, and its control file, have not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    stamps: Vec<Stamp>,
    since_ms: i64,
    /// Whether anything changed since the first look.
    pub has_changed: bool,
}

impl Rest {
    /// What is known after a look that found `stamps`. The time is the watcher's own: clocks of other hosts are not
    /// compared with it.
    #[must_use]
    pub fn after(before: Option<&Self>, stamps: Vec<Stamp>, now_ms: i64) -> Self {
        match before {
            Some(before) if before.stamps == stamps => before.clone(),
            before => Self { stamps, since_ms: now_ms, has_changed: before.is_some() },
        }
    }
}

/// The files beside a source that a look found; `None` where none is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beside {
    /// Whether the trigger file is there.
    pub trigger: Option<bool>,
    /// Whether the control file is there.
    pub control: Option<bool>,
}

/// Whether a file has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The file is complete.
    Complete,
    /// The file may still be written: it is looked at until it has rested.
    Settling,
    /// The trigger file is not there.
    AwaitsTrigger,
    /// The control file is not there.
    AwaitsControl,
}

/// Whether a file is complete: a trigger file says so at once; else the file, and its control file where one is asked
/// for, have not changed for `settle_ms`.
#[must_use]
pub fn arrival(rest: &Rest, beside: Beside, now_ms: i64, settle_ms: i64) -> Arrival {
    match (beside.trigger, beside.control) {
        (Some(false), _) => Arrival::AwaitsTrigger,
        (_, Some(false)) => Arrival::AwaitsControl,
        (Some(true), _) => Arrival::Complete,
        _ if now_ms.saturating_sub(rest.since_ms) >= settle_ms => Arrival::Complete,
        _ => Arrival::Settling,
    }
}

/// Whether a claim on a file may be taken over: its process is known to have ended, or has not renewed it for too long.
#[must_use]
pub const fn may_take_over(is_known_dead: bool, age_ms: i64) -> bool {
    is_known_dead || age_ms >= CLAIM_LASTS_MS
}

/// Whether a run that has the same bytes is this file's own, begun by a watcher that did not finish: it read the file
/// at this path, and is not over, or this watcher took over the claim of one that ended. Any other is a duplicate.
#[must_use]
pub const fn is_own_run(read_this_path: bool, is_over: bool, took_over: bool) -> bool {
    read_this_path && (!is_over || took_over)
}

/// What becomes of a file whose run is in some state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its rows are in final.
    Done,
    /// None of its rows are in final, nor will be.
    Failed,
    /// An operator decides about its run.
    Waits,
    /// Its run has more to do.
    Continues,
}

impl Fate {
    /// What becomes of the file of a run in `state`.
    #[must_use]
    pub const fn of(state: RunState) -> Self {
        match state {
            RunState::Promoted => Self::Done,
            RunState::NotReconciled | RunState::Cancelled | RunState::BackedOut => Self::Failed,
            RunState::AwaitingApproval => Self::Waits,
            RunState::Loading | RunState::Staged => Self::Continues,
        }
    }
}

/// The names under which a file may be moved away, best first: its own; with the run's id, where that is taken; with a
/// number too.
pub fn names_for<'a>(name: &'a str, id: &'a str) -> impl Iterator<Item = String> + 'a {
    let numbered = (2..1000).map(move |number| format!("{name}.{id}.{number}"));
    [name.to_owned(), format!("{name}.{id}")].into_iter().chain(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(pattern: &str, trigger: Option<&str>, control: Option<&str>) -> Wanted {
        let companion = |text: Option<&str>| text.map(|text| Companion::new(text).unwrap());
        Wanted {
            pattern: Pattern::new(pattern).unwrap(),
            trigger: companion(trigger),
            control: companion(control),
        }
    }

    #[test]
    fn names_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*", "a", true),
            ("*.csv", "a.csv", true),
            ("*.csv", ".csv", true),
            ("*.csv", "a.csv.gz", false),
            ("*.csv", "a.CSV", false),
            ("a?c*", "abc", true),
            ("a?c*", "ac", false),
            ("*a*b*", "xxaxxabx", true),
            ("*ab", "abab", true),
            ("*ab", "aba", false),
            ("ä?.txt", "äö.txt", true),
            ("a.csv", "a.csv", true),
            ("a.csv", "a.csvx", false),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
        for bad in ["", "a/b", "[ab].csv", "{a,b}", "a\\*"] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_companion_is_named_after_its_source() {
        let of = |text: &str, name: &str| Companion::new(text).unwrap().of(name);
        assert_eq!(of("{name}.ok", "a.csv"), "a.csv.ok");
        assert_eq!(of("{stem}.json", "a.b.csv"), "a.b.json");
        assert_eq!(of("READY-{stem}", "plain"), "READY-plain");
        for bad in ["x.ok", "{name}", "{name}{stem}", "{name}.{name}", "ok/{name}", "{nam}.ok"] {
            assert!(Companion::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_source_is_skipped_for_a_reason() {
        let all = wanted("*", Some("{stem}.ok"), Some("{name}.json"));
        for (name, is_regular, expected) in [
            ("a.csv", true, None),
            (".a.csv", true, Some(Skip::Hidden)),
            ("a.csv.part", true, Some(Skip::Temporary)),
            ("a.TMP", true, Some(Skip::Temporary)),
            ("a.csv.filepart", true, Some(Skip::Temporary)),
            ("a.csv", false, Some(Skip::NotRegular)),
            ("a.ok", true, Some(Skip::Companion)),
            ("a.csv.json", true, Some(Skip::Companion)),
            // Nothing is named `.ok`: the dot hides it.
            (".ok", true, Some(Skip::Hidden)),
        ] {
            assert_eq!(all.skipped(name, is_regular), expected, "{name}");
        }
        assert_eq!(wanted("*.csv", None, None).skipped("a.txt", true), Some(Skip::Unmatched));
        assert_eq!(all.skipped(&"x".repeat(201), true), Some(Skip::BadName));
    }

    #[test]
    fn a_file_is_complete_when_it_rests_or_its_trigger_is_there() {
        let stamp = |bytes| Stamp { bytes, modified_ns: 1, inode: 1 };
        let first = Rest::after(None, vec![stamp(1)], 0);
        let same = Rest::after(Some(&first), vec![stamp(1)], 9_999);
        let grown = Rest::after(Some(&same), vec![stamp(2)], 9_999);
        assert!(!same.has_changed && grown.has_changed);
        let none = Beside { trigger: None, control: None };
        let trigger = |is_there| Beside { trigger: Some(is_there), control: None };
        let control = |is_there| Beside { trigger: None, control: Some(is_there) };
        for (rest, beside, now_ms, expected) in [
            (&first, none, 0, Arrival::Settling),
            (&same, none, 9_999, Arrival::Settling),
            (&same, none, 10_000, Arrival::Complete),
            (&grown, none, 10_000, Arrival::Settling),
            (&grown, none, 19_999, Arrival::Complete),
            // A clock that is set back only makes it wait.
            (&first, none, -5, Arrival::Settling),
            (&first, trigger(true), 0, Arrival::Complete),
            (&same, trigger(false), 99_999, Arrival::AwaitsTrigger),
            (&first, control(true), 0, Arrival::Settling),
            (&same, control(true), 10_000, Arrival::Complete),
            (&same, control(false), 99_999, Arrival::AwaitsControl),
            (&same, Beside { trigger: Some(true), control: Some(false) }, 99_999, Arrival::AwaitsControl),
        ] {
            assert_eq!(arrival(rest, beside, now_ms, 10_000), expected, "{rest:?} {beside:?} {now_ms}");
        }
    }

    #[test]
    fn a_claim_holds_while_its_process_may_live() {
        assert!(may_take_over(true, 0));
        assert!(!may_take_over(false, CLAIM_LASTS_MS - 1));
        assert!(may_take_over(false, CLAIM_LASTS_MS));
        assert!(!may_take_over(false, -1));
    }

    #[test]
    fn only_a_run_on_this_very_path_is_continued() {
        for (read_this_path, is_over, took_over, expected) in [
            (true, false, false, true),
            (true, true, true, true),
            // A second file of this name with the same bytes.
            (true, true, false, false),
            (false, false, true, false),
            (false, true, true, false),
        ] {
            let found = is_own_run(read_this_path, is_over, took_over);
            assert_eq!(found, expected, "{read_this_path} {is_over} {took_over}");
        }
    }

    #[test]
    fn a_name_that_is_taken_gets_the_id() {
        let names: Vec<_> = names_for("a.csv", "7f").take(3).collect();
        assert_eq!(names, ["a.csv", "a.csv.7f", "a.csv.7f.2"]);
    }
}
