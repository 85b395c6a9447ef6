//! Reading back: a range of committed chunks is read from staging and digested, and what was found is kept in the
//! store. Every worker process does it beside its role, so that verification scales as loading does.

use std::time::Instant;

use bytes::Bytes;
use domain::ids::{RunId, WorkerId};
use shared::broker::{BrokerError, Queue};
use shared::readback::{ReadBackError, read_range};
use shared::store::model::ChunkRange;
use shared::wire::{Counts, Range, RangeFound, codec};

use crate::consume::{Handled, consume};
use crate::jobs::Unavailable;
use crate::{Jobs, Surroundings};

/// The number in messages that says: a range was read back.
const ROLE: u8 = 2;

/// Works until told to stop.
///
/// # Errors
/// [`BrokerError`] when it cannot begin.
pub async fn run(with: &Surroundings, worker: WorkerId, jobs: &Jobs) -> Result<(), BrokerError> {
    let handle = |body: Bytes, _| read_back(with, jobs, worker, body);
    // Nothing of a range is its own fault: it is postponed, or found impossible.
    let give_up = |_: Bytes, _: String| async { true };
    consume(&*with.broker, Queue::Ranges, 1, &with.stop, handle, give_up).await
}

async fn read_back(with: &Surroundings, jobs: &Jobs, worker: WorkerId, body: Bytes) -> Handled {
    let started = Instant::now();
    let range: Range = match codec::decode(&body) {
        Ok(range) => range,
        Err(error) => return Handled::Refused(error.to_string()),
    };
    let run_id = RunId::from_bytes(range.run_id);
    match with.store.readbacks(run_id, range.pass, range.first, 1).await {
        Ok(found) if found.first().is_some_and(|(first, _)| *first == range.first) => return Handled::Done,
        Ok(_) => {}
        Err(error) => return Handled::Postponed(error.to_string()),
    }
    let job = match jobs.get(&*with.store, &range.job_digest).await {
        Ok(job) => job,
        Err(Unavailable::Store(reason) | Unavailable::Job(reason)) => return Handled::Postponed(reason),
    };
    let chunks = ChunkRange { first: range.first, end: range.end };
    // The semaphore is never closed.
    let _turn = with.reading.acquire().await;
    let found = match read_range(&*with.store, run_id, &job, chunks).await {
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
    if let Err(error) = with.store.keep_readback(run_id, range.pass, range.first, &body).await {
        return Handled::Postponed(error.to_string());
    }
    let nudge = Counts {
        run_id: range.run_id,
        chunk_no: range.first,
        role: ROLE,
        worker: worker.0,
        processor: worker.0,
        records,
        accepted: records,
        rejected: 0,
        bytes: 0,
        busy_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        failure: None,
    };
    if let Err(error) = with.report(&nudge).await {
        // It is for speed only: the coordinator looks into the store.
        tracing::debug!(%error, "a range that was read back could not be reported");
    }
    Handled::Done
}
