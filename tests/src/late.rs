//! A broker that delivers a processor's counts only after those of the chunk's writer were kept.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Queue};
use bytes::Bytes;
use wire::seal::unverified;
use wire::{Work, WorkerReport};

/// How often other tasks get a turn after the writer's report, so that those which act on it can.
const TURNS: usize = 200;

/// Everything is delivered in the end, as the contract demands.
pub struct LateProcessorCounts {
    inner: Arc<dyn Broker>,
    is_written: Arc<dyn Fn(u64) -> bool + Send + Sync>,
}

impl LateProcessorCounts {
    /// On top of `inner`; `is_written` says whether the writer's counts of a chunk were kept.
    #[must_use]
    pub fn new(inner: Arc<dyn Broker>, is_written: impl Fn(u64) -> bool + Send + Sync + 'static) -> Self {
        Self { inner, is_written: Arc::new(is_written) }
    }
}

#[async_trait]
impl Broker for LateProcessorCounts {
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        let report = if queue == Queue::Counts {
            unverified::<WorkerReport>(&body).map(|opened| opened.message)
        } else {
            None
        };
        if let Some(WorkerReport { work: Work::Processed(_), chunk_no, .. }) = report {
            let (inner, is_written) = (Arc::clone(&self.inner), Arc::clone(&self.is_written));
            tokio::spawn(async move {
                while !is_written(chunk_no) {
                    tokio::task::yield_now().await;
                }
                for _ in 0..TURNS {
                    tokio::task::yield_now().await;
                }
                inner.publish(queue, body).await
            });
            return Ok(());
        }
        self.inner.publish(queue, body).await
    }

    async fn consume(&self, queue: Queue, prefetch: usize) -> Result<Box<dyn Consumer>, BrokerError> {
        self.inner.consume(queue, prefetch).await
    }

    async fn depth(&self, queue: Queue) -> Result<usize, BrokerError> {
        self.inner.depth(queue).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
