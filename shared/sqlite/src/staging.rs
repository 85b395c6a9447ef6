//! A chunk's way into staging, and staging read back.

use std::sync::Arc;

use domain::ids::{RecordNo, RunId, WorkerId};
use domain::layout::Layout;
use domain::record;
use job::Job;
use rusqlite::{Connection, OptionalExtension, Row, Rows, Transaction, params};
use store::by_type::check_types;
use store::model::{Block, ChunkRange, CommitOutcome, Entry, EntryKind, Exclusion};
use store::{Blocks, StoreError};
use tokio::sync::mpsc;
use wire::{Batch, WireAmount};

use super::connect::{SqliteStore, blocking, read_only};
use super::rows;
use super::tables::{columns, quoted};

impl SqliteStore {
    pub(crate) async fn commit_batch(
        &self,
        job: &Arc<Job>,
        batch: Batch,
        writer: WorkerId,
    ) -> Result<CommitOutcome, StoreError> {
        let job = Arc::clone(job);
        self.write(move |transaction| commit(transaction, &job, &batch, writer)).await
    }

    pub(crate) fn stream_staging(&self, run_id: RunId, layout: &Arc<Layout>, range: ChunkRange) -> Blocks {
        let (path, layout) = (self.path.clone(), Arc::clone(layout));
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
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(blocking(move || {
        if let Err(error) = read(&sender) {
            // A receiver that is gone does not want to know.
            let _ = sender.blocking_send(Err(error));
        }
        Ok(())
    }));
    receiver
}

fn amounts_json(amounts: &[WireAmount]) -> Result<String, StoreError> {
    let amounts: Result<Vec<domain::amount::Amount>, _> =
        amounts.iter().map(|amount| (*amount).try_into()).collect();
    let amounts =
        amounts.map_err(|error| StoreError::Damaged { what: format!("a sum in a batch: {error}") })?;
    serde_json::to_string(&amounts).map_err(|error| StoreError::Damaged { what: error.to_string() })
}

fn commit(
    transaction: &Transaction<'_>,
    job: &Job,
    batch: &Batch,
    writer: WorkerId,
) -> Result<CommitOutcome, StoreError> {
    check_types(batch, job)?;
    let run_id = RunId::from_bytes(batch.run_id).to_string();
    let found: Option<(String, String, Vec<u8>, u64, u64)> = transaction
        .prepare_cached(
            "SELECT c.state, r.state, c.sha256, c.bytes, c.first_record_no
             FROM crossfoot_chunk c JOIN crossfoot_run r ON r.run_id = c.run_id
             WHERE c.run_id = ?1 AND c.chunk_no = ?2",
        )?
        .query_row(params![run_id, batch.chunk_no], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((chunk, run, sha256, bytes, first_record_no)) = found else {
        return Ok(CommitOutcome::RunClosed);
    };
    match (chunk.as_str(), run.as_str()) {
        ("committed", _) => return Ok(CommitOutcome::AlreadyThere),
        (_, "loading") => {}
        _ => return Ok(CommitOutcome::RunClosed),
    }
    if sha256 != batch.sha256 || bytes != batch.bytes_in || first_record_no != batch.first_record_no {
        return Ok(CommitOutcome::OtherBytes);
    }
    let json = |error: serde_json::Error| StoreError::Damaged { what: error.to_string() };
    let rules = serde_json::to_string(&batch.rules).map_err(json)?;
    let by_type = serde_json::to_string(&batch.by_type).map_err(json)?;
    transaction
        .prepare_cached(
            "UPDATE crossfoot_chunk SET state = 'committed', processor_id = ?3, writer_id = ?4, bytes_in = ?5, records_in = ?6,
             accepted = ?7, rejected = ?8, sums = ?9, rejected_sums = ?10, tree = ?11, rules = ?12, by_type = ?13, footing = ?14, content = ?15, reason = NULL
             WHERE run_id = ?1 AND chunk_no = ?2",
        )?
        .execute(params![
            run_id,
            batch.chunk_no,
            batch.processor,
            writer.0,
            batch.bytes_in,
            batch.records_in,
            batch.accepted,
            batch.rejects.len() as u64,
            amounts_json(&batch.sums)?,
            amounts_json(&batch.rejected_sums)?,
            batch.tree,
            rules,
            by_type,
            batch.footing,
            batch.content().0.as_slice(),
        ])?;
    for ((layout, rows), accepted) in job.layouts().zip(&batch.rows).zip(&batch.by_type) {
        insert_rows(transaction, layout, &run_id, (batch.chunk_no, rows, *accepted), writer)?;
    }
    insert_rejects(transaction, &run_id, batch)?;
    let mut breach = transaction.prepare_cached(
        "INSERT INTO crossfoot_breach (run_id, rule_no, chunk_no, record_no) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (record_no, rule_no) in &batch.breaches {
        breach.execute(params![run_id, rule_no, batch.chunk_no, record_no])?;
    }
    Ok(CommitOutcome::Committed)
}

fn insert_rows(
    transaction: &Transaction<'_>,
    layout: &Layout,
    run_id: &str,
    (chunk_no, rows, accepted): (u64, &[u8], u64),
    writer: WorkerId,
) -> Result<(), StoreError> {
    let places: Vec<_> = (1..=layout.fields.len() + 4).map(|place| format!("?{place}")).collect();
    let sql = format!(
        "INSERT INTO {} (run_id, chunk_no, record_no, worker_id, {}) VALUES ({})",
        quoted(&layout.staging),
        columns("", layout.fields.iter().map(|field| field.name.as_str())),
        places.join(", ")
    );
    let mut insert = transaction.prepare_cached(&sql)?;
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

fn insert_rejects(transaction: &Transaction<'_>, run_id: &str, batch: &Batch) -> Result<(), StoreError> {
    let mut reject = transaction.prepare_cached(
        "INSERT INTO crossfoot_reject (run_id, chunk_no, record_no, offset_bytes, worker_id, raw) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut reason = transaction.prepare_cached(
        "INSERT INTO crossfoot_reject_reason (run_id, record_no, reason_no, field, code, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for one in &batch.rejects {
        reject.execute(params![
            run_id,
            batch.chunk_no,
            one.record_no,
            one.offset,
            batch.processor,
            one.raw
        ])?;
        for (number, (field, code, detail)) in one.reasons.iter().enumerate() {
            reason.execute(params![run_id, one.record_no, number as u64, field, code, detail])?;
        }
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
    let names = || layout.fields.iter().map(|field| field.name.as_str());
    let staging = quoted(&layout.staging);
    let bounds = "s.run_id = ?1 AND s.chunk_no >= ?2 AND s.chunk_no < ?3 ORDER BY s.chunk_no, s.record_no";
    match kind {
        Kind::Staging => format!(
            "SELECT s.chunk_no, s.record_no, s.worker_id, 1, {} FROM {staging} s WHERE {bounds}",
            columns("s.", names())
        ),
        Kind::Final => {
            let on = if layout.key.is_empty() {
                "f.last_run_id = s.run_id AND f.last_record_no = s.record_no".into()
            } else {
                let key = layout.key.iter().map(|at| quoted(&layout.fields[*at].name));
                let equal: Vec<_> = key.map(|name| format!("f.{name} = s.{name}")).collect();
                format!("{} AND f.last_run_id = s.run_id", equal.join(" AND "))
            };
            format!(
                "SELECT s.chunk_no, s.record_no, s.worker_id, f.last_run_id IS NOT NULL, {} FROM {staging} s LEFT JOIN {} f ON {on} WHERE {bounds}",
                columns("f.", names()),
                quoted(&layout.final_table),
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

    /// The next one, if it stands before `at` (before the end, if there is no `at`).
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
    let mut rejects_statement = connection.prepare(
        "SELECT chunk_no, record_no, worker_id, raw FROM crossfoot_reject
         WHERE run_id = ?1 AND chunk_no >= ?2 AND chunk_no < ?3 ORDER BY chunk_no, record_no",
    )?;
    let mut exclusions_statement = connection.prepare(
        "SELECT chunk_no, record_no, kind FROM crossfoot_exclusion
         WHERE run_id = ?1 AND chunk_no >= ?2 AND chunk_no < ?3 ORDER BY chunk_no, record_no",
    )?;
    let mut rejects: Alongside<'_, (u32, Vec<u8>)> =
        Alongside::new(rejects_statement.query(bounds)?, |row| Ok((worker(row)?, row.get(3)?)))?;
    let mut exclusions = Alongside::new(exclusions_statement.query(bounds)?, exclusion)?;
    let mut statement = connection.prepare(&select(kind, layout))?;
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
    /// `false` when nobody listens any more.
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
        Ok(self.sender.blocking_send(Ok(std::mem::take(&mut self.block))).is_ok())
    }
}
