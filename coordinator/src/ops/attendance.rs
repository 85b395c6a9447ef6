//! Watches beside a run whether workers and a coordinator are there for it, and says who is missing.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use domain::attendance::{Advice, Attendance, Look, Missing};
use domain::counts::Role;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use platform::clock::Clock;
use store::model::{Run, WorkerRow};
use store::{Store, StoreError};
use tokio::sync::watch;

use crate::context::lease::LEASE;
pub use crate::ops::held::ALIVE;
use crate::ops::held::{Held, held};
use crate::progress::{Phase, Snapshot};

/// How often the fleet is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// After this long without progress it is said which chunks are waited for and who holds them; then again after as
/// long.
const STANDSTILL_MS: i64 = 30_000;

/// How many such chunks are named at a time.
const HELD_NAMED: usize = 3;

/// What is watched, and who is notified.
pub struct Watcher<'a> {
    /// Where workers and coordinators are registered.
    pub store: &'a dyn Store,
    /// The clock that waiting is timed by.
    pub clock: &'a dyn Clock,
    /// Whether workers of other processes are needed.
    pub needs_workers: bool,
    /// How long a run may make no progress.
    pub patience: Option<Duration>,
    /// Called with a sentence on what is missing.
    pub tell: fn(&str),
}

/// Which workers are not there.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn missing_workers(store: &dyn Store) -> Result<Missing, StoreError> {
    let fleet = store.fleet(Some(ALIVE)).await?;
    // One that was drained takes nothing more.
    let works = |worker: &&WorkerRow| worker.stopped_at_ms.is_none() && worker.drain_asked_at_ms.is_none();
    let is_there = |role| fleet.iter().filter(works).any(|worker| worker.role == role);
    Ok(Missing {
        coordinator: false,
        processors: !is_there(Role::Processor),
        writers: !is_there(Role::Writer),
    })
}

/// Whether a coordinator service is there.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn has_service(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.service().await?.is_some_and(|lease| !lease.left.is_zero()))
}

/// Submitted runs that no coordinator drives and that wait for no operator, the oldest first.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn waiting_runs(store: &dyn Store, limit: u32) -> Result<Vec<Run>, StoreError> {
    store.waiting_runs(LEASE, limit).await
}

impl Watcher<'_> {
    /// Watches a run that this process drives. Returns, with the reason, when the caller's patience is over.
    pub async fn beside(&self, mut view: watch::Receiver<Snapshot>) -> String {
        self.until_given_up(None, async || {
            let now = view.borrow_and_update().clone();
            let waits = matches!(now.phase, Phase::Loading | Phase::Verifying);
            let missing = match self.needs_workers && waits {
                true => missing_workers(self.store).await?,
                false => Missing::default(),
            };
            let mut hasher = DefaultHasher::new();
            (now.phase.name(), now.done, now.bytes_read, now.chunks_committed, now.workers.len())
                .hash(&mut hasher);
            Ok(Look { missing, progress: hasher.finish(), is_busy: !waits && now.phase != Phase::Starting })
        })
        .await
    }

    /// Watches a run that a coordinator service is to drive.
    pub async fn of_submitted(&self, run_id: RunId) -> String {
        self.until_given_up(Some(run_id), async || {
            let (run, progress) = (self.store.run(run_id).await?, self.store.progress(run_id).await?);
            let is_driven = self.store.lease(run_id).await?.is_some_and(|lease| !lease.left.is_zero());
            let mut missing = match run.state {
                RunState::Loading => missing_workers(self.store).await?,
                _ => Missing::default(),
            };
            missing.coordinator = !is_driven && !has_service(self.store).await?;
            let mut hasher = DefaultHasher::new();
            (run.state.name(), run.epoch, progress.split, progress.committed, progress.set_aside)
                .hash(&mut hasher);
            let is_busy = is_driven && run.state == RunState::Staged;
            Ok(Look { missing, progress: hasher.finish(), is_busy })
        })
        .await
    }

    /// Names the chunks that a silent or stuck worker holds: of `run_id`, or of any run of the store.
    async fn name_held(&self, run_id: Option<RunId>) {
        // A store that does not answer is complained of by whoever needs it.
        for Held { run_id, chunk_no, said, advice } in
            held(self.store, run_id).await.unwrap_or_default().into_iter().take(HELD_NAMED)
        {
            (self.tell)(&format!(
                "the run is waiting for chunk {chunk_no} of run {run_id}: {said}; {advice}"
            ));
        }
    }

    async fn until_given_up(
        &self,
        run_id: Option<RunId>,
        mut look: impl AsyncFnMut() -> Result<Look, StoreError>,
    ) -> String {
        let patience_ms =
            self.patience.map(|patience| i64::try_from(patience.as_millis()).unwrap_or(i64::MAX));
        let mut attendance = Attendance::new(self.clock.now_ms(), patience_ms);
        let mut last = Look::default();
        let mut still_since_ms = self.clock.now_ms();
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            // A store that does not answer shows no progress, and is complained of by whoever needs it.
            if let Ok(seen) = look().await {
                if seen.progress != last.progress || seen.is_busy {
                    still_since_ms = self.clock.now_ms();
                }
                last = seen;
            }
            if self.clock.now_ms().saturating_sub(still_since_ms) >= STANDSTILL_MS {
                still_since_ms = self.clock.now_ms();
                self.name_held(run_id).await;
            }
            match attendance.look(self.clock.now_ms(), last) {
                Advice::Nothing => {}
                Advice::Say(missing) => (self.tell)(&format!("the run is waiting: {missing}")),
                Advice::Complete => (self.tell)("the run continues: all required processes are running"),
                Advice::GiveUp(missing) => {
                    let seconds = self.patience.map_or(0, |patience| patience.as_secs());
                    let who = match missing.is_nobody() {
                        true => "workers are running; check that they use the same broker, and that the broker responds"
                            .to_owned(),
                        false => missing.to_string(),
                    };
                    return format!("no progress for {seconds} s; {who}");
                }
            }
        }
    }
}
