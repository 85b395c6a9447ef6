//! Runs: the list, and one run.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use coordinator::ops::views::findings::{self, Explained};
use coordinator::ops::views::runs::{RunView, WatchedRun, beside_the_past, view};
use coordinator::ops::views::workers::{self, RunWorkers};
use coordinator::report::summary;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::report::{Outcome, Report};
use job::Job;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::model::Run;
use store::stored_job;
use store::views::RunPage;

use super::paging::{Page, limit, number};
use crate::access::Who;
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

/// A page of some list.
#[derive(Debug, Deserialize)]
pub(crate) struct PageQuery {
    pub(crate) cursor: Option<String>,
    pub(crate) limit: Option<u32>,
}

/// A page of a run's differences.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExplainedPage {
    /// The differences, as `explain --json` has them.
    #[serde(flatten)]
    explained: Explained,
    /// The `cursor` of the next page; null on the last one.
    next: Option<String>,
}

/// The run that a path names.
pub(crate) fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| Problem::missing(format!("`{text}` is not the ID of a run")))
}

/// The run that a path names, and its job.
pub(crate) async fn run_and_job(desk: &Desk, text: &str) -> Result<(Run, Job), Problem> {
    let run = desk.store.run(run_id(text)?).await?;
    let job = stored_job(&*desk.store, &run.job_digest).await?;
    Ok((run, job))
}

fn states(text: &str) -> Result<Vec<RunState>, Problem> {
    let mut all = Vec::new();
    for word in text.split(',').filter(|word| !word.is_empty()) {
        let before = all.len();
        let fits =
            |state: &RunState| state.name() == word || Outcome::of(*state).name().replace(' ', "-") == word;
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
    desk.pulse.is_wanted();
    let page = RunPage {
        job: query.job.filter(|job| !job.is_empty()),
        states: states(query.state.as_deref().unwrap_or_default())?,
        text: query.text.unwrap_or_default(),
        before: query.cursor.as_deref().map(run_id).transpose()?,
    };
    let limit = limit(query.limit);
    let runs = desk.store.counted_runs(&page, limit + 1).await?;
    let page = Page::of(runs, limit, |counted| counted.run.run_id.to_string());
    let Page { items, next } =
        page.map(|counted| WatchedRun::of(&counted).at_rate(desk.pulse.rate(&counted), &counted));
    Ok(Json(Page { items: beside_the_past(&*desk.store, items).await?, next }))
}

pub(crate) async fn one(
    State(desk): State<Arc<Desk>>,
    Extension(who): Extension<Who>,
    Path(run): Path<String>,
) -> Result<Json<RunView>, Problem> {
    let acting = desk.acting(&who, "look");
    let view = view(&*desk.store, run_id(&run)?, &acting.actor, desk.driver.drives()).await?;
    Ok(Json(desk.access.allowed(&who, desk.is_read_only, view)))
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
) -> Result<Json<RunWorkers>, Problem> {
    let now_ms = desk.coordinator.clock.now_ms();
    Ok(Json(workers::workers(&*desk.store, run_id(&run)?, now_ms).await?))
}

pub(crate) async fn findings(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<ExplainedPage>, Problem> {
    let (run, job) = run_and_job(&desk, &run).await?;
    let (from, limit) = (number(query.cursor.as_deref())?.unwrap_or(0), limit(query.limit));
    let page = findings::page(&*desk.store, &run, &job, from, limit).await?;
    let end = from + page.findings.len() as u64;
    let next = (end < page.total && !page.findings.is_empty()).then(|| end.to_string());
    let originals = findings::originals(&*desk.store, &run, &page.findings).await?;
    let explained =
        Explained { run_id: run.run_id, findings_total: page.total, findings: page.findings, originals };
    Ok(Json(ExplainedPage { explained, next }))
}
