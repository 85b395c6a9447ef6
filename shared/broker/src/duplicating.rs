//! A broker that delivers everything twice, on top of any other: what at-least-once delivery allows, done always.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Broker, BrokerError, Consumer, Link, Queue};

/// Publishes every message twice. For tests: code that reaches the same result on it absorbs duplicates.
pub struct DuplicatingBroker {
    inner: Arc<dyn Broker>,
}

impl DuplicatingBroker {
    /// On top of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Broker>) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl Broker for DuplicatingBroker {
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        self.inner.publish(queue, body.clone()).await?;
        self.inner.publish(queue, body).await
    }

    async fn consume(&self, queue: Queue, prefetch: usize) -> Result<Box<dyn Consumer>, BrokerError> {
        self.inner.consume(queue, prefetch).await
    }

    async fn depth(&self, queue: Queue) -> Result<usize, BrokerError> {
        self.inner.depth(queue).await
    }

    fn link(&self) -> Link {
        self.inner.link()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::in_process::{InProcess, Limits};

    #[tokio::test]
    async fn every_message_comes_twice() {
        let broker = DuplicatingBroker::new(Arc::new(InProcess::new(Limits::default())));
        broker.publish(Queue::Batches, Bytes::from_static(b"a")).await.unwrap();
        assert_eq!(broker.depth(Queue::Batches).await.unwrap(), 2);
        let mut consumer = broker.consume(Queue::Batches, 2).await.unwrap();
        for _ in 0..2 {
            let delivery = consumer.next().await.unwrap();
            assert_eq!((&delivery.body[..], delivery.redeliveries), (&b"a"[..], 0));
            assert!(delivery.done().await);
        }
        broker.close().await;
        assert!(matches!(broker.publish(Queue::Batches, Bytes::new()).await, Err(BrokerError::Closed)));
    }
}
