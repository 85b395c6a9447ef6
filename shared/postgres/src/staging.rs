//! A chunk's way into staging.
//!
//! Rows are sent first, while nothing is locked: a process that is frozen in the middle of it is in nobody's way, and the
//! server cannot end it by a time-out either, since it takes a COPY for work. Only what follows, a few statements of
//! milliseconds, has the chunk and the run's state to itself. There it turns out whether the rows may stay.

use std::sync::Arc;

use domain::fingerprint::Hash;
use domain::ids::{RunId, WorkerId};
use domain::layout::Layout;
use job::Job;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::StoreError;
use store::by_type::check_types;
use store::model::CommitOutcome;
use wire::{Batch, WireAmount};

use super::connect::{Id, Lock, PostgresStore, share, take_back, to_its_end};
use super::ledger::{damaged, signed, unsigned, words};
use super::tables::{columns, make_partition, partition, quoted};
use super::watched::Watch;
use super::{rows, tables};

/// One message of a COPY: 256 KiB.
const COPY_BYTES: usize = 256 << 10;

fn amounts_json(amounts: &[WireAmount]) -> Result<String, StoreError> {
    let amounts: Result<Vec<domain::amount::Amount>, _> =
        amounts.iter().map(|amount| (*amount).try_into()).collect();
    let amounts = amounts.map_err(|error| damaged(format!("a sum in a batch: {error}")))?;
    serde_json::to_string(&amounts).map_err(|error| damaged(error.to_string()))
}

/// A batch made ready: nothing is left to be done under locks but to send it.
struct Ready {
    job: Arc<Job>,
    batch: Batch,
    run_id: RunId,
    writer: WorkerId,
    sums: String,
    rejected_sums: String,
    rules: String,
    by_type: String,
    /// Of everything in it.
    content: Hash,
    /// Of each record type.
    rows: Vec<Vec<u8>>,
}

/// What came of trying to commit.
enum Tried {
    Done(CommitOutcome),
    /// The run has no partition yet.
    NoPartition,
}

impl PostgresStore {
    pub(crate) async fn commit_batch(
        &self,
        job: &Arc<Job>,
        batch: Batch,
        writer: WorkerId,
    ) -> Result<CommitOutcome, StoreError> {
        let (store, job) = (self.clone(), Arc::clone(job));
        to_its_end(async move {
            check_types(&batch, &job)?;
            let json = |error: serde_json::Error| damaged(error.to_string());
            let rows =
                job.layouts().zip(&batch.rows).zip(&batch.by_type).map(|((layout, rows), accepted)| {
                    rows::encode(layout, rows::Rows { batch: &batch, rows, accepted: *accepted }, writer)
                });
            let ready = Arc::new(Ready {
                run_id: RunId::from_bytes(batch.run_id),
                writer,
                sums: amounts_json(&batch.sums)?,
                rejected_sums: amounts_json(&batch.rejected_sums)?,
                rules: serde_json::to_string(&batch.rules).map_err(json)?,
                by_type: serde_json::to_string(&batch.by_type).map_err(json)?,
                content: batch.content(),
                rows: rows.collect::<Result<_, _>>()?,
                job,
                batch,
            });
            loop {
                match store.try_to_commit(&ready).await? {
                    Tried::Done(outcome) => return Ok(outcome),
                    Tried::NoPartition => {
                        let one = Arc::clone(&ready);
                        store
                            .write(move |connection| {
                                Box::pin(async move {
                                    for layout in one.job.layouts() {
                                        make_partition(connection, &layout.staging, one.run_id).await?;
                                    }
                                    Ok(())
                                })
                            })
                            .await?;
                    }
                }
            }
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

/// What stands against committing the chunk; `None`: nothing does. `and`: how its row is locked.
async fn stands_against(
    connection: &mut PgConnection,
    ready: &Ready,
    tables: &[String],
    and: &str,
) -> Result<Option<Tried>, StoreError> {
    let found = sqlx::query(AssertSqlSafe(format!(
        "SELECT c.state, c.sha256, c.bytes, c.first_record_no, r.state AS run_state,
             (SELECT bool_and(to_regclass(quote_ident(t)) IS NOT NULL) FROM unnest($3::text[]) t) AS partitioned
         FROM crossfoot_chunk c JOIN crossfoot_run r ON r.run_id = c.run_id
         WHERE c.run_id = $1 AND c.chunk_no = $2 {and}"
    )))
    .bind(Id(ready.run_id))
    .bind(signed(ready.batch.chunk_no)?)
    .bind(tables)
    .fetch_optional(connection)
    .await?;
    let Some(found) = found else { return Ok(Some(Tried::Done(CommitOutcome::RunClosed))) };
    let (chunk, run): (String, String) = (found.try_get("state")?, found.try_get("run_state")?);
    let is_of_these_bytes = found.try_get::<Vec<u8>, _>("sha256")? == ready.batch.sha256
        && unsigned(&found, "bytes")? == ready.batch.bytes_in
        && unsigned(&found, "first_record_no")? == ready.batch.first_record_no;
    Ok(match (chunk.as_str(), run.as_str()) {
        ("committed", _) => Some(Tried::Done(CommitOutcome::AlreadyThere)),
        (_, "loading") if !is_of_these_bytes => Some(Tried::Done(CommitOutcome::OtherBytes)),
        (_, "loading") if ready.batch.accepted > 0 && !found.try_get::<bool, _>("partitioned")? => {
            Some(Tried::NoPartition)
        }
        (_, "loading") => None,
        _ => Some(Tried::Done(CommitOutcome::RunClosed)),
    })
}

async fn commit(connection: &mut PgConnection, watch: &Watch, ready: &Ready) -> Result<Tried, StoreError> {
    let tables: Vec<_> = ready.job.layouts().map(|layout| partition(&layout.staging, ready.run_id)).collect();
    // A look, and no lock: what is committed already need not be sent.
    if let Some(tried) = stands_against(connection, ready, &tables, "").await? {
        return Ok(tried);
    }
    for (place, table) in tables.iter().enumerate() {
        copy_rows(connection, watch, ready, place, table).await?;
    }
    // From here on the run's state and the chunk stay as they are.
    share(connection, Lock::State(ready.run_id)).await?;
    if let Some(tried) = stands_against(connection, ready, &tables, "FOR UPDATE OF c").await? {
        return Ok(tried);
    }
    book(connection, ready).await?;
    keep_rejects(connection, ready).await?;
    keep_breaches(connection, ready).await?;
    Ok(Tried::Done(CommitOutcome::Committed))
}

async fn copy_rows(
    connection: &mut PgConnection,
    watch: &Watch,
    ready: &Ready,
    place: usize,
    table: &str,
) -> Result<(), StoreError> {
    let accepted = ready.batch.by_type[place];
    if accepted == 0 {
        return Ok(());
    }
    let names = ready.job.records[place].layout.fields.iter().map(|field| field.name.as_str());
    let sql = format!(
        "COPY {} (run_id, chunk_no, record_no, worker_id, {}) FROM STDIN (FORMAT binary)",
        quoted(table),
        columns("", names)
    );
    let mut copy = connection.copy_in_raw(&sql).await?;
    for piece in ready.rows[place].chunks(COPY_BYTES) {
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
        let chunk_no = ready.batch.chunk_no;
        Err(damaged(format!("chunk {chunk_no}: {accepted} rows were sent and {rows} stored")))
    }
}

async fn book(connection: &mut PgConnection, ready: &Ready) -> Result<(), StoreError> {
    let batch = &ready.batch;
    sqlx::query(
        "UPDATE crossfoot_chunk SET state = 'committed', processor_id = $3, writer_id = $4, bytes_in = $5, records_in = $6,
         accepted = $7, rejected = $8, sums = $9, rejected_sums = $10, tree = $11, rules = $12, by_type = $13, footing = $14, content = $15, reason = NULL
         WHERE run_id = $1 AND chunk_no = $2",
    )
    .bind(Id(ready.run_id))
    .bind(signed(batch.chunk_no)?)
    .bind(i64::from(batch.processor))
    .bind(i64::from(ready.writer.0))
    .bind(signed(batch.bytes_in)?)
    .bind(signed(batch.records_in)?)
    .bind(signed(batch.accepted)?)
    .bind(signed(batch.rejects.len() as u64)?)
    .bind(&ready.sums)
    .bind(&ready.rejected_sums)
    .bind(&batch.tree)
    .bind(&ready.rules)
    .bind(&ready.by_type)
    .bind(&batch.footing)
    .bind(ready.content.0.as_slice())
    .execute(connection)
    .await?;
    Ok(())
}

async fn keep_rejects(connection: &mut PgConnection, ready: &Ready) -> Result<(), StoreError> {
    let rejects = &ready.batch.rejects;
    if rejects.is_empty() {
        return Ok(());
    }
    let numbers = rejects.iter().map(|one| signed(one.record_no)).collect::<Result<Vec<_>, _>>()?;
    let offsets = rejects.iter().map(|one| signed(one.offset)).collect::<Result<Vec<_>, _>>()?;
    let raw: Vec<&[u8]> = rejects.iter().map(|one| one.raw.as_slice()).collect();
    sqlx::query(
        "INSERT INTO crossfoot_reject (run_id, chunk_no, record_no, offset_bytes, worker_id, raw)
         SELECT $1, $2, record_no, offset_bytes, $3, raw
         FROM unnest($4::bigint[], $5::bigint[], $6::bytea[]) AS n (record_no, offset_bytes, raw)",
    )
    .bind(Id(ready.run_id))
    .bind(signed(ready.batch.chunk_no)?)
    .bind(i64::from(ready.batch.processor))
    .bind(numbers)
    .bind(offsets)
    .bind(raw)
    .execute(&mut *connection)
    .await?;
    let (mut records, mut places, mut fields, mut codes, mut details) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for one in rejects {
        for (place, (field, code, detail)) in (0_i64..).zip(&one.reasons) {
            records.push(signed(one.record_no)?);
            places.push(place);
            fields.push(field.as_deref());
            codes.push(code.as_str());
            details.push(words(detail));
        }
    }
    sqlx::query(
        "INSERT INTO crossfoot_reject_reason (run_id, record_no, reason_no, field, code, detail)
         SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])",
    )
    .bind(Id(ready.run_id))
    .bind(records)
    .bind(places)
    .bind(fields)
    .bind(codes)
    .bind(details)
    .execute(connection)
    .await?;
    Ok(())
}

async fn keep_breaches(connection: &mut PgConnection, ready: &Ready) -> Result<(), StoreError> {
    let breaches = &ready.batch.breaches;
    if breaches.is_empty() {
        return Ok(());
    }
    let numbers = breaches.iter().map(|(record_no, _)| signed(*record_no)).collect::<Result<Vec<_>, _>>()?;
    let rules: Vec<_> = breaches.iter().map(|(_, rule_no)| i64::from(*rule_no)).collect();
    sqlx::query(
        "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no)
         SELECT $1, rule_no, $2, record_no FROM unnest($3::bigint[], $4::bigint[]) AS n (rule_no, record_no)",
    )
    .bind(Id(ready.run_id))
    .bind(signed(ready.batch.chunk_no)?)
    .bind(rules)
    .bind(numbers)
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the planner know the run's rows: autovacuum leaves them alone, and without it every join is a guess.
pub(crate) async fn analyze(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
) -> Result<bool, StoreError> {
    let table = partition(&layout.staging, run_id);
    if !tables::is_there(connection, &table).await? {
        return Ok(false);
    }
    sqlx::query(AssertSqlSafe(format!("ANALYZE {}", quoted(&table)))).execute(connection).await?;
    Ok(true)
}
