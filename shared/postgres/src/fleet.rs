//! What the fleet asks of the ledger: starts charged, signs of life, the coordinator service, readbacks.

use std::time::Duration;

use domain::counts::Role;
use domain::ids::{ChunkNo, RunId, WorkerId};
use domain::lifecycle::{ChunkState, RunState};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::model::{ChunkRange, ChunkRow, Heartbeat, Run, Started, Task, WorkerRow, counted};
use store::{Fence, Lease, StoreError};

use super::chunks::{chunk_from, cut_from, worker_from};
use super::clock::{NOW_MS, millis};
use super::connect::{Id, Lock, PostgresStore, share};
use super::ledger::{damaged, hold_fence, parsed, place, run_from, signed, unsigned, words};

/// What is charged and what is a sign of life must outlive a worker, not a crash of the server: nobody waits for the
/// disk, and what is acknowledged as data is not among it.
const IN_PASSING: &str = "SET LOCAL synchronous_commit = off";

/// The column that counts a role's starts.
const fn starts(role: Role) -> &'static str {
    match role {
        Role::Processor => "processor_starts",
        Role::Writer => "writer_starts",
    }
}

async fn charge(
    connection: &mut PgConnection,
    run_id: RunId,
    chunk_no: ChunkNo,
    role: Role,
    attempt: u64,
    worker: WorkerId,
) -> Result<Started, StoreError> {
    connection.execute(IN_PASSING).await?;
    let found = sqlx::query(
        "SELECT c.*, r.state AS run_state, r.epoch, r.job_digest FROM crossfoot_chunk c JOIN crossfoot_run r ON r.run_id = c.run_id
         WHERE c.run_id = $1 AND c.chunk_no = $2 FOR UPDATE OF c",
    )
    .bind(Id(run_id))
    .bind(signed(chunk_no.0)?)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(found) = found else { return Ok(Started::Closed) };
    let (chunk, run): (String, String) = (found.try_get("state")?, found.try_get("run_state")?);
    if chunk == ChunkState::Committed.name() {
        return Ok(Started::Committed);
    }
    if chunk != ChunkState::Split.name() || run != RunState::Loading.name() {
        return Ok(Started::Closed);
    }
    if role == Role::Processor && attempt < unsigned(&found, "epoch")? {
        return Ok(Started::Closed);
    }
    let task = Box::new(Task { cut: cut_from(&found)?, job_digest: parsed(&found, "job_digest")? });
    let starts = starts(role);
    let row = sqlx::query(AssertSqlSafe(format!(
        "UPDATE crossfoot_chunk SET {starts} = {starts} + 1, started_by = $3 WHERE run_id = $1 AND chunk_no = $2
         RETURNING {starts} AS n"
    )))
    .bind(Id(run_id))
    .bind(signed(chunk_no.0)?)
    .bind(i64::from(worker.0))
    .fetch_one(connection)
    .await?;
    Ok(Started::Go { starts: u32::try_from(unsigned(&row, "n")?).unwrap_or(u32::MAX), task })
}

async fn take_service(
    connection: &mut PgConnection,
    owner: String,
    lasts: Duration,
) -> Result<Option<Lease>, StoreError> {
    // The row is taken, or made, if its holder's time is over: of two who try at once, one waits and then sees. A lease
    // that would last longer than any does was made by a clock that has been set back since.
    let sql = format!(
        "INSERT INTO crossfoot_service AS s (one, lease_owner, lease_until_ms) VALUES (1, $1, {NOW_MS} + $2)
         ON CONFLICT (one) DO UPDATE SET lease_owner = excluded.lease_owner, lease_until_ms = excluded.lease_until_ms
         WHERE s.lease_owner = excluded.lease_owner OR s.lease_until_ms <= {NOW_MS} OR s.lease_until_ms > {NOW_MS} + $2"
    );
    let taken =
        sqlx::query(AssertSqlSafe(sql)).bind(&owner).bind(millis(lasts)?).execute(&mut *connection).await?;
    if taken.rows_affected() == 1 {
        return Ok(None);
    }
    let sql = format!("SELECT lease_owner, lease_until_ms - {NOW_MS} AS left_ms FROM crossfoot_service");
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await?;
    Ok(Some(Lease::new(row.try_get("lease_owner")?, row.try_get("left_ms")?)))
}

impl PostgresStore {
    pub(crate) async fn charge_start(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        attempt: u64,
        worker: WorkerId,
    ) -> Result<Started, StoreError> {
        self.write(move |connection| Box::pin(charge(connection, run_id, chunk_no, role, attempt, worker)))
            .await
    }

    pub(crate) async fn fetch_states(
        &self,
        run_id: RunId,
        chunks: &[u64],
    ) -> Result<Vec<(u64, ChunkState)>, StoreError> {
        let rows = sqlx::query(
            "SELECT chunk_no, state FROM crossfoot_chunk WHERE run_id = $1 AND chunk_no = ANY($2) ORDER BY chunk_no",
        )
        .bind(Id(run_id))
        .bind(chunks.iter().map(|chunk_no| place(*chunk_no)).collect::<Vec<_>>())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((unsigned(row, "chunk_no")?, parsed(row, "state")?))).collect()
    }

    pub(crate) async fn fetch_begun(
        &self,
        run_id: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<(RunId, ChunkNo, WorkerId)>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.run_id, c.chunk_no, c.started_by FROM crossfoot_run r JOIN crossfoot_chunk c ON c.run_id = r.run_id
             WHERE r.state = 'loading' AND ($1 IS NULL OR r.run_id = $1) AND c.state = 'split'
             AND c.started_by IS NOT NULL AND c.processor_starts + c.writer_starts > 0
             ORDER BY c.run_id, c.chunk_no LIMIT $2",
        )
        .bind(run_id.map(Id))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let begun = |row: &PgRow| {
            let Id(run_id) = row.try_get("run_id")?;
            Ok((run_id, ChunkNo(unsigned(row, "chunk_no")?), worker_from(unsigned(row, "started_by")?)?))
        };
        rows.iter().map(begun).collect()
    }

    pub(crate) async fn uncharge_start(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                connection.execute(IN_PASSING).await?;
                let starts = starts(role);
                sqlx::query(AssertSqlSafe(format!(
                    "UPDATE crossfoot_chunk SET {starts} = {starts} - 1
                     WHERE run_id = $1 AND chunk_no = $2 AND {starts} > 0"
                )))
                .bind(Id(run_id))
                .bind(signed(chunk_no.0)?)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn mark_set_aside(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        reason: String,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                share(connection, Lock::State(run_id)).await?;
                sqlx::query(
                    "UPDATE crossfoot_chunk SET state = 'set-aside', reason = $3
                     WHERE run_id = $1 AND chunk_no = $2 AND state = 'split'
                     AND EXISTS (SELECT 1 FROM crossfoot_run r WHERE r.run_id = $1 AND r.state = 'loading')",
                )
                .bind(Id(run_id))
                .bind(signed(chunk_no.0)?)
                .bind(words(&reason))
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn unset_aside(&self, fence: Fence) -> Result<u64, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                let changed = sqlx::query(
                    "UPDATE crossfoot_chunk SET state = 'split', reason = NULL, processor_starts = 0, writer_starts = 0
                     WHERE run_id = $1 AND state = 'set-aside'",
                )
                .bind(Id(fence.run_id))
                .execute(connection)
                .await?;
                Ok(changed.rows_affected())
            })
        })
        .await
    }

    pub(crate) async fn fetch_chunks_aside(
        &self,
        run_id: RunId,
        limit: u32,
    ) -> Result<Vec<ChunkRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM crossfoot_chunk WHERE run_id = $1 AND state = 'set-aside' ORDER BY chunk_no LIMIT $2",
        )
        .bind(Id(run_id))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(chunk_from).collect()
    }

    pub(crate) async fn fetch_unreported(
        &self,
        run_id: RunId,
        limit: u32,
    ) -> Result<Vec<ChunkNo>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.chunk_no FROM crossfoot_chunk c WHERE c.run_id = $1 AND c.state = 'committed'
             AND (NOT EXISTS (SELECT 1 FROM crossfoot_report r WHERE r.run_id = $1 AND r.chunk_no = c.chunk_no
                              AND r.role = 'processor' AND r.worker_id = c.processor_id)
                  OR NOT EXISTS (SELECT 1 FROM crossfoot_report r WHERE r.run_id = $1 AND r.chunk_no = c.chunk_no
                                 AND r.role = 'writer' AND r.worker_id = c.writer_id))
             ORDER BY c.chunk_no LIMIT $2",
        )
        .bind(Id(run_id))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(ChunkNo(unsigned(row, "chunk_no")?))).collect()
    }

    pub(crate) async fn touch_workers(
        &self,
        workers: Vec<Heartbeat>,
        is_last: bool,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                connection.execute(IN_PASSING).await?;
                let sql = format!(
                    "UPDATE crossfoot_worker w
                     SET seen_at_ms = {NOW_MS}, stopped_at_ms = CASE WHEN $2 THEN {NOW_MS} END,
                         in_hand_since_ms = {NOW_MS} - n.in_hand_ms
                     FROM unnest($1::bigint[], $3::bigint[]) AS n (worker_id, in_hand_ms) WHERE w.worker_id = n.worker_id"
                );
                sqlx::query(AssertSqlSafe(sql))
                    .bind(workers.iter().map(|beat| i64::from(beat.worker.0)).collect::<Vec<_>>())
                    .bind(is_last)
                    .bind(workers.iter().map(Heartbeat::in_hand_ms).collect::<Vec<_>>())
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn fetch_fleet(&self, within: Option<Duration>) -> Result<Vec<WorkerRow>, StoreError> {
        let sql = format!(
            "SELECT *, {NOW_MS} - seen_at_ms AS silent_ms, seen_at_ms - in_hand_since_ms AS in_hand_ms
             FROM crossfoot_worker WHERE $1::bigint IS NULL OR seen_at_ms >= {NOW_MS} - $1 ORDER BY worker_id"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(within.map(millis).transpose()?)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(row_of_worker).collect()
    }

    pub(crate) async fn take_service(
        &self,
        owner: String,
        lasts: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        self.write(move |connection| Box::pin(take_service(connection, owner, lasts))).await
    }

    pub(crate) async fn fetch_service(&self) -> Result<Option<Lease>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!(
            "SELECT lease_owner, greatest(lease_until_ms - {NOW_MS}, 0) AS left_ms FROM crossfoot_service"
        )))
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| Ok(Lease::new(row.try_get("lease_owner")?, row.try_get("left_ms")?))).transpose()
    }

    pub(crate) async fn drop_service(&self, owner: String) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query("DELETE FROM crossfoot_service WHERE lease_owner = $1")
                    .bind(owner)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn fetch_waiting(&self, lasts: Duration, limit: u32) -> Result<Vec<Run>, StoreError> {
        let sql = format!(
            "SELECT * FROM crossfoot_run WHERE submitted AND NOT parked AND state IN ('loading', 'staged')
             AND (lease_until_ms IS NULL OR lease_until_ms <= {NOW_MS} OR lease_until_ms > {NOW_MS} + $1)
             ORDER BY run_id LIMIT $2"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(millis(lasts)?)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(run_from).collect()
    }

    pub(crate) async fn set_parked(&self, fence: Fence, why: Option<String>) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                let row = sqlx::query("SELECT state FROM crossfoot_run WHERE run_id = $1 FOR NO KEY UPDATE")
                    .bind(Id(fence.run_id))
                    .fetch_one(&mut *connection)
                    .await?;
                let state: RunState = parsed(&row, "state")?;
                if state.is_over() {
                    return Err(StoreError::Over { run_id: fence.run_id, state });
                }
                sqlx::query(
                    "UPDATE crossfoot_run SET parked = $2::text IS NOT NULL, note = $2 WHERE run_id = $1",
                )
                .bind(Id(fence.run_id))
                .bind(why.as_deref().map(words))
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn insert_readback(
        &self,
        run_id: RunId,
        pass: u64,
        range: ChunkRange,
        found: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                // Lost in a crash of the server, the range is read back once more.
                connection.execute(IN_PASSING).await?;
                sqlx::query(
                    "INSERT INTO crossfoot_readback (run_id, pass, first_chunk, end_chunk, body) VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT DO NOTHING",
                )
                .bind(Id(run_id))
                .bind(signed(pass)?)
                .bind(signed(range.first)?)
                .bind(signed(range.end)?)
                .bind(found)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn fetch_readbacks(
        &self,
        run_id: RunId,
        pass: u64,
        from: u64,
        limit: u32,
    ) -> Result<Vec<(ChunkRange, Vec<u8>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT first_chunk, end_chunk, body FROM crossfoot_readback WHERE run_id = $1 AND pass = $2 AND first_chunk >= $3
             ORDER BY first_chunk, end_chunk LIMIT $4",
        )
        .bind(Id(run_id))
        .bind(place(pass))
        .bind(place(from))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let range = |row| {
            Ok::<_, StoreError>(ChunkRange {
                first: unsigned(row, "first_chunk")?,
                end: unsigned(row, "end_chunk")?,
            })
        };
        rows.iter().map(|row| Ok((range(row)?, row.try_get("body")?))).collect()
    }

    pub(crate) async fn drop_readbacks(&self, fence: Fence) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                sqlx::query("DELETE FROM crossfoot_readback WHERE run_id = $1")
                    .bind(Id(fence.run_id))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

fn row_of_worker(row: &PgRow) -> Result<WorkerRow, StoreError> {
    let role: String = row.try_get("role")?;
    Ok(WorkerRow {
        worker_id: worker_from(unsigned(row, "worker_id")?)?,
        name: row.try_get("name")?,
        role: role.parse().map_err(|_| damaged(format!("a worker's role is `{role}`")))?,
        host: row.try_get("host")?,
        pid: u32::try_from(unsigned(row, "pid")?).map_err(|_| damaged("a worker's pid"))?,
        version: row.try_get("version")?,
        started_at_ms: row.try_get("started_at_ms")?,
        seen_at_ms: row.try_get("seen_at_ms")?,
        stopped_at_ms: row.try_get("stopped_at_ms")?,
        silent: counted(row.try_get("silent_ms")?),
        in_hand: row.try_get::<Option<i64>, _>("in_hand_ms")?.map(counted),
    })
}
