//! A broker in which somebody has a hand: what goes in is decided by an [`Interceptor`], everything else goes through.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use shared::broker::{Broker, BrokerError, Consumer, Queue};

/// Messages, each with the queue that it goes to.
pub(crate) type Messages = Vec<(Queue, Bytes)>;

/// Decides what goes into the broker in place of each message that is published.
#[async_trait]
pub(crate) trait Interceptor: Send + Sync {
    /// What goes in for `body`. Nothing: the message is lost, and its sender is told that it arrived.
    async fn instead(&self, queue: Queue, body: Bytes) -> Messages;
}

#[async_trait]
impl<F: Fn(Queue, Bytes) -> Messages + Send + Sync> Interceptor for F {
    async fn instead(&self, queue: Queue, body: Bytes) -> Messages {
        self(queue, body)
    }
}

/// A broker on top of another.
pub(crate) struct Intercepted<I> {
    inner: Arc<dyn Broker>,
    interceptor: I,
}

impl<I: Interceptor + 'static> Intercepted<I> {
    /// On top of `inner`.
    pub(crate) fn on(inner: Arc<dyn Broker>, interceptor: I) -> Arc<dyn Broker> {
        Arc::new(Self { inner, interceptor })
    }
}

#[async_trait]
impl<I: Interceptor> Broker for Intercepted<I> {
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        for (queue, body) in self.interceptor.instead(queue, body).await {
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
