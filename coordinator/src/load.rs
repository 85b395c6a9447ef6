//! Loading: the splitter's chunks are booked and dispatched, and the workers' counts are followed, until every
//! chunk is committed or set aside. What is committed is handed out to be read back meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::ids::{ChunkNo, RunId};
use domain::lifecycle::ChunkState;
use domain::reconcile::VerifySource;
use shared::broker::{BrokerError, Queue};
use shared::job::Job;
use shared::post::{Post, PostError};
use shared::source::SourceFile;
use shared::store::model::SplitTotals;
use shared::store::walk::LedgerWalk;
use shared::store::{Fence, Store, StoreError};
use shared::wire::{Chunk, CodecError};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::beside::Beside;
use crate::follow::SILENCE;
use crate::pinpoint::SourceAgain;
use crate::progress::{Phase, Snapshot};
use crate::ranges::Ranges;
use crate::split::{ChunkLimits, CutChunk, SplitError, split};
use crate::tally::{Reports, reported};
use crate::window::{OnItsWay, Shares, Window, WindowLimits};

/// Chunks are booked in the ledger in groups of up to so many, in one transaction.
const BOOK_MAX: usize = 32;

/// Reports are waited for so long once everything is committed. Chunks whose reports are missing then are counted again.
const REPORTS_PATIENCE: Duration = Duration::from_secs(3);

/// The reports of chunks that are counted again are waited for so long. What is missing then is a failed check.
const RECOUNT_PATIENCE: Duration = Duration::from_secs(15);

/// So many chunks are counted again at most; where more counts are lost, a check fails.
const RECOUNTED_MAX: u32 = 1000;

/// Why loading ended early.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The source could not be cut.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker failed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A message could not be made.
    #[error(transparent)]
    Codec(CodecError),
    /// Chunks failed every time they were started.
    #[error("{}", set_aside_text(*count, *chunk_no, reason))]
    SetAside {
        /// How many were set aside.
        count: u64,
        /// The first of them.
        chunk_no: ChunkNo,
        /// Why it failed the last time.
        reason: String,
    },
    /// The ledger has chunks that are neither committed nor set aside, though none is on its way.
    #[error(
        "the ledger has {settled} of {split} chunks as committed or set aside, but none is in flight; resume the run"
    )]
    NotSettled {
        /// How many are.
        settled: u64,
        /// Of how many.
        split: u64,
    },
    /// Someone asked for it.
    #[error("stopped on request")]
    Stopped,
    /// The thread that splits was lost.
    #[error("the splitter ended early: {0}")]
    SplitterLost(String),
}

impl From<PostError> for LoadError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Broker(error) => Self::Broker(error),
            PostError::Codec(error) => Self::Codec(error),
            PostError::Store(error) => Self::Store(error),
        }
    }
}

fn set_aside_text(count: u64, chunk_no: ChunkNo, reason: &str) -> String {
    let others = if count > 1 { format!(", as were {} others", count - 1) } else { String::new() };
    format!("chunk {chunk_no} failed every time it was started and was set aside{others}: {reason}")
}

/// What loading works with.
pub struct Load<'a> {
    /// Where chunks go, sealed.
    pub post: &'a Post,
    /// The ledger.
    pub store: &'a dyn Store,
    /// The job.
    pub job: &'a Arc<Job>,
    /// The right to change the run.
    pub fence: Fence,
    /// How large a chunk becomes.
    pub limits: ChunkLimits,
    /// How much may be on its way.
    pub window: WindowLimits,
    /// Who shares it.
    pub shares: &'a Shares,
    /// Of how many chunks the source's bytes are decoded here too.
    pub verify_source: VerifySource,
    /// Opens the source once more; `None` when it can be read only once.
    pub reopen: &'a (dyn Fn() -> Option<SourceFile> + Sync),
    /// What is handed out to be read back.
    pub ranges: &'a Ranges,
    /// Who watches.
    pub watch: &'a watch::Sender<Snapshot>,
    /// Told when to stop.
    pub stop: &'a CancellationToken,
}

impl Load<'_> {
    /// Loads `source` to its last chunk. `reports` is what its workers say.
    ///
    /// # Errors
    /// [`LoadError`]; what is committed stays committed, and loading again goes on from there.
    pub async fn run(&self, source: SourceFile, reports: &mut Reports) -> Result<SplitTotals, LoadError> {
        self.watch.send_modify(|now| {
            now.phase = Phase::Loading;
            now.done = 0;
            now.bytes_total = source.bytes_on_disk().unwrap_or(0);
        });
        let window = Window::new(self.window, self.shares);
        let (sender, cuts) = mpsc::channel(2);
        let splitter = self.start_splitter(source, sender);
        let work = async {
            let dispatched = async {
                self.dispatch(cuts, &window).await?;
                let totals = splitter.await.map_err(|error| LoadError::SplitterLost(error.to_string()))??;
                self.store.finish_split(self.fence, &totals).await?;
                window.empty().await;
                self.all_settled().await?;
                Ok(totals)
            };
            // Following never ends by itself, except in an error.
            let totals = tokio::select! {
                totals = dispatched => totals,
                failed = self.follow(&window, reports) => Err(failed),
            }?;
            self.none_set_aside().await?;
            self.await_reports(reports).await?;
            Ok(totals)
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(LoadError::Stopped),
            totals = work => totals,
        }
    }

    /// That everything is committed or set aside is what the ledger says, not what was heard.
    async fn all_settled(&self) -> Result<(), LoadError> {
        let progress = self.store.progress(self.fence.run_id).await?;
        let settled = progress.committed + progress.set_aside;
        if settled == progress.split {
            Ok(())
        } else {
            Err(LoadError::NotSettled { settled, split: progress.split })
        }
    }

    /// Fails if a chunk set aside, naming the first.
    async fn none_set_aside(&self) -> Result<(), LoadError> {
        let count = self.store.progress(self.fence.run_id).await?.set_aside;
        match self.store.chunks_aside(self.fence.run_id, 1).await?.pop() {
            None => Ok(()),
            Some(row) => Err(LoadError::SetAside {
                count,
                chunk_no: row.cut.chunk_no,
                reason: row.reason.unwrap_or_default(),
            }),
        }
    }

    /// Reports may be on their way still; without them a worker's share would not agree. Those that do not come were lost:
    /// their chunks are counted again, from the source's bytes, if it can be read again.
    async fn await_reports(&self, reports: &mut Reports) -> Result<(), LoadError> {
        // Those of an earlier coordinator went with a broker that died with it.
        let are_lost = self.fence.epoch > 1 && !self.post.broker().is_durable();
        let patience = if are_lost { Duration::ZERO } else { REPORTS_PATIENCE };
        let missing = self.unreported(reports, patience).await?;
        if missing.is_empty() || are_lost {
            return Ok(());
        }
        if self.recount(&missing).await? {
            self.unreported(reports, RECOUNT_PATIENCE).await?;
        }
        Ok(())
    }

    /// The chunks that lack a report, once `patience` is over.
    async fn unreported(&self, reports: &mut Reports, patience: Duration) -> Result<Vec<ChunkNo>, LoadError> {
        let until = tokio::time::Instant::now() + patience;
        loop {
            let missing = self.store.unreported(self.fence.run_id, RECOUNTED_MAX).await?;
            if missing.is_empty() || tokio::time::Instant::now() >= until {
                return Ok(missing);
            }
            match tokio::time::timeout(SILENCE, reports.next()).await {
                Ok(None) => return Err(BrokerError::Closed.into()),
                Ok(Some(group)) => group.iter().filter_map(reported).for_each(|report| self.show(&report)),
                Err(_) => {}
            }
        }
    }

    /// Sends the bytes of `chunks` once more, to be counted again. `false`: the source cannot be read again.
    async fn recount(&self, chunks: &[ChunkNo]) -> Result<bool, LoadError> {
        let Some(source) = (self.reopen)() else { return Ok(false) };
        let Ok(mut again) = SourceAgain::open(self.job, &source) else { return Ok(false) };
        tracing::warn!(run_id = %self.fence.run_id, chunks = chunks.len(), "workers' counts were lost on the bus; computing them again");
        for chunk_no in chunks {
            let row = self.store.chunks(self.fence.run_id, chunk_no.0, 1).await?.pop();
            let Some(row) = row.filter(|row| row.cut.chunk_no == *chunk_no) else { continue };
            let Ok(bytes) = again.bytes(&row) else { return Ok(false) };
            let run_id = self.fence.run_id.to_bytes();
            let chunk = Chunk { run_id, chunk_no: chunk_no.0, recount: true, bytes };
            self.post.send(Queue::Chunks, self.fence.epoch, &chunk).await?;
        }
        Ok(true)
    }

    fn start_splitter(
        &self,
        source: SourceFile,
        sender: mpsc::Sender<CutChunk>,
    ) -> tokio::task::JoinHandle<Result<SplitTotals, SplitError>> {
        let (job, limits, verify) = (Arc::clone(self.job), self.limits, self.verify_source);
        tokio::task::spawn_blocking(move || {
            let reader = source.reader()?;
            let mut beside = Beside::new(&job, verify).map_err(SplitError::Job)?;
            split(reader, &job, limits, |mut cut| {
                cut.cut.decoded = beside.content(&cut);
                sender.blocking_send(cut).is_ok()
            })
        })
    }

    /// Books each chunk, then hands it out, unless it is committed already.
    async fn dispatch(&self, mut cuts: mpsc::Receiver<CutChunk>, window: &Window) -> Result<(), LoadError> {
        let mut known = Known::of(self.store, self.fence.run_id).await?;
        let mut group = Vec::with_capacity(BOOK_MAX);
        while cuts.recv_many(&mut group, BOOK_MAX).await > 0 {
            let booked: Vec<_> = group.iter().map(|chunk: &CutChunk| chunk.cut.clone()).collect();
            self.store.add_chunks(self.fence, &booked).await?;
            for chunk in group.drain(..) {
                let position = chunk.disk_position;
                match known.state(chunk.cut.chunk_no.0).await? {
                    Some(ChunkState::Committed) => {
                        self.watch.send_modify(|now| {
                            now.done += chunk.cut.records;
                            now.chunks_committed += 1;
                            now.bytes_read = position;
                        });
                        self.committed(chunk.cut.chunk_no.0, chunk.bytes.len()).await?;
                        continue;
                    }
                    // Only an operator puts it back.
                    Some(ChunkState::SetAside) => continue,
                    _ => {}
                }
                let entry = self.sealed(chunk).await?;
                window.admit(&entry).await;
                self.post.publish(Queue::Chunks, entry.body).await?;
                self.watch.send_modify(|now| now.bytes_read = position);
            }
        }
        Ok(())
    }

    async fn sealed(&self, chunk: CutChunk) -> Result<OnItsWay, LoadError> {
        let (run_id, chunk_no, records) =
            (self.fence.run_id.to_bytes(), chunk.cut.chunk_no.0, chunk.cut.records);
        let message = Chunk { run_id, chunk_no, recount: false, bytes: chunk.bytes };
        let body = self.post.sealer(self.fence.epoch).await?.seal(&message).map_err(LoadError::Codec)?;
        Ok(OnItsWay { chunk_no, body, bytes: message.bytes.len(), records, since: Instant::now() })
    }

    /// A chunk is committed: when it completes a range, that is handed out to be read back.
    pub(crate) async fn committed(&self, chunk_no: u64, bytes: usize) -> Result<(), LoadError> {
        match self.ranges.committed(chunk_no, bytes) {
            Some(range) => Ok(self.ranges.hand_out(self.post, self.fence, range).await?),
            None => Ok(()),
        }
    }
}

/// What the ledger knew of a run's chunks when it was taken up, walked in step with the splitter.
struct Known<'a> {
    walk: Option<LedgerWalk<'a>>,
    at: Option<(u64, ChunkState)>,
}

impl<'a> Known<'a> {
    async fn of(store: &'a dyn Store, run_id: RunId) -> Result<Self, StoreError> {
        let progress = store.progress(run_id).await?;
        let is_new = progress.committed == 0 && progress.set_aside == 0;
        Ok(Self { walk: (!is_new).then(|| LedgerWalk::new(store, run_id)), at: None })
    }

    async fn state(&mut self, chunk_no: u64) -> Result<Option<ChunkState>, StoreError> {
        let Some(walk) = &mut self.walk else { return Ok(None) };
        while self.at.is_none_or(|(at, _)| at < chunk_no) {
            match walk.next().await? {
                Some(row) => self.at = Some((row.cut.chunk_no.0, row.state)),
                None => return Ok(None),
            }
        }
        Ok(self.at.filter(|(at, _)| *at == chunk_no).map(|(_, state)| state))
    }
}
