//! Pinpointing: a chunk that differs is walked down to record and field, with both values and the worker.
//!
//! What should be there is decoded again from the source's own bytes; what is there comes from the table.
//! One chunk is in memory at a time.

use std::collections::HashMap;
use std::sync::Arc;

use domain::check::Stage;
use domain::finding::{Difference, Finding, field_differences};
use domain::fingerprint::Hash;
use domain::ids::{RecordNo, RunId, WorkerId};
use domain::layout::Layout;
use domain::record::{self, RawRecord};
use job::Job;
use sha2::{Digest, Sha256};
use source::SourceFile;
use store::model::{ChunkRow, Entry, EntryKind};
use store::walk::LedgerWalk;
use store::{Blocks, Store, StoreError};
use thiserror::Error;

use crate::split::again::{Expected, SourceAgain, SourceAgainError};
use crate::split::splitter::RECORDS_MAX;

/// Why differences could not be walked down.
#[derive(Debug, Error)]
pub enum PinpointError {
    /// The source cannot be read again, or is not what was loaded.
    #[error(transparent)]
    Source(#[from] SourceAgainError),
    /// The store failed while rows were read back.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was read back could not be understood.
    #[error(transparent)]
    Record(#[from] record::RecordError),
}

/// The source of a run decoded again, chunk by chunk.
#[derive(Debug)]
pub struct DecodedAgain {
    /// The root of the fingerprint over what was decoded; `None` if that is nothing.
    pub fingerprint: Option<Hash>,
    /// Chunks of which the ledger says something else.
    pub differing: Vec<u64>,
    /// For each row rule: SHA-256 over the records that break it, as [`store::Evidence::breach_digests`] has it.
    pub breaches: Vec<Hash>,
}

/// Decodes the whole source of a run again and holds the ledger's chunks against it.
///
/// # Errors
/// [`PinpointError`] when it cannot be done.
pub async fn decode_again(
    store: &dyn Store,
    run_id: RunId,
    job: &Arc<Job>,
    source: SourceFile,
) -> Result<DecodedAgain, PinpointError> {
    let mut again = SourceAgain::open(job, &source)?;
    let mut ledger = LedgerWalk::new(store, run_id);
    let mut tree = job.no_totals(0).tree;
    let mut differing = Vec::new();
    let places: Vec<_> = job.row_rules().map(|(place, _)| place).collect();
    let mut hashers = vec![Sha256::new(); places.len()];
    while let Some(row) = ledger.next().await? {
        let decoded = again.chunk(&row)?.decoded;
        for breach in &decoded.breaches {
            if let Some(hasher) =
                places.iter().position(|one| *one == breach.rule).and_then(|at| hashers.get_mut(at))
            {
                hasher.update(row.cut.chunk_no.0.to_be_bytes());
                hasher.update(breach.record_no.0.to_be_bytes());
            }
        }
        let chunk = &decoded.accepted;
        let is_known = row.committed.as_ref().is_some_and(|committed| {
            committed.tree == chunk.tree
                && committed.sums == chunk.sums
                && committed.accepted == chunk.records
                && committed.by_type == chunk.by_type
                && committed.rejected_sums == decoded.rejected_sums
                && committed.footing == decoded.footing
                // A version before 0.2.0 did not count: that is a warning of its own.
                && committed.bytes.as_ref().is_none_or(|bytes| *bytes == decoded.bytes)
        });
        let follows = tree.append(&chunk.tree).is_ok();
        if !is_known || !follows {
            differing.push(row.cut.chunk_no.0);
        }
        // Decoding is work without a pause; whoever wants to stop gets a chance between chunks.
        tokio::task::yield_now().await;
    }
    let breaches = hashers.into_iter().map(|hasher| Hash(hasher.finalize().into())).collect();
    // What does not append is among the differing; the fingerprint is then that of what did.
    Ok(DecodedAgain { fingerprint: tree.root(), differing, breaches })
}

/// Compares what is there of one chunk, in the table of one record type, with what should be, and hands each
/// difference to `found`.
///
/// # Errors
/// [`PinpointError::Record`] when a row could not be understood.
pub fn compare(
    layout: &Layout,
    stage: Stage,
    row: &ChunkRow,
    expected: &Expected,
    actual: &[EntryBytes],
    found: &mut impl FnMut(Finding),
) -> Result<(), PinpointError> {
    let fields = layout.fields.len();
    let mut rows = HashMap::new();
    for record in
        record::records(expected.decoded.rows.get(layout.among.place).map_or(&[], Vec::as_slice), fields)
    {
        let record = record?;
        rows.insert(record.record_no.0, record);
    }
    let rejects: HashMap<u64, &[u8]> =
        expected.decoded.rejects.iter().map(|one| (one.record_no.0, one.raw.as_slice())).collect();
    let first = row.cut.first_record_no.0;
    let template = |record_no: u64, difference| Finding {
        stage,
        difference,
        chunk_no: row.cut.chunk_no,
        record_no: RecordNo(record_no),
        byte_offset: record_no
            .checked_sub(first)
            .and_then(|at| expected.offsets.get(usize::try_from(at).ok()?))
            .copied(),
        field: None,
        expected: None,
        actual: None,
        worker_id: None,
    };
    let (writer, processor) =
        row.committed.as_ref().map_or((None, None), |c| (Some(c.writer), Some(c.processor)));

    let mut next = first;
    let end = first.saturating_add(row.cut.records.min(RECORDS_MAX));
    let missing = |from: u64, to: u64, found: &mut dyn FnMut(Finding)| {
        for record_no in from..to {
            // Rejects have no place in final.
            let has_place = match stage {
                Stage::Final => rows.contains_key(&record_no),
                // Of another type, it is in another table.
                _ => {
                    layout.among.is_alone()
                        || rows.contains_key(&record_no)
                        || (layout.among.has_rejects() && rejects.contains_key(&record_no))
                }
            };
            if !has_place {
                continue;
            }
            let expected = rows.get(&record_no).map(|record| describe(layout, record));
            let worker_id = if rows.contains_key(&record_no) { writer } else { processor };
            found(Finding {
                expected,
                worker_id,
                actual: Some("not there".into()),
                ..template(record_no, Difference::Missing)
            });
        }
    };
    for EntryBytes { entry, bytes } in actual {
        if entry.kind == EntryKind::Reject && !layout.among.has_rejects() {
            continue;
        }
        let worker_id = Some(WorkerId(entry.worker_id));
        if entry.record_no >= next && entry.record_no < end {
            missing(next, entry.record_no, found);
            next = entry.record_no + 1;
        } else {
            let actual = match entry.kind {
                EntryKind::Row => {
                    record::records(bytes, fields).next().transpose()?.map(|it| extra(layout, &it, &rows))
                }
                _ => Some("a reject that is not in the source".into()),
            };
            found(Finding { actual, worker_id, ..template(entry.record_no, Difference::Extra) });
            continue;
        }
        if stage == Stage::Final && entry.excluded.is_some() {
            continue;
        }
        match (entry.kind, rows.get(&entry.record_no), rejects.get(&entry.record_no)) {
            (EntryKind::Row, Some(expected), _) => {
                let actual = record::records(bytes, fields).next().transpose()?;
                for (field, expected, actual) in
                    actual.iter().flat_map(|actual| field_differences(layout, expected, actual))
                {
                    found(Finding {
                        field: Some(field.into()),
                        expected: Some(expected),
                        actual: Some(actual),
                        worker_id,
                        ..template(entry.record_no, Difference::Field)
                    });
                }
            }
            (EntryKind::Row, None, _) => {
                let actual = match layout.among.is_alone() {
                    true => "a staging row, though the source's record is a reject",
                    false => "a staging row, though the source's record is a reject or of another type",
                };
                let actual = Some(actual.into());
                found(Finding { actual, worker_id, ..template(entry.record_no, Difference::Extra) });
            }
            (EntryKind::Reject, _, Some(raw)) if *raw == bytes.as_slice() => {}
            (EntryKind::Reject, _, expected) => {
                let told = |bytes: &[u8]| match layout.masks.are_needed() {
                    // A hash without a key tells a record to whoever tries the few that it may be.
                    true => format!("{} bytes, {}", bytes.len(), layout.masks.bytes("", bytes)),
                    false => format!("{} bytes, SHA-256 {}", bytes.len(), Hash::of(bytes)),
                };
                let expected = expected.map(|raw| told(raw));
                found(Finding {
                    expected,
                    actual: Some(told(bytes)),
                    worker_id,
                    ..template(entry.record_no, Difference::RawBytes)
                });
            }
            (EntryKind::Absent, expected, _) => {
                let expected = expected.map(|record| describe(layout, record));
                found(Finding {
                    expected,
                    actual: Some("not there".into()),
                    worker_id,
                    ..template(entry.record_no, Difference::Missing)
                });
            }
        }
        let booked = if entry.kind == EntryKind::Reject { processor } else { writer };
        if stage == Stage::Staging && booked != worker_id {
            found(Finding {
                field: Some("worker_id".into()),
                expected: booked.map(|worker| format!("worker {worker}")),
                actual: Some(format!("worker {}", entry.worker_id)),
                worker_id: booked,
                ..template(entry.record_no, Difference::Worker)
            });
        }
    }
    missing(next, end, found);
    Ok(())
}

/// A record by its key, or by its first field; what is sensitive of it is masked.
fn describe(layout: &Layout, record: &RawRecord<'_>) -> String {
    let key: &[usize] = if layout.key.is_empty() { &[0] } else { &layout.key };
    let fields: Vec<_> = record.fields().collect();
    let named = key.iter().filter_map(|at| {
        Some(format!("{} {}", layout.fields.get(*at)?.name, layout.shown(*at, fields.get(*at)?)))
    });
    named.collect::<Vec<_>>().join(", ")
}

/// A row that should not be there: which record of the chunk it is a copy of, or its key.
fn extra(layout: &Layout, record: &RawRecord<'_>, rows: &HashMap<u64, RawRecord<'_>>) -> String {
    // Behind the record number the encodings are equal when the records are.
    let copied = rows
        .values()
        .filter(|other| other.bytes()[8..] == record.bytes()[8..])
        .map(|other| other.record_no)
        .min();
    match copied {
        Some(record_no) => format!("a copy of record {record_no}"),
        None => format!("a row with {}", describe(layout, record)),
    }
}

/// An entry of a read-back, with its bytes.
#[derive(Debug)]
pub struct EntryBytes {
    /// What it is, and where it is booked.
    pub entry: Entry,
    /// The entry's bytes, as they were read back.
    pub bytes: Vec<u8>,
}

/// Groups what is read back by chunk.
pub struct ByChunk {
    blocks: Blocks,
    waiting: std::collections::VecDeque<EntryBytes>,
}

impl ByChunk {
    /// From the beginning of `blocks`.
    #[must_use]
    pub fn new(blocks: Blocks) -> Self {
        Self { blocks, waiting: std::collections::VecDeque::new() }
    }

    /// Everything booked on `chunk_no` or, if nothing of them was asked for, on chunks before it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn up_to(&mut self, chunk_no: u64) -> Result<Vec<EntryBytes>, StoreError> {
        let mut taken = Vec::new();
        loop {
            while self.waiting.front().is_some_and(|one| one.entry.chunk_no <= chunk_no) {
                taken.extend(self.waiting.pop_front());
            }
            if !self.waiting.is_empty() {
                return Ok(taken);
            }
            let Some(block) = self.blocks.recv().await else { return Ok(taken) };
            let block = block?;
            self.waiting.extend(
                block.iter().map(|(entry, bytes)| EntryBytes { entry: *entry, bytes: bytes.to_vec() }),
            );
        }
    }
}
