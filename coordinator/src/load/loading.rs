//! Loading: the splitter's chunks are booked and dispatched, and the workers' counts are followed, until every
//! chunk is committed or set aside. What is committed is handed out to be read back meanwhile.

use std::sync::Arc;
use std::time::Duration;

use domain::reconcile::VerifySource;
use domain::travel::Travel;
use job::Job;
use job::decoders::Decoders;
use post::Post;
use source::SourceFile;
use store::model::SplitTotals;
use store::{Fence, Store};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::load::beside::Beside;
use crate::load::collector::Reports;
use crate::load::error::LoadError;
use crate::load::ranges::Ranges;
use crate::load::window::{AskedWindow, Shares, Window, WindowLimits};
use crate::metrics::CoordinatorMetrics;
use crate::progress::{Phase, Snapshot};
use crate::split::splitter::{ChunkLimits, CutChunk, SplitError, split};

/// After this long without a report of this run's workers, the ledger is asked about the chunks in flight:
/// another coordinator may have taken the report from the bus.
pub(crate) const SILENCE: Duration = Duration::from_millis(500);

/// What loading works with.
pub struct Load<'a> {
    /// Where chunks go, sealed.
    pub post: &'a Post,
    /// The store: the run's ledger and its tables.
    pub store: &'a dyn Store,
    /// The job that the run executes.
    pub job: &'a Arc<Job>,
    /// The right to change the run.
    pub fence: Fence,
    /// How large a chunk becomes.
    pub limits: ChunkLimits,
    /// How the bytes of chunks reach the workers.
    pub travel: Travel,
    /// How much may be in flight, over all runs of the coordinator.
    pub window: WindowLimits,
    /// How many chunks of the run may be in flight, if an operator said so.
    pub asked: &'a AskedWindow,
    /// The runs that share the window, each with an equal part of it.
    pub shares: &'a Shares,
    /// Of how many chunks the source's bytes are decoded here too.
    pub verify_source: VerifySource,
    /// What makes the decoder of those chunks.
    pub decoders: &'a Decoders,
    /// Opens the source again; `None` when it can be read only once.
    pub reopen: &'a (dyn Fn() -> Option<SourceFile> + Sync),
    /// What is handed out to be read back.
    pub ranges: &'a Ranges,
    /// What is counted of it for monitoring systems.
    pub metrics: &'a CoordinatorMetrics,
    /// Where the live view of the run is published.
    pub watch: &'a watch::Sender<Snapshot>,
    /// Cancelled when loading must stop.
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
            (now.done, now.bytes_loaded) = (0, 0);
            now.bytes_total = source.bytes_on_disk().unwrap_or(0);
        });
        let window = Window::new(self.window, self.shares, self.asked.clone());
        let (sender, cuts) = platform::inline::channel(2);
        let splitter = self.start_splitter(source, sender);
        let work = async {
            let dispatched = async {
                self.dispatch(cuts, &window).await?;
                let totals = splitter.await.map_err(|error| LoadError::SplitterLost(error.to_string()))??;
                fault::around!("split.finish", self.store.finish_split(self.fence, &totals).await)?;
                window.empty().await;
                self.all_settled().await?;
                Ok(totals)
            };
            // Following never ends by itself, except in an error.
            let totals = tokio::select! {
                biased;
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

    fn start_splitter(
        &self,
        source: SourceFile,
        sender: mpsc::Sender<CutChunk>,
    ) -> tokio::task::JoinHandle<Result<SplitTotals, SplitError>> {
        let (job, limits, verify) = (Arc::clone(self.job), self.limits, self.verify_source);
        let (decoders, travel) = (self.decoders.clone(), self.travel);
        platform::inline::run(move || {
            let reader = source.reader()?;
            let mut beside = Beside::new(&job, verify, &decoders)?;
            split(reader, &job, limits, |mut cut| {
                cut.cut.decoded = beside.content(&cut);
                if travel == Travel::ByReference {
                    // Nobody needs them any more: the ledger has their place and their SHA-256.
                    cut.bytes = Vec::new();
                }
                platform::inline::send(&sender, cut)
            })
        })
    }

    /// A chunk is committed: when it completes a range, that is handed out to be read back.
    pub(crate) async fn committed(&self, chunk_no: u64, bytes: usize) -> Result<(), LoadError> {
        match self.ranges.committed(chunk_no, bytes) {
            Some(range) => Ok(self.ranges.hand_out(self.post, self.fence, range).await?),
            None => Ok(()),
        }
    }
}
