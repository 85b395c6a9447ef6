//! Someone who may do everything on the broker and nothing in the store: messages forged, altered in place, sent
//! again, and taken away. Nothing of it may change a row, a count or a verdict; what is refused is named in the
//! evidence log.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use broker::Queue;
use bytes::Bytes;
use coordinator::open::RunRequest;
use coordinator::run::Ending;
use domain::counts::Role;
use domain::event_kind::EventKind;
use domain::ids::{RunId, StoreId, WorkerId};
use domain::reconcile::VerifySource;
use domain::seal::{KEY_BYTES, Keyring, MessageKey};
use wire::seal::{COVER_BYTES, Travels, seal, unverified};
use wire::{
    Batch, BodyCompression, Chunk, ChunkCounts, Range, Sealing, WireAmount, Work, WorkerReport, codec,
};

use crate::fleet::broker;
use crate::intercept::{Intercepted, Messages};
use crate::scenario::{Field, Scenario, Stop, Strike, Target};

/// Failures that are made up at once.
const FAILURES: u64 = 800;

/// `message` under the cover of `genuine`: the address and the key's number are right, the seal cannot be.
fn forged<M: Travels>(genuine: &Bytes, message: &M) -> Option<Bytes> {
    let mut bytes = genuine.get(..COVER_BYTES)?.to_vec();
    bytes.extend_from_slice(&codec::encode(message).ok()?);
    Some(bytes.into())
}

/// The chunk with a byte in its middle changed, its length as it was.
fn altered(chunk: &Chunk) -> Chunk {
    let mut chunk = chunk.clone();
    let middle = chunk.bytes.held().len() / 2;
    if let Some(byte) = chunk.bytes.held_mut().and_then(|bytes| bytes.get_mut(middle)) {
        *byte ^= 1;
    }
    chunk
}

/// The batch with another sum and another row than its processor decoded.
fn embezzled(batch: &Batch) -> Batch {
    let mut batch = batch.clone();
    for WireAmount(mantissa, _) in &mut batch.sums {
        *mantissa += 30_000_000;
    }
    if let Some(byte) = batch.rows.first_mut().and_then(|rows| rows.last_mut()) {
        *byte ^= 1;
    }
    batch
}

/// Where a forged or recorded message is placed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// In place of the genuine message.
    InPlace,
    /// Ahead of the genuine message, which follows.
    Ahead,
}

/// Strikes the first message of `queue` that `make` makes something of.
fn once<M: Travels>(
    queue: Queue,
    how: How,
    make: impl Fn(&Bytes, &M) -> Option<Bytes> + Send + Sync + 'static,
) -> impl Fn(Queue, Bytes) -> Messages + Send + Sync + 'static {
    let is_done = AtomicBool::new(false);
    move |of, body| {
        if of != queue || is_done.load(Ordering::SeqCst) {
            return vec![(of, body)];
        }
        let made = unverified::<M>(&body).and_then(|opened| make(&body, &opened.message));
        let Some(made) = made.filter(|_| !is_done.swap(true, Ordering::SeqCst)) else {
            return vec![(of, body)];
        };
        match how {
            How::InPlace => vec![(queue, made)],
            How::Ahead => vec![(queue, made), (of, body)],
        }
    }
}

/// Adds `extra` to the first chunk that is published.
fn beside(
    extra: impl Fn(&Bytes, &Chunk) -> Messages + Send + Sync + 'static,
) -> impl Fn(Queue, Bytes) -> Messages {
    let is_done = AtomicBool::new(false);
    move |of, body| {
        let mut all = Vec::new();
        if of == Queue::Chunks
            && let Some(opened) = unverified::<Chunk>(&body)
            && !is_done.swap(true, Ordering::SeqCst)
        {
            all.extend(extra(&body, &opened.message));
        }
        all.push((of, body));
        all
    }
}

/// Takes the `nth` message of `queue` away, counted from 0.
fn taken(queue: Queue, nth: usize) -> impl Fn(Queue, Bytes) -> Messages {
    let seen = AtomicUsize::new(0);
    move |of, body| {
        if of == queue && seen.fetch_add(1, Ordering::SeqCst) == nth { Vec::new() } else { vec![(of, body)] }
    }
}

/// The report of worker 1 that it did `work` on `chunk_no`.
fn report(chunk: &Chunk, chunk_no: u64, work: Work) -> WorkerReport {
    WorkerReport { run_id: chunk.run_id, chunk_no, worker: WorkerId(1), work }
}

/// Adds invented counts, reported as `work`.
fn made_up_counts(work: fn(ChunkCounts) -> Work) -> impl Fn(Queue, Bytes) -> Messages {
    let counts = ChunkCounts { records: 7, accepted: 7, rejected: 0, bytes: 70, busy_us: 1 };
    beside(move |body, chunk| {
        let made_up = report(chunk, chunk.chunk_no, work(counts));
        forged(body, &made_up).map(|body| (Queue::Counts, body)).into_iter().collect()
    })
}

/// Adds failures of `many` chunks.
fn made_up_failures(many: u64) -> impl Fn(Queue, Bytes) -> Messages {
    beside(move |body, chunk| {
        let failed = || Work::Failed { role: Role::Writer, reason: "it failed".into() };
        let failures = (0..many).map(|chunk_no| report(chunk, chunk_no, failed()));
        failures.filter_map(|one| Some((Queue::Counts, forged(body, &one)?))).collect()
    })
}

/// What is done to the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intrusion {
    /// A chunk is altered on its queue.
    ChunkAltered,
    /// A batch is altered on its queue.
    BatchAltered,
    /// A forged chunk overtakes the genuine one.
    ChunkForged,
    /// A forged batch overtakes the genuine one.
    BatchForged,
    /// A writer's counts are made up.
    WriterCounts,
    /// A processor's counts are made up.
    ProcessorCounts,
    /// A chunk's failure is made up.
    Failure,
    /// Hundreds of failures are forged.
    Failures,
    /// A range to read back has a shorter end.
    ShorterRange,
    /// A range is of a run that does not exist.
    UnknownRun,
    /// A chunk has a number that no source reaches.
    UnreachableChunk,
    /// Every message of an earlier run is sent again.
    Replay,
    /// A message is of another store.
    OtherStore,
    /// A chunk is sealed with a key that is not valid any more.
    RetiredKey,
    /// A chunk comes without a seal.
    NoSeal,
    /// A worker's counts are taken away.
    CountsTaken,
    /// A chunk is taken away.
    ChunkTaken,
    /// A batch is taken away.
    BatchTaken,
    /// Garbage comes to every queue.
    Garbage,
    /// A genuine message is moved to another queue.
    OtherQueue,
}

/// Strikes the broker's queues of a fresh shadow with `intrusion`.
pub(super) async fn strike(intrusion: Intrusion, scenario: &Scenario<'_>) -> Strike {
    let beyond = i64::MAX as u64 + 1;
    match intrusion {
        Intrusion::ChunkAltered => {
            let hand =
                once::<Chunk>(Queue::Chunks, How::InPlace, |body, chunk| forged(body, &altered(chunk)));
            over(scenario, hand, "a chunk is altered in its queue, at equal length", true).await
        }
        Intrusion::BatchAltered => {
            let hand =
                once::<Batch>(Queue::Batches, How::InPlace, |body, batch| forged(body, &embezzled(batch)));
            over(scenario, hand, "a batch is altered in its queue", true).await
        }
        Intrusion::ChunkForged => {
            let hand = once::<Chunk>(Queue::Chunks, How::Ahead, |body, chunk| forged(body, &altered(chunk)));
            over(scenario, hand, "a forged chunk overtakes the genuine one", true).await
        }
        Intrusion::BatchForged => {
            let hand =
                once::<Batch>(Queue::Batches, How::Ahead, |body, batch| forged(body, &embezzled(batch)));
            over(scenario, hand, "a forged batch overtakes the genuine one", true).await
        }
        Intrusion::WriterCounts => {
            let told = "a writer's counts are forged before the chunk is decoded";
            let written = |counts| Work::Written { processor: WorkerId(1), counts };
            over(scenario, made_up_counts(written), told, true).await
        }
        Intrusion::ProcessorCounts => {
            over(scenario, made_up_counts(Work::Processed), "a processor's counts are forged", true).await
        }
        Intrusion::Failure => {
            over(scenario, made_up_failures(1), "a failure of a chunk is forged", true).await
        }
        Intrusion::Failures => {
            let told = format!("{FAILURES} failures are forged");
            over(scenario, made_up_failures(FAILURES), told, true).await
        }
        Intrusion::ShorterRange => {
            // Every range of the run, once more and with a shorter end, before the genuine one.
            let hand = once::<Range>(Queue::Ranges, How::Ahead, |body, range| {
                forged(body, &Range { end: range.first + 1, ..range.clone() })
            });
            over(scenario, hand, "a range that ends too early is forged", true).await
        }
        Intrusion::UnknownRun => {
            let hand = beside(|body, chunk| {
                let range = Range { run_id: [0x5a; 16], pass: 2, first: chunk.chunk_no, end: 9 };
                forged(body, &range).map(|body| (Queue::Ranges, body)).into_iter().collect()
            });
            over(scenario, hand, "a range of a run that does not exist is forged", true).await
        }
        Intrusion::UnreachableChunk => {
            let hand = beside(move |body, chunk| {
                let poison = Chunk { chunk_no: beyond, ..chunk.clone() };
                forged(body, &poison).map(|body| (Queue::Chunks, body)).into_iter().collect()
            });
            over(scenario, hand, "a chunk carries a number that no source reaches", true).await
        }
        Intrusion::Replay => replayed(scenario).await,
        Intrusion::OtherStore => {
            let (other, key) = (StoreId::from_bytes([0x5a; 16]), MessageKey::new(&[0x5a; KEY_BYTES]));
            let key = key.map_err(|error| Stop::Failed(error.to_string()))?;
            let hand = beside(move |_, chunk| {
                let sealing = Sealing::Keys(Keyring { current: key.clone(), previous: None });
                let foreign = seal(&altered(chunk), other, 1, &sealing, BodyCompression::Plain);
                foreign.ok().map(|body| (Queue::Chunks, body)).into_iter().collect()
            });
            over(scenario, hand, "a message of another store arrives in these queues", true).await
        }
        Intrusion::RetiredKey => retired_key(scenario).await,
        Intrusion::NoSeal => {
            let hand =
                once::<Chunk>(Queue::Chunks, How::Ahead, |_, chunk| codec::encode(&altered(chunk)).ok());
            over(scenario, hand, "a chunk arrives without a seal", true).await
        }
        Intrusion::CountsTaken => {
            let hand = taken(Queue::Counts, 0);
            over(scenario, hand, "the first counts are removed from the bus", false).await
        }
        Intrusion::ChunkTaken => {
            over(scenario, taken(Queue::Chunks, 0), "a chunk is removed from its queue", false).await
        }
        Intrusion::BatchTaken => {
            over(scenario, taken(Queue::Batches, 0), "a batch is removed from its queue", false).await
        }
        Intrusion::Garbage => {
            let hand = beside(|_, _| {
                let garbage = || Bytes::from_static(b"\x00garbage that nobody of us sends\xff");
                [Queue::Chunks, Queue::Batches, Queue::Ranges, Queue::Counts]
                    .map(|queue| (queue, garbage()))
                    .into()
            });
            over(scenario, hand, "garbage arrives in every queue", true).await
        }
        Intrusion::OtherQueue => {
            // The genuine batch, seal and all, in the queue of chunks.
            let hand = once::<Batch>(Queue::Batches, How::Ahead, |body, _| Some(body.clone()));
            let hand = move |of: Queue, body: Bytes| {
                let sent = hand(of, body);
                match &sent[..] {
                    [(_, first), genuine] => vec![(Queue::Chunks, first.clone()), genuine.clone()],
                    _ => sent,
                }
            };
            over(scenario, hand, "a genuine message is moved to another queue", true).await
        }
    }
}

/// Runs the job on a broker with `hand` in it. Where something is refused, the evidence log must name it.
async fn over(
    scenario: &Scenario<'_>,
    hand: impl Fn(Queue, Bytes) -> Messages + Send + Sync + 'static,
    told: impl Into<String>,
    is_refused: bool,
) -> Strike {
    let field = scenario.field().await?;
    // Whether the hand did anything is known by what it left: a strike that misses proves nothing.
    let has_struck = Arc::new(AtomicBool::new(false));
    let struck = Arc::clone(&has_struck);
    let hand = move |of: Queue, body: Bytes| {
        let sent = hand(of, body.clone());
        if sent != [(of, body)] {
            struck.store(true, Ordering::SeqCst);
        }
        sent
    };
    let (run_id, ended) = field.run_on(&scenario.request(), Intercepted::on(broker(), hand)).await;
    if !has_struck.load(Ordering::SeqCst) {
        return Err(Stop::NotHere("no message of that kind is sent"));
    }
    if is_refused {
        is_named(&field, run_id).await?;
    }
    field.over(run_id, ended, Target::told(told), 0).await
}

/// Fails unless the log names a refused message.
async fn is_named(field: &Field<'_>, run_id: Option<RunId>) -> Result<(), Stop> {
    let events = field.store.events(0, 10_000).await.map_err(|error| Stop::Failed(error.to_string()))?;
    let is_named = events.iter().any(|event| event.entry.kind == EventKind::MessageRefused.name());
    match run_id {
        Some(_) if !is_named => {
            Err(Stop::Failed("a refused message is not named in the evidence log".into()))
        }
        _ => Ok(()),
    }
}

/// Sends every message of an earlier run again, with its seal, while the next one is loaded.
async fn replayed(scenario: &Scenario<'_>) -> Strike {
    let field = scenario.field().await?;
    let kept: Arc<Mutex<Messages>> = Arc::default();
    let keeping = Arc::clone(&kept);
    let keep = move |of: Queue, body: Bytes| {
        keeping.lock().unwrap_or_else(PoisonError::into_inner).push((of, body.clone()));
        vec![(of, body)]
    };
    let request = RunRequest { pause_after_staged: true, ..scenario.request() };
    let (Some(earlier), Ok(Ending::Paused)) = field.run_on(&request, Intercepted::on(broker(), keep)).await
    else {
        return Err(Stop::Failed("the earlier run did not reach its pause".into()));
    };
    let coordinator = field.coordinator(broker());
    coordinator.cancel(earlier, Some("drill")).await.map_err(|error| Stop::Failed(error.to_string()))?;
    let old = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    let hand = beside(move |_, _| old.clone());
    let (run_id, ended) = field.run_on(&scenario.request(), Intercepted::on(broker(), hand)).await;
    field.over(run_id, ended, Target::told("every message of an earlier run is sent again"), 0).await
}

/// A chunk that was altered, sealed with a key that was valid two keys ago.
async fn retired_key(scenario: &Scenario<'_>) -> Strike {
    let field = scenario.field().await?;
    let failed = |error: store::StoreError| Stop::Failed(error.to_string());
    let (own, old) =
        (field.store.identity().await.map_err(failed)?, field.store.message_keys().await.map_err(failed)?);
    for _ in 0..2 {
        field.store.rotate_message_key(1, 0).await.map_err(failed)?;
    }
    let hand = once::<Chunk>(Queue::Chunks, How::Ahead, move |_, chunk| {
        seal(&altered(chunk), own, 1, &Sealing::Keys(old.clone()), BodyCompression::Plain).ok()
    });
    let (run_id, ended) = field.run_on(&scenario.request(), Intercepted::on(broker(), hand)).await;
    is_named(&field, run_id).await?;
    field.over(run_id, ended, Target::told("a chunk is sealed with a key that was replaced twice"), 0).await
}

/// A request in which every chunk is decoded by the coordinator too.
pub(super) fn fully_verified(scenario: &Scenario<'_>) -> RunRequest {
    RunRequest { verify_source: VerifySource::Full, ..scenario.request() }
}
