//! The loop that all workers share: take a delivery, handle it, settle it.

use std::future::Future;
use std::time::Duration;

use broker::{BrokerError, Delivery, Queue};
use bytes::Bytes;
use domain::counts::Role;
use domain::ids::RunId;
use domain::retry::{Next, RetryPolicy};
use platform::backoff::Backoff;
use platform::trace::{self, Kind};
use store::StoreError;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span};
use wire::RunBytes;

use crate::WorkerContext;
use crate::metrics::{Became, WorkerMetrics};

/// The longest wait before a worker retries work that the broker or the store prevented.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The first such wait; it doubles with each that follows.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(100);

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
    /// This worker cannot read the chunk's source, and another may be able to: it is returned after a pause, for the
    /// reason given.
    HandedBack(String),
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

    /// What becomes of the message, in one word.
    fn became(&self) -> Became {
        match self {
            Self::Done => Became::Done,
            Self::Failed { starts, .. } => match RetryPolicy::CHUNK.after(*starts) {
                Next::RetryAfterMs(_) => Became::Failed,
                Next::GiveUp => Became::GivenUp,
            },
            Self::Postponed(_) | Self::HandedBack(_) => Became::Postponed,
            Self::Refused(_) => Became::Refused,
        }
    }
}

/// Who consumes, and what.
pub(crate) struct Consuming<'a> {
    /// What the worker works with.
    pub(crate) with: &'a WorkerContext,
    /// The worker's name.
    pub(crate) name: &'a str,
    /// The worker's role.
    pub(crate) role: Role,
    /// The queue that it consumes.
    pub(crate) queue: Queue,
    /// How many messages it may hold.
    pub(crate) prefetch: usize,
}

/// Notes that the message in hand is of this chunk, now that it was read: in each line of the log, and in the trace of
/// the run.
pub(crate) fn known(what: &'static str, run_id: RunBytes, chunk_no: u64) {
    let run_id = RunId::from_bytes(run_id);
    Span::current().record("run_id", display(run_id)).record("chunk_no", chunk_no);
    trace::begin(what, Kind::Consumer, run_id);
    trace::number("crossfoot.chunk_no", chunk_no);
}

/// A message in hand, as the metrics have it.
struct Taken<'a>(&'a WorkerMetrics, Queue);

impl<'a> Taken<'a> {
    fn by(of: &Consuming<'a>) -> Self {
        of.with.metrics.holds(of.queue, true);
        Self(&of.with.metrics, of.queue)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.holds(self.1, false);
    }
}

impl Consuming<'_> {
    /// Consumes until the context's `stop` is cancelled, one delivery at a time.
    ///
    /// `handle` gets the body; `give_up` is called when a message failed for the last time.
    ///
    /// # Errors
    /// [`BrokerError`] when consuming cannot begin.
    pub(crate) async fn run<H, HF, G, GF>(&self, handle: H, give_up: G) -> Result<(), BrokerError>
    where
        H: Fn(Bytes) -> HF + Send + Sync,
        HF: Future<Output = Handled> + Send,
        G: Fn(Bytes, String) -> GF + Send + Sync,
        GF: Future<Output = bool> + Send,
    {
        let (with, stop) = (self.with, &self.with.stop);
        with.metrics.consumes(self.queue);
        let mut consumer = with.post.broker().consume(self.queue, self.prefetch).await?;
        let mut backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX);
        loop {
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                delivery = consumer.next() => delivery,
            };
            let Some(delivery) = delivery else { return Ok(()) };
            let _taken = Taken::by(self);
            // Of the highest level, because a warning has the fields only of spans that its own level lets through. It
            // is one span for each message, and a message is thousands of records.
            let span = tracing::error_span!(
                "message",
                worker = self.name,
                role = self.role.name(),
                run_id = Empty,
                chunk_no = Empty
            );
            self.one(delivery, &handle, &give_up, &mut backoff).instrument(span).await;
        }
    }

    /// Handles a delivery and settles it.
    async fn one<H, HF, G, GF>(&self, delivery: Delivery, handle: &H, give_up: &G, backoff: &mut Backoff)
    where
        H: Fn(Bytes) -> HF + Send + Sync,
        HF: Future<Output = Handled> + Send,
        G: Fn(Bytes, String) -> GF + Send + Sync,
        GF: Future<Output = bool> + Send,
    {
        let (post, queue, stop) = (&self.with.post, self.queue, &self.with.stop);
        let handled = async {
            let handled = handle(delivery.body.clone()).await;
            let became = handled.became();
            self.with.metrics.settled(queue, became);
            trace::text("crossfoot.outcome", became.name());
            if became != Became::Done {
                trace::failed();
            }
            handled
        };
        match Box::pin(trace::scope(delivery.trace, handled)).await {
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
            Handled::HandedBack(reason) => {
                tracing::warn!(queue = queue.name(), %reason, "this worker cannot read the source; chunk handed back");
                // Paused, so that the others, who may be able to read it, get the most of the chunks.
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(PAUSE_MAX) => {}
                }
                delivery.retry_later().await;
            }
            Handled::Refused(reason) => {
                post.note_refused(queue, &delivery.body, &reason).await;
                delivery.dead_letter(reason).await;
            }
            outcome => {
                backoff.reset();
                settle(queue, delivery, outcome, give_up).await;
            }
        }
    }
}

async fn settle<G, GF>(queue: Queue, delivery: Delivery, outcome: Handled, give_up: &G)
where
    G: Fn(Bytes, String) -> GF + Send + Sync,
    GF: Future<Output = bool> + Send,
{
    match outcome {
        Handled::Done => {
            // If the broker has lost track of the delivery it comes again, and is found done.
            fault::point!(format!("ack.{}.before", queue.word()));
            delivery.done().await;
            fault::point!(format!("ack.{}.after", queue.word()));
        }
        Handled::Refused(_) | Handled::Postponed(_) | Handled::HandedBack(_) => {
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
