//! The verifier: what was read back from a table, compared chunk by chunk with what the ledger says.
//!
//! It trusts neither: the table's rows are counted, summed and hashed anew, and the ledger's figures come from
//! the source's bytes by way of the processors.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::ids::{RecordNo, RunId};
use domain::layout::Layout;
use domain::lifecycle::ChunkState;
use domain::reconcile::{LedgerEvidence, ReadBack};
use domain::record::{self, RawRecord};
use domain::totals::{ControlTotals, Sums, TotalsError};
use shared::store::model::{ChunkRange, ChunkRow, Entry, EntryKind};
use shared::store::{Blocks, Store, StoreError};
use thiserror::Error;

use crate::split::RECORDS_MAX;

/// How many chunk rows are fetched from the ledger at a time.
const PAGE: u32 = 500;

/// How many differing chunks are remembered for pinpointing in detail. What lies beyond is counted.
const DIFFERING_MAX: usize = 100_000;

/// Why verification could not be done.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sum does not fit.
    #[error(transparent)]
    Totals(#[from] TotalsError),
    /// A row that was read back could not be understood.
    #[error(transparent)]
    Record(#[from] record::RecordError),
}

/// The ledger's chunks of a run, in order, page by page.
pub struct LedgerWalk<'a> {
    store: &'a dyn Store,
    run_id: RunId,
    page: VecDeque<ChunkRow>,
    next: Option<u64>,
}

impl<'a> LedgerWalk<'a> {
    /// From the first chunk on.
    #[must_use]
    pub fn new(store: &'a dyn Store, run_id: RunId) -> Self {
        Self { store, run_id, page: VecDeque::new(), next: Some(0) }
    }

    async fn load(&mut self) -> Result<(), StoreError> {
        if let (true, Some(from)) = (self.page.is_empty(), self.next) {
            self.page = self.store.chunks(self.run_id, from, PAGE).await?.into();
            self.next = self.page.back().map(|last| last.cut.chunk_no.0 + 1);
        }
        Ok(())
    }

    /// The next chunk.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn next(&mut self) -> Result<Option<ChunkRow>, StoreError> {
        self.load().await?;
        Ok(self.page.pop_front())
    }
}

/// What the ledger and staging hold of a run.
#[derive(Debug)]
pub struct Verified {
    /// The ledger's side.
    pub ledger: LedgerEvidence,
    /// Staging's side.
    pub staging: ReadBack,
    /// What final must turn out to hold.
    pub to_promote: ControlTotals,
    /// Chunks that differ, for pinpointing; at most [`DIFFERING_MAX`].
    pub differing: Vec<u64>,
    /// Bytes that the chunks cover, and the first place where they do not follow each other.
    pub tiled: (u64, Option<u64>),
}

/// Reads staging back and compares it with the ledger.
///
/// # Errors
/// [`VerifyError`] when it could not be done; a difference is not an error.
pub async fn verify_staging(
    store: &dyn Store,
    run_id: RunId,
    layout: &Arc<Layout>,
    header_bytes: u64,
    progress: impl Fn(u64),
) -> Result<Verified, VerifyError> {
    let mut walk = StagingWalk::new(layout, header_bytes);
    let mut ledger = LedgerWalk::new(store, run_id);
    let mut blocks = store.read_staging(run_id, layout, ChunkRange::ALL).await;
    while let Some(block) = blocks.recv().await {
        let block = block?;
        for (entry, bytes) in block.iter() {
            while walk.wants_chunk(entry.chunk_no) {
                match ledger.next().await? {
                    Some(chunk) => walk.open(chunk)?,
                    None => walk.no_more_chunks(),
                }
            }
            walk.entry(entry, bytes)?;
        }
        progress(walk.out.staging.totals.records);
    }
    while let Some(chunk) = ledger.next().await? {
        walk.open(chunk)?;
    }
    walk.finish()
}

/// One chunk being compared.
struct OpenChunk {
    row: ChunkRow,
    /// The next record that is expected.
    next: u64,
    end: u64,
    staging: ControlTotals,
    /// What of it is promoted; `None` as long as that is all of it.
    promoted: Option<ControlTotals>,
    rejects: u64,
    differs: bool,
}

struct StagingWalk<'a> {
    layout: &'a Layout,
    out: Verified,
    open: Option<OpenChunk>,
    ledger_ended: bool,
    /// Where the next chunk should begin.
    offset: u64,
}

impl<'a> StagingWalk<'a> {
    fn new(layout: &'a Layout, header_bytes: u64) -> Self {
        let totals = || ControlTotals::starting_at(0, layout);
        let sums = || Sums::zero(&layout.amount_scales());
        let ledger = LedgerEvidence {
            chunks: 0,
            bytes: 0,
            chunks_unbalanced: 0,
            records: 0,
            rejected: 0,
            accepted: totals(),
            rejected_sums: sums(),
        };
        let staging = ReadBack { totals: totals(), rejects: 0, stray_rows: 0, chunks_differing: 0 };
        let out = Verified {
            ledger,
            staging,
            to_promote: totals(),
            differing: Vec::new(),
            tiled: (header_bytes, None),
        };
        Self { layout, out, open: None, ledger_ended: false, offset: header_bytes }
    }

    /// Whether the chunk with this number may still come from the ledger.
    fn wants_chunk(&self, chunk_no: u64) -> bool {
        !self.ledger_ended && self.open.as_ref().is_none_or(|open| open.row.cut.chunk_no.0 < chunk_no)
    }

    fn no_more_chunks(&mut self) {
        self.ledger_ended = true;
    }

    fn open(&mut self, row: ChunkRow) -> Result<(), VerifyError> {
        self.close()?;
        let cut = &row.cut;
        if cut.offset != self.offset && self.out.tiled.1.is_none() {
            self.out.tiled.1 = Some(self.offset);
        }
        self.offset = cut.offset + cut.bytes;
        self.out.tiled.0 += cut.bytes;
        let ledger = &mut self.out.ledger;
        let mut differs = false;
        if let (ChunkState::Committed, Some(committed)) = (row.state, &row.committed) {
            ledger.chunks += 1;
            ledger.bytes += committed.bytes_in;
            ledger.records += committed.records_in;
            ledger.rejected += committed.rejected;
            let balanced = committed.accepted + committed.rejected == committed.records_in
                && committed.records_in == cut.records;
            ledger.chunks_unbalanced += u64::from(!balanced);
            ledger.rejected_sums.merge(&committed.rejected_sums)?;
            let accepted = ControlTotals {
                records: committed.accepted,
                sums: committed.sums.clone(),
                tree: committed.tree.clone(),
            };
            // A tree that does not fit in is a damaged ledger: the fingerprint is then left short, and differs.
            differs = ledger.accepted.merge(&accepted).is_err();
        }
        let first = cut.first_record_no;
        self.open = Some(OpenChunk {
            next: first.0,
            // A ledger that claims more than a chunk can have is damaged, and must not be walked to its end.
            end: first.0.saturating_add(cut.records.min(RECORDS_MAX)),
            staging: ControlTotals::starting_at(first.leaf(), self.layout),
            promoted: None,
            rejects: 0,
            differs: differs || cut.records > RECORDS_MAX,
            row,
        });
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, bytes: &[u8]) -> Result<(), VerifyError> {
        let layout = self.layout;
        let is_row = entry.kind == EntryKind::Row;
        let record =
            if is_row { record::records(bytes, layout.fields.len()).next().transpose()? } else { None };
        let chunk = match &mut self.open {
            Some(open) if open.row.cut.chunk_no.0 == entry.chunk_no && open.row.committed.is_some() => open,
            _ => {
                if let Some(record) = &record {
                    self.out.staging.stray_rows += 1;
                    self.out.staging.totals.count(layout, record)?;
                }
                return Ok(());
            }
        };
        let committed = chunk.row.committed.as_ref();
        let worker = committed.map(|committed| if is_row { committed.writer } else { committed.processor });
        chunk.differs |= worker.is_none_or(|worker| worker.0 != entry.worker_id);
        chunk.rejects += u64::from(!is_row);
        if entry.record_no < chunk.next || entry.record_no >= chunk.end {
            chunk.differs = true;
            if let Some(record) = &record {
                chunk.staging.count(layout, record)?;
            }
            return Ok(());
        }
        chunk.missing_up_to(entry.record_no);
        chunk.take(layout, entry, record.as_ref(), bytes)
    }

    fn close(&mut self) -> Result<(), VerifyError> {
        let Some(mut chunk) = self.open.take() else { return Ok(()) };
        chunk.missing_up_to(chunk.end);
        let promoted = chunk.promoted.as_ref().unwrap_or(&chunk.staging);
        // A chunk that does not begin where the one before it ended is of a damaged ledger: a difference, no error.
        for (totals, of_chunk) in
            [(&mut self.out.to_promote, promoted), (&mut self.out.staging.totals, &chunk.staging)]
        {
            match totals.merge(of_chunk) {
                Err(TotalsError::Range(_)) => chunk.differs = true,
                merged => merged?,
            }
        }
        let agrees = chunk.row.committed.as_ref().is_some_and(|committed| {
            committed.tree == chunk.staging.tree
                && committed.accepted == chunk.staging.records
                && committed.sums == chunk.staging.sums
                && committed.rejected == chunk.rejects
        });
        if chunk.differs || !agrees {
            self.out.staging.chunks_differing += 1;
            if self.out.differing.len() < DIFFERING_MAX {
                self.out.differing.push(chunk.row.cut.chunk_no.0);
            }
        }
        self.out.staging.rejects += chunk.rejects;
        Ok(())
    }

    fn finish(mut self) -> Result<Verified, VerifyError> {
        self.close()?;
        Ok(self.out)
    }
}

impl OpenChunk {
    /// Records that are neither in staging nor among the rejects.
    fn missing_up_to(&mut self, record_no: u64) {
        while self.next < record_no {
            self.differs = true;
            let at = RecordNo(self.next);
            self.promoted.get_or_insert_with(|| self.staging.clone()).absent(at);
            self.staging.absent(at);
            self.next += 1;
        }
    }

    fn take(
        &mut self,
        layout: &Layout,
        entry: &Entry,
        record: Option<&RawRecord<'_>>,
        raw: &[u8],
    ) -> Result<(), VerifyError> {
        let at = RecordNo(entry.record_no);
        let promotable = record.filter(|_| entry.excluded.is_none());
        match promotable {
            None => self.promoted.get_or_insert_with(|| self.staging.clone()).absent(at),
            Some(record) => {
                if let Some(promoted) = &mut self.promoted {
                    promoted.accept(layout, record)?;
                }
            }
        }
        match record {
            Some(record) => self.staging.accept(layout, record)?,
            None => self.staging.reject(at, raw),
        }
        self.next += 1;
        Ok(())
    }
}

/// Counts, sums and hashes what was read back from final: `records` source records in all.
///
/// # Errors
/// [`VerifyError`] when it could not be done.
pub async fn verify_final(
    mut blocks: Blocks,
    layout: &Layout,
    records: u64,
    progress: impl Fn(u64),
) -> Result<ControlTotals, VerifyError> {
    let mut totals = ControlTotals::starting_at(0, layout);
    while let Some(block) = blocks.recv().await {
        let block = block?;
        for (entry, bytes) in block.iter() {
            // A record number that does not ascend or is past the end belongs to no record of the source.
            if entry.record_no <= totals.tree.end() || entry.record_no > records {
                continue;
            }
            while totals.tree.end() + 1 < entry.record_no {
                totals.absent(RecordNo::from_leaf(totals.tree.end()));
            }
            match (entry.kind, entry.excluded) {
                (EntryKind::Row, None) => {
                    match record::records(bytes, layout.fields.len()).next().transpose()? {
                        Some(record) => totals.accept(layout, &record)?,
                        None => totals.absent(RecordNo(entry.record_no)),
                    }
                }
                _ => totals.absent(RecordNo(entry.record_no)),
            }
        }
        progress(totals.records);
    }
    while totals.tree.end() < records {
        totals.absent(RecordNo::from_leaf(totals.tree.end()));
    }
    Ok(totals)
}
