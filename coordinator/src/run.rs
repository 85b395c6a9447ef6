//! Driving a run from wherever the ledger says it stands to its verdict.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::check::CheckResult;
use domain::event::Entry as LogEntry;
use domain::ids::RunId;
use domain::lifecycle::{RunEvent, RunState};
use domain::reconcile::Reconciliation;
use domain::report::CheckCounts;
use serde_json::json;
use shared::clock::Clock;
use shared::job::Job;
use shared::post::Post;
use shared::source::{Location, SourceError, SourceFile};
use shared::store::model::Run;
use shared::store::{Claim, Fence, Store, StoreError, stored_job};
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::acting::Acting;
use crate::checkpoints::Checkpoints;
use crate::load::{Load, LoadError};
use crate::notify::Notify;
use crate::owner::{is_dead, signed};
use crate::progress::{Phase, Snapshot};
use crate::promote::{Promote, Promoted, text};
use crate::ranges::Ranges;
use crate::reconcile::{Reconcile, StagingOutcome, failed_names, given};
use crate::report::summary::Summary;
use crate::source_check::SourceWanted;
use crate::split::ChunkLimits;
use crate::tally::{Reports, Tally};
use crate::verify::{Verify, VerifyError};
use crate::window::{Shares, WindowLimits};

/// A run belongs to its coordinator for so long after each sign of life, by the database's clock.
pub(crate) const LEASE: Duration = Duration::from_secs(20);
/// How often the coordinator gives a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What a run has come to, for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Reconciled and promoted.
    Promoted,
    /// A check failed; nothing is in final.
    NotReconciled,
    /// Staging is proven; approval is waited for.
    Paused,
    /// Given up by an operator.
    Cancelled,
}

impl Ending {
    /// What a run that is over came to.
    const fn of_over(state: RunState) -> Self {
        match state {
            RunState::Promoted => Self::Promoted,
            RunState::Cancelled => Self::Cancelled,
            RunState::AwaitingApproval => Self::Paused,
            RunState::NotReconciled | RunState::Loading | RunState::Staged => Self::NotReconciled,
        }
    }

    /// Where the run stands then.
    #[must_use]
    pub const fn state(self) -> RunState {
        match self {
            Self::Promoted => RunState::Promoted,
            Self::NotReconciled => RunState::NotReconciled,
            Self::Paused => RunState::AwaitingApproval,
            Self::Cancelled => RunState::Cancelled,
        }
    }
}

/// Why a run could not be taken to its verdict. It can be resumed.
#[derive(Debug, Error)]
pub enum RunError {
    /// Loading ended early.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Verification could not be done.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The store failed, or someone else has the run.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The run was begun from a stream, and its bytes must be handed in again.
    #[error(
        "the run was started from standard input; pass the same bytes again with `crossfoot resume RUN --source FILE`"
    )]
    StreamGone,
    /// The run waits for its source.
    #[error(transparent)]
    SourceWanted(#[from] SourceWanted),
    /// The job in the store is not understood by this program.
    #[error("this version cannot use the run's job: {0}")]
    Job(String),
}

impl RunError {
    /// Whether it may heal by itself: taken up again later, the run may go on.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Load(LoadError::Broker(_)) | Self::Verify(VerifyError::Broker(_)) => true,
            _ => self.store().is_some_and(StoreError::is_transient),
        }
    }

    /// What the store said, if it was the store that failed, however deep it lies.
    #[must_use]
    pub fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error)
            | Self::Load(LoadError::Store(error))
            | Self::Verify(VerifyError::Store(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether somebody asked for it.
    #[must_use]
    pub const fn is_stop(&self) -> bool {
        matches!(self, Self::Load(LoadError::Stopped))
    }
}

/// How long a run in the foreground waits for a broker or a store that failed to come back.
const PATIENCE: Duration = Duration::from_secs(600);

/// The pauses between attempts grow from this to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// One coordinator: what it works with.
#[derive(Clone)]
pub struct Coordinator {
    /// Where chunks go and counts come from, sealed.
    pub post: Arc<Post>,
    /// The ledger and the tables.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who runs it: `operator@host`.
    pub actor: String,
    /// What else the log says of whoever runs it.
    pub acting: Acting,
    /// Where the log's head is noted outside of the store.
    pub checkpoints: Arc<Checkpoints>,
    /// The host, for telling whether another coordinator of this machine is alive.
    pub host: String,
    /// How much may be on its way.
    pub window: WindowLimits,
    /// Who shares it: every run that this coordinator drives.
    pub shares: Shares,
    /// What its runs' workers report.
    pub tally: Arc<Tally>,
    /// Who is told of verdicts.
    pub notify: Arc<Notify>,
    /// Who watches.
    pub watch: watch::Sender<Snapshot>,
    /// Told when to stop.
    pub stop: CancellationToken,
}

/// How a run is driven.
#[derive(Debug, Clone, Default)]
pub struct Drive {
    /// The source, if not where the run was begun from.
    pub source: Option<Location>,
    /// Whether an operator has approved it.
    pub approved: bool,
    /// Whether a coordinator that is known to be gone is to be fenced off.
    pub evict: bool,
}

impl Coordinator {
    pub(crate) fn new_run_id(&self) -> RunId {
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        let (seconds, rest) = (now_ms / 1000, u32::try_from(now_ms % 1000).unwrap_or(0));
        let at = uuid::Timestamp::from_unix(uuid::NoContext, seconds, rest * 1_000_000);
        uuid::Uuid::new_v7(at).into()
    }

    pub(crate) fn entry(&self, run_id: RunId, kind: &str, detail: &serde_json::Value) -> LogEntry {
        LogEntry { run_id: Some(run_id.to_string()), ..self.entry_of_no_run(kind, detail) }
    }

    /// An event of the store itself, with who acts and by which command.
    #[must_use]
    pub fn entry_of_no_run(&self, kind: &str, detail: &serde_json::Value) -> LogEntry {
        let mut whole = self.acting.detail();
        if let Some(detail) = detail.as_object() {
            whole.extend(detail.clone());
        }
        LogEntry {
            run_id: None,
            at_ms: self.clock.now_ms(),
            kind: kind.into(),
            actor: self.actor.clone(),
            detail: serde_json::Value::Object(whole).to_string(),
        }
    }

    /// As [`Coordinator::drive`], and when the broker or the store failed, once more when they are back.
    ///
    /// # Errors
    /// [`RunError`]; the run can be resumed.
    pub async fn drive_patiently(&self, run_id: RunId, how: &Drive) -> Result<Ending, RunError> {
        let (mut pause, mut failing_since) = (PAUSE_MIN, None);
        loop {
            let began = Instant::now();
            let error = match Box::pin(self.drive(run_id, how)).await {
                Err(error) if error.is_transient() && !self.stop.is_cancelled() => error,
                ended => return ended,
            };
            if began.elapsed() > PAUSE_MAX {
                // It went on for a while: this failure is a new one.
                (pause, failing_since) = (PAUSE_MIN, None);
            }
            let since: Instant = *failing_since.get_or_insert_with(Instant::now);
            if since.elapsed() > PATIENCE {
                return Err(error);
            }
            tracing::warn!(%run_id, %error, pause_ms = pause.as_millis(), "the run continues when this error clears");
            tokio::select! {
                () = self.stop.cancelled() => return Err(LoadError::Stopped.into()),
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Takes the run up and to its verdict, or as far as it goes.
    ///
    /// # Errors
    /// [`RunError`]; the run can be resumed.
    pub async fn drive(&self, run_id: RunId, how: &Drive) -> Result<Ending, RunError> {
        let started = Instant::now();
        let claim = if how.evict { Claim::Evict } else { Claim::IfFree };
        let fence = match self.take_up(run_id, claim).await {
            // Nothing is to be done about it, and nothing is: it stays as it ended, with its last event.
            Err(StoreError::Over { state, .. }) => {
                self.watch.send_modify(|now| now.phase = Phase::Over);
                return Ok(Ending::of_over(state));
            }
            taken => taken?,
        };
        let run = self.store.run(run_id).await?;
        let before = run.state;
        if fence.epoch > 1 {
            let log = self.entry(run_id, "resumed", &json!({ "epoch": fence.epoch, "state": run.state }));
            self.store.log_under(fence, log).await?;
        }
        let ending = {
            // Side by side, never one inside the other: while a promotion holds the store, a sign of life waits.
            tokio::select! {
                biased;
                ending = Box::pin(self.work(run, fence, how)) => ending,
                // Dropped half-way, work leaves whole transactions only: an uncommitted promotion is taken back.
                () = self.stop.cancelled() => Err(LoadError::Stopped.into()),
                lost = self.keep_alive(fence) => Err(lost.into()),
            }
        };
        let spent_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match self.store.release(fence, spent_ms).await {
            Ok(()) | Err(StoreError::Fenced { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(verdict) = ending.as_ref().ok().map(|ending| ending.state()).filter(|now| *now != before)
        {
            self.checkpoint(run_id, verdict.name()).await;
        }
        self.watch.send_modify(|now| now.phase = Phase::Over);
        ending
    }

    /// Gives signs of life until someone else has the run. Returns only with that, or the store's, error.
    async fn keep_alive(&self, fence: Fence) -> StoreError {
        let mut beat = tokio::time::interval(HEARTBEAT);
        loop {
            beat.tick().await;
            if let Err(error) = self.store.renew(fence, LEASE).await {
                return error;
            }
        }
    }

    async fn work(&self, run: Run, fence: Fence, how: &Drive) -> Result<Ending, RunError> {
        let job = stored_job(&*self.store, &run.job_digest).await.map_err(|error| match error {
            StoreError::Damaged { what } => RunError::Job(what),
            error => error.into(),
        })?;
        let job = Arc::new(job);
        let mut run = run;
        let mut reports = self.tally.listen(run.run_id);
        // What was read back under an earlier fence is not believed: two passes belong to each.
        let ranges = Ranges::new(fence.epoch * 2);
        if run.state == RunState::Loading || run.state == RunState::Staged || how.approved {
            self.source_is_at_hand(&run, &job, how).await?;
            self.store.clear_readbacks(fence).await?;
        }
        if run.state == RunState::Loading {
            run = self.load(run, fence, &job, how, &ranges, &mut reports).await?;
        }
        match run.state {
            RunState::Staged => self.settle(run, fence, &job, how, &ranges, &mut reports).await,
            RunState::AwaitingApproval if how.approved => {
                self.settle(run, fence, &job, how, &ranges, &mut reports).await
            }
            RunState::AwaitingApproval => Ok(Ending::Paused),
            RunState::Promoted => Ok(Ending::Promoted),
            RunState::Cancelled => Ok(Ending::Cancelled),
            RunState::NotReconciled | RunState::Loading => Ok(Ending::NotReconciled),
        }
    }

    pub(crate) fn open_source(&self, run: &Run, job: &Job, how: &Drive) -> Result<SourceFile, RunError> {
        let location = match &how.source {
            Some(location) => location.clone(),
            None => Location::parse(&run.source),
        };
        if location.is_stream() && run.epoch > 1 && how.source.is_none() {
            return Err(RunError::StreamGone);
        }
        Ok(SourceFile::open(location, job.compression)?)
    }

    async fn load(
        &self,
        run: Run,
        fence: Fence,
        job: &Arc<Job>,
        how: &Drive,
        ranges: &Ranges,
        reports: &mut Reports,
    ) -> Result<Run, RunError> {
        self.store.prepare(job).await?;
        let progress = self.store.progress(run.run_id).await?;
        let is_loaded = run.split.is_some_and(|split| split.chunks == progress.committed);
        if !is_loaded {
            let source = self.open_source(&run, job, how)?;
            let reopen =
                || self.open_source(&run, job, how).ok().filter(|source| source.bytes_on_disk().is_some());
            let load = Load {
                post: &self.post,
                store: &*self.store,
                job,
                fence,
                limits: ChunkLimits {
                    bytes: usize::try_from(run.chunk_bytes).unwrap_or(usize::MAX),
                    records: run.chunk_records,
                },
                window: self.window,
                shares: &self.shares,
                verify_source: run.verify_source,
                reopen: &reopen,
                ranges,
                watch: &self.watch,
                stop: &self.stop,
            };
            load.run(source, reports).await?;
        }
        stage(run.run_id, "loaded");
        let progress = self.store.progress(run.run_id).await?;
        let detail = json!({ "chunks": progress.committed, "records": progress.records });
        Ok(self
            .store
            .step(fence, RunEvent::AllCommitted, None, self.entry(run.run_id, "staged", &detail))
            .await?)
    }

    /// Reconciles staging, and promotes if that is in order.
    async fn settle(
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
        self.store.clear_findings(fence).await?;
        self.phase(Phase::ApplyingRules, split.records);
        let given = given(&*self.store, &run, job).await?;
        let reconcile = Reconcile {
            store: &*self.store,
            clock: &*self.clock,
            job,
            run: &run,
            fence,
            source_changed: self.source_changed(&run, job, how).await?,
            // Taken up more than once: what the ledger says of the source has lain there for a while.
            decode_again: (fence.epoch > 1).then(|| self.open_source(&run, job, how)),
        };
        let verify = Verify { post: &self.post, store: &*self.store, job, fence, ranges, reports, given };
        let outcome = reconcile
            .staging(verify, &split, |done| {
                self.watch.send_modify(|now| {
                    now.phase = Phase::Verifying;
                    now.done = done;
                });
            })
            .await?;
        stage(run.run_id, "staging read back and compared");
        let StagingOutcome { reconciliation, mut summary, differing, footing } = outcome;
        let Ok(permit) = reconciliation.permit() else {
            self.pinpoint_staging(&run, fence, job, how, &split, &differing).await?;
            self.name_footing(&run, fence, &footing).await?;
            return self.fail(&run, fence, reconciliation.checks().to_vec(), &summary).await;
        };
        if (run.pause_after_staged || job.approval.four_eyes) && !how.approved {
            return self.pause(&run, fence, &reconciliation, &summary).await;
        }
        let promote = Promote {
            store: &*self.store,
            clock: &*self.clock,
            job,
            fence,
            records: split.records,
            source: self.open_source(&run, job, how).ok().filter(|source| source.bytes_on_disk().is_some()),
            progress: &|phase, done| {
                self.watch.send_modify(|now| {
                    now.phase = phase;
                    now.done = done;
                });
            },
        };
        let checks = reconciliation.checks().to_vec();
        let log = |checks: &[CheckResult]| self.entry(run.run_id, "promoted", &verdict_detail(checks, None));
        match promote.run(permit, checks.clone(), &mut summary, log).await? {
            Promoted::Yes => Ok(Ending::Promoted),
            Promoted::No { checks: of_final, mut findings } => {
                findings.keep(&*self.store, fence).await?;
                if let Some(why) = findings.incomplete {
                    tracing::warn!(%why, "cannot trace every difference in final");
                }
                self.fail(&run, fence, [checks, of_final].concat(), &summary).await
            }
        }
    }

    pub(crate) fn phase(&self, phase: Phase, of: u64) {
        self.watch.send_modify(|now| {
            now.phase = phase;
            now.done = 0;
            now.of = of;
        });
    }

    async fn pause(
        &self,
        run: &Run,
        fence: Fence,
        reconciliation: &Reconciliation,
        summary: &Summary,
    ) -> Result<Ending, RunError> {
        let checks = reconciliation.checks();
        self.store.keep_checks(fence, checks, &text(summary)?).await?;
        let note = "staging is verified; promote it with `crossfoot approve RUN`";
        let log = self.entry(run.run_id, "paused", &verdict_detail(checks, None));
        self.store.step(fence, RunEvent::Paused, Some(note), log).await?;
        Ok(Ending::Paused)
    }

    async fn fail(
        &self,
        run: &Run,
        fence: Fence,
        checks: Vec<CheckResult>,
        summary: &Summary,
    ) -> Result<Ending, RunError> {
        self.store.keep_checks(fence, &checks, &text(summary)?).await?;
        let failed = failed_names(&checks);
        let note = domain::check::faults(&checks);
        let log = self.entry(run.run_id, "not-reconciled", &verdict_detail(&checks, Some(&failed)));
        self.store.step(fence, RunEvent::Failed, Some(&note), log).await?;
        Ok(Ending::NotReconciled)
    }

    /// Takes the run up, unless a living coordinator has it.
    pub(crate) async fn take_up(&self, run_id: RunId, claim: Claim) -> Result<Fence, StoreError> {
        let owner = self.owner();
        let held = self.store.lease(run_id).await?;
        // Its own lease is left over from a drive that the store failed.
        let is_free = held.is_some_and(|held| held.owner == owner || is_dead(&held.owner, &self.host));
        let claim = if is_free && claim == Claim::IfFree { Claim::Evict } else { claim };
        self.store.take_up(run_id, &owner, LEASE, claim).await
    }

    /// This coordinator as it signs its leases: no other process signs so.
    pub(crate) fn owner(&self) -> String {
        signed(&self.actor)
    }
}

/// Says in the log that a stage is done: the times between these lines are the run's time by stage.
pub(crate) fn stage(run_id: RunId, done: &'static str) {
    tracing::info!(%run_id, done, "stage");
}

/// What the log says of a verdict: how the checks came out, and their digest, so that they cannot be altered unseen.
fn verdict_detail(checks: &[CheckResult], failed: Option<&[&str]>) -> serde_json::Value {
    let text = serde_json::to_string(checks).unwrap_or_default();
    json!({
        "counts": CheckCounts::of(checks),
        "checks_sha256": domain::fingerprint::Hash::of(text.as_bytes()),
        "failed": failed,
    })
}
