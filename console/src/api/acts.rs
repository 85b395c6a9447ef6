//! What an operator does with a run.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use coordinator::ops::Requeued;
use coordinator::ops::acts::{Act, driven_by};
use coordinator::ops::drain::WhichWorkers;
use coordinator::run::Drive;
use domain::ids::{RunId, WorkerId};
use domain::words::plural;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::runs::run_id;
use crate::access::{Who, may, may_drain};
use crate::desk::{Acting, Desk};
use crate::problem::Problem;

/// Why something is done, and to what extent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Why {
    /// The reason, which the evidence log keeps.
    #[serde(default)]
    pub reason: Option<String>,
    /// Of `window` alone: how many chunks may be in flight, from 1 to 100,000; null for the run's share of the
    /// coordinator's window.
    #[serde(default)]
    pub chunks: Option<u64>,
}

impl Why {
    /// For this reason; blanks are none.
    #[must_use]
    pub fn because(reason: Option<&str>) -> Self {
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        Self { reason: reason.map(str::to_owned), chunks: None }
    }

    /// Reads the body of a request; an empty one says nothing.
    pub(crate) fn of(body: &[u8]) -> Result<Self, Problem> {
        let why: Self = match body.is_empty() {
            true => Self::default(),
            false => serde_json::from_slice(body).map_err(|error| {
                Problem::wrong(format!("the body is not `{{\"reason\": \"…\"}}`: {error}"))
            })?,
        };
        let why = Self { chunks: why.chunks, ..Self::because(why.reason.as_deref()) };
        if why.reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
            return Err(Problem::wrong(format!("the reason has more than {REASON_CHARS_MAX} characters")));
        }
        if why.chunks.is_some_and(|chunks| !WINDOW_CHUNKS.contains(&chunks)) {
            return Err(Problem::wrong(format!(
                "`chunks` must be from {} to {}",
                WINDOW_CHUNKS.start(),
                WINDOW_CHUNKS.end()
            )));
        }
        Ok(why)
    }
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ActDone {
    /// What was done, in a sentence without its full stop.
    pub(crate) done: String,
}

/// How many chunks of a run may be in flight, as the setting `fleet.window_chunks` has it.
pub const WINDOW_CHUNKS: RangeInclusive<u64> = 1..=100_000;

/// The longest reason, in characters.
const REASON_CHARS_MAX: usize = 2000;

pub(crate) async fn act(
    State(desk): State<Arc<Desk>>,
    Extension(who): Extension<Who>,
    Path((run, act)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<ActDone>, Problem> {
    let Some(act) = Act::ALL.iter().copied().find(|known| known.name() == act) else {
        return Err(Problem::missing(format!("there is no act `{act}`")));
    };
    may(&who, act, desk.is_read_only)?;
    let why = Why::of(&body)?;
    if act != Act::Window && why.chunks.is_some() {
        return Err(Problem::wrong("`chunks` is for the act `window` alone"));
    }
    let run_id = run_id(&run)?;
    let acting = desk.acting(&who, &format!("{} {run_id}", act.name()));
    // What has begun is done to its end, even if the browser goes away.
    let task = {
        let desk = Arc::clone(&desk);
        tokio::spawn(async move { carry_out(&desk, run_id, act, &acting, &why).await })
    };
    let done =
        task.await.map_err(|error| Problem::unavailable(format!("the act was not finished: {error}")))?;
    desk.pulse.hurry();
    Ok(Json(ActDone { done: done? }))
}

/// Does something with a run on behalf of an operator. Returns what was done, in a sentence without its full stop.
///
/// # Errors
/// [`Problem`]: it is not legal now, or the store or the broker failed.
pub async fn carry_out(
    desk: &Desk,
    run_id: RunId,
    act: Act,
    acting: &Acting,
    why: &Why,
) -> Result<String, Problem> {
    let (own, reason) = (desk.coordinator_for(acting), why.reason.as_deref());
    match act {
        Act::Window => {
            own.change_window(run_id, why.chunks, reason).await?;
            Ok(format!("run {run_id}: {} in flight from now on", in_flight(why.chunks)))
        }
        Act::Pause => {
            own.pause(run_id, reason).await?;
            Ok(format!("paused run {run_id}; what is in staging stays, and it can be resumed"))
        }
        Act::Cancel => {
            own.cancel(run_id, reason).await?;
            Ok(format!("cancelled run {run_id}; none of its rows are in final"))
        }
        Act::BackOut => {
            let rows = own.back_out(run_id, reason).await?;
            Ok(format!(
                "backed run {run_id} out: {} taken out of final; staging has them",
                plural(rows, "row")
            ))
        }
        Act::Purge => {
            let removed = own.purge(run_id, reason).await?;
            Ok(format!("run {run_id}: deleted {}; kept its ledger, checks and log", plural(removed, "row")))
        }
        Act::Approve => {
            may_drive(desk, run_id).await?;
            let ready = desk.driver.ready(acting).await.map_err(Problem::unavailable)?;
            ready.coordinator.approve(run_id, reason).await?;
            let how = Drive { approved: true, ..Drive::default() };
            (ready.start)(ready.coordinator, run_id, how);
            Ok(format!("approved run {run_id}; its staging is being verified again before it is promoted"))
        }
        Act::Resume => {
            let run = desk.store.run(run_id).await?;
            if run.submitted {
                own.unpark(run_id, reason).await?;
                return Ok(format!("run {run_id} is left to the coordinator service again"));
            }
            if run.state.is_over() {
                return Err(Problem::conflict(format!("run {run_id} is over ({})", run.state)));
            }
            may_drive(desk, run_id).await?;
            let ready = desk.driver.ready(acting).await.map_err(Problem::unavailable)?;
            (ready.start)(ready.coordinator, run_id, Drive { resumes: true, ..Drive::default() });
            Ok(format!("run {run_id} continues"))
        }
        Act::Redrive => {
            let is_submitted = desk.store.run(run_id).await?.submitted;
            let ready = match is_submitted {
                true => None,
                false => {
                    may_drive(desk, run_id).await?;
                    Some(desk.driver.ready(acting).await.map_err(Problem::unavailable)?)
                }
            };
            let Requeued { chunks, .. } = own.redrive(run_id, reason).await?;
            let requeued = format!("run {run_id}: requeued {}", plural(chunks, "chunk"));
            match ready {
                None => Ok(format!("{requeued}; the coordinator service continues the run")),
                Some(ready) => {
                    (ready.start)(ready.coordinator, run_id, Drive::default());
                    Ok(format!("{requeued}; the run continues"))
                }
            }
        }
    }
}

/// Asks a worker to finish its work in hand and end.
pub(crate) async fn drain(
    State(desk): State<Arc<Desk>>,
    Extension(who): Extension<Who>,
    Path(worker): Path<u32>,
    body: Bytes,
) -> Result<Json<ActDone>, Problem> {
    may_drain(&who, desk.is_read_only)?;
    let why = Why::of(&body)?;
    let own = desk.coordinator_for(&desk.acting(&who, &format!("drain worker {worker}")));
    let drained = own.drain(&[WhichWorkers::Number(WorkerId(worker))], why.reason.as_deref()).await;
    let drained = drained.map_err(|error| match error.advice() {
        None => Problem::unavailable(error.to_string()),
        Some(next) => Problem::conflict(error.to_string()).advise(next),
    })?;
    desk.pulse.hurry();
    let named: Vec<_> = drained.iter().map(|row| format!("{}@{}", row.name, row.host)).collect();
    let done = format!("asked {} to finish its work in hand and end", named.join(", "));
    Ok(Json(ActDone { done }))
}

/// How many chunks may be in flight, in words.
#[must_use]
pub fn in_flight(chunks: Option<u64>) -> String {
    match chunks {
        None => "its share of the coordinator's window may be".into(),
        Some(chunks) => format!("up to {} may be", plural(chunks, "chunk")),
    }
}

/// Whether this process can drive the run: it is able to, and no other process drives it.
async fn may_drive(desk: &Desk, run_id: RunId) -> Result<(), Problem> {
    desk.driver.drives().map_err(Problem::conflict)?;
    match driven_by(&desk.store.counted(run_id).await?) {
        None => Ok(()),
        Some(by) => Err(Problem::conflict(format!("{by} is driving run {run_id}"))
            .advise("wait for that process, stop it, or cancel the run")),
    }
}
