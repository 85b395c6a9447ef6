//! The processor: a chunk of bytes in, a batch of typed rows and rejects out.

use std::sync::Arc;

use broker::{BrokerError, Queue};
use bytes::Bytes;
use domain::counts::Role;
use domain::fingerprint::Hash;
use domain::ids::WorkerId;
use job::Job;
use job::chunk::ChunkCut;
use job::decoders::Decoders;
use platform::trace;
use source::Location;
use store::StoreError;
use thiserror::Error;
use tokio::time::Instant;
use wire::{Batch, Chunk, ChunkCounts, Work, WorkerReport};

use crate::consume::{Consuming, Handled, known};
use crate::failure::ProcessError;
use crate::jobs::Unavailable;
use crate::reading::{Loaded, Place};
use crate::starts::{Charged, Start};
use crate::writer::{Commit, Committed};
use crate::{Ended, Identity, Jobs, WorkerContext, comparing, micros, recount, verifier};

/// Why a processor ended although no one stopped it.
#[derive(Debug, Error)]
pub enum ProcessorError {
    /// The processor could not register with the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The processor could not consume from the broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Runs a processor until the context's `stop` is cancelled, or an operator drains it.
///
/// # Errors
/// [`ProcessorError`] when it cannot begin.
pub async fn run(context: &WorkerContext, identity: &Identity, jobs: &Jobs) -> Result<Ended, ProcessorError> {
    let worker = context.register(Role::Processor, identity).await?;
    run_as(context, identity, jobs, (worker, None)).await
}

/// Runs the processor that is registered as `worker`. `writer`: who commits its batches in the same process, without
/// the broker between them.
///
/// # Errors
/// [`ProcessorError`] when it cannot begin.
pub(crate) async fn run_as(
    context: &WorkerContext,
    identity: &Identity,
    jobs: &Jobs,
    (worker, writer): (WorkerId, Option<WorkerId>),
) -> Result<Ended, ProcessorError> {
    let with = &context.of(worker);
    let give_up = |body: Bytes, reason: String| async move {
        match with.read::<Chunk>(&body).await {
            Ok(chunk) => with.give_up(&chunk, Role::Processor, worker, reason).await,
            Err(_) => true,
        }
    };
    let of =
        Hand { with, jobs, worker, writer, name: format!("{} on host {}", identity.name, identity.host) };
    let handle = |body: Bytes| handle(&of, body);
    // Two in hand: one being worked on, one ready.
    let chunks =
        Consuming { with, name: &identity.name, role: Role::Processor, queue: Queue::Chunks, prefetch: 2 };
    let ranges = Consuming { queue: Queue::Ranges, prefetch: 1, ..chunks };
    let tasks = Consuming { queue: Queue::Comparisons, prefetch: 1, ..chunks };
    tokio::try_join!(
        chunks.run(handle, give_up),
        verifier::run(&ranges, worker, jobs),
        comparing::run(&tasks, worker)
    )?;
    with.retire(worker).await;
    Ok(context.ended())
}

/// The processor at work.
pub(crate) struct Hand<'a> {
    pub(crate) with: &'a WorkerContext,
    pub(crate) jobs: &'a Jobs,
    worker: WorkerId,
    /// Who commits its batches in the same process; `None`: they go to the writers.
    writer: Option<WorkerId>,
    /// The processor's name and host, in words.
    pub(crate) name: String,
}

async fn handle(of: &Hand<'_>, body: Bytes) -> Handled {
    let Hand { with, jobs, worker, writer, name } = of;
    let (with, worker, writer) = (*with, *worker, *writer);
    let started = Instant::now();
    let _in_hand = with.registered.in_hand(worker);
    // Model: `TakeChunk`.
    let opened = match with.read::<Chunk>(&body).await {
        Ok(opened) => opened,
        Err(handled) => return handled,
    };
    known("process", opened.message.run_id, opened.message.chunk_no);
    drop(body);
    let start = match with.start(&opened, Role::Processor, worker).await {
        Charged::Go(start) => start,
        Charged::Committed if opened.message.recount => return recount::recount(of, opened).await,
        // Its processor has reported: it does so before it hands a batch on.
        Charged::Committed => return Handled::Done,
        Charged::Settle(handled) => return handled,
    };
    let (attempt, chunk) = (opened.attempt, opened.message);
    if with.dies_at_chunk == Some(chunk.chunk_no) {
        std::process::abort();
    }
    let job = match jobs.get(&*with.store, &start.task.job_digest).await {
        Ok(job) => job,
        Err(Unavailable::Store(reason)) => return start.postponed(reason).await,
        Err(Unavailable::Job(reason)) => return start.failed(reason),
    };
    let sealer = match with.post.sealer(attempt).await {
        Ok(sealer) => sealer,
        Err(error) => return start.postponed(error.to_string()).await,
    };
    let (run_id, chunk_no, bytes) = (chunk.run_id, chunk.chunk_no, start.task.cut.bytes);
    let (cut, decoders, timed) = (start.task.cut.clone(), with.decoders.clone(), with.metrics.decode.clone());
    // A writer that an operator drained commits nothing more.
    let writer = writer.filter(|writer| with.registered.is_at_work(*writer));
    let decoded_by = Arc::clone(&job);
    let (parts, place) = (
        Arc::clone(&with.parts),
        Place { source: Location::parse(&start.task.source), reader: format!("processor {name}") },
    );
    // Decoding is work for a core, not for the runtime's threads. A panic in it fails this chunk alone.
    let processed = platform::inline::run(move || {
        let chunk = Loaded::of(chunk, &cut, &place, &parts)?;
        let began = std::time::Instant::now();
        let batch = process(&decoded_by, &cut, &chunk, worker, &decoders)?;
        timed.observe(began.elapsed().as_secs_f64());
        let counts = batch.counts();
        let Some(writer) = writer else {
            let body = sealer
                .seal(&batch)
                .map_err(|error| ProcessError::Batch { chunk_no: chunk.chunk_no, error })?;
            return Ok((counts, Made::Message(body)));
        };
        Ok::<_, ProcessError>((counts, Made::Batch(Box::new(batch), writer)))
    });
    let (counts, made) = match processed.await {
        Ok(Ok(processed)) => processed,
        Ok(Err(error @ ProcessError::Altered { .. })) => {
            return start.of_other_bytes(error.to_string()).await;
        }
        Ok(Err(error @ ProcessError::Unreadable { .. })) => {
            return start.handed_back(error.to_string()).await;
        }
        Ok(Err(error)) => return start.failed(error.to_string()),
        Err(error) => {
            let why = platform::telemetry::ended(&error);
            return start.failed(format!("chunk {chunk_no}: the processor failed: {why}"));
        }
    };
    let counts = ChunkCounts { bytes, busy_us: micros(started.elapsed()), ..counts };
    trace::number("crossfoot.records", counts.records);
    let work = Work::Processed(counts);
    fault::point!("decode.after");
    // Reported first: a batch whose confirmations are lost may be committed all the same, and its processor's share
    // would lack it. The report of a batch that is never committed counts for nothing.
    if let Err(error) = with.report(attempt, &WorkerReport { run_id, chunk_no, worker, work }).await {
        return start.postponed(error.to_string()).await;
    }
    match made {
        // Model: `PublishBatch`.
        Made::Message(body) => match with.post.publish(Queue::Batches, body).await {
            Ok(()) => {
                with.metrics.loaded(Role::Processor, &counts);
                start.done().await
            }
            // Processed again it gives the same batch, which the ledger absorbs, and the same counts.
            Err(error) => start.postponed(error.to_string()).await,
        },
        Made::Batch(batch, writer) => {
            let commit = Commit { with, job: &job, attempt, writer };
            commit_here(&commit, *batch, &counts, start).await
        }
    }
}

/// What a chunk became.
enum Made {
    /// A message for any writer.
    Message(Bytes),
    /// A batch for the writer of this process.
    Batch(Box<Batch>, WorkerId),
}

/// Commits a batch without sending it. The start that is charged is the processor's: it stays charged until the batch
/// is committed, so that a chunk which kills the process there is known by it as well.
async fn commit_here(
    commit: &Commit<'_>,
    batch: Batch,
    processed: &ChunkCounts,
    start: Start<'_>,
) -> Handled {
    let _in_hand = commit.with.registered.in_hand(commit.writer);
    let bytes = batch.rows.iter().map(Vec::len).sum::<usize>()
        + batch.rejects.iter().map(|reject| reject.raw.len()).sum::<usize>();
    let mut counts = ChunkCounts { bytes: bytes as u64, ..batch.counts() };
    match commit.of(batch, &mut counts, Instant::now()).await {
        Committed::Reported => {
            commit.with.metrics.loaded(Role::Processor, processed);
            start.done().await
        }
        Committed::RunClosed => start.done().await,
        Committed::OtherBytes(reason) => start.of_other_bytes(reason).await,
        Committed::Not(error) if error.is_transient() => start.postponed(error.to_string()).await,
        Committed::Not(error) => start.failed(error.to_string()),
        // The chunk comes again and is found committed; the coordinator asks for the counts.
        Committed::Unsettled(_) => start.done().await,
    }
}

/// Turns a chunk into a batch. The same chunk always gives the same batch. `cut` is what the ledger says of it; of what
/// was received, only the bytes are used, once they are shown to be those that were split.
///
/// # Errors
/// [`ProcessError`] when the chunk is not what was split, or cannot be decoded as a whole.
pub(crate) fn process(
    job: &Arc<Job>,
    cut: &ChunkCut,
    chunk: &Loaded,
    processor: WorkerId,
    decoders: &Decoders,
) -> Result<Batch, ProcessError> {
    let chunk_no = chunk.chunk_no;
    if cut.chunk_no.0 != chunk_no || Hash::of(&chunk.bytes) != cut.sha256 {
        return Err(chunk.altered());
    }
    let mut decoder = decoders.of_chunks(job).map_err(ProcessError::Job)?;
    let decoded =
        decoder.decode(cut.start(), &chunk.bytes).map_err(|error| ProcessError::Chunk { chunk_no, error })?;
    if decoded.records() != cut.records {
        return Err(ProcessError::RecordCount { chunk_no, split: cut.records, decoded: decoded.records() });
    }
    Ok(Batch::of(chunk.run_id, cut, decoded, processor))
}
