//! The processes of the fleet, and the queues between them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use coordinator::ops::views::fleet::{self, ListedFleet};
use schemars::JsonSchema;
use serde::Serialize;

use crate::desk::{Desk, QueueDepth};
use crate::problem::Problem;

/// The queues of the broker.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Queues {
    /// The queues with their depths; none if the broker cannot be asked from here.
    pub(crate) queues: Vec<QueueDepth>,
    /// How many dead letters there are; null if that is not known.
    pub(crate) dead_letters: Option<usize>,
    /// Why there is nothing to list; null if there is.
    pub(crate) note: Option<String>,
}

/// The name of the queue of dead letters.
const DEAD_LETTERS: &str = "crossfoot.dead-letters";

pub(crate) async fn fleet(State(desk): State<Arc<Desk>>) -> Result<Json<ListedFleet>, Problem> {
    Ok(Json(fleet::fleet(&*desk.store, desk.fleet_note.clone()).await?))
}

pub(crate) async fn queues(State(desk): State<Arc<Desk>>) -> Json<Queues> {
    Json(match desk.driver.queues().await {
        Ok(queues) => {
            let dead = queues.iter().find(|of| of.queue == DEAD_LETTERS).map(|of| of.messages);
            Queues { queues, dead_letters: dead, note: None }
        }
        Err(why) => Queues { queues: Vec::new(), dead_letters: None, note: Some(why) },
    })
}
