//! The post: sends messages sealed, reads only those that are sealed for this store, and names in the evidence log
//! what it refuses. Coordinator and workers touch the broker's messages by way of it alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use broker::{Broker, BrokerError, Queue, publish_until_confirmed};
use bytes::Bytes;
use domain::event::Entry as LogEntry;
use domain::event_kind::EventKind;
use domain::fingerprint::Hash;
use domain::ids::{RunId, StoreId};
use domain::seal::KeyId;
use platform::clock::Clock;
use serde_json::json;
use store::{Store, StoreError};
use thiserror::Error;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use wire::seal::{claimed_run, open, seal};
use wire::{BodyCompression, CodecError, OpenError, Opened, Sealing, Travels};

/// The store's keys are asked for again after so long, so that a process learns of a new key before it may be replaced.
const KEYS_FRESH: Duration = Duration::from_secs(30);

/// Before a message of an unknown key is refused, the store is asked for its keys; for the same key not more often than
/// this.
const KEYS_PAUSE: Duration = Duration::from_secs(1);

/// A key may be replaced when it is so old, in milliseconds: by then every living process has asked for it.
pub const KEY_SETTLED_MS: i64 = 2 * 30 * 1000;

/// So many refusals of a process are named one by one in the evidence log.
const NAMED_MAX: u32 = 20;

/// Further ones are counted, and the count is noted after so long.
const NAMED_PAUSE: Duration = Duration::from_secs(10);

/// Why a message could not be sent.
#[derive(Debug, Error)]
pub enum PostError {
    /// The broker did not take it.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// It could not be made.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The store did not hand out its identity or its keys.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a message was not read.
#[derive(Debug, Error)]
pub enum Unread {
    /// It is not to be believed, now or ever.
    #[error(transparent)]
    Refused(#[from] OpenError),
    /// The store could not be asked for the keys.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How messages are sealed and compressed.
#[derive(Debug, Clone, Default)]
pub struct PostSettings {
    /// The operator's keys, or that nothing is sealed; `None`: the store's keys.
    pub sealing: Option<Sealing>,
    /// Whether bodies are compressed.
    pub compression: BodyCompression,
}

struct Fetched {
    sealing: Sealing,
    at: Instant,
}

#[derive(Default)]
struct Refusals {
    named: u32,
    unnamed: u64,
    last: Option<Instant>,
}

/// Seals messages of one attempt at a run.
#[derive(Debug, Clone)]
pub struct Sealer {
    own: StoreId,
    attempt: u64,
    sealing: Sealing,
    compression: BodyCompression,
}

impl Sealer {
    /// The sealed bytes of `message`.
    ///
    /// # Errors
    /// [`CodecError`] when it is too large.
    pub fn seal<M: Travels>(&self, message: &M) -> Result<Bytes, CodecError> {
        seal(message, self.own, self.attempt, &self.sealing, self.compression)
    }
}

/// Sends, reads and refuses the messages of one process.
pub struct Post {
    broker: Arc<dyn Broker>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    settings: PostSettings,
    /// How this process signs in the log: `name@host`.
    actor: String,
    own: OnceCell<StoreId>,
    fetched: Mutex<Option<Fetched>>,
    /// The last key that was not known, and when the store was asked for it.
    asked_for: Mutex<Option<(KeyId, Instant)>>,
    refusals: Mutex<Refusals>,
    refused: [AtomicU64; Queue::ALL.len()],
}

impl Post {
    /// The post between `broker` and `store`. Neither is asked for anything yet.
    #[must_use]
    pub fn new(
        broker: Arc<dyn Broker>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: PostSettings,
        actor: &str,
    ) -> Arc<Self> {
        Arc::new(Self {
            broker,
            store,
            clock,
            settings,
            actor: actor.to_owned(),
            own: OnceCell::new(),
            fetched: Mutex::default(),
            asked_for: Mutex::default(),
            refusals: Mutex::default(),
            refused: Default::default(),
        })
    }

    /// What carries the messages.
    #[must_use]
    pub fn broker(&self) -> &dyn Broker {
        &*self.broker
    }

    /// The store that the messages are of.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The clock of this process.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    async fn own(&self) -> Result<StoreId, StoreError> {
        self.own.get_or_try_init(|| self.store.identity()).await.copied()
    }

    /// The keys, not older than `fresh`.
    async fn sealing(&self, fresh: Duration) -> Result<Sealing, StoreError> {
        if let Some(sealing) = &self.settings.sealing {
            return Ok(sealing.clone());
        }
        let known = {
            let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            fetched.as_ref().filter(|fetched| fetched.at.elapsed() < fresh).map(|one| one.sealing.clone())
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let sealing = Sealing::Keys(self.store.message_keys().await?);
        let fetched = Fetched { sealing: sealing.clone(), at: Instant::now() };
        *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
        Ok(sealing)
    }

    /// Whether messages are sealed.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn is_sealed(&self) -> Result<bool, StoreError> {
        Ok(self.sealing(KEYS_FRESH).await? != Sealing::Off)
    }

    /// What messages of `attempt` are sealed with, for sealing them where that takes a core's time.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn sealer(&self, attempt: u64) -> Result<Sealer, StoreError> {
        let (own, sealing) = (self.own().await?, self.sealing(KEYS_FRESH).await?);
        Ok(Sealer { own, attempt, sealing, compression: self.settings.compression })
    }

    /// Seals `message` as of `attempt` at its run, and publishes it until the broker confirms it.
    ///
    /// # Errors
    /// [`PostError`]; whether it arrived may then be unknown.
    pub async fn send<M: Travels>(&self, queue: Queue, attempt: u64, message: &M) -> Result<(), PostError> {
        let body = self.sealer(attempt).await?.seal(message)?;
        Ok(self.publish(queue, body).await?)
    }

    /// Publishes a sealed message until the broker confirms it.
    ///
    /// # Errors
    /// [`BrokerError`]; whether it arrived may then be unknown.
    pub async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        publish_until_confirmed(&*self.broker, queue, body).await
    }

    /// Reads a message, if it is sealed for this store by a valid key.
    ///
    /// # Errors
    /// [`Unread::Refused`] when it is not to be believed; [`Unread::Store`] when that could not be told.
    pub async fn read<M: Travels>(&self, body: &Bytes) -> Result<Opened<M>, Unread> {
        let own = self.own().await?;
        match open(body, own, &self.sealing(KEYS_FRESH).await?) {
            // It may have been made since this process asked.
            Err(OpenError::UnknownKey(id)) if self.is_to_be_asked_for(id) => {
                Ok(open(body, own, &self.sealing(Duration::ZERO).await?)?)
            }
            read => Ok(read?),
        }
    }

    /// Whether the store may know a key that this process does not.
    fn is_to_be_asked_for(&self, id: KeyId) -> bool {
        let mut asked = self.asked_for.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_some_and(|(of, at)| of == id && at.elapsed() < KEYS_PAUSE) {
            return false;
        }
        *asked = Some((id, Instant::now()));
        true
    }

    /// Names a refused message in the evidence log, on the run that it claims to be of if the store has that run. Of
    /// many refusals the first are named one by one, and the others counted.
    pub async fn note_refused(&self, queue: Queue, body: &Bytes, reason: &str) {
        self.refused[queue as usize].fetch_add(1, Ordering::Relaxed);
        tracing::error!(queue = queue.name(), bytes = body.len(), %reason, "message refused");
        let Some(unnamed) = self.to_be_named() else { return };
        let claimed = claimed_run(body).map(RunId::from_bytes);
        let run_id = match claimed {
            Some(claimed) => self.store.run(claimed).await.ok().map(|run| run.run_id),
            None => None,
        };
        let detail = json!({
            "queue": queue.name(),
            "reason": reason,
            "bytes": body.len(),
            "sha256": Hash::of(body),
            "claims_run": claimed,
            "refused_since_the_last_entry": unnamed,
        });
        let entry = LogEntry {
            run_id: run_id.map(|run_id| run_id.to_string()),
            at_ms: self.clock.now_ms(),
            kind: EventKind::MessageRefused.into(),
            actor: self.actor.clone(),
            detail: detail.to_string(),
        };
        if let Err(error) = self.store.log(entry).await {
            tracing::error!(%error, "cannot record a refused message in the evidence log");
        }
    }

    /// How many messages of each queue this process refused.
    #[must_use]
    pub fn refused(&self) -> Vec<(&'static str, u64)> {
        let of = |queue: Queue| (queue.name(), self.refused[queue as usize].load(Ordering::Relaxed));
        Queue::ALL.into_iter().filter(|queue| *queue != Queue::DeadLetters).map(of).collect()
    }

    /// Whether the next refusal is named, and how many before it were not.
    fn to_be_named(&self) -> Option<u64> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = refusals.named < NAMED_MAX || refusals.last.is_none_or(|at| at.elapsed() >= NAMED_PAUSE);
        if !is_due {
            refusals.unnamed += 1;
            return None;
        }
        refusals.named = refusals.named.saturating_add(1);
        refusals.last = Some(Instant::now());
        Some(std::mem::take(&mut refusals.unnamed))
    }
}
