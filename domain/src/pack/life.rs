//! A run's life as the pack's segment of the log records it: the chain, the steps, and what verdict and export note.

use serde::Deserialize;

use super::Contradiction;
use super::lines::LogLine;
use crate::checkpoint::Head;
use crate::event::{ChainWalk, Event};
use crate::event_kind::EventKind;
use crate::fingerprint::Hash;
use crate::lifecycle::RunState;
use crate::retention::{self, Parts};

/// The details of events that a pack is checked against. Everything else in them is for the reader.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// In `opened`: the name of the job.
    pub job: Option<String>,
    /// `opened`: SHA-256 of the job file.
    pub job_digest: Option<Hash>,
    /// `opened`: SHA-256 of the source before the run.
    pub source_sha256: Option<Hash>,
    /// A verdict: SHA-256 of the checks as JSON.
    pub checks_sha256: Option<Hash>,
    /// A verdict: the names of the checks that failed.
    pub failed: Option<Vec<String>>,
    /// `exported`: the digest of the parts before the log; see [`super::parts_digest`].
    pub parts_sha256: Option<Hash>,
    /// `purged` and `parts-removed`: what was removed. A version before 0.3.0 names nothing: all rows then.
    pub parts: Option<Vec<retention::Part>>,
    /// `exported`: the key that signs, as the manifest has it.
    pub signed_by: Option<Hash>,
}

/// An event of the run and what its detail says.
#[derive(Debug, Clone)]
pub struct Noted {
    /// The event's number in the evidence log, from 1.
    pub seq: u64,
    /// When it happened: milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// Who acted, as the event names them: `operator@host`.
    pub actor: String,
    /// The event's kind by its name in the log, such as `opened`.
    pub kind: String,
    /// What the event's detail says, as far as a pack is checked against it.
    pub detail: Detail,
}

/// What the segment of the log says about the run.
#[derive(Debug, Clone, Default)]
pub struct Life {
    /// How many events the segment has, the run's and others.
    pub events: u64,
    /// How many of these events are the run's own.
    pub own: u64,
    /// The number and hash of the segment's last event; `None` if it has no events.
    pub head: Option<Head>,
    /// The first thing that is wrong with it, in words.
    pub broken: Option<String>,
    /// Where the run is in its life, by its events.
    pub state: Option<RunState>,
    /// The event that opened the run; `None` if the segment has none.
    pub opened: Option<Noted>,
    /// The last verdict: the reconciliation that the checks are of.
    pub verdict: Option<Noted>,
    /// The export, if it is the last event.
    pub exported: Option<Noted>,
    /// Whether all of the run's rows were removed.
    pub purged: bool,
    /// What of the run was removed.
    pub removed: Parts,
    /// Of the events that were asked for, those that are in it.
    pub found: Vec<Head>,
}

/// Takes a segment's lines, one after the other.
#[derive(Debug)]
pub struct LifeWalk {
    run_id: Option<String>,
    asked: Vec<u64>,
    chain: Option<ChainWalk>,
    life: Life,
}

impl LifeWalk {
    /// Of the run `run_id`, if it is known; `asked` are numbers of events whose hashes are wanted.
    #[must_use]
    pub fn new(run_id: Option<String>, asked: Vec<u64>) -> Self {
        Self { run_id, asked, chain: None, life: Life::default() }
    }

    fn broken(&mut self, why: impl Into<String>) {
        let _ = self.life.broken.get_or_insert_with(|| why.into());
    }

    /// Takes the next line; `detail` is what the event's detail says, or why it cannot be read.
    pub fn take(&mut self, line: &LogLine, detail: Result<Detail, Contradiction>) {
        let (seq, previous, hash) = match line {
            LogLine::Event(event) => (event.seq, event.previous, event.hash),
            LogLine::Link(link) => (link.seq, link.previous, link.hash),
        };
        let mut chain = match self.chain {
            Some(chain) => chain,
            None => match seq.checked_sub(1) {
                Some(before) => ChainWalk::behind(before, previous),
                None => {
                    self.broken("event 0: events are numbered from 1");
                    ChainWalk::default()
                }
            },
        };
        let taken = match line {
            LogLine::Event(event) => chain.step(event),
            LogLine::Link(link) => chain.link(link.seq, &link.previous, &link.hash),
        };
        if let Err(error) = taken {
            self.broken(error.to_string());
            // Goes on behind it, so that what it says is still known.
            chain = ChainWalk::behind(seq, hash);
        }
        self.chain = Some(chain);
        self.life.events += 1;
        self.life.head = Some(Head { seq, hash });
        self.life.exported = None;
        if self.asked.contains(&seq) {
            self.life.found.push(Head { seq, hash });
        }
        match (line, detail) {
            (LogLine::Event(event), Ok(detail)) => self.event(event, detail),
            (LogLine::Event(event), Err(why)) => {
                self.broken(format!("event {}: {why}", event.seq));
            }
            (LogLine::Link(link), _) if self.life.own == 0 => {
                self.broken(format!(
                    "event {} does not belong to the run, but the segment starts with it",
                    link.seq
                ));
            }
            (LogLine::Link(_), _) => {}
        }
    }

    fn event(&mut self, event: &Event, detail: Detail) {
        let entry = &event.entry;
        if self.run_id.is_some() && entry.run_id != self.run_id {
            self.broken(format!("event {} does not belong to the run", event.seq));
            return;
        }
        let noted = Noted {
            seq: event.seq,
            at_ms: entry.at_ms,
            actor: entry.actor.clone(),
            kind: entry.kind.clone(),
            detail,
        };
        self.life.own += 1;
        let kind = EventKind::of(&entry.kind);
        match kind {
            Some(EventKind::Opened) if self.life.own == 1 => {
                self.life.state = Some(RunState::Loading);
                self.life.opened = Some(noted);
                return;
            }
            Some(EventKind::Opened) => self.broken(format!("event {} opens the run again", event.seq)),
            Some(EventKind::Purged | EventKind::PartsRemoved) => {
                let parts = noted.detail.parts.as_ref();
                let parts = parts.map_or(Parts::ROWS, |parts| parts.iter().copied().collect());
                self.life.removed = self.life.removed.and(parts);
                self.life.purged |= kind == Some(EventKind::Purged);
            }
            Some(EventKind::Exported) => self.life.exported = Some(noted.clone()),
            _ => {}
        }
        let Some(step) = kind.and_then(EventKind::step) else { return };
        match self.life.state.map(|state| state.after(step)) {
            Some(Ok(state)) => self.life.state = Some(state),
            Some(Err(error)) => self.broken(format!("event {}: {error}", event.seq)),
            None => self.broken(format!("event {}: the run was not open", event.seq)),
        }
        if noted.detail.checks_sha256.is_some() {
            self.life.verdict = Some(noted);
        }
    }

    /// Ends the walk and returns what the events say about the run.
    #[must_use]
    pub fn finish(mut self) -> Life {
        if self.life.opened.is_none() {
            self.broken("it does not start with the opening of the run");
        }
        self.life
    }
}
