//! Drives a run to its verdict, from the state that the ledger has.

use std::sync::Arc;
use std::time::Duration;

use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use platform::backoff::Backoff;
use platform::trace::{self, Kind};
use serde_json::json;
use store::model::Run;
use store::{Claim, Fence, StoreError, stored_job};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::context::coordinator::Coordinator;
use crate::load::LoadError;
use crate::load::ranges::Ranges;
use crate::load::window::AskedWindow;
use crate::metrics::DriveEnd;
use crate::progress::Phase;
use crate::run::ending::{Drive, Ending};
use crate::run::error::RunError;

/// How long a run in the foreground waits for a broker or a store that failed to come back.
const PATIENCE: Duration = Duration::from_secs(600);

/// The pauses between attempts grow from this to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);

impl Coordinator {
    /// As [`Coordinator::drive`]; if the broker or the store fails, drives again when they are back.
    ///
    /// # Errors
    /// [`RunError`]; the run can be resumed.
    pub async fn drive_patiently(&self, run_id: RunId, how: &Drive) -> Result<Ending, RunError> {
        let (mut backoff, mut failing_since) = (Backoff::new(PAUSE_MIN, PAUSE_MAX), None);
        loop {
            let began = Instant::now();
            let error = match Box::pin(self.drive(run_id, how)).await {
                Err(error) if error.is_transient() && !self.stop.is_cancelled() => error,
                ended => return ended,
            };
            if began.elapsed() > PAUSE_MAX {
                // It went on for a while: this failure is a new one.
                backoff.reset();
                failing_since = None;
            }
            let since: Instant = *failing_since.get_or_insert_with(Instant::now);
            if since.elapsed() > PATIENCE {
                return Err(error);
            }
            let pause = backoff.next_wait();
            tracing::warn!(%run_id, %error, pause_ms = pause.as_millis(), "the run continues when this error clears");
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(LoadError::Stopped.into()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes the run up and to its verdict, or as far as it goes.
    ///
    /// # Errors
    /// [`RunError`]; the run can be resumed.
    pub async fn drive(&self, run_id: RunId, how: &Drive) -> Result<Ending, RunError> {
        let _in_hand = self.metrics.drives();
        let driven = async {
            trace::begin("run", Kind::Internal, run_id);
            let started = Instant::now();
            let ending = self.drive_on(run_id, how).await;
            let end = match &ending {
                Ok(Ending::Promoted) => DriveEnd::Promoted,
                Ok(Ending::NotReconciled) => DriveEnd::NotReconciled,
                Ok(Ending::Paused) => DriveEnd::AwaitingApproval,
                Ok(Ending::Cancelled) => DriveEnd::Cancelled,
                Err(_) => DriveEnd::Interrupted,
            };
            self.metrics.ended(end, started.elapsed().as_secs_f64());
            trace::text("crossfoot.outcome", end.name());
            if matches!(end, DriveEnd::NotReconciled | DriveEnd::Interrupted) {
                trace::failed();
            }
            ending
        };
        // Of the highest level, so that warnings have its fields; there is one for each drive.
        let span = tracing::error_span!("run", role = "coordinator", %run_id);
        Box::pin(trace::scope(None, driven)).instrument(span).await
    }

    async fn drive_on(&self, run_id: RunId, how: &Drive) -> Result<Ending, RunError> {
        let started = Instant::now();
        let claim = if how.evict { Claim::Evict } else { Claim::IfFree };
        let fence = match self.acquire_lease(run_id, claim).await {
            // Nothing is to be done about it, and nothing is: it stays as it ended, with its last event.
            Err(StoreError::Over { state, .. }) => {
                self.watch.send_modify(|now| now.phase = Phase::Over);
                return Ok(Ending::of_over(state));
            }
            taken => taken?,
        };
        let run = self.store.run(run_id).await?;
        let before = run.state;
        if run.parked {
            if !how.resumes {
                // It was paused after it was seen to wait: only an operator continues it.
                self.store.release(fence, 0).await?;
                return Err(RunError::Parked { run_id, note: run.note.unwrap_or_default() });
            }
            self.store.park(fence, None).await?;
        } else if run.note.is_some() {
            self.store.note(fence, None).await?;
        }
        let asked = AskedWindow::default();
        asked.set(run.window_chunks);
        if fence.epoch > 1 {
            let log =
                self.entry(run_id, EventKind::Resumed, &json!({ "epoch": fence.epoch, "state": run.state }));
            fault::around!("resumed", self.store.log_under(fence, log.clone()).await)?;
        }
        let ending = {
            // Side by side, never one inside the other: while a promotion holds the store, a sign of life waits.
            tokio::select! {
                biased;
                ending = Box::pin(self.work(run, fence, how, &asked)) => ending,
                // Dropped half-way, work leaves whole transactions only: an uncommitted promotion is taken back.
                () = self.stop.cancelled() => Err(LoadError::Stopped.into()),
                // Model: `Fenced`.
                lost = self.keep_alive(fence, &asked) => Err(lost.into()),
            }
        };
        match &ending {
            // Whoever stopped it knows why; whoever took the lease keeps reasons of its own.
            Err(RunError::Load(LoadError::Stopped) | RunError::Store(StoreError::Fenced { .. })) => {}
            Err(error) => {
                if let Err(unkept) = self.store.note(fence, Some(&error.to_string())).await {
                    tracing::debug!(error = %unkept, "the reason of a failure was not kept");
                }
            }
            Ok(_) => {}
        }
        let spent_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match fault::around!("lease.release", self.store.release(fence, spent_ms).await) {
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

    async fn work(
        &self,
        run: Run,
        fence: Fence,
        how: &Drive,
        asked: &AskedWindow,
    ) -> Result<Ending, RunError> {
        let job = stored_job(&*self.store, &run.job_digest).await.map_err(|error| match error {
            StoreError::Damaged { what } => RunError::Job(what),
            error => error.into(),
        })?;
        let job = Arc::new(job);
        let mut run = run;
        let mut reports = self.collector.listen(run.run_id);
        let ranges = Ranges::of(fence);
        if run.state == RunState::Loading || run.state == RunState::Staged || how.approved {
            self.source_is_at_hand(&run, &job, how).await?;
            fault::around!("readbacks.clear", self.store.clear_readbacks(fence).await)?;
            if run.state != RunState::Loading {
                self.restage(&run, &job, fence, how).await?;
            }
        }
        if run.state == RunState::Loading {
            let run_id = run.run_id;
            let loaded = trace::part(async {
                trace::begin("load", Kind::Internal, run_id);
                self.load(run, fence, (&job, asked), how, &ranges, &mut reports).await
            });
            run = Box::pin(loaded).await?;
        }
        let is_to_be_settled = match run.state {
            RunState::Staged => true,
            RunState::AwaitingApproval => how.approved,
            _ => false,
        };
        if is_to_be_settled {
            let run_id = run.run_id;
            let settled = trace::part(async {
                trace::begin("settle", Kind::Internal, run_id);
                self.settle(run, fence, &job, how, &ranges, &mut reports).await
            });
            return Box::pin(settled).await;
        }
        match run.state {
            RunState::Staged | RunState::AwaitingApproval => Ok(Ending::Paused),
            RunState::Promoted => Ok(Ending::Promoted),
            RunState::Cancelled | RunState::BackedOut => Ok(Ending::Cancelled),
            RunState::NotReconciled | RunState::Loading => Ok(Ending::NotReconciled),
        }
    }
}
