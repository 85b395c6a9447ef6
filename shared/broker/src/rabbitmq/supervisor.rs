//! The supervisor of one role: it owns the connection and what is built on it, and rebuilds all of it after any
//! error. lapin's own recovery is not used: what it restores is not what was lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use lapin::{Connection, Event};
use platform::backoff::Backoff;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::connection::{Socket, dial};
use super::publisher::PublishChannels;
use super::settings::{RabbitSettings, Target};
use super::topology;
use crate::BrokerError;

/// Between two attempts to connect again.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// A connection that ended without a word is noticed within that time.
const LOOK: Duration = Duration::from_secs(1);

/// How long closing waits for the broker to confirm it.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a connection is for. The broker may stop reading from a connection that publishes; consuming must go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Publish,
    Consume,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publisher",
            Self::Consume => "consumer",
        }
    }
}

/// One life of a connection, with its topology declared.
pub(super) struct Session {
    pub(super) connection: Connection,
    /// Only where messages are published.
    pub(super) channels: Option<PublishChannels>,
    /// Whether the user may make queues.
    pub(super) declares: bool,
    socket: Socket,
    failed: CancellationToken,
    failure: Mutex<Option<String>>,
    /// Why the broker blocks publishers at the moment.
    pub(super) blocked: watch::Sender<Option<String>>,
}

impl Session {
    /// Tells the supervisor that this session cannot be used any more, and why.
    pub(super) fn fail(&self, why: impl Into<String>) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| why.into());
        drop(failure);
        self.failed.cancel();
    }

    /// Ready once it failed.
    pub(super) fn failed(&self) -> &CancellationToken {
        &self.failed
    }

    fn why(&self) -> String {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone().unwrap_or_else(|| "the connection ended".into())
    }

    /// Returns when the session has ended, with the reason.
    async fn watch(&self, mut events: BoxStream<'static, Event>) -> String {
        loop {
            let event = tokio::select! {
                () = self.failed.cancelled() => return self.why(),
                event = events.next() => event,
                () = tokio::time::sleep(LOOK) => {
                    if self.connection.status().connected() { continue }
                    return "the connection ended".into();
                }
            };
            match event {
                Some(Event::ConnectionBlocked(reason)) => {
                    tracing::warn!(reason, "the broker is blocking publishers; publishing waits");
                    self.blocked.send_replace(Some(reason));
                }
                Some(Event::ConnectionUnblocked) => {
                    tracing::info!("the broker no longer blocks publishers");
                    self.blocked.send_replace(None);
                }
                // Of a channel alone, and whoever consumes on it opens another; the others need not be interrupted.
                Some(Event::Error(error))
                    if self.channels.is_none()
                        && error.is_amqp_soft_error()
                        && self.connection.status().connected() => {}
                Some(Event::Error(error)) => return error.to_string(),
                Some(_) => {}
                None => return "the connection ended".into(),
            }
        }
    }
}

/// Whether the role has a connection to work with.
#[derive(Clone)]
pub(super) enum State {
    /// Connecting again, because of this.
    Down(String),
    Up(Arc<Session>),
    Closed,
}

/// Keeps one role connected, and hands out its session.
pub(super) struct ConnectionSupervisor {
    pub(super) settings: Arc<RabbitSettings>,
    pub(super) target: Arc<Target>,
    role: Role,
    state: watch::Sender<State>,
    /// How often it connected again.
    reconnects: AtomicU64,
    closing: CancellationToken,
    /// Outlives sessions, so that anyone may watch it.
    blocked: watch::Sender<Option<String>>,
}

impl ConnectionSupervisor {
    /// Connects for the first time, and has the connection supervised from then on.
    pub(super) async fn start(
        settings: Arc<RabbitSettings>,
        target: Arc<Target>,
        role: Role,
    ) -> Result<Arc<Self>, BrokerError> {
        let down = State::Down("not connected yet".into());
        let supervisor = Arc::new(Self {
            settings,
            target,
            role,
            state: watch::Sender::new(down),
            reconnects: AtomicU64::new(0),
            closing: CancellationToken::new(),
            blocked: watch::Sender::new(None),
        });
        let (session, events) = Box::pin(supervisor.open()).await?;
        supervisor.state.send_replace(State::Up(Arc::clone(&session)));
        tokio::spawn(Arc::clone(&supervisor).supervise(session, events));
        Ok(supervisor)
    }

    async fn open(&self) -> Result<(Arc<Session>, BoxStream<'static, Event>), BrokerError> {
        let (settings, target) = (&*self.settings, &*self.target);
        let mut dialed = dial(settings, target, self.role.name()).await?;
        // What the broker refuses on a connection counts as the end of it: who may not make queues gets another one.
        let refused = match topology::declare(settings, target, &dialed.connection).await {
            Err(refused @ BrokerError::Forbidden { .. }) => {
                self.say_goodbye(&dialed.connection, &dialed.socket).await;
                dialed = dial(settings, target, self.role.name()).await?;
                Some(refused)
            }
            Err(error) => {
                self.say_goodbye(&dialed.connection, &dialed.socket).await;
                return Err(error);
            }
            Ok(()) => None,
        };
        let declares = refused.is_none();
        let built = async {
            if let Some(refused) = refused {
                topology::find(settings, target, &dialed.connection, refused).await?;
            }
            match self.role {
                Role::Publish => Ok(Some(PublishChannels::open(settings, target, &dialed.connection).await?)),
                Role::Consume => Ok(None),
            }
        };
        let channels = match built.await {
            Ok(channels) => channels,
            Err(error) => {
                self.say_goodbye(&dialed.connection, &dialed.socket).await;
                return Err(error);
            }
        };
        let session = Session {
            connection: dialed.connection,
            channels,
            declares,
            socket: dialed.socket,
            failed: CancellationToken::new(),
            failure: Mutex::new(None),
            blocked: self.blocked.clone(),
        };
        Ok((Arc::new(session), dialed.events))
    }

    async fn supervise(self: Arc<Self>, session: Arc<Session>, events: BoxStream<'static, Event>) {
        let mut backoff = Backoff::new(RECONNECT.0, RECONNECT.1);
        let mut current = Some((session, events));
        while let Some((session, events)) = current.take() {
            let since = Instant::now();
            let why = tokio::select! {
                () = self.closing.cancelled() => break,
                why = session.watch(events) => why,
            };
            self.lose(session, why);
            // A broker that accepts and drops us at once must not be asked at full speed.
            if since.elapsed() > RECONNECT.1 {
                backoff.reset();
            }
            current = tokio::select! {
                () = self.closing.cancelled() => None,
                opened = self.open_again(&mut backoff) => Some(opened),
            };
            if let Some((session, _)) = &current {
                self.reconnects.fetch_add(1, Ordering::Relaxed);
                tracing::info!(role = self.role.name(), url = self.target.url, "reconnected to the broker");
                self.state.send_replace(State::Up(Arc::clone(session)));
            }
        }
        self.blocked.send_replace(None);
        self.state.send_replace(State::Closed);
    }

    fn lose(&self, session: Arc<Session>, why: String) {
        let (role, url) = (self.role.name(), &self.target.url);
        tracing::warn!(role, url, why, "lost the connection to the broker; reconnecting");
        self.state.send_replace(State::Down(why.clone()));
        session.fail(why);
        session.socket.cut();
        if self.role == Role::Publish && self.blocked.send_replace(None).is_some() {
            tracing::info!("the connection that the broker blocked has ended");
        }
    }

    async fn open_again(&self, backoff: &mut Backoff) -> (Arc<Session>, BoxStream<'static, Event>) {
        loop {
            tokio::time::sleep(backoff.next_wait()).await;
            match Box::pin(self.open()).await {
                Ok(opened) => return opened,
                Err(error) => {
                    tracing::warn!(role = self.role.name(), %error, "cannot connect to the broker; retrying");
                    self.state.send_replace(State::Down(error.to_string()));
                }
            }
        }
    }

    async fn say_goodbye(&self, connection: &Connection, socket: &Socket) {
        if timeout(GOODBYE, connection.close(200, "done".into())).await.is_err() {
            socket.cut();
        }
    }

    /// The present session; waits for one until `by`.
    ///
    /// # Errors
    /// [`BrokerError::Closed`]; [`BrokerError::Unconfirmed`] when there was none in time.
    pub(super) async fn session(&self, by: Option<Instant>) -> Result<Arc<Session>, BrokerError> {
        let mut state = self.state.subscribe();
        let is_settled = |state: &State| match state {
            State::Down(_) => false,
            State::Up(session) => !session.failed.is_cancelled(),
            State::Closed => true,
        };
        let settled = async {
            match state.wait_for(is_settled).await.map(|state| state.clone()) {
                Ok(State::Up(session)) => Ok(session),
                _ => Err(BrokerError::Closed),
            }
        };
        let Some(by) = by else { return settled.await };
        match timeout_at(by, settled).await {
            Ok(outcome) => outcome,
            Err(_) => Err(BrokerError::Unconfirmed { reason: format!("not connected: {}", self.trouble()) }),
        }
    }

    fn trouble(&self) -> String {
        match &*self.state.borrow() {
            State::Down(why) => why.clone(),
            State::Up(session) => session.why(),
            State::Closed => "closed".into(),
        }
    }

    /// Whether there is a session to work with.
    pub(super) fn is_up(&self) -> bool {
        matches!(&*self.state.borrow(), State::Up(session) if !session.failed.is_cancelled())
    }

    /// How often it connected again.
    pub(super) fn reconnects(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    pub(super) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Why the broker blocks publishers, as long as it does.
    pub(super) fn blocked(&self) -> watch::Receiver<Option<String>> {
        self.blocked.subscribe()
    }

    /// Ends it for everybody. Where messages are consumed, the connection lasts until all deliveries are settled.
    pub(super) async fn close(&self) {
        let session = match &*self.state.borrow() {
            State::Up(session) => Some(Arc::clone(session)),
            _ => None,
        };
        self.closing.cancel();
        let mut state = self.state.subscribe();
        // The supervisor ends at its next turn.
        drop(timeout(GOODBYE, state.wait_for(|state| matches!(state, State::Closed))).await);
        if let (Some(session), Role::Publish) = (session, self.role) {
            self.say_goodbye(&session.connection, &session.socket).await;
        }
    }
}
