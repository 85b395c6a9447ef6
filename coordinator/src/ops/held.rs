//! What a run that stands still waits for: chunks that a worker began and has not ended, with who has them and
//! whether it is still heard of, and chunks that workers could not read.

use std::time::Duration;

use domain::ids::{ChunkNo, RunId, WorkerId};
use store::chunks::HandedBack;
use store::model::{BegunChunk, WorkerRow};
use store::{Store, StoreError};

/// A worker whose last heartbeat is older than this is not counted; workers send one every five seconds.
pub const ALIVE: Duration = Duration::from_secs(16);

/// How many chunks are named at most.
const NAMED_MAX: u32 = 20;

/// A chunk that a worker began is held by it for less than this, unless it is stuck.
pub const STUCK: Duration = Duration::from_secs(60);

/// What to do about a source that workers cannot read.
const UNREAD: &str =
    "make the source reachable for the processors, and allow its place under [worker] sources";

/// A chunk that waits for a worker, in a sentence, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The run that the chunk belongs to.
    pub run_id: RunId,
    /// The chunk's number within its run.
    pub chunk_no: ChunkNo,
    /// Which worker has it, and for how long that worker has been silent or busy with it.
    pub said: String,
    /// What an operator can do about it, in words.
    pub advice: &'static str,
}

/// The chunks of runs that load, or of one of them, which a worker began that is silent or stuck since. Of one run: the
/// first that was handed back, if no worker has begun another one since.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn held(store: &dyn Store, run_id: Option<RunId>) -> Result<Vec<Held>, StoreError> {
    if let Some(run_id) = run_id
        && let Some(HandedBack { chunk_no, reason: said, are_all: true }) = store.handed_back(run_id).await?
    {
        return Ok(vec![Held { run_id, chunk_no, said, advice: UNREAD }]);
    }
    let begun = store.begun_chunks(run_id, NAMED_MAX).await?;
    if begun.is_empty() {
        return Ok(Vec::new());
    }
    let workers = store.fleet(None).await?;
    let of = |worker: WorkerId| workers.iter().find(|row| row.worker_id == worker);
    let named = begun.into_iter().filter_map(|BegunChunk { run_id, chunk_no, worker }| {
        let (said, advice) = told(of(worker)?)?;
        Some(Held { run_id, chunk_no, said, advice })
    });
    Ok(named.collect())
}

/// `None`: the worker makes progress or has stopped properly.
fn told(worker: &WorkerRow) -> Option<(String, &'static str)> {
    let who = format!("{} {} on host {} (pid {})", worker.role.name(), worker.name, worker.host, worker.pid);
    match worker {
        WorkerRow { stopped_at_ms: Some(_), .. } => None,
        WorkerRow { silent, .. } if *silent > ALIVE => Some((
            format!("{who} started it and has been silent for {} s", silent.as_secs()),
            "if that process is frozen, stop it; the chunk is being handed out again",
        )),
        WorkerRow { in_hand: Some(in_hand), .. } if *in_hand >= STUCK => Some((
            format!("{who} is running and has been working on it for {} s", in_hand.as_secs()),
            "check its log to see what it is waiting for: the database, a lock, or the broker",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::counts::Role;

    use super::*;

    fn worker(silent_s: u64, in_hand_s: Option<u64>, stopped_at_ms: Option<i64>) -> WorkerRow {
        WorkerRow {
            worker_id: WorkerId(3),
            name: "w1".into(),
            role: Role::Writer,
            host: "vm".into(),
            pid: 7,
            version: "0.1.0".into(),
            started_at_ms: 0,
            seen_at_ms: 0,
            stopped_at_ms,
            silent: Duration::from_secs(silent_s),
            in_hand: in_hand_s.map(Duration::from_secs),
            drain_asked_at_ms: None,
        }
    }

    #[test]
    fn who_is_silent_or_stuck_is_named_and_who_works_is_not() {
        for (row, says) in [
            (worker(2, Some(3), None), None),
            (worker(2, None, None), None),
            (worker(400, None, Some(5)), None),
            (
                worker(372, None, None),
                Some("writer w1 on host vm (pid 7) started it and has been silent for 372 s"),
            ),
            (
                worker(2, Some(90), None),
                Some("writer w1 on host vm (pid 7) is running and has been working on it for 90 s"),
            ),
        ] {
            assert_eq!(told(&row).map(|(said, _)| said).as_deref(), says);
        }
    }
}
