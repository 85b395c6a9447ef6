//! The broker inside one process: the contract of [`super`] kept in memory, and broken on request ([`Faults`])
//! in the ways in which a real broker breaks it.
//!
//! What the contract leaves open is decided like this:
//! - A message **waits** until it is handed to a consumer; the bounds of [`Limits`] are on what waits. Returned
//!   messages are taken back even when that exceeds the bounds: none is lost for lack of room.
//! - Publishers of a full queue, and consumers of an empty one, are served in the order in which they came.
//! - A delivery that was dropped takes its old place in the queue. One that comes back through
//!   [`super::Delivery::retry_later`] goes to the end.
//! - Dropping a consumer returns everything it holds; settling such a delivery afterwards says `false`.
//! - **Dead letters never make anyone wait.** Beyond [`Limits::dead_letters`] the oldest is discarded, with a warning
//!   in the log and counted by [`InProcess::dead_letters_discarded`]: a run must come to its end, and the ledger has
//!   each failed chunk nevertheless. There is no limit to how often a dead letter is delivered.
//! - [`super::Broker::close`] ends consumers at once, whatever still waits. Unsettled deliveries can still be settled.
//! - Dropping the broker closes it.

mod faults;
mod queue;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::oneshot;

pub use faults::Faults;
use queue::Parcel;
use state::State;

use super::{Broker, BrokerError, Consumer, Delivery, Queue, Settle, Settlement};

/// How much the broker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most messages that wait in a queue.
    pub messages: usize,
    /// The most bytes of messages that wait in a queue; no message may be larger.
    pub bytes: usize,
    /// A message that was returned more often goes to the dead letters.
    pub delivery_limit: u32,
    /// The most dead letters that are kept.
    pub dead_letters: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { messages: 256, bytes: 64 << 20, delivery_limit: 20, dead_letters: 1000 }
    }
}

/// The broker inside one process.
pub struct InProcess {
    shared: Arc<Shared>,
}

/// The lock is held for a few moves at a time, and never across an `await`.
struct Shared(Mutex<State>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere cannot leave the state half changed in a way that matters: go on.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InProcess {
    /// A broker without faults.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::with_faults(limits, Faults::default())
    }

    /// A broker that misbehaves as `faults` say. It never loses a message.
    #[must_use]
    pub fn with_faults(limits: Limits, faults: Faults) -> Self {
        Self { shared: Arc::new(Shared(Mutex::new(State::new(limits, faults)))) }
    }

    /// How many dead letters were discarded because there were too many.
    #[must_use]
    pub fn dead_letters_discarded(&self) -> u64 {
        self.shared.lock().dead_letters_discarded()
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.shared.lock().close();
    }
}

#[async_trait]
impl Broker for InProcess {
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        let confirmed = self.shared.lock().publish(queue, body)?;
        // The sender is dropped without a word when the broker closes.
        confirmed.await.unwrap_or(Err(BrokerError::Closed))
    }

    async fn consume(&self, queue: Queue, prefetch: usize) -> Result<Box<dyn Consumer>, BrokerError> {
        let id = self.shared.lock().open_consumer(queue, prefetch.max(1))?;
        Ok(Box::new(InProcessConsumer { shared: Arc::clone(&self.shared), queue, id }))
    }

    async fn depth(&self, queue: Queue) -> Result<usize, BrokerError> {
        self.shared.lock().depth(queue)
    }

    fn is_durable(&self) -> bool {
        false
    }

    async fn close(&self) {
        self.shared.lock().close();
    }
}

struct InProcessConsumer {
    shared: Arc<Shared>,
    queue: Queue,
    id: u64,
}

#[async_trait]
impl Consumer for InProcessConsumer {
    async fn next(&mut self) -> Option<Delivery> {
        let parcel = self.shared.lock().ask(self.queue, self.id)?;
        let mut asked = Asked { shared: &self.shared, queue: self.queue, parcel };
        let Parcel { tag, body, redeliveries, death, trace } = (&mut asked.parcel).await.ok()?;
        let held = Held { shared: Arc::clone(&self.shared), queue: self.queue, tag, settled: false };
        Some(Delivery::new(body, redeliveries, death, Box::new(held)).sent_in(trace))
    }
}

impl Drop for InProcessConsumer {
    fn drop(&mut self) {
        self.shared.lock().close_consumer(self.queue, self.id);
    }
}

/// A pending [`Consumer::next`]: a parcel that arrives while it is dropped goes back as if it had never left.
struct Asked<'a> {
    shared: &'a Shared,
    queue: Queue,
    parcel: oneshot::Receiver<Parcel>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.parcel.close();
        if let Ok(parcel) = self.parcel.try_recv() {
            self.shared.lock().undo_delivery(self.queue, parcel.tag);
        }
    }
}

/// A delivery that its consumer has not settled.
struct Held {
    shared: Arc<Shared>,
    queue: Queue,
    tag: u64,
    settled: bool,
}

#[async_trait]
impl Settle for Held {
    async fn settle(mut self: Box<Self>, settlement: Settlement) -> bool {
        self.settled = true;
        self.shared.lock().settle(self.queue, self.tag, settlement)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.settled {
            self.shared.lock().return_delivery(self.queue, self.tag);
        }
    }
}
