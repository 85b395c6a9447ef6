//! The stateless workers: a processor turns chunks into batches, a writer commits them.
//!
//! Both read ranges of staging back besides ([`verifier`]), and work for comparisons ([`Comparisons`]). All are a
//! [`consume`] loop around one function. A processor is deterministic: the same chunk gives the same batch, byte for
//! byte. A message is settled after its effect is durable, never before: a chunk after the
//! broker confirmed its batch, a batch after the commit.

mod comparing;
pub mod consume;
mod failure;
mod fleet;
mod jobs;
pub mod joined;
pub mod metrics;
pub mod processor;
mod reading;
mod recount;
mod starts;
pub mod verifier;
pub mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker::Queue;
use bytes::Bytes;
use domain::counts::Role;
use domain::ids::WorkerId;
use job::decoders::Decoders;
use platform::clock::Clock;
use post::{Post, PostError, Unread};
use source::Parts;
use store::Store;
use store::model::{Heartbeat, NewWorker};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::{Opened, Travels, WorkerReport};

pub use comparing::Comparisons;
pub use fleet::Fleet;
pub use jobs::Jobs;

use consume::Handled;
use metrics::WorkerMetrics;

/// The interval between two heartbeats of a worker.
pub const BEAT: Duration = Duration::from_secs(5);

/// What a worker works with.
#[derive(Clone)]
pub struct WorkerContext {
    /// Sends and receives sealed messages over the broker.
    pub post: Arc<Post>,
    /// The store with the ledger and the job's tables.
    pub store: Arc<dyn Store>,
    /// The clock that workers take their times from.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when workers must finish their current message and stop.
    pub stop: CancellationToken,
    /// The registered workers of this process, for heartbeats.
    pub registered: Registered,
    /// How many ranges this process reads back at a time: as many as it has cores, whatever its slots.
    pub reading: Arc<Semaphore>,
    /// What its workers count.
    pub metrics: WorkerMetrics,
    /// What makes the decoders of its processors.
    pub decoders: Decoders,
    /// What reads the bytes of chunks that travel by reference, and below which places.
    pub parts: Arc<Parts>,
    /// What does the work of comparisons; `None`: this process takes none.
    pub comparisons: Option<Arc<dyn Comparisons>>,
    /// For tests: the number of the chunk at which a processor dies; `None` outside of tests.
    pub dies_at_chunk: Option<u64>,
}

impl WorkerContext {
    /// The context of a process that starts: no worker is registered yet, and none may read a source.
    #[must_use]
    pub fn new(post: Arc<Post>) -> Self {
        Self {
            store: Arc::clone(post.store()),
            clock: Arc::clone(post.clock()),
            post,
            stop: CancellationToken::new(),
            registered: Registered::default(),
            reading: reading(),
            metrics: WorkerMetrics::default(),
            decoders: Decoders::default(),
            parts: Arc::new(Parts::nowhere()),
            comparisons: None,
            dies_at_chunk: None,
        }
    }
}

/// Room for as many ranges being read back as there are cores: each has a connection and its buffers.
fn reading() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)))
}

/// A time as reports state it.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The registered workers of a process, each with the time at which it received its current message.
#[derive(Debug, Clone, Default)]
pub struct Registered(Arc<Mutex<Vec<AtWork>>>);

/// A worker of the process.
#[derive(Debug)]
struct AtWork {
    worker: WorkerId,
    /// When the worker received its current message; `None` if it waits for one.
    since: Option<Instant>,
    /// Cancelled when the process stops, and when an operator asked the worker to end.
    drain: CancellationToken,
}

/// Why a worker ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its process stops.
    Stopped,
    /// An operator drained it: it is not started again.
    Drained,
}

impl Registered {
    fn all(&self) -> MutexGuard<'_, Vec<AtWork>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A heartbeat for each worker that has not stopped.
    #[must_use]
    pub fn beats(&self) -> Vec<Heartbeat> {
        let beat =
            |one: &AtWork| Heartbeat { worker: one.worker, in_hand: one.since.map(|since| since.elapsed()) };
        self.all().iter().map(beat).collect()
    }

    fn add(&self, worker: WorkerId, drain: CancellationToken) {
        self.all().push(AtWork { worker, since: None, drain });
    }

    /// Whether the worker has not ended, and is not asked to.
    pub(crate) fn is_at_work(&self, worker: WorkerId) -> bool {
        self.drain(worker).is_some_and(|drain| !drain.is_cancelled())
    }

    /// What is cancelled when `worker` must end; `None` if it has ended.
    fn drain(&self, worker: WorkerId) -> Option<CancellationToken> {
        self.all().iter().find(|one| one.worker == worker).map(|one| one.drain.clone())
    }

    fn remove(&self, worker: WorkerId) {
        self.all().retain(|one| one.worker != worker);
    }

    fn set(&self, worker: WorkerId, since: Option<Instant>) {
        if let Some(one) = self.all().iter_mut().find(|one| one.worker == worker) {
            one.since = since;
        }
    }

    /// Marks `worker` as working on a message until the returned guard is dropped.
    pub(crate) fn in_hand(&self, worker: WorkerId) -> InHand {
        self.set(worker, Some(Instant::now()));
        InHand(self.clone(), worker)
    }
}

/// Marks a worker as working on a message, until it is dropped.
pub(crate) struct InHand(Registered, WorkerId);

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.set(self.1, None);
    }
}

/// Who a worker is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The worker's name, such as `processor-1`.
    pub name: String,
    /// The host it runs on.
    pub host: String,
}

impl WorkerContext {
    /// Registers a worker with the store.
    ///
    /// # Errors
    /// [`store::StoreError`] of the database.
    pub async fn register(&self, role: Role, identity: &Identity) -> Result<WorkerId, store::StoreError> {
        let worker = NewWorker {
            name: identity.name.clone(),
            role,
            host: identity.host.clone(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            now_ms: self.clock.now_ms(),
        };
        let worker = fault::around!("register", self.store.register_worker(&worker).await)?;
        self.registered.add(worker, self.stop.child_token());
        self.metrics.starts(role);
        Ok(worker)
    }

    /// This context for one worker: its `stop` is cancelled when the process stops, and when an operator drains the
    /// worker.
    pub(crate) fn of(&self, worker: WorkerId) -> Self {
        Self { stop: self.registered.drain(worker).unwrap_or_else(|| self.stop.clone()), ..self.clone() }
    }

    /// Why a worker of this process that was told to stop has ended.
    pub(crate) fn ended(&self) -> Ended {
        if self.stop.is_cancelled() { Ended::Stopped } else { Ended::Drained }
    }

    /// Removes a worker that stops and informs the store, as a courtesy: without heartbeats it would count as gone too.
    pub(crate) async fn retire(&self, worker: WorkerId) {
        self.registered.remove(worker);
        if let Err(error) = self.store.retire(&[worker]).await {
            tracing::debug!(%error, "cannot report that a worker stops");
        }
    }

    /// Sends heartbeats for the workers of this process until `stop` is cancelled.
    pub async fn give_signs_of_life(&self) {
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                _ = beat.tick() => {}
            }
            self.metrics.life.beat();
            let beats = self.registered.beats();
            match fault::around!("heartbeat", self.store.heartbeat(&beats).await) {
                Ok(asked) => {
                    let tokens = asked.iter().filter_map(|worker| self.registered.drain(*worker));
                    tokens.for_each(|drain| drain.cancel());
                }
                Err(error) => tracing::warn!(%error, "cannot send the heartbeat"),
            }
        }
    }

    /// Reports to the coordinator what was counted for a chunk, or that it failed.
    pub(crate) async fn report(&self, attempt: u64, report: &WorkerReport) -> Result<(), PostError> {
        self.post.send(Queue::Counts, attempt, report).await
    }

    /// Reads a message; an error is the outcome for its delivery.
    pub(crate) async fn read<M: Travels>(&self, body: &Bytes) -> Result<Opened<M>, Handled> {
        self.post.read(body).await.map_err(|error| match error {
            Unread::Refused(error) => Handled::Refused(error.to_string()),
            Unread::Store(error) => Handled::unless_transient(&error),
        })
    }
}
