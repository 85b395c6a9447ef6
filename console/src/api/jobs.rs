//! Jobs: the list, and one job's history.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use coordinator::ops::views::jobs::{JobView, ListedJob, list as listed, view};

use super::paging::{Page, limit};
use super::runs::PageQuery;
use crate::desk::Desk;
use crate::problem::Problem;

pub(crate) async fn list(State(desk): State<Arc<Desk>>) -> Result<Json<Page<ListedJob>>, Problem> {
    Ok(Json(Page { items: listed(&*desk.store, desk.coordinator.clock.now_ms()).await?, next: None }))
}

pub(crate) async fn one(
    State(desk): State<Arc<Desk>>,
    Path(job): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<JobView>, Problem> {
    let found = view(&*desk.store, &job, limit(query.limit)).await?;
    found.map(Json).ok_or_else(|| Problem::missing(format!("no run of job `{job}`")))
}
