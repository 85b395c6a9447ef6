//! A chunk's way into staging, and what of it is the same in every database: the ledger's part.

use std::sync::Arc;

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::amount::Amount;
use domain::bytes::ByteShares;
use domain::ids::{ChunkNo, RunId, WorkerId};
use domain::layout::Layout;
use domain::rule::RuleOutcome;
use domain::start::{Objection, may_commit};
use job::Job;
use wire::{Batch, Reject, WireAmount};

use crate::database::Connection;
use crate::model::{ChunkRange, CommitOutcome};
use crate::param::{Column, Insert, Param};
use crate::{Blocks, Fence, StoreError, damaged, params};

/// The job's staging tables: each adapter moves rows in bulk in its own way.
#[async_trait]
#[delegatable_trait]
pub trait Staging: Send + Sync {
    /// Makes the job's tables where they are missing.
    ///
    /// # Errors
    /// [`StoreError::TableDiffers`] when one is there and differs; nothing is changed then.
    async fn prepare(&self, job: &Job) -> Result<(), StoreError>;
    /// Makes what the run's rows will lie in, so that writers need not have the right to make tables. A database that
    /// makes nothing for a run has nothing to do.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn prepare_run(&self, _job: &Job, _run_id: RunId) -> Result<(), StoreError> {
        Ok(())
    }
    /// Commits a batch: ledger entry, rows, rejects and breaches, in one transaction, exactly once.
    ///
    /// # Errors
    /// [`StoreError`] of the database; whether it was committed is then not known.
    async fn commit(
        &self,
        job: &Arc<Job>,
        batch: Batch,
        writer: WorkerId,
    ) -> Result<CommitOutcome, StoreError>;
    /// Reads staging back: the rows of one record type, and the rejects.
    async fn read_staging(&self, run_id: RunId, layout: &Arc<Layout>, range: ChunkRange) -> Blocks;
    /// Whether the database lost what the run had staged, and nobody has put it back since. Only where the job says
    /// that staging need not survive a crash of the server.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn is_staging_lost(&self, _job: &Job, _run_id: RunId) -> Result<bool, StoreError> {
        Ok(false)
    }
    /// The committed chunks of which staging lacks the accepted records: the first `max` of them, ascending. If there
    /// are none, staging counts as whole from now on.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn staging_gaps(&self, _fence: Fence, _job: &Job, _max: u32) -> Result<Vec<ChunkNo>, StoreError> {
        Ok(Vec::new())
    }
    /// Puts the rows of a committed chunk back into staging, as rows of the writer that committed it. The ledger has
    /// all the rest of it. The chunk is one that [`Staging::staging_gaps`] named under the same fence.
    ///
    /// # Errors
    /// [`StoreError`] of the database; nothing was put back then.
    async fn restage(
        &self,
        _fence: Fence,
        _job: &Arc<Job>,
        batch: Batch,
        _writer: WorkerId,
    ) -> Result<(), StoreError> {
        Err(damaged(format!("chunk {}: staging has its rows, and they were to be put back", batch.chunk_no)))
    }
}

impl From<Objection> for CommitOutcome {
    fn from(objection: Objection) -> Self {
        match objection {
            Objection::AlreadyThere => Self::AlreadyThere,
            Objection::RunClosed => Self::RunClosed,
            Objection::OtherBytes => Self::OtherBytes,
        }
    }
}

/// What stands against committing the batch; `None`: nothing does. `lock`: how the chunk's row is locked.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn stands_against(
    connection: &mut dyn Connection,
    batch: &Batch,
    lock: &str,
) -> Result<Option<CommitOutcome>, StoreError> {
    let sql = format!(
        "SELECT c.state, c.sha256, c.bytes, c.first_record_no, r.state AS run_state
         FROM crossfoot_chunk c JOIN crossfoot_run r ON r.run_id = c.run_id
         WHERE c.run_id = $1 AND c.chunk_no = $2 {lock}"
    );
    let found =
        connection.fetch_first(&sql, params![RunId::from_bytes(batch.run_id), batch.chunk_no]).await?;
    let Some(found) = found else { return Ok(Some(CommitOutcome::RunClosed)) };
    let is_of_these_bytes = found.get::<Vec<u8>>("sha256")? == batch.sha256
        && found.get::<u64>("bytes")? == batch.bytes_in
        && found.get::<u64>("first_record_no")? == batch.first_record_no;
    // Model: `CommitBatch` asks this, in its transaction.
    let objection = may_commit(found.parsed("state")?, found.parsed("run_state")?, is_of_these_bytes);
    Ok(objection.err().map(CommitOutcome::from))
}

/// What the ledger keeps of a batch, made ready before anything is locked.
#[derive(Clone)]
pub struct Booking {
    book: Vec<Param>,
    rows: Vec<Insert>,
}

fn amounts(amounts: &[WireAmount]) -> Result<String, StoreError> {
    let amounts: Result<Vec<Amount>, _> = amounts.iter().map(|amount| (*amount).try_into()).collect();
    crate::json(&amounts.map_err(|error| damaged(format!("a sum in a batch: {error}")))?)
}

fn reject_rows(batch: &Batch) -> Result<[Insert; 2], StoreError> {
    let run_id = RunId::from_bytes(batch.run_id);
    let rejects = Insert::into("crossfoot_reject")
        .same("run_id", run_id)
        .same("chunk_no", batch.chunk_no)
        .same("worker_id", batch.processor)
        .each("record_no", Column::counts(&batch.rejects, |one| one.record_no)?)
        .each("offset_bytes", Column::counts(&batch.rejects, |one| one.offset)?)
        .each("raw", Column::Bytes(batch.rejects.iter().map(|one| Some(one.raw.clone())).collect()));
    let reasons = |one: &'_ Reject| one.reasons.len();
    let numbers = batch.rejects.iter().flat_map(|one| std::iter::repeat_n(one.record_no, reasons(one)));
    let numbers: Vec<_> = numbers.collect();
    let places = batch.rejects.iter().flat_map(|one| (0_i64..).take(reasons(one)));
    let all = || batch.rejects.iter().flat_map(|one| &one.reasons);
    let reasons = Insert::into("crossfoot_reject_reason")
        .same("run_id", run_id)
        .each("record_no", Column::counts(&numbers, |number| *number)?)
        .each("reason_no", Column::Integers(places.collect()))
        .each("field", Column::Texts(all().map(|reason| reason.field.clone()).collect()))
        .each("code", Column::Texts(all().map(|reason| Some(reason.code.clone())).collect()))
        .each("detail", Column::Words(all().map(|reason| reason.detail.clone()).collect()));
    Ok([rejects, reasons])
}

impl Booking {
    /// What the ledger keeps of `batch`, committed by `writer`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the batch holds what no ledger can.
    pub fn of(batch: &Batch, writer: WorkerId) -> Result<Self, StoreError> {
        let run_id = RunId::from_bytes(batch.run_id);
        let rules: Vec<RuleOutcome> = batch.rules.iter().copied().map(Into::into).collect();
        let book = params![
            run_id,
            batch.chunk_no,
            batch.processor,
            writer,
            batch.bytes_in,
            batch.records_in,
            batch.accepted,
            batch.rejects.len() as u64,
            amounts(&batch.sums)?,
            amounts(&batch.rejected_sums)?,
            batch.tree.as_slice(),
            crate::json(&rules)?,
            crate::json(&batch.by_type)?,
            batch.footing.as_slice(),
            batch.content().0.as_slice(),
            crate::json(&ByteShares::from(&batch.shares))?,
        ];
        let breaches = Insert::into("crossfoot_breach")
            .same("run_id", run_id)
            .same("chunk_no", batch.chunk_no)
            .each("rule_no", Column::counts(&batch.breaches, |breach| breach.rule.into())?)
            .each("record_no", Column::counts(&batch.breaches, |breach| breach.record_no)?);
        let [rejects, reasons] = reject_rows(batch)?;
        Ok(Self { book, rows: vec![rejects, reasons, breaches] })
    }

    /// Records the chunk as committed, and stores its rejects and breaches.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn put(self, connection: &mut dyn Connection) -> Result<(), StoreError> {
        let sql = "UPDATE crossfoot_chunk SET state = 'committed', processor_id = $3, writer_id = $4, bytes_in = $5,
                   records_in = $6, accepted = $7, rejected = $8, sums = $9, rejected_sums = $10, tree = $11,
                   rules = $12, by_type = $13, footing = $14, content = $15,
                   byte_shares = $16, reason = NULL
                   WHERE run_id = $1 AND chunk_no = $2";
        connection.execute(sql, self.book).await?;
        for rows in self.rows {
            if rows.rows() > 0 {
                connection.insert(rows).await?;
            }
        }
        Ok(())
    }
}
