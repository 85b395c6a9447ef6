//! Workers: their register, their heartbeats, and what they reported.

use std::time::Duration;

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::counts::{Counts, Role, WorkerShare};
use domain::event::Entry as LogEntry;
use domain::ids::{ChunkNo, RunId, WorkerId};
use job::Job;

use crate::by_type::all_staging;
use crate::database::{Change, Database};
use crate::leases::millis;
use crate::model::{Heartbeat, NewWorker, Reported, WorkerRow, counted};
use crate::param::{Column, Insert, Param};
use crate::row::Row;
use crate::{StoreError, log, params};

/// The register of workers, and their reports.
#[async_trait]
#[delegatable_trait]
pub trait Fleet: Send + Sync {
    /// Registers a worker and returns its new number.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn register_worker(&self, worker: &NewWorker) -> Result<WorkerId, StoreError>;
    /// Stores a heartbeat of each of `workers`, at the database's time. Returns those that an operator asked to end.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn heartbeat(&self, workers: &[Heartbeat]) -> Result<Vec<WorkerId>, StoreError>;
    /// Asks workers to finish their work in hand and end, with the log's entry for it. Each learns it with its next
    /// heartbeat. Returns those that had neither stopped nor been asked before.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn ask_to_drain(&self, workers: &[WorkerId], log: LogEntry) -> Result<Vec<WorkerId>, StoreError>;
    /// Records that `workers` stop.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn retire(&self, workers: &[WorkerId]) -> Result<(), StoreError>;
    /// Workers whose last heartbeat is no older than `within`, by number; `None` lists all that ever registered.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn fleet(&self, within: Option<Duration>) -> Result<Vec<WorkerRow>, StoreError>;
    /// Stores what workers reported. Storing the same report again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn keep_reports(&self, run_id: RunId, reports: &[Reported]) -> Result<(), StoreError>;
    /// Committed chunks that lack the report of their processor or of their writer, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn unreported(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkNo>, StoreError>;
    /// Every worker's share of the run, counted in three places: one for each worker that the ledger, the reports
    /// or the tables name.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn worker_shares(&self, run_id: RunId, job: &Job) -> Result<Vec<WorkerShare>, StoreError>;
}

fn worker_from(row: &Row) -> Result<WorkerRow, StoreError> {
    Ok(WorkerRow {
        worker_id: WorkerId(row.get("worker_id")?),
        name: row.get("name")?,
        role: row.parsed("role")?,
        host: row.get("host")?,
        pid: row.get("pid")?,
        version: row.get("version")?,
        started_at_ms: row.get("started_at_ms")?,
        seen_at_ms: row.get("seen_at_ms")?,
        stopped_at_ms: row.get("stopped_at_ms")?,
        silent: counted(row.get("silent_ms")?),
        in_hand: row.get::<Option<i64>>("in_hand_ms")?.map(counted),
        drain_asked_at_ms: row.get("drain_asked_at_ms")?,
    })
}

async fn touch<D: Database>(
    database: &D,
    mut workers: Vec<Heartbeat>,
    is_last: bool,
) -> Result<Vec<WorkerId>, StoreError> {
    // In one order: two who touch the same rows never wait for each other in a circle.
    workers.sort_by_key(|beat| beat.worker);
    let now_ms = D::SYNTAX.now_ms;
    database
        .write(Change::IN_PASSING, move |connection| {
            Box::pin(async move {
                let sql = format!(
                    "UPDATE crossfoot_worker SET seen_at_ms = {now_ms}, stopped_at_ms = CASE WHEN $2 THEN {now_ms} END,
                     in_hand_since_ms = {now_ms} - $3 WHERE worker_id = $1 RETURNING drain_asked_at_ms"
                );
                let mut asked = Vec::new();
                for beat in workers {
                    let values = params![beat.worker, is_last, beat.in_hand_ms()];
                    if let Some(row) = connection.fetch_first(&sql, values).await?
                        && row.get::<Option<i64>>("drain_asked_at_ms")?.is_some()
                    {
                        asked.push(beat.worker);
                    }
                }
                Ok(asked)
            })
        })
        .await
}

/// The query for the shares of the workers in one role. `column` is the role's in the ledger, `table` where its
/// rows are: they are checked, quoted names of ours, and all that is spliced in.
fn shares(column: &str, table: &str) -> String {
    let sum = |of: &str| format!("CAST(sum({of}) AS bigint)");
    let (records, accepted, rejected) = (sum("records_in"), sum("accepted"), sum("rejected"));
    let [r_records, r_accepted, r_rejected, r_bytes, r_busy] =
        ["r.records", "r.accepted", "r.rejected", "r.bytes", "r.busy_us"].map(sum);
    format!(
        "WITH ledger AS (
             SELECT {column} AS id, count(*) AS chunks, {records} AS records, {accepted} AS accepted,
                    {rejected} AS rejected
             FROM crossfoot_chunk WHERE run_id = $1 AND state = 'committed' GROUP BY 1),
         reported AS (
             SELECT r.worker_id AS id, count(*) AS chunks, {r_records} AS records, {r_accepted} AS accepted,
                    {r_rejected} AS rejected, {r_bytes} AS bytes, {r_busy} AS busy_us
             FROM crossfoot_report r
             JOIN crossfoot_chunk c ON c.run_id = r.run_id AND c.chunk_no = r.chunk_no AND c.{column} = r.worker_id
             WHERE r.run_id = $1 AND r.role = $2 AND c.state = 'committed' GROUP BY 1),
         found AS (SELECT worker_id AS id, count(*) AS n FROM {table} WHERE run_id = $1 GROUP BY 1),
         ids AS (SELECT id FROM ledger UNION SELECT id FROM reported UNION SELECT id FROM found)
         SELECT ids.id, w.name, w.host,
             coalesce(l.chunks, 0) AS l_chunks, coalesce(l.records, 0) AS l_records,
             coalesce(l.accepted, 0) AS l_accepted, coalesce(l.rejected, 0) AS l_rejected,
             coalesce(p.chunks, 0) AS p_chunks, coalesce(p.records, 0) AS p_records,
             coalesce(p.accepted, 0) AS p_accepted, coalesce(p.rejected, 0) AS p_rejected,
             coalesce(p.bytes, 0) AS bytes, coalesce(p.busy_us, 0) AS busy_us, coalesce(f.n, 0) AS found
         FROM ids LEFT JOIN ledger l ON l.id = ids.id LEFT JOIN reported p ON p.id = ids.id
         LEFT JOIN found f ON f.id = ids.id LEFT JOIN crossfoot_worker w ON w.worker_id = ids.id ORDER BY ids.id"
    )
}

fn share_from(row: &Row, role: Role) -> Result<WorkerShare, StoreError> {
    let counts = |prefix: &str| {
        Ok::<_, StoreError>(Counts {
            chunks: row.get(&format!("{prefix}_chunks"))?,
            records: row.get(&format!("{prefix}_records"))?,
            accepted: row.get(&format!("{prefix}_accepted"))?,
            rejected: row.get(&format!("{prefix}_rejected"))?,
        })
    };
    let (ledger, reported) = (counts("l")?, counts("p")?);
    Ok(WorkerShare {
        // A number that no worker has is a difference, not an error.
        worker_id: WorkerId(u32::try_from(row.get::<i64>("id")?).unwrap_or(u32::MAX)),
        name: row.get::<Option<String>>("name")?.unwrap_or_else(|| "not registered".into()),
        host: row.get::<Option<String>>("host")?.unwrap_or_default(),
        role,
        unreported_chunks: ledger.chunks.saturating_sub(reported.chunks),
        reported,
        ledger,
        table: row.get("found")?,
        bytes: row.get("bytes")?,
        busy_us: row.get("busy_us")?,
    })
}

#[async_trait]
impl<D: Database> Fleet for D {
    async fn register_worker(&self, worker: &NewWorker) -> Result<WorkerId, StoreError> {
        let values = params![
            Param::words(Some(&worker.name)),
            worker.role.name(),
            Param::words(Some(&worker.host)),
            worker.pid,
            &worker.version,
            worker.now_ms,
        ];
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                let now_ms = connection.syntax().now_ms;
                let sql = format!(
                    "INSERT INTO crossfoot_worker (name, role, host, pid, version, started_at_ms, seen_at_ms)
                     VALUES ($1, $2, $3, $4, $5, $6, {now_ms}) RETURNING worker_id"
                );
                Ok(WorkerId(connection.fetch_one(&sql, values).await?.get("worker_id")?))
            })
        })
        .await
    }

    async fn heartbeat(&self, workers: &[Heartbeat]) -> Result<Vec<WorkerId>, StoreError> {
        touch(self, workers.to_vec(), false).await
    }

    async fn ask_to_drain(&self, workers: &[WorkerId], log: LogEntry) -> Result<Vec<WorkerId>, StoreError> {
        let mut workers = workers.to_vec();
        workers.sort_unstable();
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                let now_ms = connection.syntax().now_ms;
                let sql = format!(
                    "UPDATE crossfoot_worker SET drain_asked_at_ms = {now_ms}
                     WHERE worker_id = $1 AND stopped_at_ms IS NULL AND drain_asked_at_ms IS NULL RETURNING worker_id"
                );
                let mut asked = Vec::new();
                for worker in workers {
                    if connection.fetch_first(&sql, params![worker]).await?.is_some() {
                        asked.push(worker);
                    }
                }
                if !asked.is_empty() {
                    log::append(connection, log).await?;
                }
                Ok(asked)
            })
        })
        .await
    }

    async fn retire(&self, workers: &[WorkerId]) -> Result<(), StoreError> {
        touch(self, Heartbeat::idle(workers), true).await.map(drop)
    }

    async fn fleet(&self, within: Option<Duration>) -> Result<Vec<WorkerRow>, StoreError> {
        let now_ms = D::SYNTAX.now_ms;
        let sql = format!(
            "SELECT *, {now_ms} - seen_at_ms AS silent_ms, seen_at_ms - in_hand_since_ms AS in_hand_ms
             FROM crossfoot_worker WHERE $1 IS NULL OR seen_at_ms >= {now_ms} - $1 ORDER BY worker_id"
        );
        let rows = self.fetch(&sql, params![within.map(millis).transpose()?]).await?;
        rows.iter().map(worker_from).collect()
    }

    async fn keep_reports(&self, run_id: RunId, reports: &[Reported]) -> Result<(), StoreError> {
        // The first report of a worker for a chunk stands; a repeated one changes nothing.
        let rows = Insert::into("crossfoot_report")
            .same("run_id", run_id)
            .each("chunk_no", Column::counts(reports, |report| report.chunk_no.0)?)
            .each("role", Column::texts(reports, |report| report.role.name().to_owned()))
            .each("worker_id", Column::counts(reports, |report| report.worker.0.into())?)
            .each("records", Column::counts(reports, |report| report.counts.records)?)
            .each("accepted", Column::counts(reports, |report| report.counts.accepted)?)
            .each("rejected", Column::counts(reports, |report| report.counts.rejected)?)
            .each("bytes", Column::counts(reports, |report| report.counts.bytes)?)
            .each("busy_us", Column::counts(reports, |report| report.counts.busy_us)?)
            .pass_over();
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move { connection.insert(rows).await.map(drop) })
        })
        .await
    }

    async fn unreported(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkNo>, StoreError> {
        let sql = "SELECT c.chunk_no FROM crossfoot_chunk c WHERE c.run_id = $1 AND c.state = 'committed'
                   AND (NOT EXISTS (SELECT 1 FROM crossfoot_report r WHERE r.run_id = $1 AND r.chunk_no = c.chunk_no
                                    AND r.role = 'processor' AND r.worker_id = c.processor_id)
                        OR NOT EXISTS (SELECT 1 FROM crossfoot_report r WHERE r.run_id = $1 AND r.chunk_no = c.chunk_no
                                       AND r.role = 'writer' AND r.worker_id = c.writer_id))
                   ORDER BY c.chunk_no LIMIT $2";
        let rows = self.fetch(sql, params![run_id, limit]).await?;
        rows.iter().map(|row| Ok(ChunkNo(row.get("chunk_no")?))).collect()
    }

    async fn worker_shares(&self, run_id: RunId, job: &Job) -> Result<Vec<WorkerShare>, StoreError> {
        let mut all = Vec::new();
        for (role, column) in [(Role::Processor, "processor_id"), (Role::Writer, "writer_id")] {
            let table = match role {
                Role::Processor => "crossfoot_reject".to_owned(),
                Role::Writer => all_staging(job),
            };
            for row in self.fetch(&shares(column, &table), params![run_id, role.name()]).await? {
                all.push(share_from(&row, role)?);
            }
        }
        Ok(all)
    }
}
