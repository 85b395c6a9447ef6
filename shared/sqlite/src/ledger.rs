//! Runs, chunks and workers in the ledger. Readers are `sqlx`, changes go through [`SqliteStore::write`].

use domain::fingerprint::Hash;
use domain::forest::Forest;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::lifecycle::{RunEvent, RunState};
use domain::totals::Sums;
use rusqlite::{OptionalExtension, Transaction, params};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use store::model::{ChunkCut, ChunkRow, Committed, NewRun, NewWorker, Reported, Run, SplitTotals};
use store::{Fence, Progress, StoreError};

use super::connect::SqliteStore;
use super::evidence;

pub(crate) fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { what: what.into() }
}

/// A count that SQLite keeps as a signed integer.
pub(crate) fn unsigned(row: &SqliteRow, column: &str) -> Result<u64, StoreError> {
    let signed: i64 = row.try_get(column)?;
    u64::try_from(signed).map_err(|_| damaged(format!("{column} is {signed}")))
}

fn optional_unsigned(row: &SqliteRow, column: &str) -> Result<Option<u64>, StoreError> {
    let signed: Option<i64> = row.try_get(column)?;
    signed
        .map(|signed| u64::try_from(signed).map_err(|_| damaged(format!("{column} is {signed}"))))
        .transpose()
}

pub(crate) fn parsed<T: std::str::FromStr>(row: &SqliteRow, column: &str) -> Result<T, StoreError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| damaged(format!("{column} is `{text}`")))
}

fn optional_parsed<T: std::str::FromStr>(row: &SqliteRow, column: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|_| damaged(format!("{column} is `{text}`")))).transpose()
}

pub(crate) fn run_from(row: &SqliteRow) -> Result<Run, StoreError> {
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
    Ok(Run {
        run_id: parsed(row, "run_id")?,
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

/// Fails unless `fence` is the run's newest.
pub(crate) fn hold_fence(transaction: &Transaction<'_>, fence: Fence) -> Result<(), StoreError> {
    let epoch: Option<u64> = transaction
        .prepare_cached("SELECT epoch FROM crossfoot_run WHERE run_id = ?1")?
        .query_row([fence.run_id.to_string()], |row| row.get(0))
        .optional()?;
    if epoch == Some(fence.epoch) { Ok(()) } else { Err(StoreError::Fenced { run_id: fence.run_id }) }
}

/// Takes the run one legal step further.
pub(crate) fn step_run(
    transaction: &Transaction<'_>,
    fence: Fence,
    event: RunEvent,
    note: Option<&str>,
    at_ms: i64,
) -> Result<(), StoreError> {
    hold_fence(transaction, fence)?;
    let run_id = fence.run_id.to_string();
    let state: String =
        transaction
            .query_row("SELECT state FROM crossfoot_run WHERE run_id = ?1", [&run_id], |row| row.get(0))?;
    let from: RunState = state.parse().map_err(|_| damaged(format!("state of run {run_id} is `{state}`")))?;
    let to = from.after(event)?;
    let ended = to.is_over().then_some(at_ms);
    transaction.execute(
        "UPDATE crossfoot_run SET state = ?2, note = ?3, ended_at_ms = ?4 WHERE run_id = ?1",
        params![run_id, to.name(), note, ended],
    )?;
    Ok(())
}

impl SqliteStore {
    pub(crate) async fn insert_run(&self, new: NewRun) -> Result<Run, StoreError> {
        let run_id = new.run_id;
        self.write(move |transaction| {
            // Whoever opens runs looks for the same bytes first; two who look at the same time see nothing.
            if let (Some(sha256), false) = (new.source_sha256, new.again) {
                let other = transaction.query_row(
                    "SELECT run_id FROM crossfoot_run WHERE job = ?1 AND (source_sha256 = ?2 OR split_sha256 = ?2)
                     AND (state IN (?3, ?4, ?5) OR (state = ?6 AND split_records > 0)) LIMIT 1",
                    params![
                        new.job,
                        sha256.to_string(),
                        RunState::Loading.name(),
                        RunState::Staged.name(),
                        RunState::AwaitingApproval.name(),
                        RunState::Promoted.name(),
                    ],
                    |row| row.get(0),
                );
                if let Some(run_id) = other.optional()? {
                    return Err(StoreError::TakenMeanwhile { run_id });
                }
            }
            transaction.execute(
                "INSERT INTO crossfoot_job (digest, name, body) VALUES (?1, ?2, ?3) ON CONFLICT (digest) DO NOTHING",
                params![new.job_digest.to_string(), new.job, new.job_text],
            )?;
            transaction.execute(
                "INSERT INTO crossfoot_run (run_id, job, job_digest, state, source, source_bytes, source_sha256, declared,
                 chunk_bytes, chunk_records, again, pause_after_staged, submitted, actor, opened_at_ms,
                 verify_source)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                params![
                    new.run_id.to_string(),
                    new.job,
                    new.job_digest.to_string(),
                    RunState::Loading.name(),
                    new.source,
                    new.source_bytes,
                    new.source_sha256.map(|hash| hash.to_string()),
                    new.declared,
                    new.chunk_bytes,
                    new.chunk_records,
                    new.again,
                    new.pause_after_staged,
                    new.submitted,
                    new.actor,
                    new.now_ms,
                    new.verify_source.name(),
                ],
            )?;
            evidence::append(transaction, new.opened())?;
            Ok(())
        })
        .await?;
        self.fetch_run(run_id).await
    }

    pub(crate) async fn fetch_run(&self, run_id: RunId) -> Result<Run, StoreError> {
        let row = sqlx::query("SELECT * FROM crossfoot_run WHERE run_id = $1")
            .bind(run_id.to_string())
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| StoreError::NoSuchRun {
                what: run_id.to_string(),
                url: format!("sqlite:{}", self.path.display()),
            })?;
        run_from(&row)
    }

    pub(crate) async fn fetch_runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query("SELECT * FROM crossfoot_run ORDER BY run_id DESC LIMIT $1")
            .bind(limit)
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
        .bind(before.map(|run_id| run_id.to_string()))
        .bind(promoted)
        .bind(limit)
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
        .bind(run_id.to_string())
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

    pub(crate) async fn insert_chunks(&self, fence: Fence, chunks: Vec<ChunkCut>) -> Result<(), StoreError> {
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            let run_id = fence.run_id.to_string();
            let mut insert = transaction.prepare_cached(
                "INSERT INTO crossfoot_chunk (run_id, chunk_no, state, offset_bytes, bytes, first_record_no, records, sha256, parents, decoded)
                 VALUES (?1, ?2, 'split', ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (run_id, chunk_no) DO NOTHING",
            )?;
            let mut same = transaction.prepare_cached(
                "SELECT count(*) FROM crossfoot_chunk WHERE run_id = ?1 AND chunk_no = ?2 AND offset_bytes = ?3 AND bytes = ?4
                 AND first_record_no = ?5 AND records = ?6 AND sha256 = ?7 AND parents = ?8",
            )?;
            for cut in &chunks {
                let parents = serde_json::to_string(&cut.parents).map_err(|error| damaged(error.to_string()))?;
                let values = params![
                    run_id, cut.chunk_no.0, cut.offset, cut.bytes, cut.first_record_no.0, cut.records,
                    cut.sha256.0.as_slice(), parents
                ];
                let decoded = cut.decoded.map(|hash| hash.0);
                let booked = params![
                    run_id, cut.chunk_no.0, cut.offset, cut.bytes, cut.first_record_no.0, cut.records,
                    cut.sha256.0.as_slice(), parents, decoded.as_ref().map(<[u8; 32]>::as_slice)
                ];
                if insert.execute(booked)? == 0 && same.query_row(values, |row| row.get::<_, u64>(0))? == 0 {
                    return Err(damaged(format!(
                        "chunk {} of run {run_id}, at byte {}, was made from different bytes before; the source \
                         is not the one the run started with",
                        cut.chunk_no, cut.offset
                    )));
                }
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn set_split(&self, fence: Fence, totals: SplitTotals) -> Result<(), StoreError> {
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            transaction.execute(
                "UPDATE crossfoot_run SET split_chunks = ?2, split_records = ?3, split_bytes = ?4, split_header_bytes = ?5,
                 split_disk_bytes = ?6, split_sha256 = ?7 WHERE run_id = ?1",
                params![
                    fence.run_id.to_string(),
                    totals.chunks,
                    totals.records,
                    totals.bytes,
                    totals.header_bytes,
                    totals.bytes_on_disk,
                    totals.sha256.to_string()
                ],
            )?;
            Ok(())
        })
        .await
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
        .bind(run_id.to_string())
        .bind(i64::try_from(from).unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(chunk_from).collect()
    }

    pub(crate) async fn fetch_progress(&self, run_id: RunId) -> Result<Progress, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) AS split, count(*) FILTER (WHERE state = 'committed') AS committed,
             count(*) FILTER (WHERE state = 'set-aside') AS set_aside,
             coalesce(sum(records) FILTER (WHERE state = 'committed'), 0) AS records
             FROM crossfoot_chunk WHERE run_id = $1",
        )
        .bind(run_id.to_string())
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
        self.write(move |transaction| {
            let id = transaction.query_row(
                "INSERT INTO crossfoot_worker (name, role, host, pid, version, started_at_ms, seen_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 RETURNING worker_id",
                params![worker.name, worker.role.name(), worker.host, worker.pid, worker.version, worker.now_ms, super::lease::now_ms()],
                |row| row.get(0),
            )?;
            Ok(WorkerId(id))
        })
        .await
    }

    pub(crate) async fn upsert_reports(
        &self,
        run_id: RunId,
        reports: Vec<Reported>,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let run_id = run_id.to_string();
            // The first report of a worker for a chunk stands; a repeated one changes nothing.
            let mut insert = transaction.prepare_cached(
                "INSERT INTO crossfoot_report (run_id, chunk_no, role, worker_id, records, accepted, rejected, bytes, busy_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
            )?;
            for report in &reports {
                insert.execute(params![
                    run_id,
                    report.chunk_no.0,
                    report.role.name(),
                    report.worker.0,
                    report.records,
                    report.accepted,
                    report.rejected,
                    report.bytes,
                    report.busy_us
                ])?;
            }
            Ok(())
        })
        .await
    }
}

fn optional_hash(row: &SqliteRow, column: &str) -> Result<Option<Hash>, StoreError> {
    let bytes: Option<Vec<u8>> = row.try_get(column)?;
    bytes
        .map(|bytes| bytes.try_into().map(Hash).map_err(|_| damaged(format!("{column} of a chunk"))))
        .transpose()
}

pub(crate) fn chunk_from(row: &SqliteRow) -> Result<ChunkRow, StoreError> {
    let sha256: Vec<u8> = row.try_get("sha256")?;
    let parents: String = row.try_get("parents")?;
    let chunk_no = unsigned(row, "chunk_no")?;
    let cut = ChunkCut {
        chunk_no: ChunkNo(chunk_no),
        offset: unsigned(row, "offset_bytes")?,
        bytes: unsigned(row, "bytes")?,
        first_record_no: RecordNo(unsigned(row, "first_record_no")?),
        records: unsigned(row, "records")?,
        parents: serde_json::from_str(&parents)
            .map_err(|_| damaged(format!("parents of chunk {chunk_no}")))?,
        sha256: Hash(sha256.try_into().map_err(|_| damaged(format!("sha256 of chunk {chunk_no}")))?),
        decoded: optional_hash(row, "decoded")?,
    };
    let committed = match optional_unsigned(row, "processor_id")? {
        None => None,
        Some(processor) => Some(committed_from(row, chunk_no, processor)?),
    };
    Ok(ChunkRow { cut, state: parsed(row, "state")?, committed, reason: row.try_get("reason")? })
}

fn committed_from(row: &SqliteRow, chunk_no: u64, processor: u64) -> Result<Committed, StoreError> {
    let worker = |id: u64| u32::try_from(id).map(WorkerId).map_err(|_| damaged("a worker's number"));
    let sums = |column: &str| {
        let text: String = row.try_get(column)?;
        serde_json::from_str(&text).map(Sums).map_err(|_| damaged(format!("{column} of chunk {chunk_no}")))
    };
    let tree: Vec<u8> = row.try_get("tree")?;
    let (rules, by_type): (String, String) = (row.try_get("rules")?, row.try_get("by_type")?);
    Ok(Committed {
        processor: worker(processor)?,
        writer: worker(unsigned(row, "writer_id")?)?,
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
