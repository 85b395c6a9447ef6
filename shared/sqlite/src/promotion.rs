//! Promotion: insert, read back and commit in one transaction, on a thread of its own.

use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use domain::check::CheckResult;
use domain::event::Entry as LogEntry;
use domain::layout::{Layout, Mode};
use domain::lifecycle::RunEvent;
use job::Job;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use store::model::{Block, ChunkRange};
use store::{Blocks, Fence, Promotion, StoreError};
use tokio::sync::{mpsc, oneshot};

use super::connect::{BUSY, SqliteStore, read_write};
use super::evidence::{append, put_checks};
use super::ledger::{hold_fence, step_run};
use super::rules::unexcluded;
use super::staging::{Kind, read_back};
use super::tables::{check_final, columns, quoted};

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread that holds the transaction is asked to do.
enum Ask {
    Insert(Reply<u64>),
    Read { place: usize, sender: mpsc::Sender<Result<Block, StoreError>> },
    Commit { checks: Vec<CheckResult>, summary: String, log: LogEntry, reply: Reply<()> },
    Rollback(Reply<()>),
}

struct SqlitePromotion {
    asks: mpsc::Sender<Ask>,
}

impl SqliteStore {
    pub(crate) async fn open_promotion(
        &self,
        fence: Fence,
        job: &Arc<Job>,
    ) -> Result<Box<dyn Promotion>, StoreError> {
        let turn = self.turn().await;
        let (path, job) = (self.path.clone(), Arc::clone(job));
        let (asks, mut inbox) = mpsc::channel(1);
        let (ready, is_ready) = oneshot::channel();
        let spawned = thread::Builder::new().name("promotion".into()).spawn(move || {
            let _turn = turn;
            match open(&path) {
                Ok(mut connection) => serve(&mut connection, fence, &job, ready, &mut inbox),
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        spawned.map_err(|error| StoreError::Database {
            reason: format!("cannot start the promotion thread: {error}"),
        })?;
        match is_ready.await.map_err(|_| lost())? {
            Err(StoreError::Interrupted { reason }) => {
                return Err(StoreError::Interrupted { reason: self.locked(&reason, BUSY).await });
            }
            ready => ready?,
        }
        Ok(Box::new(SqlitePromotion { asks }))
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

fn begin<'a>(connection: &'a mut Connection, fence: Fence, job: &Job) -> Result<Transaction<'a>, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    hold_fence(&transaction, fence)?;
    job.layouts().try_for_each(|layout| check_final(&transaction, layout))?;
    Ok(transaction)
}

/// Serves one promotion. Leaving without a commit, for whatever reason, rolls back.
fn serve(
    connection: &mut Connection,
    fence: Fence,
    job: &Job,
    ready: Reply<()>,
    inbox: &mut mpsc::Receiver<Ask>,
) {
    let transaction = match begin(connection, fence, job) {
        Ok(transaction) => transaction,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let _ = ready.send(Ok(()));
    while let Some(ask) = inbox.blocking_recv() {
        match ask {
            Ask::Insert(reply) => {
                let _ = reply.send(insert(&transaction, fence, job));
            }
            Ask::Read { place, sender } => {
                let Some(record) = job.records.get(place) else { continue };
                let (kind, layout) = (Kind::Final, &record.layout);
                if let Err(error) =
                    read_back(&transaction, kind, fence.run_id, layout, ChunkRange::ALL, &sender)
                {
                    let _ = sender.blocking_send(Err(error));
                }
            }
            Ask::Commit { checks, summary, log, reply } => {
                let at_ms = log.at_ms;
                let done = step_run(&transaction, fence, RunEvent::Promoted, None, at_ms)
                    .and_then(|()| put_checks(&transaction, fence.run_id, &checks, &summary))
                    .and_then(|()| append(&transaction, log).map(drop))
                    .and_then(|()| transaction.commit().map_err(StoreError::from));
                let _ = reply.send(done);
                return;
            }
            Ask::Rollback(reply) => {
                let _ = reply.send(transaction.rollback().map_err(StoreError::from));
                return;
            }
        }
    }
}

fn insert(transaction: &Transaction<'_>, fence: Fence, job: &Job) -> Result<u64, StoreError> {
    let run_id = fence.run_id.to_string();
    loaded_once(transaction, &run_id)?;
    let excluded: bool = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM crossfoot_exclusion WHERE run_id = ?1)",
        [&run_id],
        |row| row.get(0),
    )?;
    let condition = if excluded { format!(" AND {}", unexcluded("s")) } else { String::new() };
    let before = changes(transaction)?;
    for layout in job.layouts() {
        transaction.execute(&statement(layout, &condition), [&run_id]).map_err(|error| {
            match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::ConstraintViolation) => {
                    StoreError::FinalRefused { reason: refusal(&error, job) }
                }
                _ => error.into(),
            }
        })?;
    }
    Ok(changes(transaction)? - before)
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

/// Two runs on the same bytes may be reconciled at the same time. Promotions come one after the other, so the
/// second one sees the first.
fn loaded_once(transaction: &Transaction<'_>, run_id: &str) -> Result<(), StoreError> {
    let earlier: Option<String> = transaction
        .query_row(
            "SELECT o.run_id FROM crossfoot_run r JOIN crossfoot_run o
               ON o.job = r.job AND o.split_sha256 = r.split_sha256 AND o.run_id <> r.run_id AND o.state = 'promoted'
             WHERE r.run_id = ?1 AND r.again = 0 AND r.split_records > 0 LIMIT 1",
            [run_id],
            |row| row.get(0),
        )
        .optional()?;
    match earlier {
        None => Ok(()),
        Some(earlier) => Err(match earlier.parse() {
            Ok(run_id) => StoreError::LoadedMeanwhile { run_id },
            Err(_) => StoreError::Damaged { what: format!("run id `{earlier}`") },
        }),
    }
}

/// Rows changed in any table since the connection was opened, triggers included.
fn changes(transaction: &Transaction<'_>) -> Result<u64, StoreError> {
    Ok(transaction.query_row("SELECT total_changes()", [], |row| row.get(0))?)
}

/// In the order of final's key: inserting in key order was measured at half the time of arrival order.
fn statement(layout: &Layout, condition: &str) -> String {
    let names = || layout.fields.iter().map(|field| field.name.as_str());
    let (mut into, mut from) = (columns("", names()), columns("s.", names()));
    into.push_str(", last_run_id");
    from.push_str(", s.run_id");
    let key: Vec<_> = layout.key.iter().map(|at| layout.fields[*at].name.as_str()).collect();
    let order = if key.is_empty() {
        into.push_str(", last_record_no");
        from.push_str(", s.record_no");
        "s.chunk_no, s.record_no".to_owned()
    } else {
        columns("s.", key.iter().copied())
    };
    let conflict = match layout.mode {
        Mode::Append => String::new(),
        Mode::Upsert => {
            let others = names()
                .filter(|name| !key.contains(name))
                .map(|name| format!("{0} = excluded.{0}", quoted(name)));
            let set: Vec<_> = others.chain(["last_run_id = excluded.last_run_id".to_owned()]).collect();
            format!(" ON CONFLICT ({}) DO UPDATE SET {}", columns("", key.iter().copied()), set.join(", "))
        }
    };
    format!(
        "INSERT INTO {} ({into}) SELECT {from} FROM {} s WHERE s.run_id = ?1{condition} ORDER BY {order}{conflict}",
        quoted(&layout.final_table),
        quoted(&layout.staging),
    )
}

impl SqlitePromotion {
    async fn ask<T: Send>(&self, ask: impl FnOnce(Reply<T>) -> Ask + Send) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(ask(reply)).await.map_err(|_| lost())?;
        answer.await.map_err(|_| lost())?
    }
}

#[async_trait]
impl Promotion for SqlitePromotion {
    async fn insert(&mut self) -> Result<u64, StoreError> {
        self.ask(Ask::Insert).await
    }

    async fn read_final(&mut self, place: usize) -> Blocks {
        let (sender, receiver) = mpsc::channel(4);
        let ask = Ask::Read { place, sender };
        if let Err(mpsc::error::SendError(Ask::Read { sender, .. })) = self.asks.send(ask).await {
            let _ = sender.send(Err(lost())).await;
        }
        receiver
    }

    async fn commit(
        self: Box<Self>,
        checks: &[CheckResult],
        summary: &str,
        log: LogEntry,
    ) -> Result<(), StoreError> {
        let (checks, summary) = (checks.to_vec(), summary.to_owned());
        self.ask(|reply| Ask::Commit { checks, summary, log, reply }).await
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.ask(Ask::Rollback).await
    }
}
