//! The processor: a chunk of bytes in, a batch of typed rows and rejects out.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use domain::counts::Role;
use domain::ids::{RecordNo, WorkerId};
use sha2::{Digest, Sha256};
use shared::broker::{BrokerError, Queue, publish_until_confirmed};
use shared::format::chunk::{ChunkDecoder, ChunkError, DecodedChunk, RejectedRecord, Start};
use shared::job::Job;
use shared::store::StoreError;
use shared::wire::{Batch, Chunk, Counts, Reject, codec};
use thiserror::Error;

use crate::consume::{Handled, consume};
use crate::jobs::Unavailable;
use crate::starts::Charged;
use crate::{Identity, Jobs, Surroundings, verifier};

/// A processor's number for its role in messages.
const ROLE: u8 = 0;

/// Why a processor ended before it was told to.
#[derive(Debug, Error)]
pub enum ProcessorError {
    /// It could not register.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not consume.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Why a chunk could not be processed.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// The bytes are not those that the coordinator split (INV-02).
    #[error("chunk {chunk_no}: its bytes do not have the SHA-256 they were split with")]
    Altered {
        /// The chunk.
        chunk_no: u64,
    },
    /// It holds more or fewer records than were split.
    #[error("chunk {chunk_no}: {split} records were split, {decoded} were decoded")]
    RecordCount {
        /// The chunk.
        chunk_no: u64,
        /// As the splitter counted.
        split: u64,
        /// As decoded.
        decoded: u64,
    },
    /// The job's formats cannot be used.
    #[error("the job cannot be used: {0}")]
    Job(String),
    /// The chunk as such cannot be decoded.
    #[error("chunk {chunk_no}: {error}")]
    Chunk {
        /// The chunk.
        chunk_no: u64,
        /// Why.
        error: ChunkError,
    },
}

/// Works until told to stop.
///
/// # Errors
/// [`ProcessorError`] when it cannot begin.
pub async fn run(with: &Surroundings, identity: &Identity, jobs: &Jobs) -> Result<(), ProcessorError> {
    let worker = with.register(Role::Processor, identity).await?;
    let give_up = |body: Bytes, reason: String| async move {
        match codec::decode::<Chunk>(&body) {
            Ok(chunk) => with.give_up(chunk.run_id, chunk.chunk_no, ROLE, worker, reason).await,
            Err(_) => true,
        }
    };
    let handle = |body: Bytes, _| handle(with, jobs, worker, body);
    // Two in hand: one being worked on, one ready.
    let loading = consume(&*with.broker, Queue::Chunks, 2, &with.stop, handle, give_up);
    tokio::try_join!(loading, verifier::run(with, worker, jobs))?;
    with.retire(worker).await;
    Ok(())
}

async fn handle(with: &Surroundings, jobs: &Jobs, worker: WorkerId, body: Bytes) -> Handled {
    let started = Instant::now();
    let chunk: Chunk = match codec::decode(&body) {
        Ok(chunk) => chunk,
        Err(error) => return Handled::Refused(error.to_string()),
    };
    drop(body);
    let start = match with.start(chunk.run_id, chunk.chunk_no, Role::Processor, worker).await {
        Charged::Go(start) => start,
        // Its processor has reported: it does so before it hands a batch on.
        Charged::Committed => return Handled::Done,
        Charged::Settle(handled) => return handled,
    };
    if with.dies_at_chunk == Some(chunk.chunk_no) {
        std::process::abort();
    }
    let job = match jobs.get(&*with.store, &chunk.job_digest).await {
        Ok(job) => job,
        Err(Unavailable::Store(reason)) => return start.postponed(reason).await,
        Err(Unavailable::Job(reason)) => return start.failed(reason),
    };
    let (run_id, chunk_no, bytes) = (chunk.run_id, chunk.chunk_no, chunk.bytes.len() as u64);
    let packing = with.packing;
    // Decoding is work for a core, not for the runtime's threads. A panic in it fails this chunk alone.
    let processed = tokio::task::spawn_blocking(move || {
        let batch = process(&job, &chunk, worker).map_err(|error| error.to_string())?;
        let counts = (batch.records_in, batch.accepted, batch.rejects.len() as u64);
        let body = codec::encode_packed(&batch, packing)
            .map_err(|error| format!("chunk {}: {error}; make chunks smaller", chunk.chunk_no))?;
        Ok::<_, String>((counts, body))
    });
    let ((records, accepted, rejected), batch) = match processed.await {
        Ok(Ok(processed)) => processed,
        Ok(Err(reason)) => return start.failed(reason),
        Err(error) => {
            let why = shared::telemetry::ended(&error);
            return start.failed(format!("chunk {chunk_no}: the processor failed: {why}"));
        }
    };
    let counts = Counts {
        run_id,
        chunk_no,
        role: ROLE,
        worker: worker.0,
        processor: worker.0,
        records,
        accepted,
        rejected,
        bytes,
        busy_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        failure: None,
    };
    // Reported first: a batch whose confirmations are lost may be committed all the same, and its processor's share
    // would lack it. The report of a batch that is never committed counts for nothing.
    if let Err(reason) = with.report(&counts).await {
        return start.postponed(reason).await;
    }
    match publish_until_confirmed(&*with.broker, Queue::Batches, batch).await {
        Ok(()) => start.done().await,
        // Processed again it gives the same batch, which the ledger absorbs, and the same counts.
        Err(error) => start.postponed(error.to_string()).await,
    }
}

/// Turns a chunk into a batch. The same chunk always gives the same batch.
///
/// # Errors
/// [`ProcessError`] when the chunk is not what was split, or cannot be decoded as a whole.
pub fn process(job: &Arc<Job>, chunk: &Chunk, processor: WorkerId) -> Result<Batch, ProcessError> {
    let chunk_no = chunk.chunk_no;
    if <[u8; 32]>::from(Sha256::digest(&chunk.bytes)) != chunk.sha256 {
        return Err(ProcessError::Altered { chunk_no });
    }
    let mut decoder = ChunkDecoder::new(job).map_err(ProcessError::Job)?;
    let start = Start {
        first_record_no: RecordNo(chunk.first_record_no),
        offset: chunk.offset,
        parents: &chunk.parents,
    };
    let decoded =
        decoder.decode(start, &chunk.bytes).map_err(|error| ProcessError::Chunk { chunk_no, error })?;
    if decoded.records() != chunk.records {
        return Err(ProcessError::RecordCount { chunk_no, split: chunk.records, decoded: decoded.records() });
    }
    Ok(batch(chunk, decoded, processor))
}

fn batch(chunk: &Chunk, decoded: DecodedChunk, processor: WorkerId) -> Batch {
    Batch {
        run_id: chunk.run_id,
        job_digest: chunk.job_digest,
        chunk_no: chunk.chunk_no,
        first_record_no: chunk.first_record_no,
        processor: processor.0,
        bytes_in: chunk.bytes.len() as u64,
        records_in: decoded.records(),
        accepted: decoded.accepted.records,
        by_type: decoded.accepted.by_type,
        sums: decoded.accepted.sums.0.iter().map(|sum| (*sum).into()).collect(),
        rejected_sums: decoded.rejected_sums.0.iter().map(|sum| (*sum).into()).collect(),
        tree: decoded.accepted.tree.to_bytes(),
        rows: decoded.rows,
        rejects: decoded.rejects.into_iter().map(reject).collect(),
        rules: decoded.rules,
        footing: decoded.footing,
        // A job has far fewer than 2^32 rules.
        breaches: decoded
            .breaches
            .iter()
            .map(|(record_no, place)| (record_no.0, u32::try_from(*place).unwrap_or(u32::MAX)))
            .collect(),
    }
}

fn reject(record: RejectedRecord) -> Reject {
    let reasons =
        record.reasons.into_iter().map(|reason| (reason.field, reason.code.name().to_owned(), reason.detail));
    Reject {
        record_no: record.record_no.0,
        offset: record.offset,
        raw: record.raw,
        reasons: reasons.collect(),
    }
}
