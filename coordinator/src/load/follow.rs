//! Following a run's workers: what they report is a reason to look into the ledger, and only what the ledger says is
//! acted on.

use std::time::Duration;

use broker::{BrokerError, Queue};
use domain::lifecycle::ChunkState;
use domain::travel::{Travel, is_unreadable};
use store::chunks::HandedBack;
use store::model::{ChunkStanding, Reported};
use tokio::time::Instant;
use wire::seal::unverified;
use wire::{Chunk, Work, WorkerReport};

use crate::load::collector::{Reports, reported};
use crate::load::error::LoadError;
use crate::load::loading::{Load, SILENCE};
use crate::load::window::{OnItsWay, Window};
use crate::metrics::ChunkStep;
use crate::progress::AtWork;

/// How often at least the ledger is asked about all chunks in flight, however much is reported.
const LOOK: Duration = Duration::from_secs(5);

/// After this many times that long it is handed out again even while messages wait: those may be other runs' or forged.
const LONG_OVERDUE: u32 = 4;

/// What following remembers between two looks.
struct Looks {
    all: Instant,
    overdue: Instant,
    /// When a chunk was let out of the window last.
    settled: Instant,
    unread: Instant,
}

impl Load<'_> {
    /// Follows what the workers say, and lets chunks out of the window. Returns only with an error.
    pub(crate) async fn follow(&self, window: &Window, reports: &mut Reports) -> LoadError {
        match self.keep_following(window, reports).await {
            Ok(()) => LoadError::Broker(BrokerError::Closed),
            Err(error) => error,
        }
    }

    async fn keep_following(&self, window: &Window, reports: &mut Reports) -> Result<(), LoadError> {
        let now = Instant::now();
        let mut looks = Looks { all: now, overdue: now, settled: now, unread: now };
        loop {
            match tokio::time::timeout(SILENCE, reports.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(group)) if looks.all.elapsed() < LOOK => {
                    self.settle(window, &self.named(window, &group), &mut looks).await?;
                }
                heard => {
                    if let Ok(Some(group)) = heard {
                        self.named(window, &group);
                    }
                    looks.all = Instant::now();
                    self.settle(window, &window.numbers(), &mut looks).await?;
                }
            }
            if looks.overdue.elapsed() >= LOOK.min(self.window.overdue) {
                looks.overdue = Instant::now();
                self.hand_out_overdue(window).await?;
            }
            if self.travel == Travel::ByReference && looks.unread.elapsed() >= LOOK {
                looks.unread = Instant::now();
                self.can_be_read(looks.settled.elapsed()).await?;
            }
        }
    }

    /// The chunks in flight that `group` reports on. The live view believes it; nothing else does.
    fn named(&self, window: &Window, group: &[WorkerReport]) -> Vec<u64> {
        group.iter().filter_map(reported).for_each(|report| self.show(&report));
        let of_chunks =
            group.iter().filter(|report| matches!(report.work, Work::Failed { .. } | Work::Written { .. }));
        let mut named: Vec<_> =
            of_chunks.map(|report| report.chunk_no).filter(|chunk_no| window.holds(*chunk_no)).collect();
        named.sort_unstable();
        named.dedup();
        named
    }

    /// Lets those of `chunks` out of the window that the ledger has as committed or set aside.
    async fn settle(&self, window: &Window, chunks: &[u64], looks: &mut Looks) -> Result<(), LoadError> {
        if chunks.is_empty() {
            return Ok(());
        }
        let look = || self.store.chunk_states(self.fence.run_id, chunks);
        for ChunkStanding { chunk_no, state } in fault::around!("chunks.look", look().await)? {
            match state {
                ChunkState::Split => {}
                ChunkState::Committed => {
                    if let Some(OnItsWay { bytes, disk_bytes, records, .. }) = window.release(chunk_no) {
                        looks.settled = Instant::now();
                        self.metrics.chunk(ChunkStep::Committed);
                        self.watch.send_modify(|now| {
                            now.done += records;
                            now.bytes_loaded += disk_bytes;
                            now.chunks_committed += 1;
                        });
                        self.committed(chunk_no, bytes).await?;
                    }
                }
                ChunkState::SetAside => {
                    if window.release(chunk_no).is_some() {
                        looks.settled = Instant::now();
                        self.metrics.chunk(ChunkStep::SetAside);
                        tracing::error!(chunk_no, "chunk set aside");
                    }
                }
            }
        }
        Ok(())
    }

    /// Fails if none of the workers can read the source. Only the ledger says so: what is on the bus may be forged.
    async fn can_be_read(&self, still: Duration) -> Result<(), LoadError> {
        match self.store.handed_back(self.fence.run_id).await? {
            Some(HandedBack { chunk_no, reason, are_all }) if is_unreadable(still, are_all) => {
                Err(LoadError::Unread { chunk_no, reason })
            }
            _ => Ok(()),
        }
    }

    /// What a worker counted, in the live view.
    pub(crate) fn show(&self, report: &Reported) {
        self.watch.send_modify(|now| {
            let (role, id, records) = (report.role, report.worker, report.counts.records);
            match now.workers.iter_mut().find(|worker| (worker.role, worker.id) == (role, id)) {
                Some(worker) => worker.records += records,
                None => now.workers.push(AtWork { role, id, records }),
            }
        });
    }

    /// Hands chunks out again that nobody has committed for long. As long as messages wait for workers, a chunk is
    /// likely among them.
    async fn hand_out_overdue(&self, window: &Window) -> Result<(), LoadError> {
        let old = window.older_than(self.window.overdue);
        if old.is_empty() {
            return Ok(());
        }
        let mut waiting = 0;
        for queue in [Queue::Chunks, Queue::Batches] {
            waiting += self.post.broker().depth(queue).await?;
        }
        for entry in old {
            let chunk_no = entry.chunk_no;
            if waiting > 0 && entry.since.elapsed() < self.window.overdue * LONG_OVERDUE {
                continue;
            }
            tracing::warn!(
                chunk_no,
                since_s = entry.since.elapsed().as_secs(),
                "no worker has committed this chunk; handing it out again"
            );
            // Sealed again, because the key may have been replaced since.
            if let Some(sent) = unverified::<Chunk>(&entry.body) {
                // Model: `HandOut`, again.
                self.post.send(Queue::Chunks, self.fence.epoch, &sent.message).await?;
            }
            self.metrics.chunk(ChunkStep::HandedOutAgain);
            window.handed_out(chunk_no);
        }
        Ok(())
    }
}
