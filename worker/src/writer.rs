//! The writer: a batch in, staging rows and rejects committed.

use broker::{BrokerError, Queue};
use bytes::Bytes;
use domain::counts::Role;
use domain::ids::{RunId, WorkerId};
use platform::trace;
use store::StoreError;
use store::model::CommitOutcome;
use tokio::time::Instant;
use wire::{Batch, ChunkCounts, RunBytes, Work, WorkerReport};

use crate::consume::{Consuming, Handled, known};
use crate::jobs::Unavailable;
use crate::starts::Charged;
use crate::{Ended, Identity, Jobs, WorkerContext, comparing, micros, verifier};

/// Why a writer ended although no one stopped it.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The writer could not register with the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer could not consume from the broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Runs a writer until the context's `stop` is cancelled, or an operator drains it.
///
/// # Errors
/// [`WriterError`] when it cannot begin.
pub async fn run(context: &WorkerContext, identity: &Identity, jobs: &Jobs) -> Result<Ended, WriterError> {
    let worker = context.register(Role::Writer, identity).await?;
    let with = &context.of(worker);
    let give_up = |body: Bytes, reason: String| async move {
        match with.read::<Batch>(&body).await {
            Ok(batch) => with.give_up(&batch, Role::Writer, worker, reason).await,
            Err(_) => true,
        }
    };
    let handle = |body: Bytes| write(with, jobs, worker, body);
    // Two in hand: one being written, one ready.
    let batches =
        Consuming { with, name: &identity.name, role: Role::Writer, queue: Queue::Batches, prefetch: 2 };
    let ranges = Consuming { queue: Queue::Ranges, prefetch: 1, ..batches };
    let parts = Consuming { queue: Queue::Readings, prefetch: 1, ..batches };
    tokio::try_join!(
        batches.run(handle, give_up),
        verifier::run(&ranges, worker, jobs),
        comparing::run(&parts, worker)
    )?;
    with.retire(worker).await;
    Ok(context.ended())
}

async fn write(with: &WorkerContext, jobs: &Jobs, worker: WorkerId, body: Bytes) -> Handled {
    let started = Instant::now();
    let _in_hand = with.registered.in_hand(worker);
    let size = body.len() as u64;
    // Model: `TakeBatch`.
    let opened = match with.read::<Batch>(&body).await {
        Ok(opened) => opened,
        Err(handled) => return handled,
    };
    drop(body);
    let attempt = opened.attempt;
    let batch = &opened.message;
    let (run_id, chunk_no) = (batch.run_id, batch.chunk_no);
    known("write", run_id, chunk_no);
    let processor = WorkerId(batch.processor);
    let mut counts = ChunkCounts { bytes: size, ..batch.counts() };
    let start = match with.start(&opened, Role::Writer, worker).await {
        Charged::Go(start) => start,
        Charged::Committed => return report_again(with, attempt, run_id, chunk_no, counts).await,
        Charged::Settle(handled) => return handled,
    };
    let job = match jobs.get(&*with.store, &start.task.job_digest).await {
        Ok(job) => job,
        Err(Unavailable::Store(reason)) => return start.postponed(reason).await,
        Err(Unavailable::Job(reason)) => return start.failed(reason),
    };
    // Model: `CommitBatch`.
    let began = Instant::now();
    let committed = with.store.commit(&job, opened.message, worker).await;
    with.metrics.commit.observe(began.elapsed().as_secs_f64());
    trace::number("crossfoot.records", counts.records);
    match committed {
        Ok(CommitOutcome::Committed) => with.metrics.loaded(Role::Writer, &counts),
        Ok(CommitOutcome::AlreadyThere) => {
            return report_again(with, attempt, run_id, chunk_no, counts).await;
        }
        Ok(CommitOutcome::OtherBytes) => {
            let reason = format!("chunk {chunk_no}: the batch was made from other bytes than the ledger has");
            return start.of_other_bytes(reason).await;
        }
        Ok(CommitOutcome::RunClosed) => {
            tracing::info!("the run no longer accepts batches");
            return Handled::Done;
        }
        Err(error) if error.is_transient() => return start.postponed(error.to_string()).await,
        Err(error) => return start.failed(error.to_string()),
    }
    counts.busy_us = micros(started.elapsed());
    let work = Work::Written { processor, counts };
    // Model: `AckBatch`, with the acknowledgement that follows.
    match with.report(attempt, &WorkerReport { run_id, chunk_no, worker, work }).await {
        Ok(()) => Handled::Done,
        // Committed, but unreported: whoever gets the batch next reports it.
        Err(error) => Handled::Postponed(error.to_string()),
    }
}

/// A chunk was committed before, and its writer may have died before it could report. What it must have counted is
/// counted from the batch and reported in its name; if it did report, that stands.
async fn report_again(
    with: &WorkerContext,
    attempt: u64,
    run_id: RunBytes,
    chunk_no: u64,
    counts: ChunkCounts,
) -> Handled {
    let run = RunId::from_bytes(run_id);
    let row = match with.store.chunks(run, chunk_no, 1).await {
        Ok(mut rows) => rows.pop().filter(|row| row.cut.chunk_no.0 == chunk_no),
        Err(error) => return Handled::unless_transient(&error),
    };
    let Some(committed) = row.and_then(|row| row.committed) else { return Handled::Done };
    tracing::debug!("chunk is already committed");
    let work = Work::Written { processor: committed.processor, counts };
    match with.report(attempt, &WorkerReport { run_id, chunk_no, worker: committed.writer, work }).await {
        Ok(()) => Handled::Done,
        Err(error) => Handled::Postponed(error.to_string()),
    }
}
