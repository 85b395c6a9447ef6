//! Chunks in the ledger: recorded as they are cut, started, set aside, requeued.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::counts::Role;
use domain::forest::Forest;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use domain::lifecycle::ChunkState;
use domain::start::{Start, may_start};
use domain::totals::Sums;

use crate::database::{Change, Connection, Database, Lock};
use crate::model::{BegunChunk, ChunkCut, ChunkRow, ChunkStanding, Committed, Started, Task};
use crate::param::{Column, Insert, Param};
use crate::row::Row;
use crate::runs::hold_fence;
use crate::views::ChunkTotals;
use crate::{Fence, Progress, StoreError, damaged, params};

/// A chunk that no worker could read so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedBack {
    /// The number of the chunk.
    pub chunk_no: ChunkNo,
    /// Why the worker that had it last handed it back.
    pub reason: String,
    /// Whether every chunk of the run that was begun and is not settled was handed back too.
    pub are_all: bool,
}

/// The chunks of runs.
#[async_trait]
#[delegatable_trait]
pub trait Chunks: Send + Sync {
    /// Records chunks as they were cut. A chunk that the ledger already has must be the same.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when a chunk of that number was cut otherwise, [`StoreError::Fenced`].
    async fn add_chunks(&self, fence: Fence, chunks: &[ChunkCut]) -> Result<(), StoreError>;
    /// Chunks from number `from` on, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn chunks(&self, run_id: RunId, from: u64, limit: u32) -> Result<Vec<ChunkRow>, StoreError>;
    /// Counts the run's chunks: split, committed, set aside.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn progress(&self, run_id: RunId) -> Result<Progress, StoreError>;
    /// The states of these chunks of the run, in order of their numbers; chunks that the ledger does not have are
    /// left out.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn chunk_states(&self, run_id: RunId, chunks: &[u64]) -> Result<Vec<ChunkStanding>, StoreError>;
    /// Charges a start: a worker does this before it begins a chunk, so that a chunk which kills its workers is known
    /// by its starts. A chunk that merely waits in a worker is not started. The answer describes the work as the ledger
    /// has it. `attempt` is the run's attempt that the message was sent in: a processor does not begin what an earlier
    /// attempt sent, because the present one sends it again; a batch of an earlier attempt remains valid.
    ///
    /// # Errors
    /// [`StoreError`] of the database; the start may have been charged.
    async fn start_chunk(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        attempt: u64,
        worker: WorkerId,
    ) -> Result<Started, StoreError>;
    /// Chunks that a worker began and has neither finished nor requeued, of all loading runs or of one run, in order,
    /// `limit` at most: each with the worker that began it last.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn begun_chunks(&self, run_id: Option<RunId>, limit: u32) -> Result<Vec<BegunChunk>, StoreError>;
    /// Revokes a charge when the chunk was not at fault: the broker or the store failed, or the worker was stopped.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn forgive_start(&self, run_id: RunId, chunk_no: ChunkNo, role: Role) -> Result<(), StoreError>;
    /// Revokes the charge of a start whose answer the worker did not get, so that it does not know whether there was
    /// one: that of the chunk's latest start, if it is this worker's. Asked twice, it revokes one.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn withdraw_start(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        worker: WorkerId,
    ) -> Result<(), StoreError>;
    /// Revokes the charge of a processor that cannot read the chunk's source, with the reason: the chunk is not at
    /// fault, and another worker may be able to. The next start removes the reason.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn hand_back(&self, run_id: RunId, chunk_no: ChunkNo, reason: &str) -> Result<(), StoreError>;
    /// The first chunk of the run that was handed back and not begun again since; none of a run that does not load.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn handed_back(&self, run_id: RunId) -> Result<Option<HandedBack>, StoreError>;
    /// Forgets which chunks were handed back in earlier attempts: workers may have changed since.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn forget_handed_back(&self, fence: Fence) -> Result<(), StoreError>;
    /// Sets a chunk that keeps failing aside, unless it is committed or its run no longer loads. The worker that gives
    /// up calls this itself, because its coordinator may no longer exist.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn set_aside(&self, run_id: RunId, chunk_no: ChunkNo, reason: &str) -> Result<(), StoreError>;
    /// Requeues the chunks that were set aside and resets their starts. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn requeue(&self, fence: Fence) -> Result<u64, StoreError>;
    /// Chunks that were set aside, in order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn chunks_aside(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkRow>, StoreError>;
}

/// The column that counts a role's starts.
const fn starts(role: Role) -> &'static str {
    match role {
        Role::Processor => "processor_starts",
        Role::Writer => "writer_starts",
    }
}

fn cut_from(row: &Row) -> Result<ChunkCut, StoreError> {
    let chunk_no = row.get("chunk_no")?;
    Ok(ChunkCut {
        chunk_no: ChunkNo(chunk_no),
        offset: row.get("offset_bytes")?,
        bytes: row.get("bytes")?,
        first_record_no: RecordNo(row.get("first_record_no")?),
        records: row.get("records")?,
        parents: row.json("parents", &format!("chunk {chunk_no}"))?,
        ends_source: row.get::<u64>("ends_source")? != 0,
        sha256: row.get("sha256")?,
        decoded: row.get("decoded")?,
    })
}

fn chunk_from(row: &Row) -> Result<ChunkRow, StoreError> {
    let cut = cut_from(row)?;
    let committed = match row.get("processor_id")? {
        None => None,
        Some(processor) => Some(committed_from(row, cut.chunk_no, WorkerId(processor))?),
    };
    Ok(ChunkRow { cut, state: row.parsed("state")?, committed, reason: row.get("reason")? })
}

fn committed_from(row: &Row, chunk_no: ChunkNo, processor: WorkerId) -> Result<Committed, StoreError> {
    let of = format!("chunk {chunk_no}");
    let tree: Vec<u8> = row.get("tree")?;
    Ok(Committed {
        processor,
        writer: WorkerId(row.get("writer_id")?),
        bytes_in: row.get("bytes_in")?,
        records_in: row.get("records_in")?,
        accepted: row.get("accepted")?,
        by_type: row.json("by_type", &of)?,
        rejected: row.get("rejected")?,
        sums: Sums(row.json("sums", &of)?),
        rejected_sums: Sums(row.json("rejected_sums", &of)?),
        tree: Forest::from_bytes(&tree).map_err(|_| damaged(format!("tree of {of}")))?,
        footing: row.get("footing")?,
        rules: row.json("rules", &of)?,
        content: row.get("content")?,
        bytes: row.json_or_null("byte_shares", &of)?,
    })
}

async fn insert_chunks(
    connection: &mut dyn Connection,
    fence: Fence,
    chunks: Vec<ChunkCut>,
) -> Result<(), StoreError> {
    hold_fence(connection, fence).await?;
    let parents = chunks.iter().map(|cut| crate::json(&cut.parents).map(Some));
    let hash = |hash: domain::fingerprint::Hash| hash.0.to_vec();
    let rows = Insert::into("crossfoot_chunk")
        .same("run_id", fence.run_id)
        .same("state", ChunkState::Split.name())
        .each("chunk_no", Column::counts(&chunks, |cut| cut.chunk_no.0)?)
        .each("offset_bytes", Column::counts(&chunks, |cut| cut.offset)?)
        .each("bytes", Column::counts(&chunks, |cut| cut.bytes)?)
        .each("first_record_no", Column::counts(&chunks, |cut| cut.first_record_no.0)?)
        .each("records", Column::counts(&chunks, |cut| cut.records)?)
        .each("sha256", Column::Bytes(chunks.iter().map(|cut| Some(hash(cut.sha256))).collect()))
        .each("ends_source", Column::counts(&chunks, |cut| u64::from(cut.ends_source))?)
        .each("parents", Column::Texts(parents.collect::<Result<_, _>>()?))
        .each("decoded", Column::Bytes(chunks.iter().map(|cut| cut.decoded.map(hash)).collect()))
        .pass_over();
    if connection.insert(rows).await? == chunks.len() as u64 {
        return Ok(());
    }
    // Some were there: they must be these.
    let numbers = || chunks.iter().map(|cut| cut.chunk_no.0);
    let (first, last) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
    let sql = "SELECT * FROM crossfoot_chunk WHERE run_id = $1 AND chunk_no >= $2 AND chunk_no <= $3 ORDER BY chunk_no";
    let there = connection.fetch(sql, params![fence.run_id, first, last]).await?;
    let there = there.iter().map(cut_from).collect::<Result<Vec<_>, _>>()?;
    for cut in &chunks {
        let found = there.iter().find(|found| found.chunk_no == cut.chunk_no);
        // Whether the coordinator decoded it as well is not of how it was cut.
        if found.is_none_or(|found| ChunkCut { decoded: cut.decoded, ..found.clone() } != *cut) {
            return Err(damaged(format!(
                "chunk {} of run {}, at byte {}, was made from different bytes before; the source is not the one the run started with",
                cut.chunk_no, fence.run_id, cut.offset
            )));
        }
    }
    Ok(())
}

async fn charge(
    connection: &mut dyn Connection,
    run_id: RunId,
    chunk_no: ChunkNo,
    role: Role,
    attempt: u64,
    worker: WorkerId,
) -> Result<Started, StoreError> {
    let lock_c = connection.syntax().lock_c;
    let sql = format!(
        "SELECT c.*, r.state AS run_state, r.epoch, r.job_digest, r.source
         FROM crossfoot_chunk c JOIN crossfoot_run r ON r.run_id = c.run_id
         WHERE c.run_id = $1 AND c.chunk_no = $2 {lock_c}"
    );
    let found = connection.fetch_first(&sql, params![run_id, chunk_no]).await?;
    let Some(found) = found else { return Ok(Started::Closed) };
    let (chunk, run) = (found.parsed("state")?, found.parsed("run_state")?);
    // Model: `StartChunk`.
    match may_start(chunk, run, role, attempt, found.get("epoch")?) {
        Start::Committed => return Ok(Started::Committed),
        Start::Closed => return Ok(Started::Closed),
        Start::Go => {}
    }
    let task = Box::new(Task {
        cut: cut_from(&found)?,
        job_digest: found.parsed("job_digest")?,
        source: found.get("source")?,
    });
    let starts = starts(role);
    let sql = format!(
        "UPDATE crossfoot_chunk SET {starts} = {starts} + 1, started_by = $3, reason = NULL
         WHERE run_id = $1 AND chunk_no = $2
         RETURNING {starts} AS starts"
    );
    let row = connection.fetch_one(&sql, params![run_id, chunk_no, worker]).await?;
    Ok(Started::Go { starts: u32::try_from(row.get::<u64>("starts")?).unwrap_or(u32::MAX), task })
}

#[async_trait]
impl<D: Database> Chunks for D {
    async fn add_chunks(&self, fence: Fence, chunks: &[ChunkCut]) -> Result<(), StoreError> {
        let chunks = chunks.to_vec();
        self.write(Change::LEDGER, move |connection| Box::pin(insert_chunks(connection, fence, chunks))).await
    }

    async fn chunks(&self, run_id: RunId, from: u64, limit: u32) -> Result<Vec<ChunkRow>, StoreError> {
        let sql =
            "SELECT * FROM crossfoot_chunk WHERE run_id = $1 AND chunk_no >= $2 ORDER BY chunk_no LIMIT $3";
        self.fetch(sql, params![run_id, Param::place(from), limit]).await?.iter().map(chunk_from).collect()
    }

    async fn progress(&self, run_id: RunId) -> Result<Progress, StoreError> {
        let sql = "SELECT count(*) AS split, count(*) FILTER (WHERE state = 'committed') AS committed,
                   count(*) FILTER (WHERE state = 'set-aside') AS set_aside,
                   CAST(coalesce(sum(records) FILTER (WHERE state = 'committed'), 0) AS bigint) AS records,
                   (SELECT totals FROM crossfoot_run WHERE run_id = $1) AS totals
                   FROM crossfoot_chunk WHERE run_id = $1";
        let row = self.fetch_one(sql, params![run_id]).await?;
        if let Some(gone) = row.json_or_null::<ChunkTotals>("totals", "the counts of removed chunks")? {
            let (split, committed, set_aside) = (gone.chunks, gone.committed, gone.set_aside);
            return Ok(Progress { split, committed, set_aside, records: gone.read });
        }
        Ok(Progress {
            split: row.get("split")?,
            committed: row.get("committed")?,
            set_aside: row.get("set_aside")?,
            records: row.get("records")?,
        })
    }

    async fn chunk_states(&self, run_id: RunId, chunks: &[u64]) -> Result<Vec<ChunkStanding>, StoreError> {
        let numbers = D::SYNTAX.numbers_of_2;
        let sql = format!(
            "SELECT chunk_no, state FROM crossfoot_chunk WHERE run_id = $1 AND chunk_no IN ({numbers})
             ORDER BY chunk_no"
        );
        // A number beyond everything is one that no chunk has.
        let chunks: Vec<_> =
            chunks.iter().map(|chunk_no| i64::try_from(*chunk_no).unwrap_or(i64::MAX)).collect();
        let rows = self.fetch(&sql, params![run_id, crate::json(&chunks)?]).await?;
        let standing =
            |row: &Row| Ok(ChunkStanding { chunk_no: row.get("chunk_no")?, state: row.parsed("state")? });
        rows.iter().map(standing).collect()
    }

    async fn start_chunk(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        attempt: u64,
        worker: WorkerId,
    ) -> Result<Started, StoreError> {
        self.write(Change::IN_PASSING, move |connection| {
            Box::pin(charge(connection, run_id, chunk_no, role, attempt, worker))
        })
        .await
    }

    async fn begun_chunks(&self, run_id: Option<RunId>, limit: u32) -> Result<Vec<BegunChunk>, StoreError> {
        let sql = "SELECT c.run_id, c.chunk_no, c.started_by
                   FROM crossfoot_run r JOIN crossfoot_chunk c ON c.run_id = r.run_id
                   WHERE r.state = 'loading' AND ($1 IS NULL OR r.run_id = $1) AND c.state = 'split'
                   AND c.started_by IS NOT NULL AND c.processor_starts + c.writer_starts > 0
                   ORDER BY r.run_id, c.chunk_no LIMIT $2";
        let begun = |row: &Row| {
            Ok(BegunChunk {
                run_id: row.parsed("run_id")?,
                chunk_no: ChunkNo(row.get("chunk_no")?),
                worker: WorkerId(row.get("started_by")?),
            })
        };
        self.fetch(sql, params![run_id, limit]).await?.iter().map(begun).collect()
    }

    async fn forgive_start(&self, run_id: RunId, chunk_no: ChunkNo, role: Role) -> Result<(), StoreError> {
        self.write(Change::IN_PASSING, move |connection| {
            Box::pin(async move {
                let starts = starts(role);
                let sql = format!(
                    "UPDATE crossfoot_chunk SET {starts} = {starts} - 1
                     WHERE run_id = $1 AND chunk_no = $2 AND {starts} > 0"
                );
                connection.execute(&sql, params![run_id, chunk_no]).await?;
                Ok(())
            })
        })
        .await
    }

    async fn withdraw_start(
        &self,
        run_id: RunId,
        chunk_no: ChunkNo,
        role: Role,
        worker: WorkerId,
    ) -> Result<(), StoreError> {
        self.write(Change::IN_PASSING, move |connection| {
            Box::pin(async move {
                let starts = starts(role);
                let sql = format!(
                    "UPDATE crossfoot_chunk SET {starts} = {starts} - 1, started_by = NULL
                     WHERE run_id = $1 AND chunk_no = $2 AND started_by = $3 AND {starts} > 0"
                );
                connection.execute(&sql, params![run_id, chunk_no, worker]).await?;
                Ok(())
            })
        })
        .await
    }

    async fn hand_back(&self, run_id: RunId, chunk_no: ChunkNo, reason: &str) -> Result<(), StoreError> {
        let reason = Param::words(Some(reason));
        self.write(Change::IN_PASSING, move |connection| {
            Box::pin(async move {
                let sql = "UPDATE crossfoot_chunk SET processor_starts = processor_starts - 1, reason = $3
                           WHERE run_id = $1 AND chunk_no = $2 AND processor_starts > 0 AND state = 'split'";
                connection.execute(sql, params![run_id, chunk_no, reason]).await?;
                Ok(())
            })
        })
        .await
    }

    async fn handed_back(&self, run_id: RunId) -> Result<Option<HandedBack>, StoreError> {
        let sql = "SELECT chunk_no, reason, (SELECT count(*) FROM crossfoot_chunk WHERE run_id = $1
                          AND state = 'split' AND reason IS NULL AND started_by IS NOT NULL) AS others
                   FROM crossfoot_chunk WHERE run_id = $1 AND state = 'split' AND reason IS NOT NULL
                   AND EXISTS (SELECT 1 FROM crossfoot_run r WHERE r.run_id = $1 AND r.state = 'loading')
                   ORDER BY chunk_no LIMIT 1";
        let handed_back = |row: &Row| {
            Ok(HandedBack {
                chunk_no: ChunkNo(row.get("chunk_no")?),
                reason: row.get("reason")?,
                are_all: row.get::<u64>("others")? == 0,
            })
        };
        self.fetch_first(sql, params![run_id]).await?.as_ref().map(handed_back).transpose()
    }

    async fn forget_handed_back(&self, fence: Fence) -> Result<(), StoreError> {
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                let sql = "UPDATE crossfoot_chunk SET reason = NULL, started_by = NULL
                           WHERE run_id = $1 AND state = 'split' AND reason IS NOT NULL";
                connection.execute(sql, params![fence.run_id]).await.map(drop)
            })
        })
        .await
    }

    async fn set_aside(&self, run_id: RunId, chunk_no: ChunkNo, reason: &str) -> Result<(), StoreError> {
        let reason = Param::words(Some(reason));
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                connection.share(Lock::State(run_id)).await?;
                let sql = "UPDATE crossfoot_chunk SET state = 'set-aside', reason = $3
                           WHERE run_id = $1 AND chunk_no = $2 AND state = 'split'
                           AND EXISTS (SELECT 1 FROM crossfoot_run r WHERE r.run_id = $1 AND r.state = 'loading')";
                connection.execute(sql, params![run_id, chunk_no, reason]).await?;
                Ok(())
            })
        })
        .await
    }

    async fn requeue(&self, fence: Fence) -> Result<u64, StoreError> {
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                let sql = "UPDATE crossfoot_chunk SET state = 'split', reason = NULL, processor_starts = 0,
                           writer_starts = 0 WHERE run_id = $1 AND state = 'set-aside'";
                connection.execute(sql, params![fence.run_id]).await
            })
        })
        .await
    }

    async fn chunks_aside(&self, run_id: RunId, limit: u32) -> Result<Vec<ChunkRow>, StoreError> {
        let sql = "SELECT * FROM crossfoot_chunk WHERE run_id = $1 AND state = 'set-aside' ORDER BY chunk_no LIMIT $2";
        self.fetch(sql, params![run_id, limit]).await?.iter().map(chunk_from).collect()
    }
}
