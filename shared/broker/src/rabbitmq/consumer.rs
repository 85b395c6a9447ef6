//! Consuming: a task for each consumer keeps a channel open, on whatever session there is, and passes deliveries on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions};
use lapin::types::FieldTable;
use platform::backoff::Backoff;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::errors::{Stage, explain};
use super::headers::Headers;
use super::publisher::Publisher;
use super::settle::Held;
use super::supervisor::{ConnectionSupervisor, Session};
use super::topology;
use crate::{BrokerError, Consumer, Death, Delivery, Queue};

/// The pause between two attempts to open a channel on a working connection.
const REOPEN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// As many unsettled messages as a consumer of a quorum queue may ask for.
const PREFETCH_MAX: u16 = 2000;

/// A channel that is consumed from. Once it is gone, all that was delivered on it and not settled comes again.
pub(super) struct Open {
    channel: Channel,
    /// The connection lasts as long as something on it is to be settled.
    session: Arc<Session>,
    answer_timeout: Duration,
    /// Whether settlements still reach the broker. Changed, and relied on, under the lock: a settlement is in line
    /// before the channel's end, and so means what it says, or it is not sent.
    ended: Mutex<bool>,
}

impl Open {
    /// `false`: the broker does not know the delivery any more.
    pub(super) async fn ack(&self, tag: u64) -> bool {
        let mut ack = Box::pin(self.channel.basic_ack(tag, BasicAckOptions::default()));
        let first = {
            let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            if *ended {
                return false;
            }
            // The first poll puts it in line; nothing before can wait.
            ack.as_mut().now_or_never()
        };
        let answer = match first {
            Some(answer) => Ok(answer),
            None => timeout(self.answer_timeout, ack).await,
        };
        match answer {
            Ok(Ok(())) => true,
            Ok(Err(_)) => false,
            Err(_) => {
                self.session.fail("settling a message is taking too long");
                false
            }
        }
    }

    /// Returns a delivery to its queue, to its old place; at once, so that it can be done while dropping.
    pub(super) fn give_back(&self, tag: u64) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if *ended {
            return false;
        }
        // Not basic.nack, which does not count towards the delivery limit from RabbitMQ 4.3 on (its manual,
        // "Negative Acknowledgements"); before, the two are the same.
        let requeue = BasicRejectOptions { requeue: true };
        !matches!(self.channel.basic_reject(tag, requeue).now_or_never(), Some(Err(_)))
    }

    fn is_over(&self) -> bool {
        !self.channel.status().connected() || self.session.failed().is_cancelled()
    }

    /// Returns everything that is not settled.
    async fn end(&self) {
        let mut close = Box::pin(self.channel.close(200, "done".into()));
        let first = {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            *ended = true;
            close.as_mut().now_or_never()
        };
        if first.is_none() && timeout(self.answer_timeout, close).await.is_err() {
            self.session.fail("closing a channel is taking too long");
        }
    }
}

/// A delivery before it reaches [`Consumer::next`].
struct Arrived {
    open: Arc<Open>,
    delivery: lapin::message::Delivery,
}

/// What a consumer's task works with.
pub(super) struct Pump {
    pub(super) supervisor: Arc<ConnectionSupervisor>,
    pub(super) publisher: Publisher,
    pub(super) queue: Queue,
    pub(super) prefetch: usize,
}

impl Pump {
    /// Starts it, and waits until it consumes.
    ///
    /// # Errors
    /// [`BrokerError`] when the broker does not let us; a lost connection is waited for instead.
    pub(super) async fn start(self) -> Result<Box<dyn Consumer>, BrokerError> {
        if self.supervisor.closing().is_cancelled() {
            return Err(BrokerError::Closed);
        }
        let (sender, arrivals) = mpsc::channel(self.prefetch.clamp(1, usize::from(PREFETCH_MAX)));
        let consumer = RabbitConsumer {
            arrivals,
            supervisor: Arc::clone(&self.supervisor),
            publisher: self.publisher.clone(),
            queue: self.queue,
        };
        let (begun, beginning) = oneshot::channel();
        let patience = self.supervisor.settings.reconnect_timeout;
        tokio::spawn(self.run(sender, begun));
        match timeout(patience, beginning).await {
            Ok(Ok(outcome)) => outcome?,
            Ok(Err(_)) => return Err(BrokerError::Closed),
            // It goes on trying; `next` waits for it.
            Err(_) => {}
        }
        Ok(Box::new(consumer))
    }

    async fn run(self, sender: mpsc::Sender<Arrived>, begun: oneshot::Sender<Result<(), BrokerError>>) {
        let mut begun = Some(begun);
        let mut backoff = Backoff::new(REOPEN.0, REOPEN.1);
        loop {
            let session = tokio::select! {
                () = sender.closed() => return,
                session = self.supervisor.session(None) => session,
            };
            let Ok(session) = session else { return };
            match self.open(&session).await {
                Ok((open, stream)) => {
                    backoff.reset();
                    if let Some(begun) = begun.take() {
                        drop(begun.send(Ok(())));
                    }
                    if self.pass_on(&open, stream, &sender).await.is_break() {
                        return;
                    }
                    let queue = self.queue.name();
                    tracing::warn!(queue, "consumer interrupted; reopening the channel");
                }
                Err(error @ (BrokerError::Forbidden { .. } | BrokerError::Differs { .. }))
                    if begun.is_some() =>
                {
                    if let Some(begun) = begun.take() {
                        drop(begun.send(Err(error)));
                    }
                    return;
                }
                Err(error) => {
                    tracing::warn!(queue = self.queue.name(), %error, "cannot consume; retrying");
                    // What the broker refuses to this consumer is no reason to interrupt the others.
                    if matches!(error, BrokerError::Unreachable { .. }) {
                        session.fail(error.to_string());
                    }
                }
            }
            tokio::select! {
                () = sender.closed() => return,
                () = self.supervisor.closing().cancelled() => return,
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        }
    }

    async fn open(&self, session: &Arc<Session>) -> Result<(Arc<Open>, lapin::Consumer), BrokerError> {
        let (settings, target) = (&*self.supervisor.settings, &*self.supervisor.target);
        let channel = topology::open_channel(settings, target, &session.connection).await?;
        if session.declares {
            // It may have been deleted meanwhile, and its messages' last refuge with it.
            topology::declare_queue(settings, target, &channel, Queue::DeadLetters).await?;
            topology::declare_queue(settings, target, &channel, self.queue).await?;
        }
        let prefetch = u16::try_from(self.prefetch).unwrap_or(PREFETCH_MAX).clamp(1, PREFETCH_MAX);
        let consume = async {
            channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            let queue = settings.name(self.queue).into();
            channel
                .basic_consume(queue, "".into(), BasicConsumeOptions::default(), FieldTable::default())
                .await
        };
        let stream = topology::within(settings, target, consume).await?;
        let stream = stream.map_err(|error| explain(target, Stage::Working, &error))?;
        let open = Open {
            channel,
            session: Arc::clone(session),
            answer_timeout: settings.confirm_timeout,
            ended: Mutex::new(false),
        };
        Ok((Arc::new(open), stream))
    }

    /// Passes deliveries on until the channel ends; breaks when the consumer is gone.
    async fn pass_on(
        &self,
        open: &Arc<Open>,
        mut stream: lapin::Consumer,
        sender: &mpsc::Sender<Arrived>,
    ) -> std::ops::ControlFlow<()> {
        use std::ops::ControlFlow::{Break, Continue};
        loop {
            let delivery = tokio::select! {
                () = sender.closed() => {
                    open.end().await;
                    return Break(());
                }
                // What is in hand can be settled: the channel goes when the last of it does.
                () = self.supervisor.closing().cancelled() => return Break(()),
                () = open.session.failed().cancelled() => return Continue(()),
                delivery = stream.next() => delivery,
            };
            let Some(Ok(delivery)) = delivery else {
                // A consumer that the broker cancelled leaves a channel behind that works.
                open.end().await;
                return Continue(());
            };
            let arrived = Arrived { open: Arc::clone(open), delivery };
            let passed = tokio::select! {
                () = self.supervisor.closing().cancelled() => return Break(()),
                passed = sender.send(arrived) => passed,
            };
            if passed.is_err() {
                open.end().await;
                return Break(());
            }
        }
    }
}

/// The end of it that the consumer holds.
struct RabbitConsumer {
    arrivals: mpsc::Receiver<Arrived>,
    supervisor: Arc<ConnectionSupervisor>,
    publisher: Publisher,
    queue: Queue,
}

impl RabbitConsumer {
    /// What the broker buried by itself names the queue as the broker does.
    fn without_prefix(&self, death: Death) -> Death {
        match death.queue.strip_prefix(&self.supervisor.settings.prefix) {
            Some(queue) => Death { queue: queue.to_owned(), ..death },
            None => death,
        }
    }
}

#[async_trait]
impl Consumer for RabbitConsumer {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            let arrived = tokio::select! {
                biased;
                () = self.supervisor.closing().cancelled() => return None,
                arrived = self.arrivals.recv() => arrived?,
            };
            let Arrived { open, delivery } = arrived;
            // Its channel is gone, and it is on its way to somebody again.
            if open.is_over() {
                continue;
            }
            let headers = Headers::read(&delivery.properties, delivery.redelivered);
            let body = Bytes::from(delivery.data);
            let death = match self.queue {
                Queue::DeadLetters => headers.death.clone().map(|death| self.without_prefix(death)),
                _ => None,
            };
            let (redeliveries, trace) = (headers.redeliveries(), headers.trace);
            let publisher = self.publisher.clone();
            let held = Held::new(open, publisher, self.queue, delivery.delivery_tag, headers, body.clone());
            return Some(Delivery::new(body, redeliveries, death, Box::new(held)).sent_in(trace));
        }
    }
}
