//! The evidence log: its events, and what a walk over it found.

use std::collections::BTreeMap;

use domain::event::Event;
use domain::fingerprint::Hash;
use platform::clock::iso;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// One event of the evidence log.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LoggedEvent {
    /// The event's number, from 1, without gaps.
    pub seq: u64,
    /// When it happened, UTC: `2024-02-29T13:45:00.123Z`.
    pub at: String,
    /// The run that the event belongs to; null for events of the store itself.
    pub run_id: Option<String>,
    /// What happened: `opened`, `resumed`, `approved`, `promoted` and so on.
    pub kind: String,
    /// Who did it: `operator@host`.
    pub actor: String,
    /// What there is to say about it; the keys depend on `kind`.
    pub detail: serde_json::Map<String, serde_json::Value>,
    /// The hash of the event before.
    pub previous: Hash,
    /// The hash over the whole event and `previous`.
    pub hash: Hash,
}

/// What a walk over the evidence log found.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum WalkedLog {
    /// Nothing was removed, reordered or rewritten.
    Intact {
        /// Whether the log is intact: true.
        intact: bool,
        /// How many events the log has.
        events: u64,
        /// The hash of the last event.
        head: Hash,
        /// What the checkpoint file held; null if none was given.
        checkpoints: Option<HeldCheckpoints>,
    },
    /// The log is not what was written.
    Broken {
        /// Whether the log is intact: false.
        intact: bool,
        /// Which event is at fault, and why.
        reason: String,
    },
}

/// What a checkpoint file held.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HeldCheckpoints {
    /// How many checkpoints of this store the log still holds.
    pub held: usize,
    /// How many checkpoints are of other stores, by the store's name.
    pub of_other_stores: BTreeMap<String, u64>,
}

/// What there is to say about the event, as the log has it.
#[must_use]
pub fn detail(event: &Event) -> Map<String, Value> {
    match serde_json::from_str(&event.entry.detail) {
        Ok(Value::Object(detail)) => detail,
        _ => Map::from_iter([("detail".to_owned(), Value::String(event.entry.detail.clone()))]),
    }
}

impl LoggedEvent {
    /// The event as a list has it.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self {
            seq: event.seq,
            at: iso(event.entry.at_ms),
            run_id: event.entry.run_id.clone(),
            kind: event.entry.kind.clone(),
            actor: event.entry.actor.clone(),
            detail: detail(event),
            previous: event.previous,
            hash: event.hash,
        }
    }
}
