//! Runs: the list, and one run.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use coordinator::ops::views::runs::{ShownRun, WatchedRun, shown, watched};
use coordinator::report::summary;
use domain::counts::WorkerShare;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::report::Report;
use serde::Deserialize;
use store::views::RunPage;

use super::paging::{Page, limit};
use crate::desk::Desk;
use crate::problem::Problem;

/// Which runs are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct RunsQuery {
    /// A state or an outcome, or several with commas between them.
    state: Option<String>,
    /// The name of the job.
    job: Option<String>,
    /// What the run's ID, job, source, operator or note contains.
    text: Option<String>,
    /// The page after this run.
    cursor: Option<String>,
    limit: Option<u32>,
}

/// The run that a path names.
pub(crate) fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| Problem::missing(format!("`{text}` is not the ID of a run")))
}

fn states(text: &str) -> Result<Vec<RunState>, Problem> {
    let mut all = Vec::new();
    for word in text.split(',').filter(|word| !word.is_empty()) {
        let before = all.len();
        let fits = |state: &RunState| {
            state.name() == word || domain::report::Outcome::of(*state).name().replace(' ', "-") == word
        };
        all.extend(RunState::ALL.iter().copied().filter(fits));
        if all.len() == before {
            let known: Vec<_> = RunState::ALL.iter().map(|state| state.name()).collect();
            return Err(Problem::wrong(format!("no run is `{word}`; known states: {}", known.join(", "))));
        }
    }
    Ok(all)
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    Query(query): Query<RunsQuery>,
) -> Result<Json<Page<WatchedRun>>, Problem> {
    let page = RunPage {
        job: query.job.filter(|job| !job.is_empty()),
        states: states(query.state.as_deref().unwrap_or_default())?,
        text: query.text.unwrap_or_default(),
        before: query.cursor.as_deref().map(run_id).transpose()?,
    };
    let limit = limit(query.limit);
    let runs = watched(&*desk.store, &page, limit + 1).await?;
    Ok(Json(Page::of(runs, limit, |run| run.run.run_id.to_string())))
}

pub(crate) async fn one(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
) -> Result<Json<ShownRun>, Problem> {
    Ok(Json(shown(&*desk.store, run_id(&run)?).await?))
}

pub(crate) async fn report(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
) -> Result<Json<Report>, Problem> {
    Ok(Json(summary::report(&*desk.store, run_id(&run)?).await?))
}

pub(crate) async fn workers(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
) -> Result<Json<Vec<WorkerShare>>, Problem> {
    Ok(Json(summary::report(&*desk.store, run_id(&run)?).await?.workers))
}
