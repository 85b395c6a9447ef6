//! The evidence log: each event's hash covers its whole content and the hash before it.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::fingerprint::Hash;

/// An event's content, before it has a number in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The run it belongs to; `None` for events of the store itself.
    pub run_id: Option<String>,
    /// When it happened: milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// What happened: `opened`, `resumed`, `check`, `approved`, `promoted` and so on.
    pub kind: String,
    /// Who did it: operating-system user, host and process.
    pub actor: String,
    /// The event's details, as a JSON text.
    pub detail: String,
}

/// An event with its number and its place in the hash chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The event's number in the log, from 1, without gaps.
    pub seq: u64,
    /// What is logged about the event: its run, time, kind, actor and detail.
    #[serde(flatten)]
    pub entry: Entry,
    /// The hash of the event before it; of the first, [`GENESIS`].
    pub previous: Hash,
    /// SHA-256 over the number, the entry and `previous`.
    pub hash: Hash,
}

/// The `previous` of the log's first event: 32 zero bytes.
pub const GENESIS: Hash = Hash([0; 32]);

/// Why a log is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChainError {
    /// A number is missing or comes twice.
    #[error("found event {found} instead of event {expected}: events were removed, added or reordered")]
    OutOfSequence {
        /// The number that should be here.
        expected: u64,
        /// The number that is.
        found: u64,
    },
    /// The event does not follow the one before it.
    #[error("event {seq} does not follow event {}: one of them was replaced", seq - 1)]
    Unlinked {
        /// The number of the later of the two events.
        seq: u64,
    },
    /// The event's content is not what was hashed.
    #[error("event {seq} was altered: its content does not match its hash")]
    Altered {
        /// The number of the altered event.
        seq: u64,
    },
    /// The log ends earlier than a head that was noted before.
    #[error("the log ends at event {last}, but {} names event {noted}: the end was cut off", note(*line))]
    CutOff {
        /// The last event there is.
        last: u64,
        /// The event that was noted.
        noted: u64,
        /// The line of the checkpoint file that notes it.
        line: Option<u64>,
    },
    /// The event is not the one that was noted before.
    #[error(
        "event {seq} is not the one that {} names: the log was rewritten from {} on",
        note(*line),
        somewhere(*as_noted + 1, *seq)
    )]
    NotAsNoted {
        /// The number of the replaced event.
        seq: u64,
        /// The line of the checkpoint file that notes another.
        line: Option<u64>,
        /// The last event before it that is still as it was noted; 0: there is none.
        as_noted: u64,
    },
}

/// Where a head was noted.
fn note(line: Option<u64>) -> String {
    line.map_or_else(|| "the given head".into(), |line| format!("line {line} of the checkpoint file"))
}

/// One of the events `first` to `last`.
fn somewhere(first: u64, last: u64) -> String {
    match last.saturating_sub(first) {
        0 => format!("event {last}"),
        1 => format!("event {first} or {last}"),
        _ => format!("one of the events {first} to {last}"),
    }
}

fn hash(seq: u64, entry: &Entry, previous: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"crossfoot event 1\n");
    hasher.update(previous.0);
    hasher.update(seq.to_be_bytes());
    hasher.update(entry.at_ms.to_be_bytes());
    // A run-less event and one with an empty run id must not hash alike.
    hasher.update([u8::from(entry.run_id.is_some())]);
    for part in [entry.run_id.as_deref().unwrap_or(""), &entry.kind, &entry.actor, &entry.detail] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

impl Event {
    /// Chains `entry` as event `seq` to the event before it, which has number `seq - 1` and hash `previous`.
    #[must_use]
    pub fn seal(seq: u64, entry: Entry, previous: Hash) -> Self {
        let hash = hash(seq, &entry, &previous);
        Self { seq, entry, previous, hash }
    }
}

/// An event's number and hash, which stands for it and all before it. Written as `NUMBER:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The event's number in the log, from 1; 0 stands for a log without events.
    pub seq: u64,
    /// The hash of that event, which covers all events before it.
    pub hash: Hash,
}

/// The text is no `NUMBER:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a log head in the form NUMBER:HASH")]
pub struct NotAHead;

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let (seq, hash) = text.split_once(':').ok_or(NotAHead)?;
        Ok(Self { seq: seq.parse().map_err(|_| NotAHead)?, hash: hash.parse().map_err(|_| NotAHead)? })
    }
}

/// Walks a log event by event, holding only its head.
///
/// From its first event, or from one in the middle: then what stands before it is taken on trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainWalk {
    seq: u64,
    head: Hash,
}

impl Default for ChainWalk {
    fn default() -> Self {
        Self { seq: 0, head: GENESIS }
    }
}

impl ChainWalk {
    /// Begins after the event that has this number and hash.
    #[must_use]
    pub const fn behind(seq: u64, head: Hash) -> Self {
        Self { seq, head }
    }

    /// Takes the next event's number and hashes without its content: later events are still chained to it.
    ///
    /// # Errors
    /// [`ChainError`] saying what is wrong with it.
    pub fn link(&mut self, seq: u64, previous: &Hash, hash: &Hash) -> Result<(), ChainError> {
        let expected = self.seq.saturating_add(1);
        if seq != expected || seq == self.seq {
            return Err(ChainError::OutOfSequence { expected, found: seq });
        }
        if *previous != self.head {
            return Err(ChainError::Unlinked { seq });
        }
        *self = Self { seq, head: *hash };
        Ok(())
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// [`ChainError`] saying what is wrong with it.
    pub fn step(&mut self, event: &Event) -> Result<(), ChainError> {
        let mut next = *self;
        next.link(event.seq, &event.previous, &event.hash)?;
        if hash(event.seq, &event.entry, &event.previous) != event.hash {
            return Err(ChainError::Altered { seq: event.seq });
        }
        *self = next;
        Ok(())
    }

    /// How many events were walked, and the hash of the last.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.head }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(kinds: &[&str]) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for kind in kinds {
            let entry = Entry {
                run_id: None,
                at_ms: 5,
                kind: (*kind).into(),
                actor: "a@h".into(),
                detail: "{}".into(),
            };
            let previous = events.last().map_or(GENESIS, |last| last.hash);
            events.push(Event::seal(events.len() as u64 + 1, entry, previous));
        }
        events
    }

    fn walk(events: &[Event]) -> Result<(), ChainError> {
        let mut walk = ChainWalk::default();
        events.iter().try_for_each(|event| walk.step(event))
    }

    #[test]
    fn an_untouched_log_walks_and_every_edit_is_seen() {
        let events = log(&["opened", "staged", "promoted"]);
        assert_eq!(walk(&events), Ok(()));

        let mut removed = events.clone();
        removed.remove(1);
        assert_eq!(walk(&removed), Err(ChainError::OutOfSequence { expected: 2, found: 3 }));

        let mut altered = events.clone();
        altered[1].entry.detail = "{\"ok\":true}".into();
        assert_eq!(walk(&altered), Err(ChainError::Altered { seq: 2 }));

        let mut resealed = events.clone();
        resealed[1] = Event::seal(2, altered[1].entry.clone(), events[0].hash);
        assert_eq!(walk(&resealed), Err(ChainError::Unlinked { seq: 3 }));

        let mut swapped = events;
        swapped.swap(1, 2);
        assert!(walk(&swapped).is_err());
    }
}
