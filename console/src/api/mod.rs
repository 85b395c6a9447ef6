//! The answers under `/api/v1`.

mod fleet;
mod paging;
mod runs;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::desk::Desk;

/// Every route under `/api/v1`.
pub(crate) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(runs::one))
        .route("/runs/{run}/report", get(runs::report))
        .route("/runs/{run}/workers", get(runs::workers))
        .route("/fleet", get(fleet::fleet))
}
