//! What is done about a run whose staging the database server lost in a crash, because the job has it not logged
//! (`durability = "redrive"`): the chunks that the ledger has as committed are loaded into staging again, from the
//! source.
//!
//! The ledger stays as it is: what a chunk holds, who processed and who wrote it, its rejects. What is put back is read
//! back and compared with it like everything else.

use std::sync::Arc;

use domain::event_kind::EventKind;
use domain::ids::ChunkNo;
use job::Job;
use serde_json::json;
use store::model::Run;
use store::{Fence, StoreError};
use wire::Batch;

use crate::context::coordinator::Coordinator;
use crate::progress::Phase;
use crate::run::ending::Drive;
use crate::run::error::RunError;
use crate::split::again::{SourceAgain, SourceAgainError};

/// How many of the chunks that are missing are listed at a time.
const GAPS_MAX: u32 = 100_000;

impl Coordinator {
    /// Puts back what the run's staging lost, if it lost anything. All of the run's chunks are committed.
    pub(crate) async fn restage(
        &self,
        run: &Run,
        job: &Arc<Job>,
        fence: Fence,
        how: &Drive,
    ) -> Result<(), RunError> {
        if !self.store.is_staging_lost(job, run.run_id).await? {
            return Ok(());
        }
        tracing::warn!("the server lost unlogged staging in a crash; loading committed chunks into it again");
        self.phase(Phase::Loading, run.split.map_or(0, |split| split.records));
        let source = self.open_source(run, job, how)?;
        let (mut chunks, mut records) = (0_u64, 0);
        // The list is made again until it is empty: the server may crash once more.
        loop {
            let gaps = self.store.staging_gaps(fence, job, GAPS_MAX).await?;
            if gaps.is_empty() {
                break;
            }
            let mut again = SourceAgain::open(job, &source)?;
            for chunk_no in gaps {
                records += self.restage_chunk((run, chunk_no), job, fence, &mut again).await?;
                chunks += 1;
                self.watch.send_modify(|now| now.done = records);
            }
        }
        let detail = json!({ "chunks": chunks, "records": records });
        let entry = self.entry(run.run_id, EventKind::StagingRestored, &detail);
        self.store.log_under(fence, entry).await?;
        Ok(())
    }

    /// Puts the rows of one chunk back that staging lacks, and says how many. A chunk that would still lack them is an
    /// error: it would be listed again without end.
    async fn restage_chunk(
        &self,
        (run, chunk_no): (&Run, ChunkNo),
        job: &Arc<Job>,
        fence: Fence,
        again: &mut SourceAgain,
    ) -> Result<u64, RunError> {
        let row = self.store.chunks(run.run_id, chunk_no.0, 1).await?.pop();
        let Some((row, committed)) = row
            .filter(|row| row.cut.chunk_no == chunk_no)
            .and_then(|row| row.committed.clone().map(|committed| (row, committed)))
        else {
            let what = format!("chunk {chunk_no} of run {} is committed, and it is not", run.run_id);
            return Err(StoreError::Damaged { what }.into());
        };
        let decoded = again.chunk(&row)?.decoded;
        let batch = Batch::of(run.run_id.to_bytes(), &row.cut, decoded, committed.processor);
        let accepted = batch.accepted;
        if accepted != committed.accepted {
            let reason = format!("it has {accepted} accepted records, and had {}", committed.accepted);
            return Err(SourceAgainError::Decode { chunk_no, reason }.into());
        }
        self.store.restage(fence, job, batch, committed.writer).await?;
        Ok(accepted)
    }

    /// Refuses to judge a run by staging that the server has just lost: it is driven again, and put back first.
    pub(crate) async fn staging_stands(&self, run: &Run, job: &Job) -> Result<(), RunError> {
        if self.store.is_staging_lost(job, run.run_id).await? { Err(RunError::StagingLost) } else { Ok(()) }
    }
}
