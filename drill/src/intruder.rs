//! A broker in which somebody has all rights, and no key: messages are read, replaced, added, kept and sent again.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Queue};
use bytes::Bytes;

/// What goes into the broker in place of a message that was published.
type Hand = Box<dyn Fn(Queue, Bytes) -> Vec<(Queue, Bytes)> + Send + Sync>;

/// A broker on top of another.
pub(crate) struct Intruded {
    inner: Arc<dyn Broker>,
    hand: Hand,
}

impl Intruded {
    /// On top of `inner`.
    pub(crate) fn on(
        inner: Arc<dyn Broker>,
        hand: impl Fn(Queue, Bytes) -> Vec<(Queue, Bytes)> + Send + Sync + 'static,
    ) -> Arc<dyn Broker> {
        Arc::new(Self { inner, hand: Box::new(hand) })
    }
}

#[async_trait]
impl Broker for Intruded {
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        for (queue, body) in (self.hand)(queue, body) {
            self.inner.publish(queue, body).await?;
        }
        Ok(())
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
