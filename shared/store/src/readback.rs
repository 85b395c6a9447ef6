//! A range of chunks read back from staging: what a worker finds, chunk by chunk.
//!
//! The rows are counted, summed and hashed again. The coordinator compares the results with the ledger; here only the
//! places of records are judged: whether each is there once, in a chunk that was committed, under the number of the
//! worker that the ledger credits with it.

use std::sync::Arc;

use domain::ids::{RecordNo, RunId, WorkerId};
use domain::layout::Layout;
use domain::limits::CHUNK_RECORDS_MAX;
use domain::record::{self, RawRecord};
use domain::totals::{ControlTotals, Sums, TotalsError};
use job::Job;
use thiserror::Error;
use wire::{BadFound, FoundChunk, RangeFound};

use crate::model::{ChunkRange, ChunkRow, Entry, EntryKind};
use crate::walk::LedgerWalk;
use crate::{Store, StoreError};

/// Why a range could not be read back.
#[derive(Debug, Error)]
pub enum ReadBackError {
    /// The store failed while it was read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sum does not fit.
    #[error(transparent)]
    Totals(#[from] TotalsError),
    /// A row that was read back could not be understood.
    #[error(transparent)]
    Record(#[from] record::RecordError),
    /// The ledger lost or gained chunks while the range was read.
    #[error("the ledger's chunks changed while their rows were read back")]
    LedgerMoved,
}

/// What was found of one chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkFound {
    /// The chunk's number in its run, from 0.
    pub chunk_no: u64,
    /// Count, sums and fingerprint of the chunk's staging rows.
    pub totals: ControlTotals,
    /// Totals of the rows that will be promoted; `None` if all of them will.
    pub promoted: Option<ControlTotals>,
    /// How many rejects of the chunk are in the store.
    pub rejects: u64,
    /// Whether a record is missing, comes twice, is out of place or recorded under another worker.
    pub is_irregular: bool,
}

/// What was found of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What was found of each chunk in the ledger, in order.
    pub chunks: Vec<ChunkFound>,
    /// Rows that belong to no committed chunk.
    pub stray_rows: u64,
    /// The sums over the stray rows.
    pub stray_sums: Sums,
}

/// Reads a range of chunks back, one record type after the other.
///
/// # Errors
/// [`ReadBackError`] when it could not be done; a difference is not an error.
pub async fn read_range(
    store: &dyn Store,
    run_id: RunId,
    job: &Job,
    range: ChunkRange,
) -> Result<Found, ReadBackError> {
    let mut all: Option<Found> = None;
    for layout in job.layouts() {
        let found = read_type(store, run_id, layout, range).await?;
        all = Some(match all {
            None => found,
            Some(before) => before.beside(found)?,
        });
    }
    Ok(all.unwrap_or_else(|| Found { chunks: Vec::new(), stray_rows: 0, stray_sums: Sums(Vec::new()) }))
}

impl Found {
    /// What was found of some record types, and of the next one.
    fn beside(self, next: Self) -> Result<Self, ReadBackError> {
        if self.chunks.len() != next.chunks.len() {
            return Err(ReadBackError::LedgerMoved);
        }
        let chunks = self.chunks.into_iter().zip(next.chunks).map(|(one, next)| {
            if one.chunk_no != next.chunk_no {
                return Err(ReadBackError::LedgerMoved);
            }
            let promoted = match (one.promoted, next.promoted) {
                (None, None) => None,
                (one_promoted, next_promoted) => {
                    let of_one = one_promoted.unwrap_or_else(|| one.totals.clone());
                    Some(of_one.beside(next_promoted.unwrap_or_else(|| next.totals.clone()))?)
                }
            };
            Ok(ChunkFound {
                chunk_no: one.chunk_no,
                totals: one.totals.beside(next.totals)?,
                promoted,
                rejects: one.rejects + next.rejects,
                is_irregular: one.is_irregular || next.is_irregular,
            })
        });
        let chunks = chunks.collect::<Result<_, _>>()?;
        let mut stray_sums = self.stray_sums;
        stray_sums.0.extend(next.stray_sums.0);
        Ok(Self { chunks, stray_rows: self.stray_rows + next.stray_rows, stray_sums })
    }
}

async fn read_type(
    store: &dyn Store,
    run_id: RunId,
    layout: &Arc<Layout>,
    range: ChunkRange,
) -> Result<Found, ReadBackError> {
    let mut reading = Reading::new(layout);
    let mut ledger = LedgerWalk::of(store, run_id, range);
    let mut blocks = store.read_staging(run_id, layout, range).await;
    while let Some(block) = blocks.recv().await {
        for (entry, bytes) in block?.iter() {
            while reading.wants_chunk(entry.chunk_no) {
                match ledger.next().await? {
                    Some(chunk) => reading.open(&chunk),
                    None => reading.ledger_ended = true,
                }
            }
            reading.entry(entry, bytes)?;
        }
    }
    while let Some(chunk) = ledger.next().await? {
        reading.open(&chunk);
    }
    Ok(reading.finish())
}

/// The workers that the ledger credits with a chunk.
#[derive(Clone, Copy)]
struct Workers {
    writer: WorkerId,
    processor: WorkerId,
}

/// One chunk being read.
struct OpenChunk {
    found: ChunkFound,
    /// Who must have its rows and rejects, if it is committed.
    workers: Option<Workers>,
    /// The next record that is expected.
    next: u64,
    end: u64,
}

struct Reading<'a> {
    layout: &'a Layout,
    chunks: Vec<ChunkFound>,
    strays: ControlTotals,
    open: Option<OpenChunk>,
    ledger_ended: bool,
}

impl<'a> Reading<'a> {
    fn new(layout: &'a Layout) -> Self {
        let strays = ControlTotals::starting_at(0, layout);
        Self { layout, chunks: Vec::new(), strays, open: None, ledger_ended: false }
    }

    /// Whether the chunk with this number may still come from the ledger.
    fn wants_chunk(&self, chunk_no: u64) -> bool {
        !self.ledger_ended && self.open.as_ref().is_none_or(|open| open.found.chunk_no < chunk_no)
    }

    fn open(&mut self, row: &ChunkRow) {
        self.close();
        let first = row.cut.first_record_no;
        self.open = Some(OpenChunk {
            next: first.0,
            // A ledger that claims more than a chunk can have is damaged, and must not be walked to its end.
            end: first.0.saturating_add(row.cut.records.min(CHUNK_RECORDS_MAX)),
            workers: row.committed.as_ref().map(|of| Workers { writer: of.writer, processor: of.processor }),
            found: ChunkFound {
                chunk_no: row.cut.chunk_no.0,
                totals: ControlTotals::starting_at(first.leaf(), self.layout),
                promoted: None,
                rejects: 0,
                is_irregular: row.cut.records > CHUNK_RECORDS_MAX,
            },
        });
    }

    fn entry(&mut self, entry: &Entry, bytes: &[u8]) -> Result<(), ReadBackError> {
        let layout = self.layout;
        let is_row = entry.kind == EntryKind::Row;
        if !is_row && !layout.among.has_rejects() {
            return Ok(());
        }
        let record =
            if is_row { record::records(bytes, layout.fields.len()).next().transpose()? } else { None };
        let here = self.open.as_mut().filter(|open| open.found.chunk_no == entry.chunk_no);
        let Some((chunk, workers)) = here.and_then(|open| open.workers.map(|workers| (open, workers))) else {
            if let Some(record) = &record {
                self.strays.count(layout, record)?;
            }
            return Ok(());
        };
        let worker = if is_row { workers.writer } else { workers.processor };
        chunk.found.is_irregular |= worker.0 != entry.worker_id;
        chunk.found.rejects += u64::from(!is_row);
        if entry.record_no < chunk.next || entry.record_no >= chunk.end {
            chunk.found.is_irregular = true;
            if let Some(record) = &record {
                chunk.found.totals.count(layout, record)?;
            }
            return Ok(());
        }
        chunk.missing_up_to(layout, entry.record_no);
        chunk.take(layout, entry, record.as_ref(), bytes)
    }

    fn close(&mut self) {
        let Some(mut chunk) = self.open.take() else { return };
        chunk.missing_up_to(self.layout, chunk.end);
        self.chunks.push(chunk.found);
    }

    fn finish(mut self) -> Found {
        self.close();
        Found { chunks: self.chunks, stray_rows: self.strays.records, stray_sums: self.strays.sums }
    }
}

impl OpenChunk {
    /// Records that are neither in staging nor among the rejects.
    fn missing_up_to(&mut self, layout: &Layout, record_no: u64) {
        let found = &mut self.found;
        while self.next < record_no {
            if layout.among.is_alone() {
                found.is_irregular = true;
                let at = RecordNo(self.next);
                found.promoted.get_or_insert_with(|| found.totals.clone()).absent(at);
                found.totals.absent(at);
            } else {
                // Of another type, as far as can be told here: what is missing is told by its count and its tree.
                found.promoted.iter_mut().for_each(ControlTotals::other);
                found.totals.other();
            }
            self.next += 1;
        }
    }

    fn take(
        &mut self,
        layout: &Layout,
        entry: &Entry,
        record: Option<&RawRecord<'_>>,
        raw: &[u8],
    ) -> Result<(), ReadBackError> {
        let at = RecordNo(entry.record_no);
        let found = &mut self.found;
        match record.filter(|_| entry.excluded.is_none()) {
            None => {
                let promoted = found.promoted.get_or_insert_with(|| found.totals.clone());
                // Final does not know of rejects: see `verify_final`.
                if entry.kind == EntryKind::Reject {
                    promoted.unseen(layout, at)
                } else {
                    promoted.absent(at)
                }
            }
            Some(record) => {
                if let Some(promoted) = &mut found.promoted {
                    promoted.accept(layout, record)?;
                }
            }
        }
        match record {
            Some(record) => found.totals.accept(layout, record)?,
            None => found.totals.reject(at, raw),
        }
        self.next += 1;
        Ok(())
    }
}

impl From<&Found> for RangeFound {
    fn from(found: &Found) -> Self {
        let chunks = found.chunks.iter().map(|chunk| FoundChunk {
            chunk_no: chunk.chunk_no,
            totals: (&chunk.totals).into(),
            promoted: chunk.promoted.as_ref().map(Into::into),
            rejects: chunk.rejects,
            is_irregular: chunk.is_irregular,
        });
        Self {
            chunks: chunks.collect(),
            stray_rows: found.stray_rows,
            stray_sums: wire::wire_sums(&found.stray_sums),
            failure: None,
        }
    }
}

impl TryFrom<RangeFound> for Found {
    type Error = BadFound;

    fn try_from(wire: RangeFound) -> Result<Self, BadFound> {
        if let Some(failure) = wire.failure {
            return Err(BadFound(failure));
        }
        let chunks = wire.chunks.into_iter().map(|chunk| {
            Ok(ChunkFound {
                chunk_no: chunk.chunk_no,
                totals: chunk.totals.try_into()?,
                promoted: chunk.promoted.map(TryInto::try_into).transpose()?,
                rejects: chunk.rejects,
                is_irregular: chunk.is_irregular,
            })
        });
        Ok(Self {
            chunks: chunks.collect::<Result<_, BadFound>>()?,
            stray_rows: wire.stray_rows,
            stray_sums: wire::sums(wire.stray_sums)?,
        })
    }
}
