//! Dead letters as an operator handles them: listed, read, replayed, cleared. What is done with them is in the
//! evidence log before it is done; what they contain never is.

use std::collections::BTreeMap;
use std::path::Path;

use broker::{DeadLetters, Delivery, Queue};
use domain::event_kind::EventKind;
use domain::fingerprint::Hash;
use domain::ids::{ChunkNo, RunId};
use domain::lifecycle::{ChunkState, RunState};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use store::StoreError;
use thiserror::Error;
use wire::seal::claimed_run;
use wire::{Batch, Chunk, Range, Travels, WorkerReport};

use super::OpsError;
use crate::context::coordinator::Coordinator;

/// How many dead letters are held at a time, at most. A channel of RabbitMQ holds no more.
pub const HELD_MAX: usize = 2000;

/// How many messages the log names by their digest at most; it says how many there were.
const NAMED_MAX: usize = 100;

/// The digits of a dead letter's id.
const ID_DIGITS: usize = 12;

/// A dead letter, as far as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeadLetter {
    /// The first digits of the message's SHA-256. Copies of one message have the same.
    pub id: String,
    /// SHA-256 of the message as the broker has it.
    pub sha256: Hash,
    /// The length of the message in bytes.
    pub bytes: usize,
    /// Why it became a dead letter; null if nobody noted it.
    pub reason: Option<String>,
    /// The queue that it comes from; null if that is not known.
    pub queue: Option<String>,
    /// When it became a dead letter, UTC: `2024-02-29T13:45:00.123Z`; null if that is not known.
    pub at: Option<String>,
    /// How often it was delivered again before.
    pub redeliveries: u32,
    /// Whether a valid key of this store sealed the message. What another message says is not to be believed.
    pub is_genuine: bool,
    /// The id of the run that the message names; null if it names none.
    pub run_id: Option<RunId>,
    /// The chunk that the message is about, or the first of several; null if the message is not genuine.
    pub chunk_no: Option<ChunkNo>,
    /// Where the run is in its life; null if this store has no such run.
    pub run_state: Option<RunState>,
    /// Where the chunk is in its life: `split`, `committed` or `set-aside`; null if that is not known.
    pub chunk_state: Option<String>,
}

/// A dead letter that is held, with what is shown of it.
pub struct HeldLetter {
    /// What is shown.
    pub shown: DeadLetter,
    delivery: Delivery,
    origin: Option<Queue>,
}

impl HeldLetter {
    /// The message, byte for byte.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.delivery.body
    }
}

/// Dead letters that are held. Those that are not replayed or cleared go back.
pub struct HeldLetters {
    /// The letters, oldest first.
    pub letters: Vec<HeldLetter>,
    /// How many there are besides.
    pub others: usize,
    /// Keeps them held. Dropped after them.
    _held: DeadLetters,
}

/// What is done with dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterAct {
    /// They are published again to the queue that they come from.
    Replay,
    /// They are removed.
    Clear,
}

/// Why a dead letter was left where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftLetter {
    /// The dead letter's id.
    pub id: String,
    /// Why it was left, and what to do instead.
    pub why: String,
}

/// What became of dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LettersDone {
    /// The ids of those that were replayed or cleared.
    pub done: Vec<String>,
    /// Those that were left, and why.
    pub left: Vec<LeftLetter>,
}

/// Why dead letters could not be handled.
#[derive(Debug, Error)]
pub enum LettersError {
    /// The broker failed.
    #[error(transparent)]
    Broker(#[from] broker::BrokerError),
    /// The store failed, or the job requires a reason. Nothing was done with the dead letters of that run.
    #[error(transparent)]
    Ops(#[from] OpsError),
}

impl From<StoreError> for LettersError {
    fn from(error: StoreError) -> Self {
        Self::Ops(error.into())
    }
}

impl Coordinator {
    /// Holds the dead letters that wait, `max` at most, and finds out what they are about.
    ///
    /// # Errors
    /// [`LettersError`] of broker or store.
    pub async fn dead_letters(&self, max: usize) -> Result<HeldLetters, LettersError> {
        let mut held = DeadLetters::hold(self.post.broker(), max.clamp(1, HELD_MAX)).await?;
        let mut letters = Vec::with_capacity(held.letters.len());
        for delivery in std::mem::take(&mut held.letters) {
            let origin = delivery.death.as_ref().and_then(broker::Death::origin);
            let shown = self.shown(&delivery, origin).await?;
            letters.push(HeldLetter { shown, delivery, origin });
        }
        letters.sort_by(|one, other| one.shown.at.cmp(&other.shown.at));
        Ok(HeldLetters { letters, others: held.others, _held: held })
    }

    async fn shown(&self, delivery: &Delivery, origin: Option<Queue>) -> Result<DeadLetter, StoreError> {
        let body = &delivery.body;
        let genuine = match origin {
            Some(Queue::Chunks) => self.address::<Chunk>(body).await,
            Some(Queue::Batches) => self.address::<Batch>(body).await,
            Some(Queue::Ranges) => self.address::<Range>(body).await,
            Some(Queue::Counts) => self.address::<WorkerReport>(body).await,
            // A comparison is no run.
            Some(Queue::Comparisons | Queue::Readings | Queue::Compared | Queue::DeadLetters) | None => None,
        };
        let run_id = genuine.map(|(run_id, _)| run_id).or_else(|| claimed_run(body).map(RunId::from_bytes));
        let run = match run_id {
            Some(run_id) => match self.store.run(run_id).await {
                Ok(run) => Some(run),
                Err(StoreError::NoSuchRun { .. }) => None,
                Err(error) => return Err(error),
            },
            None => None,
        };
        let chunk_no = genuine.map(|(_, chunk_no)| chunk_no);
        let chunk = match (&run, chunk_no) {
            (Some(run), Some(chunk_no)) => self.store.chunks(run.run_id, chunk_no.0, 1).await?.pop(),
            _ => None,
        };
        let chunk = chunk.filter(|row| Some(row.cut.chunk_no) == chunk_no);
        let sha256 = Hash::of(body);
        let known = |text: &String| if text.is_empty() { None } else { Some(text.clone()) };
        let death = delivery.death.as_ref();
        Ok(DeadLetter {
            id: sha256.to_string()[..ID_DIGITS].to_owned(),
            sha256,
            bytes: body.len(),
            reason: death.and_then(|death| known(&death.reason)),
            queue: death.and_then(|death| known(&death.queue)),
            at: death.and_then(|death| known(&death.at)),
            redeliveries: death.map_or(0, |death| death.redeliveries),
            is_genuine: genuine.is_some(),
            run_id,
            chunk_no,
            run_state: run.map(|run| run.state),
            chunk_state: chunk.map(|row| row.state.name().to_owned()),
        })
    }

    /// What a message of this kind is about, if a valid key sealed it.
    async fn address<M: Travels>(&self, body: &bytes::Bytes) -> Option<(RunId, ChunkNo)> {
        let opened = self.post.read::<M>(body).await.ok()?;
        Some((RunId::from_bytes(opened.message.run_id()), ChunkNo(opened.message.chunk_no())))
    }

    /// Notes that a dead letter is about to be written to `file` as it is. It may hold unmasked records.
    ///
    /// # Errors
    /// [`StoreError`] of the database: nothing is to be written then.
    pub async fn note_letter_written(&self, letter: &DeadLetter, file: &Path) -> Result<(), StoreError> {
        let detail =
            json!({ "file": file.display().to_string(), "sha256": letter.sha256, "bytes": letter.bytes });
        self.note_letters(
            letter.run_id.filter(|_| letter.run_state.is_some()),
            EventKind::DeadLetterWritten,
            &detail,
        )
        .await
    }

    /// Replays or clears dead letters, run by run. The log has it before it is done.
    ///
    /// # Errors
    /// [`LettersError`]; the dead letters of the runs before the one that failed are done.
    pub async fn settle_letters(
        &self,
        letters: Vec<HeldLetter>,
        act: LetterAct,
        reason: Option<&str>,
    ) -> Result<LettersDone, LettersError> {
        let mut done = LettersDone::default();
        let mut by_run: BTreeMap<Option<RunId>, Vec<HeldLetter>> = BTreeMap::new();
        for letter in letters {
            match refusal(&letter, act) {
                Some(why) => done.left.push(LeftLetter { id: letter.shown.id.clone(), why }),
                None => {
                    let run_id = letter.shown.run_id.filter(|_| letter.shown.run_state.is_some());
                    by_run.entry(run_id).or_default().push(letter);
                }
            }
        }
        for (run_id, letters) in by_run {
            if let Some(run_id) = run_id {
                self.reasoned(&self.store.run(run_id).await?, reason).await?;
            }
            let named: Vec<_> = letters.iter().take(NAMED_MAX).map(|letter| named(&letter.shown)).collect();
            let detail = json!({ "reason": reason, "messages": letters.len(), "named": named });
            let kind = match act {
                LetterAct::Replay => EventKind::DeadLettersReplayed,
                LetterAct::Clear => EventKind::DeadLettersCleared,
            };
            self.note_letters(run_id, kind, &detail).await?;
            for HeldLetter { shown, delivery, origin } in letters {
                if let (LetterAct::Replay, Some(queue)) = (act, origin) {
                    self.post.publish(queue, delivery.body.clone()).await?;
                }
                if delivery.done().await {
                    done.done.push(shown.id);
                } else {
                    let why =
                        "the broker no longer knew the delivery, so the dead letter stays; try again".into();
                    done.left.push(LeftLetter { id: shown.id, why });
                }
            }
        }
        Ok(done)
    }

    async fn note_letters(
        &self,
        run_id: Option<RunId>,
        kind: EventKind,
        detail: &serde_json::Value,
    ) -> Result<(), StoreError> {
        match run_id {
            Some(run_id) => {
                self.store.log(self.entry(run_id, kind, detail)).await?;
                self.checkpoint(run_id, kind.name()).await;
            }
            None => self.store.log(self.entry_of_no_run(kind, detail)).await.map(drop)?,
        }
        Ok(())
    }
}

/// A dead letter in the log: nothing of its contents.
fn named(letter: &DeadLetter) -> serde_json::Value {
    json!({
        "sha256": letter.sha256,
        "bytes": letter.bytes,
        "queue": letter.queue,
        "chunk_no": letter.chunk_no,
        "was": letter.reason,
    })
}

/// Why an act makes no sense for a dead letter, and what to do instead.
fn refusal(HeldLetter { shown, origin, .. }: &HeldLetter, act: LetterAct) -> Option<String> {
    if act == LetterAct::Clear {
        return None;
    }
    let run = shown.run_id.map(|run_id| run_id.to_string()).unwrap_or_default();
    if origin.is_none() {
        return Some(
            "it does not say which queue it comes from; clear it, and resume the run if it waits".into(),
        );
    }
    match shown.run_state {
        Some(state) if state.is_over() => return Some(format!("run {run} is {state}; clear it")),
        None if shown.is_genuine => return Some(format!("this store has no run {run}; clear it")),
        _ => {}
    }
    match shown.chunk_state.as_deref() {
        Some(state) if state == ChunkState::SetAside.name() => Some(format!(
            "its chunk was set aside, so workers would ignore it; requeue the chunk with `crossfoot redrive {run}`, \
             then clear it"
        )),
        Some(state) if state == ChunkState::Committed.name() && *origin != Some(Queue::Counts) => {
            Some("its chunk is committed already; clear it".into())
        }
        _ => None,
    }
}
