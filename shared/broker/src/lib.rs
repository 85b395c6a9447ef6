//! The broker: what carries chunks to processors, batches to writers, and counts to the coordinator; and the work of
//! comparisons to workers, and what they read back.
//!
//! # The contract that every adapter keeps
//!
//! - **Publishing** is confirmed: [`Broker::publish`] returns once the broker answers for the message.
//!   [`BrokerError::Unconfirmed`] means *unknown*: the message may have arrived; publish it again, because consumers
//!   absorb duplicates. After any other error it is certain that nothing arrived.
//! - **Size**: a message of 16 MiB is carried.
//! - **Back-pressure**: a queue holds a bounded number of messages and bytes. Publishing to a full queue waits; only
//!   dead letters never make anyone wait: beyond their bound the oldest is dropped.
//! - **Durability**: where [`Broker::is_durable`] says so, a confirmed message outlives a restart of the broker.
//!   Otherwise the ledger hands out again what is lost, as it does with a queue that somebody purged.
//! - **Delivery is at least once.** A message may come twice, and after a redelivery out of order. Without
//!   faults and with one consumer, messages come in the order in which they were published.
//! - **Settlement**: each delivery is settled exactly once: [`Delivery::done`], [`Delivery::retry_later`] or
//!   [`Delivery::dead_letter`]. One that is dropped unsettled, or whose process died, comes again, to any consumer of
//!   the queue; `retry_later` puts it after what waits there, without a pause.
//! - **Prefetch**: a consumer holds at most as many unsettled deliveries as it asked for.
//! - **Attempts**: a message that was returned more often than the delivery limit goes to the dead letters. The limit
//!   is far above the three starts after which a worker gives a chunk up.
//! - **Dead letters** are delivered like any message, with reason, queue, time and deliveries before ([`Death`]). They
//!   can be looked at without being taken ([`DeadLetters`]), and are kept until somebody settles them as done.
//! - **Traces**: a message carries the span that it was published in ([`platform::trace::current`]), if there is one,
//!   and keeps it through returns and as a dead letter ([`Delivery::trace`]). A text there that is no `traceparent` is
//!   ignored.
//! - **Shutdown**: after [`Broker::close`] publishing fails, and consumers end once they were told.
//! - **Cancel safety**: dropping a pending `publish` leaves its outcome unknown; dropping a pending
//!   [`Consumer::next`] loses nothing.
//!
//! [`Broker::depth`] may lag behind; what is decided by it only hands a chunk out again, which is harmless.
//!
//! An adapter is a module of this package and is held to this by `conformance` (`broker_conformance!`), which covers
//! all of it but unconfirmed and dropped publishing, the bound in bytes and durability: these each adapter tests by
//! itself.

#[cfg(test)]
pub(crate) mod conformance;
mod dead_letters;
mod duplicating;
pub mod in_process;
pub mod rabbitmq;

use async_trait::async_trait;
use bytes::Bytes;
use domain::ids::StoreId;
use domain::traceparent::TraceParent;
use thiserror::Error;

pub use dead_letters::{DeadLetters, Death};
pub use duplicating::DuplicatingBroker;

/// The fixed set of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Coordinator to processors: chunks of the source's bytes.
    Chunks,
    /// Processors to writers: batches of decoded rows.
    Batches,
    /// Coordinator to workers: ranges of committed chunks to read back and digest.
    Ranges,
    /// Workers to the coordinator.
    Counts,
    /// Comparing process to processors: chunks of a source that is compared and not loaded.
    Comparisons,
    /// Comparing process to writers: parts of tables that are read for a comparison.
    Readings,
    /// Workers to the comparing process: what they decoded and read.
    Compared,
    /// Messages that could not be handled, each with its reason.
    DeadLetters,
}

impl Queue {
    /// The queue's name without what all of them begin with.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.name().trim_start_matches("crossfoot.")
    }

    /// Every queue there is.
    pub const ALL: [Self; 8] = [
        Self::Chunks,
        Self::Batches,
        Self::Ranges,
        Self::Counts,
        Self::Comparisons,
        Self::Readings,
        Self::Compared,
        Self::DeadLetters,
    ];

    /// The queue's name in the broker.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chunks => "crossfoot.chunks",
            Self::Batches => "crossfoot.batches",
            Self::Ranges => "crossfoot.ranges",
            Self::Counts => "crossfoot.counts",
            Self::Comparisons => "crossfoot.comparisons",
            Self::Readings => "crossfoot.readings",
            Self::Compared => "crossfoot.compared",
            Self::DeadLetters => "crossfoot.dead-letters",
        }
    }
}

/// Why the broker did not do what it was asked.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// It was closed, by us or by itself.
    #[error("the broker is closed")]
    Closed,
    /// The message is larger than a queue may ever hold.
    #[error("a message of {bytes} bytes exceeds the broker's limit of {limit} bytes")]
    TooLarge {
        /// The size of the refused message, in bytes.
        bytes: usize,
        /// The most bytes that a message may have.
        limit: usize,
    },
    /// Whether the message arrived is not known; publish it again.
    #[error("the broker did not confirm the message: {reason}")]
    Unconfirmed {
        /// What happened instead of a confirm, in words.
        reason: String,
    },
    /// The settings cannot be used.
    #[error("invalid broker settings: {0}")]
    Settings(String),
    /// Nothing answers at the address, or what answers is no broker.
    #[error("cannot reach the broker {url}: {reason}; check host, port and network, and that it is running")]
    Unreachable {
        /// The broker's URL, without its password.
        url: String,
        /// What happened when it was connected to, in words.
        reason: String,
    },
    /// TLS with a trusted certificate could not be established.
    #[error(
        "cannot establish a trusted TLS connection to the broker {url}: {reason}; check the port, the server name in its \
             certificate, and that the CA file contains the CA that signed it"
    )]
    Tls {
        /// The broker's URL, without its password.
        url: String,
        /// Why the connection is not trusted, in words.
        reason: String,
    },
    /// User or password are wrong.
    #[error("the broker {url} rejected the login of user {user:?}; check user name and password")]
    LoginRefused {
        /// The broker's URL, without its password.
        url: String,
        /// The user whose login was rejected.
        user: String,
    },
    /// The virtual host does not exist.
    #[error(
        "the broker {url} has no virtual host {vhost:?}; create it (rabbitmqctl add_vhost) or correct the URL"
    )]
    NoSuchVhost {
        /// The broker's URL, without its password.
        url: String,
        /// The name of the virtual host that is missing.
        vhost: String,
    },
    /// The user may not do this.
    #[error(
        "user {user:?} lacks permissions on the broker {url}: {reason}; grant configure, write and \
             read on the virtual host (rabbitmqctl set_permissions)"
    )]
    Forbidden {
        /// The broker's URL, without its password.
        url: String,
        /// The user who lacks the permission.
        user: String,
        /// What the broker says.
        reason: String,
    },
    /// A queue or exchange of that name is of another kind.
    #[error(
        "{name} already exists in the broker with different arguments: {reason}; restore the limits it was created \
         with, or, once it is empty, delete it (rabbitmqctl delete_queue {name}) and restart"
    )]
    Differs {
        /// The queue or exchange.
        name: String,
        /// What the broker says.
        reason: String,
    },
    /// The queues carry the messages of another store.
    #[error(
        "the queues `{prefix}crossfoot.*` of the broker {url} belong to another store{}; this store is {own}. Give \
         each store its own `prefix` under [broker] or virtual host; if the other store no longer exists, \
         take the queues over with `crossfoot doctor --take-queues`",
        found.map_or_else(String::new, |found| format!(", {found}"))
    )]
    OtherStore {
        /// The broker's URL, without its password.
        url: String,
        /// The prefix of the queues' names.
        prefix: String,
        /// The store that this process works on.
        own: StoreId,
        /// The store that the queues are bound to, where the broker's words are not cut off before it.
        found: Option<StoreId>,
    },
    /// The broker answered with another error.
    #[error("the broker {url} rejected the request: {reason}")]
    Refused {
        /// The broker's URL, without its password.
        url: String,
        /// What the broker says.
        reason: String,
    },
}

impl fault::Injected for BrokerError {
    fn injected(reason: String) -> Self {
        Self::Unconfirmed { reason }
    }
}

impl BrokerError {
    /// Whether the command or its settings are wrong, rather than the world: exit code 2, not 3.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Settings(_) | Self::OtherStore { .. })
    }
}

/// What carries the messages.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Publishes `body` to `queue`; returns once the broker has confirmed it.
    ///
    /// # Errors
    /// [`BrokerError::Unconfirmed`] when the outcome is not known, others when it is certain that nothing arrived.
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError>;

    /// Starts consuming `queue` with at most `prefetch` unsettled deliveries.
    ///
    /// # Errors
    /// [`BrokerError::Closed`].
    async fn consume(&self, queue: Queue, prefetch: usize) -> Result<Box<dyn Consumer>, BrokerError>;

    /// How many messages wait in `queue`, unsettled deliveries not counted.
    ///
    /// # Errors
    /// [`BrokerError::Closed`].
    async fn depth(&self, queue: Queue) -> Result<usize, BrokerError>;

    /// Whether messages outlive the process that published them.
    fn is_durable(&self) -> bool {
        true
    }

    /// How the connection to the broker is. One inside the process is always there.
    fn link(&self) -> Link {
        Link::default()
    }

    /// Ends publishing and consuming. Idempotent.
    async fn close(&self);
}

/// How the connection to a broker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Whether it can be published to and consumed from at this moment.
    pub is_up: bool,
    /// How often a connection was made again after it was lost.
    pub reconnects: u64,
}

impl Default for Link {
    fn default() -> Self {
        Self { is_up: true, reconnects: 0 }
    }
}

/// How often a message whose confirmation did not come is published again.
const PUBLISH_ATTEMPTS: u32 = 5;

/// Publishes until the broker confirms, a few times at most. A repeated message is harmless: consumers absorb it.
///
/// # Errors
/// As [`Broker::publish`].
pub async fn publish_until_confirmed(
    broker: &dyn Broker,
    queue: Queue,
    body: Bytes,
) -> Result<(), BrokerError> {
    let mut attempt = 1;
    loop {
        match fault::around!(format!("publish.{}", queue.word()), broker.publish(queue, body.clone()).await) {
            Err(BrokerError::Unconfirmed { .. }) if attempt < PUBLISH_ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

/// One consumer of one queue.
#[async_trait]
pub trait Consumer: Send {
    /// The next delivery; `None` once the broker is closed. Safe to drop while pending.
    async fn next(&mut self) -> Option<Delivery>;
}

/// A message to settle. Dropping it unsettled returns it to its queue.
pub struct Delivery {
    /// The message's body, exactly as it was published.
    pub body: Bytes,
    /// How often it was delivered before.
    pub redeliveries: u32,
    /// For a dead letter: how it became one; `None` if that was not noted.
    pub death: Option<Death>,
    /// The span that it was sent in, as the message says. It is not sealed: nothing may depend on it.
    pub trace: Option<TraceParent>,
    settle: Option<Box<dyn Settle>>,
}

/// How an adapter settles a delivery. Dropping it settles nothing, so the message comes again.
#[async_trait]
pub trait Settle: Send {
    /// Carries out the settlement. `false`: the broker no longer knows the delivery, and will deliver it again.
    async fn settle(self: Box<Self>, settlement: Settlement) -> bool;
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Its effect is durable; forget it.
    Done,
    /// Return it to the end of the queue.
    RetryLater,
    /// Make it a dead letter, with the reason.
    DeadLetter(String),
}

impl Delivery {
    /// A delivery that an adapter hands out.
    #[must_use]
    pub fn new(body: Bytes, redeliveries: u32, death: Option<Death>, settle: Box<dyn Settle>) -> Self {
        Self { body, redeliveries, death, trace: None, settle: Some(settle) }
    }

    /// The same delivery, which says in which span it was sent.
    #[must_use]
    pub fn sent_in(self, trace: Option<TraceParent>) -> Self {
        Self { trace, ..self }
    }

    /// For a dead letter: why it is one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.death.as_ref().map(|death| death.reason.as_str())
    }

    async fn settle(mut self, settlement: Settlement) -> bool {
        match self.settle.take() {
            Some(settle) => settle.settle(settlement).await,
            None => false,
        }
    }

    /// The effect is durable. `false`: it will be delivered again nevertheless.
    pub async fn done(self) -> bool {
        self.settle(Settlement::Done).await
    }

    /// Waits before the next attempt.
    pub async fn retry_later(self) -> bool {
        self.settle(Settlement::RetryLater).await
    }

    /// Never try again; keep it with the reason.
    pub async fn dead_letter(self, reason: impl Into<String> + Send) -> bool {
        let reason = reason.into();
        self.settle(Settlement::DeadLetter(reason)).await
    }
}
