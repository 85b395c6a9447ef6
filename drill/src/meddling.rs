//! A broker with a hand in it: messages are altered, lost or sent under another name on their way.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use shared::broker::{Broker, BrokerError, Consumer, Queue};
use shared::wire::{Batch, Chunk, Counts, codec};

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
    meddling: Meddling,
}

impl Meddled {
    /// On top of `inner`.
    pub(crate) fn on(inner: Arc<dyn Broker>, meddling: Meddling) -> Arc<dyn Broker> {
        Arc::new(Self { inner, meddling })
    }

    /// What goes on in place of `body`; `None`: nothing does.
    fn altered(&self, queue: Queue, body: Bytes) -> Option<Bytes> {
        match (&self.meddling, queue) {
            (Meddling::Chunks(hand), Queue::Chunks) => through(hand, body),
            (Meddling::Batches(hand), Queue::Batches) => through(hand, body),
            (Meddling::Counts(hand), Queue::Counts) => through(hand, body),
            _ => Some(body),
        }
    }
}

fn through<M: codec::Message>(hand: &Hand<M>, body: Bytes) -> Option<Bytes> {
    let Ok(message) = codec::decode::<M>(&body) else { return Some(body) };
    match hand(&message) {
        Fate::Pass => Some(body),
        Fate::Instead(message) => Some(codec::encode(&*message).unwrap_or(body)),
        Fate::Lost => None,
    }
}

#[async_trait]
impl Broker for Meddled {
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        match self.altered(queue, body) {
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
