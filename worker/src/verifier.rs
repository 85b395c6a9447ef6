//! Reading back: a range of committed chunks is read from staging and digested, and what was found is kept in the
//! store. Every worker process does it beside its role, so that verification scales as loading does.

use broker::BrokerError;
use bytes::Bytes;
use domain::ids::{RunId, WorkerId};
use platform::trace;
use store::model::ChunkRange;
use store::readback::{ReadBackError, read_range};
use tokio::time::Instant;
use wire::{Range, RangeFound, Work, WorkerReport, codec};

use crate::consume::{Consuming, Handled, known};
use crate::jobs::Unavailable;
use crate::{Jobs, WorkerContext, micros};

/// The most ranges with the same first chunk that are compared: there is only one, unless someone forges ranges.
const RANGES_MAX: u32 = 8;

/// Reads ranges back until the context's `stop` is cancelled.
///
/// # Errors
/// [`BrokerError`] when it cannot begin.
pub(crate) async fn run(ranges: &Consuming<'_>, worker: WorkerId, jobs: &Jobs) -> Result<(), BrokerError> {
    let handle = |body: Bytes| read_back(ranges.with, jobs, worker, body);
    // Nothing of a range is its own fault: it is postponed, or found impossible.
    let give_up = |_: Bytes, _: String| async { true };
    ranges.run(handle, give_up).await
}

async fn read_back(with: &WorkerContext, jobs: &Jobs, worker: WorkerId, body: Bytes) -> Handled {
    let started = Instant::now();
    let (range, attempt) = match with.read::<Range>(&body).await {
        Ok(opened) => (opened.message, opened.attempt),
        Err(handled) => return handled,
    };
    known("read back", range.run_id, range.first);
    let run_id = RunId::from_bytes(range.run_id);
    let chunks = ChunkRange { first: range.first, end: range.end };
    let run = match with.store.run(run_id).await {
        Ok(run) => run,
        Err(error) => return Handled::unless_transient(&error),
    };
    if attempt < run.epoch {
        // What an earlier attempt reads back is not believed; the present one hands its ranges out itself.
        return Handled::Done;
    }
    match with.store.readbacks(run_id, range.pass, range.first, RANGES_MAX).await {
        Ok(found) if found.iter().any(|found| found.range == chunks) => return Handled::Done,
        Ok(_) => {}
        Err(error) => return Handled::unless_transient(&error),
    }
    let job = match jobs.get(&*with.store, &run.job_digest).await {
        Ok(job) => job,
        Err(Unavailable::Store(reason)) => return Handled::Postponed(reason),
        // The run cannot go on either: its coordinator parses the same job.
        Err(Unavailable::Job(reason)) => return Handled::Refused(reason),
    };
    // The semaphore is never closed.
    let _turn = with.reading.acquire().await;
    fault::point!("readback.before");
    let began = Instant::now();
    let read = read_range(&*with.store, run_id, &job, chunks).await;
    with.metrics.read_back.observe(began.elapsed().as_secs_f64());
    let found = match read {
        Ok(found) => RangeFound::from(&found),
        Err(ReadBackError::Store(error)) if error.is_transient() => {
            return Handled::Postponed(error.to_string());
        }
        // Read again it would be the same: the coordinator is told, and the run fails with the reason.
        Err(error) => RangeFound {
            chunks: Vec::new(),
            stray_rows: 0,
            stray_sums: Vec::new(),
            failure: Some(error.to_string()),
        },
    };
    let records = found.chunks.iter().map(|chunk| chunk.totals.by_type.iter().sum::<u64>()).sum();
    let body = match codec::encode(&found) {
        Ok(body) => body,
        Err(error) => return Handled::Postponed(error.to_string()),
    };
    // Model: `ReadBack`.
    let keep = || with.store.keep_readback(run_id, range.pass, chunks, &body);
    if let Err(error) = fault::around!("readback.keep", keep().await) {
        return Handled::unless_transient(&error);
    }
    with.metrics.was_read_back(records);
    trace::number("crossfoot.records", records);
    let work = Work::ReadBack { records, busy_us: micros(started.elapsed()) };
    let nudge = WorkerReport { run_id: range.run_id, chunk_no: range.first, worker, work };
    if let Err(error) = with.report(attempt, &nudge).await {
        // It is for speed only: the coordinator looks into the store.
        tracing::debug!(%error, "cannot report the range that was read back");
    }
    Handled::Done
}
