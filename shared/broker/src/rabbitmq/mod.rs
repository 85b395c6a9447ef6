//! The broker RabbitMQ, from 3.10 to 4.x: the contract of [`super`] kept with quorum queues, confirms and
//! acknowledgements.
//!
//! What the contract leaves open, and what this adapter adds:
//! - **Connecting** for the first time fails at once, with the reason and what to do about it. From then on a
//!   supervisor for publishing and one for consuming connect again after any error, for ever. Meanwhile
//!   [`Consumer::next`](super::Consumer::next) waits; publishing waits for
//!   [`reconnect_timeout`](RabbitSettings::reconnect_timeout) and is then
//!   [`Unconfirmed`](BrokerError::Unconfirmed).
//! - **Bounds** are about right: a quorum queue takes a few messages more before it refuses.
//! - **Returned messages** come back to their old place, those of
//!   [`retry_later`](super::Delivery::retry_later) behind the others: they are published again, with their count in a
//!   header. When the queue has no room for that, they come back to their old place too.
//! - **The delivery limit** counts what was returned, by whatever death of a consumer; the broker carries it out, or
//!   this adapter where a message was published again in between.
//! - **Dead letters** are kept with reason, queue and time in headers. Beyond their bound the oldest are discarded.
//! - [`super::Broker::close`] ends consumers at once. Unsettled deliveries can still be settled; what else is asked for
//!   them is not granted, and they come again.
//! - **Settling** says `true` once the broker was told. AMQP does not confirm that, so that a connection lost in this
//!   very moment makes the message come again.
//! - **A blocked broker** (out of memory or disk) makes publishing wait for
//!   [`blocked_timeout`](RabbitSettings::blocked_timeout); [`Rabbit::blocked`] tells why.

mod connection;
mod consumer;
mod diagnose;
mod errors;
mod headers;
mod permissions;
mod publisher;
mod settings;
mod settle;
mod supervisor;
#[cfg(test)]
mod tests;
mod topology;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use platform::health::Finding;
use tokio::sync::watch;
use tokio::time::Instant;

pub use permissions::Permissions;
pub use settings::RabbitSettings;
pub use settings::refused;

use super::{Broker, BrokerError, Consumer, Link, Queue};
use consumer::Pump;
use headers::Headers;
use publisher::{Publisher, To};
use supervisor::{ConnectionSupervisor, Role};

/// No message is larger: RabbitMQ 4 refuses more, unless it is configured otherwise.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// A broker that is a RabbitMQ server.
pub struct Rabbit {
    publishing: Arc<ConnectionSupervisor>,
    consuming: Arc<ConnectionSupervisor>,
    publisher: Publisher,
}

impl Rabbit {
    /// Connects, and declares what is not there yet.
    ///
    /// # Errors
    /// [`BrokerError`] that says what is wrong and what to do about it.
    pub async fn connect(settings: RabbitSettings) -> Result<Self, BrokerError> {
        let target = Arc::new(settings.target()?);
        let settings = Arc::new(settings);
        let publishing =
            ConnectionSupervisor::start(Arc::clone(&settings), Arc::clone(&target), Role::Publish).await?;
        let consuming = match ConnectionSupervisor::start(settings, target, Role::Consume).await {
            Ok(consuming) => consuming,
            Err(error) => {
                publishing.close().await;
                return Err(error);
            }
        };
        let publisher = Publisher::new(Arc::clone(&publishing));
        Ok(Self { publishing, consuming, publisher })
    }

    /// Why the broker blocks publishers at the moment, if it does; to be watched.
    #[must_use]
    pub fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.publishing.blocked()
    }

    /// Makes the queues free of the store they were bound to, and binds them to that of `settings`. The other store's
    /// processes must be stopped: their messages are refused from then on.
    ///
    /// # Errors
    /// [`BrokerError`] that says what is wrong and what to do about it.
    pub async fn take_queues(settings: &RabbitSettings) -> Result<(), BrokerError> {
        let target = settings.target()?;
        let dialed = connection::dial(settings, &target, "doctor").await?;
        let taken = async {
            let channel = topology::open_channel(settings, &target, &dialed.connection).await?;
            topology::release_store(settings, &target, &channel).await?;
            topology::bind_to_store(settings, &target, &channel).await
        };
        let taken = taken.await;
        drop(topology::within(settings, &target, dialed.connection.close(200, "done".into())).await);
        taken
    }

    /// Checks everything that could keep a fleet from working, and leaves the broker as it was.
    pub async fn diagnose(settings: &RabbitSettings) -> Vec<Finding> {
        Box::pin(diagnose::diagnose(settings)).await
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        self.publishing.closing().cancel();
        self.consuming.closing().cancel();
    }
}

#[async_trait]
impl Broker for Rabbit {
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        if body.len() > MESSAGE_BYTES_MAX {
            return Err(BrokerError::TooLarge { bytes: body.len(), limit: MESSAGE_BYTES_MAX });
        }
        let properties = Headers::here().properties();
        self.publisher.publish(To::Everyone(queue), &body, properties, None).await
    }

    async fn consume(&self, queue: Queue, prefetch: usize) -> Result<Box<dyn Consumer>, BrokerError> {
        let (supervisor, publisher) = (Arc::clone(&self.consuming), self.publisher.clone());
        Pump { supervisor, publisher, queue, prefetch }.start().await
    }

    async fn depth(&self, queue: Queue) -> Result<usize, BrokerError> {
        // Not where messages are published: a broker that blocks publishers does not answer there.
        let supervisor = &self.consuming;
        let by = Instant::now() + supervisor.settings.reconnect_timeout;
        let session = supervisor.session(Some(by)).await?;
        let looked = async {
            let channel =
                topology::open_channel(&supervisor.settings, &supervisor.target, &session.connection).await?;
            topology::look_at(&supervisor.settings, &supervisor.target, &channel, queue).await
        };
        match looked.await {
            Ok(Some(found)) => Ok(found.messages as usize),
            // Somebody deleted it; it is declared again with the next session.
            Ok(None) => {
                session.fail(format!("the queue {} no longer exists", supervisor.settings.name(queue)));
                Ok(0)
            }
            Err(_) if supervisor.closing().is_cancelled() => Err(BrokerError::Closed),
            Err(error) => Err(error),
        }
    }

    fn link(&self) -> Link {
        let (one, other) = (&self.publishing, &self.consuming);
        Link { is_up: one.is_up() && other.is_up(), reconnects: one.reconnects() + other.reconnects() }
    }

    async fn close(&self) {
        self.consuming.close().await;
        self.publishing.close().await;
    }
}
