//! A comparison whose source is decoded and whose tables are read by the workers of a fleet.
//!
//! ```text
//! this process: chunks of the source ─ crossfoot.comparisons ─ processors ─┐
//!               parts of the tables ── crossfoot.readings ──── writers ────┼─ crossfoot.compared ─ sorted here
//! ```
//!
//! A fleet works for one comparison at a time: whoever compares holds a lease in the store. Workers look at it before
//! they begin, so that what a dead process left in the queues is dropped, and answers to it find no one. Delivery is at
//! least once: a task may be done twice, and of its answers the first that is whole counts.

mod decoding;
mod helper;
mod pieces;
mod plans;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker::{Consumer, Queue};
use bytes::Bytes;
use domain::ids::RunId;
use domain::words::plural;
use post::{Post, Unread};
use store::Lease;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use wire::comparison::{CompareAnswer, CompareTask, CompareWork, Said};

use crate::error::CompareError;
pub use helper::Helper;
pub(crate) use pieces::Answer;
use pieces::Start;
pub(crate) use plans::Compared;

/// How long the lease of a comparison lasts without a renewal.
const LEASE: Duration = Duration::from_secs(30);

/// A worker says so often that it works.
const WORKING: Duration = Duration::from_secs(10);

/// How often it is told that a comparison waits for workers.
const TELL: Duration = Duration::from_secs(60);

/// How long is waited for workers.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// How often the lease is renewed, and tasks are looked at that nothing is heard of.
    look: Duration,
    /// A task that no worker was heard of for so long, and that is not in its queue, is handed out again.
    quiet: Duration,
    /// A comparison of which no worker was heard for so long has none.
    silence: Duration,
}

const PATIENCE: Patience = Patience {
    look: Duration::from_secs(5),
    quiet: Duration::from_secs(60),
    silence: Duration::from_secs(300),
};

/// How often a task is handed out, and how many workers may begin it, before the comparison is given up.
const TRIES_MAX: usize = 5;

/// Answers that are held at a time.
const PREFETCH: usize = 8;

/// Comparisons are no attempts at a run; their messages are of this one.
const ATTEMPT: u64 = 1;

/// Whether the lease is of this comparison, and lasts.
fn is_of(lease: Option<&Lease>, comparison: RunId) -> bool {
    lease.is_some_and(|lease| !lease.left.is_zero() && lease.owner.starts_with(&comparison.to_string()))
}

/// The workers of a fleet, as a comparison uses them.
pub struct Fleet {
    post: Arc<Post>,
    comparison: RunId,
    /// The holder of the lease: the comparison, and who compares.
    owner: String,
    folder: PathBuf,
    waiting: Mutex<Waiting>,
    next: AtomicU64,
    patience: Patience,
    over: CancellationToken,
}

/// What has been asked for.
struct Waiting {
    tasks: HashMap<u64, Asked>,
    /// When a worker was heard of last.
    heard: Instant,
    /// When it was told last that no worker takes what waits; `None` since one was heard of.
    told: Option<Instant>,
    /// Why nothing more can be asked for.
    failure: Option<String>,
}

/// A task that is waited for.
struct Asked {
    queue: Queue,
    /// The sealed message, to be sent again.
    body: Bytes,
    times: usize,
    heard: Instant,
    starts: HashMap<u64, Start>,
    answered: oneshot::Sender<Result<Answer, CompareError>>,
}

fn failed(reason: impl Into<String>) -> CompareError {
    CompareError::Fleet(reason.into())
}

impl Fleet {
    /// Takes the fleet for a comparison of `actor`. Pieces that do not fit into memory are kept in `folder`.
    ///
    /// # Errors
    /// [`CompareError::Fleet`] when it works for another one, or broker or store cannot be used.
    pub async fn begin(post: Arc<Post>, folder: PathBuf, actor: &str) -> Result<Arc<Self>, CompareError> {
        Self::patient(post, folder, actor, PATIENCE).await
    }

    async fn patient(
        post: Arc<Post>,
        folder: PathBuf,
        actor: &str,
        patience: Patience,
    ) -> Result<Arc<Self>, CompareError> {
        let comparison = RunId::from(Uuid::now_v7());
        let owner = format!("{comparison} {actor} pid {}", std::process::id());
        let held = post.store().claim_comparison(&owner, LEASE).await;
        if let Some(other) = held.map_err(|error| failed(error.to_string()))? {
            return Err(failed(format!(
                "the fleet works for another comparison ({}); wait until that has ended (within 30 s, if its process \
                 is gone), or compare without --fleet",
                other.owner.split_once(' ').map_or(other.owner.as_str(), |(_, actor)| actor)
            )));
        }
        let consumer = post.broker().consume(Queue::Compared, PREFETCH).await;
        let consumer = consumer.map_err(|error| failed(error.to_string()))?;
        let fleet = Arc::new(Self {
            post,
            comparison,
            owner,
            folder,
            waiting: Mutex::new(Waiting {
                tasks: HashMap::new(),
                heard: Instant::now(),
                told: None,
                failure: None,
            }),
            next: AtomicU64::new(0),
            patience,
            over: CancellationToken::new(),
        });
        tokio::spawn(Arc::clone(&fleet).receive(consumer));
        tokio::spawn(Arc::clone(&fleet).watch());
        Ok(fleet)
    }

    /// Lets the fleet go. Idempotent.
    pub async fn end(&self) {
        self.fail("the comparison has ended");
        if let Err(error) = self.post.store().leave_comparison(&self.owner).await {
            tracing::warn!(%error, "cannot release the lease of the comparison; it ends by itself");
        }
        self.post.broker().close().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a worker do `work`, and waits for what it answers.
    ///
    /// # Errors
    /// [`CompareError::Fleet`] when no worker could.
    pub(crate) async fn ask(
        &self,
        queue: Queue,
        of: &Compared,
        work: CompareWork,
    ) -> Result<Answer, CompareError> {
        let task_no = self.next.fetch_add(1, Ordering::Relaxed);
        let task = CompareTask {
            comparison: self.comparison.to_bytes(),
            task_no,
            job: of.job.clone(),
            tables: of.tables.clone(),
            plans: of.plans,
            work,
        };
        let sealer = self.post.sealer(ATTEMPT).await.map_err(|error| failed(error.to_string()))?;
        let body = sealer.seal(&task).map_err(|error| failed(error.to_string()))?;
        drop(task);
        let (answered, answer) = oneshot::channel();
        let (starts, heard) = (HashMap::new(), Instant::now());
        {
            let mut waiting = self.waiting();
            if let Some(failure) = &waiting.failure {
                return Err(failed(failure.clone()));
            }
            let asked = Asked { queue, body: body.clone(), times: 1, heard, starts, answered };
            waiting.tasks.insert(task_no, asked);
        }
        if let Err(error) = self.post.publish(queue, body).await {
            self.waiting().tasks.remove(&task_no);
            return Err(failed(error.to_string()));
        }
        answer.await.unwrap_or_else(|_| Err(failed("the comparison has ended")))
    }

    /// Ends everything that is waited for.
    fn fail(&self, reason: &str) {
        let mut waiting = self.waiting();
        waiting.failure.get_or_insert_with(|| reason.to_owned());
        for (_, asked) in waiting.tasks.drain() {
            // Who asked may be gone too.
            drop(asked.answered.send(Err(failed(reason))));
        }
        drop(waiting);
        self.over.cancel();
    }

    async fn receive(self: Arc<Self>, mut consumer: Box<dyn Consumer>) {
        loop {
            let delivery = tokio::select! {
                biased;
                () = self.over.cancelled() => return,
                delivery = consumer.next() => delivery,
            };
            let Some(delivery) = delivery else {
                self.fail("the connection to the broker was closed");
                return;
            };
            match self.post.read::<CompareAnswer>(&delivery.body).await {
                Ok(opened) => {
                    tokio::task::block_in_place(|| self.take(opened.message));
                    delivery.done().await;
                }
                Err(Unread::Refused(error)) => {
                    self.post.note_refused(Queue::Compared, &delivery.body, &error.to_string()).await;
                    delivery.dead_letter(error.to_string()).await;
                }
                Err(Unread::Store(error)) => {
                    tracing::warn!(%error, "cannot read an answer of the fleet; retrying");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    delivery.retry_later().await;
                }
            }
        }
    }

    /// Takes an answer in. One of an earlier comparison, or of a task that is answered, is of no use.
    fn take(&self, answer: CompareAnswer) {
        if answer.comparison != self.comparison.to_bytes() {
            return;
        }
        let mut waiting = self.waiting();
        let now = Instant::now();
        (waiting.heard, waiting.told) = (now, None);
        let Some(asked) = waiting.tasks.get_mut(&answer.task_no) else { return };
        asked.heard = now;
        let begun = asked.starts.len();
        let start = asked.starts.entry(answer.start).or_insert_with(|| Start::of(answer.worker.clone()));
        let outcome = match answer.said {
            Said::Working if begun > TRIES_MAX => Err(failed(format!(
                "{} began the same task, and none finished it",
                plural(begun as u64, "worker")
            ))),
            Said::Working => return,
            Said::Failed(reason) => Err(failed(format!("{}: {reason}", answer.worker))),
            Said::Piece { no, entries } => start.piece(no, &entries, &self.folder),
            Said::Done(done) => start.done(done),
        };
        let outcome = match outcome {
            // There is more to come.
            Ok(None) => return,
            Ok(Some(answer)) => Ok(answer),
            Err(error) => Err(error),
        };
        if let Some(asked) = waiting.tasks.remove(&answer.task_no) {
            drop(asked.answered.send(outcome));
        }
    }

    /// Renews the lease, and hands out again what is lost, until the comparison has ended.
    async fn watch(self: Arc<Self>) {
        loop {
            tokio::select! {
                biased;
                () = self.over.cancelled() => return,
                () = tokio::time::sleep(self.patience.look) => {}
            }
            match self.post.store().claim_comparison(&self.owner, LEASE).await {
                Ok(None) => {}
                Ok(Some(other)) => {
                    self.fail(&format!("another comparison took the fleet over ({})", other.owner));
                    return;
                }
                Err(error) => tracing::warn!(%error, "cannot renew the lease of the comparison; retrying"),
            }
            for queue in [Queue::Comparisons, Queue::Readings] {
                self.look_at(queue).await;
            }
        }
    }

    /// Hands out again what was not heard of for a while, if it is not in the queue any more; tells of what waits there.
    async fn look_at(&self, queue: Queue) {
        let now = Instant::now();
        let is_quiet =
            |asked: &Asked| asked.queue == queue && now.duration_since(asked.heard) > self.patience.quiet;
        {
            let waiting = self.waiting();
            let is_silent = now.duration_since(waiting.heard) >= self.patience.look;
            let mut asked = waiting.tasks.values();
            if !asked.any(|asked| is_quiet(asked) || is_silent && asked.queue == queue) {
                return;
            }
        }
        let depth = match self.post.broker().depth(queue).await {
            Ok(depth) => depth,
            Err(error) => {
                tracing::warn!(%error, queue = queue.name(), "cannot look at a queue; retrying");
                return;
            }
        };
        if depth > 0 {
            self.tell_of(queue, depth, now);
            return;
        }
        let again: Vec<Bytes> = {
            let mut waiting = self.waiting();
            let quiet = waiting.tasks.values_mut().filter(|asked| is_quiet(asked));
            let again = quiet.map(|asked| {
                (asked.times, asked.heard) = (asked.times + 1, now);
                (asked.times <= TRIES_MAX).then(|| asked.body.clone())
            });
            match again.collect() {
                Some(again) => again,
                None => {
                    drop(waiting);
                    self.fail(&format!("no worker finished a task that was handed out {TRIES_MAX} times"));
                    return;
                }
            }
        };
        if again.is_empty() {
            return;
        }
        tracing::warn!(
            queue = queue.name(),
            tasks = again.len(),
            "handing out again what no worker was heard of"
        );
        for body in again {
            if let Err(error) = self.post.publish(queue, body).await {
                tracing::warn!(%error, queue = queue.name(), "cannot hand a task out again; retrying");
            }
        }
    }

    /// Tells, now and then, that tasks wait in a queue and no worker is heard of; ends the comparison in the end.
    fn tell_of(&self, queue: Queue, depth: usize, now: Instant) {
        let mut waiting = self.waiting();
        let silent_for = now.duration_since(waiting.heard);
        let is_told = waiting.told.is_some_and(|told| now.duration_since(told) < TELL);
        let is_over = silent_for > self.patience.silence;
        // One that works says so more often.
        if !is_over && (silent_for < 2 * WORKING || is_told) {
            return;
        }
        waiting.told = Some(now);
        drop(waiting);
        let role = if queue == Queue::Comparisons { "processor" } else { "writer" };
        let why = format!(
            "no worker was heard of for {} s, with {} waiting in {}; start workers of this release \
             (`crossfoot worker --role {role}`)",
            silent_for.as_secs(),
            plural(depth as u64, "task"),
            queue.name()
        );
        if is_over {
            self.fail(&why);
        } else {
            tracing::warn!("{why}");
        }
    }
}
