//! Chunks and workers in the ledger.

use domain::fingerprint::Hash;
use domain::forest::Forest;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::totals::Sums;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use store::model::{ChunkCut, ChunkRow, Committed, NewWorker, Reported};
use store::{Fence, Progress, StoreError};

use super::clock::NOW_MS;
use super::connect::{Id, PostgresStore};
use super::ledger::{damaged, hold_fence, optional_unsigned, parsed, place, signed, unsigned, words};

/// One column of many rows: they travel as arrays, in one statement.
fn column<T>(rows: &[T], value: impl Fn(&T) -> u64) -> Result<Vec<i64>, StoreError> {
    rows.iter().map(|row| signed(value(row))).collect()
}

async fn insert_chunks(
    connection: &mut PgConnection,
    fence: Fence,
    chunks: Vec<ChunkCut>,
) -> Result<(), StoreError> {
    hold_fence(connection, fence).await?;
    let numbers = column(&chunks, |cut| cut.chunk_no.0)?;
    let offsets = column(&chunks, |cut| cut.offset)?;
    let bytes = column(&chunks, |cut| cut.bytes)?;
    let firsts = column(&chunks, |cut| cut.first_record_no.0)?;
    let records = column(&chunks, |cut| cut.records)?;
    let decoded: Vec<_> = chunks.iter().map(|cut| cut.decoded.map(|hash| hash.0.to_vec())).collect();
    let digests: Vec<_> = chunks.iter().map(|cut| cut.sha256.0.to_vec()).collect();
    let parents: Vec<_> = chunks
        .iter()
        .map(|cut| serde_json::to_string(&cut.parents).map_err(|error| damaged(error.to_string())))
        .collect::<Result<_, _>>()?;
    let bound = |query: sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>| {
        query
            .bind(Id(fence.run_id))
            .bind(numbers.clone())
            .bind(offsets.clone())
            .bind(bytes.clone())
            .bind(firsts.clone())
            .bind(records.clone())
            .bind(digests.clone())
            .bind(parents.clone())
    };
    let inserted = bound(sqlx::query(
        "INSERT INTO crossfoot_chunk (run_id, chunk_no, state, offset_bytes, bytes, first_record_no, records, sha256, parents, decoded)
         SELECT $1, chunk_no, 'split', offset_bytes, bytes, first_record_no, records, sha256, parents, decoded
         FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::text[], $9::bytea[])
              AS n (chunk_no, offset_bytes, bytes, first_record_no, records, sha256, parents, decoded)
         ON CONFLICT (run_id, chunk_no) DO NOTHING",
    ))
    .bind(decoded)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if inserted == chunks.len() as u64 {
        return Ok(());
    }
    let other = bound(sqlx::query(
        "SELECT n.chunk_no, n.offset_bytes
         FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::text[])
              AS n (chunk_no, offset_bytes, bytes, first_record_no, records, sha256, parents)
         LEFT JOIN crossfoot_chunk c ON c.run_id = $1 AND c.chunk_no = n.chunk_no
         WHERE (c.offset_bytes, c.bytes, c.first_record_no, c.records, c.sha256, c.parents)
               IS DISTINCT FROM (n.offset_bytes, n.bytes, n.first_record_no, n.records, n.sha256, n.parents)
         ORDER BY n.chunk_no LIMIT 1",
    ))
    .fetch_optional(connection)
    .await?;
    match other {
        None => Ok(()),
        Some(row) => Err(damaged(format!(
            "chunk {} of run {}, at byte {}, was made from different bytes before; the source is not the one \
             the run started with",
            unsigned(&row, "chunk_no")?,
            fence.run_id,
            unsigned(&row, "offset_bytes")?,
        ))),
    }
}

impl PostgresStore {
    pub(crate) async fn insert_chunks(&self, fence: Fence, chunks: Vec<ChunkCut>) -> Result<(), StoreError> {
        self.write(move |connection| Box::pin(insert_chunks(connection, fence, chunks))).await
    }

    pub(crate) async fn fetch_chunks(
        &self,
        run_id: RunId,
        from: u64,
        limit: u32,
    ) -> Result<Vec<ChunkRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM crossfoot_chunk WHERE run_id = $1 AND chunk_no >= $2 ORDER BY chunk_no LIMIT $3",
        )
        .bind(Id(run_id))
        .bind(place(from))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(chunk_from).collect()
    }

    pub(crate) async fn fetch_progress(&self, run_id: RunId) -> Result<Progress, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) AS split, count(*) FILTER (WHERE state = 'committed') AS committed,
             count(*) FILTER (WHERE state = 'set-aside') AS set_aside,
             coalesce(sum(records) FILTER (WHERE state = 'committed'), 0)::bigint AS records
             FROM crossfoot_chunk WHERE run_id = $1",
        )
        .bind(Id(run_id))
        .fetch_one(&self.pool)
        .await?;
        Ok(Progress {
            split: unsigned(&row, "split")?,
            committed: unsigned(&row, "committed")?,
            set_aside: unsigned(&row, "set_aside")?,
            records: unsigned(&row, "records")?,
        })
    }

    pub(crate) async fn insert_worker(&self, worker: NewWorker) -> Result<WorkerId, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let sql = format!(
                    "INSERT INTO crossfoot_worker (name, role, host, pid, version, started_at_ms, seen_at_ms)
                     VALUES ($1, $2, $3, $4, $5, $6, {NOW_MS}) RETURNING worker_id"
                );
                let row = sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(words(&worker.name))
                    .bind(worker.role.name())
                    .bind(words(&worker.host))
                    .bind(i64::from(worker.pid))
                    .bind(&worker.version)
                    .bind(worker.now_ms)
                    .fetch_one(connection)
                    .await?;
                worker_from(unsigned(&row, "worker_id")?)
            })
        })
        .await
    }

    pub(crate) async fn upsert_reports(
        &self,
        run_id: RunId,
        reports: Vec<Reported>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let roles: Vec<_> = reports.iter().map(|report| report.role.name().to_owned()).collect();
                // The first report of a worker for a chunk stands; a repeated one changes nothing.
                sqlx::query(
                    "INSERT INTO crossfoot_report (run_id, chunk_no, role, worker_id, records, accepted, rejected, bytes, busy_us)
                     SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                                              $8::bigint[], $9::bigint[])
                     ON CONFLICT DO NOTHING",
                )
                .bind(Id(run_id))
                .bind(column(&reports, |report| report.chunk_no.0)?)
                .bind(roles)
                .bind(column(&reports, |report| u64::from(report.worker.0))?)
                .bind(column(&reports, |report| report.records)?)
                .bind(column(&reports, |report| report.accepted)?)
                .bind(column(&reports, |report| report.rejected)?)
                .bind(column(&reports, |report| report.bytes)?)
                .bind(column(&reports, |report| report.busy_us)?)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }
}

pub(crate) fn worker_from(id: u64) -> Result<WorkerId, StoreError> {
    u32::try_from(id).map(WorkerId).map_err(|_| damaged("a worker's number"))
}

fn optional_hash(row: &PgRow, column: &str) -> Result<Option<Hash>, StoreError> {
    let bytes: Option<Vec<u8>> = row.try_get(column)?;
    bytes
        .map(|bytes| bytes.try_into().map(Hash).map_err(|_| damaged(format!("{column} of a chunk"))))
        .transpose()
}

pub(crate) fn cut_from(row: &PgRow) -> Result<ChunkCut, StoreError> {
    let sha256: Vec<u8> = row.try_get("sha256")?;
    let parents: String = row.try_get("parents")?;
    let chunk_no = unsigned(row, "chunk_no")?;
    Ok(ChunkCut {
        chunk_no: ChunkNo(chunk_no),
        offset: unsigned(row, "offset_bytes")?,
        bytes: unsigned(row, "bytes")?,
        first_record_no: RecordNo(unsigned(row, "first_record_no")?),
        records: unsigned(row, "records")?,
        parents: serde_json::from_str(&parents)
            .map_err(|_| damaged(format!("parents of chunk {chunk_no}")))?,
        sha256: Hash(sha256.try_into().map_err(|_| damaged(format!("sha256 of chunk {chunk_no}")))?),
        decoded: optional_hash(row, "decoded")?,
    })
}

pub(crate) fn chunk_from(row: &PgRow) -> Result<ChunkRow, StoreError> {
    let cut = cut_from(row)?;
    let chunk_no = cut.chunk_no.0;
    let committed = match optional_unsigned(row, "processor_id")? {
        None => None,
        Some(processor) => Some(committed_from(row, chunk_no, processor)?),
    };
    Ok(ChunkRow { cut, state: parsed(row, "state")?, committed, reason: row.try_get("reason")? })
}

fn committed_from(row: &PgRow, chunk_no: u64, processor: u64) -> Result<Committed, StoreError> {
    let sums = |column: &str| {
        let text: String = row.try_get(column)?;
        serde_json::from_str(&text).map(Sums).map_err(|_| damaged(format!("{column} of chunk {chunk_no}")))
    };
    let tree: Vec<u8> = row.try_get("tree")?;
    let (rules, by_type): (String, String) = (row.try_get("rules")?, row.try_get("by_type")?);
    Ok(Committed {
        processor: worker_from(processor)?,
        writer: worker_from(unsigned(row, "writer_id")?)?,
        bytes_in: unsigned(row, "bytes_in")?,
        records_in: unsigned(row, "records_in")?,
        accepted: unsigned(row, "accepted")?,
        by_type: serde_json::from_str(&by_type)
            .map_err(|_| damaged(format!("by_type of chunk {chunk_no}")))?,
        rejected: unsigned(row, "rejected")?,
        sums: sums("sums")?,
        rejected_sums: sums("rejected_sums")?,
        tree: Forest::from_bytes(&tree).map_err(|_| damaged(format!("tree of chunk {chunk_no}")))?,
        footing: row.try_get("footing")?,
        rules: serde_json::from_str(&rules).map_err(|_| damaged(format!("rules of chunk {chunk_no}")))?,
        content: optional_hash(row, "content")?,
    })
}
