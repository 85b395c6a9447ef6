//! What an operator can do with a run: whether it is legal now, what it does, and whether it needs a reason.

use domain::approval::Approval;
use domain::back_out::can_be_told;
use domain::lease::Holder;
use domain::lifecycle::RunState;
use schemars::JsonSchema;
use serde::Serialize;
use store::views::CountedRun;
use store::{Store, StoreError, stored_job};

use super::OpsError;
use super::commands::{
    actor_events, may_approve, may_back_out, may_cancel, may_change_window, may_pause, may_purge, may_redrive,
};
use crate::context::lease::holder_of;

domain::named! {
    /// What an operator can do with a run.
    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum Act {
        /// Promotes a run that waits for approval.
        Approve = "approve",
        /// Goes on with a run that was interrupted.
        Resume = "resume",
        /// Requeues the chunks that were set aside.
        Redrive = "redrive",
        /// Says how many chunks of a run may be in flight.
        Window = "window",
        /// Stops handing out a run's chunks until it is resumed.
        Pause = "pause",
        /// Ends a run.
        Cancel = "cancel",
        /// Takes a promoted run's rows out of final again.
        #[serde(rename = "back-out")]
        BackOut = "back-out",
        /// Removes what a finished run left in staging.
        Purge = "purge",
    }
}

impl Act {
    /// What it does, for whoever is about to confirm it.
    #[must_use]
    pub const fn does(self) -> &'static str {
        match self {
            Self::Approve => "verifies staging again and promotes the run's rows to final",
            Self::Resume => "continues the run from where it stopped, to its verdict",
            Self::Redrive => {
                "requeues the chunks that were set aside, with their starts forgotten, and continues the run"
            }
            Self::Window => {
                "changes how many of the run's chunks may be in flight; the process that drives it follows within \
                 seconds"
            }
            Self::Pause => {
                "stops the process that drives the run; what is in staging stays, and an operator can resume it"
            }
            Self::Cancel => "ends the run; none of its rows reach final, and it cannot be resumed",
            Self::BackOut => {
                "takes the run's rows out of final; they stay in staging, and its source can be loaded again"
            }
            Self::Purge => "deletes the run's staging rows and rejects; its ledger, checks and log stay",
        }
    }
}

/// What an operator can do with a run, and whether it is legal now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ActView {
    /// The act's name, which the console's address for it ends with.
    pub act: Act,
    /// Whether it would be carried out now.
    pub legal: bool,
    /// Why it would be refused; null if it would not.
    pub why_not: Option<String>,
    /// What it does, in a sentence without its full stop.
    pub does: &'static str,
    /// Whether the job asks for a reason.
    pub reason_needed: bool,
}

/// What `actor` can do with the run. `driven_by` is the process that drives it at this moment; `drives` says why this
/// process cannot drive a run, if it cannot.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn acts(
    store: &dyn Store,
    counted: &CountedRun,
    driven_by: Option<&str>,
    actor: &str,
    drives: Result<(), &str>,
) -> Result<Vec<ActView>, StoreError> {
    let run = &counted.run;
    let (approval, told) = match stored_job(store, &run.job_digest).await {
        Ok(job) => {
            let told = can_be_told(job.layouts().map(|layout| &**layout));
            (job.approval, told.map_err(|error| error.to_string()))
        }
        // A run whose job this version does not understand can be given up all the same.
        Err(StoreError::Damaged { what }) => (Approval::default(), Err(what)),
        Err(error) => return Err(error),
    };
    let refused = |refusal| OpsError::Refused { run_id: run.run_id, refusal }.to_string();
    let mut views = Vec::with_capacity(Act::ALL.len());
    for act in Act::ALL {
        let held = || driven_by.map_or(Ok(()), |by| Err(format!("{by} is driving the run")));
        let drives = || drives.map_err(str::to_owned);
        let words = |result: Result<(), OpsError>| result.map_err(|error| error.to_string());
        let may = match act {
            Act::Approve => match words(may_approve(run)).and_then(|()| held()).and_then(|()| drives()) {
                Ok(()) if approval.four_eyes => {
                    let events = actor_events(store, run.run_id).await?;
                    approval.by_others("approve", actor, &events).map_err(refused)
                }
                may => may,
            },
            Act::Resume => may_resume(run.state).and_then(|()| held()).and_then(|()| match run.submitted {
                // The coordinator service goes on with it.
                true if run.parked => Ok(()),
                true => Err("the coordinator service continues the run by itself".to_owned()),
                false => drives(),
            }),
            Act::Redrive => words(may_redrive(run)).and_then(|()| held()).and_then(|()| {
                match (counted.totals.set_aside, run.submitted) {
                    (0, _) => Err("none of the run's chunks was set aside".to_owned()),
                    (_, true) => Ok(()),
                    (_, false) => drives(),
                }
            }),
            Act::Window => words(may_change_window(run)),
            Act::Pause => words(may_pause(run)).and_then(|()| match (run.submitted, driven_by) {
                (false, None) => Err("no process drives the run: it has stopped already".to_owned()),
                _ => Ok(()),
            }),
            Act::Cancel => words(may_cancel(run)),
            Act::BackOut => match words(may_back_out(run)).and_then(|()| told.clone()) {
                Ok(()) if approval.four_eyes => {
                    let events = actor_events(store, run.run_id).await?;
                    approval.by_others("back it out", actor, &events).map_err(refused)
                }
                may => may,
            },
            Act::Purge => words(may_purge(run)).and_then(|()| match run.purged {
                true => Err("the run was purged before".to_owned()),
                false => Ok(()),
            }),
        };
        let why_not = may.err();
        views.push(ActView {
            act: *act,
            legal: why_not.is_none(),
            why_not,
            does: act.does(),
            reason_needed: *act == Act::BackOut || approval.require_reason && *act != Act::Resume,
        });
    }
    Ok(views)
}

/// The process that drives the run at this moment, in words; `None` if none does.
#[must_use]
pub fn driven_by(counted: &CountedRun) -> Option<String> {
    let lease = counted.lease.as_ref().filter(|_| !counted.run.state.is_over());
    holder_of(lease).map(|owner| Holder::of(owner).to_string())
}

fn may_resume(state: RunState) -> Result<(), String> {
    match state {
        RunState::Loading | RunState::Staged => Ok(()),
        RunState::AwaitingApproval => Err("the run waits for approval; approve it instead".into()),
        _ => Err(format!("the run is over ({state}): there is nothing to resume")),
    }
}
