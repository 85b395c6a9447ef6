//! The loop that all workers share: take a delivery, handle it, settle it.

use std::future::Future;
use std::time::Duration;

use broker::{BrokerError, Delivery, Queue};
use domain::retry::{Next, RetryPolicy};
use platform::backoff::Backoff;
use post::Post;
use store::StoreError;
use tokio_util::sync::CancellationToken;

/// The longest wait before a worker retries work that the broker or the store prevented.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The first such wait; it doubles with each that follows.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// Its effect is durable, or there is nothing to do.
    Done,
    /// The message itself failed; a later start may succeed.
    Failed {
        /// How often the chunk was started, this time included, from 1.
        starts: u32,
        /// Why it failed, in words for the log and the dead letter.
        reason: String,
    },
    /// The broker or the store failed, not the message: it is retried without limit, for the reason given.
    Postponed(String),
    /// The message is not genuine, or can never be handled: not sealed, of another store, or of bytes that the ledger
    /// does not have. It becomes a dead letter, and the evidence log names it.
    Refused(String),
}

impl Handled {
    /// The outcome for a message after the store failed: postponed if the failure is transient, otherwise refused.
    #[must_use]
    pub fn unless_transient(error: &StoreError) -> Self {
        if error.is_transient() {
            Self::Postponed(error.to_string())
        } else {
            Self::Refused(error.to_string())
        }
    }
}

/// Consumes `queue` until `stop` is cancelled, one delivery at a time.
///
/// `handle` gets the body; `give_up` is called when a message failed for the last time.
///
/// # Errors
/// [`BrokerError`] when consuming cannot begin.
pub async fn consume<H, HF, G, GF>(
    post: &Post,
    queue: Queue,
    prefetch: usize,
    stop: &CancellationToken,
    handle: H,
    give_up: G,
) -> Result<(), BrokerError>
where
    H: Fn(bytes::Bytes, u32) -> HF + Send,
    HF: Future<Output = Handled> + Send,
    G: Fn(bytes::Bytes, String) -> GF + Send,
    GF: Future<Output = bool> + Send,
{
    let mut consumer = post.broker().consume(queue, prefetch).await?;
    let mut backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX);
    loop {
        let delivery = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            delivery = consumer.next() => delivery,
        };
        let Some(delivery) = delivery else { return Ok(()) };
        match handle(delivery.body.clone(), delivery.redeliveries).await {
            Handled::Postponed(reason) => {
                let pause = backoff.next_wait();
                tracing::warn!(queue = queue.name(), %reason, pause_ms = pause.as_millis(), "work postponed");
                // Returned after the pause: in the meantime nobody else would fare better.
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
                delivery.retry_later().await;
            }
            Handled::Refused(reason) => {
                post.note_refused(queue, &delivery.body, &reason).await;
                delivery.dead_letter(reason).await;
            }
            outcome => {
                backoff.reset();
                settle(queue, delivery, outcome, &give_up).await;
            }
        }
    }
}

async fn settle<G, GF>(queue: Queue, delivery: Delivery, outcome: Handled, give_up: &G)
where
    G: Fn(bytes::Bytes, String) -> GF + Send,
    GF: Future<Output = bool> + Send,
{
    match outcome {
        Handled::Done => {
            // If the broker has lost track of the delivery it comes again, and is found done.
            fault::point!(format!("ack.{}.before", queue.word()));
            delivery.done().await;
            fault::point!(format!("ack.{}.after", queue.word()));
        }
        Handled::Refused(_) | Handled::Postponed(_) => {
            delivery.retry_later().await;
        }
        Handled::Failed { starts, reason } => match RetryPolicy::CHUNK.after(starts) {
            Next::RetryAfterMs(wait_ms) => {
                tracing::warn!(%reason, starts, wait_ms, "message failed; retrying");
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                delivery.retry_later().await;
            }
            Next::GiveUp => {
                tracing::error!(%reason, starts, "message failed for the last time");
                if give_up(delivery.body.clone(), reason.clone()).await {
                    delivery.dead_letter(reason).await;
                } else {
                    // Nobody knows of it yet: it comes again, and is given up again.
                    delivery.retry_later().await;
                }
            }
        },
    }
}
