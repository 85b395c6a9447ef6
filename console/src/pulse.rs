//! What is new, for those who watch: the store is looked at once, however many watch.
//!
//! Nobody who changes a run has to tell the console: it reads the ledger once a second while somebody watches, and says
//! what is different. The memory is bounded: a ring of what was said, a sample of each running run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coordinator::ops::views::fleet::{ListedFleet, fleet};
use coordinator::ops::views::log::LoggedEvent;
use coordinator::ops::views::runs::{WatchedRun, beside_the_past};
use domain::ids::RunId;
use domain::lifecycle::RunState;
use platform::clock::Clock;
use serde::Serialize;
use store::views::{CountedRun, RunPage};
use store::{Store, StoreError};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

/// How often the store is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// How often the fleet is looked at, in looks.
const FLEET_EVERY: u64 = 5;

/// How long after a request it is looked at, though nobody watches the stream.
const WANTED_MS: i64 = 30_000;

/// How much news is kept for those who come back.
const KEPT: usize = 1000;

/// How much news a watcher may be behind before it must look for itself.
const BEHIND_MAX: usize = 256;

/// How many runs that are not over are watched, and how many events are read at a time.
const LOOKED_AT: u32 = 200;

/// The span over which a rate is measured, in milliseconds.
const RATE_MS: i64 = 15_000;

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Its number, for whoever comes back.
    pub id: u64,
    /// `run`, `fleet` or `log`.
    pub kind: &'static str,
    /// What it is about, as JSON.
    pub data: String,
}

/// How many records a run had at a moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at_ms: i64,
    read: u64,
}

/// What the last look saw.
#[derive(Default)]
struct Seen {
    open: BTreeSet<RunId>,
    said: BTreeMap<RunId, String>,
    samples: BTreeMap<RunId, VecDeque<Sample>>,
    event: Option<u64>,
    fleet: String,
    past: VecDeque<Arc<News>>,
}

/// What is new, for those who watch.
pub struct Pulse {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    fleet_note: Option<String>,
    /// Tells this console from the one before it: numbers begin again.
    boot: String,
    next: AtomicU64,
    wanted_ms: AtomicI64,
    hurry: Notify,
    news: broadcast::Sender<Arc<News>>,
    seen: Mutex<Seen>,
    /// Held by whoever walks the whole log.
    pub(crate) walks: tokio::sync::Mutex<()>,
}

/// Where somebody who watches begins.
pub(crate) enum From {
    /// With what comes next.
    Now,
    /// After the piece of news with this number.
    After(u64),
    /// With what comes next; what was missed is not known any more.
    Missed,
}

impl Pulse {
    /// A pulse of the store, which beats once [`Pulse::beat`] is called.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, fleet_note: Option<String>) -> Arc<Self> {
        Arc::new(Self {
            boot: format!("{:x}", clock.now_ms()),
            store,
            clock,
            fleet_note,
            next: AtomicU64::new(1),
            wanted_ms: AtomicI64::new(i64::MIN),
            hurry: Notify::new(),
            news: broadcast::channel(BEHIND_MAX).0,
            seen: Mutex::default(),
            walks: tokio::sync::Mutex::default(),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Someone asked for what changes: it is looked at for a while.
    pub(crate) fn is_wanted(&self) {
        self.wanted_ms.store(self.clock.now_ms(), Ordering::Relaxed);
    }

    /// Something was done: looks at once.
    pub(crate) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Learns where the log ends, unless that is known: what comes after it is news.
    pub(crate) async fn begin(&self) -> Result<(), StoreError> {
        self.is_wanted();
        if self.seen().event.is_none() {
            let head = self.store.log_head().await?.map_or(0, |head| head.seq);
            self.seen().event.get_or_insert(head);
        }
        Ok(())
    }

    /// How many watch the stream.
    pub(crate) fn watchers(&self) -> usize {
        self.news.receiver_count()
    }

    /// Looks at the store until `stop` is cancelled.
    pub async fn beat(&self, stop: CancellationToken) {
        let mut beat: u64 = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
                () = self.hurry.notified() => {}
            }
            let wanted = self.clock.now_ms().saturating_sub(self.wanted_ms.load(Ordering::Relaxed));
            if self.watchers() == 0 && !(0..WANTED_MS).contains(&wanted) {
                // What happened meanwhile was not watched: it is no news.
                let mut seen = self.seen();
                seen.event = None;
                seen.said.clear();
                seen.open.clear();
                seen.samples.clear();
                continue;
            }
            let looked = self.look(beat.is_multiple_of(FLEET_EVERY)).await;
            beat = beat.wrapping_add(1);
            if let Err(error) = looked {
                tracing::debug!(%error, "the console cannot read the store");
            }
        }
    }

    async fn look(&self, with_fleet: bool) -> Result<(), StoreError> {
        let states = RunState::ALL.iter().copied().filter(|state| !state.is_over()).collect();
        let page = RunPage { states, ..RunPage::default() };
        let mut runs = self.store.counted_runs(&page, LOOKED_AT).await?;
        let open: BTreeSet<_> = runs.iter().map(|counted| counted.run.run_id).collect();
        let events = self.new_events().await?;
        // Runs that ended since, and runs that the log names: short ones may begin and end between two looks.
        let mut others: BTreeSet<RunId> = self.seen().open.difference(&open).copied().collect();
        others.extend(events.iter().filter_map(|event| event.run_id.as_ref()?.parse::<RunId>().ok()));
        for run_id in others.into_iter().filter(|run_id| !open.contains(run_id)) {
            runs.push(self.store.counted(run_id).await?);
        }
        runs.sort_by_key(|counted| std::cmp::Reverse(counted.run.run_id));
        self.sample(&runs);
        let views = runs.iter().map(|counted| WatchedRun::of(counted).at_rate(self.rate(counted), counted));
        let views = beside_the_past(&*self.store, views.collect()).await?;
        let fleet = match with_fleet {
            true => Some(fleet(&*self.store, self.fleet_note.clone()).await?),
            false => None,
        };
        self.say_runs(&views, &open);
        events.iter().for_each(|event| self.say("log", event));
        if let Some(fleet) = fleet {
            self.say_fleet(&fleet);
        }
        Ok(())
    }

    /// The log's events since the last look; none at the first, which only learns where the log ends.
    async fn new_events(&self) -> Result<Vec<LoggedEvent>, StoreError> {
        let known = self.seen().event;
        let Some(after) = known else {
            let head = self.store.log_head().await?.map_or(0, |head| head.seq);
            self.seen().event = Some(head);
            return Ok(Vec::new());
        };
        let events = self.store.events(after, LOOKED_AT).await?;
        if let Some(last) = events.last() {
            self.seen().event = Some(last.seq);
        }
        Ok(events.iter().map(LoggedEvent::of).collect())
    }

    fn sample(&self, runs: &[CountedRun]) {
        let at_ms = self.clock.now_ms();
        let mut seen = self.seen();
        let loading: BTreeSet<_> = runs
            .iter()
            .filter(|counted| counted.run.state == RunState::Loading)
            .map(|counted| counted.run.run_id)
            .collect();
        seen.samples.retain(|run_id, _| loading.contains(run_id));
        for counted in runs.iter().filter(|counted| loading.contains(&counted.run.run_id)) {
            let samples = seen.samples.entry(counted.run.run_id).or_default();
            samples.push_back(Sample { at_ms, read: counted.totals.read });
            // The first one that is older than the span stays, so that the span is covered.
            while samples.get(1).is_some_and(|second| at_ms - second.at_ms >= RATE_MS) {
                samples.pop_front();
            }
        }
    }

    /// How many records of the run are committed in a second; `None` until it was watched for a second.
    pub(crate) fn rate(&self, counted: &CountedRun) -> Option<u64> {
        let seen = self.seen();
        let samples = seen.samples.get(&counted.run.run_id)?;
        let (first, last) = (samples.front()?, samples.back()?);
        let span_ms = u64::try_from(last.at_ms - first.at_ms).ok().filter(|span_ms| *span_ms >= 900)?;
        Some(last.read.saturating_sub(first.read).saturating_mul(1000) / span_ms)
    }

    fn say_runs(&self, views: &[WatchedRun], open: &BTreeSet<RunId>) {
        for view in views {
            let Ok(data) = serde_json::to_string(view) else { continue };
            let run_id = view.run.run_id;
            let is_new = self.seen().said.insert(run_id, data.clone()).as_ref() != Some(&data);
            if is_new {
                self.publish("run", data);
            }
        }
        let mut seen = self.seen();
        seen.said.retain(|run_id, _| open.contains(run_id));
        seen.open.clone_from(open);
    }

    /// The fleet is news when a process comes, goes, or takes something up; that a heartbeat came is none.
    fn say_fleet(&self, fleet: &ListedFleet) {
        let mut still = fleet.clone();
        still.members.iter_mut().for_each(|member| member.last_seen_ms = 0);
        let still = serde_json::to_string(&still).unwrap_or_default();
        if self.seen().fleet != still {
            self.seen().fleet = still;
            self.say("fleet", fleet);
        }
    }

    fn say<T: Serialize>(&self, kind: &'static str, value: &T) {
        if let Ok(data) = serde_json::to_string(value) {
            self.publish(kind, data);
        }
    }

    fn publish(&self, kind: &'static str, data: String) {
        let news = Arc::new(News { id: self.next.fetch_add(1, Ordering::Relaxed), kind, data });
        let mut seen = self.seen();
        seen.past.push_back(Arc::clone(&news));
        while seen.past.len() > KEPT {
            seen.past.pop_front();
        }
        // Sent while the past is locked, so that whoever joins gets each piece once. That nobody listens is no error.
        drop(self.news.send(news));
    }

    /// The name of a piece of news in the stream, by which a watcher comes back.
    pub(crate) fn name(&self, id: u64) -> String {
        format!("{}-{id}", self.boot)
    }

    /// Where a watcher that last saw `name` goes on.
    pub(crate) fn place(&self, name: Option<&str>) -> From {
        let Some(name) = name else { return From::Now };
        let id = name.strip_prefix(&self.boot).and_then(|rest| rest.strip_prefix('-')?.parse().ok());
        id.map_or(From::Missed, From::After)
    }

    /// What was said after `from`, and what will be said. `false`: something in between is not known any more.
    pub(crate) fn join(&self, from: &From) -> (Vec<Arc<News>>, broadcast::Receiver<Arc<News>>, bool) {
        let seen = self.seen();
        let receiver = self.news.subscribe();
        match from {
            From::Now => (Vec::new(), receiver, true),
            From::Missed => (Vec::new(), receiver, false),
            From::After(id) => {
                let last = self.next.load(Ordering::Relaxed).saturating_sub(1);
                let first = seen.past.front().map_or(last + 1, |news| news.id);
                let is_known = *id <= last && id + 1 >= first;
                let missed = seen.past.iter().filter(|news| news.id > *id && is_known);
                (missed.cloned().collect(), receiver, is_known)
            }
        }
    }
}
