//! Starts are charged before work begins, so that a chunk which kills its workers is known by them.

use std::time::Duration;

use domain::counts::Role;
use domain::ids::{ChunkNo, RunId, WorkerId};
use domain::retry::RetryPolicy;
use platform::backoff::Backoff;
use store::StoreError;
use store::model::{Started, Task};
use tokio::time::Instant;
use wire::{Opened, RunBytes, Travels, Work, WorkerReport};

use crate::WorkerContext;
use crate::consume::{Handled, PAUSE_MAX, PAUSE_MIN};

/// How long a start waits for a store that is away before its charge stays. Well below the time after which a broker
/// takes a delivery for lost (RabbitMQ: half an hour).
const STORE_AWAY_MAX: Duration = Duration::from_secs(600);

/// A start that was charged.
pub(crate) struct Start<'a> {
    with: &'a WorkerContext,
    run_id: RunBytes,
    chunk_no: u64,
    role: Role,
    starts: u32,
    /// What the ledger says of the chunk.
    pub(crate) task: Box<Task>,
}

/// What charging a start comes to.
pub(crate) enum Charged<'a> {
    /// The work may begin; the start was charged.
    Go(Start<'a>),
    /// The chunk is committed.
    Committed,
    /// The work must not begin; the delivery is settled with this outcome.
    Settle(Handled),
}

impl WorkerContext {
    /// Charges a start of a chunk, and fetches what the ledger says of it.
    pub(crate) async fn start<M: Travels>(
        &self,
        opened: &Opened<M>,
        role: Role,
        worker: WorkerId,
    ) -> Charged<'_> {
        let (run_id, chunk_no) = (opened.message.run_id(), opened.message.chunk_no());
        let run = RunId::from_bytes(run_id);
        // Model: `StartChunk`.
        let start = || self.store.start_chunk(run, ChunkNo(chunk_no), role, opened.attempt, worker);
        match fault::around!("charge", start().await) {
            Ok(Started::Committed) => Charged::Committed,
            Ok(Started::Closed) => {
                tracing::info!("the run no longer accepts this chunk");
                Charged::Settle(Handled::Done)
            }
            Ok(Started::Go { starts, .. }) if starts > RetryPolicy::CHUNK.attempts_max => {
                let reason = format!(
                    "chunk {chunk_no} was started {} times, but no {} finished it: it crashes them, or they \
                     were killed",
                    starts - 1,
                    role.name()
                );
                Charged::Settle(Handled::Failed { starts, reason })
            }
            Ok(Started::Go { starts, task }) => {
                Charged::Go(Start { with: self, run_id, chunk_no, role, starts, task })
            }
            Err(error) => {
                // The store may have charged it, and gone before it could say so.
                if error.is_transient() {
                    let withdraw = || self.store.withdraw_start(run, ChunkNo(chunk_no), role, worker);
                    self.take_back(withdraw).await;
                }
                Charged::Settle(Handled::unless_transient(&error))
            }
        }
    }

    /// Takes a charge back. While the store is away this waits, and the delivery with it: a charge that stayed would
    /// later look as if the chunk had killed a worker, and an outage that meets some copies of one chunk would have it
    /// set aside. What stops the wait leaves one start too many; the limit has room for it.
    async fn take_back<F: Future<Output = Result<(), StoreError>> + Send>(
        &self,
        ask: impl Fn() -> F + Send + Sync,
    ) {
        let until = Instant::now() + STORE_AWAY_MAX;
        let mut backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX);
        loop {
            let Err(error) = fault::around!("refund", ask().await) else { return };
            if !error.is_transient() || self.stop.is_cancelled() || Instant::now() >= until {
                tracing::warn!(%error, "cannot refund a start");
                return;
            }
            tracing::debug!(%error, "cannot refund a start yet");
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        }
    }

    /// Sets a chunk aside in the ledger and reports that to the coordinator. Returns `false` if the ledger could not be
    /// changed.
    pub(crate) async fn give_up<M: Travels>(
        &self,
        opened: &Opened<M>,
        role: Role,
        worker: WorkerId,
        reason: String,
    ) -> bool {
        let (run_id, chunk_no) = (opened.message.run_id(), opened.message.chunk_no());
        if let Err(error) = self.store.set_aside(RunId::from_bytes(run_id), ChunkNo(chunk_no), &reason).await
        {
            tracing::error!(%error, "cannot set aside a failed chunk");
            return false;
        }
        let report = WorkerReport { run_id, chunk_no, worker, work: Work::Failed { role, reason } };
        if let Err(error) = self.report(opened.attempt, &report).await {
            // The ledger has it; the coordinator looks there.
            tracing::warn!(%error, "cannot report a failure");
        }
        true
    }
}

impl Start<'_> {
    /// Ends the start as a failure of the chunk itself, which stays charged.
    pub(crate) fn failed(self, reason: String) -> Handled {
        Handled::Failed { starts: self.starts, reason }
    }

    /// Ends the start of a message with other bytes than the ledger has. If messages are sealed, the fault is in the
    /// fleet and the chunk is charged; if not, the message may be forged: it is refused, and the charge is revoked.
    pub(crate) async fn of_other_bytes(self, reason: String) -> Handled {
        match self.with.post.is_sealed().await {
            Ok(true) => self.failed(reason),
            Ok(false) => {
                self.forgive().await;
                Handled::Refused(reason)
            }
            Err(error) => self.postponed(error.to_string()).await,
        }
    }

    /// The work is done, and whatever becomes of it is no fault of the chunk: a batch may be lost with its broker, or
    /// the chunk come again because its acknowledgement was.
    pub(crate) async fn done(self) -> Handled {
        // Model: `AckChunk`, with the acknowledgement that follows.
        self.forgive().await;
        Handled::Done
    }

    /// Something else failed: the start is not charged.
    pub(crate) async fn postponed(self, reason: String) -> Handled {
        self.forgive().await;
        Handled::Postponed(reason)
    }

    /// This worker cannot read the chunk's source, which says nothing of the chunk: the start is not charged, and the
    /// ledger holds the reason for the coordinator.
    pub(crate) async fn handed_back(self, reason: String) -> Handled {
        let (run, with) = (RunId::from_bytes(self.run_id), self.with);
        with.take_back(|| with.store.hand_back(run, ChunkNo(self.chunk_no), &reason)).await;
        Handled::HandedBack(reason)
    }

    /// Takes the charge back.
    async fn forgive(&self) {
        let (run, with) = (RunId::from_bytes(self.run_id), self.with);
        with.take_back(|| with.store.forgive_start(run, ChunkNo(self.chunk_no), self.role)).await;
    }
}
