//! Counting a committed chunk again, because its workers' counts were lost on the bus: the coordinator sends its bytes
//! again and asks for the counts. Nothing is committed, and the counts are compared with the ledger as usual.

use std::sync::Arc;

use broker::Queue;
use domain::ids::{RunId, WorkerId};
use source::Location;
use store::StoreError;
use store::model::{ChunkRow, Committed};
use wire::{Batch, Chunk, Opened, Work, WorkerReport};

use crate::WorkerContext;
use crate::consume::Handled;
use crate::failure::ProcessError;
use crate::jobs::Unavailable;
use crate::processor::{Hand, process};
use crate::reading::{Loaded, Place};

async fn committed(with: &WorkerContext, chunk: &Chunk) -> Result<Option<(ChunkRow, Committed)>, StoreError> {
    let run_id = RunId::from_bytes(chunk.run_id);
    let row = with.store.chunks(run_id, chunk.chunk_no, 1).await?.pop();
    let row = row.filter(|row| row.cut.chunk_no.0 == chunk.chunk_no);
    Ok(row.and_then(|row| row.committed.clone().map(|committed| (row, committed))))
}

/// Decodes the chunk again, reports in the name of the processor that the ledger has, and hands the batch on, so that a
/// writer reports in the name of the one that committed it. A report that did come stands.
pub(crate) async fn recount(of: &Hand<'_>, opened: Opened<Chunk>) -> Handled {
    let (with, jobs) = (of.with, of.jobs);
    let Opened { message: chunk, attempt } = opened;
    let run_id = RunId::from_bytes(chunk.run_id);
    let (row, committed) = match committed(with, &chunk).await {
        Ok(Some(found)) => found,
        Ok(None) => return Handled::Done,
        Err(error) => return Handled::unless_transient(&error),
    };
    let (digest, source) = match with.store.run(run_id).await {
        Ok(run) => (run.job_digest, Location::parse(&run.source)),
        Err(error) => return Handled::unless_transient(&error),
    };
    let job = match jobs.get(&*with.store, &digest).await {
        Ok(job) => job,
        Err(Unavailable::Store(reason)) => return Handled::Postponed(reason),
        Err(Unavailable::Job(reason)) => return Handled::Refused(reason),
    };
    let decoded = platform::inline::run({
        let (job, processor, decoders) = (Arc::clone(&job), committed.processor, with.decoders.clone());
        let (parts, place) =
            (Arc::clone(&with.parts), Place { source, reader: format!("processor {}", of.name) });
        move || {
            let chunk = Loaded::of(chunk, &row.cut, &place, &parts)?;
            process(&job, &row.cut, &chunk, processor, &decoders)
        }
    });
    let batch: Batch = match decoded.await {
        Ok(Ok(batch)) => batch,
        Ok(Err(error @ ProcessError::Unreadable { .. })) => return Handled::HandedBack(error.to_string()),
        Ok(Err(error)) => return Handled::Refused(error.to_string()),
        Err(error) => return Handled::Refused(platform::telemetry::ended(&error).into()),
    };
    let report = WorkerReport {
        run_id: batch.run_id,
        chunk_no: batch.chunk_no,
        worker: WorkerId(batch.processor),
        // Its own time is lost with its report; another's is not booked on it.
        work: Work::Processed(batch.counts()),
    };
    tracing::info!("counts were lost; computing them again");
    if let Err(error) = with.report(attempt, &report).await {
        return Handled::Postponed(error.to_string());
    }
    match with.post.send(Queue::Batches, attempt, &batch).await {
        Ok(()) => Handled::Done,
        Err(error) => Handled::Postponed(error.to_string()),
    }
}
