//! The collector: takes workers' reports from the bus, stores them in the ledger, and passes them to the run's driver.
//!
//! A coordinator has one, however many runs it drives. Several coordinators share the queue of counts, so that a
//! report may come to one that does not drive the run: it keeps it all the same, and the run's own coordinator finds
//! what it waits for in the ledger. The bus is for speed and for the live view; nothing depends on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker::{Delivery, Queue};
use domain::counts::Role;
use domain::ids::{ChunkNo, RunId};
use post::{Post, Unread};
use store::StoreError;
use store::model::Reported;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use wire::{Opened, Work, WorkerReport};

/// The most reports that are stored in one group.
const REPORTS_MAX: usize = 128;

/// How many groups may wait for a run's driver; it finds further ones in the ledger.
const GROUPS_MAX: usize = 256;

/// How long the collector waits after the store failed it.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// Takes what workers report from the bus, for every run of one coordinator.
pub struct ReportCollector {
    post: Arc<Post>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    drivers: HashMap<RunId, mpsc::Sender<Vec<WorkerReport>>>,
    /// Dropping it ends the task that takes reports from the bus.
    pump: Option<DropGuard>,
    /// Whether a group is being stored at this moment, or is to be delivered again because it could not be.
    is_storing: bool,
}

/// What is reported of one run, as long as it is driven.
pub struct Reports {
    collector: Arc<ReportCollector>,
    groups: mpsc::Receiver<Vec<WorkerReport>>,
}

impl ReportCollector {
    /// A collector that takes nothing from the bus yet.
    #[must_use]
    pub fn new(post: Arc<Post>) -> Arc<Self> {
        Arc::new(Self { post, inner: Mutex::default() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes to reports of `run_id`. Reports are taken from the bus as long as someone subscribes.
    #[must_use]
    pub fn listen(self: &Arc<Self>, run_id: RunId) -> Reports {
        let (sender, groups) = mpsc::channel(GROUPS_MAX);
        let mut inner = self.inner();
        inner.drivers.insert(run_id, sender);
        if inner.pump.is_none() {
            inner.is_storing = false;
            let stop = CancellationToken::new();
            let (collector, stopped) = (Arc::clone(self), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = stopped.cancelled() => {}
                    () = collector.pump() => {
                        // The broker is closed: whoever listens is told by the end of what it listens to.
                        let mut inner = collector.inner();
                        inner.drivers.clear();
                        inner.is_storing = false;
                        inner.pump = None;
                    }
                }
            });
            // A task before may have been ended while it stored something.
            inner.is_storing = false;
            inner.pump = Some(stop.drop_guard());
        }
        drop(inner);
        Reports { collector: Arc::clone(self), groups }
    }

    /// Takes reports from the bus until the broker is closed.
    async fn pump(&self) {
        let Ok(mut consumer) = self.post.broker().consume(Queue::Counts, REPORTS_MAX * 2).await else {
            return;
        };
        while let Some(first) = consumer.next().await {
            let mut deliveries = vec![first];
            // Whatever else is there already goes into the same transaction.
            while deliveries.len() < REPORTS_MAX {
                match tokio::time::timeout(Duration::ZERO, consumer.next()).await {
                    Ok(Some(delivery)) => deliveries.push(delivery),
                    _ => break,
                }
            }
            self.take(deliveries).await;
        }
    }

    async fn take(&self, deliveries: Vec<Delivery>) {
        self.inner().is_storing = true;
        let is_stored = self.take_all(deliveries).await;
        self.inner().is_storing = !is_stored;
    }

    /// `false`: some could not be stored now, and come again.
    async fn take_all(&self, deliveries: Vec<Delivery>) -> bool {
        let mut is_stored = true;
        let mut by_run: HashMap<RunId, (Vec<WorkerReport>, Vec<Delivery>)> = HashMap::new();
        for delivery in deliveries {
            match self.post.read::<WorkerReport>(&delivery.body).await {
                Ok(Opened { message: report, .. }) => {
                    let of_run = by_run.entry(RunId::from_bytes(report.run_id)).or_default();
                    of_run.0.push(report);
                    of_run.1.push(delivery);
                }
                Err(Unread::Refused(error)) => self.refuse(delivery, error.to_string()).await,
                // Dropped, it returns to its queue.
                Err(Unread::Store(error)) => {
                    tracing::warn!(%error, "cannot read a report; it will be redelivered");
                    is_stored = false;
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
        for (run_id, (reports, deliveries)) in by_run {
            match fault::around!("reports.keep", self.keep(run_id, &reports).await) {
                Ok(()) => {}
                Err(error) if error.is_transient() => {
                    tracing::warn!(%run_id, %error, "cannot store reports; they will be redelivered");
                    // Dropped, the deliveries return to their queue.
                    drop(deliveries);
                    is_stored = false;
                    tokio::time::sleep(STORE_PAUSE).await;
                    continue;
                }
                // They would fail every time, and hold up those of every other run.
                Err(error) => {
                    for delivery in deliveries {
                        self.refuse(delivery, error.to_string()).await;
                    }
                    continue;
                }
            }
            fault::point!("ack.counts.before");
            for delivery in deliveries {
                delivery.done().await;
            }
            fault::point!("ack.counts.after");
            let driver = self.inner().drivers.get(&run_id).cloned();
            if let Some(driver) = driver {
                // A driver that does not keep up looks into the ledger.
                let _ = driver.try_send(reports);
            }
        }
        is_stored
    }

    async fn refuse(&self, delivery: Delivery, reason: String) {
        self.post.note_refused(Queue::Counts, &delivery.body, &reason).await;
        delivery.dead_letter(reason).await;
    }

    // Model: `KeepCounts`, and the acknowledgement above.
    async fn keep(&self, run_id: RunId, reports: &[WorkerReport]) -> Result<(), StoreError> {
        let reports: Vec<_> = reports.iter().filter_map(reported).collect();
        if reports.is_empty() { Ok(()) } else { self.post.store().keep_reports(run_id, &reports).await }
    }
}

impl Reports {
    /// Whether reports have come, of this run or another, that are not in the ledger yet.
    #[must_use]
    pub fn are_being_stored(&self) -> bool {
        self.collector.inner().is_storing
    }

    /// The next group; `None` once the broker is closed.
    pub async fn next(&mut self) -> Option<Vec<WorkerReport>> {
        self.groups.recv().await
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        let mut inner = self.collector.inner();
        // By what is closed, not by the run's id: another driver of the same run may have taken its place.
        self.groups.close();
        inner.drivers.retain(|_, driver| !driver.is_closed());
        if inner.drivers.is_empty() {
            inner.pump = None;
        }
    }
}

/// What the ledger keeps of a report; nothing of a failure, nor of a range that was read back.
#[must_use]
pub fn reported(report: &WorkerReport) -> Option<Reported> {
    let (role, counts) = match report.work {
        Work::Processed(counts) => (Role::Processor, counts),
        Work::Written { counts, .. } => (Role::Writer, counts),
        Work::Failed { .. } | Work::ReadBack { .. } => return None,
    };
    Some(Reported { chunk_no: ChunkNo(report.chunk_no), role, worker: report.worker, counts })
}
