//! What an operator may do with a run.

use std::path::Path;
use std::sync::Arc;

use domain::approval::{ActorEvent, Approval, Refusal};
use domain::back_out::can_be_told;
use domain::check::Stage;
use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::lifecycle::{RunEvent, RunState};
use domain::retention::Parts;
use job::Job;
use serde_json::json;
use store::model::Run;
use store::promotion::Undo;
use store::{Claim, Store, StoreError, stored_job};
use thiserror::Error;

use crate::context::coordinator::Coordinator;
use crate::report::summary::Summary;

/// Chunks that were set aside and are requeued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requeued {
    /// How many chunks were requeued.
    pub chunks: u64,
    /// Whether the run is the coordinator service's to go on with.
    pub is_submitted: bool,
}

/// Why an operation was refused.
#[derive(Debug, Error)]
pub enum OpsError {
    /// The store failed during the operation.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The job requires more, or another person.
    #[error("run {run_id}: {refusal}")]
    Refused {
        /// The run that the operation was asked for.
        run_id: RunId,
        /// Why the job's approval rules refuse it.
        refusal: Refusal,
    },
    /// The run is not in a state for it.
    #[error("run {run_id} is {state}: {advice}")]
    WrongState {
        /// The run that the operation was asked for.
        run_id: RunId,
        /// The state of the run, which does not allow the operation.
        state: RunState,
        /// What can be done instead.
        advice: &'static str,
    },
}

impl OpsError {
    /// Whether it is the command that has to change, rather than the world.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Store(error) => error.is_usage(),
            Self::WrongState { .. } | Self::Refused { .. } => true,
        }
    }
}

/// Whether the run's state allows an approval.
///
/// # Errors
/// [`OpsError::WrongState`] unless it waits for approval.
pub fn may_approve(run: &Run) -> Result<(), OpsError> {
    let is_allowed = run.state == RunState::AwaitingApproval;
    allowed(run, is_allowed, "only a run that is awaiting approval can be approved")
}

/// Whether the run's state allows that chunks are requeued.
///
/// # Errors
/// [`OpsError::WrongState`] unless it loads.
pub fn may_redrive(run: &Run) -> Result<(), OpsError> {
    let is_allowed = run.state == RunState::Loading;
    allowed(run, is_allowed, "only a run that stopped while loading has chunks to redrive")
}

/// Whether the run can be cancelled.
///
/// # Errors
/// [`OpsError::WrongState`] when it is over.
pub fn may_cancel(run: &Run) -> Result<(), OpsError> {
    allowed(run, !run.state.is_over(), "a run that is over cannot be cancelled")
}

/// Whether the run's staging rows can be removed.
///
/// # Errors
/// [`OpsError::WrongState`] while it is not over.
pub fn may_purge(run: &Run) -> Result<(), OpsError> {
    let advice = "only a run that is over can be purged; end it with `crossfoot cancel`";
    allowed(run, run.state.is_over(), advice)
}

/// Whether the run can be paused.
///
/// # Errors
/// [`OpsError::WrongState`] unless it loads or is being verified, and nobody has paused it.
pub fn may_pause(run: &Run) -> Result<(), OpsError> {
    let is_at_work = matches!(run.state, RunState::Loading | RunState::Staged);
    allowed(run, is_at_work, "only a run that loads or is being verified can be paused")?;
    allowed(run, !run.parked, "it waits for an operator already; continue it with `crossfoot resume`")
}

/// Whether it can be said how many of the run's chunks may be in flight.
///
/// # Errors
/// [`OpsError::WrongState`] unless it loads.
pub fn may_change_window(run: &Run) -> Result<(), OpsError> {
    allowed(run, run.state == RunState::Loading, "only a run that loads has chunks in flight")
}

/// Whether the run's rows can be taken out of final.
///
/// # Errors
/// [`OpsError::WrongState`] unless it is promoted.
pub fn may_back_out(run: &Run) -> Result<(), OpsError> {
    let is_allowed = run.state == RunState::Promoted;
    allowed(run, is_allowed, "only a promoted run has rows in final that can be taken out")
}

fn allowed(run: &Run, is_allowed: bool, advice: &'static str) -> Result<(), OpsError> {
    let (run_id, state) = (run.run_id, run.state);
    if is_allowed { Ok(()) } else { Err(OpsError::WrongState { run_id, state, advice }) }
}

/// What the log says that was done to the run.
pub(super) async fn actor_events(store: &dyn Store, run_id: RunId) -> Result<Vec<ActorEvent>, StoreError> {
    const PAGE: u32 = 1000;
    let mut all: Vec<ActorEvent> = Vec::new();
    loop {
        let after = all.last().map_or(0, |event| event.seq);
        let events = store.run_events(run_id, after, PAGE).await?;
        if events.is_empty() {
            return Ok(all);
        }
        all.extend(events.into_iter().map(|event| {
            let detail: serde_json::Value = serde_json::from_str(&event.entry.detail).unwrap_or_default();
            let state = detail.get("state").and_then(|state| state.as_str()?.parse().ok());
            ActorEvent { seq: event.seq, kind: event.entry.kind, actor: event.entry.actor, state }
        }));
    }
}

impl Coordinator {
    /// Notes that an operator approves of the run, and why. Promoting it is [`Coordinator::drive`]'s, with
    /// [`crate::run::Drive::approved`]. A refusal is noted as well.
    ///
    /// # Errors
    /// [`OpsError::WrongState`] unless it waits for approval; [`OpsError::Refused`] when the job asks for four eyes
    /// and the operator ran it, or for a reason and none was given.
    pub async fn approve(&self, run_id: RunId, reason: Option<&str>) -> Result<(), OpsError> {
        let run = self.store.run(run_id).await?;
        may_approve(&run)?;
        let approval = self.job_of(&run).await?.approval;
        let events = actor_events(&*self.store, run_id).await?;
        let decided =
            approval.by_others("approve", &self.actor, &events).and_then(|()| approval.reasoned(reason));
        if let Err(refusal) = decided {
            return Err(self.refused(run_id, EventKind::ApprovalRefused, reason, refusal).await?);
        }
        self.store.log(self.entry(run_id, EventKind::Approved, &json!({ "reason": reason }))).await?;
        self.checkpoint(run_id, EventKind::Approved.name()).await;
        Ok(())
    }

    /// Notes that the rejects of a run whose job has sensitive fields are about to be written to `file`, in clear.
    ///
    /// # Errors
    /// [`OpsError`] of the database: nothing is to be written then.
    pub async fn note_raw_rejects(&self, run_id: RunId, file: &Path) -> Result<(), OpsError> {
        let detail = json!({ "file": file.display().to_string(), "sensitive_fields": "in clear" });
        self.store.log(self.entry(run_id, EventKind::RejectsWritten, &detail)).await?;
        self.checkpoint(run_id, EventKind::RejectsWritten.name()).await;
        Ok(())
    }

    async fn job_of(&self, run: &Run) -> Result<Job, OpsError> {
        Ok(stored_job(&*self.store, &run.job_digest).await?)
    }

    /// Whether the operator says why, where the job asks for that.
    pub(super) async fn reasoned(&self, run: &Run, reason: Option<&str>) -> Result<(), OpsError> {
        let approval = match self.job_of(run).await {
            Ok(job) => job.approval,
            // A run whose job this version does not understand can be given up all the same.
            Err(OpsError::Store(StoreError::Damaged { .. })) => return Ok(()),
            Err(error) => return Err(error),
        };
        approval.reasoned(reason).map_err(|refusal| OpsError::Refused { run_id: run.run_id, refusal })
    }

    /// Logs that someone was refused, and why.
    async fn refused(
        &self,
        run_id: RunId,
        kind: EventKind,
        reason: Option<&str>,
        refusal: Refusal,
    ) -> Result<OpsError, OpsError> {
        let detail = json!({ "reason": reason, "refused": refusal.to_string() });
        self.store.log(self.entry(run_id, kind, &detail)).await?;
        self.checkpoint(run_id, kind.name()).await;
        Ok(OpsError::Refused { run_id, refusal })
    }

    /// Puts the chunks that were set aside back into the flow, their starts forgotten; the log keeps which they were
    /// and why.
    ///
    /// # Errors
    /// [`OpsError::WrongState`] when it does not load, or nothing was set aside.
    pub async fn redrive(&self, run_id: RunId, reason: Option<&str>) -> Result<Requeued, OpsError> {
        /// How many chunks the log names at most; it says how many there were.
        const NAMED_MAX: u32 = 100;
        let run = self.store.run(run_id).await?;
        let wrong = |advice| OpsError::WrongState { run_id, state: run.state, advice };
        may_redrive(&run)?;
        let aside = self.store.chunks_aside(run_id, NAMED_MAX).await?;
        if aside.is_empty() {
            return Err(wrong("none of its chunks was set aside; continue with `crossfoot resume`"));
        }
        self.reasoned(&run, reason).await?;
        let fence = self.acquire_lease(run_id, Claim::IfFree).await?;
        let chunks = self.store.requeue(fence).await?;
        let named: Vec<_> = aside
            .iter()
            .map(|row| json!({ "chunk_no": row.cut.chunk_no, "records": row.cut.records, "was": row.reason }))
            .collect();
        let detail = json!({ "reason": reason, "chunks": chunks, "set_aside": named });
        self.store.log_under(fence, self.entry(run_id, EventKind::Redriven, &detail)).await?;
        self.store.park(fence, None).await?;
        self.store.release(fence, 0).await?;
        self.checkpoint(run_id, EventKind::Redriven.name()).await;
        Ok(Requeued { chunks, is_submitted: run.submitted })
    }

    /// Leaves a submitted run that was parked to the coordinator service again.
    ///
    /// # Errors
    /// [`OpsError::WrongState`] unless it is submitted, parked and not over; [`StoreError::LeaseHeld`].
    pub async fn unpark(&self, run_id: RunId, reason: Option<&str>) -> Result<(), OpsError> {
        let run = self.store.run(run_id).await?;
        let is_parked = run.submitted && run.parked && !run.state.is_over();
        allowed(
            &run,
            is_parked,
            "only a run that the coordinator service set aside can be left to it again",
        )?;
        let fence = self.acquire_lease(run_id, Claim::IfFree).await?;
        self.store.park(fence, None).await?;
        let detail = json!({ "reason": reason, "state": run.state });
        self.store.log_under(fence, self.entry(run_id, EventKind::Resumed, &detail)).await?;
        self.store.release(fence, 0).await?;
        self.checkpoint(run_id, EventKind::Resumed.name()).await;
        Ok(())
    }

    /// Pauses a run until an operator resumes it. Whatever drives it is fenced off: nothing more is handed out, and a
    /// promotion that is under way is rolled back. What is committed to staging stays.
    ///
    /// # Errors
    /// [`OpsError::WrongState`] unless it loads or is being verified; [`OpsError::Refused`] without a reason where the
    /// job asks for one.
    pub async fn pause(&self, run_id: RunId, reason: Option<&str>) -> Result<(), OpsError> {
        let run = self.store.run(run_id).await?;
        may_pause(&run)?;
        self.reasoned(&run, reason).await?;
        let fence = self.acquire_lease(run_id, Claim::Evict).await?;
        // Between the look and the lease it may have come to wait for approval.
        let run = self.store.run(run_id).await?;
        let done = match may_pause(&run) {
            Err(refused) => Err(refused),
            Ok(()) => {
                let by = &self.actor;
                let note = reason
                    .map_or_else(|| format!("paused by {by}"), |reason| format!("paused by {by}: {reason}"));
                self.store.park(fence, Some(&note)).await?;
                let detail = json!({ "reason": reason, "state": run.state });
                self.store.log_under(fence, self.entry(run_id, EventKind::PausedByOperator, &detail)).await?;
                Ok(())
            }
        };
        self.store.release(fence, 0).await?;
        done?;
        self.checkpoint(run_id, EventKind::PausedByOperator.name()).await;
        Ok(())
    }

    /// Says how many chunks of a run may be in flight; `None` for its share of the coordinator's window. Whoever drives
    /// it follows within a heartbeat of its lease, three seconds.
    ///
    /// # Errors
    /// [`OpsError::WrongState`] unless it loads; [`OpsError::Refused`] without a reason where the job asks for one.
    pub async fn change_window(
        &self,
        run_id: RunId,
        chunks: Option<u64>,
        reason: Option<&str>,
    ) -> Result<(), OpsError> {
        let run = self.store.run(run_id).await?;
        may_change_window(&run)?;
        self.reasoned(&run, reason).await?;
        let detail = json!({ "reason": reason, "chunks": chunks, "before": run.window_chunks });
        let log = self.entry(run_id, EventKind::WindowChanged, &detail);
        self.store.set_window(run_id, chunks, log).await?;
        self.checkpoint(run_id, EventKind::WindowChanged.name()).await;
        Ok(())
    }

    /// Cancels a run that is not over. A coordinator that drives it stops at its next heartbeat.
    ///
    /// # Errors
    /// [`OpsError::WrongState`] when it is over.
    pub async fn cancel(&self, run_id: RunId, reason: Option<&str>) -> Result<Run, OpsError> {
        let run = self.store.run(run_id).await?;
        may_cancel(&run)?;
        self.reasoned(&run, reason).await?;
        let fence = self.acquire_lease(run_id, Claim::Evict).await?;
        let note = reason.map_or_else(|| "cancelled".to_owned(), |reason| format!("cancelled: {reason}"));
        let log = self.entry(run_id, EventKind::Cancelled, &json!({ "reason": reason }));
        let run = self.store.step(fence, RunEvent::Cancelled, Some(&note), log).await?;
        self.store.release(fence, 0).await?;
        self.checkpoint(run_id, EventKind::Cancelled.name()).await;
        Ok(run)
    }

    /// Removes a finished run's staging rows, rejects and breaches. Ledger, checks and log stay. Returns how
    /// many rows were removed.
    ///
    /// # Errors
    /// [`OpsError::WrongState`] while it is not over.
    pub async fn purge(&self, run_id: RunId, reason: Option<&str>) -> Result<u64, OpsError> {
        self.remove_noting(run_id, Parts::ROWS, reason, &json!({ "reason": reason })).await
    }

    /// Removes parts of a run, with what the log's event says. With the last of its rows the run is purged.
    pub(super) async fn remove_noting(
        &self,
        run_id: RunId,
        parts: Parts,
        reason: Option<&str>,
        detail: &serde_json::Value,
    ) -> Result<u64, OpsError> {
        let run = self.store.run(run_id).await?;
        may_purge(&run)?;
        self.reasoned(&run, reason).await?;
        let job = self.job_of(&run).await?;
        let fence = self.acquire_lease(run_id, Claim::AfterItsEnd).await?;
        let is_last = run.removed.and(parts).has_rows() && (!run.purged || parts.has_rows());
        let kind = if is_last { EventKind::Purged } else { EventKind::PartsRemoved };
        let log = self.entry(run_id, kind, detail);
        let staging: Vec<_> = job.layouts().map(|layout| layout.staging.clone()).collect();
        let removed = self.store.remove(fence, parts, &staging, log).await?;
        self.store.release(fence, 0).await?;
        self.checkpoint(run_id, kind.name()).await;
        Ok(removed)
    }

    /// Removes a run that has nothing in final, with what the log's event says.
    pub(super) async fn forget_noting(
        &self,
        run: &Run,
        reason: &str,
        detail: &serde_json::Value,
    ) -> Result<u64, OpsError> {
        may_purge(run)?;
        self.reasoned(run, Some(reason)).await?;
        let job = self.job_of(run).await?;
        let fence = self.acquire_lease(run.run_id, Claim::AfterItsEnd).await?;
        let log = self.entry(run.run_id, EventKind::RunRemoved, detail);
        let staging: Vec<_> = job.layouts().map(|layout| layout.staging.clone()).collect();
        let removed = self.store.forget(fence, &staging, log).await?;
        self.checkpoint(run.run_id, EventKind::RunRemoved.name()).await;
        Ok(removed)
    }

    /// Takes a promoted run's rows out of final again. They stay in staging, and the evidence of the run stays as it
    /// is. A refusal is noted as well. Returns how many rows it took out.
    ///
    /// # Errors
    /// [`OpsError::WrongState`] unless it is promoted; [`OpsError::Refused`] without a reason, or when the job asks for
    /// four eyes and the operator ran it; [`StoreError::CannotBackOut`].
    pub async fn back_out(&self, run_id: RunId, reason: Option<&str>) -> Result<u64, OpsError> {
        let run = self.store.run(run_id).await?;
        may_back_out(&run)?;
        let job = Arc::new(self.job_of(&run).await?);
        let events = actor_events(&*self.store, run_id).await?;
        // Whatever the job says: nobody takes rows out of final without saying why.
        let approval = Approval { require_reason: true, ..job.approval };
        let decided =
            approval.by_others("back it out", &self.actor, &events).and_then(|()| approval.reasoned(reason));
        if let Err(refusal) = decided {
            return Err(self.refused(run_id, EventKind::BackOutRefused, reason, refusal).await?);
        }
        can_be_told(job.layouts().map(|layout| &**layout)).map_err(StoreError::from)?;
        let promoted = self.promoted(run_id).await?;
        let fence = self.acquire_lease(run_id, Claim::AfterItsEnd).await?;
        let log = self.entry(run_id, EventKind::BackedOut, &json!({ "reason": reason, "records": promoted }));
        let note = format!("backed out: {}", reason.unwrap_or_default());
        let done = self.store.back_out(fence, &job, promoted, Undo { note, log }).await;
        self.store.release(fence, 0).await?;
        done?;
        self.checkpoint(run_id, EventKind::BackedOut.name()).await;
        Ok(promoted)
    }

    /// How many records a promoted run has in final, by its evidence.
    async fn promoted(&self, run_id: RunId) -> Result<u64, OpsError> {
        let damaged = |what: String| StoreError::Damaged { what: format!("summary of run {run_id}: {what}") };
        let text = self.store.checks(run_id).await?.summary.ok_or_else(|| damaged("it is missing".into()))?;
        let summary: Summary = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        let level = summary.levels.iter().find(|level| level.stage == Stage::Final);
        Ok(level.ok_or_else(|| damaged("it has no totals of final".into()))?.records)
    }
}
