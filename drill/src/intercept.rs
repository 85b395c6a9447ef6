//! A broker that lets an [`Interceptor`] replace each published message, and passes everything else through.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Link, Queue};
use bytes::Bytes;

/// Messages, each with the queue that it goes to.
pub(crate) type Messages = Vec<(Queue, Bytes)>;

/// Replaces messages before they enter a broker.
#[async_trait]
pub(crate) trait Interceptor: Send + Sync {
    /// Returns what the broker gets in place of `body`. An empty answer loses the message; its sender is told that it
    /// arrived.
    async fn instead(&self, queue: Queue, body: Bytes) -> Messages;
}

#[async_trait]
impl<F: Fn(Queue, Bytes) -> Messages + Send + Sync> Interceptor for F {
    async fn instead(&self, queue: Queue, body: Bytes) -> Messages {
        self(queue, body)
    }
}

/// A broker on top of another, with an interceptor between them.
pub(crate) struct Intercepted<I> {
    inner: Arc<dyn Broker>,
    interceptor: I,
}

impl<I: Interceptor + 'static> Intercepted<I> {
    /// Puts `interceptor` in front of `inner`.
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

    fn link(&self) -> Link {
        self.inner.link()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
