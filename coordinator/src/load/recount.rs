//! The reports of a run whose chunks are all committed: waited for, and made again where they were lost.

use std::time::Duration;

use broker::{BrokerError, Queue};
use domain::ids::ChunkNo;
use wire::Chunk;

use crate::load::collector::{Reports, reported};
use crate::load::error::LoadError;
use crate::load::loading::{Load, SILENCE};
use crate::split::again::SourceAgain;

/// How long reports are waited for once everything is committed. Chunks whose reports are missing then are counted
/// again.
const REPORTS_PATIENCE: Duration = Duration::from_secs(3);

/// How long the reports of recounted chunks are waited for. What is missing after that is a failed check.
const RECOUNT_PATIENCE: Duration = Duration::from_secs(15);

/// Reports that still wait in the broker, or are just being stored, are late and not lost, and so are recounts that no
/// worker has finished yet: they are waited for so long, which is longer than a connection that has died in silence
/// takes to be given up, twice.
const LATE_MAX: Duration = Duration::from_secs(120);

/// A worker of which nothing was heard for so long may have died or be frozen with a recount in hand: it missed two
/// heartbeats.
const SILENT: Duration = Duration::from_secs(10);

/// A worker that had a message in hand for so long at its last heartbeat is held up in it.
const HELD_UP: Duration = Duration::from_secs(5);

/// How many chunks at most are recounted; where more counts are lost, a check fails.
const RECOUNTED_MAX: u32 = 1000;

impl Load<'_> {
    /// Reports may still be in flight; without them a worker's share would not agree. Those that do not come were
    /// lost: their chunks are counted again, from the source's bytes, if it can be read again.
    pub(crate) async fn await_reports(&self, reports: &mut Reports) -> Result<(), LoadError> {
        // Those of an earlier coordinator went with a broker that died with it.
        let are_lost = self.fence.epoch > 1 && !self.post.broker().is_durable();
        let patience = if are_lost { Duration::ZERO } else { REPORTS_PATIENCE };
        let mut missing = self.unreported(reports, patience, false).await?;
        // A coordinator that is frozen is given its share of the reports until the broker misses its heartbeats.
        let recounts = if self.fence.epoch > 1 { 2 } else { 1 };
        for _ in 0..recounts {
            if missing.is_empty() || are_lost || !self.recount(&missing).await? {
                return Ok(());
            }
            missing = self.unreported(reports, RECOUNT_PATIENCE, true).await?;
        }
        Ok(())
    }

    /// The chunks that lack a report, once `patience` is over. It passes only while the broker answers: a worker cannot
    /// report while the broker is away, and does so after a pause when it is back. A broker that is away for longer
    /// than [`LATE_MAX`] is an error, and the run is driven again. Nor does it pass, up to that, while what is missing
    /// may still come: of the broker or, if chunks were sent to be recounted, of workers.
    async fn unreported(
        &self,
        reports: &mut Reports,
        patience: Duration,
        of_recounts: bool,
    ) -> Result<Vec<ChunkNo>, LoadError> {
        let began = tokio::time::Instant::now();
        let mut until = began + patience;
        let mut was_away = false;
        loop {
            let missing = self.store.unreported(self.fence.run_id, RECOUNTED_MAX).await?;
            let now = tokio::time::Instant::now();
            let may_be_late = !patience.is_zero() && now < began + LATE_MAX;
            // Those that have come and wait for the store are not lost.
            if may_be_late && reports.are_being_stored() {
                until = until.max(now + patience);
            }
            if missing.is_empty() || patience.is_zero() {
                return Ok(missing);
            }
            match self.waiting(of_recounts).await {
                // Nor are those that still wait in the broker, or are in a worker's hands.
                Ok(is_waiting) if may_be_late && now >= until => {
                    if is_waiting || of_recounts && self.are_in_hand().await? {
                        until = now + patience;
                    }
                }
                Ok(_) => {}
                Err(error) if !may_be_late => return Err(error.into()),
                Err(error) => {
                    if !was_away {
                        tracing::warn!(%error, "the broker is away; workers' counts are waited for until it is back");
                    }
                    (was_away, until) = (true, now + patience);
                }
            }
            if now >= until {
                return Ok(missing);
            }
            match tokio::time::timeout(SILENCE, reports.next()).await {
                Ok(None) => return Err(BrokerError::Closed.into()),
                Ok(Some(group)) => group.iter().filter_map(reported).for_each(|report| self.show(&report)),
                Err(_) => {}
            }
        }
    }

    /// Whether the broker has messages that are, or may become, what is missing. A recount is a chunk and a batch like
    /// any other before it becomes two reports: it queues behind those of other runs, and while no worker consumes.
    async fn waiting(&self, of_recounts: bool) -> Result<bool, BrokerError> {
        let more: &[Queue] = if of_recounts { &[Queue::Chunks, Queue::Batches] } else { &[] };
        for queue in [Queue::Counts].iter().chain(more) {
            if self.post.broker().depth(*queue).await? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether recounts may be in the hands of a worker that is frozen, held up, or has just died: no depth of a queue
    /// tells of them, and the broker hands them to another worker when it gives that one up. Workers inside this
    /// process are not asked: they live as long as it does, and send no heartbeats.
    async fn are_in_hand(&self) -> Result<bool, LoadError> {
        if !self.post.broker().is_durable() {
            return Ok(false);
        }
        let workers = self.store.fleet(Some(LATE_MAX)).await?;
        Ok(workers
            .iter()
            .filter(|worker| worker.stopped_at_ms.is_none())
            .any(|worker| worker.silent > SILENT || worker.in_hand.is_some_and(|in_hand| in_hand > HELD_UP)))
    }

    /// Sends the bytes of `chunks` again, to be recounted, however they travelled before: they are few. `false`: the
    /// source cannot be read again.
    async fn recount(&self, chunks: &[ChunkNo]) -> Result<bool, LoadError> {
        let Some(source) = (self.reopen)() else { return Ok(false) };
        let Ok(mut again) = SourceAgain::open(self.job, &source) else { return Ok(false) };
        tracing::warn!(chunks = chunks.len(), "workers' counts were lost on the bus; computing them again");
        for chunk_no in chunks {
            let row = self.store.chunks(self.fence.run_id, chunk_no.0, 1).await?.pop();
            let Some(row) = row.filter(|row| row.cut.chunk_no == *chunk_no) else { continue };
            let Ok(bytes) = again.bytes(&row) else { return Ok(false) };
            let run_id = self.fence.run_id.to_bytes();
            let chunk = Chunk { run_id, chunk_no: chunk_no.0, recount: true, bytes: bytes.into() };
            // Model: `Recount`.
            self.post.send(Queue::Chunks, self.fence.epoch, &chunk).await?;
        }
        Ok(true)
    }
}
