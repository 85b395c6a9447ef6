//! Heads of the evidence log that were noted outside of it, and holding the log to them.
//!
//! The chain of hashes shows that an event was altered, unless everything after it was rewritten too. Anyone who may
//! write to the database can cut off the log's end, or alter an event and chain all later events again: such a log is
//! consistent in itself, but it does not contain the heads that were noted elsewhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{ChainError, Event};

pub use crate::event::{Head, NotAHead};

/// A line of a checkpoint file: what the log's head was when something was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// When the head was noted, in UTC: `2024-02-29T13:45:00.123Z`.
    pub at: String,
    /// The store whose log it is, as configuration names it: altering the database does not alter this name.
    pub store: String,
    /// The head of the log at that time, as `NUMBER:HASH`.
    #[serde(with = "written")]
    pub head: Head,
    /// The run that the decision was about; `None` if it was about no run.
    pub run: Option<String>,
    /// What was decided or done: `promoted`, `approved` and so on.
    pub what: String,
    /// Who did it: `user@host`.
    pub by: String,
}

/// A head as `NUMBER:HASH`.
mod written {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Head;

    pub(super) fn serialize<S: Serializer>(head: &Head, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(head)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Head, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A head that was noted, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// The line of the checkpoint file, from 1; `None` for a head that was given by itself.
    pub line: Option<u64>,
    /// The head of the log that was noted.
    pub head: Head,
}

impl From<Head> for Noted {
    fn from(head: Head) -> Self {
        Self { line: None, head }
    }
}

/// Holds a log to the heads that were noted, event by event, in the order of the log.
#[derive(Debug, Default)]
pub struct HeldTo {
    noted: BTreeMap<u64, Vec<Noted>>,
    /// The last event that was still as it was noted.
    last_as_noted: u64,
}

impl HeldTo {
    /// Prepares the comparison with `noted`: each of these heads must be in the log.
    pub fn new(noted: impl IntoIterator<Item = Noted>) -> Self {
        let mut by_event = BTreeMap::<u64, Vec<Noted>>::new();
        for one in noted {
            by_event.entry(one.head.seq).or_default().push(one);
        }
        Self { noted: by_event, last_as_noted: 0 }
    }

    /// Compares the log's next event with the heads noted under its number.
    ///
    /// # Errors
    /// [`ChainError::NotAsNoted`] when another one was noted under its number.
    pub fn step(&mut self, event: &Event) -> Result<(), ChainError> {
        let Some(noted) = self.noted.remove(&event.seq) else { return Ok(()) };
        match noted.iter().find(|one| one.head.hash != event.hash) {
            Some(other) => {
                Err(ChainError::NotAsNoted { seq: event.seq, line: other.line, as_noted: self.last_as_noted })
            }
            None => {
                self.last_as_noted = event.seq;
                Ok(())
            }
        }
    }

    /// Ends the comparison; `last` is the number of the log's last event.
    ///
    /// # Errors
    /// [`ChainError::CutOff`] when a later one was noted, [`ChainError::NotAsNoted`] when a number was that there
    /// never is.
    pub fn end(self, last: u64) -> Result<(), ChainError> {
        match self.noted.into_iter().next_back() {
            None => Ok(()),
            Some((seq, noted)) if seq > last => {
                let line = noted.first().and_then(|one| one.line);
                Err(ChainError::CutOff { last, noted: seq, line })
            }
            // There is no event 0.
            Some((seq, noted)) => {
                let line = noted.first().and_then(|one| one.line);
                Err(ChainError::NotAsNoted { seq, line, as_noted: 0 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Entry, GENESIS};
    use crate::fingerprint::Hash;

    fn log(details: &[&str]) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for detail in details {
            let entry = Entry {
                run_id: None,
                at_ms: 5,
                kind: "opened".into(),
                actor: "a@h".into(),
                detail: (*detail).into(),
            };
            let previous = events.last().map_or(GENESIS, |last| last.hash);
            events.push(Event::seal(events.len() as u64 + 1, entry, previous));
        }
        events
    }

    fn noted(events: &[Event], which: &[usize]) -> Vec<Noted> {
        let of = |(line, at): (u64, &usize)| Noted {
            line: Some(line),
            head: Head { seq: events[*at - 1].seq, hash: events[*at - 1].hash },
        };
        (1..).zip(which).map(of).collect()
    }

    fn held(events: &[Event], noted: Vec<Noted>) -> Result<(), ChainError> {
        let mut held = HeldTo::new(noted);
        events.iter().try_for_each(|event| held.step(event))?;
        held.end(events.len() as u64)
    }

    #[test]
    fn a_log_is_held_to_every_head_that_was_noted() {
        let events = log(&["a", "b", "c", "d"]);
        let notes = noted(&events, &[2, 2, 4]);
        assert_eq!(held(&events, notes.clone()), Ok(()));
        assert_eq!(held(&events, vec![]), Ok(()));
        // It has grown since.
        assert_eq!(held(&log(&["a", "b", "c", "d", "e"]), notes.clone()), Ok(()));
        // The end was cut off.
        let cut = ChainError::CutOff { last: 3, noted: 4, line: Some(3) };
        assert_eq!(held(&events[..3], notes.clone()), Err(cut));
        assert_eq!(held(&[], notes.clone()), Err(ChainError::CutOff { last: 0, noted: 4, line: Some(3) }));
        // Altered, and chained anew: sound by itself.
        let rewritten = log(&["a", "b", "x", "d"]);
        let other = ChainError::NotAsNoted { seq: 4, line: Some(3), as_noted: 2 };
        assert_eq!(held(&rewritten, notes.clone()), Err(other.clone()));
        assert_eq!(
            other.to_string(),
            "event 4 is not the one that line 3 of the checkpoint file names: the log was rewritten from event \
             3 or 4 on"
        );
        let earlier = ChainError::NotAsNoted { seq: 2, line: Some(1), as_noted: 0 };
        assert_eq!(held(&log(&["x", "b", "c", "d"]), notes), Err(earlier));
        let never = Noted { line: None, head: Head { seq: 0, hash: GENESIS } };
        assert!(held(&events, vec![never]).is_err());
    }

    #[test]
    fn a_head_is_written_as_a_person_may_copy_it() {
        let head = Head { seq: 123, hash: Hash::of(b"x") };
        assert_eq!(head.to_string().parse(), Ok(head));
        for text in ["", "123", "x:00", &format!("-1:{}", Hash::of(b"x")), &format!("{head}0")] {
            assert_eq!(text.parse::<Head>(), Err(NotAHead), "{text}");
        }
    }
}
