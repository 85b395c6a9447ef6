//! Staging and final read back.
//!
//! One binary COPY gives rows, rejects and exclusions together, sorted by the server. A long run is read in windows of
//! chunks, so that each sort fits into memory, begins to answer at once and can be left early; where the windows lie is
//! taken from the ledger, but together they cover every number that a row may have.

use std::sync::Arc;

use domain::ids::{RecordNo, RunId};
use domain::layout::Layout;
use domain::record;
use futures_util::StreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{Executor as _, Row as _};
use store::model::{Block, ChunkRange, Entry, EntryKind, Exclusion};
use store::{Blocks, StoreError};
use tokio::sync::mpsc;

use super::attach::Ready;
use super::connect::{Id, PostgresStore};
use super::ended::Ended;
use super::final_table::Shape;
use super::ledger::place;
use super::read_back_sql::{HEAD_COLUMNS, Kind, Statement, Stored, window};
use super::rows::{Columns, Tuples};
use super::tables::{partition, quoted_table};
use super::watched::Watch;

/// About how many bytes of the source a window has.
const WINDOW_BYTES: i64 = 4 << 20;

/// Rows are found by the index on their chunk, or they would all be read for each window; a window is sorted in memory.
/// Without processes to help: starting one costs more than it would read.
const PLANS: &str =
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_nestloop = on; SET LOCAL work_mem = '64MB';
     SET LOCAL max_parallel_workers_per_gather = 0";

/// The reader may be slow with what is read, also with the last of it, when the server has nothing left to do.
pub(crate) const AT_LEISURE: &str = "SET LOCAL idle_in_transaction_session_timeout = '10min'";

/// Final is read as a whole where it is little more than the run: one pass over it, joined by hash and sorted by the
/// server, beyond this in temporary files. Key by key it took 12 s for 1,000,000 rows.
const PLANS_WHOLE: &str =
    "SET LOCAL enable_seqscan = on; SET LOCAL enable_nestloop = off; SET LOCAL enable_hashjoin = on;
     SET LOCAL enable_mergejoin = on; SET LOCAL work_mem = '256MB';
     SET LOCAL max_parallel_workers_per_gather TO DEFAULT";

impl PostgresStore {
    pub(crate) fn stream_staging(&self, run_id: RunId, layout: &Arc<Layout>, range: ChunkRange) -> Blocks {
        let (sender, receiver) = mpsc::channel(4);
        let (store, layout) = (self.clone(), Arc::clone(layout));
        tokio::spawn(async move {
            if let Err(Ended::Failed(error)) = store.read_staging_to(run_id, &layout, range, &sender).await {
                // A receiver that is gone does not want to know.
                let _ = sender.send(Err(error)).await;
            }
        });
        receiver
    }

    async fn read_staging_to(
        &self,
        run_id: RunId,
        layout: &Layout,
        range: ChunkRange,
        sender: &mpsc::Sender<Result<Block, StoreError>>,
    ) -> Result<(), Ended> {
        let mut session = self.pool.acquire().await?;
        let watch = session.watch();
        let read = async {
            summarize(&mut session, layout, run_id).await;
            // One snapshot for rows, rejects and exclusions.
            session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            session.execute(AT_LEISURE).await?;
            let as_made = (layout, &Shape::default());
            read_back(&mut session, &watch, Kind::Staging, run_id, as_made, range, sender).await?;
            session.execute("COMMIT").await?;
            Ok::<_, Ended>(())
        };
        // After an error nobody reads what the server still has to say: the connection ends with it.
        watch.over("reading staging back", read).await?;
        session.keep();
        Ok(())
    }
}

/// Brings the index on the chunks up to date: its entries are made in passing by no one else, and pages without one
/// are read for every window. Whoever promotes has locked the partition, and this would wait for it; it is up to date.
async fn summarize(connection: &mut PgConnection, layout: &Layout, run_id: RunId) {
    let done = sqlx::query(
        "SELECT crossfoot_summarize(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'brin' AND i.indrelid = to_regclass($1)
         AND NOT EXISTS (SELECT 1 FROM pg_locks l WHERE l.relation = i.indrelid AND l.granted
                         AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'AccessExclusiveLock'))",
    )
    .bind(quoted_table(&partition(&layout.staging, run_id)))
    .execute(connection)
    .await;
    if let Err(error) = done {
        // The table's owner may, and workers with roles of `crossfoot setup`. Everything is read all the same, but more
        // slowly.
        tracing::debug!(%run_id, %error, "cannot update the index over a run's chunks");
    }
}

/// The last chunk of each window, in order; the last window has none.
pub(crate) async fn windows(
    connection: &mut PgConnection,
    run_id: RunId,
    range: ChunkRange,
) -> Result<Vec<i64>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT max(chunk_no) AS last FROM (
             SELECT chunk_no, div(sum(bytes) OVER (ORDER BY chunk_no), $4) AS nth FROM crossfoot_chunk
             WHERE run_id = $1 AND chunk_no >= $2 AND chunk_no < $3) c GROUP BY nth ORDER BY 1",
    )
    .bind(Id(run_id))
    .bind(place(range.first))
    .bind(place(range.end))
    .bind(WINDOW_BYTES)
    .fetch_all(connection)
    .await?;
    let mut last: Vec<i64> = rows.iter().map(|row| row.try_get("last")).collect::<Result<_, _>>()?;
    last.pop();
    Ok(last)
}

/// Sends what final holds of the whole run in one window: all of final, or its pages at the end that hold the run's
/// rows, are read in the order in which they are stored.
pub(crate) async fn read_whole_final(
    connection: &mut PgConnection,
    watch: &Watch,
    run_id: RunId,
    (layout, shape): (&Layout, &Shape),
    stored: Stored,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<(), Ended> {
    connection.execute(PLANS_WHOLE).await?;
    let statement = Statement::prepare(connection, Kind::Final, stored, run_id, layout).await?;
    let mut out = Out { block: Block::default(), sender, watch, shape };
    let (first, end) = (place(ChunkRange::ALL.first), place(ChunkRange::ALL.end));
    copy_out(connection, Kind::Final, layout, &statement.between(first, end), &mut out).await?;
    out.flush().await
}

/// Sends everything of the run in `range`, ordered by chunk, record and kind. After an error the connection is of no
/// further use; when nobody listens any more it still is, for [`Kind::Final`].
pub(crate) async fn read_back(
    connection: &mut PgConnection,
    watch: &Watch,
    kind: Kind,
    run_id: RunId,
    (layout, shape): (&Layout, &Shape),
    range: ChunkRange,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<(), Ended> {
    let statement = Statement::prepare(connection, kind, Stored::Anywhere, run_id, layout).await?;
    let mut out = Out { block: Block::default(), sender, watch, shape };
    by_window(connection, kind, run_id, (layout, &statement), range, &mut out).await
}

/// Sends the run's partition, which is ready to be attached to final, and an absence for each record that is kept out
/// of it.
pub(crate) async fn read_attached(
    connection: &mut PgConnection,
    watch: &Watch,
    run_id: RunId,
    (layout, shape): (&Layout, &Shape),
    ready: &Ready,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<(), Ended> {
    let statement = Statement::of_attached(layout, run_id, ready);
    let mut out = Out { block: Block::default(), sender, watch, shape };
    by_window(connection, Kind::Final, run_id, (layout, &statement), ChunkRange::ALL, &mut out).await
}

async fn by_window(
    connection: &mut PgConnection,
    kind: Kind,
    run_id: RunId,
    (layout, statement): (&Layout, &Statement),
    range: ChunkRange,
    out: &mut Out<'_>,
) -> Result<(), Ended> {
    connection.execute(PLANS).await?;
    let mut first = place(range.first);
    let ends = windows(connection, run_id, range).await?.into_iter().map(|last| last + 1);
    for end in ends.chain([place(range.end)]) {
        let is_sent = match &statement.unordered {
            Some(of) => of.send(connection, out.watch, layout, &window(first, end), out.sender).await?,
            None => false,
        };
        if !is_sent {
            copy_out(connection, kind, layout, &statement.between(first, end), out).await?;
            out.flush().await?;
        }
        first = end;
    }
    Ok(())
}

async fn copy_out(
    connection: &mut PgConnection,
    kind: Kind,
    layout: &Layout,
    sql: &str,
    out: &mut Out<'_>,
) -> Result<(), Ended> {
    let columns = HEAD_COLUMNS + layout.fields.len();
    let mut tuples = Tuples::default();
    let mut pieces = connection.copy_out_raw(sql).await?;
    let mut result = Ok(());
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        out.watch.heard();
        if result.is_err() {
            continue;
        }
        tuples.feed(&piece, columns, |tuple| out.push(layout, tuple))?;
        result = out.flush_when_full().await;
        if result.is_err() && kind == Kind::Staging {
            return result;
        }
        // Of final the rest of the window is read and dropped: the transaction goes on.
    }
    drop(pieces);
    if result.is_ok() {
        tuples.end()?;
    }
    result
}

struct Out<'a> {
    block: Block,
    /// How the columns of final travel; those of staging are as the fields are.
    shape: &'a Shape,
    sender: &'a mpsc::Sender<Result<Block, StoreError>>,
    watch: &'a Watch,
}

impl Out<'_> {
    fn push(&mut self, layout: &Layout, mut tuple: Columns<'_>) -> Result<(), StoreError> {
        let (chunk_no, record_no, worker_id) = tuple.place();
        let (entry, excluded) = (tuple.number(), tuple.number());
        let raw = tuple.take();
        let bytes = &mut self.block.bytes;
        let kind = match entry {
            Some(1) => {
                record::begin(bytes, RecordNo(record_no));
                self.shape.read(bytes, layout, || tuple.take());
                EntryKind::Row
            }
            Some(2) => {
                bytes.extend_from_slice(raw.unwrap_or_default());
                EntryKind::Reject
            }
            _ => EntryKind::Absent,
        };
        let excluded = match excluded {
            Some(1) => Some(Exclusion::Held),
            Some(2) => Some(Exclusion::Merged),
            _ => None,
        };
        let end = bytes.len();
        self.block.entries.push(Entry { kind, chunk_no, record_no, worker_id, excluded, end });
        Ok(())
    }

    async fn flush_when_full(&mut self) -> Result<(), Ended> {
        if self.block.is_full() {
            return self.flush().await;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        if self.block.entries.is_empty() {
            return Ok(());
        }
        let sent = self.sender.send(Ok(std::mem::take(&mut self.block)));
        self.watch.elsewhere(sent).await.map_err(|_| Ended::Unheard)
    }
}
