//! The promoter: a reconciled run's rows enter final, are read back, and become visible only if final is right.

use std::io::{BufRead, BufReader, Seek, Write};
use std::sync::Arc;

use domain::check::{self, CheckResult, Stage, Subject, Verdict};
use domain::event::Entry as LogEntry;
use domain::finding::Finding;
use domain::invariants::Invariant;
use domain::permit::Permit;
use domain::reconcile::{FinalEvidence, none_failed, reconcile_final};
use domain::totals::ControlTotals;
use shared::clock::Clock;
use shared::job::Job;
use shared::source::SourceFile;
use shared::store::walk::LedgerWalk;
use shared::store::{Fence, Promotion, Store, StoreError};

use crate::pinpoint::{ByChunk, PinpointError, SourceAgain, compare};
use crate::progress::Phase;
use crate::reconcile::add_final;
use crate::report::summary::Summary;
use crate::verify::{VerifyError, verify_final};

/// What came of a promotion.
#[derive(Debug)]
pub enum Promoted {
    /// Final is right, and visible.
    Yes,
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
    /// The time.
    pub clock: &'a dyn Clock,
    /// The job.
    pub job: &'a Arc<Job>,
    /// The right to change the run.
    pub fence: Fence,
    /// How many records the source has.
    pub records: u64,
    /// The source, to decode again what differs.
    pub source: Option<SourceFile>,
    /// Told of each phase and how far it is.
    pub progress: &'a (dyn Fn(Phase, u64) + Send + Sync),
}

impl Promote<'_> {
    /// Promotes under `permit`. `checks` are those of staging; the checks of final are added to them.
    ///
    /// # Errors
    /// [`VerifyError`] when it could not be done; nothing is promoted then.
    pub async fn run(
        self,
        permit: Permit,
        mut checks: Vec<CheckResult>,
        summary: &mut Summary,
        log: impl FnOnce(&[CheckResult]) -> LogEntry,
    ) -> Result<Promoted, VerifyError> {
        (self.progress)(Phase::Promoting, 0);
        let mut promotion = self.store.begin_promotion(self.fence, &permit, self.job).await?;
        let rows_changed = match promotion.insert().await {
            Ok(rows_changed) => rows_changed,
            Err(error @ (StoreError::FinalRefused { .. } | StoreError::LoadedMeanwhile { .. })) => {
                promotion.rollback().await?;
                let checks = vec![refused(&error, permit.expected().records, self.clock.now_ms())];
                return Ok(Promoted::No { checks, findings: FindingSpool::default() });
            }
            Err(error) => return Err(error.into()),
        };
        crate::run::stage(self.fence.run_id, "rows in final");
        (self.progress)(Phase::VerifyingFinal, 0);
        let totals = self.read_final(&mut *promotion).await?;
        crate::run::stage(self.fence.run_id, "final read back and compared");
        add_final(summary, &totals);
        let found = FinalEvidence { totals, rows_changed };
        let of_final = reconcile_final(
            &permit,
            &self.job.types(),
            &self.job.amount_names(),
            &found,
            self.clock.now_ms(),
        );
        if none_failed(&of_final) {
            checks.extend(of_final);
            promotion.commit(&checks, &text(summary)?, log(&checks)).await?;
            return Ok(Promoted::Yes);
        }
        (self.progress)(Phase::Pinpointing, 0);
        let findings = self.pinpoint(&mut *promotion).await;
        promotion.rollback().await?;
        Ok(Promoted::No { checks: of_final, findings })
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

/// The summary as it is kept.
///
/// # Errors
/// [`StoreError::Damaged`], which would be a mistake of ours.
pub fn text(summary: &Summary) -> Result<String, StoreError> {
    serde_json::to_string(summary).map_err(|error| StoreError::Damaged { what: error.to_string() })
}

/// Findings on their way into the store, in a temporary file: as many as there are, in little memory.
#[derive(Debug, Default)]
pub struct FindingSpool {
    file: Option<std::fs::File>,
    /// How many there are.
    pub count: u64,
    /// Why they may not be all.
    pub incomplete: Option<String>,
}

impl FindingSpool {
    /// Keeps a finding.
    pub fn push(&mut self, finding: &Finding) {
        if let Err(error) = self.try_push(finding) {
            self.incomplete = Some(format!("cannot write findings to a temporary file: {error}"));
        }
    }

    fn try_push(&mut self, finding: &Finding) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let mut line = serde_json::to_vec(finding)?;
        line.push(b'\n');
        file.write_all(&line)?;
        self.count += 1;
        Ok(())
    }

    /// Moves them into the store.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn keep(&mut self, store: &dyn Store, fence: Fence) -> Result<(), StoreError> {
        const GROUP: usize = 500;
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let damaged =
            |error: std::io::Error| StoreError::Damaged { what: format!("the file of findings: {error}") };
        file.rewind().map_err(damaged)?;
        let mut group = Vec::with_capacity(GROUP);
        for line in BufReader::new(file).lines() {
            let finding =
                serde_json::from_str(&line.map_err(damaged)?).map_err(|error| damaged(error.into()))?;
            group.push(finding);
            if group.len() == GROUP {
                store.keep_findings(fence, &group).await?;
                group.clear();
            }
        }
        store.keep_findings(fence, &group).await
    }
}
