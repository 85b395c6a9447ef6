//! Publishing: durable, mandatory, confirmed; waits for room, for the connection, and while the broker blocks.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use platform::backoff::Backoff;
use tokio::time::{Instant, timeout};

use super::errors::{Stage, explain};
use super::settings::{RabbitSettings, Target};
use super::supervisor::{ConnectionSupervisor, Session};
use super::topology::{self, counts_exchange};
use crate::{BrokerError, Queue};

/// Between two attempts to publish to a full queue.
const ROOM: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// Channels to publish on, one for each queue.
///
/// lapin matches a returned message to any of the confirmations that came together. With a channel of its own, what
/// is mistaken for one another was meant for the same queue; and a queue that a message was returned from was deleted,
/// with all that was published to it before.
pub(super) struct PublishChannels([PublishChannel; Queue::ALL.len()]);

struct PublishChannel {
    channel: Channel,
    /// Held while a message gets its number and its place in line: lapin does one after the other, and a message
    /// that overtook another in between would be given that one's confirmation.
    turn: Mutex<()>,
}

impl PublishChannels {
    pub(super) async fn open(
        settings: &RabbitSettings,
        target: &Target,
        connection: &Connection,
    ) -> Result<Self, BrokerError> {
        let mut channels = Vec::with_capacity(Queue::ALL.len());
        for _ in Queue::ALL {
            let channel = topology::open_channel(settings, target, connection).await?;
            let selected = channel.confirm_select(ConfirmSelectOptions::default());
            topology::within(settings, target, selected)
                .await?
                .map_err(|error| explain(target, Stage::Working, &error))?;
            channels.push(PublishChannel { channel, turn: Mutex::new(()) });
        }
        let channels = channels.try_into().ok();
        channels.map(Self).ok_or(BrokerError::Closed)
    }

    fn channel(&self, queue: Queue) -> &PublishChannel {
        &self.0[queue as usize]
    }
}

impl PublishChannel {
    async fn publish(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> lapin::Result<Confirmation> {
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let mut publish =
            pin!(self.channel.basic_publish(exchange.into(), key.into(), mandatory, body, properties));
        let first = poll_fn(|context| {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            Poll::Ready(publish.as_mut().poll(context))
        });
        let sent = match first.await {
            Poll::Ready(sent) => sent?,
            Poll::Pending => publish.await?,
        };
        // The server has it, or will; its answer is still on the way.
        fault::point!(format!(
            "confirm.{}.before",
            format!("{exchange}{key}").rsplit('.').next().unwrap_or_default()
        ));
        sent.await
    }
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// Everyone who listens to the queue's messages, which is for counts.
    Everyone(Queue),
    /// The queue alone: others saw the message already.
    Only(Queue),
}

impl To {
    const fn queue(self) -> Queue {
        match self {
            Self::Everyone(queue) | Self::Only(queue) => queue,
        }
    }
}

/// Where a message got to.
enum Outcome {
    Stored,
    /// Not stored: there is no room.
    Full,
    /// Not known; the session cannot be used any more.
    Unknown(String),
    /// Certainly not sent; the session cannot be used any more.
    NotSent(String),
}

/// Publishes messages, on whatever session there is.
#[derive(Clone)]
pub(super) struct Publisher {
    supervisor: Arc<ConnectionSupervisor>,
}

impl Publisher {
    pub(super) const fn new(supervisor: Arc<ConnectionSupervisor>) -> Self {
        Self { supervisor }
    }

    /// How often a message may be returned.
    pub(super) fn delivery_limit(&self) -> u32 {
        self.supervisor.settings.delivery_limit
    }

    /// Publishes until the broker has stored it. For a full queue it waits as long as `room` says, or for ever.
    ///
    /// # Errors
    /// [`BrokerError::Closed`]; [`BrokerError::Unconfirmed`].
    pub(super) async fn publish(
        &self,
        to: To,
        body: &[u8],
        properties: BasicProperties,
        room: Option<Duration>,
    ) -> Result<(), BrokerError> {
        let settings = &self.supervisor.settings;
        let mut backoff = Backoff::new(ROOM.0, ROOM.1);
        let mut connected_by = Instant::now() + settings.reconnect_timeout;
        let room_by = room.map(|room| Instant::now() + room);
        let mut waits = false;
        loop {
            let session = self.supervisor.session(Some(connected_by)).await?;
            let was_blocked = session.blocked.borrow().is_some();
            self.let_through(&session).await?;
            if was_blocked {
                connected_by = Instant::now() + settings.reconnect_timeout;
            }
            match self.attempt(&session, to, body, properties.clone()).await {
                Outcome::Stored => return Ok(()),
                Outcome::Full => {
                    if room_by.is_some_and(|by| Instant::now() >= by) {
                        return Err(unconfirmed("the queue is full".into()));
                    }
                    if !waits {
                        tracing::debug!(
                            queue = to.queue().name(),
                            "the queue is full; publishing waits for space"
                        );
                        waits = true;
                    }
                    drop(session);
                    self.pause(backoff.next_wait()).await?;
                    connected_by = Instant::now() + settings.reconnect_timeout;
                }
                Outcome::Unknown(reason) => {
                    session.fail(reason.clone());
                    return if self.supervisor.closing().is_cancelled() {
                        Err(BrokerError::Closed)
                    } else {
                        Err(unconfirmed(reason))
                    };
                }
                Outcome::NotSent(reason) => session.fail(reason),
            }
        }
    }

    async fn pause(&self, wait: Duration) -> Result<(), BrokerError> {
        tokio::select! {
            () = self.supervisor.closing().cancelled() => Err(BrokerError::Closed),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    /// Waits while the broker blocks publishers.
    async fn let_through(&self, session: &Session) -> Result<(), BrokerError> {
        let patience = self.supervisor.settings.blocked_timeout;
        let mut blocked = session.blocked.subscribe();
        tokio::select! {
            () = self.supervisor.closing().cancelled() => Err(BrokerError::Closed),
            () = session.failed().cancelled() => Ok(()),
            free = timeout(patience, blocked.wait_for(Option::is_none)) => match free {
                Ok(_) => Ok(()),
                Err(_) => {
                    let waited = patience.as_secs_f32();
                    Err(unconfirmed(format!("the broker has been blocking publishers for {waited} s")))
                }
            },
        }
    }

    async fn attempt(&self, session: &Session, to: To, body: &[u8], properties: BasicProperties) -> Outcome {
        let settings = &*self.supervisor.settings;
        let Some(channels) = &session.channels else {
            return Outcome::NotSent("this connection is not for publishing".into());
        };
        let channel = channels.channel(to.queue());
        if !channel.channel.status().connected() {
            return Outcome::NotSent("the channel was closed".into());
        }
        let (exchange, key) = match to {
            To::Everyone(Queue::Counts) => (counts_exchange(settings), String::new()),
            To::Everyone(queue) | To::Only(queue) => (String::new(), settings.name(queue)),
        };
        let mut confirmation = Box::pin(channel.publish(&exchange, &key, body, properties));
        loop {
            let patience = timeout(settings.confirm_timeout, confirmation.as_mut());
            let answer = tokio::select! {
                answer = patience => answer,
                () = session.failed().cancelled() => return Outcome::Unknown("the connection was lost".into()),
                () = self.supervisor.closing().cancelled() => return Outcome::Unknown("closed meanwhile".into()),
            };
            return match answer {
                Ok(Ok(Confirmation::Ack(None))) => Outcome::Stored,
                Ok(Ok(Confirmation::Nack(_))) => Outcome::Full,
                Ok(Ok(Confirmation::Ack(Some(returned)))) => {
                    let (code, text) = (returned.reply_code, &returned.reply_text);
                    Outcome::Unknown(format!("{} no longer exists: {code} {text}", settings.name(to.queue())))
                }
                Ok(Ok(Confirmation::NotRequested)) => {
                    Outcome::Unknown("the channel is not in confirm mode".into())
                }
                Ok(Err(error)) => Outcome::Unknown(error.to_string()),
                // A broker that blocks will confirm once it goes on.
                Err(_) if session.blocked.borrow().is_some() => match self.let_through(session).await {
                    Ok(()) => continue,
                    Err(error) => Outcome::Unknown(error.to_string()),
                },
                Err(_) => {
                    let waited = settings.confirm_timeout.as_secs_f32();
                    Outcome::Unknown(format!("no confirmation within {waited} s"))
                }
            };
        }
    }
}

fn unconfirmed(reason: String) -> BrokerError {
    BrokerError::Unconfirmed { reason }
}
