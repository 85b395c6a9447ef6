//! A broker with a hand in it: messages are altered, lost or sent under another name on their way.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Queue};
use bytes::Bytes;
use store::Store;
use wire::seal::{seal, unverified};
use wire::{Batch, Chunk, Counts, Opened, Packing, Sealing, Travels};

/// What becomes of a message.
pub(crate) enum Fate<M> {
    /// It goes on as it is.
    Pass,
    /// This goes on in its place.
    Instead(Box<M>),
    /// It is lost, and its sender is told that it arrived.
    Lost,
}

type Hand<M> = Box<dyn Fn(&M) -> Fate<M> + Send + Sync>;

/// Which messages are meddled with.
pub(crate) enum Meddling {
    Chunks(Hand<Chunk>),
    Batches(Hand<Batch>),
    Counts(Hand<Counts>),
}

/// A broker on top of another.
pub(crate) struct Meddled {
    inner: Arc<dyn Broker>,
    store: Arc<dyn Store>,
    meddling: Meddling,
}

impl Meddled {
    /// On top of `inner`, by a hand that has the keys of `store`: it stands for a worker that errs or lies.
    pub(crate) fn on(inner: Arc<dyn Broker>, store: &Arc<dyn Store>, meddling: Meddling) -> Arc<dyn Broker> {
        Arc::new(Self { inner, store: Arc::clone(store), meddling })
    }

    /// What goes on in place of `body`; `None`: nothing does.
    async fn altered(&self, queue: Queue, body: Bytes) -> Option<Bytes> {
        match (&self.meddling, queue) {
            (Meddling::Chunks(hand), Queue::Chunks) => self.through(hand, body).await,
            (Meddling::Batches(hand), Queue::Batches) => self.through(hand, body).await,
            (Meddling::Counts(hand), Queue::Counts) => self.through(hand, body).await,
            _ => Some(body),
        }
    }

    async fn through<M: Travels>(&self, hand: &Hand<M>, body: Bytes) -> Option<Bytes> {
        let Some(Opened { message, attempt }) = unverified::<M>(&body) else { return Some(body) };
        let message = match hand(&message) {
            Fate::Pass => return Some(body),
            Fate::Instead(message) => message,
            Fate::Lost => return None,
        };
        let (Ok(own), Ok(keys)) = (self.store.identity().await, self.store.message_keys().await) else {
            return Some(body);
        };
        Some(seal(&*message, own, attempt, &Sealing::Keys(keys), Packing::Plain).unwrap_or(body))
    }
}

#[async_trait]
impl Broker for Meddled {
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        match self.altered(queue, body).await {
            Some(body) => self.inner.publish(queue, body).await,
            None => Ok(()),
        }
    }

    async fn consume(&self, queue: Queue, prefetch: usize) -> Result<Box<dyn Consumer>, BrokerError> {
        self.inner.consume(queue, prefetch).await
    }

    async fn depth(&self, queue: Queue) -> Result<usize, BrokerError> {
        self.inner.depth(queue).await
    }

    fn is_durable(&self) -> bool {
        self.inner.is_durable()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
