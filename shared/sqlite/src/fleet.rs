//! What the fleet asks of the ledger: starts charged, signs of life, the coordinator service, readbacks.

use std::time::Duration;

use domain::counts::Role;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::lifecycle::{ChunkState, RunState};
use rusqlite::{OptionalExtension, params};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use store::model::{ChunkCut, ChunkRange, ChunkRow, Heartbeat, Run, Started, Task, WorkerRow, counted};
use store::{Fence, Lease, StoreError};

use super::connect::SqliteStore;
use super::lease::{lasts_still, millis, now_ms};
use super::ledger::{chunk_from, damaged, hold_fence, parsed, run_from, unsigned};

/// The column that counts a role's starts.
const fn starts(role: Role) -> &'static str {
    match role {
        Role::Processor => "processor_starts",
        Role::Writer => "writer_starts",
    }
}

impl SqliteStore {
    pub(crate) async fn charge_start(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        attempt: u64,
        worker: WorkerId,
    ) -> Result<Started, StoreError> {
        self.write(move |transaction| {
            let id = run_id.to_string();
            let found = transaction
                .prepare_cached(
                    "SELECT c.state, r.state, r.epoch, r.job_digest, c.chunk_no, c.offset_bytes, c.bytes, c.first_record_no,
                     c.records, c.sha256, c.parents, c.decoded
                     FROM crossfoot_chunk c JOIN crossfoot_run r ON r.run_id = c.run_id
                     WHERE c.run_id = ?1 AND c.chunk_no = ?2",
                )?
                .query_row(params![id, chunk_no.0], |row| {
                    let states: (String, String) = (row.get(0)?, row.get(1)?);
                    Ok((states, row.get::<_, u64>(2)?, row.get::<_, String>(3)?, RawCut::of(row)?))
                })
                .optional()?;
            let Some(((chunk, run), epoch, digest, cut)) = found else { return Ok(Started::Closed) };
            if chunk == ChunkState::Committed.name() {
                return Ok(Started::Committed);
            }
            if chunk != ChunkState::Split.name() || run != RunState::Loading.name() {
                return Ok(Started::Closed);
            }
            if role == Role::Processor && attempt < epoch {
                return Ok(Started::Closed);
            }
            let job_digest = digest.parse().map_err(|_| damaged(format!("job_digest is `{digest}`")))?;
            let task = Box::new(Task { cut: cut.cut()?, job_digest });
            let starts = starts(role);
            let starts = transaction
                .prepare_cached(&format!(
                    "UPDATE crossfoot_chunk SET {starts} = {starts} + 1, started_by = ?3
                     WHERE run_id = ?1 AND chunk_no = ?2 RETURNING {starts}"
                ))?
                .query_row(params![id, chunk_no.0, worker.0], |row| row.get(0))?;
            Ok(Started::Go { starts, task })
        })
        .await
    }

    pub(crate) async fn fetch_states(
        &self,
        run_id: RunId,
        chunks: &[u64],
    ) -> Result<Vec<(u64, ChunkState)>, StoreError> {
        // As JSON, because SQLite has no arrays.
        let numbers = serde_json::to_string(chunks).map_err(|error| damaged(error.to_string()))?;
        let rows = sqlx::query(
            "SELECT chunk_no, state FROM crossfoot_chunk
             WHERE run_id = $1 AND chunk_no IN (SELECT value FROM json_each($2)) ORDER BY chunk_no",
        )
        .bind(run_id.to_string())
        .bind(numbers)
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
        .bind(run_id.map(|run_id| run_id.to_string()))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let begun = |row: &SqliteRow| {
            let worker =
                u32::try_from(unsigned(row, "started_by")?).map_err(|_| damaged("a worker's number"))?;
            Ok((parsed(row, "run_id")?, ChunkNo(unsigned(row, "chunk_no")?), WorkerId(worker)))
        };
        rows.iter().map(begun).collect()
    }

    pub(crate) async fn uncharge_start(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let starts = starts(role);
            transaction
                .prepare_cached(&format!(
                    "UPDATE crossfoot_chunk SET {starts} = max({starts} - 1, 0) WHERE run_id = ?1 AND chunk_no = ?2"
                ))?
                .execute(params![run_id.to_string(), chunk_no.0])?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn mark_set_aside(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        reason: String,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            transaction.execute(
                "UPDATE crossfoot_chunk SET state = 'set-aside', reason = ?3
                 WHERE run_id = ?1 AND chunk_no = ?2 AND state = 'split'
                 AND EXISTS (SELECT 1 FROM crossfoot_run r WHERE r.run_id = ?1 AND r.state = 'loading')",
                params![run_id.to_string(), chunk_no.0, reason],
            )?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn unset_aside(&self, fence: Fence) -> Result<u64, StoreError> {
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            let changed = transaction.execute(
                "UPDATE crossfoot_chunk SET state = 'split', reason = NULL, processor_starts = 0, writer_starts = 0
                 WHERE run_id = ?1 AND state = 'set-aside'",
                [fence.run_id.to_string()],
            )?;
            Ok(changed as u64)
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
        .bind(run_id.to_string())
        .bind(limit)
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
        .bind(run_id.to_string())
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(ChunkNo(unsigned(row, "chunk_no")?))).collect()
    }

    pub(crate) async fn touch_workers(
        &self,
        workers: Vec<Heartbeat>,
        is_last: bool,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let mut touch = transaction.prepare_cached(
                "UPDATE crossfoot_worker SET seen_at_ms = ?2, stopped_at_ms = CASE WHEN ?3 THEN ?2 END, in_hand_since_ms = ?2 - ?4
                 WHERE worker_id = ?1",
            )?;
            for beat in &workers {
                touch.execute(params![beat.worker.0, now_ms(), is_last, beat.in_hand_ms()])?;
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn fetch_fleet(&self, within: Option<Duration>) -> Result<Vec<WorkerRow>, StoreError> {
        let since_ms = within.map(millis).transpose()?.map(|within_ms| now_ms().saturating_sub(within_ms));
        let rows = sqlx::query(
            "SELECT *, $2 - seen_at_ms AS silent_ms, seen_at_ms - in_hand_since_ms AS in_hand_ms
             FROM crossfoot_worker WHERE $1 IS NULL OR seen_at_ms >= $1 ORDER BY worker_id",
        )
        .bind(since_ms)
        .bind(now_ms())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(worker_from).collect()
    }

    pub(crate) async fn take_service(
        &self,
        owner: String,
        lasts: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        self.write(move |transaction| {
            let lasts_ms = millis(lasts)?;
            let held: Option<(String, i64)> = transaction
                .query_row("SELECT lease_owner, lease_until_ms FROM crossfoot_service", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()?;
            if let Some((held_by, until_ms)) = held
                && held_by != owner
                && lasts_still(until_ms, lasts_ms)
            {
                return Ok(Some(Lease::new(held_by, until_ms.saturating_sub(now_ms()))));
            }
            transaction.execute(
                "INSERT INTO crossfoot_service (one, lease_owner, lease_until_ms) VALUES (1, ?1, ?2)
                 ON CONFLICT (one) DO UPDATE SET lease_owner = excluded.lease_owner, lease_until_ms = excluded.lease_until_ms",
                params![owner, now_ms().saturating_add(lasts_ms)],
            )?;
            Ok(None)
        })
        .await
    }

    pub(crate) async fn fetch_service(&self) -> Result<Option<Lease>, StoreError> {
        let row = sqlx::query("SELECT lease_owner, lease_until_ms FROM crossfoot_service")
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| {
            let until_ms: i64 = row.try_get("lease_until_ms")?;
            Ok(Lease::new(row.try_get("lease_owner")?, until_ms - now_ms()))
        })
        .transpose()
    }

    pub(crate) async fn drop_service(&self, owner: String) -> Result<(), StoreError> {
        self.write(move |transaction| {
            transaction.execute("DELETE FROM crossfoot_service WHERE lease_owner = ?1", [owner])?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn fetch_waiting(&self, lasts: Duration, limit: u32) -> Result<Vec<Run>, StoreError> {
        let now_ms = now_ms();
        let rows = sqlx::query(
            "SELECT * FROM crossfoot_run WHERE submitted AND NOT parked AND state IN ('loading', 'staged')
             AND (lease_until_ms IS NULL OR lease_until_ms <= $1 OR lease_until_ms > $2) ORDER BY run_id LIMIT $3",
        )
        .bind(now_ms)
        .bind(now_ms.saturating_add(millis(lasts)?))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(run_from).collect()
    }

    pub(crate) async fn set_parked(&self, fence: Fence, why: Option<String>) -> Result<(), StoreError> {
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            let id = fence.run_id.to_string();
            let state: String =
                transaction.query_row("SELECT state FROM crossfoot_run WHERE run_id = ?1", [&id], |row| {
                    row.get(0)
                })?;
            let state: RunState = state.parse().map_err(|_| damaged(format!("state is `{state}`")))?;
            if state.is_over() {
                return Err(StoreError::Over { run_id: fence.run_id, state });
            }
            transaction.execute(
                "UPDATE crossfoot_run SET parked = ?2 IS NOT NULL, note = ?2 WHERE run_id = ?1",
                params![id, why],
            )?;
            Ok(())
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
        self.write(move |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO crossfoot_readback (run_id, pass, first_chunk, end_chunk, body) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![run_id.to_string(), pass, range.first, range.end, found])?;
            Ok(())
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
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let rows = sqlx::query(
            "SELECT first_chunk, end_chunk, body FROM crossfoot_readback WHERE run_id = $1 AND pass = $2 AND first_chunk >= $3
             ORDER BY first_chunk, end_chunk LIMIT $4",
        )
        .bind(run_id.to_string())
        .bind(signed(pass))
        .bind(signed(from))
        .bind(limit)
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
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            transaction
                .execute("DELETE FROM crossfoot_readback WHERE run_id = ?1", [fence.run_id.to_string()])?;
            Ok(())
        })
        .await
    }
}

/// A chunk as it was cut, as the bulk connection reads it: from the fifth column on.
struct RawCut {
    chunk_no: u64,
    offset: u64,
    bytes: u64,
    first_record_no: u64,
    records: u64,
    sha256: Vec<u8>,
    parents: String,
    decoded: Option<Vec<u8>>,
}

impl RawCut {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            chunk_no: row.get(4)?,
            offset: row.get(5)?,
            bytes: row.get(6)?,
            first_record_no: row.get(7)?,
            records: row.get(8)?,
            sha256: row.get(9)?,
            parents: row.get(10)?,
            decoded: row.get(11)?,
        })
    }

    fn cut(self) -> Result<ChunkCut, StoreError> {
        let chunk_no = self.chunk_no;
        let hash = |bytes: Vec<u8>| {
            bytes.try_into().map(Hash).map_err(|_| damaged(format!("a digest of chunk {chunk_no}")))
        };
        Ok(ChunkCut {
            chunk_no: ChunkNo(chunk_no),
            offset: self.offset,
            bytes: self.bytes,
            first_record_no: RecordNo(self.first_record_no),
            records: self.records,
            parents: serde_json::from_str(&self.parents)
                .map_err(|_| damaged(format!("parents of chunk {chunk_no}")))?,
            sha256: hash(self.sha256)?,
            decoded: self.decoded.map(hash).transpose()?,
        })
    }
}

fn worker_from(row: &SqliteRow) -> Result<WorkerRow, StoreError> {
    let number = |column: &str| {
        u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| damaged(format!("a worker's {column}")))
    };
    let role: String = row.try_get("role")?;
    Ok(WorkerRow {
        worker_id: WorkerId(number("worker_id")?),
        name: row.try_get("name")?,
        role: role.parse().map_err(|_| damaged(format!("a worker's role is `{role}`")))?,
        host: row.try_get("host")?,
        pid: number("pid")?,
        version: row.try_get("version")?,
        started_at_ms: row.try_get("started_at_ms")?,
        seen_at_ms: row.try_get("seen_at_ms")?,
        stopped_at_ms: row.try_get("stopped_at_ms")?,
        silent: counted(row.try_get("silent_ms")?),
        in_hand: row.try_get::<Option<i64>, _>("in_hand_ms")?.map(counted),
    })
}
