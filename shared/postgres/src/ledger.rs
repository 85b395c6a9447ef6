//! Runs in the ledger, and who drives them.
//!
//! Whoever changes a run under its fence locks the run's row FOR KEY SHARE: that waits for nobody but one who takes the
//! run up (FOR UPDATE), and keeps him waiting, while leases are renewed and other changes go on beside it.

use domain::event::Entry as LogEntry;
use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::lifecycle::{RunEvent, RunState};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Executor as _, Row as _};
use store::model::{NewRun, Run, SplitTotals};
use store::{Fence, StoreError};

use super::connect::{Id, Lock, PostgresStore, lock, lock_for};
use super::evidence;
use super::lease::PROMPTLY;

pub(crate) fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { what: what.into() }
}

/// A count for the database, which has signed integers only.
pub(crate) fn signed(count: u64) -> Result<i64, StoreError> {
    i64::try_from(count).map_err(|_| damaged(format!("{count} is impossibly large")))
}

/// Where a page begins: one beyond everything is empty.
pub(crate) fn place(from: u64) -> i64 {
    i64::try_from(from).unwrap_or(i64::MAX)
}

/// Words for people: PostgreSQL's text has no NUL, and so one is shown as `\0`.
pub(crate) fn words(text: &str) -> String {
    text.replace('\0', "\\0")
}

/// A count that PostgreSQL keeps as a signed integer.
pub(crate) fn unsigned(row: &PgRow, column: &str) -> Result<u64, StoreError> {
    let signed: i64 = row.try_get(column)?;
    u64::try_from(signed).map_err(|_| damaged(format!("{column} is {signed}")))
}

pub(crate) fn optional_unsigned(row: &PgRow, column: &str) -> Result<Option<u64>, StoreError> {
    let signed: Option<i64> = row.try_get(column)?;
    signed
        .map(|signed| u64::try_from(signed).map_err(|_| damaged(format!("{column} is {signed}"))))
        .transpose()
}

pub(crate) fn parsed<T: std::str::FromStr>(row: &PgRow, column: &str) -> Result<T, StoreError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| damaged(format!("{column} is `{text}`")))
}

fn optional_parsed<T: std::str::FromStr>(row: &PgRow, column: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|_| damaged(format!("{column} is `{text}`")))).transpose()
}

pub(crate) fn run_from(row: &PgRow) -> Result<Run, StoreError> {
    let split = match optional_unsigned(row, "split_chunks")? {
        None => None,
        Some(chunks) => Some(SplitTotals {
            chunks,
            records: unsigned(row, "split_records")?,
            bytes: unsigned(row, "split_bytes")?,
            header_bytes: unsigned(row, "split_header_bytes")?,
            bytes_on_disk: unsigned(row, "split_disk_bytes")?,
            sha256: parsed(row, "split_sha256")?,
        }),
    };
    let Id(run_id) = row.try_get("run_id")?;
    Ok(Run {
        run_id,
        job: row.try_get("job")?,
        job_digest: parsed(row, "job_digest")?,
        state: parsed(row, "state")?,
        source: row.try_get("source")?,
        source_bytes: optional_unsigned(row, "source_bytes")?,
        source_sha256: optional_parsed(row, "source_sha256")?,
        split_sha256: split.map(|split| split.sha256),
        declared: row.try_get("declared")?,
        chunk_bytes: unsigned(row, "chunk_bytes")?,
        chunk_records: unsigned(row, "chunk_records")?,
        again: row.try_get("again")?,
        pause_after_staged: row.try_get("pause_after_staged")?,
        verify_source: parsed(row, "verify_source")?,
        submitted: row.try_get("submitted")?,
        parked: row.try_get("parked")?,
        actor: row.try_get("actor")?,
        opened_at_ms: row.try_get("opened_at_ms")?,
        ended_at_ms: row.try_get("ended_at_ms")?,
        elapsed_ms: unsigned(row, "elapsed_ms")?,
        epoch: unsigned(row, "epoch")?,
        interrupted: row.try_get("interrupted")?,
        purged: row.try_get("purged")?,
        note: row.try_get("note")?,
        split,
    })
}

/// Fails unless `fence` is the run's newest; it stays so until the transaction ends.
pub(crate) async fn hold_fence(connection: &mut PgConnection, fence: Fence) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT epoch FROM crossfoot_run WHERE run_id = $1 FOR KEY SHARE")
        .bind(Id(fence.run_id))
        .fetch_optional(connection)
        .await?;
    match row {
        Some(row) if unsigned(&row, "epoch")? == fence.epoch => Ok(()),
        _ => Err(StoreError::Fenced { run_id: fence.run_id }),
    }
}

/// Takes the run one legal step further, once the batches that are being committed are.
pub(crate) async fn step_run(
    connection: &mut PgConnection,
    fence: Fence,
    event: RunEvent,
    note: Option<&str>,
    at_ms: i64,
) -> Result<(), StoreError> {
    lock(connection, Lock::State(fence.run_id)).await?;
    hold_fence(connection, fence).await?;
    let row = sqlx::query("SELECT state FROM crossfoot_run WHERE run_id = $1 FOR NO KEY UPDATE")
        .bind(Id(fence.run_id))
        .fetch_one(&mut *connection)
        .await?;
    let from: RunState = parsed(&row, "state")?;
    let to = from.after(event)?;
    sqlx::query("UPDATE crossfoot_run SET state = $2, note = $3, ended_at_ms = $4 WHERE run_id = $1")
        .bind(Id(fence.run_id))
        .bind(to.name())
        .bind(note.map(words))
        .bind(to.is_over().then_some(at_ms))
        .execute(connection)
        .await?;
    Ok(())
}

/// Whoever opens runs looks for the same bytes first; two who look at the same time see nothing.
async fn not_taken(connection: &mut PgConnection, new: &NewRun) -> Result<(), StoreError> {
    let (Some(sha256), false) = (new.source_sha256, new.again) else { return Ok(()) };
    lock_for(connection, Lock::Opening, &new.job).await?;
    let other = sqlx::query(
        "SELECT run_id FROM crossfoot_run WHERE job = $1 AND (source_sha256 = $2 OR split_sha256 = $2)
         AND (state IN ($3, $4, $5) OR (state = $6 AND split_records > 0)) LIMIT 1",
    )
    .bind(&new.job)
    .bind(sha256.to_string())
    .bind(RunState::Loading.name())
    .bind(RunState::Staged.name())
    .bind(RunState::AwaitingApproval.name())
    .bind(RunState::Promoted.name())
    .fetch_optional(connection)
    .await?;
    match other {
        None => Ok(()),
        Some(row) => {
            let Id(run_id) = row.try_get("run_id")?;
            Err(StoreError::TakenMeanwhile { run_id: run_id.to_string() })
        }
    }
}

async fn insert_run(connection: &mut PgConnection, new: NewRun) -> Result<(), StoreError> {
    not_taken(connection, &new).await?;
    sqlx::query(
        "INSERT INTO crossfoot_job (digest, name, body) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING",
    )
    .bind(new.job_digest.to_string())
    .bind(&new.job)
    .bind(&new.job_text)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO crossfoot_run (run_id, job, job_digest, state, source, source_bytes, source_sha256, declared,
         chunk_bytes, chunk_records, again, pause_after_staged, submitted, actor, opened_at_ms,
         verify_source)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(Id(new.run_id))
    .bind(&new.job)
    .bind(new.job_digest.to_string())
    .bind(RunState::Loading.name())
    .bind(&new.source)
    .bind(new.source_bytes.map(signed).transpose()?)
    .bind(new.source_sha256.map(|hash| hash.to_string()))
    .bind(&new.declared)
    .bind(signed(new.chunk_bytes)?)
    .bind(signed(new.chunk_records)?)
    .bind(new.again)
    .bind(new.pause_after_staged)
    .bind(new.submitted)
    .bind(&new.actor)
    .bind(new.now_ms)
    .bind(new.verify_source.name())
    .execute(&mut *connection)
    .await?;
    evidence::append(connection, new.opened()).await?;
    Ok(())
}

impl PostgresStore {
    pub(crate) async fn insert_run(&self, new: NewRun) -> Result<Run, StoreError> {
        let run_id = new.run_id;
        self.write(move |connection| Box::pin(insert_run(connection, new))).await?;
        self.fetch_run(run_id).await
    }

    pub(crate) async fn fetch_run(&self, run_id: RunId) -> Result<Run, StoreError> {
        let row = sqlx::query("SELECT * FROM crossfoot_run WHERE run_id = $1")
            .bind(Id(run_id))
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| StoreError::NoSuchRun { what: run_id.to_string(), url: self.url.clone() })?;
        run_from(&row)
    }

    pub(crate) async fn fetch_runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query("SELECT * FROM crossfoot_run ORDER BY run_id DESC LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(run_from).collect()
    }

    pub(crate) async fn fetch_runs_with_source(
        &self,
        job: &str,
        sha256: &Hash,
    ) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM crossfoot_run WHERE job = $1 AND (split_sha256 = $2 OR source_sha256 = $2) ORDER BY run_id DESC",
        )
        .bind(job)
        .bind(sha256.to_string())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(run_from).collect()
    }

    pub(crate) async fn fetch_history(
        &self,
        job: &str,
        before: Option<RunId>,
        promoted: bool,
        limit: u32,
    ) -> Result<Vec<(Run, Option<String>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM crossfoot_run WHERE job = $1 AND ($2 IS NULL OR run_id < $2) AND (NOT $3 OR state = 'promoted')
             ORDER BY run_id DESC LIMIT $4",
        )
        .bind(job)
        .bind(before.map(Id))
        .bind(promoted)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((run_from(row)?, row.try_get("summary")?))).collect()
    }

    pub(crate) async fn fetch_promoted_before(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        // Run ids rise with the time at which runs are opened.
        let row = sqlx::query(
            "SELECT o.* FROM crossfoot_run r JOIN crossfoot_run o ON o.job = r.job AND o.run_id < r.run_id AND o.state = 'promoted'
             WHERE r.run_id = $1 ORDER BY o.run_id DESC LIMIT 1",
        )
        .bind(Id(run_id))
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(run_from).transpose()
    }

    pub(crate) async fn fetch_job_text(&self, digest: &Hash) -> Result<String, StoreError> {
        let row = sqlx::query("SELECT body FROM crossfoot_job WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| damaged(format!("job {digest} is not in the store")))?;
        let text: String = row.try_get("body")?;
        // Its rules and limits decide: a text that was altered must not.
        if Hash::of(text.as_bytes()) != *digest {
            return Err(damaged(format!(
                "the text of job {digest} was altered: it does not match its digest"
            )));
        }
        Ok(text)
    }

    pub(crate) async fn take_step(
        &self,
        fence: Fence,
        event: RunEvent,
        note: Option<String>,
        log: LogEntry,
    ) -> Result<Run, StoreError> {
        self.write_watched("a step of the run", move |connection, _| {
            Box::pin(async move {
                if event == RunEvent::Cancelled {
                    connection.execute(PROMPTLY).await?;
                }
                step_run(connection, fence, event, note.as_deref(), log.at_ms).await?;
                evidence::append(connection, log).await?;
                Ok(())
            })
        })
        .await?;
        self.fetch_run(fence.run_id).await
    }

    pub(crate) async fn set_split(&self, fence: Fence, totals: SplitTotals) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                sqlx::query(
                    "UPDATE crossfoot_run SET split_chunks = $2, split_records = $3, split_bytes = $4, split_header_bytes = $5,
                     split_disk_bytes = $6, split_sha256 = $7 WHERE run_id = $1",
                )
                .bind(Id(fence.run_id))
                .bind(signed(totals.chunks)?)
                .bind(signed(totals.records)?)
                .bind(signed(totals.bytes)?)
                .bind(signed(totals.header_bytes)?)
                .bind(signed(totals.bytes_on_disk)?)
                .bind(totals.sha256.to_string())
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }
}
