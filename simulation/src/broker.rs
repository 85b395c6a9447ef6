//! The broker as one simulated process sees it: the in-process broker with a point before and after everything.

use std::sync::Arc;

use async_trait::async_trait;
use broker::{Broker, BrokerError, Consumer, Delivery, Queue, Settle, Settlement};
use bytes::Bytes;

use crate::life::{Held, Life};
use crate::mutants::Mutant;
use crate::world::{Of, Pass, World};

/// The broker of one process.
pub(crate) struct Mail {
    world: Arc<World>,
    life: Arc<Life>,
}

fn unconfirmed() -> BrokerError {
    BrokerError::Unconfirmed { reason: "the simulation lost it".into() }
}

impl Mail {
    pub(crate) fn of(world: &Arc<World>, life: &Arc<Life>) -> Arc<dyn Broker> {
        Arc::new(Self { world: Arc::clone(world), life: Arc::clone(life) })
    }

    async fn pass(&self, point: &'static str) -> Pass {
        self.world.pass(&self.life, Of::Broker, point).await
    }
}

#[async_trait]
impl Broker for Mail {
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        let pass = self.pass("broker: publish").await;
        if pass == Pass::Fail {
            return Err(unconfirmed());
        }
        if self.world.has(Mutant::ForgottenChunk) && !self.world.watch.is_first(queue, &body) {
            return Ok(());
        }
        self.world.watch.published(queue, &body);
        for _ in 0..if pass == Pass::Twice { 2 } else { 1 } {
            // Whether a broker that goes down has it, is not known.
            match self.world.broker().0.publish(queue, body.clone()).await {
                Err(BrokerError::Closed) => return Err(unconfirmed()),
                published => published?,
            }
        }
        match self.pass("broker: published").await {
            Pass::Fail => Err(unconfirmed()),
            _ => Ok(()),
        }
    }

    async fn consume(&self, queue: Queue, prefetch: usize) -> Result<Box<dyn Consumer>, BrokerError> {
        self.pass("broker: consume").await;
        let mut consumer = Inbox {
            world: Arc::clone(&self.world),
            life: Arc::clone(&self.life),
            queue,
            prefetch,
            generation: 0,
            held: None,
        };
        consumer.open().await?;
        Ok(Box::new(consumer))
    }

    async fn depth(&self, queue: Queue) -> Result<usize, BrokerError> {
        if self.pass("broker: depth").await == Pass::Fail {
            return Err(unconfirmed());
        }
        self.world.broker().0.depth(queue).await
    }

    async fn close(&self) {
        // The broker is everybody's.
    }
}

struct Inbox {
    world: Arc<World>,
    life: Arc<Life>,
    queue: Queue,
    prefetch: usize,
    /// Of the broker that it consumes from.
    generation: u32,
    held: Option<Held<Box<dyn Consumer>>>,
}

impl Inbox {
    async fn open(&mut self) -> Result<(), BrokerError> {
        let (broker, generation) = self.world.broker();
        let consumer = broker.consume(self.queue, self.prefetch).await?;
        (self.held, self.generation) = (Some(self.life.holds_consumer(consumer)), generation);
        Ok(())
    }

    /// The next delivery of the broker that it consumes from. `None`: that broker is gone.
    async fn of_broker(&mut self) -> Option<Delivery> {
        let held = Arc::clone(self.held.as_ref()?);
        let mut consumer = held.lock().await;
        tokio::select! {
            biased;
            () = self.life.dies() => {
                *consumer = None;
                drop(consumer);
                std::future::pending().await
            }
            delivery = async {
                match consumer.as_mut() {
                    Some(consumer) => consumer.next().await,
                    None => std::future::pending().await,
                }
            } => delivery,
        }
    }
}

#[async_trait]
impl Consumer for Inbox {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            self.world.pass(&self.life, Of::Broker, "broker: next").await;
            self.world.broker_delivers().await;
            // Nothing waits between here and the delivery's return: whoever drops this future loses nothing.
            let Some(delivery) = self.of_broker().await else {
                // As after a lost connection, everything is opened again.
                if self.world.broker().1 == self.generation || self.open().await.is_err() {
                    return None;
                }
                continue;
            };
            let early = [
                (Mutant::AckBeforeCommit, Queue::Batches),
                (Mutant::AckBeforePublish, Queue::Chunks),
                (Mutant::CountsAckedUnread, Queue::Counts),
            ];
            let is_early = early.iter().any(|(mutant, of)| self.world.has(*mutant) && *of == self.queue);
            let is_dropped = self.world.has(Mutant::RedeliveredDropped)
                && delivery.redeliveries > 0
                && self.queue == Queue::Batches;
            let settle = |delivery: Option<Delivery>, body: &Bytes| {
                let (world, life) = (Arc::clone(&self.world), Arc::clone(&self.life));
                Box::new(Settling { world, life, queue: self.queue, body: body.clone(), delivery })
            };
            let (body, redeliveries, death) =
                (delivery.body.clone(), delivery.redeliveries, delivery.death.clone());
            let trace = delivery.trace;
            if is_early || is_dropped {
                settle(Some(delivery), &body).settle(Settlement::Done).await;
                if is_dropped {
                    continue;
                }
                let none = settle(None, &body);
                return Some(Delivery::new(body, redeliveries, death, none).sent_in(trace));
            }
            let settling = settle(Some(delivery), &body);
            return Some(Delivery::new(body, redeliveries, death, settling).sent_in(trace));
        }
    }
}

struct Settling {
    world: Arc<World>,
    life: Arc<Life>,
    queue: Queue,
    body: Bytes,
    delivery: Option<Delivery>,
}

#[async_trait]
impl Settle for Settling {
    async fn settle(self: Box<Self>, settlement: Settlement) -> bool {
        let Some(delivery) = self.delivery else { return true };
        if self.world.pass(&self.life, Of::Broker, "broker: settle").await == Pass::Fail {
            // The connection is lost, and the delivery comes again.
            return false;
        }
        match settlement {
            Settlement::Done => {
                self.world.watch.settles(&self.world, &self.life, self.queue, &self.body);
                delivery.done().await
            }
            Settlement::RetryLater => delivery.retry_later().await,
            Settlement::DeadLetter(reason) => delivery.dead_letter(reason).await,
        }
    }
}
