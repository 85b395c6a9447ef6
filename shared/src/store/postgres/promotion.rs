//! Promotion: insert, read back and commit in one transaction, in a task of its own.
//!
//! Final is locked against other writers, and nothing else is: other runs load, are led and are promoted into other
//! tables meanwhile. A connection lost at COMMIT leaves the outcome unknown; whoever does it again finds the run
//! promoted, or as it was.

use std::sync::Arc;

use async_trait::async_trait;
use domain::check::CheckResult;
use domain::event::Entry as LogEntry;
use domain::layout::{Layout, Mode};
use domain::lifecycle::RunEvent;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Postgres, Row as _, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::connect::{BEGIN, Id, Lock, PostgresStore, lock_for};
use super::evidence::{append, put_checks};
use super::ledger::{hold_fence, step_run, unsigned};
use super::read_back::{Ended, Kind, read_back};
use super::rules::{UNEXCLUDED, has_exclusions, join_final_by_index};
use super::staging::analyze;
use super::tables::{check_final, columns, is_there, quoted};
use crate::store::failure::refused;
use crate::store::model::{Block, ChunkRange};
use crate::store::{Blocks, Fence, Promotion, StoreError};

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the task that holds the transaction is asked to do.
enum Ask {
    Insert(Reply<u64>),
    Read(mpsc::Sender<Result<Block, StoreError>>),
    Commit { checks: Vec<CheckResult>, summary: String, log: LogEntry, reply: Reply<()> },
    Rollback(Reply<()>),
}

struct PostgresPromotion {
    asks: mpsc::Sender<Ask>,
}

impl PostgresStore {
    pub(super) async fn open_promotion(
        &self,
        fence: Fence,
        layout: &Arc<Layout>,
    ) -> Result<Box<dyn Promotion>, StoreError> {
        let (pool, layout) = (self.pool.clone(), Arc::clone(layout));
        let (asks, mut inbox) = mpsc::channel(1);
        let (ready, is_ready) = oneshot::channel();
        tokio::spawn(async move {
            let mut transaction = match pool.begin_with(BEGIN).await {
                Ok(transaction) => transaction,
                Err(error) => return drop(ready.send(Err(error.into()))),
            };
            match begin(&mut transaction, fence, &layout).await {
                Ok(()) => {
                    let _ = ready.send(Ok(()));
                    serve(transaction, fence, &layout, &mut inbox).await;
                }
                Err(error) => {
                    let _ = transaction.rollback().await;
                    let _ = ready.send(Err(error));
                }
            }
        });
        is_ready.await.map_err(|_| lost())??;
        Ok(Box::new(PostgresPromotion { asks }))
    }
}

fn lost() -> StoreError {
    StoreError::Interrupted { reason: "the promotion's task ended early".into() }
}

async fn begin(connection: &mut PgConnection, fence: Fence, layout: &Layout) -> Result<(), StoreError> {
    // Others of this job first, then final, then the fence: whoever takes the run up does not wait for the two.
    let job = sqlx::query("SELECT job FROM crossfoot_run WHERE run_id = $1")
        .bind(Id(fence.run_id))
        .fetch_optional(&mut *connection)
        .await?;
    let Some(job) = job else { return Err(StoreError::Fenced { run_id: fence.run_id }) };
    let job: String = job.try_get("job")?;
    // An earlier promotion may take its time; a session that forgot about its lock must not stop us for ever.
    connection.execute("SET LOCAL lock_timeout = '10min'").await?;
    lock_for(connection, Lock::Promoting, &job).await?;
    hold_fence(connection, fence).await?;
    if is_there(connection, &layout.final_table).await? {
        let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", quoted(&layout.final_table));
        connection.execute(AssertSqlSafe(lock)).await?;
    }
    check_final(connection, layout).await?;
    connection.execute("SET LOCAL work_mem = '64MB'").await?;
    Ok(())
}

/// Serves one promotion. Leaving without a commit, for whatever reason, rolls back.
async fn serve(
    mut transaction: Transaction<'static, Postgres>,
    fence: Fence,
    layout: &Layout,
    inbox: &mut mpsc::Receiver<Ask>,
) {
    while let Some(ask) = inbox.recv().await {
        match ask {
            Ask::Insert(reply) => {
                let _ = reply.send(insert(&mut transaction, fence, layout).await);
            }
            Ask::Read(sender) => match read_final(&mut transaction, fence, layout, &sender).await {
                Ok(()) | Err(Ended::Unheard) => {}
                Err(Ended::Failed(error)) => {
                    let _ = sender.send(Err(error)).await;
                    // What the connection is up to is not known any more: it goes, and the transaction with it.
                    drop(sender);
                    return;
                }
            },
            Ask::Commit { checks, summary, log, reply } => {
                let done = finish(&mut transaction, fence, &checks, &summary, log).await;
                let done = match done {
                    Ok(()) => transaction.commit().await.map_err(refused),
                    Err(error) => {
                        let _ = transaction.rollback().await;
                        Err(error)
                    }
                };
                let _ = reply.send(done);
                return;
            }
            Ask::Rollback(reply) => {
                let _ = reply.send(transaction.rollback().await.map_err(StoreError::from));
                return;
            }
        }
    }
    // Left: nothing of it stays. When this fails, the connection is gone, and the transaction with it.
    let _ = transaction.rollback().await;
}

async fn finish(
    connection: &mut PgConnection,
    fence: Fence,
    checks: &[CheckResult],
    summary: &str,
    log: LogEntry,
) -> Result<(), StoreError> {
    step_run(connection, fence, RunEvent::Promoted, None, log.at_ms).await?;
    put_checks(connection, fence.run_id, checks, summary).await?;
    append(connection, log).await?;
    Ok(())
}

async fn read_final(
    connection: &mut PgConnection,
    fence: Fence,
    layout: &Layout,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<(), Ended> {
    join_final_by_index(connection, layout, fence.run_id).await?;
    read_back(connection, Kind::Final, fence.run_id, layout, ChunkRange::ALL, sender).await
}

async fn insert(connection: &mut PgConnection, fence: Fence, layout: &Layout) -> Result<u64, StoreError> {
    loaded_once(connection, fence).await?;
    analyze(connection, layout, fence.run_id).await?;
    let condition = if has_exclusions(connection, fence.run_id).await? {
        format!(" AND {UNEXCLUDED}")
    } else {
        String::new()
    };
    let before = changes(connection).await?;
    let sql = AssertSqlSafe(statement(layout, fence, &condition));
    sqlx::query(sql).persistent(false).execute(&mut *connection).await.map_err(refused)?;
    Ok(changes(connection).await?.saturating_sub(before))
}

/// Two runs on the same bytes may be reconciled at the same time. Promotions of a job come one after the other, so the
/// second one sees the first.
async fn loaded_once(connection: &mut PgConnection, fence: Fence) -> Result<(), StoreError> {
    let earlier = sqlx::query(
        "SELECT o.run_id FROM crossfoot_run r JOIN crossfoot_run o
           ON o.job = r.job AND o.split_sha256 = r.split_sha256 AND o.run_id <> r.run_id AND o.state = 'promoted'
         WHERE r.run_id = $1 AND NOT r.again AND r.split_records > 0 LIMIT 1",
    )
    .bind(Id(fence.run_id))
    .fetch_optional(connection)
    .await?;
    match earlier {
        None => Ok(()),
        Some(row) => {
            let Id(run_id) = row.try_get("run_id")?;
            Err(StoreError::LoadedMeanwhile { run_id })
        }
    }
}

/// Rows changed in any table since the transaction began, triggers included. The server counts what it does itself;
/// what a statement says of itself leaves triggers out.
async fn changes(connection: &mut PgConnection) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint AS n FROM pg_stat_xact_user_tables",
    )
    .fetch_one(connection)
    .await?;
    unsigned(&row, "n")
}

/// In the order of final's key: inserting in key order was measured at half the time of arrival order.
fn statement(layout: &Layout, fence: Fence, condition: &str) -> String {
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
        "INSERT INTO {} ({into}) SELECT {from} FROM {} s WHERE s.run_id = '{}'{condition} ORDER BY {order}{conflict}",
        quoted(&layout.final_table),
        quoted(&layout.staging),
        fence.run_id,
    )
}

impl PostgresPromotion {
    async fn ask<T: Send>(&self, ask: impl FnOnce(Reply<T>) -> Ask + Send) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(ask(reply)).await.map_err(|_| lost())?;
        answer.await.map_err(|_| lost())?
    }
}

#[async_trait]
impl Promotion for PostgresPromotion {
    async fn insert(&mut self) -> Result<u64, StoreError> {
        self.ask(Ask::Insert).await
    }

    async fn read_final(&mut self) -> Blocks {
        let (sender, receiver) = mpsc::channel(4);
        if let Err(mpsc::error::SendError(Ask::Read(sender))) = self.asks.send(Ask::Read(sender)).await {
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
