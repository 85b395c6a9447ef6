//! The state of a run at this moment, for a message about a command that failed: another operator, or another
//! coordinator, may have got it to its end meanwhile.

use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::lease::Holder;
use domain::lifecycle::RunState;
use domain::visible::visible;
use platform::clock::iso;
use store::{Store, StoreError};

use crate::context::lease::driver;

/// The state of a run, and whether it can still be continued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// In a sentence without its full stop.
    pub said: String,
    /// Whether the caller could continue it.
    pub is_free: bool,
}

/// Looks at the run and its log.
pub async fn standing(store: &dyn Store, run_id: RunId) -> Standing {
    look(store, run_id).await.unwrap_or_else(|error| Standing {
        said: format!("cannot read the state of run {run_id} ({error}); see `crossfoot show {run_id}`"),
        is_free: true,
    })
}

async fn look(store: &dyn Store, run_id: RunId) -> Result<Standing, StoreError> {
    let run = store.run(run_id).await?;
    if run.state.is_over() {
        let (done, approved) = (
            last(store, run_id, run.state.name()).await?,
            last(store, run_id, EventKind::Approved.name()).await?,
        );
        let by = done.map_or_else(String::new, |Deed { actor, at }| format!(" by {actor} at {at}"));
        let approved = match approved {
            Some(Deed { actor, at }) if run.state == RunState::Promoted => {
                format!(", approved by {actor} at {at}")
            }
            _ => String::new(),
        };
        let rest = if run.state == RunState::Promoted { "" } else { "; none of its rows are in final" };
        let said = format!("run {run_id} is {}{by}{approved}{rest}", run.state);
        return Ok(Standing { said, is_free: false });
    }
    match driver(store, &run).await? {
        Some(owner) => Ok(Standing {
            said: format!(
                "run {run_id} is {}, and {} is working on it; see `crossfoot show {run_id}` for its progress",
                run.state,
                Holder::of(&owner)
            ),
            is_free: false,
        }),
        None if run.parked => {
            let why = run.note.as_deref().unwrap_or("it was set aside for an operator");
            let said = format!("run {run_id}: {}; none of its rows are in final", visible(why));
            Ok(Standing { said, is_free: true })
        }
        None => {
            Ok(Standing { said: format!("none of the rows of run {run_id} are in final"), is_free: true })
        }
    }
}

/// Who did something, and when.
struct Deed {
    actor: String,
    at: String,
}

/// Who did this last, and when.
async fn last(store: &dyn Store, run_id: RunId, kind: &str) -> Result<Option<Deed>, StoreError> {
    const PAGE: u32 = 1000;
    let (mut after, mut found) = (0, None);
    loop {
        let events = store.run_events(run_id, after, PAGE).await?;
        let Some(end) = events.last() else { return Ok(found) };
        after = end.seq;
        for event in events.into_iter().filter(|event| event.entry.kind == kind) {
            found = Some(Deed { actor: event.entry.actor, at: iso(event.entry.at_ms) });
        }
    }
}
