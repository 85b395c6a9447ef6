//! Promotion: insert, read back and commit in one transaction, on a thread of its own.

use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use domain::back_out::can_be_told;
use domain::layout::Layout;
use domain::permit::Permit;
use job::Job;
use platform::inline;
use rusqlite::Connection;
use store::model::{Block, ChunkRange};
use store::promotion::{
    Ask, Asked, Promotion, Promotions, Reply, Undo, delete_statement, insert_statement, mark_statement,
};
use store::rules::unexcluded;
use store::runs::{hold_fence, loaded_once};
use store::{Fence, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::changes::Counter;
use super::connect::{BUSY, SqliteStore, Writing, read_write};
use super::final_table::{Shape, check_again, foreign_keys_hold};
use super::in_one_pass::{in_one_pass, send};
use super::ledger::now;
use super::staging::{Kind, read_back};

#[async_trait]
impl Promotions for SqliteStore {
    async fn begin_promotion(
        &self,
        fence: Fence,
        permit: &Permit,
        job: &Arc<Job>,
    ) -> Result<Box<dyn Promotion>, StoreError> {
        if permit.run_id() != fence.run_id {
            return Err(StoreError::Fenced { run_id: fence.run_id });
        }
        let turn = self.turn().await;
        let (path, job) = (self.path.clone(), Arc::clone(job));
        let (asked, mut inbox) = Asked::new(lost);
        let (ready, is_ready) = oneshot::channel();
        if inline::is_simulated() {
            tokio::spawn(async move {
                let _turn = turn;
                match open(&path) {
                    Ok(mut connection) => {
                        let Some(mut serving) = Serving::begin(&mut connection, fence, &job, ready) else {
                            return;
                        };
                        while let Some(ask) = inbox.recv().await
                            && serving.answer(ask)
                        {}
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        } else {
            let spawned = thread::Builder::new().name("promotion".into()).spawn(move || {
                let _turn = turn;
                match open(&path) {
                    Ok(mut connection) => {
                        let Some(mut serving) = Serving::begin(&mut connection, fence, &job, ready) else {
                            return;
                        };
                        while let Some(ask) = inbox.blocking_recv()
                            && serving.answer(ask)
                        {}
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
            spawned.map_err(|error| StoreError::Database {
                reason: format!("cannot start the promotion thread: {error}"),
            })?;
        }
        match is_ready.await.map_err(|_| lost())? {
            Err(StoreError::Interrupted { reason }) => {
                return Err(StoreError::Interrupted { reason: self.locked(&reason, BUSY).await });
            }
            ready => ready?,
        }
        Ok(Box::new(asked))
    }

    async fn back_out(
        &self,
        fence: Fence,
        job: &Arc<Job>,
        promoted: u64,
        undo: Undo,
    ) -> Result<(), StoreError> {
        let job = Arc::clone(job);
        self.change(move |writing| {
            can_be_told(job.layouts().map(|layout| &**layout))?;
            now(hold_fence(writing, fence))?;
            let mut found = 0;
            for layout in job.layouts() {
                check_again(writing, layout)?;
                let Some(delete) = delete_statement(layout, fence.run_id) else { continue };
                found += writing.execute(&delete, []).map_err(|error| refused(error, &job))? as u64;
            }
            now(undo.put(writing, fence, (promoted, found)))
        })
        .await
    }
}

fn lost() -> StoreError {
    StoreError::Database { reason: "the promotion's thread ended early".into() }
}

fn open(path: &std::path::Path) -> Result<Connection, StoreError> {
    let connection = read_write(path)?;
    // What is promoted must survive a power failure too.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// What is known of the final table of a record type, and how many rows were inserted into it.
struct Inserted {
    shape: Shape,
    rows: u64,
}

fn begin<'a>(
    connection: &'a mut Connection,
    fence: Fence,
    job: &Job,
) -> Result<(Writing<'a>, Vec<Inserted>), StoreError> {
    let mut writing = Writing::begin(connection)?;
    now(hold_fence(&mut writing, fence))?;
    let shapes = job.layouts().map(|layout| Ok(Inserted { shape: check_again(&writing, layout)?, rows: 0 }));
    let shapes = shapes.collect::<Result<_, StoreError>>()?;
    Ok((writing, shapes))
}

/// Serves one promotion. Dropped without a commit, for whatever reason, it rolls back.
struct Serving<'a> {
    writing: Option<Writing<'a>>,
    inserted: Vec<Inserted>,
    fence: Fence,
    job: &'a Job,
}

impl<'a> Serving<'a> {
    /// Begins the transaction; whether that went well, goes to `ready`.
    fn begin(connection: &'a mut Connection, fence: Fence, job: &'a Job, ready: Reply<()>) -> Option<Self> {
        match begin(connection, fence, job) {
            Ok((writing, inserted)) => {
                let _ = ready.send(Ok(()));
                Some(Self { writing: Some(writing), inserted, fence, job })
            }
            Err(error) => {
                let _ = ready.send(Err(error));
                None
            }
        }
    }

    /// Does what is asked. `false`: the transaction is over.
    fn answer(&mut self, ask: Ask) -> bool {
        let Some(mut writing) = self.writing.take() else { return false };
        match ask {
            Ask::Insert(reply) => {
                let _ = reply.send(insert(&mut writing, self.fence, self.job, &mut self.inserted));
            }
            Ask::Read { place, sender } => {
                if let Some((record, inserted)) = self.job.records.get(place).zip(self.inserted.get(place))
                    && let Err(error) =
                        read_final(&mut writing, self.fence, &record.layout, inserted, &sender)
                {
                    inline::send(&sender, Err(error));
                }
            }
            Ask::Commit(outcome, reply) => {
                let done = now(outcome.put(&mut writing, self.fence)).and_then(|()| writing.commit());
                let _ = reply.send(done);
                return false;
            }
            Ask::Rollback(reply) => {
                let _ = reply.send(writing.rollback());
                return false;
            }
        }
        self.writing = Some(writing);
        true
    }
}

/// Reads what belongs to each staged record from final: in one pass over final if its rows name their records and none
/// is excluded, else by their keys.
fn read_final(
    writing: &mut Writing<'_>,
    fence: Fence,
    layout: &Layout,
    inserted: &Inserted,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<(), StoreError> {
    let run_id = fence.run_id;
    if let Some(column) = &inserted.shape.lineage
        && now(unexcluded(writing, run_id))?.is_empty()
        && let Some(found) = in_one_pass(writing, run_id, layout, column, inserted.rows)?
    {
        return send(found, sender);
    }
    read_back(writing, Kind::Final, run_id, layout, ChunkRange::ALL, sender)
}

fn insert(
    writing: &mut Writing<'_>,
    fence: Fence,
    job: &Job,
    inserted: &mut [Inserted],
) -> Result<u64, StoreError> {
    now(loaded_once(writing, fence.run_id))?;
    let condition = now(unexcluded(writing, fence.run_id))?;
    let counter = Counter::begin(writing, job)?;
    let run_id = fence.run_id.to_string();
    let refused = |error| refused(error, job);
    let mut marked = 0;
    for (layout, inserted) in job.layouts().zip(inserted) {
        let sql = insert_statement(layout, "?1", &condition, inserted.shape.lineage.as_deref());
        inserted.rows = writing.execute(&sql, [&run_id]).map_err(refused)? as u64;
        if let Some(sql) = mark_statement(layout, "?1", &condition) {
            marked += writing.execute(&sql, [&run_id]).map_err(refused)? as u64;
        }
        foreign_keys_hold(writing, layout)?;
    }
    // Rows of the tables of runs are no rows of final. One that a trigger changes there counts all the same.
    Ok(counter.end(writing)?.saturating_sub(marked))
}

fn refused(error: rusqlite::Error, job: &Job) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ConstraintViolation) => {
            StoreError::FinalRefused { reason: refusal(&error, job) }
        }
        _ => error.into(),
    }
}

/// What SQLite said. The words of a trigger (`RAISE`) may quote the row.
fn refusal(error: &rusqlite::Error, job: &Job) -> String {
    match error.sqlite_error() {
        Some(of) if job.is_sensitive() && of.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_TRIGGER => {
            "a trigger rejected it; its message is withheld because it may quote the row".into()
        }
        _ => error.to_string(),
    }
}
