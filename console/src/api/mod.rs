//! The answers under `/api/v1`.

pub(crate) mod acts;
pub(crate) mod chunks;
pub(crate) mod events;
pub(crate) mod fleet;
pub(crate) mod jobs;
pub(crate) mod log;
pub(crate) mod oidc;
pub(crate) mod paging;
pub(crate) mod rejects;
pub(crate) mod runs;
pub(crate) mod session;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use domain::role::OperatorRole;

use crate::desk::Desk;
use crate::guard::{Gate, gate};

/// Every route under `/api/v1`, each behind the role that it needs.
pub(crate) fn routes(desk: &Arc<Desk>) -> Router<Arc<Desk>> {
    let behind = |role| from_fn_with_state(Gate { desk: Arc::clone(desk), role }, gate);
    let viewed = Router::new()
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(runs::one))
        .route("/runs/{run}/report", get(runs::report))
        .route("/runs/{run}/workers", get(runs::workers))
        .route("/runs/{run}/findings", get(runs::findings))
        .route("/runs/{run}/log", get(log::of_run))
        .route("/runs/{run}/chunks", get(chunks::map))
        .route("/runs/{run}/chunks/{chunk}", get(chunks::one))
        .route("/runs/{run}/rejects", get(rejects::list))
        // Which role the bytes need depends on the job.
        .route("/runs/{run}/rejects.raw", get(rejects::raw))
        .route("/runs/{run}/rejects/summary", get(rejects::summary))
        .route("/runs/{run}/rejects/{record}", get(rejects::one))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{job}", get(jobs::one))
        .route("/fleet", get(fleet::fleet))
        .route("/queues", get(fleet::queues))
        .route("/events", get(events::stream))
        // Which role an act needs depends on the act.
        .route("/runs/{run}/acts/{act}", post(acts::act))
        .route("/fleet/workers/{worker}/drain", post(acts::drain))
        .layer(behind(OperatorRole::Viewer));
    let audited = Router::new()
        .route("/log", get(log::all))
        .route("/log/verify", get(log::verify))
        .layer(behind(OperatorRole::Auditor));
    Router::new()
        .merge(viewed)
        .merge(audited)
        .route("/sign-in", get(session::ways))
        .route("/session", get(session::who).post(session::sign_in).delete(session::sign_out))
}
