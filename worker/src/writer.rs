//! The writer: a batch in, staging rows and rejects committed.

use std::time::Instant;

use bytes::Bytes;
use domain::counts::Role;
use domain::ids::{RunId, WorkerId};
use shared::broker::{BrokerError, Queue};
use shared::store::StoreError;
use shared::store::model::CommitOutcome;
use shared::wire::{Batch, Counts, codec};

use crate::consume::{Handled, consume};
use crate::{Identity, Jobs, Surroundings, failure};

/// A writer's number for its role in messages.
const ROLE: u8 = 1;

/// Why a writer ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// It could not register.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not consume.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Works until told to stop.
///
/// # Errors
/// [`WriterError`] when it cannot begin.
pub async fn run(with: &Surroundings, identity: &Identity, jobs: &Jobs) -> Result<(), WriterError> {
    let worker = with.register(Role::Writer, identity).await?;
    let give_up = |body: Bytes, reason: String| async move {
        if let Ok(batch) = codec::decode::<Batch>(&body) {
            let counts = failure(batch.run_id, batch.chunk_no, ROLE, worker, reason);
            if let Err(error) = with.report(&counts).await {
                tracing::error!(%error, chunk_no = batch.chunk_no, "a failure could not be reported");
            }
        }
    };
    let handle = |body: Bytes| write(with, jobs, worker, body);
    Ok(consume(&*with.broker, Queue::Batches, &with.stop, handle, give_up).await?)
}

async fn write(with: &Surroundings, jobs: &Jobs, worker: WorkerId, body: Bytes) -> Handled {
    let started = Instant::now();
    let size = body.len() as u64;
    let batch: Batch = match codec::decode(&body) {
        Ok(batch) => batch,
        Err(error) => return Handled::Refused(error.to_string()),
    };
    drop(body);
    let (run_id, chunk_no) = (batch.run_id, batch.chunk_no);
    let job = match jobs.get(&*with.store, &batch.job_digest).await {
        Ok(job) => job,
        Err(reason) => return Handled::Failed(reason),
    };
    let mut counts = Counts {
        run_id,
        chunk_no,
        role: ROLE,
        worker: worker.0,
        processor: batch.processor,
        records: batch.records_in,
        accepted: batch.accepted,
        rejected: batch.rejects.len() as u64,
        bytes: size,
        busy_us: 0,
        failure: None,
    };
    match with.store.commit(&job.layout, batch, worker).await {
        Ok(CommitOutcome::Committed) => {}
        Ok(CommitOutcome::AlreadyThere) => {
            tracing::debug!(run_id = %RunId::from_bytes(run_id), chunk_no, "chunk was committed before");
            return Handled::Done;
        }
        Ok(CommitOutcome::RunClosed) => {
            tracing::info!(run_id = %RunId::from_bytes(run_id), chunk_no, "the run takes no more batches");
            return Handled::Done;
        }
        Err(error) => return Handled::Failed(error.to_string()),
    }
    counts.busy_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    match with.report(&counts).await {
        Ok(()) => Handled::Done,
        // Committed, but unreported: a second delivery would find it there and report nothing. The coordinator
        // finds the commit in the ledger; the missing report shows as a difference.
        Err(error) => {
            tracing::error!(%error, chunk_no, "a commit could not be reported");
            Handled::Done
        }
    }
}
