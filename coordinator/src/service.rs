//! The coordinator as a service: acquires submitted runs, several at a time, and drives each to its verdict.
//!
//! Of several coordinators one is the service; the others stand by, and the next of them takes over when its lease
//! ends. That keeps them out of each other's way, no more: each run has a lease and a fence of its own, and it is
//! these that keep two from changing one run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::retention::{Parts, Policy};
use platform::backoff::Backoff;
use serde_json::json;
use store::model::Run;
use store::{Claim, Lease, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::context::coordinator::Coordinator;
use crate::context::lease::LEASE;
use crate::context::owner::is_dead;
use crate::ops::attestations::Attestations;
use crate::ops::retention::plan;
use crate::progress::Snapshot;
use crate::run::{Drive, Ending, RunError};

/// How often the place of the service is claimed, or looked at.
const CLAIM: Duration = Duration::from_secs(3);

/// How often runs that wait are looked for.
const POLL: Duration = Duration::from_millis(500);

/// How long a run that failed by no fault of its own is left alone, at first; it doubles.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// How often what is older than it has to be is removed.
const RETAIN: Duration = Duration::from_secs(24 * 3600);

/// How often it is looked whether a run is missing.
const LOOK: Duration = Duration::from_secs(60);

/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A coordinator that drives what is submitted.
pub struct Service {
    /// The coordinator that drives each submitted run.
    pub coordinator: Coordinator,
    /// How many runs are driven at a time, at most.
    pub runs_max: usize,
    /// Called with how each run ended, or why it did not.
    pub told: fn(RunId, &str),
    /// How long staging rows and rejects of runs are kept; `None`: until an operator purges them.
    pub keeps: Option<Policy>,
}

/// What the service knows of a run between its drives.
#[derive(Debug, Clone)]
struct Memory {
    is_driven: bool,
    backoff: Backoff,
    not_before: tokio::time::Instant,
}

type Memories = Arc<Mutex<HashMap<RunId, Memory>>>;

fn lock(memories: &Memories) -> MutexGuard<'_, HashMap<RunId, Memory>> {
    memories.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// Serves until the coordinator must stop; then releases its runs and its lease on the service.
    ///
    /// # Errors
    /// [`StoreError`] that does not heal by itself.
    pub async fn run(&self) -> Result<(), StoreError> {
        let owner = self.coordinator.owner();
        let (memories, tasks) = (Memories::default(), TaskTracker::new());
        let ended = self.serve(&owner, &memories, &tasks).await;
        tasks.close();
        tasks.wait().await;
        match self.coordinator.store.leave_service(&owner).await {
            Err(error) if !error.is_transient() => ended.and(Err(error)),
            _ => ended,
        }
    }

    async fn serve(&self, owner: &str, memories: &Memories, tasks: &TaskTracker) -> Result<(), StoreError> {
        let stop = &self.coordinator.stop;
        let mut stands_by = None;
        let mut claimed: Option<tokio::time::Instant> = None;
        let mut retained: Option<tokio::time::Instant> = None;
        let attested = Arc::new(tokio::sync::Mutex::new(Attestations::default()));
        let mut looked: Option<(tokio::time::Instant, JoinHandle<()>)> = None;
        loop {
            self.coordinator.metrics.life.beat();
            if claimed.is_none_or(|at| at.elapsed() >= CLAIM) {
                let held = self.claim(owner).await?.map(|held| held.owner);
                if held.is_none() && claimed.is_none() {
                    tracing::info!(%owner, "this coordinator is active");
                }
                if held.is_some() && stands_by != held {
                    let by = held.as_deref().unwrap_or_default();
                    tracing::info!(service = by, "another coordinator is active; this one is on standby");
                }
                claimed = held.is_none().then(tokio::time::Instant::now);
                self.coordinator.metrics.is_active(claimed.is_some());
                stands_by = held;
            }
            if claimed.is_some() {
                self.take_up_waiting(memories, tasks).await?;
                if let Some(policy) = self.keeps
                    && retained.is_none_or(|at| at.elapsed() >= RETAIN)
                {
                    retained = Some(tokio::time::Instant::now());
                    tasks.spawn(retain(self.coordinator.clone(), policy));
                }
                // A look that still tells of what it found is not overtaken by the next.
                if looked.as_ref().is_none_or(|(at, look)| at.elapsed() >= LOOK && look.is_finished()) {
                    let look = tasks.spawn(tell(self.coordinator.clone(), Arc::clone(&attested)));
                    looked = Some((tokio::time::Instant::now(), look));
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// `None`: this coordinator is active. While the store does not answer, none is.
    async fn claim(&self, owner: &str) -> Result<Option<Lease>, StoreError> {
        match fault::around!("service.claim", self.claim_or_succeed(owner).await) {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the store does not respond; the service continues when it does");
                Ok(Some(Lease::new("nobody".into(), 0)))
            }
            claimed => claimed,
        }
    }

    /// Claims the place of the service, at once where the process that holds it is known to have ended: a coordinator
    /// that was killed and is started again does not wait for its own lease.
    async fn claim_or_succeed(&self, owner: &str) -> Result<Option<Lease>, StoreError> {
        let store = &self.coordinator.store;
        match store.claim_service(owner, LEASE).await? {
            Some(held) if is_dead(&held.owner, &self.coordinator.host) => {
                store.leave_service(&held.owner).await?;
                store.claim_service(owner, LEASE).await
            }
            held => Ok(held),
        }
    }

    async fn take_up_waiting(&self, memories: &Memories, tasks: &TaskTracker) -> Result<(), StoreError> {
        let looked_at = u32::try_from(self.runs_max).unwrap_or(u32::MAX).saturating_mul(4);
        let waiting = || self.coordinator.store.waiting_runs(LEASE, looked_at);
        let waiting = match fault::around!("runs.waiting", waiting().await) {
            Err(error) if error.is_transient() => return Ok(()),
            waiting => waiting?,
        };
        for run in waiting {
            let mut known = lock(memories);
            let driven = known.values().filter(|memory| memory.is_driven).count();
            if driven >= self.runs_max {
                return Ok(());
            }
            let now = tokio::time::Instant::now();
            let memory = known.entry(run.run_id).or_insert(Memory {
                is_driven: false,
                backoff: Backoff::new(PAUSE_MIN, PAUSE_MAX),
                not_before: now,
            });
            if memory.is_driven || now < memory.not_before {
                continue;
            }
            memory.is_driven = true;
            drop(known);
            let one = self.one(run, Arc::clone(memories));
            tasks.spawn(one);
        }
        Ok(())
    }

    /// Drives one run, as far as it goes.
    fn one(&self, run: Run, memories: Memories) -> impl Future<Output = ()> + Send + 'static {
        let mut coordinator = self.coordinator.clone();
        // Each run has a view of its own.
        coordinator.watch = watch::channel(Snapshot::default()).0;
        let told = self.told;
        async move {
            let run_id = run.run_id;
            tracing::info!(%run_id, job = run.job, "run started");
            let ended = Box::pin(coordinator.drive(run_id, &Drive::default())).await;
            let retries = match &ended {
                Ok(ending) => {
                    told(run_id, ended_as(*ending));
                    coordinator.notify(run_id, None).await;
                    false
                }
                Err(error) => {
                    told(run_id, &error.to_string());
                    let retries = coordinator.after_failure(run_id, error).await;
                    if !retries {
                        coordinator.notify(run_id, Some(&error.to_string())).await;
                    }
                    retries
                }
            };
            let mut known = lock(&memories);
            if retries {
                if let Some(memory) = known.get_mut(&run_id) {
                    memory.is_driven = false;
                    memory.not_before = tokio::time::Instant::now() + memory.backoff.next_wait();
                }
            } else {
                known.remove(&run_id);
            }
        }
    }
}

/// Tells of runs that are missing, and of attestations that are. What fails is tried again a minute later.
async fn tell(coordinator: Coordinator, attested: Arc<tokio::sync::Mutex<Attestations>>) {
    if let Err(error) = coordinator.tell_missing().await {
        tracing::warn!(%error, "cannot look whether runs are missing; it is tried again in a minute");
    }
    if let Err(error) = coordinator.tell_lapsed(&mut *attested.lock().await).await {
        tracing::warn!(%error, "cannot look whether attestations are overdue; it is tried again in a minute");
    }
}

/// Removes what `policy` does not keep. What fails is tried again a day later.
async fn retain(coordinator: Coordinator, policy: Policy) {
    let retained = async {
        let plan = plan(&*coordinator.store, &policy, coordinator.clock.now_ms()).await?;
        for kept in &plan.kept {
            let parts = kept.parts.iter().copied().collect::<Parts>();
            tracing::info!(run_id = %kept.run_id, %parts, why = kept.said, "retention keeps parts of an old run");
        }
        let reason = format!("[retention] {policy}");
        coordinator.retain(&plan, &reason).await
    };
    match retained.await {
        Ok(gone) => {
            for one in gone {
                let parts = one.parts.iter().copied().collect::<Parts>();
                tracing::info!(run_id = %one.run_id, %parts, rows = one.rows, "retention removed parts of a run");
            }
        }
        Err(error) => tracing::warn!(%error, "retention failed; it is tried again in a day"),
    }
}

const fn ended_as(ending: Ending) -> &'static str {
    match ending {
        Ending::Promoted => "reconciled and promoted",
        Ending::NotReconciled => "not reconciled; none of its rows are in final",
        Ending::Paused => "staging is verified; waiting for approval",
        Ending::Cancelled => "cancelled",
    }
}

impl Coordinator {
    /// What is done about a run that could not be driven to its verdict: `true` leaves it to be acquired again.
    async fn after_failure(&self, run_id: RunId, error: &RunError) -> bool {
        if error.is_stop() || error.is_transient() || matches!(error, RunError::Parked { .. }) {
            return true;
        }
        let taken = |error: &StoreError| {
            matches!(
                error,
                StoreError::Fenced { .. } | StoreError::LeaseHeld { .. } | StoreError::Over { .. }
            )
        };
        if error.store().is_some_and(taken) {
            // Somebody else has it, or ended it: whether it waits again is seen in the store.
            return true;
        }
        match self.park(run_id, &error.to_string()).await {
            Ok(()) => false,
            // Whoever took it meanwhile, or ended it, has said so himself.
            Err(error) if taken(&error) => true,
            Err(error) => {
                tracing::error!(%run_id, %error, "cannot park a run that cannot continue");
                true
            }
        }
    }

    /// Leaves a run to an operator.
    async fn park(&self, run_id: RunId, why: &str) -> Result<(), StoreError> {
        let fence = self.acquire_lease(run_id, Claim::IfFree).await?;
        self.store.park(fence, Some(why)).await?;
        self.store.log_under(fence, self.entry(run_id, EventKind::Parked, &json!({ "reason": why }))).await?;
        self.store.release(fence, 0).await
    }
}

#[cfg(test)]
mod tests {
    use post::PostError;

    use super::*;
    use crate::load::LoadError;
    use crate::verify::VerifyError;

    #[test]
    fn that_somebody_else_has_the_run_is_seen_however_deep_it_is_said() {
        let fenced = || StoreError::Fenced { run_id: RunId::from_bytes([7; 16]) };
        let load = || LoadError::Store(fenced());
        let deep: [RunError; 4] = [
            fenced().into(),
            load().into(),
            VerifyError::Store(fenced()).into(),
            VerifyError::from(PostError::Store(fenced())).into(),
        ];
        for error in deep {
            assert!(matches!(error.store(), Some(StoreError::Fenced { .. })), "{error:?}");
            assert!(!error.is_transient());
        }
        let lost = || StoreError::Interrupted { reason: "x".into() };
        assert!(RunError::from(VerifyError::from(PostError::Store(lost()))).is_transient());
    }

    #[test]
    fn every_ending_is_said_in_words() {
        for ending in [Ending::Promoted, Ending::NotReconciled, Ending::Paused, Ending::Cancelled] {
            assert!(!ended_as(ending).is_empty());
        }
    }
}
