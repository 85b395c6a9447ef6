//! The processes of the fleet.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use coordinator::ops::views::fleet::{self, ListedFleet};

use crate::desk::Desk;
use crate::problem::Problem;

pub(crate) async fn fleet(State(desk): State<Arc<Desk>>) -> Result<Json<ListedFleet>, Problem> {
    Ok(Json(fleet::fleet(&*desk.store, desk.fleet_note.clone()).await?))
}
