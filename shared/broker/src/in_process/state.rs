//! All queues together: what moves between them, and what ends them.

use bytes::Bytes;
use platform::clock::{Clock, SystemClock, iso};
use tokio::sync::oneshot;

use super::queue::{Confirmation, Message, Parcel, QueueState};
use super::{Faults, Limits};
use crate::{BrokerError, Death, Queue, Settlement};

pub(super) struct State {
    limits: Limits,
    queues: [QueueState; Queue::ALL.len()],
    next_consumer: u64,
    discarded: u64,
    closed: bool,
}

impl State {
    pub(super) fn new(limits: Limits, faults: Faults) -> Self {
        let queues = Queue::ALL.map(|queue| {
            // Dead letters are bounded in another way: see `bury`.
            let (messages, bytes) = match queue {
                Queue::DeadLetters => (usize::MAX, usize::MAX),
                _ => (limits.messages, limits.bytes),
            };
            QueueState::new(messages, bytes, faults, faults.seed ^ (queue as u64) << 56)
        });
        Self { limits, queues, next_consumer: 0, discarded: 0, closed: false }
    }

    pub(super) const fn dead_letters_discarded(&self) -> u64 {
        self.discarded
    }

    pub(super) fn publish(
        &mut self,
        queue: Queue,
        body: Bytes,
    ) -> Result<oneshot::Receiver<Confirmation>, BrokerError> {
        self.open()?;
        if body.len() > self.limits.bytes {
            return Err(BrokerError::TooLarge { bytes: body.len(), limit: self.limits.bytes });
        }
        let confirmed = self.queue(queue).publish(body, platform::trace::current());
        self.trim_dead_letters();
        Ok(confirmed)
    }

    pub(super) fn open_consumer(&mut self, queue: Queue, prefetch: usize) -> Result<u64, BrokerError> {
        self.open()?;
        self.next_consumer += 1;
        let id = self.next_consumer;
        self.queue(queue).open_consumer(id, prefetch);
        Ok(id)
    }

    /// `None` once the broker is closed.
    pub(super) fn ask(&mut self, queue: Queue, consumer: u64) -> Option<oneshot::Receiver<Parcel>> {
        self.open().ok()?;
        Some(self.queue(queue).ask(consumer))
    }

    pub(super) fn depth(&self, queue: Queue) -> Result<usize, BrokerError> {
        self.open()?;
        Ok(self.queues[queue as usize].depth())
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.queues.iter_mut().for_each(QueueState::close);
    }

    pub(super) fn close_consumer(&mut self, queue: Queue, consumer: u64) {
        for message in self.queue(queue).close_consumer(consumer) {
            self.returned(queue, message, QueueState::requeue);
        }
        self.queue(queue).pump();
    }

    /// A delivery was dropped unsettled.
    pub(super) fn return_delivery(&mut self, queue: Queue, tag: u64) {
        if let Some(message) = self.queue(queue).take_back(tag) {
            self.returned(queue, message, QueueState::requeue);
            self.queue(queue).pump();
        }
    }

    /// A delivery was being passed to a consumer that no longer waited for it.
    pub(super) fn undo_delivery(&mut self, queue: Queue, tag: u64) {
        if let Some(message) = self.queue(queue).take_back(tag) {
            self.queue(queue).put_back_unseen(message);
            self.queue(queue).pump();
        }
    }

    /// Whether the delivery was known, and so is settled now.
    pub(super) fn settle(&mut self, queue: Queue, tag: u64, settlement: Settlement) -> bool {
        let Some(message) = self.queue(queue).take_back(tag) else { return false };
        match settlement {
            Settlement::Done => self.queue(queue).finish(message),
            Settlement::RetryLater => self.returned(queue, message, QueueState::put_last),
            Settlement::DeadLetter(reason) => self.bury(queue, message, reason),
        }
        self.queue(queue).pump();
        true
    }

    fn open(&self) -> Result<(), BrokerError> {
        if self.closed { Err(BrokerError::Closed) } else { Ok(()) }
    }

    fn queue(&mut self, queue: Queue) -> &mut QueueState {
        &mut self.queues[queue as usize]
    }

    fn returned(&mut self, queue: Queue, mut message: Message, put: fn(&mut QueueState, Message)) {
        message.returns = message.returns.saturating_add(1);
        let (returns, limit) = (message.returns, self.limits.delivery_limit);
        if returns > limit && queue != Queue::DeadLetters {
            self.bury(queue, message, format!("returned {returns} times; the delivery limit is {limit}"));
        } else {
            put(self.queue(queue), message);
        }
    }

    fn bury(&mut self, queue: Queue, message: Message, reason: String) {
        let death = Death {
            reason,
            queue: queue.name().into(),
            at: iso(SystemClock.now_ms()),
            // The delivery that ends here is not one that came again.
            redeliveries: message.deliveries.saturating_sub(1),
        };
        let dead_letters = self.queue(Queue::DeadLetters);
        dead_letters.put_last(Message::new(message.body, Some(death), message.trace));
        dead_letters.pump();
        self.trim_dead_letters();
    }

    fn trim_dead_letters(&mut self) {
        let max = self.limits.dead_letters.max(1);
        while self.queue(Queue::DeadLetters).depth() > max {
            let Some(oldest) = self.queue(Queue::DeadLetters).discard_oldest() else { return };
            self.discarded += 1;
            let reason = oldest.death.map(|death| death.reason).unwrap_or_default();
            tracing::warn!(
                bytes = oldest.body.len(),
                max,
                reason,
                "too many dead letters; discarding the oldest"
            );
        }
    }
}
