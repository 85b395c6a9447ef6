//! The invariants that are checked after each step: after each commit in the ledger, with who made it, and before each
//! settlement of a message.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker::Queue;
use bytes::Bytes;
use domain::fingerprint::Hash;
use rusqlite::{Connection, OptionalExtension as _, params};
use wire::seal::unverified;
use wire::{Batch, Chunk, Range, Work, WorkerReport};

use crate::life::Life;
use crate::process::coordinates;
use crate::world::World;

/// What the ledger says of the run, as far as it is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    epoch: u64,
    state: String,
    owner: Option<String>,
    split: Option<u64>,
    parked: bool,
    chunks: u64,
    committed: u64,
    accepted: u64,
    staged: u64,
    in_final: u64,
    event: u64,
}

const STANDING: &str = "SELECT epoch, state, lease_owner, split_chunks, parked,
    (SELECT count(*) FROM crossfoot_chunk c WHERE c.run_id = r.run_id),
    (SELECT count(*) FROM crossfoot_chunk c WHERE c.run_id = r.run_id AND state = 'committed'),
    (SELECT ifnull(sum(accepted), 0) FROM crossfoot_chunk c WHERE c.run_id = r.run_id AND state = 'committed'),
    (SELECT count(*) FROM stg_ledger), (SELECT count(*) FROM ledger),
    (SELECT ifnull(max(seq), 0) FROM crossfoot_event)
    FROM crossfoot_run r";

fn standing(connection: &Connection) -> rusqlite::Result<Standing> {
    connection.prepare_cached(STANDING)?.query_row([], |row| {
        Ok(Standing {
            epoch: row.get(0)?,
            state: row.get(1)?,
            owner: row.get(2)?,
            split: row.get(3)?,
            parked: row.get(4)?,
            chunks: row.get(5)?,
            committed: row.get(6)?,
            accepted: row.get(7)?,
            staged: row.get(8)?,
            in_final: row.get(9)?,
            event: row.get(10)?,
        })
    })
}

#[derive(Default)]
struct Seen {
    before: Option<Standing>,
    /// Chunks of which a batch was published.
    batches: BTreeSet<u64>,
    /// Digests of messages of chunks that were published.
    chunks: BTreeSet<[u8; 32]>,
    /// Who asked for a promotion to be committed. Another process's change may be seen before its answer is.
    promotes: String,
}

/// What was seen so far.
#[derive(Default)]
pub(crate) struct Watch(Mutex<Seen>);

impl Watch {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how the ledger stands before anything happens.
    pub(crate) fn begins(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.seen().before = Some(standing(connection)?);
        Ok(())
    }

    /// The process called `name` has its promotion committed now.
    pub(crate) fn promotes(&self, name: &str) {
        self.seen().promotes = name.to_owned();
    }

    /// `life` committed a change; nothing else happened since, but for a promotion whose answer is on its way.
    pub(crate) fn changed(
        &self,
        world: &Arc<World>,
        life: &Arc<Life>,
        what: &'static str,
        connection: &Connection,
    ) {
        let now = standing(connection).unwrap();
        let (before, promotes) = {
            let mut seen = self.seen();
            (seen.before.replace(now.clone()), seen.promotes.clone())
        };
        let Some(before) = before else { return };
        if before == now {
            return;
        }
        let wrong =
            |of: &str| world.is_wrong(format!("{of}: {}by {what}: {before:?} became {now:?}", life.name));
        if now.staged != now.accepted || now.committed < before.committed {
            wrong("INV-04: staging does not hold the rows of the committed chunks exactly once");
        }
        if now.in_final != if now.state == "promoted" { now.accepted } else { 0 } {
            wrong("INV-09: final holds rows of a run that is not promoted, or not all of one that is");
        }
        let is_promoted = before.state != "promoted" && now.state == "promoted";
        let holds = |owner: &Option<String>| {
            let owner = owner.as_deref().unwrap_or_default();
            owner.starts_with(&life.name)
                || is_promoted && !promotes.is_empty() && owner.starts_with(&promotes)
        };
        let of_run = (&before.state, before.split, before.parked, before.chunks);
        if of_run != (&now.state, now.split, now.parked, now.chunks) && !holds(&before.owner) {
            wrong("a process changed a run whose lease it does not hold");
        }
        if now.epoch > before.epoch && !holds(&now.owner) {
            wrong("a lease was acquired for somebody else");
        }
        if what.contains("keep_readback") && now.committed < now.chunks {
            // The source is small: there is one range, and it has everything.
            wrong("a range was read back before it was committed");
        }
        if now.event != before.event && coordinates(life.place) && !holds(&before.owner) {
            let kind: String = connection
                .query_row("SELECT kind FROM crossfoot_event WHERE seq = ?1", [now.event], |row| row.get(0))
                .unwrap();
            if kind != "message-refused" {
                wrong(&format!("a coordinator logged `{kind}` of a run whose lease it does not hold"));
            }
        }
    }

    /// A message was published.
    pub(crate) fn published(&self, queue: Queue, body: &Bytes) {
        if queue == Queue::Batches
            && let Some(batch) = unverified::<Batch>(body)
        {
            self.seen().batches.insert(batch.message.chunk_no);
        }
    }

    /// Whether a chunk is published for the first time in its attempt.
    pub(crate) fn is_first(&self, queue: Queue, body: &Bytes) -> bool {
        queue != Queue::Chunks
            || unverified::<Chunk>(body).is_none_or(|chunk| {
                let key = [chunk.message.chunk_no.to_be_bytes(), chunk.attempt.to_be_bytes()].concat();
                self.seen().chunks.insert(Hash::of(&key).0)
            })
    }

    /// `life` is about to settle a message as done: its effect must be durable.
    pub(crate) fn settles(&self, world: &Arc<World>, life: &Arc<Life>, queue: Queue, body: &Bytes) {
        let is_durable = match queue {
            Queue::Chunks => unverified::<Chunk>(body).is_none_or(|chunk| {
                let no = chunk.message.chunk_no;
                self.seen().batches.contains(&no)
                    || world.look(|ledger| is_settled(ledger, no, Some(chunk.attempt)))
            }),
            Queue::Batches => unverified::<Batch>(body)
                .is_none_or(|batch| world.look(|ledger| is_settled(ledger, batch.message.chunk_no, None))),
            Queue::Counts => unverified::<WorkerReport>(body)
                .is_none_or(|report| world.look(|ledger| is_kept(ledger, &report.message))),
            Queue::Ranges => unverified::<Range>(body)
                .is_none_or(|range| world.look(|ledger| is_read(ledger, &range.message, range.attempt))),
            // No schedule compares anything.
            Queue::Comparisons | Queue::Readings | Queue::Compared | Queue::DeadLetters => true,
        };
        if !is_durable {
            world.is_wrong(format!(
                "{}acknowledged a message of {queue:?} before its effect was durable",
                life.name
            ));
        }
    }
}

/// Whether nothing is left to do for a chunk: it is committed or set aside, the run no longer loads, or the message is
/// of an earlier attempt.
fn is_settled(ledger: &Connection, chunk_no: u64, attempt: Option<u64>) -> rusqlite::Result<bool> {
    ledger
        .prepare_cached(
            "SELECT r.state <> 'loading' OR r.epoch > ?2
             OR EXISTS (SELECT 1 FROM crossfoot_chunk c WHERE c.chunk_no = ?1 AND c.state <> 'split')
             FROM crossfoot_run r",
        )?
        .query_row(params![chunk_no, attempt.unwrap_or(i64::MAX as u64)], |row| row.get(0))
}

fn is_kept(ledger: &Connection, report: &WorkerReport) -> rusqlite::Result<bool> {
    let role = match report.work {
        Work::Processed(_) => "processor",
        Work::Written { .. } => "writer",
        Work::Failed { .. } | Work::ReadBack { .. } => return Ok(true),
    };
    let found = ledger
        .prepare_cached(
            "SELECT 1 FROM crossfoot_report WHERE chunk_no = ?1 AND role = ?2 AND worker_id = ?3",
        )?
        .query_row(params![report.chunk_no, role, report.worker.0], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn is_read(ledger: &Connection, range: &Range, attempt: u64) -> rusqlite::Result<bool> {
    ledger
        .prepare_cached(
            "SELECT r.epoch > ?3
             OR EXISTS (SELECT 1 FROM crossfoot_readback b WHERE b.pass = ?1 AND b.first_chunk = ?2)
             FROM crossfoot_run r",
        )?
        .query_row(params![range.pass, range.first, attempt], |row| row.get(0))
}
