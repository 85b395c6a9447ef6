//! A run's chunks: all of them on a map, and one in detail.

use domain::amount::Amount;
use domain::counts::Role;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RecordNo, RunId, WorkerId};
use job::Job;
use schemars::JsonSchema;
use serde::Serialize;
use store::model::{ChunkRow, WorkerRow};
use store::views::{ChunkPhase, ChunkReport};
use store::{Store, StoreError};

/// How many chunks one map has at most.
pub const MAP_MAX: u32 = 200_000;

/// How far each chunk of a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChunkMap {
    /// The states that the cells name by their place.
    pub states: Vec<&'static str>,
    /// One digit for each chunk, in order: the place of its state in `states`, in base 36.
    pub cells: String,
    /// How many chunks the source was cut into so far.
    pub count: u64,
    /// The number of the first chunk on the map.
    pub from: u64,
    /// Whether the source was cut to its end: there will be no more chunks.
    pub is_whole: bool,
}

/// How far each chunk of a run is, from chunk `from` on.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn map(store: &dyn Store, run_id: RunId, from: u64, limit: u32) -> Result<ChunkMap, StoreError> {
    let counted = store.counted(run_id).await?;
    let phases = store.chunk_phases(run_id, from, limit.min(MAP_MAX)).await?;
    let cell = |phase: &ChunkPhase| match phase {
        ChunkPhase::Waiting => '0',
        ChunkPhase::Begun => '1',
        ChunkPhase::Processed => '2',
        ChunkPhase::Committed => '3',
        ChunkPhase::SetAside => '4',
    };
    Ok(ChunkMap {
        states: ChunkPhase::ALL.iter().map(|phase| phase.name()).collect(),
        cells: phases.iter().map(cell).collect(),
        count: counted.totals.chunks,
        from,
        is_whole: counted.run.split.is_some(),
    })
}

/// One chunk of a run: how it was cut, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownChunk {
    /// The run that the chunk belongs to.
    pub run_id: RunId,
    /// The chunk's number in its run, from 0.
    pub chunk_no: ChunkNo,
    /// How far it is: one of the states of the map.
    pub state: &'static str,
    /// Where it begins in the source's content, in bytes.
    pub byte_offset: u64,
    /// The chunk's length in bytes.
    pub bytes: u64,
    /// The number of its first record in the source, from 1.
    pub first_record_no: RecordNo,
    /// Records that the splitter counted in it.
    pub records: u64,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// How often processors began it.
    pub processor_starts: u64,
    /// How often writers began it.
    pub writer_starts: u64,
    /// The worker that began it last; null if none did.
    pub started_by: Option<ChunkWorker>,
    /// What was committed of it; null if it is not committed.
    pub committed: Option<CommittedChunk>,
    /// What workers reported of it.
    pub reports: Vec<ReportedChunk>,
    /// Why it was set aside, or why the worker that had it last handed it back; null otherwise.
    pub reason: Option<String>,
}

/// A worker that had a chunk in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChunkWorker {
    /// The worker's number.
    pub worker_id: WorkerId,
    /// Its name; null if it is not in the register.
    pub name: Option<String>,
    /// The host it runs on; null if it is not in the register.
    pub host: Option<String>,
}

/// What was committed of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommittedChunk {
    /// The processor that decoded it.
    pub processor: ChunkWorker,
    /// The writer that committed it.
    pub writer: ChunkWorker,
    /// Records that were decoded.
    pub records: u64,
    /// Of these, accepted.
    pub accepted: u64,
    /// Of these, rejected.
    pub rejected: u64,
    /// The sums over the accepted records.
    pub amounts: Vec<ChunkAmount>,
    /// SHA-256 of the nodes that it contributes to the run's fingerprint, as the ledger keeps them.
    pub fingerprint: Hash,
    /// The digest of all that was committed; null if a version before 0.2.0 committed it.
    pub content: Option<Hash>,
}

/// The sum of one amount over a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChunkAmount {
    /// The name of the amount field.
    pub field: String,
    /// The sum over the accepted records.
    pub accepted: Amount,
    /// The sum over the rejects whose amount could be read.
    pub rejected: Amount,
}

/// What a worker reported of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReportedChunk {
    /// The worker's role.
    pub role: Role,
    /// The worker that reported.
    pub worker: ChunkWorker,
    /// Records that it read or received.
    pub records: u64,
    /// Of these, accepted.
    pub accepted: u64,
    /// Of these, rejected.
    pub rejected: u64,
    /// Bytes that it worked through.
    pub bytes: u64,
    /// The time that it took, in microseconds.
    pub busy_us: u64,
}

/// One chunk; `None` if the run has no such chunk.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn shown(
    store: &dyn Store,
    run_id: RunId,
    job: &Job,
    chunk_no: u64,
) -> Result<Option<ShownChunk>, StoreError> {
    let row = store.chunks(run_id, chunk_no, 1).await?.pop();
    let Some(row) = row.filter(|row| row.cut.chunk_no.0 == chunk_no) else { return Ok(None) };
    let Some(story) = store.chunk_story(run_id, row.cut.chunk_no).await? else { return Ok(None) };
    let phase = store.chunk_phases(run_id, chunk_no, 1).await?.pop().unwrap_or(ChunkPhase::Waiting);
    let fleet = store.fleet(None).await?;
    let ChunkRow { cut, committed, reason, .. } = row;
    let names = job.amount_names();
    let committed = committed.map(|of| CommittedChunk {
        processor: by(&fleet, of.processor),
        writer: by(&fleet, of.writer),
        records: of.records_in,
        accepted: of.accepted,
        rejected: of.rejected,
        amounts: names
            .into_iter()
            .zip(of.sums.0.iter().zip(&of.rejected_sums.0))
            .map(|(field, (accepted, rejected))| ChunkAmount {
                field,
                accepted: *accepted,
                rejected: *rejected,
            })
            .collect(),
        fingerprint: Hash::of(&of.tree.to_bytes()),
        content: of.content,
    });
    Ok(Some(ShownChunk {
        run_id,
        chunk_no: cut.chunk_no,
        state: phase.name(),
        byte_offset: cut.offset,
        bytes: cut.bytes,
        first_record_no: cut.first_record_no,
        records: cut.records,
        sha256: cut.sha256,
        processor_starts: story.processor_starts,
        writer_starts: story.writer_starts,
        started_by: story.started_by.map(|worker| by(&fleet, worker)),
        committed,
        reports: story.reports.iter().map(|report| reported(&fleet, report)).collect(),
        reason,
    }))
}

fn by(fleet: &[WorkerRow], worker_id: WorkerId) -> ChunkWorker {
    let row = fleet.iter().find(|row| row.worker_id == worker_id);
    ChunkWorker { worker_id, name: row.map(|row| row.name.clone()), host: row.map(|row| row.host.clone()) }
}

fn reported(fleet: &[WorkerRow], report: &ChunkReport) -> ReportedChunk {
    ReportedChunk {
        role: report.role,
        worker: by(fleet, report.worker),
        records: report.counts.records,
        accepted: report.counts.accepted,
        rejected: report.counts.rejected,
        bytes: report.bytes,
        busy_us: report.busy_us,
    }
}
