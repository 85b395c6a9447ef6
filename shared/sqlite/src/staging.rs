//! A chunk's way into staging, and staging read back.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{RecordNo, RunId, WorkerId};
use domain::layout::Layout;
use domain::record;
use job::Job;
use platform::inline;
use rusqlite::{Connection, Row, Rows, params};
use store::bounds::Dialect;
use store::by_type::check_types;
use store::model::{Block, ChunkRange, CommitOutcome, Entry, EntryKind, Exclusion};
use store::names::{columns, quoted, table as quoted_table};
use store::promotion::same_marked_key;
use store::staging::{Booking, Staging, stands_against};
use store::{Blocks, StoreError};
use tokio::sync::mpsc;
use wire::Batch;

use super::connect::{SqliteStore, Writing, blocking, read_only};
use super::final_table::same_key;
use super::ledger::now;
use super::{rows, tables};

#[async_trait]
impl Staging for SqliteStore {
    async fn prepare(&self, job: &Job) -> Result<(), StoreError> {
        Dialect::Sqlite.holds(job)?;
        let job = job.clone();
        self.change(move |writing| job.layouts().try_for_each(|layout| tables::prepare(writing, layout)))
            .await
    }

    async fn commit(
        &self,
        job: &Arc<Job>,
        batch: Batch,
        writer: WorkerId,
    ) -> Result<CommitOutcome, StoreError> {
        check_types(&batch, job)?;
        let (job, booking) = (Arc::clone(job), Booking::of(&batch, writer)?);
        self.change(move |writing| commit(writing, &job, &batch, booking, writer)).await
    }

    async fn read_staging(&self, run_id: RunId, layout: &Arc<Layout>, range: ChunkRange) -> Blocks {
        let (path, layout) = (self.path.clone(), Arc::clone(layout));
        if let Err(error) = self.enters::<Kind>().await {
            return stream(|_| Err(error));
        }
        stream(move |sender| {
            let connection = read_only(&path)?;
            // Each page is read once, in order: a cache is of no use.
            connection.pragma_update(None, "cache_size", -2048)?;
            // One snapshot for rows, rejects and exclusions.
            connection.execute_batch("BEGIN")?;
            read_back(&connection, Kind::Staging, run_id, &layout, range, sender)
        })
    }
}

/// Runs `read` on a blocking thread, with bounded room between it and the receiver.
pub(crate) fn stream(
    read: impl FnOnce(&mpsc::Sender<Result<Block, StoreError>>) -> Result<(), StoreError> + Send + 'static,
) -> Blocks {
    let (sender, receiver) = inline::channel(4);
    tokio::spawn(blocking(move || {
        if let Err(error) = read(&sender) {
            // A receiver that is gone does not want to know.
            inline::send(&sender, Err(error));
        }
        Ok(())
    }));
    receiver
}

fn commit(
    writing: &mut Writing<'_>,
    job: &Job,
    batch: &Batch,
    booking: Booking,
    writer: WorkerId,
) -> Result<CommitOutcome, StoreError> {
    if let Some(outcome) = now(stands_against(writing, batch, ""))? {
        return Ok(outcome);
    }
    now(booking.put(writing))?;
    let run_id = RunId::from_bytes(batch.run_id).to_string();
    for ((layout, rows), accepted) in job.layouts().zip(&batch.rows).zip(&batch.by_type) {
        insert_rows(writing, layout, &run_id, (batch.chunk_no, rows, *accepted), writer)?;
    }
    Ok(CommitOutcome::Committed)
}

fn insert_rows(
    connection: &Connection,
    layout: &Layout,
    run_id: &str,
    (chunk_no, rows, accepted): (u64, &[u8], u64),
    writer: WorkerId,
) -> Result<(), StoreError> {
    let places: Vec<_> = (1..=layout.fields.len() + 4).map(|place| format!("?{place}")).collect();
    let sql = format!(
        "INSERT INTO {} (run_id, chunk_no, record_no, worker_id, {}) VALUES ({})",
        quoted_table(&layout.staging),
        columns("", layout.fields.iter().map(|field| field.name.as_str())),
        places.join(", ")
    );
    let mut insert = connection.prepare_cached(&sql)?;
    let mut rows_seen = 0;
    for row in record::records(rows, layout.fields.len()) {
        let row = row.map_err(|error| StoreError::Damaged { what: format!("chunk {chunk_no}: {error}") })?;
        insert.raw_bind_parameter(1, run_id)?;
        insert.raw_bind_parameter(2, chunk_no)?;
        insert.raw_bind_parameter(3, row.record_no.0)?;
        insert.raw_bind_parameter(4, writer.0)?;
        for (index, field) in row.fields().enumerate() {
            rows::bind(&mut insert, index + 5, field)?;
        }
        insert.raw_execute()?;
        rows_seen += 1;
    }
    if rows_seen != accepted {
        let what = format!("chunk {chunk_no}: the batch declares {accepted} rows but has {rows_seen}");
        return Err(StoreError::Damaged { what });
    }
    Ok(())
}

/// Which table is read back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Staging: its rows, and the rejects.
    Staging,
    /// Final: the row that belongs to each staged record.
    Final,
}

/// The statement that gives chunk, record and worker of each staged record, whether it is there, and its columns.
fn select(kind: Kind, layout: &Layout) -> String {
    let staging = quoted_table(&layout.staging);
    let bounds = "s.run_id = ?1 AND s.chunk_no >= ?2 AND s.chunk_no < ?3 ORDER BY s.chunk_no, s.record_no";
    match kind {
        Kind::Staging => format!(
            "SELECT s.chunk_no, s.record_no, s.worker_id, 1, {} FROM {staging} s WHERE {bounds}",
            columns("s.", layout.fields.iter().map(|field| field.name.as_str()))
        ),
        Kind::Final => {
            let of = &layout.final_table;
            let mut equal = same_key(layout);
            if layout.key.is_empty() {
                equal.push(format!("f.{} = s.record_no", quoted(&of.record_no)));
            }
            if let Some(run) = of.run_column() {
                equal.push(format!("f.{} = s.run_id", quoted(run)));
            }
            if let Some(runs) = of.run_table() {
                equal.push(format!(
                    "EXISTS (SELECT 1 FROM {} r WHERE {} AND r.last_run_id = s.run_id)",
                    quoted_table(runs),
                    same_marked_key(layout, "r", "s")
                ));
            }
            // Neither the run nor a column of the key is NULL in a row that was found.
            let found = of.run_column().unwrap_or_else(|| layout.column(layout.key[0]));
            format!(
                "SELECT s.chunk_no, s.record_no, s.worker_id, f.{} IS NOT NULL, {}
                 FROM {staging} s LEFT JOIN {} f ON {} WHERE {bounds}",
                quoted(found),
                columns("f.", layout.columns()),
                quoted_table(&of.name),
                equal.join(" AND "),
            )
        }
    }
}

/// Chunk and record number.
type At = (u64, u64);

/// Rejects or exclusions, walked alongside the rows.
struct Alongside<'statement, T> {
    rows: Rows<'statement>,
    what: fn(&Row<'_>) -> rusqlite::Result<T>,
    next: Option<(At, T)>,
}

impl<'statement, T> Alongside<'statement, T> {
    fn new(rows: Rows<'statement>, what: fn(&Row<'_>) -> rusqlite::Result<T>) -> Result<Self, StoreError> {
        let mut alongside = Self { rows, what, next: None };
        alongside.advance()?;
        Ok(alongside)
    }

    fn advance(&mut self) -> Result<(), StoreError> {
        self.next = match self.rows.next()? {
            Some(row) => Some(((number(row, 0)?, number(row, 1)?), (self.what)(row)?)),
            None => None,
        };
        Ok(())
    }

    /// The next one, if it is before `at` (before the end, if there is no `at`).
    fn take_before(&mut self, at: Option<At>) -> Result<Option<(At, T)>, StoreError> {
        if self.next.as_ref().is_none_or(|(next, _)| at.is_some_and(|at| *next >= at)) {
            return Ok(None);
        }
        let taken = self.next.take();
        self.advance()?;
        Ok(taken)
    }

    /// The one at `at`, if there is one; those before it are passed over.
    fn take_at(&mut self, at: At) -> Result<Option<T>, StoreError> {
        while self.take_before(Some(at))?.is_some() {}
        if self.next.as_ref().is_none_or(|(next, _)| *next != at) {
            return Ok(None);
        }
        let taken = self.next.take();
        self.advance()?;
        Ok(taken.map(|(_, what)| what))
    }
}

/// A chunk's or record's number. One that cannot be is read as one that no source has, and so is found to differ.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(i64::MAX as u64))
}

/// The worker, in the third column; as [`number`].
fn worker(row: &Row<'_>) -> rusqlite::Result<u32> {
    Ok(u32::try_from(row.get::<_, i64>(2)?).unwrap_or(u32::MAX))
}

fn exclusion(row: &Row<'_>) -> rusqlite::Result<Exclusion> {
    let kind: String = row.get(2)?;
    Ok(if kind == "merged" { Exclusion::Merged } else { Exclusion::Held })
}

/// Sends everything of the run in `range`, ordered by chunk and record.
pub(crate) fn read_back(
    connection: &Connection,
    kind: Kind,
    run_id: RunId,
    layout: &Layout,
    range: ChunkRange,
    sender: &mpsc::Sender<Result<Block, StoreError>>,
) -> Result<(), StoreError> {
    let run_id = run_id.to_string();
    let bounds = params![run_id, range.first, range.end];
    let mut rejects_statement = connection.prepare_cached(
        "SELECT chunk_no, record_no, worker_id, raw FROM crossfoot_reject
         WHERE run_id = ?1 AND chunk_no >= ?2 AND chunk_no < ?3 ORDER BY chunk_no, record_no",
    )?;
    let mut exclusions_statement = connection.prepare_cached(
        "SELECT chunk_no, record_no, kind FROM crossfoot_exclusion
         WHERE run_id = ?1 AND chunk_no >= ?2 AND chunk_no < ?3 ORDER BY chunk_no, record_no",
    )?;
    let mut rejects: Alongside<'_, (u32, Vec<u8>)> =
        Alongside::new(rejects_statement.query(bounds)?, |row| Ok((worker(row)?, row.get(3)?)))?;
    let mut exclusions = Alongside::new(exclusions_statement.query(bounds)?, exclusion)?;
    let mut statement = connection.prepare_cached(&select(kind, layout))?;
    let mut rows = statement.query(bounds)?;
    let mut out = Out { block: Block::default(), sender };
    loop {
        let row = rows.next()?;
        let at: Option<At> = match row {
            Some(row) => Some((number(row, 0)?, number(row, 1)?)),
            None => None,
        };
        while let Some((reject_at, (worker_id, raw))) = rejects.take_before(at)? {
            if kind == Kind::Staging {
                out.block.bytes.extend_from_slice(&raw);
                if !out.push(EntryKind::Reject, reject_at, worker_id, None)? {
                    return Ok(());
                }
            }
        }
        let (Some(row), Some(at)) = (row, at) else { break };
        let excluded = exclusions.take_at(at)?;
        let is_there: bool = row.get(3)?;
        let entry_kind = if is_there { EntryKind::Row } else { EntryKind::Absent };
        if is_there {
            record::begin(&mut out.block.bytes, RecordNo(at.1));
            rows::read(row, 4, layout, &mut out.block.bytes)?;
        }
        if !out.push(entry_kind, at, worker(row)?, excluded)? {
            return Ok(());
        }
    }
    out.flush()?;
    Ok(())
}

struct Out<'a> {
    block: Block,
    sender: &'a mpsc::Sender<Result<Block, StoreError>>,
}

impl Out<'_> {
    /// `false` when the receiver is gone.
    fn push(
        &mut self,
        kind: EntryKind,
        (chunk_no, record_no): At,
        worker_id: u32,
        excluded: Option<Exclusion>,
    ) -> Result<bool, StoreError> {
        let end = self.block.bytes.len();
        self.block.entries.push(Entry { kind, chunk_no, record_no, worker_id, excluded, end });
        if self.block.is_full() { self.flush() } else { Ok(true) }
    }

    fn flush(&mut self) -> Result<bool, StoreError> {
        if self.block.entries.is_empty() {
            return Ok(true);
        }
        Ok(inline::send(self.sender, Ok(std::mem::take(&mut self.block))))
    }
}
