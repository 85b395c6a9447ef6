//! Promotion: insert, read back and commit in one transaction, on a task and a connection of its own.
//!
//! Final is locked against other writers, and readers see nothing of it before the commit. Nothing else waits: chunks
//! of other runs are committed, leases are renewed, workers send heartbeats meanwhile.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::RunId;
use domain::layout::Layout;
use domain::permit::Permit;
use job::Job;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::by_record::ByRecord;
use store::database::Connection as _;
use store::failure::refused;
use store::lineage::Lineage;
use store::model::{Block, ChunkRange};
use store::names::{quoted, table as quoted_table};
use store::promotion::{Ask, Asked, Outcome, Promotion, Promotions, Undo, insert_statement, mark_statement};
use store::rules::unexcluded;
use store::runs::{hold_fence, loaded_once};
use store::{Fence, StoreError, params};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::attach::{self, Ready};
use super::connect::{Id, Lock, PostgresStore, ROLLBACK, lock, lock_for};
use super::ended::Ended;
use super::final_table::{Shape, all_fit, check_again};
use super::in_order::{self, By, ROWS_MAX, insert_in_order, read_in_order};
use super::ledger::Ledger;
use super::pool::Session;
use super::read_back::{read_attached, read_back, read_whole_final};
use super::read_back_sql::{Kind, Stored};
use super::rules::join_final_by_index;
use super::sessions::{APPLICATION, PROMOTING};
use super::watched::Watch;

/// Sorting a run by final's key happens in memory up to this.
const PLANS: &str =
    "SET LOCAL work_mem = '256MB'; SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL jit = off";

/// An earlier promotion takes its time; a session that forgot about its lock must not stop this one for ever. Rows
/// are compared, and differences walked down, between two statements; a process that is frozen meanwhile is ended by
/// the next one that takes its run up, and at the latest by this.
const WAITS: &str = "SET LOCAL lock_timeout = '10min'; SET LOCAL idle_in_transaction_session_timeout = '1h'";

fn lost() -> StoreError {
    StoreError::Interrupted { reason: "the promotion's connection ended early".into() }
}

#[async_trait]
impl Promotions for PostgresStore {
    async fn begin_promotion(
        &self,
        fence: Fence,
        permit: &Permit,
        job: &Arc<Job>,
    ) -> Result<Box<dyn Promotion>, StoreError> {
        if permit.run_id() != fence.run_id {
            return Err(StoreError::Fenced { run_id: fence.run_id });
        }
        let (store, job) = (self.clone(), Arc::clone(job));
        let (asked, mut inbox) = Asked::new(lost);
        let (ready, is_ready) = oneshot::channel();
        // A task of its own: whoever drops the promotion cuts nothing off half-way, but has it rolled back.
        tokio::spawn(async move {
            match store.begin_promoting(fence, &job).await {
                Ok((session, watch, shapes)) => {
                    let _ = ready.send(Ok(()));
                    serve(&store, (session, &watch), fence, (&job, &shapes), &mut inbox).await;
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
        is_ready.await.map_err(|_| lost())??;
        Ok(Box::new(asked))
    }

    async fn back_out(
        &self,
        fence: Fence,
        job: &Arc<Job>,
        promoted: u64,
        undo: Undo,
    ) -> Result<(), StoreError> {
        self.take_out(fence, job, promoted, undo).await
    }
}

impl PostgresStore {
    async fn begin_promoting(
        &self,
        fence: Fence,
        job: &Job,
    ) -> Result<(Session, Watch, Vec<Shape>), StoreError> {
        let (mut session, watch) = self.begin().await?;
        let began = Instant::now();
        let begun = watch.over("promoting", begin(&mut session, fence, job)).await;
        match begun {
            Ok(shapes) => Ok((session, watch, shapes)),
            Err(error) => {
                leave(session).await;
                Err(watch.blocked_error("the promotion", began.elapsed(), error))
            }
        }
    }
}

async fn begin(connection: &mut PgConnection, fence: Fence, of: &Job) -> Result<Vec<Shape>, StoreError> {
    // Before the fence is held: whoever wants to fence this promotion off need not wait for another one.
    let row = sqlx::query("SELECT job FROM crossfoot_run WHERE run_id = $1")
        .bind(Id(fence.run_id))
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Err(StoreError::Fenced { run_id: fence.run_id }) };
    let job: String = row.try_get("job")?;
    // By this whoever takes the run up finds this session, and ends it.
    lock(connection, Lock::Driver(fence.run_id)).await?;
    connection.execute(AssertSqlSafe(format!("SET LOCAL application_name = '{PROMOTING}'; {WAITS}"))).await?;
    lock_for(connection, Lock::Promoting, &job).await?;
    // In the order of their names: two jobs with the same tables do not wait for each other.
    let mut layouts: Vec<_> = of.layouts().collect();
    layouts.sort_by(|a, b| a.final_table.name.cmp(&b.final_table.name));
    for layout in layouts {
        check_again(connection, layout).await?;
        for table in layout.final_table.written() {
            // All other partitions stay as they are, and there may be more than locks.
            let only = if layout.is_attached() { "ONLY " } else { "" };
            let sql = format!("LOCK TABLE {only}{} IN SHARE ROW EXCLUSIVE MODE", quoted_table(table));
            connection.execute(AssertSqlSafe(sql)).await?;
        }
        if layout.is_attached() {
            attach::close(connection, layout, fence.run_id).await?;
        }
    }
    hold_fence(&mut Ledger(connection), fence).await?;
    let mut shapes = Vec::new();
    for layout in of.layouts() {
        // Once more, now that nobody can change it.
        shapes.push(check_again(connection, layout).await?);
    }
    Ok(shapes)
}

/// Rolls the transaction back, and closes its session: a coordinator that acquires the run may be about to end the
/// session, and would hit the next user of the connection instead.
async fn leave(mut session: Session) {
    // When this fails too the connection is closed, and the transaction ends with it.
    drop(timeout(ROLLBACK, session.execute("ROLLBACK")).await);
}

/// Serves one promotion. Leaving without a commit, for whatever reason, rolls back.
async fn serve(
    store: &PostgresStore,
    (mut session, watch): (Session, &Watch),
    fence: Fence,
    (job, shapes): (&Job, &[Shape]),
    inbox: &mut mpsc::Receiver<Ask>,
) {
    let mut inserted_as = Vec::new();
    while let Some(ask) = inbox.recv().await {
        match ask {
            Ask::Insert(reply) => {
                // A statement that failed ends what the transaction can do; only taking it back is left.
                let inserted =
                    watch.over("promoting", insert(store, &mut session, watch, fence, (job, shapes))).await;
                let inserted = inserted.map_err(|error| watch.told(error)).map(|(changed, to)| {
                    inserted_as = to;
                    changed
                });
                let _ = reply.send(inserted);
            }
            Ask::Read { place, sender } => {
                let Some((record, shape)) = job.records.get(place).zip(shapes.get(place)) else { continue };
                let read = {
                    let mut none = Inserted::default();
                    let inserted = inserted_as.get_mut(place).unwrap_or(&mut none);
                    let of = (&*record.layout, shape);
                    let read = read_final(&mut session, watch, fence.run_id, of, inserted, &sender);
                    watch.over("reading final back", read).await
                };
                if let Err(Ended::Failed(error)) = read {
                    let _ = sender.send(Err(error)).await;
                    // What the connection is up to is not known any more: it goes, and the transaction with it.
                    return;
                }
            }
            Ask::Commit(outcome, reply) => {
                let ready = inserted_as.iter().zip(job.layouts());
                let ready = ready.filter_map(|(one, layout)| Some((&**layout, one.ready.as_ref()?)));
                let finishing = finish(&mut session, fence, outcome, ready.collect());
                let finished = watch.over("promoting", finishing).await;
                let done = match finished {
                    // The session is not handed back: see `leave`.
                    Ok(()) => fault::around!(
                        "promotion.commit",
                        watch.over("promoting", session.execute("COMMIT")).await.map_err(StoreError::from)
                    )
                    .map(drop),
                    Err(error) => {
                        leave(session).await;
                        Err(watch.told(error))
                    }
                };
                let _ = reply.send(done);
                return;
            }
            Ask::Rollback(reply) => {
                // When it fails the connection is closed, and the transaction ends with it.
                leave(session).await;
                let _ = reply.send(Ok(()));
                return;
            }
        }
    }
    leave(session).await;
}

async fn finish(
    connection: &mut PgConnection,
    fence: Fence,
    outcome: Outcome,
    attached: Vec<(&Layout, &Ready)>,
) -> Result<(), StoreError> {
    // Who still reads what is attached may take as long as who wrote to final before.
    for (_, ready) in &attached {
        ready.close_to_readers(connection).await?;
    }
    // From here on it is a transaction of the ledger like others, in which nobody rests.
    let like_others = format!(
        "SET LOCAL application_name = '{APPLICATION}'; SET LOCAL lock_timeout = '30s';
         SET LOCAL idle_in_transaction_session_timeout = '30s'"
    );
    connection.execute(AssertSqlSafe(like_others)).await?;
    for (layout, ready) in attached {
        attach::finish(connection, layout, fence.run_id, ready).await?;
    }
    // The fence is compared once more, in the transaction that commits.
    outcome.put(&mut Ledger(connection), fence).await
}

/// Reads what belongs to each staged record from final's table, in whichever way is the cheapest. All of them read
/// the rows as they are stored, whatever triggers made of them, and look for a record's row by its key and its run: a
/// row that is not found is absent. Read a second time, it is joined by the server. Rows that were returned as they
/// were stored, and that nothing could change since, are not read again.
async fn read_final(
    connection: &mut PgConnection,
    watch: &Watch,
    run_id: RunId,
    of: (&Layout, &Shape),
    inserted: &mut Inserted,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<(), Ended> {
    if of.0.is_attached() {
        // A run without a row has no partition.
        let Some(ready) = &inserted.ready else { return Ok(()) };
        // Without a sort, unless there are absences to be told as well.
        if let (table, None) = ready.tables() {
            let by = By::Lineage(Lineage::of(&mut Ledger(connection), run_id).await?);
            let stored = (table, 0, ready.rows);
            if read_in_order(connection, watch, run_id, of, stored, by, sender).await? {
                return Ok(());
            }
        }
        return read_attached(connection, watch, run_id, of, ready, sender).await;
    }
    let Inserted { appended, by, returned, .. } = inserted;
    if let Some(returned) = returned.take() {
        return in_order::send(returned, watch, sender).await;
    }
    if let (Some(by), Some(page)) = (by.take(), appended.page)
        && let stored = (&of.0.final_table.name, page, appended.rows)
        && read_in_order(connection, watch, run_id, of, stored, by, sender).await?
    {
        return Ok(());
    }
    if !join_final_by_index(connection, of.0, run_id).await? {
        return read_whole_final(connection, watch, run_id, of, Stored::Anywhere, sender).await;
    }
    if let Some(page) = appended.all_from(connection, run_id, of.0).await? {
        let stored = Stored::FromPage(page);
        return read_whole_final(connection, watch, run_id, of, stored, sender).await;
    }
    read_back(connection, watch, Kind::FinalByKey, run_id, of, ChunkRange::ALL, sender).await
}

/// How the rows of a record type came into its final table.
#[derive(Default)]
struct Inserted {
    appended: Appended,
    /// By what their records are known, if the rows are worth being paired with them.
    by: Option<By>,
    /// The rows as they were stored, in the order of their records.
    returned: Option<ByRecord>,
    /// The run's partition, where it is attached.
    ready: Option<Ready>,
}

/// Where a final table ended before a run's rows came, and how many came.
#[derive(Clone, Copy, Default)]
struct Appended {
    /// The last page there was, if rows can be read by their place.
    page: Option<i64>,
    /// Whether nothing changes a row that is stored: the table has no triggers.
    stays: bool,
    rows: u64,
}

impl Appended {
    /// The last page of final, so far; rows to come may still find room in it. Before version 14 the server reads a
    /// whole table for a range of places in it, and the parts of a partitioned table have places of their own.
    async fn begin(connection: &mut PgConnection, layout: &Layout) -> Result<Self, StoreError> {
        if layout.final_table.run_column().is_none() {
            return Ok(Self::default());
        }
        let row = sqlx::query(
            "SELECT CASE WHEN c.relkind = 'r' AND current_setting('server_version_num')::int >= 140000
                 THEN greatest(pg_relation_size(c.oid) / current_setting('block_size')::bigint - 1, 0) END AS page,
                 NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS stays
             FROM pg_class c WHERE c.oid = to_regclass($1)",
        )
        .bind(quoted_table(&layout.final_table.name))
        .fetch_optional(connection)
        .await?;
        let Some(row) = row else { return Ok(Self::default()) };
        Ok(Self { page: row.try_get("page")?, stays: row.try_get("stays")?, rows: 0 })
    }

    /// The page after which all rows of the run are, if they are: those that found room between older rows, or took
    /// an older row's place, are not.
    async fn all_from(
        self,
        connection: &mut PgConnection,
        run_id: RunId,
        layout: &Layout,
    ) -> Result<Option<i64>, StoreError> {
        let Some((page, run)) = self.page.zip(layout.final_table.run_column()) else { return Ok(None) };
        let sql = format!(
            "SELECT count(*) AS n FROM {} WHERE ctid >= '({page},0)' AND {} = '{run_id}'",
            quoted_table(&layout.final_table.name),
            quoted(run),
        );
        let rows: u64 = Ledger(connection).fetch_one(&sql, params![]).await?.get("n")?;
        Ok((rows == self.rows).then_some(page))
    }
}

/// Brings the rows into final. How many rows of whatever table changed, and where those of each record type went.
async fn insert(
    store: &PostgresStore,
    connection: &mut PgConnection,
    watch: &Watch,
    fence: Fence,
    (job, shapes): (&Job, &[Shape]),
) -> Result<(u64, Vec<Inserted>), StoreError> {
    connection.execute(PLANS).await?;
    // Cancelling and promoting exclude each other from here on.
    lock(connection, Lock::State(fence.run_id)).await?;
    loaded_once(&mut Ledger(connection), fence.run_id).await?;
    let condition = unexcluded(&mut Ledger(connection), fence.run_id).await?;
    for (layout, shape) in job.layouts().zip(shapes) {
        all_fit(connection, fence, layout, shape, &condition).await?;
    }
    let run = format!("'{}'", fence.run_id);
    let first = changes(connection, job).await?;
    let mut attached = attach::prepare_all(connection, fence.run_id, job, !condition.is_empty()).await?;
    let before = changes(connection, job).await?;
    // Out of one table and into another: what rules hold changes twice. Anything beyond is the doing of a trigger.
    let others = before.saturating_sub(first).saturating_sub(2 * attached.moved);
    let (mut inserted, mut marked) = (Vec::new(), 0);
    let mut is_sorting = false;
    let lineage = Lineage::of(&mut Ledger(connection), fence.run_id).await?;
    let records = lineage.records();
    for ((layout, shape), ready) in job.layouts().zip(shapes).zip(&mut attached.ready) {
        if layout.is_attached() {
            inserted.push(Inserted { ready: ready.take(), ..Inserted::default() });
            continue;
        }
        let mut appended = Appended::begin(connection, layout).await?;
        // Excluded records are told apart by the join alone. One sort at a time: of several record types whose rows
        // are read when all are in, the others are joined.
        let mut by = if appended.page.is_none() || !condition.is_empty() || records > ROWS_MAX {
            None
        } else if shape.lineage.is_some() {
            Some(By::Lineage(lineage.clone()))
        } else {
            let may_sort = !is_sorting && store.has_connections_to_spare();
            may_sort.then(|| By::Keys(store.sort_keys(fence.run_id, layout)))
        };
        let insert = insert_statement(layout, &run, &condition, shape.lineage.as_deref());
        let mut returned = None;
        match (by.take_if(|_| appended.stays), layout.final_table.run_column()) {
            (Some(by), Some(run)) => {
                let of = (&**layout, shape);
                (appended.rows, returned) =
                    insert_in_order(connection, watch, fence.run_id, of, (&insert, run), (by, records))
                        .await?;
            }
            _ => {
                let done = sqlx::query(AssertSqlSafe(insert)).execute(&mut *connection).await;
                appended.rows = done.map_err(refused)?.rows_affected();
            }
        }
        is_sorting |= matches!(by, Some(By::Keys(_)));
        if let Some(sql) = mark_statement(layout, &run, &condition) {
            let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await.map_err(refused)?;
            marked += done.rows_affected();
        }
        inserted.push(Inserted { appended, by, returned, ready: None });
    }
    // Constraints that were put off are final's as well, and are to be known now.
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE").await.map_err(refused)?;
    // Rows of the tables of runs are no rows of final. One that a trigger changes there counts all the same.
    let changed = changes(connection, job).await?.saturating_sub(before);
    Ok((changed.saturating_sub(marked) + attached.rows + others, inserted))
}

/// Rows of any user table that this transaction changed so far, triggers included: the server's own count. If the job
/// lists triggers that may change other tables, only those of its own tables, with all their partitions.
async fn changes(connection: &mut PgConnection, job: &Job) -> Result<u64, StoreError> {
    let mut sql = "SELECT CAST(coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) AS bigint) AS n
                   FROM pg_stat_xact_user_tables"
        .to_owned();
    if job.layouts().any(|layout| !layout.final_table.triggers.is_empty()) {
        let names = job.layouts().flat_map(|layout| layout.final_table.written());
        let names: Vec<_> =
            names.map(|name| format!("to_regclass('{}')", quoted_table(name).replace('\'', "''"))).collect();
        sql = format!(
            "WITH RECURSIVE own (relid) AS (
               SELECT unnest(ARRAY[{}]::oid[]) UNION
               SELECT i.inhrelid FROM own JOIN pg_inherits i ON i.inhparent = own.relid)
             {sql} WHERE relid IN (SELECT relid FROM own)",
            names.join(", ")
        );
    }
    Ledger(connection).fetch_one(&sql, params![]).await?.get("n")
}
