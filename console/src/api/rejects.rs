//! A run's rejects.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use coordinator::ops::resend::can_be_written;
use coordinator::ops::retention::removed_said;
use coordinator::ops::views::rejects::{self, ListedReject, RejectSummary, ShownReject};
use domain::ids::{ChunkNo, WorkerId};
use domain::retention::Part;
use domain::role::OperatorRole;
use futures_util::stream;
use serde::Deserialize;
use store::reason_code;
use store::views::RejectPage;

use super::paging::{Page, bad_cursor, limit};
use super::runs::run_and_job;
use crate::access::{Who, has};
use crate::desk::Desk;
use crate::problem::Problem;
use crate::raw::RawRejects;

/// Which rejects are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct RejectsQuery {
    /// The code of a reason.
    reason: Option<String>,
    /// The name of a field; empty for the whole record.
    field: Option<String>,
    /// The number of a worker.
    worker: Option<u32>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A cursor is the chunk and the number of the last record on the page before.
fn after(cursor: &str) -> Result<(ChunkNo, u64), Problem> {
    let parts =
        cursor.split_once('.').and_then(|(chunk, record)| Some((chunk.parse().ok()?, record.parse().ok()?)));
    parts.map(|(chunk, record)| (ChunkNo(chunk), record)).ok_or_else(|| bad_cursor(cursor))
}

pub(crate) async fn list(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
    Query(query): Query<RejectsQuery>,
) -> Result<Json<Page<ListedReject>>, Problem> {
    let (run, job) = run_and_job(&desk, &run).await?;
    let code = |name: &str| {
        reason_code(name).ok_or_else(|| Problem::wrong(format!("`{name}` is not the code of a reason")))
    };
    let page = RejectPage {
        code: query.reason.as_deref().filter(|name| !name.is_empty()).map(code).transpose()?,
        field: query.field,
        worker: query.worker.map(WorkerId),
        after: query.cursor.as_deref().map(after).transpose()?,
    };
    let limit = limit(query.limit);
    let rows = desk.store.reject_page(run.run_id, &page, limit + 1).await?;
    let page = Page::of(rows, limit, |row| format!("{}.{}", row.chunk_no, row.record_no));
    Ok(Json(page.map(|row| ListedReject::of(row, job.is_sensitive()))))
}

pub(crate) async fn summary(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
) -> Result<Json<RejectSummary>, Problem> {
    let (run, job) = run_and_job(&desk, &run).await?;
    Ok(Json(rejects::summary(&*desk.store, run.run_id, &job).await?))
}

pub(crate) async fn one(
    State(desk): State<Arc<Desk>>,
    Path((run, record)): Path<(String, String)>,
) -> Result<Json<ShownReject>, Problem> {
    let (run, job) = run_and_job(&desk, &run).await?;
    let missing = || {
        let why = if run.removed.has(Part::Rejects) { "; its rejects were purged" } else { "" };
        Problem::missing(format!("run {} has no reject of record {record}{why}", run.run_id))
    };
    let record_no = record.parse().map_err(|_| missing())?;
    rejects::shown(&*desk.store, &run, &job, record_no).await?.map(Json).ok_or_else(missing)
}

/// All rejects byte for byte, as `crossfoot rejects RUN --raw FILE` writes them. Of a job without sensitive fields the
/// list has the same bytes; of one with them they are the auditor's, and the log says who took them.
pub(crate) async fn raw(
    State(desk): State<Arc<Desk>>,
    Extension(who): Extension<Who>,
    Path(run): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let (run, job) = run_and_job(&desk, &run).await?;
    if job.is_sensitive() {
        has(&who, OperatorRole::Auditor)?;
    }
    if let Some(said) = removed_said(&*desk.store, &run).await? {
        return Err(Problem::conflict(format!("run {}: {said}", run.run_id)));
    }
    can_be_written(&job).map_err(|error| Problem::conflict(error.to_string()))?;
    let name = format!("rejects-{}.raw", run.run_id);
    if job.is_sensitive() {
        let acting = desk.acting(&who, &format!("rejects {} --raw", run.run_id));
        // Before anything leaves, so that nothing leaves unnoticed.
        desk.coordinator_for(&acting).note_raw_rejects(run.run_id, name.as_ref()).await?;
        desk.pulse.hurry();
    }
    let rejects = RawRejects::new(Arc::clone(&desk.store), run.run_id, &job);
    let pieces = stream::try_unfold(rejects, async |mut rejects| {
        // A body that breaks off tells the browser that it is not whole.
        let piece = rejects.next().await.inspect_err(|error| {
            tracing::warn!(%error, "a download of rejects broke off");
        });
        Ok::<_, crate::raw::RawError>(piece?.map(|piece| (piece.bytes, rejects)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(pieces)))
}
