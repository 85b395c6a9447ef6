//! One queue, as plain data and moves on it. Nothing here waits: whoever has to is a sender in a line, and
//! [`QueueState::pump`] serves the lines after every change.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use domain::traceparent::TraceParent;
use tokio::sync::oneshot;

use super::faults::{Dice, Faults};
use crate::{BrokerError, Death};

/// How many places a reordered message moves at most, and for how many deliveries a delayed one is held back.
const DISTURBANCE_MAX: u8 = 8;

pub(super) type Confirmation = Result<(), BrokerError>;

/// What is handed to a consumer.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) tag: u64,
    pub(super) body: Bytes,
    pub(super) redeliveries: u32,
    pub(super) death: Option<Death>,
    pub(super) trace: Option<TraceParent>,
}

#[derive(Debug, Clone)]
pub(super) struct Message {
    /// Its place in the queue: what waits is in the order of places.
    place: u64,
    pub(super) body: Bytes,
    pub(super) deliveries: u32,
    pub(super) returns: u32,
    pub(super) death: Option<Death>,
    /// The span that it was sent in.
    pub(super) trace: Option<TraceParent>,
    /// A fault made it, so that it makes no further ones.
    echo: bool,
}

impl Message {
    pub(super) const fn new(body: Bytes, death: Option<Death>, trace: Option<TraceParent>) -> Self {
        Self { place: 0, body, deliveries: 0, returns: 0, death, trace, echo: false }
    }
}

struct Unsettled {
    message: Message,
    consumer: u64,
}

struct ConsumerState {
    prefetch: usize,
    held: usize,
}

struct Publisher {
    body: Bytes,
    trace: Option<TraceParent>,
    answer: oneshot::Sender<Confirmation>,
}

struct Delayed {
    message: Message,
    deliveries_left: u8,
}

pub(super) struct QueueState {
    messages_max: usize,
    bytes_max: usize,
    faults: Faults,
    dice: Dice,
    next_place: u64,
    next_tag: u64,
    ready: VecDeque<Message>,
    delayed: Vec<Delayed>,
    waiting_bytes: usize,
    unsettled: BTreeMap<u64, Unsettled>,
    consumers: HashMap<u64, ConsumerState>,
    publishers: VecDeque<Publisher>,
    asking: VecDeque<(u64, oneshot::Sender<Parcel>)>,
}

impl QueueState {
    pub(super) fn new(messages_max: usize, bytes_max: usize, faults: Faults, seed: u64) -> Self {
        Self {
            messages_max: messages_max.max(1),
            bytes_max,
            faults,
            dice: Dice::new(seed),
            next_place: 0,
            next_tag: 0,
            ready: VecDeque::new(),
            delayed: Vec::new(),
            waiting_bytes: 0,
            unsettled: BTreeMap::new(),
            consumers: HashMap::new(),
            publishers: VecDeque::new(),
            asking: VecDeque::new(),
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.ready.len() + self.delayed.len()
    }

    /// Puts the message in, or its publisher in line.
    pub(super) fn publish(
        &mut self,
        body: Bytes,
        trace: Option<TraceParent>,
    ) -> oneshot::Receiver<Confirmation> {
        let (answer, confirmed) = oneshot::channel();
        // Publishers that gave up must not pile up while the queue stands still.
        self.publishers.retain(|publisher| !publisher.answer.is_closed());
        self.publishers.push_back(Publisher { body, trace, answer });
        self.pump();
        confirmed
    }

    /// Puts a consumer in line.
    pub(super) fn ask(&mut self, consumer: u64) -> oneshot::Receiver<Parcel> {
        let (sender, parcel) = oneshot::channel();
        self.asking.retain(|(_, sender)| !sender.is_closed());
        self.asking.push_back((consumer, sender));
        self.pump();
        parcel
    }

    pub(super) fn open_consumer(&mut self, id: u64, prefetch: usize) {
        self.consumers.insert(id, ConsumerState { prefetch, held: 0 });
    }

    /// Forgets the consumer; what it held is for the caller to return.
    pub(super) fn close_consumer(&mut self, id: u64) -> Vec<Message> {
        self.consumers.remove(&id);
        self.asking.retain(|(asking, _)| *asking != id);
        let held = self.unsettled.iter().filter(|(_, unsettled)| unsettled.consumer == id);
        let tags: Vec<u64> = held.map(|(tag, _)| *tag).collect();
        tags.into_iter().filter_map(|tag| self.take_back(tag)).collect()
    }

    /// The message of a delivery that ends, however it ends; `None` if the delivery is not known.
    pub(super) fn take_back(&mut self, tag: u64) -> Option<Message> {
        let Unsettled { message, consumer } = self.unsettled.remove(&tag)?;
        if let Some(consumer) = self.consumers.get_mut(&consumer) {
            consumer.held -= 1;
        }
        Some(message)
    }

    /// Lets a message wait in its old place.
    pub(super) fn requeue(&mut self, message: Message) {
        self.waiting_bytes += message.body.len();
        self.insert(message);
    }

    /// As [`Self::requeue`], for a delivery that no consumer saw.
    pub(super) fn put_back_unseen(&mut self, mut message: Message) {
        message.deliveries -= 1;
        self.requeue(message);
    }

    /// Appends a message at the end of the queue.
    pub(super) fn put_last(&mut self, mut message: Message) {
        message.place = self.new_place();
        self.waiting_bytes += message.body.len();
        self.ready.push_back(message);
    }

    /// Called with a message whose effect is durable: a fault may let it come again.
    pub(super) fn finish(&mut self, message: Message) {
        if self.dice.happens(self.faults.redeliver) && !message.echo {
            self.put_last(Message { echo: true, ..message });
        }
    }

    /// The message that waits longest, taken out.
    pub(super) fn discard_oldest(&mut self) -> Option<Message> {
        let message = self.ready.pop_front().or_else(|| self.delayed.pop().map(|delayed| delayed.message))?;
        self.waiting_bytes -= message.body.len();
        Some(message)
    }

    /// Sends everybody home who waits: their senders are dropped.
    pub(super) fn close(&mut self) {
        self.publishers.clear();
        self.asking.clear();
    }

    /// Serves both lines as far as it goes. To be called after every change.
    pub(super) fn pump(&mut self) {
        loop {
            let admitted = self.admit_one();
            let delivered = self.deliver_one();
            if !admitted && !delivered {
                return;
            }
        }
    }

    fn new_place(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place
    }

    fn insert(&mut self, message: Message) {
        let at = self.ready.partition_point(|waiting| waiting.place < message.place);
        self.ready.insert(at, message);
    }

    fn has_room_for(&self, bytes: usize) -> bool {
        // Whatever the bounds, an empty queue takes a message: it may be waited for.
        self.depth() == 0
            || (self.depth() < self.messages_max && self.waiting_bytes + bytes <= self.bytes_max)
    }

    fn admit_one(&mut self) -> bool {
        let Some(publisher) = self.publishers.front() else { return false };
        if !publisher.answer.is_closed() && !self.has_room_for(publisher.body.len()) {
            return false;
        }
        let Some(Publisher { body, trace, answer }) = self.publishers.pop_front() else { return false };
        if answer.is_closed() {
            return true;
        }
        let message = Message { place: self.new_place(), ..Message::new(body, None, trace) };
        if self.dice.happens(self.faults.duplicate) {
            self.put_last(Message { echo: true, ..message.clone() });
        }
        self.waiting_bytes += message.body.len();
        if self.dice.happens(self.faults.delay) {
            let deliveries_left = self.dice.up_to(DISTURBANCE_MAX);
            self.delayed.push(Delayed { message, deliveries_left });
        } else {
            self.insert(message);
        }
        let confirmation = if self.dice.happens(self.faults.lose_confirm) {
            Err(BrokerError::Unconfirmed { reason: "the confirmation was lost (injected fault)".into() })
        } else {
            Ok(())
        };
        // A publisher that went away in this moment does not know the outcome, as the contract says.
        let _ = answer.send(confirmation);
        true
    }

    /// Hands the first message to the first in line who may hold one more.
    fn deliver_one(&mut self) -> bool {
        let may_hold = |state: &ConsumerState| state.held < state.prefetch;
        let able = |(consumer, sender): &(u64, oneshot::Sender<Parcel>)| {
            !sender.is_closed() && self.consumers.get(consumer).is_some_and(may_hold)
        };
        let Some(at) = self.asking.iter().position(able) else { return false };
        if !self.something_is_ready() {
            return false;
        }
        let Some((consumer, sender)) = self.asking.remove(at) else { return false };
        let Some(mut message) = self.pick() else { return false };
        self.next_tag += 1;
        let tag = self.next_tag;
        let body = message.body.clone();
        let parcel = Parcel {
            tag,
            body,
            redeliveries: message.deliveries,
            death: message.death.clone(),
            trace: message.trace,
        };
        if sender.send(parcel).is_err() {
            // Whoever asked went away in this moment.
            self.insert(message);
            return true;
        }
        message.deliveries += 1;
        self.waiting_bytes -= message.body.len();
        self.unsettled.insert(tag, Unsettled { message, consumer });
        if let Some(consumer) = self.consumers.get_mut(&consumer) {
            consumer.held += 1;
        }
        self.release_delayed();
        true
    }

    /// Whether a message can be delivered; when only delayed ones wait, the first of them is released.
    fn something_is_ready(&mut self) -> bool {
        if self.ready.is_empty() && !self.delayed.is_empty() {
            let message = self.delayed.remove(0).message;
            self.insert(message);
        }
        !self.ready.is_empty()
    }

    fn pick(&mut self) -> Option<Message> {
        let reorder = self.dice.happens(self.faults.reorder);
        let distance = usize::from(self.dice.up_to(DISTURBANCE_MAX));
        if reorder && self.ready.len() > 1 {
            let other = distance.min(self.ready.len() - 1);
            // They swap their places too, or the one taken out would come back in front.
            let (first, second) = (self.ready[0].place, self.ready[other].place);
            self.ready.swap(0, other);
            self.ready[0].place = first;
            self.ready[other].place = second;
        }
        self.ready.pop_front()
    }

    fn release_delayed(&mut self) {
        for delayed in &mut self.delayed {
            delayed.deliveries_left -= 1;
        }
        for delayed in self.delayed.extract_if(.., |delayed| delayed.deliveries_left == 0).collect::<Vec<_>>()
        {
            self.insert(delayed.message);
        }
    }
}
