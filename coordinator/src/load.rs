//! Loading: the splitter's chunks are booked and dispatched, and the workers' counts are tracked, until every
//! chunk is committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::counts::Role;
use domain::ids::{ChunkNo, RunId, WorkerId};
use domain::lifecycle::ChunkState;
use shared::broker::{Broker, BrokerError, Delivery, Queue};
use shared::job::Job;
use shared::source::SourceFile;
use shared::store::model::{Reported, SplitTotals};
use shared::store::{Fence, Store, StoreError};
use shared::wire::{Chunk, Counts, codec};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::progress::{Phase, Snapshot};
use crate::split::{ChunkLimits, CutChunk, SplitError, split};
use crate::verify::LedgerWalk;
use crate::window::{Window, WindowLimits};

/// Chunks are booked in the ledger in groups of up to so many, in one transaction.
const BOOK_MAX: usize = 32;

/// Reports are kept in groups of up to so many.
const REPORTS_MAX: usize = 128;

/// After so long without a word from any worker, the ledger is asked what became of the chunks on their way.
const SILENCE: Duration = Duration::from_secs(5);

/// After so many silences in a row, chunks that are not committed are handed out again.
const SILENCES_MAX: u32 = 6;

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
    /// A chunk failed every time it was started.
    #[error("chunk {chunk_no} failed every time it was started and was set aside: {reason}")]
    SetAside {
        /// The chunk.
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

/// What loading works with.
pub struct Load<'a> {
    /// Where chunks go and counts come from.
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
    /// Who watches.
    pub watch: &'a watch::Sender<Snapshot>,
    /// Told when to stop.
    pub stop: &'a CancellationToken,
}

impl Load<'_> {
    /// Loads `source` to its last chunk.
    ///
    /// # Errors
    /// [`LoadError`]; what is committed stays committed, and loading again goes on from there.
    pub async fn run(&self, source: SourceFile) -> Result<SplitTotals, LoadError> {
        self.watch.send_modify(|now| {
            now.phase = Phase::Loading;
            now.done = 0;
            now.bytes_total = source.bytes_on_disk().unwrap_or(0);
        });
        let window = Window::new(self.window);
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
            // Tracking never ends by itself, except in an error.
            tokio::select! {
                totals = dispatched => totals,
                failed = self.track(&window) => Err(failed),
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(LoadError::Stopped),
            totals = work => totals,
        }
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
                if known.is_committed(chunk.cut.chunk_no.0).await? {
                    self.watch.send_modify(|now| {
                        now.done += chunk.cut.records;
                        now.chunks_committed += 1;
                        now.bytes_read = position;
                    });
                    continue;
                }
                let chunk_no = chunk.cut.chunk_no.0;
                let body = codec::encode(&self.message(chunk))?;
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
            sha256: chunk.cut.sha256.0,
            bytes: chunk.bytes,
        }
    }

    async fn publish(&self, body: bytes::Bytes) -> Result<(), LoadError> {
        // An unconfirmed chunk may have arrived; a second one is absorbed by the ledger.
        for _ in 0..4 {
            match self.broker.publish(Queue::Chunks, body.clone()).await {
                Err(BrokerError::Unconfirmed { .. }) => {}
                outcome => return Ok(outcome?),
            }
        }
        Ok(self.broker.publish(Queue::Chunks, body).await?)
    }

    /// Keeps what the workers report and lets committed chunks out of the window. Returns only with an error.
    async fn track(&self, window: &Window) -> LoadError {
        match self.keep_tracking(window).await {
            Ok(()) => LoadError::Broker(BrokerError::Closed),
            Err(error) => error,
        }
    }

    async fn keep_tracking(&self, window: &Window) -> Result<(), LoadError> {
        let mut consumer = self.broker.consume(Queue::Counts, REPORTS_MAX * 2).await?;
        let mut silences = 0;
        let mut heard = HashMap::new();
        loop {
            let Ok(first) = tokio::time::timeout(SILENCE, consumer.next()).await else {
                silences += 1;
                self.look_after(window, silences).await?;
                continue;
            };
            let Some(first) = first else { return Ok(()) };
            silences = 0;
            let mut deliveries = vec![first];
            // Whatever else is there already goes into the same transaction.
            while deliveries.len() < REPORTS_MAX {
                match tokio::time::timeout(Duration::ZERO, consumer.next()).await {
                    Ok(Some(delivery)) => deliveries.push(delivery),
                    _ => break,
                }
            }
            self.keep(deliveries, window, &mut heard).await?;
        }
    }

    async fn keep(
        &self,
        deliveries: Vec<Delivery>,
        window: &Window,
        heard: &mut HashMap<u64, Heard>,
    ) -> Result<(), LoadError> {
        let mut settled = Vec::with_capacity(deliveries.len());
        let mut counts = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match codec::decode::<Counts>(&delivery.body) {
                // Of another run, late: that run's ledger has it.
                Ok(count) if count.run_id != self.fence.run_id.to_bytes() => settled.push(delivery),
                Ok(count) => {
                    counts.push(count);
                    settled.push(delivery);
                }
                Err(error) => {
                    delivery.dead_letter(error.to_string()).await;
                }
            }
        }
        let reports: Vec<_> = counts.iter().filter_map(reported).collect();
        if !reports.is_empty() {
            self.store.keep_reports(self.fence.run_id, &reports).await?;
        }
        let failed = counts.iter().find_map(|count| Some((ChunkNo(count.chunk_no), count.failure.clone()?)));
        if let Some((chunk_no, reason)) = &failed {
            self.store.set_aside(self.fence.run_id, *chunk_no, reason).await?;
        }
        for delivery in settled {
            delivery.done().await;
        }
        for report in &reports {
            self.show(report);
        }
        for count in counts.iter().filter(|count| count.failure.is_none() && window.holds(count.chunk_no)) {
            if heard.entry(count.chunk_no).or_default().is_complete_with(count) {
                heard.remove(&count.chunk_no);
                window.release(count.chunk_no);
            }
        }
        match failed {
            Some((chunk_no, reason)) => Err(LoadError::SetAside { chunk_no, reason }),
            None => Ok(()),
        }
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

    /// Nobody has said a word: counts may have been lost, or chunks.
    async fn look_after(&self, window: &Window, silences: u32) -> Result<(), LoadError> {
        for (chunk_no, body) in window.contents() {
            let rows = self.store.chunks(self.fence.run_id, chunk_no, 1).await?;
            let is_committed = rows
                .first()
                .is_some_and(|row| row.cut.chunk_no.0 == chunk_no && row.state == ChunkState::Committed);
            if is_committed {
                window.release(chunk_no);
            } else if silences.is_multiple_of(SILENCES_MAX) {
                tracing::warn!(run_id = %self.fence.run_id, chunk_no, "chunk is overdue and is handed out again");
                self.publish(body).await?;
            }
        }
        Ok(())
    }
}

/// Who was heard of about a chunk. It is done with when its writer was, and the processor whose batch that committed:
/// a processor's counts may come later than the writer's, and without them its share would not agree.
#[derive(Debug, Default)]
struct Heard {
    processors: Vec<u32>,
    committed_of: Option<u32>,
}

impl Heard {
    fn is_complete_with(&mut self, counts: &Counts) -> bool {
        match counts.role {
            0 => self.processors.push(counts.worker),
            _ => self.committed_of = Some(counts.processor),
        }
        self.committed_of.is_some_and(|processor| self.processors.contains(&processor))
    }
}

fn reported(counts: &Counts) -> Option<Reported> {
    if counts.failure.is_some() {
        return None;
    }
    let role = match counts.role {
        0 => Role::Processor,
        1 => Role::Writer,
        _ => return None,
    };
    Some(Reported {
        chunk_no: ChunkNo(counts.chunk_no),
        role,
        worker: WorkerId(counts.worker),
        records: counts.records,
        accepted: counts.accepted,
        rejected: counts.rejected,
        bytes: counts.bytes,
        busy_us: counts.busy_us,
    })
}

/// What the ledger knew of a run's chunks when it was taken up, walked in step with the splitter.
struct Known<'a> {
    walk: Option<LedgerWalk<'a>>,
    at: Option<(u64, bool)>,
}

impl<'a> Known<'a> {
    async fn of(store: &'a dyn Store, run_id: RunId) -> Result<Self, StoreError> {
        let is_new = store.progress(run_id).await?.committed == 0;
        Ok(Self { walk: (!is_new).then(|| LedgerWalk::new(store, run_id)), at: None })
    }

    async fn is_committed(&mut self, chunk_no: u64) -> Result<bool, StoreError> {
        let Some(walk) = &mut self.walk else { return Ok(false) };
        while self.at.is_none_or(|(at, _)| at < chunk_no) {
            match walk.next().await? {
                Some(row) => self.at = Some((row.cut.chunk_no.0, row.state == ChunkState::Committed)),
                None => return Ok(false),
            }
        }
        Ok(self.at == Some((chunk_no, true)))
    }
}
