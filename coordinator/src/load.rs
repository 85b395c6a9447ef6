//! Loading: the splitter's chunks are booked and dispatched, and the workers' counts are followed, until every
//! chunk is committed or set aside. What is committed is handed out to be read back meanwhile.

use std::sync::Arc;
use std::time::Duration;

use domain::counts::Role;
use domain::ids::{ChunkNo, RunId};
use domain::lifecycle::ChunkState;
use shared::broker::{Broker, BrokerError, Queue, publish_until_confirmed};
use shared::job::Job;
use shared::source::SourceFile;
use shared::store::model::{Reported, SplitTotals};
use shared::store::walk::LedgerWalk;
use shared::store::{Fence, Store, StoreError};
use shared::wire::{Chunk, Counts, Packing, codec};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::progress::{Phase, Snapshot};
use crate::ranges::Ranges;
use crate::split::{ChunkLimits, CutChunk, SplitError, split};
use crate::tally::{Reports, reported};
use crate::window::{Shares, Window, WindowLimits};

/// Chunks are booked in the ledger in groups of up to so many, in one transaction.
const BOOK_MAX: usize = 32;

/// After so long without a word of this run's workers, the ledger is asked what became of the chunks on their way:
/// another coordinator may have taken the word from the bus.
const SILENCE: Duration = Duration::from_millis(500);

/// After so many silences in a row, 30 s, chunks that are neither committed nor set aside are handed out again.
const SILENCES_MAX: u32 = 60;

/// Reports are waited for so long once everything is committed. What is missing then is a failed check.
const REPORTS_PATIENCE: Duration = Duration::from_secs(15);

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
    Codec(#[from] codec::CodecError),
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
    /// Someone asked for it.
    #[error("stopped on request")]
    Stopped,
    /// The thread that splits was lost.
    #[error("the splitter ended early: {0}")]
    SplitterLost(String),
}

fn set_aside_text(count: u64, chunk_no: ChunkNo, reason: &str) -> String {
    let others = if count > 1 { format!(", as were {} others", count - 1) } else { String::new() };
    format!("chunk {chunk_no} failed every time it was started and was set aside{others}: {reason}")
}

/// What loading works with.
pub struct Load<'a> {
    /// Where chunks go.
    pub broker: &'a dyn Broker,
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
    /// Whether chunks are packed on their way.
    pub packing: Packing,
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

    /// Fails if a chunk was set aside, naming the first.
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

    /// Reports may be on their way still; without them a worker's share would not agree.
    async fn await_reports(&self, reports: &mut Reports) -> Result<(), LoadError> {
        // Those of an earlier coordinator went with a broker that died with it.
        let are_lost = self.fence.epoch > 1 && !self.broker.is_durable();
        let patience = if are_lost { Duration::ZERO } else { REPORTS_PATIENCE };
        let until = tokio::time::Instant::now() + patience;
        while self.store.unreported(self.fence.run_id).await? > 0 && tokio::time::Instant::now() < until {
            match tokio::time::timeout(SILENCE, reports.next()).await {
                Ok(None) => return Err(BrokerError::Closed.into()),
                Ok(Some(group)) => group.iter().filter_map(reported).for_each(|report| self.show(&report)),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn start_splitter(
        &self,
        source: SourceFile,
        sender: mpsc::Sender<CutChunk>,
    ) -> tokio::task::JoinHandle<Result<SplitTotals, SplitError>> {
        let (job, limits) = (Arc::clone(self.job), self.limits);
        tokio::task::spawn_blocking(move || {
            let reader = source.reader()?;
            split(reader, &job, limits, |cut| sender.blocking_send(cut).is_ok())
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
                let chunk_no = chunk.cut.chunk_no.0;
                let body = codec::encode_packed(&self.message(chunk), self.packing)?;
                window.admit(chunk_no, &body).await;
                self.publish(body).await?;
                self.watch.send_modify(|now| now.bytes_read = position);
            }
        }
        Ok(())
    }

    fn message(&self, chunk: CutChunk) -> Chunk {
        Chunk {
            run_id: self.fence.run_id.to_bytes(),
            job_digest: self.job.digest.0,
            chunk_no: chunk.cut.chunk_no.0,
            first_record_no: chunk.cut.first_record_no.0,
            records: chunk.cut.records,
            offset: chunk.cut.offset,
            parents: chunk.cut.parents,
            sha256: chunk.cut.sha256.0,
            bytes: chunk.bytes,
        }
    }

    async fn publish(&self, body: bytes::Bytes) -> Result<(), LoadError> {
        Ok(publish_until_confirmed(self.broker, Queue::Chunks, body).await?)
    }

    /// A chunk is committed: when it completes a range, that is handed out to be read back.
    async fn committed(&self, chunk_no: u64, bytes: usize) -> Result<(), LoadError> {
        match self.ranges.committed(chunk_no, bytes) {
            Some(range) => Ok(self.ranges.hand_out(self.broker, self.fence.run_id, self.job, range).await?),
            None => Ok(()),
        }
    }

    /// Follows what the workers say, and lets chunks out of the window. Returns only with an error.
    async fn follow(&self, window: &Window, reports: &mut Reports) -> LoadError {
        match self.keep_following(window, reports).await {
            Ok(()) => LoadError::Broker(BrokerError::Closed),
            Err(error) => error,
        }
    }

    async fn keep_following(&self, window: &Window, reports: &mut Reports) -> Result<(), LoadError> {
        let mut silences = 0;
        loop {
            let Ok(group) = tokio::time::timeout(SILENCE, reports.next()).await else {
                silences += 1;
                self.look_after(window, silences).await?;
                continue;
            };
            let Some(group) = group else { return Ok(()) };
            silences = 0;
            for counts in &group {
                self.hear(window, counts).await?;
            }
        }
    }

    async fn hear(&self, window: &Window, counts: &Counts) -> Result<(), LoadError> {
        if let Some(reason) = &counts.failure {
            tracing::error!(run_id = %self.fence.run_id, chunk_no = counts.chunk_no, %reason, "chunk was set aside");
            window.release(counts.chunk_no);
            return Ok(());
        }
        let Some(report) = reported(counts) else { return Ok(()) };
        self.show(&report);
        if report.role == Role::Writer
            && let Some(bytes) = window.release(counts.chunk_no)
        {
            self.committed(counts.chunk_no, bytes).await?;
        }
        Ok(())
    }

    fn show(&self, report: &Reported) {
        self.watch.send_modify(|now| {
            if report.role == Role::Writer {
                now.done += report.records;
                now.chunks_committed += 1;
            }
            let (role, id) = (report.role, report.worker.0);
            match now.workers.iter_mut().find(|worker| (worker.0, worker.1) == (role, id)) {
                Some(worker) => worker.2 += report.records,
                None => now.workers.push((role, id, report.records)),
            }
        });
    }

    /// Nobody has said a word: counts may have gone elsewhere or been lost, or chunks.
    async fn look_after(&self, window: &Window, silences: u32) -> Result<(), LoadError> {
        let contents = window.contents();
        let Some((first, _)) = contents.first() else { return Ok(()) };
        let mut ledger = LedgerWalk::of(
            self.store,
            self.fence.run_id,
            shared::store::model::ChunkRange { first: *first, ..shared::store::model::ChunkRange::ALL },
        );
        let mut row = ledger.next().await?;
        for (chunk_no, body) in contents {
            while row.as_ref().is_some_and(|row| row.cut.chunk_no.0 < chunk_no) {
                row = ledger.next().await?;
            }
            let state = row.as_ref().filter(|row| row.cut.chunk_no.0 == chunk_no).map(|row| row.state);
            match state {
                Some(ChunkState::Committed) => {
                    if let Some(bytes) = window.release(chunk_no) {
                        self.committed(chunk_no, bytes).await?;
                    }
                }
                Some(ChunkState::SetAside) => drop(window.release(chunk_no)),
                _ if silences.is_multiple_of(SILENCES_MAX) => {
                    tracing::warn!(run_id = %self.fence.run_id, chunk_no, "chunk is overdue and is handed out again");
                    self.publish(body).await?;
                }
                _ => {}
            }
        }
        Ok(())
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
