//! The evidence log.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use coordinator::evidence::audit::{AuditError, verify as walk};
use coordinator::ops::views::log::LoggedEvent;
use domain::checkpoint::Head;
use domain::ids::RunId;
use platform::clock::iso;
use schemars::JsonSchema;
use serde::Serialize;

use super::paging::{Page, limit, number};
use super::runs::{PageQuery, run_id};
use crate::desk::Desk;
use crate::problem::Problem;

/// What a walk over the whole log found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct VerifiedLog {
    /// Whether the chain of hashes holds: `holds` or `broken`.
    pub(crate) chain: &'static str,
    /// How many events the log has; null if the chain is broken.
    pub(crate) events: Option<u64>,
    /// The hash of the last event; null if the chain is broken.
    pub(crate) head: Option<String>,
    /// Which event is at fault, and why; null if the chain holds.
    pub(crate) reason: Option<String>,
    /// When the log was walked, UTC.
    pub(crate) verified_at: String,
}

async fn page(
    desk: &Desk,
    run_id: Option<RunId>,
    query: PageQuery,
) -> Result<Json<Page<LoggedEvent>>, Problem> {
    let (before, limit) = (number(query.cursor.as_deref())?, limit(query.limit));
    let events = desk.store.events_before(run_id, before, limit + 1).await?;
    let page = Page::of(events, limit, |event| event.seq.to_string());
    Ok(Json(page.map(|event| LoggedEvent::of(&event))))
}

pub(crate) async fn all(
    State(desk): State<Arc<Desk>>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<LoggedEvent>>, Problem> {
    page(&desk, None, query).await
}

pub(crate) async fn of_run(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<LoggedEvent>>, Problem> {
    let run = desk.store.run(run_id(&run)?).await?;
    page(&desk, Some(run.run_id), query).await
}

pub(crate) async fn verify(State(desk): State<Arc<Desk>>) -> Result<Json<VerifiedLog>, Problem> {
    // One walk at a time: each reads the whole log.
    let _one = desk.pulse.walks.lock().await;
    let verified_at = iso(desk.coordinator.clock.now_ms());
    match walk(&*desk.store, []).await {
        Ok(Head { seq, hash }) => Ok(Json(VerifiedLog {
            chain: "holds",
            events: Some(seq),
            head: Some(hash.to_string()),
            reason: None,
            verified_at,
        })),
        Err(AuditError::Chain(error)) => Ok(Json(VerifiedLog {
            chain: "broken",
            events: None,
            head: None,
            reason: Some(error.to_string()),
            verified_at,
        })),
        Err(AuditError::Store(error)) => Err(error.into()),
    }
}
