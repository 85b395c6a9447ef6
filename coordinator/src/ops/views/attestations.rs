//! The attestations of a run, as the evidence log has them.

use domain::comparison::{LoadBalance, LoadOutcome};
use domain::event::Event;
use domain::event_kind::EventKind;
use domain::ids::RunId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};

/// Events that are fetched at a time.
const PAGE: u32 = 1000;

/// One attestation of a run, as the evidence log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedAttestation {
    /// The number of its event in the evidence log.
    pub seq: u64,
    /// When it was made: milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// Who made it.
    pub actor: String,
    /// What it came to.
    pub outcome: LoadOutcome,
    /// Where the rows were read.
    pub target: String,
    /// Records whose row was equal.
    pub equal: u64,
    /// Records whose row a later run had replaced.
    pub replaced: u64,
    /// Records and rows that were not as they should be.
    pub differences: u64,
    /// How many more there were than at the attestation before.
    pub drift: i64,
}

/// What an event says of an attestation.
#[derive(Deserialize)]
struct Detail {
    run: Option<RunId>,
    outcome: LoadOutcome,
    target: Target,
    tables: Vec<Table>,
    differences: u64,
}

#[derive(Deserialize)]
struct Target {
    location: String,
}

#[derive(Deserialize)]
struct Table {
    balance: LoadBalance,
}

/// The attestations of a run, the oldest first.
///
/// # Errors
/// [`StoreError`] of the database; [`StoreError::Damaged`] for an event that cannot be read.
pub async fn of_run(store: &dyn Store, run_id: RunId) -> Result<Vec<ListedAttestation>, StoreError> {
    let mut all = Vec::<ListedAttestation>::new();
    // Only what was promoted can be attested.
    let Some(promoted) = store.last_event(run_id, EventKind::Promoted).await? else { return Ok(all) };
    let mut after = promoted.seq;
    loop {
        let events = store.events_of(EventKind::Attested, after, PAGE).await?;
        let Some(last) = events.last() else { return Ok(all) };
        after = last.seq;
        for event in &events {
            let (of, mut one) = listed(event)?;
            if of != Some(run_id) {
                continue;
            }
            let before = all.last().map_or(0, |before| before.differences);
            one.drift = i64::try_from(i128::from(one.differences) - i128::from(before)).unwrap_or(i64::MAX);
            all.push(one);
        }
    }
}

/// The run that an event attests, and what it says of it.
pub(crate) fn listed(event: &Event) -> Result<(Option<RunId>, ListedAttestation), StoreError> {
    let damaged = |error| StoreError::Damaged { what: format!("event {}: {error}", event.seq) };
    let detail: Detail = serde_json::from_str(&event.entry.detail).map_err(damaged)?;
    let sum = |of: fn(&LoadBalance) -> u64| detail.tables.iter().map(|table| of(&table.balance)).sum();
    let one = ListedAttestation {
        seq: event.seq,
        at_ms: event.entry.at_ms,
        actor: event.entry.actor.clone(),
        outcome: detail.outcome,
        equal: sum(|balance| balance.equal),
        replaced: sum(|balance| balance.replaced),
        target: detail.target.location,
        differences: detail.differences,
        drift: 0,
    };
    Ok((detail.run, one))
}
