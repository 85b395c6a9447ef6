//! Opening a run: the ledger's part, in one transaction.

use domain::event::Entry as LogEntry;
use domain::event_kind::EventKind;
use domain::lifecycle::RunState;

use crate::database::{Connection, Lock};
use crate::model::NewRun;
use crate::param::Param;
use crate::{StoreError, log, params, resends};

impl NewRun {
    /// The `opened` event for the evidence log.
    #[must_use]
    pub fn opened(&self) -> LogEntry {
        let mut detail = serde_json::json!({
            "job": self.job,
            "job_digest": self.job_digest,
            "source": self.source,
            "source_bytes": self.source_bytes,
            "source_sha256": self.source_sha256,
            "again": self.again,
            "version": env!("CARGO_PKG_VERSION"),
        });
        if let serde_json::Value::Object(detail) = &mut detail {
            if let Some(resend) = &self.resends {
                detail.insert("resends".into(), resend.first.to_string().into());
            }
            detail.extend(self.detail.clone());
        }
        LogEntry {
            run_id: Some(self.run_id.to_string()),
            at_ms: self.now_ms,
            kind: EventKind::Opened.into(),
            actor: self.actor.clone(),
            detail: detail.to_string(),
        }
    }
}

/// A process that opens a run first looks for the same bytes; two that look at the same time find nothing.
async fn not_taken(connection: &mut dyn Connection, new: &NewRun) -> Result<(), StoreError> {
    let (Some(sha256), false) = (new.source_sha256, new.again) else { return Ok(()) };
    connection.lock(Lock::Opening(&new.job)).await?;
    let sql = "SELECT run_id FROM crossfoot_run WHERE job = $1 AND (source_sha256 = $2 OR split_sha256 = $2)
               AND (state IN ($3, $4, $5) OR (state = $6 AND split_records > 0)) LIMIT 1";
    let states = [RunState::Loading, RunState::Staged, RunState::AwaitingApproval, RunState::Promoted];
    let mut values = params![&new.job, sha256.to_string()];
    values.extend(states.map(|state| Param::from(state.name())));
    match connection.fetch_first(sql, values).await? {
        None => Ok(()),
        Some(row) => Err(StoreError::TakenMeanwhile { run_id: row.get("run_id")? }),
    }
}

/// Inserts the run with its job, and its entry in the log.
pub(crate) async fn insert_run(connection: &mut dyn Connection, mut new: NewRun) -> Result<(), StoreError> {
    let resends = new.resends.take();
    let first = resends.as_ref().map(|resend| resend.first);
    if let Some(resend) = &resends {
        // Before the bytes are compared: that its records are carried already says more.
        resends::take(connection, new.run_id, resend).await?;
    }
    not_taken(connection, &new).await?;
    let job =
        "INSERT INTO crossfoot_job (digest, name, body) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING";
    connection.execute(job, params![new.job_digest.to_string(), &new.job, &new.job_text]).await?;
    let run = "INSERT INTO crossfoot_run (run_id, job, job_digest, state, source, source_bytes, source_sha256, declared,
               chunk_bytes, chunk_records, again, pause_after_staged, submitted, actor, opened_at_ms, verify_source,
               resends)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    let values = params![
        new.run_id,
        &new.job,
        new.job_digest.to_string(),
        RunState::Loading.name(),
        &new.source,
        new.source_bytes,
        new.source_sha256.map(|hash| hash.to_string()),
        &new.declared,
        new.chunk_bytes,
        new.chunk_records,
        new.again,
        new.pause_after_staged,
        new.submitted,
        &new.actor,
        new.now_ms,
        new.verify_source.name(),
        first,
    ];
    connection.execute(run, values).await?;
    new.resends = resends;
    log::append(connection, new.opened()).await?;
    if let Some(resend) = new.resends {
        log::append(connection, resend.log).await?;
    }
    Ok(())
}
