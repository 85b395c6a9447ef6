//! The loop that both kinds of workers share: take a delivery, handle it, settle it.

use std::future::Future;

use domain::retry::{Next, RetryPolicy};
use shared::broker::{Broker, BrokerError, Delivery, Queue};
use tokio_util::sync::CancellationToken;

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// Its effect is durable.
    Done,
    /// It failed, and may go well another time.
    Failed(String),
    /// It can never be handled: not one of our messages, or of a version that is not known here.
    Refused(String),
}

/// Consumes `queue` until told to stop, one delivery at a time.
///
/// `handle` gets the body; `give_up` is told when a message failed for the last time.
///
/// # Errors
/// [`BrokerError`] when consuming cannot begin.
pub async fn consume<H, HF, G, GF>(
    broker: &dyn Broker,
    queue: Queue,
    stop: &CancellationToken,
    handle: H,
    give_up: G,
) -> Result<(), BrokerError>
where
    H: Fn(bytes::Bytes) -> HF + Send,
    HF: Future<Output = Handled> + Send,
    G: Fn(bytes::Bytes, String) -> GF + Send,
    GF: Future<Output = ()> + Send,
{
    // Two in hand: one being worked on, one ready.
    let mut consumer = broker.consume(queue, 2).await?;
    loop {
        let delivery = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            delivery = consumer.next() => delivery,
        };
        let Some(delivery) = delivery else { return Ok(()) };
        let outcome = handle(delivery.body.clone()).await;
        settle(delivery, outcome, &give_up).await;
    }
}

async fn settle<G, GF>(delivery: Delivery, outcome: Handled, give_up: &G)
where
    G: Fn(bytes::Bytes, String) -> GF + Send,
    GF: Future<Output = ()> + Send,
{
    let attempt = delivery.redeliveries.saturating_add(1);
    match outcome {
        Handled::Done => {
            // If the broker has lost track of the delivery it comes again, and is found done.
            delivery.done().await;
        }
        Handled::Refused(reason) => {
            tracing::error!(%reason, "message refused");
            delivery.dead_letter(reason).await;
        }
        Handled::Failed(reason) => match RetryPolicy::CHUNK.after(attempt) {
            Next::RetryAfterMs(wait_ms) => {
                tracing::warn!(%reason, attempt, wait_ms, "message failed and will be tried again");
                tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
                delivery.retry_later().await;
            }
            Next::GiveUp => {
                tracing::error!(%reason, attempt, "message failed for the last time");
                give_up(delivery.body.clone(), reason.clone()).await;
                delivery.dead_letter(reason).await;
            }
        },
    }
}
