//! What the screen shows of the store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use console::desk::Desk;
use coordinator::ops::views::chunks::{ChunkMap, map};
use coordinator::ops::views::fleet::{ListedFleet, fleet};
use coordinator::ops::views::log::LoggedEvent;
use coordinator::ops::views::runs::{RunView, WatchedRun, beside_the_past, view};
use coordinator::ops::views::workers::{RunWorkers, workers};
use domain::ids::RunId;
use store::StoreError;
use store::views::{CountedRun, RunPage};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::News;

/// How often the store is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// How many runs are listed, and how many events of a run.
const RUNS: u32 = 200;
const EVENTS: u32 = 500;

/// The span over which a rate is measured.
const SPAN: Duration = Duration::from_secs(15);

/// What one look saw.
pub(crate) struct Look {
    /// The time on this host's clock, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// The latest runs, the newest first; why they could not be read, otherwise.
    pub(crate) seen: Result<Seen, String>,
}

/// What the store holds.
pub(crate) struct Seen {
    pub(crate) runs: Vec<WatchedRun>,
    pub(crate) fleet: ListedFleet,
    /// The run that is open on the screen.
    pub(crate) open: Option<Box<Open>>,
}

/// One run in detail.
pub(crate) struct Open {
    pub(crate) run_id: RunId,
    pub(crate) view: RunView,
    pub(crate) workers: RunWorkers,
    pub(crate) map: ChunkMap,
    /// The run's events, the newest first.
    pub(crate) events: Vec<LoggedEvent>,
}

/// How many records each loading run had, and when.
#[derive(Default)]
struct Samples(BTreeMap<RunId, VecDeque<(Instant, u64)>>);

impl Samples {
    /// The run's records in a second, once it was seen for a second.
    fn rate(&mut self, counted: &CountedRun) -> Option<u64> {
        let samples = self.0.entry(counted.run.run_id).or_default();
        samples.push_back((Instant::now(), counted.totals.read));
        while samples.get(1).is_some_and(|(second, _)| second.elapsed() >= SPAN) {
            samples.pop_front();
        }
        let ((first_at, first), (last_at, last)) = (samples.front()?, samples.back()?);
        let ms = u64::try_from(last_at.duration_since(*first_at).as_millis()).ok()?;
        (ms >= 1000).then(|| last.saturating_sub(*first) * 1000 / ms)
    }
}

/// Looks at the store once a second, and at once when another run is opened, until the screen no longer listens.
pub(crate) async fn keep_looking(
    desk: Arc<Desk>,
    mut shown: watch::Receiver<Option<RunId>>,
    tell: mpsc::Sender<News>,
) {
    let mut samples = Samples::default();
    loop {
        let wanted = *shown.borrow_and_update();
        let look = look(&desk, wanted, &mut samples).await;
        if tell.send(News::Looked(Box::new(look))).await.is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = shown.changed() => if changed.is_err() { return },
        }
    }
}

/// Looks once.
#[cfg(test)]
pub(crate) async fn once(desk: &Desk, wanted: Option<RunId>) -> Look {
    look(desk, wanted, &mut Samples::default()).await
}

async fn look(desk: &Desk, wanted: Option<RunId>, samples: &mut Samples) -> Look {
    let seen = see(desk, wanted, samples).await.map_err(|error| error.to_string());
    Look { at_ms: desk.coordinator.clock.now_ms(), seen }
}

async fn see(desk: &Desk, wanted: Option<RunId>, samples: &mut Samples) -> Result<Seen, StoreError> {
    let store = &*desk.store;
    let counted = store.counted_runs(&RunPage::default(), RUNS).await?;
    samples.0.retain(|run_id, _| counted.iter().any(|one| one.run.run_id == *run_id));
    let runs = counted.iter().map(|one| WatchedRun::of(one).at_rate(samples.rate(one), one)).collect();
    let runs = beside_the_past(store, runs).await?;
    let fleet = fleet(store, desk.fleet_note.clone()).await?;
    let open = match wanted {
        None => None,
        Some(run_id) => Some(Box::new(open(desk, run_id).await?)),
    };
    Ok(Seen { runs, fleet, open })
}

async fn open(desk: &Desk, run_id: RunId) -> Result<Open, StoreError> {
    let store = &*desk.store;
    let actor = &desk.coordinator.actor;
    let view = view(store, run_id, actor, desk.driver.drives()).await?;
    let workers = workers(store, run_id, desk.coordinator.clock.now_ms()).await?;
    let map = map(store, run_id, 0, u32::MAX).await?;
    let events = store.events_before(Some(run_id), None, EVENTS).await?.iter().map(LoggedEvent::of).collect();
    Ok(Open { run_id, view, workers, map, events })
}
