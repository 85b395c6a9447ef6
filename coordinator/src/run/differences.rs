//! What is done about a run whose staging differs from its source: each difference is walked down, named and kept.

use std::sync::Arc;

use domain::check::Stage;
use domain::finding::{Difference, Finding};
use domain::footing::FootingFinding;
use domain::ids::{ChunkNo, RecordNo};
use job::Job;
use source::{SourceError, SourceFile};
use store::Fence;
use store::model::{ChunkRange, EntryKind, Run, SplitTotals};
use store::walk::LedgerWalk;

use crate::context::coordinator::Coordinator;
use crate::progress::Phase;
use crate::run::ending::Drive;
use crate::run::error::RunError;
use crate::split::again::{SourceAgain, SourceAgainError};
use crate::verify::findings::FindingSpool;
use crate::verify::pinpoint::{ByChunk, PinpointError, compare};

impl Coordinator {
    /// Walks the chunks that differ down to records and fields, and keeps what is found.
    pub(crate) async fn pinpoint_staging(
        &self,
        run: &Run,
        fence: Fence,
        job: &Arc<Job>,
        how: &Drive,
        split: &SplitTotals,
        differing: &[u64],
    ) -> Result<(), RunError> {
        self.phase(Phase::Pinpointing, differing.len() as u64);
        let mut spool = FindingSpool::default();
        if !differing.is_empty() {
            let walked = match self.open_source(run, job, how) {
                Ok(source) if source.bytes_on_disk().is_some() => {
                    self.walk_down(run, job, source, differing, &mut spool).await
                }
                Ok(source) => {
                    let location = source.location().clone();
                    Err(SourceAgainError::Source(SourceError::NotRepeatable { location }).into())
                }
                Err(error) => Err(SourceAgainError::Decode {
                    chunk_no: ChunkNo(differing[0]),
                    reason: error.to_string(),
                }
                .into()),
            };
            if let Err(error) = walked {
                tracing::warn!(run_id = %run.run_id, %error, "cannot trace the differences to records");
            }
        }
        self.strays(run, job, split, &mut spool).await?;
        Ok(spool.keep(&*self.store, fence).await?)
    }

    /// Keeps what does not foot, each with the chunk that it lies in.
    pub(crate) async fn name_footing(
        &self,
        run: &Run,
        fence: Fence,
        found: &[FootingFinding],
    ) -> Result<(), RunError> {
        let mut found: Vec<_> = found.to_vec();
        found.sort_by_key(|one| one.record_no);
        let mut findings = Vec::with_capacity(found.len());
        let mut ledger = LedgerWalk::new(&*self.store, run.run_id);
        let mut row = ledger.next().await?;
        for one in found {
            while row
                .as_ref()
                .is_some_and(|row| row.cut.first_record_no.0 + row.cut.records <= one.record_no.0)
            {
                row = ledger.next().await?;
            }
            let field = match &one.field {
                Some(field) => format!("{}: {field}", one.control),
                None => one.control.clone(),
            };
            findings.push(Finding {
                stage: Stage::Declared,
                difference: Difference::DoesNotFoot,
                chunk_no: row.as_ref().map_or(ChunkNo(0), |row| row.cut.chunk_no),
                record_no: one.record_no,
                byte_offset: None,
                field: Some(field),
                expected: Some(one.expected),
                actual: Some(match one.why {
                    Some(why) => format!("{} ({why})", one.actual),
                    None => one.actual,
                }),
                worker_id: None,
            });
        }
        Ok(self.store.keep_findings(fence, &findings).await?)
    }

    async fn walk_down(
        &self,
        run: &Run,
        job: &Arc<Job>,
        source: SourceFile,
        differing: &[u64],
        spool: &mut FindingSpool,
    ) -> Result<(), PinpointError> {
        let mut again = SourceAgain::open(job, &source)?;
        for chunk_no in differing {
            let Some(row) = self.store.chunks(run.run_id, *chunk_no, 1).await?.pop() else { continue };
            let expected = again.chunk(&row)?;
            let range = ChunkRange { first: *chunk_no, end: chunk_no + 1 };
            let before = spool.count;
            for layout in job.layouts() {
                let blocks = self.store.read_staging(run.run_id, layout, range).await;
                let actual = ByChunk::new(blocks).up_to(*chunk_no).await?;
                let mut found = |finding| spool.push(&finding);
                compare(layout, Stage::Staging, &row, &expected, &actual, &mut found)?;
            }
            if spool.count == before {
                // Every record is as the source has it, so it is the ledger's own entry that is wrong.
                spool.push(&Finding {
                    stage: Stage::Staging,
                    difference: Difference::Field,
                    chunk_no: row.cut.chunk_no,
                    record_no: row.cut.first_record_no,
                    byte_offset: Some(row.cut.offset),
                    field: Some("the ledger's entry of the chunk".into()),
                    expected: Some("the counts, sums and digest of its records".into()),
                    actual: Some("others".into()),
                    worker_id: row.committed.as_ref().map(|committed| committed.writer),
                });
            }
            self.watch.send_modify(|now| now.done += 1);
        }
        Ok(())
    }

    /// Rows booked on chunks that the source never had.
    async fn strays(
        &self,
        run: &Run,
        job: &Arc<Job>,
        split: &SplitTotals,
        spool: &mut FindingSpool,
    ) -> Result<(), RunError> {
        let range = ChunkRange { first: split.chunks, ..ChunkRange::ALL };
        for layout in job.layouts() {
            let mut blocks = self.store.read_staging(run.run_id, layout, range).await;
            while let Some(block) = blocks.recv().await {
                for (entry, _) in block?.iter() {
                    if entry.kind == EntryKind::Reject && !layout.among.has_rejects() {
                        continue;
                    }
                    spool.push(&Finding {
                        stage: Stage::Staging,
                        difference: Difference::Extra,
                        chunk_no: ChunkNo(entry.chunk_no),
                        record_no: RecordNo(entry.record_no),
                        byte_offset: None,
                        field: None,
                        expected: None,
                        actual: Some("a row of a chunk that the source does not have".into()),
                        worker_id: Some(domain::ids::WorkerId(entry.worker_id)),
                    });
                }
            }
        }
        Ok(())
    }
}
