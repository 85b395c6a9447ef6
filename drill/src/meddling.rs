//! Messages altered, lost or sent under another name in flight, and sealed again with the store's own keys: the
//! part of a worker that errs or lies.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, Queue};
use bytes::Bytes;
use store::Store;
use wire::seal::{seal, unverified};
use wire::{Batch, BodyCompression, Chunk, Opened, Sealing, Travels, WorkerReport};

use crate::intercept::{Intercepted, Interceptor, Messages};

/// What becomes of a message.
pub(crate) enum Fate<M> {
    /// It goes on as it is.
    Pass,
    /// This goes on in its place.
    Instead(Box<M>),
    /// It is lost, though its sender gets a confirm.
    Lost,
}

type Hand<M> = Box<dyn Fn(&M) -> Fate<M> + Send + Sync>;

/// Which messages are meddled with.
pub(crate) enum Meddling {
    Chunks(Hand<Chunk>),
    Batches(Hand<Batch>),
    Counts(Hand<WorkerReport>),
}

/// Alters messages and seals them again.
pub(crate) struct Meddler {
    store: Arc<dyn Store>,
    meddling: Meddling,
}

impl Meddler {
    /// Puts the meddling in front of `inner`; altered messages are sealed with the keys of `store`.
    pub(crate) fn on(inner: Arc<dyn Broker>, store: &Arc<dyn Store>, meddling: Meddling) -> Arc<dyn Broker> {
        Intercepted::on(inner, Self { store: Arc::clone(store), meddling })
    }

    /// What goes on in place of `body`; `None`: nothing does.
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
        Some(seal(&*message, own, attempt, &Sealing::Keys(keys), BodyCompression::Plain).unwrap_or(body))
    }
}

#[async_trait]
impl Interceptor for Meddler {
    async fn instead(&self, queue: Queue, body: Bytes) -> Messages {
        let altered = match (&self.meddling, queue) {
            (Meddling::Chunks(hand), Queue::Chunks) => self.through(hand, body).await,
            (Meddling::Batches(hand), Queue::Batches) => self.through(hand, body).await,
            (Meddling::Counts(hand), Queue::Counts) => self.through(hand, body).await,
            _ => Some(body),
        };
        altered.map(|body| (queue, body)).into_iter().collect()
    }
}
