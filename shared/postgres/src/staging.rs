//! A chunk's way into staging.
//!
//! Rows are sent first, while nothing is locked: a process that is frozen in the middle of it is in nobody's way, and
//! the server cannot end it by a time-out either, since it takes a COPY for work. Only what follows, a few statements
//! of milliseconds, has the chunk and the run's state to itself. There it turns out whether the rows may stay.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{ChunkNo, RunId, WorkerId};
use domain::layout::{Durability, Layout};
use domain::table::TableName;
use job::Job;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::bounds::Dialect;
use store::by_type::check_types;
use store::database::{Connection as _, Lock};
use store::model::{ChunkRange, CommitOutcome};
use store::names::{columns, table as quoted_table};
use store::runs::hold_fence;
use store::staging::{Booking, Staging, stands_against};
use store::{Blocks, Fence, StoreError};
use wire::Batch;

use super::connect::{PostgresStore, take_back, to_its_end};
use super::found::is_there;
use super::ledger::{Ledger, damaged};
use super::place::Place;
use super::tables::{make_partition, partition};
use super::watched::Watch;
use super::{rows, tables};

/// One message of a COPY: 256 KiB.
const COPY_BYTES: usize = 256 << 10;

/// A batch made ready: nothing is left to be done under locks but to send it.
struct Ready {
    of: Encoded,
    booking: Booking,
}

/// A batch, and its rows as they are sent.
struct Encoded {
    job: Arc<Job>,
    batch: Batch,
    run_id: RunId,
    /// Of each record type.
    rows: Vec<Vec<u8>>,
}

impl Encoded {
    /// The rows of `batch` as `writer` writes them.
    fn of(job: Arc<Job>, batch: Batch, writer: WorkerId) -> Result<Self, StoreError> {
        check_types(&batch, &job)?;
        let rows = job.layouts().zip(&batch.rows).zip(&batch.by_type).map(|((layout, rows), accepted)| {
            rows::encode(layout, rows::Rows { batch: &batch, rows, accepted: *accepted }, writer)
        });
        let rows = rows.collect::<Result<_, _>>()?;
        Ok(Self { run_id: RunId::from_bytes(batch.run_id), rows, job, batch })
    }

    /// Sends them into the run's partitions, of which none is locked meanwhile.
    async fn copy(&self, connection: &mut PgConnection, watch: &Watch) -> Result<(), StoreError> {
        for place in 0..self.rows.len() {
            self.copy_rows(connection, watch, place).await?;
        }
        Ok(())
    }

    async fn copy_rows(
        &self,
        connection: &mut PgConnection,
        watch: &Watch,
        place: usize,
    ) -> Result<(), StoreError> {
        let accepted = self.batch.by_type[place];
        if accepted == 0 {
            return Ok(());
        }
        let layout = &self.job.records[place].layout;
        let names = layout.fields.iter().map(|field| field.name.as_str());
        let sql = format!(
            "COPY {} (run_id, chunk_no, record_no, worker_id, {}) FROM STDIN (FORMAT binary)",
            quoted_table(&partition(&layout.staging, self.run_id)),
            columns("", names)
        );
        let mut copy = connection.copy_in_raw(&sql).await?;
        for piece in self.rows[place].chunks(COPY_BYTES) {
            if let Err(error) = copy.send(piece).await {
                // The connection is lost, and this cannot succeed either; the first error says why.
                let _ = copy.abort("cannot send the rows").await;
                return Err(error.into());
            }
            watch.heard();
        }
        let rows = copy.finish().await?;
        if rows == accepted {
            Ok(())
        } else {
            let chunk_no = self.batch.chunk_no;
            Err(damaged(format!("chunk {chunk_no}: {accepted} rows were sent and {rows} stored")))
        }
    }
}

/// The result of trying to commit.
enum Tried {
    Done(CommitOutcome),
    /// The run has no partition yet.
    NoPartition,
}

#[async_trait]
impl Staging for PostgresStore {
    async fn prepare(&self, job: &Job) -> Result<(), StoreError> {
        Dialect::Postgres.holds(job)?;
        let (job, place) = (job.clone(), Arc::clone(&self.place));
        self.change(move |connection| {
            Box::pin(async move {
                let layouts: Vec<_> = job.layouts().map(|layout| &**layout).collect();
                tables::prepare(connection, &place, &layouts).await
            })
        })
        .await
    }

    async fn prepare_run(&self, job: &Job, run_id: RunId) -> Result<(), StoreError> {
        let (job, place) = (job.clone(), Arc::clone(&self.place));
        self.change(move |connection| {
            Box::pin(async move { make_partitions(connection, &place, &job, run_id).await })
        })
        .await
    }

    async fn commit(
        &self,
        job: &Arc<Job>,
        batch: Batch,
        writer: WorkerId,
    ) -> Result<CommitOutcome, StoreError> {
        let (store, job) = (self.clone(), Arc::clone(job));
        to_its_end(async move {
            let booking = Booking::of(&batch, writer)?;
            let ready = Arc::new(Ready { of: Encoded::of(job, batch, writer)?, booking });
            loop {
                match fault::around!("commit", store.try_to_commit(&ready).await)? {
                    Tried::Done(outcome) => return Ok(outcome),
                    Tried::NoPartition => {
                        let (one, place) = (Arc::clone(&ready), Arc::clone(&store.place));
                        store
                            .change(move |connection| {
                                Box::pin(async move {
                                    make_partitions(connection, &place, &one.of.job, one.of.run_id).await
                                })
                            })
                            .await?;
                    }
                }
            }
        })
        .await
    }

    async fn read_staging(&self, run_id: RunId, layout: &Arc<Layout>, range: ChunkRange) -> Blocks {
        self.stream_staging(run_id, layout, range)
    }

    async fn is_staging_lost(&self, job: &Job, run_id: RunId) -> Result<bool, StoreError> {
        match job.durability {
            Durability::Logged => Ok(false),
            Durability::Redrive => self.lost_unlogged(run_id).await,
        }
    }

    async fn staging_gaps(&self, fence: Fence, job: &Job, max: u32) -> Result<Vec<ChunkNo>, StoreError> {
        self.gaps(fence, partitions(job, fence.run_id), max).await
    }

    async fn restage(
        &self,
        fence: Fence,
        job: &Arc<Job>,
        batch: Batch,
        writer: WorkerId,
    ) -> Result<(), StoreError> {
        let rows = Encoded::of(Arc::clone(job), batch, writer)?;
        self.change_watched("putting staged rows back", move |connection, watch| {
            Box::pin(async move {
                hold_fence(&mut Ledger(connection), fence).await?;
                rows.copy(connection, &watch).await
            })
        })
        .await
    }
}

impl PostgresStore {
    async fn try_to_commit(&self, ready: &Ready) -> Result<Tried, StoreError> {
        let (mut session, watch) = self.begin().await?;
        let tried = watch.over("committing a chunk", commit(&mut session, &watch, ready)).await;
        if let Ok(Tried::Done(CommitOutcome::Committed)) = tried {
            watch.over("committing a chunk", session.execute("COMMIT")).await?;
            session.keep();
        } else {
            // Rows that were sent, and may not stay, go with it.
            take_back(session).await;
        }
        tried.map_err(|error| watch.told(error))
    }
}

/// Makes the run's partitions where they are missing. The coordinator does so before it hands out chunks; a writer
/// finds one missing only if it was taken away meanwhile.
async fn make_partitions(
    connection: &mut PgConnection,
    place: &Place,
    job: &Job,
    run_id: RunId,
) -> Result<(), StoreError> {
    for layout in job.layouts() {
        make_partition(connection, place, (&layout.staging, job.durability), run_id).await?;
    }
    Ok(())
}

/// The run's partitions of staging, in the order of the job's record types.
fn partitions(job: &Job, run_id: RunId) -> Vec<TableName> {
    job.layouts().map(|layout| partition(&layout.staging, run_id)).collect()
}

/// Whether all of `tables` are there.
async fn are_there(connection: &mut PgConnection, tables: &[TableName]) -> Result<bool, StoreError> {
    let sql = "SELECT bool_and(to_regclass(t) IS NOT NULL) AS x FROM unnest($1::text[]) t";
    Ok(sqlx::query(sql)
        .bind(tables.iter().map(quoted_table).collect::<Vec<_>>())
        .fetch_one(connection)
        .await?
        .try_get("x")?)
}

async fn commit(connection: &mut PgConnection, watch: &Watch, ready: &Ready) -> Result<Tried, StoreError> {
    let Encoded { batch, run_id, .. } = &ready.of;
    // A look, and no lock: what is committed already need not be sent.
    if let Some(outcome) = stands_against(&mut Ledger(connection), batch, "").await? {
        return Ok(Tried::Done(outcome));
    }
    if batch.accepted > 0 && !are_there(connection, &partitions(&ready.of.job, *run_id)).await? {
        return Ok(Tried::NoPartition);
    }
    ready.of.copy(connection, watch).await?;
    fault::point!("commit.rows.after");
    // From here on the run's state and the chunk stay as they are.
    let mut ledger = Ledger(connection);
    ledger.share(Lock::State(*run_id)).await?;
    let lock_c = ledger.syntax().lock_c;
    if let Some(outcome) = stands_against(&mut ledger, batch, lock_c).await? {
        return Ok(Tried::Done(outcome));
    }
    ready.booking.clone().put(&mut ledger).await?;
    fault::point!("commit.recorded.after");
    Ok(Tried::Done(CommitOutcome::Committed))
}

/// Makes the planner know the run's rows: autovacuum leaves them alone, and without it every join is a guess.
pub(crate) async fn analyze(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
) -> Result<bool, StoreError> {
    let table = partition(&layout.staging, run_id);
    if !is_there(connection, &table).await? {
        return Ok(false);
    }
    sqlx::query(AssertSqlSafe(format!("ANALYZE {}", quoted_table(&table)))).execute(connection).await?;
    Ok(true)
}
