//! A run that is not in the ledger: it never was, or it was removed, which the log tells.

use domain::event_kind::EventKind;
use domain::ids::RunId;
use serde::Deserialize;

use crate::database::Database;
use crate::{StoreError, params};

/// What the event of a removed run says of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Was {
    job: String,
    state: String,
}

/// The error of a run that is not there.
pub(crate) async fn no_such_run<D: Database>(database: &D, run_id: RunId) -> StoreError {
    match removal(database, run_id).await {
        Ok(Some((at_ms, was))) => {
            let at = platform::clock::iso(at_ms);
            StoreError::RunRemoved { run_id, job: was.job, state: was.state, at }
        }
        Ok(None) => StoreError::NoSuchRun { what: run_id.to_string(), url: database.shown_url() },
        Err(error) => error,
    }
}

/// When the run was removed, and what it was, if the log says that it was.
async fn removal<D: Database>(database: &D, run_id: RunId) -> Result<Option<(i64, Was)>, StoreError> {
    let sql =
        "SELECT at_ms, detail FROM crossfoot_event WHERE run_id = $1 AND kind = $2 ORDER BY seq DESC LIMIT 1";
    let params = params![run_id.to_string(), EventKind::RunRemoved.name()];
    let Some(row) = database.fetch_first(sql, params).await? else { return Ok(None) };
    let was = serde_json::from_str(&row.get::<String>("detail")?).unwrap_or_default();
    Ok(Some((row.get("at_ms")?, was)))
}
