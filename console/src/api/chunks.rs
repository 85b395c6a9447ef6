//! A run's chunks.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use coordinator::ops::views::chunks::{self, ChunkMap, MAP_MAX, ShownChunk};
use serde::Deserialize;

use super::runs::{run_and_job, run_id};
use crate::desk::Desk;
use crate::problem::Problem;

/// Which chunks are asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct MapQuery {
    /// The number of the first chunk on the map.
    from: Option<u64>,
    limit: Option<u32>,
}

pub(crate) async fn map(
    State(desk): State<Arc<Desk>>,
    Path(run): Path<String>,
    Query(query): Query<MapQuery>,
) -> Result<Json<ChunkMap>, Problem> {
    let (from, limit) = (query.from.unwrap_or(0), query.limit.unwrap_or(MAP_MAX));
    Ok(Json(chunks::map(&*desk.store, run_id(&run)?, from, limit).await?))
}

pub(crate) async fn one(
    State(desk): State<Arc<Desk>>,
    Path((run, chunk)): Path<(String, String)>,
) -> Result<Json<ShownChunk>, Problem> {
    let (run, job) = run_and_job(&desk, &run).await?;
    let missing = || Problem::missing(format!("run {} has no chunk {chunk}", run.run_id));
    let chunk_no = chunk.parse().map_err(|_| missing())?;
    chunks::shown(&*desk.store, run.run_id, &job, chunk_no).await?.map(Json).ok_or_else(missing)
}
