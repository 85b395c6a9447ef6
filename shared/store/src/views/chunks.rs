//! How far chunks are, and how long workers take for them.

use std::collections::BTreeMap;

use domain::counts::{Counts, Role};
use domain::ids::{ChunkNo, RunId, WorkerId};

use super::model::{ChunkPhase, ChunkReport, ChunkStory, ChunkTimes, ChunkTotals};
use crate::database::Database;
use crate::param::Param;
use crate::row::Row;
use crate::{StoreError, damaged, params};

pub(super) async fn chunk_phases<D: Database>(
    database: &D,
    run_id: RunId,
    from: u64,
    limit: u32,
) -> Result<Vec<ChunkPhase>, StoreError> {
    // The place of each phase in `ChunkPhase::ALL`. Reports are looked for only where they can tell something new.
    let sql = "SELECT CASE c.state WHEN 'committed' THEN 3 WHEN 'set-aside' THEN 4 ELSE
                   CASE WHEN EXISTS (SELECT 1 FROM crossfoot_report r WHERE r.run_id = c.run_id
                                     AND r.chunk_no = c.chunk_no AND r.role = 'processor') THEN 2
                        WHEN c.processor_starts > 0 THEN 1 ELSE 0 END END AS phase
               FROM crossfoot_chunk c WHERE c.run_id = $1 AND c.chunk_no >= $2 ORDER BY c.chunk_no LIMIT $3";
    let place = |phases: &mut Vec<ChunkPhase>, row: Row| {
        let place: u32 = row.get("phase")?;
        let phase = usize::try_from(place).ok().and_then(|place| ChunkPhase::ALL.get(place));
        phases.push(*phase.ok_or_else(|| damaged(format!("the phase of a chunk is {place}")))?);
        Ok(())
    };
    database.fold(sql, params![run_id, Param::place(from), limit], Vec::new(), place).await
}

pub(super) async fn chunk_story<D: Database>(
    database: &D,
    run_id: RunId,
    chunk_no: ChunkNo,
) -> Result<Option<ChunkStory>, StoreError> {
    let sql = "SELECT c.processor_starts, c.writer_starts, c.started_by, r.role, r.worker_id, r.records, r.accepted,
                      r.rejected, r.bytes, r.busy_us
               FROM crossfoot_chunk c LEFT JOIN crossfoot_report r ON r.run_id = c.run_id AND r.chunk_no = c.chunk_no
               WHERE c.run_id = $1 AND c.chunk_no = $2 ORDER BY r.role, r.worker_id";
    let rows = database.fetch(sql, params![run_id, Param::place(chunk_no.0)]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut reports = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(worker) = row.get::<Option<u32>>("worker_id")? {
            reports.push(ChunkReport {
                role: row.parsed("role")?,
                worker: WorkerId(worker),
                counts: Counts {
                    chunks: 1,
                    records: row.get("records")?,
                    accepted: row.get("accepted")?,
                    rejected: row.get("rejected")?,
                },
                bytes: row.get("bytes")?,
                busy_us: row.get("busy_us")?,
            });
        }
    }
    Ok(Some(ChunkStory {
        processor_starts: first.get("processor_starts")?,
        writer_starts: first.get("writer_starts")?,
        started_by: first.get::<Option<u32>>("started_by")?.map(WorkerId),
        reports,
    }))
}

pub(super) async fn read_ahead<D: Database>(database: &D, run_id: RunId) -> Result<ChunkTotals, StoreError> {
    let sum = |of: &str| format!("CAST(coalesce(sum({of}), 0) AS bigint) AS {of}");
    let sql = format!(
        "SELECT count(*) AS n, {}, {}, {} FROM (
             SELECT r.chunk_no, max(r.records) AS records, max(r.accepted) AS accepted, max(r.rejected) AS rejected
             FROM crossfoot_chunk c CROSS JOIN crossfoot_report r
             WHERE c.run_id = $1 AND c.state = 'split' AND r.run_id = $1 AND r.chunk_no = c.chunk_no
             AND r.role = 'processor' GROUP BY r.chunk_no) AS ahead",
        sum("records"),
        sum("accepted"),
        sum("rejected"),
    );
    let row = database.fetch_one(&sql, params![run_id]).await?;
    Ok(ChunkTotals {
        chunks: row.get("n")?,
        read: row.get("records")?,
        accepted: row.get("accepted")?,
        rejected: row.get("rejected")?,
        ..ChunkTotals::default()
    })
}

pub(super) async fn chunk_times<D: Database>(
    database: &D,
    run_id: RunId,
) -> Result<Vec<ChunkTimes>, StoreError> {
    // Sorted here: for window functions SQLite keeps every report twice.
    let sql = "SELECT CASE role WHEN 'processor' THEN 1 ELSE 0 END AS processes, worker_id, busy_us
               FROM crossfoot_report WHERE run_id = $1";
    type Times = BTreeMap<(bool, u32), Vec<u64>>;
    let add = |all: &mut Times, row: Row| {
        let key = (row.get("processes")?, row.get("worker_id")?);
        all.entry(key).or_default().push(row.get("busy_us")?);
        Ok(())
    };
    let all = database.fold(sql, params![run_id], Times::new(), add).await?;
    let times = |((processes, worker), mut times): ((bool, u32), Vec<u64>)| {
        times.sort_unstable();
        // The nearest rank: of n values the one at the ceiling of n/2 and of 95 n / 100, from 1.
        let rank = |hundredths: usize| times.get((times.len() * hundredths).div_ceil(100).saturating_sub(1));
        Some(ChunkTimes {
            worker: WorkerId(worker),
            role: if processes { Role::Processor } else { Role::Writer },
            chunks: times.len() as u64,
            median_us: *rank(50)?,
            p95_us: *rank(95)?,
        })
    };
    Ok(all.into_iter().filter_map(times).collect())
}
