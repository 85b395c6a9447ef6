//! What an operator does with a run.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use coordinator::ops::Requeued;
use coordinator::ops::acts::{Act, driven_by};
use coordinator::run::Drive;
use domain::ids::RunId;
use domain::words::plural;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::runs::run_id;
use crate::access::{Who, may};
use crate::desk::{Acting, Desk};
use crate::problem::Problem;

/// Why something is done.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Why {
    /// The reason, which the evidence log keeps.
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ActDone {
    /// What was done, in a sentence without its full stop.
    pub(crate) done: String,
}

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
    let why: Why = match body.is_empty() {
        true => Why::default(),
        false => serde_json::from_slice(&body)
            .map_err(|error| Problem::wrong(format!("the body is not `{{\"reason\": \"…\"}}`: {error}")))?,
    };
    let reason = why.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
        return Err(Problem::wrong(format!("the reason has more than {REASON_CHARS_MAX} characters")));
    }
    let run_id = run_id(&run)?;
    let acting = desk.acting(&who, &format!("{} {run_id}", act.name()));
    // What has begun is done to its end, even if the browser goes away.
    let task = {
        let (desk, reason) = (Arc::clone(&desk), reason.map(str::to_owned));
        tokio::spawn(async move { carry_out(&desk, run_id, act, &acting, reason.as_deref()).await })
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
    reason: Option<&str>,
) -> Result<String, Problem> {
    let own = desk.coordinator_for(acting);
    match act {
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
            (ready.start)(ready.coordinator, run_id, Drive::default());
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

/// Whether this process can drive the run: it is able to, and no other process drives it.
async fn may_drive(desk: &Desk, run_id: RunId) -> Result<(), Problem> {
    desk.driver.drives().map_err(Problem::conflict)?;
    match driven_by(&desk.store.counted(run_id).await?) {
        None => Ok(()),
        Some(by) => Err(Problem::conflict(format!("{by} is driving run {run_id}"))
            .advise("wait for that process, stop it, or cancel the run")),
    }
}
