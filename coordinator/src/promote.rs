//! The promoter: a reconciled run's rows enter final, are read back, and become visible only if final is right.

use std::sync::Arc;

use domain::check::{self, CheckResult, Stage, Subject, Verdict};
use domain::event::Entry as LogEntry;
use domain::invariants::Invariant;
use domain::permit::Permit;
use domain::reconcile::{FinalEvidence, none_failed, reconcile_final};
use domain::totals::ControlTotals;
use job::Job;
use platform::clock::Clock;
use source::SourceFile;
use store::walk::LedgerWalk;
use store::{Fence, Promotion, Store, StoreError};

use crate::progress::{Phase, stage};
use crate::report::summary::Summary;
use crate::split::again::SourceAgain;
use crate::verify::findings::FindingSpool;
use crate::verify::pinpoint::{ByChunk, PinpointError, compare};
use crate::verify::reconcile::add_final;
use crate::verify::verifier::{Verified, Verify, VerifyError, verify_final};

/// The result of a promotion.
#[derive(Debug)]
pub enum Promoted {
    /// Final is right, and visible.
    Yes,
    /// Final refused to take the rows; nothing was changed.
    Refused {
        /// The check that says so.
        check: CheckResult,
        /// Whether it may be because of a key that is not new.
        may_be_keys: bool,
    },
    /// Final was not right; everything was taken back. The checks of final, and what differed.
    No {
        /// The checks of final.
        checks: Vec<CheckResult>,
        /// What differed, if it could be walked down.
        findings: FindingSpool,
    },
}

/// What promoting works with.
pub struct Promote<'a> {
    /// The ledger and the tables.
    pub store: &'a dyn Store,
    /// The clock that the times of checks are taken from.
    pub clock: &'a dyn Clock,
    /// The job that the run executes.
    pub job: &'a Arc<Job>,
    /// The right to change the run.
    pub fence: Fence,
    /// How many records the source has.
    pub records: u64,
    /// What has final read back by the workers, and how long the source's header is, if what becomes final's lies
    /// where they can read it; otherwise the connection that promotes reads it.
    pub by_workers: Option<(Verify<'a>, u64)>,
    /// The source, to decode again what differs.
    pub source: Option<SourceFile>,
    /// Called with each phase and how far it is.
    pub progress: &'a (dyn Fn(Phase, u64) + Send + Sync),
}

impl Promote<'_> {
    /// Promotes the run under `permit`. `checks` are those of staging; the checks of final are added to them.
    ///
    /// # Errors
    /// [`VerifyError`] when it could not be done; nothing is promoted then.
    pub async fn run(
        mut self,
        permit: Permit,
        mut checks: Vec<CheckResult>,
        summary: &mut Summary,
        log: impl FnOnce(&[CheckResult]) -> LogEntry,
    ) -> Result<Promoted, VerifyError> {
        (self.progress)(Phase::Promoting, 0);
        // Model: `BeginPromotion`.
        let begin = || self.store.begin_promotion(self.fence, &permit, self.job);
        let mut promotion = fault::around!("promotion.begin", begin().await)?;
        let done = self.insert_and_read(&mut *promotion).await;
        let found = match done {
            Ok(found) => found,
            Err(VerifyError::Store(
                error @ (StoreError::FinalRefused { .. } | StoreError::LoadedMeanwhile { .. }),
            )) => {
                promotion.rollback().await?;
                let check = refused(&error, permit.expected().records, self.clock.now_ms());
                let may_be_keys = matches!(error, StoreError::FinalRefused { .. });
                return Ok(Promoted::Refused { check, may_be_keys });
            }
            Err(error) => return Err(error),
        };
        add_final(summary, &found.totals);
        let of_final = reconcile_final(
            &permit,
            &self.job.types(),
            &self.job.amount_names(),
            &found,
            self.clock.now_ms(),
        );
        if none_failed(&of_final) {
            checks.extend(of_final);
            // Model: `CommitPromotion`; if its answer is lost, the run is found to be over.
            fault::point!("promotion.verified.after");
            promotion.commit(&checks, &summary.to_json()?, log(&checks)).await?;
            return Ok(Promoted::Yes);
        }
        (self.progress)(Phase::Pinpointing, 0);
        let findings = self.pinpoint(&mut *promotion).await;
        promotion.rollback().await?;
        Ok(Promoted::No { checks: of_final, findings })
    }

    /// Brings the rows into final and reads it back. What is attached is read by the workers while it gets its index:
    /// the transaction has locked it by now.
    async fn insert_and_read(&mut self, promotion: &mut dyn Promotion) -> Result<FinalEvidence, VerifyError> {
        let by_workers = self.by_workers.take();
        let (run_id, progress) = (self.fence.run_id, self.progress);
        let reading = async {
            let Some((verify, header_bytes)) = by_workers else { return Ok(None) };
            verify.attached(header_bytes, |done| progress(Phase::VerifyingFinal, done)).await
        };
        let inserting = async {
            let rows_changed = fault::around!("promotion.insert", promotion.insert().await)?;
            stage(run_id, "rows in final");
            Ok(rows_changed)
        };
        let (rows_changed, read) = tokio::try_join!(inserting, reading)?;
        progress(Phase::VerifyingFinal, 0);
        let found = match read {
            Some(Verified { staging, .. }) => FinalEvidence {
                totals: staging.totals,
                rows_changed,
                chunks_differing: Some(staging.chunks_differing),
            },
            None => {
                let totals = self.read_final(promotion).await?;
                FinalEvidence { totals, rows_changed, chunks_differing: None }
            }
        };
        stage(run_id, "final read back and compared");
        Ok(found)
    }

    /// Reads every record type's final table back.
    async fn read_final(&self, promotion: &mut dyn Promotion) -> Result<ControlTotals, VerifyError> {
        let mut all: Option<ControlTotals> = None;
        for (place, layout) in self.job.layouts().enumerate() {
            let before = all.as_ref().map_or(0, |all| all.records);
            let blocks = promotion.read_final(place).await;
            let progress = |done| (self.progress)(Phase::VerifyingFinal, before + done);
            let totals = verify_final(blocks, layout, self.records, progress).await?;
            all = Some(match all {
                None => totals,
                Some(before) => before.beside(totals)?,
            });
        }
        Ok(all.unwrap_or_else(|| self.job.no_totals(0)))
    }

    /// Walks final's differences down while they can still be seen: they are gone with the rollback.
    async fn pinpoint(self, promotion: &mut dyn Promotion) -> FindingSpool {
        let mut spool = FindingSpool::default();
        let Some(source) = self.source else {
            spool.incomplete = Some("cannot read the source a second time".into());
            return spool;
        };
        let walked = async {
            for (place, layout) in self.job.layouts().enumerate() {
                let mut again = SourceAgain::open(self.job, &source)?;
                let mut ledger = LedgerWalk::new(self.store, self.fence.run_id);
                let mut by_chunk = ByChunk::new(promotion.read_final(place).await);
                while let Some(row) = ledger.next().await? {
                    let actual = by_chunk.up_to(row.cut.chunk_no.0).await?;
                    let expected = again.chunk(&row)?;
                    compare(layout, Stage::Final, &row, &expected, &actual, &mut |finding| {
                        spool.push(&finding)
                    })?;
                }
            }
            Ok::<_, PinpointError>(())
        };
        if let Err(error) = walked.await {
            spool.incomplete = Some(error.to_string());
        }
        spool
    }
}

/// The check that fails when final does not take the rows at all.
fn refused(error: &StoreError, records: u64, at_ms: i64) -> CheckResult {
    let subject = Subject::new(Stage::Final, Invariant::FinalBalances, "rows taken by final");
    let mut check = check::count(subject, records, 0, error.to_string(), at_ms);
    // Also where nothing was to be promoted: it was refused all the same.
    check.verdict = Verdict::Fail;
    check
}
