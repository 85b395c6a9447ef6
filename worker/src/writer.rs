//! The writer: a batch in, staging rows and rejects committed.

use std::sync::Arc;

use broker::{BrokerError, Queue};
use bytes::Bytes;
use domain::counts::Role;
use domain::ids::{RunId, WorkerId};
use job::Job;
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
    run_as(context, identity, jobs, worker).await
}

/// Runs the writer that is registered as `worker`.
///
/// # Errors
/// [`WriterError`] when it cannot begin.
pub(crate) async fn run_as(
    context: &WorkerContext,
    identity: &Identity,
    jobs: &Jobs,
    worker: WorkerId,
) -> Result<Ended, WriterError> {
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
    let batch = opened.message;
    match (Commit { with, job: &job, attempt, writer: worker }).of(batch, &mut counts, started).await {
        Committed::Reported | Committed::RunClosed => Handled::Done,
        Committed::OtherBytes(reason) => start.of_other_bytes(reason).await,
        Committed::Not(error) if error.is_transient() => start.postponed(error.to_string()).await,
        Committed::Not(error) => start.failed(error.to_string()),
        Committed::Unsettled(handled) => handled,
    }
}

/// What became of a batch that was to be committed.
pub(crate) enum Committed {
    /// It is committed, now or before, and its writer's counts are reported.
    Reported,
    /// The run no longer accepts batches.
    RunClosed,
    /// The batch was made from other bytes than the ledger has, in words.
    OtherBytes(String),
    /// It was not committed, as far as can be told.
    Not(StoreError),
    /// It is committed, and its counts could not be reported; the delivery is settled with this outcome.
    Unsettled(Handled),
}

/// Who commits batches, and for what.
pub(crate) struct Commit<'a> {
    pub(crate) with: &'a WorkerContext,
    pub(crate) job: &'a Arc<Job>,
    /// The run's attempt that the message was sent in.
    pub(crate) attempt: u64,
    pub(crate) writer: WorkerId,
}

impl Commit<'_> {
    /// Commits a batch and reports what was counted, the time since `started` included.
    pub(crate) async fn of(&self, batch: Batch, counts: &mut ChunkCounts, started: Instant) -> Committed {
        let Self { with, job, attempt, writer } = *self;
        let (run_id, chunk_no, processor) = (batch.run_id, batch.chunk_no, WorkerId(batch.processor));
        // Model: `CommitBatch`.
        let began = Instant::now();
        let committed = with.store.commit(job, batch, writer).await;
        with.metrics.commit.observe(began.elapsed().as_secs_f64());
        trace::number("crossfoot.records", counts.records);
        match committed {
            Ok(CommitOutcome::Committed) => with.metrics.loaded(Role::Writer, counts),
            Ok(CommitOutcome::AlreadyThere) => {
                return match report_again(with, attempt, run_id, chunk_no, *counts).await {
                    Handled::Done => Committed::Reported,
                    handled => Committed::Unsettled(handled),
                };
            }
            Ok(CommitOutcome::OtherBytes) => {
                let reason =
                    format!("chunk {chunk_no}: the batch was made from other bytes than the ledger has");
                return Committed::OtherBytes(reason);
            }
            Ok(CommitOutcome::RunClosed) => {
                tracing::info!("the run no longer accepts batches");
                return Committed::RunClosed;
            }
            Err(error) => return Committed::Not(error),
        }
        counts.busy_us = micros(started.elapsed());
        let work = Work::Written { processor, counts: *counts };
        // Model: `AckBatch`, with the acknowledgement that follows.
        match with.report(attempt, &WorkerReport { run_id, chunk_no, worker: writer, work }).await {
            Ok(()) => Committed::Reported,
            // Committed, but unreported: whoever gets the batch next reports it.
            Err(error) => Committed::Unsettled(Handled::Postponed(error.to_string())),
        }
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
