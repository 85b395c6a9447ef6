//! Settling a delivery.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use platform::clock::{Clock, SystemClock, iso};
use tracing::Instrument as _;

use super::consumer::Open;
use super::headers::Headers;
use super::publisher::{Publisher, To};
use crate::{Death, Queue, Settle, Settlement};

/// A message that returns to a full queue waits this long for room. Its consumer may be the only one who could
/// make room, so that waiting for ever would be a deadlock.
const ROOM_TO_RETURN: Duration = Duration::from_secs(1);

/// A delivery that its consumer has not settled.
pub(super) struct Held(Option<Parcel>);

struct Parcel {
    open: Arc<Open>,
    publisher: Publisher,
    queue: Queue,
    tag: u64,
    headers: Headers,
    body: Bytes,
    delivery_limit: u32,
}

impl Held {
    pub(super) fn new(
        open: Arc<Open>,
        publisher: Publisher,
        queue: Queue,
        tag: u64,
        headers: Headers,
        body: Bytes,
    ) -> Self {
        let delivery_limit = publisher.delivery_limit();
        Self(Some(Parcel { open, publisher, queue, tag, headers, body, delivery_limit }))
    }
}

impl Parcel {
    async fn settle(self, settlement: Settlement) -> bool {
        match settlement {
            Settlement::Done => self.open.ack(self.tag).await,
            Settlement::RetryLater if self.is_returned_too_often() => self.bury_exhausted().await,
            Settlement::RetryLater => self.put_behind().await,
            Settlement::DeadLetter(reason) => self.bury(reason).await,
        }
    }

    fn is_returned_too_often(&self) -> bool {
        self.queue != Queue::DeadLetters && self.headers.redeliveries() >= self.delivery_limit
    }

    /// A quorum queue puts what is returned to its old place, in front; so it is published again, behind the others,
    /// and only then acknowledged. If the queue has no room for it, its old place will do.
    async fn put_behind(self) -> bool {
        let headers = Headers {
            returns: self.headers.redeliveries().saturating_add(1),
            returned_since: 0,
            death: self.headers.death.clone(),
            trace: self.headers.trace,
        };
        let again = To::Only(self.queue);
        match self.publisher.publish(again, &self.body, headers.properties(), Some(ROOM_TO_RETURN)).await {
            Ok(()) => self.open.ack(self.tag).await,
            Err(_) => self.open.give_back(self.tag),
        }
    }

    async fn bury_exhausted(self) -> bool {
        let (times, limit) = (self.headers.redeliveries().saturating_add(1), self.delivery_limit);
        self.bury(format!("returned {times} times; the delivery limit is {limit}")).await
    }

    async fn bury(self, reason: String) -> bool {
        let death = Death {
            reason,
            queue: self.queue.name().into(),
            at: iso(SystemClock.now_ms()),
            redeliveries: self.headers.redeliveries(),
        };
        let headers = Headers { death: Some(death), trace: self.headers.trace, ..Headers::default() };
        let grave = To::Only(Queue::DeadLetters);
        match self.publisher.publish(grave, &self.body, headers.properties(), None).await {
            Ok(()) => self.open.ack(self.tag).await,
            Err(error) => {
                tracing::warn!(queue = self.queue.name(), %error, "a dead letter could not be moved and will be \
                 redelivered");
                self.open.give_back(self.tag);
                false
            }
        }
    }
}

#[async_trait]
impl Settle for Held {
    async fn settle(mut self: Box<Self>, settlement: Settlement) -> bool {
        match self.0.take() {
            // Not under the caller's control: a settlement that was begun and dropped would leave the message with
            // this consumer for as long as its channel lasts.
            Some(parcel) => tokio::spawn(parcel.settle(settlement).in_current_span()).await.unwrap_or(false),
            None => false,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(parcel) = self.0.take() else { return };
        // The queue counts only since the message was last published; the returns before that are ours to count.
        if parcel.headers.returns > 0
            && parcel.is_returned_too_often()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(parcel.bury_exhausted());
            return;
        }
        parcel.open.give_back(parcel.tag);
    }
}
