//! The verifier: what workers read back from staging, compared chunk by chunk with what the ledger says; and final,
//! read back by the connection that promotes.
//!
//! It trusts neither: the table's rows were counted, summed and hashed again, and the ledger's figures come
//! from the source's bytes by way of the processors.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use broker::BrokerError;
use domain::bytes::ByteEvidence;
use domain::footing::{Fold, Footing, FootingError, Given, Outcome};
use domain::ids::RecordNo;
use domain::layout::Layout;
use domain::lifecycle::ChunkState;
use domain::reconcile::{DecodedBeside, LedgerEvidence, ReadBack};
use domain::record;
use domain::totals::{ControlTotals, TotalsError};
use job::Job;
use post::{Post, PostError};
use store::model::{ChunkRange, ChunkRow, EntryKind, Readback};
use store::readback::{ChunkFound, Found};
use store::walk::LedgerWalk;
use store::{Blocks, Fence, Store, StoreError};
use thiserror::Error;
use tokio::time::Instant;
use wire::{CodecError, RangeFound, codec};

use crate::load::collector::Reports;
use crate::load::ranges::{OF_FINAL, Ranges};

/// How many differing chunks are remembered for pinpointing in detail. What lies beyond is counted.
const DIFFERING_MAX: usize = 100_000;

/// After this long without a report, the store is asked whether a range was read back.
const SILENCE: Duration = Duration::from_millis(250);

/// After this long, a range that was not read back is handed out again.
const OVERDUE: Duration = Duration::from_secs(30);

/// After this long without a range of final that was read back, the connection that promotes reads final itself: others
/// wait for it.
const NOT_READ: Duration = Duration::from_secs(20);

/// How many ranges are fetched at a time.
const RANGES_MAX: u32 = 8;

/// Why verification could not be done.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The store failed while the run was verified.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker failed while ranges were handed out.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A range could not be handed out.
    #[error("cannot hand out a range of chunks to read back: {0}")]
    HandOut(CodecError),
    /// A range could not be read back.
    #[error("cannot read back the chunks from {first} on: {reason}")]
    ReadBack {
        /// The first chunk of the range.
        first: u64,
        /// Why the range could not be read back, in words.
        reason: String,
    },
    /// A sum does not fit.
    #[error(transparent)]
    Totals(#[from] TotalsError),
    /// A row that was read back could not be understood.
    #[error(transparent)]
    Record(#[from] record::RecordError),
}

impl From<PostError> for VerifyError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Broker(error) => Self::Broker(error),
            PostError::Codec(error) => Self::HandOut(error),
            PostError::Store(error) => Self::Store(error),
        }
    }
}

/// What the ledger and staging hold of a run.
#[derive(Debug)]
pub struct Verified {
    /// What the ledger holds of the run.
    pub ledger: LedgerEvidence,
    /// What was read back from the staging tables.
    pub staging: ReadBack,
    /// What final must turn out to hold.
    pub to_promote: ControlTotals,
    /// What the coordinator decoded itself, against what was committed.
    pub decoded_beside: DecodedBeside,
    /// Chunks that differ, for pinpointing; at most `DIFFERING_MAX`.
    pub differing: Vec<u64>,
    /// Where the bytes of the committed chunks went.
    pub bytes: ByteEvidence,
    /// Bytes that the chunks cover, the source's header among them.
    pub bytes_tiled: u64,
    /// The first place where chunks do not follow each other.
    pub first_gap: Option<u64>,
    /// The result for the totals that the source's records declare; why they could not be put together, if the ledger
    /// does not hold them whole.
    pub footing: Option<Result<Outcome, FootingError>>,
}

/// What verifying works with.
pub struct Verify<'a> {
    /// Where ranges go, sealed.
    pub post: &'a Post,
    /// The ledger, and what was found.
    pub store: &'a dyn Store,
    /// The job that the run executes.
    pub job: &'a Arc<Job>,
    /// The right to change the run.
    pub fence: Fence,
    /// What was handed out while loading, and is handed out now.
    pub ranges: &'a Ranges,
    /// What workers report of this run, as it arrives.
    pub reports: &'a mut Reports,
    /// What declared values are compared with.
    pub given: Given,
}

impl Verify<'_> {
    /// The same, for one pass.
    pub fn again(&mut self) -> Verify<'_> {
        let Self { post, store, job, fence, ranges, reports, given } = self;
        Verify { post, store: *store, job, fence: *fence, ranges, reports, given: given.clone() }
    }

    /// Has staging read back by the workers and compares it with the ledger, once the rules are applied. `excludes`:
    /// whether they keep records out of final. What was read back while the run was loading does not know of these,
    /// so that it is read again then.
    ///
    /// # Errors
    /// [`VerifyError`] when it could not be done; a difference is not an error.
    pub async fn staging(
        mut self,
        header_bytes: u64,
        excludes: bool,
        progress: impl Fn(u64),
    ) -> Result<Verified, VerifyError> {
        // As many as there are in the ledger, whatever it says of their number: the last range has no end.
        let chunks = self.store.progress(self.fence.run_id).await?.split;
        let is_new = self.ranges.closed().is_empty();
        let rest = self.ranges.rest(chunks);
        if is_new || !excludes {
            for range in rest {
                self.hand_out(self.ranges, range).await?;
            }
            return self.collect(self.ranges, header_bytes, progress).await;
        }
        let again = self.ranges.once_more(self.ranges.pass + 1);
        for range in again.closed() {
            self.hand_out(&again, range).await?;
        }
        self.collect(&again, header_bytes, progress).await
    }

    /// Has the run's partitions of staging read back by the workers once more, which become final's. The caller holds
    /// a lock on them, so that no one changes them after this. `None`: no worker did it in time, or none can.
    ///
    /// # Errors
    /// [`VerifyError`] when it could not be done; a difference is not an error.
    pub async fn attached(
        mut self,
        header_bytes: u64,
        progress: impl Fn(u64),
    ) -> Result<Option<Verified>, VerifyError> {
        let ranges = self.ranges.once_more(self.ranges.pass + OF_FINAL);
        for range in ranges.closed() {
            self.hand_out(&ranges, range).await?;
        }
        let (done, mut seen) = (AtomicU64::new(0), 0);
        let run_id = self.fence.run_id;
        let mut reading = pin!(self.collect(&ranges, header_bytes, |records| {
            done.fetch_add(1, Ordering::Relaxed);
            progress(records);
        }));
        loop {
            let why = match tokio::time::timeout(NOT_READ, &mut reading).await {
                Ok(Ok(found)) => return Ok(Some(found)),
                Ok(Err(VerifyError::ReadBack { reason, .. })) => reason,
                Ok(Err(error)) => return Err(error),
                Err(_) if done.load(Ordering::Relaxed) > seen => {
                    seen = done.load(Ordering::Relaxed);
                    continue;
                }
                Err(_) => format!("no worker read a range of it within {} s", NOT_READ.as_secs()),
            };
            tracing::warn!(%run_id, %why, "the workers did not read final back; the coordinator does");
            return Ok(None);
        }
    }

    async fn hand_out(&self, ranges: &Ranges, range: ChunkRange) -> Result<(), VerifyError> {
        Ok(ranges.hand_out(self.post, self.fence, range).await?)
    }

    /// Takes what was found, range by range in order, as it comes.
    async fn collect(
        &mut self,
        ranges: &Ranges,
        header_bytes: u64,
        progress: impl Fn(u64),
    ) -> Result<Verified, VerifyError> {
        let mut comparison = Comparison::new(self.job, header_bytes, &self.given);
        let mut ledger = LedgerWalk::new(self.store, self.fence.run_id);
        let mut at_hand = VecDeque::new();
        for range in ranges.closed() {
            let found = self.found(ranges, range, &mut at_hand).await?;
            for chunk in found.chunks {
                comparison.up_to(&mut ledger, chunk).await?;
            }
            let strays = &mut comparison.out.staging;
            strays.stray_rows += found.stray_rows;
            strays.totals.records += found.stray_rows;
            strays.totals.sums.merge(&found.stray_sums)?;
            progress(strays.totals.records);
        }
        while let Some(row) = ledger.next().await? {
            comparison.compare(&row, None)?;
        }
        let footing = comparison.fold.take().map(|fold| fold.and_then(Fold::finish));
        Ok(Verified { footing, ..comparison.out })
    }

    /// Waits until `range` was read back.
    async fn found(
        &mut self,
        ranges: &Ranges,
        range: ChunkRange,
        at_hand: &mut VecDeque<Readback>,
    ) -> Result<Found, VerifyError> {
        let (first, run_id) = (range.first, self.fence.run_id);
        let mut since = Instant::now();
        let body = loop {
            if at_hand.is_empty() {
                let fetch = || self.store.readbacks(run_id, ranges.pass, first, RANGES_MAX);
                *at_hand = fault::around!("readbacks.fetch", fetch().await)?.into();
            }
            // A range of another end than was handed out is none of ours.
            let place = at_hand.iter().position(|one| one.range == range);
            if let Some(Readback { body, .. }) = place.and_then(|place| at_hand.drain(..=place).next_back()) {
                break body;
            }
            at_hand.clear();
            if let Ok(None) = tokio::time::timeout(SILENCE, self.reports.next()).await {
                return Err(BrokerError::Closed.into());
            }
            if since.elapsed() >= OVERDUE {
                since = Instant::now();
                tracing::warn!(
                    %run_id,
                    first,
                    end = range.end,
                    "no worker has read this range back; handing it out again"
                );
                self.hand_out(ranges, range).await?;
            }
        };
        let bad = |reason: String| VerifyError::ReadBack { first, reason };
        let found: RangeFound = codec::decode(&body).map_err(|error| bad(error.to_string()))?;
        match found.failure {
            Some(reason) => Err(bad(reason)),
            None => Found::try_from(found).map_err(|error| bad(error.to_string())),
        }
    }
}

/// The ledger and what was found, side by side, chunk by chunk.
struct Comparison<'a> {
    job: &'a Job,
    out: Verified,
    /// Where the next chunk should begin.
    offset: u64,
    fold: Option<Result<Fold, FootingError>>,
}

impl<'a> Comparison<'a> {
    fn new(job: &'a Job, header_bytes: u64, given: &Given) -> Self {
        let totals = || job.no_totals(0);
        let ledger = LedgerEvidence {
            chunks: 0,
            bytes: 0,
            chunks_unbalanced: 0,
            records: 0,
            rejected: 0,
            accepted: totals(),
            rejected_sums: job.no_sums(),
        };
        let staging = ReadBack { totals: totals(), rejects: 0, stray_rows: 0, chunks_differing: 0 };
        let out = Verified {
            ledger,
            staging,
            to_promote: totals(),
            decoded_beside: DecodedBeside::default(),
            differing: Vec::new(),
            bytes: ByteEvidence::none(job.records.len()),
            bytes_tiled: header_bytes,
            first_gap: None,
            footing: None,
        };
        let fold = job.footing.as_ref().map(|plan| Ok(Fold::new(plan, given.clone())));
        Self { job, out, offset: header_bytes, fold }
    }

    /// Walks the ledger up to the chunk that was found, and compares it.
    async fn up_to(&mut self, ledger: &mut LedgerWalk<'_>, found: ChunkFound) -> Result<(), VerifyError> {
        while let Some(row) = ledger.next().await? {
            let chunk_no = row.cut.chunk_no.0;
            if chunk_no == found.chunk_no {
                return self.compare(&row, Some(&found));
            }
            self.compare(&row, None)?;
        }
        // The ledger had it when it was read back, and has it no more: its rows belong to no chunk.
        self.out.staging.stray_rows += found.totals.records;
        self.out.staging.totals.records += found.totals.records;
        Ok(self.out.staging.totals.sums.merge(&found.totals.sums)?)
    }

    /// Compares one chunk of the ledger with what was found of it.
    fn compare(&mut self, row: &ChunkRow, found: Option<&ChunkFound>) -> Result<(), VerifyError> {
        let cut = &row.cut;
        if cut.offset != self.offset {
            self.out.first_gap.get_or_insert(self.offset);
        }
        self.offset = cut.offset + cut.bytes;
        self.out.bytes_tiled += cut.bytes;
        let ledger = &mut self.out.ledger;
        let mut differs = found.is_none_or(|found| found.is_irregular);
        if let (ChunkState::Committed, Some(committed)) = (row.state, &row.committed) {
            ledger.chunks += 1;
            ledger.bytes += committed.bytes_in;
            ledger.records += committed.records_in;
            ledger.rejected += committed.rejected;
            self.out.bytes.chunk(cut.chunk_no.0, cut.bytes, committed.bytes.as_ref());
            let balanced = committed.accepted + committed.rejected == committed.records_in
                && committed.records_in == cut.records;
            ledger.chunks_unbalanced += u64::from(!balanced);
            ledger.rejected_sums.merge(&committed.rejected_sums)?;
            if let Some(decoded) = cut.decoded {
                let is_same = committed.content == Some(decoded);
                let beside = &mut self.out.decoded_beside;
                beside.chunks += 1;
                beside.records += cut.records;
                beside.differing += u64::from(!is_same);
                differs |= !is_same;
            }
            let accepted = ControlTotals {
                records: committed.accepted,
                by_type: committed.by_type.clone(),
                sums: committed.sums.clone(),
                tree: committed.tree.clone(),
            };
            if let (Some(Ok(fold)), Some(plan)) = (&mut self.fold, &self.job.footing) {
                let folded =
                    Footing::from_bytes(plan, &committed.footing).and_then(|footing| fold.chunk(&footing));
                // A chunk that is missing from the ledger, or altered in it: a difference, no error.
                if let Err(fault) = folded {
                    self.fold = Some(Err(fault));
                }
            }
            // A tree that does not fit in is a damaged ledger: the fingerprint is then left short, and differs.
            differs |= ledger.accepted.merge(&accepted).is_err();
        }
        let empty = self.job.no_totals(cut.first_record_no.leaf());
        let (totals, rejects) = found.map_or((&empty, 0), |found| (&found.totals, found.rejects));
        let promoted = found.and_then(|found| found.promoted.as_ref());
        // A chunk that does not begin where the one before it ended is of a damaged ledger: a difference, no error.
        for (sum, of_chunk) in
            [(&mut self.out.to_promote, promoted.unwrap_or(totals)), (&mut self.out.staging.totals, totals)]
        {
            match sum.merge(of_chunk) {
                Err(TotalsError::Range(_)) => differs = true,
                merged => merged?,
            }
        }
        let agrees = row.committed.as_ref().is_some_and(|committed| {
            committed.tree == totals.tree
                && committed.accepted == totals.records
                && committed.by_type == totals.by_type
                && committed.sums == totals.sums
                && committed.rejected == rejects
        });
        if differs || !agrees {
            self.out.staging.chunks_differing += 1;
            if self.out.differing.len() < DIFFERING_MAX {
                self.out.differing.push(cut.chunk_no.0);
            }
        }
        self.out.staging.rejects += rejects;
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
                totals.unseen(layout, RecordNo::from_leaf(totals.tree.end()));
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
        totals.unseen(layout, RecordNo::from_leaf(totals.tree.end()));
    }
    Ok(totals)
}
