//! Dead letters: how a message became one, and looking at those that wait without taking them.

use std::time::Duration;

use tokio::time::timeout;

use super::{Broker, BrokerError, Consumer, Delivery, Queue};

/// A dead letter that was counted and does not come within this time is held by someone else.
const QUIET: Duration = Duration::from_secs(2);

/// How a message became a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Why it became one, in words.
    pub reason: String,
    /// The name of the queue that it comes from, without the prefix; empty if that is not known.
    pub queue: String,
    /// When it became one, UTC: `2024-02-29T13:45:00.123Z`; empty if that is not known.
    pub at: String,
    /// How often it was delivered again before it became one.
    pub redeliveries: u32,
}

impl Death {
    /// The queue that it comes from; `None` if it is none of ours.
    #[must_use]
    pub fn origin(&self) -> Option<Queue> {
        Queue::ALL.into_iter().find(|queue| queue.name() == self.queue && *queue != Queue::DeadLetters)
    }
}

/// Dead letters that are held while they are looked at. Those that are dropped unsettled wait in the broker as before.
pub struct DeadLetters {
    /// The dead letters, in the order in which they came.
    pub letters: Vec<Delivery>,
    /// How many there are besides: beyond the number asked for, or held by another process.
    pub others: usize,
    /// Keeps the deliveries valid. Dropped after them.
    _consumer: Option<Box<dyn Consumer>>,
}

impl DeadLetters {
    /// Holds the dead letters that wait, `max` at most.
    ///
    /// # Errors
    /// As [`Broker::depth`] and [`Broker::consume`].
    pub async fn hold(broker: &dyn Broker, max: usize) -> Result<Self, BrokerError> {
        let waiting = broker.depth(Queue::DeadLetters).await?;
        let wanted = waiting.min(max);
        if wanted == 0 {
            return Ok(Self { letters: Vec::new(), others: waiting, _consumer: None });
        }
        let mut consumer = broker.consume(Queue::DeadLetters, wanted).await?;
        let mut letters = Vec::with_capacity(wanted);
        while letters.len() < wanted {
            match timeout(QUIET, consumer.next()).await {
                Ok(Some(delivery)) => letters.push(delivery),
                Ok(None) => return Err(BrokerError::Closed),
                Err(_) => break,
            }
        }
        let others = waiting.saturating_sub(letters.len());
        Ok(Self { letters, others, _consumer: Some(consumer) })
    }
}
