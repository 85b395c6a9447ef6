//! The stages of a run's drive: loading, and settling what was loaded: reconcile it, then promote it, pause it or
//! fail it.

use std::sync::Arc;

use domain::check::CheckResult;
use domain::event_kind::EventKind;
use domain::lifecycle::RunEvent;
use domain::reconcile::{Reconciliation, key_checks, none_failed};
use domain::report::CheckCounts;
use domain::travel::Travel;
use job::Job;
use platform::trace::{self, Kind};
use serde_json::json;
use store::model::Run;
use store::rules::Keys;
use store::{Fence, StoreError};

use crate::context::coordinator::Coordinator;
use crate::load::Load;
use crate::load::collector::Reports;
use crate::load::ranges::Ranges;
use crate::load::window::AskedWindow;
use crate::progress::{Phase, stage};
use crate::promote::{Promote, Promoted};
use crate::report::summary::Summary;
use crate::run::ending::{Drive, Ending};
use crate::run::error::RunError;
use crate::split::splitter::ChunkLimits;
use crate::verify::reconcile::{Reconcile, StagingOutcome, failed_names, given, key_evidence};
use crate::verify::verifier::Verify;

impl Coordinator {
    /// Loads the source to its last chunk, unless the ledger has it whole already, and books the run as staged.
    pub(crate) async fn load(
        &self,
        run: Run,
        fence: Fence,
        (job, asked): (&Arc<Job>, &AskedWindow),
        how: &Drive,
        ranges: &Ranges,
        reports: &mut Reports,
    ) -> Result<Run, RunError> {
        fault::around!("tables.prepare", self.store.prepare(job).await)?;
        self.store.prepare_run(job, run.run_id).await?;
        let progress = self.store.progress(run.run_id).await?;
        let is_loaded = run.split.is_some_and(|split| split.chunks == progress.committed);
        let reopen =
            || self.open_source(&run, job, how).ok().filter(|source| source.bytes_on_disk().is_some());
        let source = if is_loaded { None } else { Some(self.open_source(&run, job, how)?) };
        let travel = match &source {
            Some(source) => self.travel_of(&run, source, how)?,
            None => self.travel,
        };
        if travel == Travel::ByReference && fence.epoch > 1 {
            self.store.forget_handed_back(fence).await?;
        }
        let load = Load {
            post: &self.post,
            store: &*self.store,
            job,
            fence,
            limits: ChunkLimits {
                bytes: usize::try_from(run.chunk_bytes).unwrap_or(usize::MAX),
                records: run.chunk_records,
            },
            travel,
            window: self.window,
            asked,
            shares: &self.shares,
            verify_source: run.verify_source,
            decoders: &self.decoders,
            reopen: &reopen,
            ranges,
            metrics: &self.metrics,
            watch: &self.watch,
            stop: &self.stop,
        };
        match source {
            Some(source) => {
                load.run(source, reports).await?;
            }
            // Counts may still be on their way: whoever drove it before died before it had booked them, or is frozen.
            None => load.await_reports(reports).await?,
        }
        // Model: `Stage`.
        stage(run.run_id, "loaded");
        let progress = self.store.progress(run.run_id).await?;
        let detail = json!({ "chunks": progress.committed, "records": progress.records });
        let staged = || self.entry(run.run_id, EventKind::Staged, &detail);
        let step = || self.store.step(fence, RunEvent::AllCommitted, None, staged());
        Ok(fault::around!("step.staged", step().await)?)
    }

    /// Reconciles staging, and promotes if that is in order.
    pub(crate) async fn settle(
        &self,
        run: Run,
        fence: Fence,
        job: &Arc<Job>,
        how: &Drive,
        ranges: &Ranges,
        reports: &mut Reports,
    ) -> Result<Ending, RunError> {
        let Some(split) = run.split else {
            return Err(StoreError::Damaged {
                what: format!("run {} is staged, but its source was not split", run.run_id),
            }
            .into());
        };
        self.staging_stands(&run, job).await?;
        fault::around!("findings.clear", self.store.clear_findings(fence).await)?;
        self.phase(Phase::ApplyingRules, split.records);
        let given = given(&*self.store, &run, job).await?;
        // Who is to approve sees whether keys are new; otherwise final says it, when it takes the rows.
        let pauses = (run.pause_after_staged || job.approval.four_eyes) && !how.approved;
        let keys = if pauses { Keys::Count } else { Keys::LeaveToFinal };
        let reconcile = Reconcile {
            store: &*self.store,
            clock: &*self.clock,
            job,
            run: &run,
            fence,
            keys,
            source_changed: self.source_changed(&run, job, how).await?,
            // Taken up more than once: what the ledger says of the source has lain there for a while.
            decode_again: (fence.epoch > 1).then(|| self.open_source(&run, job, how)),
        };
        let mut verify = Verify { post: &self.post, store: &*self.store, job, fence, ranges, reports, given };
        let outcome = reconcile
            .staging(verify.again(), &split, |done| {
                self.watch.send_modify(|now| {
                    now.phase = Phase::Verifying;
                    now.done = done;
                });
            })
            .await?;
        stage(run.run_id, "staging read back and compared");
        let StagingOutcome { reconciliation, mut summary, differing, footing, excludes } = outcome;
        // Model: `Reconcile`.
        let Ok(permit) = reconciliation.permit() else {
            self.staging_stands(&run, job).await?;
            self.pinpoint_staging(&run, fence, job, how, &split, &differing).await?;
            self.name_footing(&run, fence, &footing).await?;
            return self.fail((&run, job), fence, reconciliation.checks().to_vec(), &summary).await;
        };
        if pauses {
            return self.wait_for_approval(&run, fence, &reconciliation, &summary).await;
        }
        // What is attached lies in staging until the end, where every worker can read it.
        let by_workers = !excludes && job.layouts().all(|layout| layout.is_attached());
        let promote = Promote {
            store: &*self.store,
            clock: &*self.clock,
            job,
            fence,
            records: split.records,
            by_workers: by_workers.then_some((verify, split.header_bytes)),
            source: self.open_source(&run, job, how).ok().filter(|source| source.bytes_on_disk().is_some()),
            progress: &|phase, done| {
                self.watch.send_modify(|now| {
                    now.phase = phase;
                    now.done = done;
                });
            },
        };
        let checks = reconciliation.checks().to_vec();
        let log = |checks: &[CheckResult]| {
            self.entry(run.run_id, EventKind::Promoted, &verdict_detail(checks, None))
        };
        let promoted = trace::part(async {
            trace::begin("promote", Kind::Internal, run.run_id);
            promote.run(permit, checks.clone(), &mut summary, log).await
        });
        match Box::pin(promoted).await? {
            Promoted::Yes => Ok(Ending::Promoted),
            Promoted::No { checks: of_final, mut findings } => {
                findings.keep(&*self.store, fence).await?;
                if let Some(why) = findings.incomplete {
                    tracing::warn!(%why, "cannot trace every difference in final");
                }
                self.fail((&run, job), fence, [checks, of_final].concat(), &summary).await
            }
            Promoted::Refused { check, may_be_keys } => {
                let of_keys = if may_be_keys { self.count_keys(fence, job).await? } else { Vec::new() };
                // If no key is at fault, final has another reason.
                let refused = none_failed(&of_keys).then_some(check);
                let checks = checks.into_iter().chain(of_keys).chain(refused).collect();
                self.fail((&run, job), fence, checks, &summary).await
            }
        }
    }

    /// Looks for keys that are not new, after final refused to take the rows: which records have them is kept.
    async fn count_keys(&self, fence: Fence, job: &Arc<Job>) -> Result<Vec<CheckResult>, RunError> {
        let applied = self.store.apply_rules(fence, job, Keys::Count).await?;
        Ok(key_checks(&key_evidence(job, Keys::Count, &applied.keys), self.clock.now_ms()))
    }

    async fn wait_for_approval(
        &self,
        run: &Run,
        fence: Fence,
        reconciliation: &Reconciliation,
        summary: &Summary,
    ) -> Result<Ending, RunError> {
        let checks = reconciliation.checks();
        self.store.keep_checks(fence, checks, &summary.to_json()?).await?;
        let note = "staging is verified; promote it with `crossfoot approve RUN`";
        let log = self.entry(run.run_id, EventKind::Paused, &verdict_detail(checks, None));
        self.store.step(fence, RunEvent::Paused, Some(note), log).await?;
        Ok(Ending::Paused)
    }

    async fn fail(
        &self,
        (run, job): (&Run, &Job),
        fence: Fence,
        checks: Vec<CheckResult>,
        summary: &Summary,
    ) -> Result<Ending, RunError> {
        self.staging_stands(run, job).await?;
        // Model: `Fail`.
        self.store.keep_checks(fence, &checks, &summary.to_json()?).await?;
        let failed = failed_names(&checks);
        let note = domain::check::faults(&checks);
        let log = self.entry(run.run_id, EventKind::NotReconciled, &verdict_detail(&checks, Some(&failed)));
        self.store.step(fence, RunEvent::Failed, Some(&note), log).await?;
        Ok(Ending::NotReconciled)
    }
}

/// What the log says of a verdict: the checks' results, and their digest, so that altering them is noticed.
fn verdict_detail(checks: &[CheckResult], failed: Option<&[&str]>) -> serde_json::Value {
    let text = serde_json::to_string(checks).unwrap_or_default();
    json!({
        "counts": CheckCounts::of(checks),
        "checks_sha256": domain::fingerprint::Hash::of(text.as_bytes()),
        "failed": failed,
    })
}
