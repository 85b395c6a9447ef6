//! What all simulated processes share: the steps, what strikes at them, who lives, and what was found wrong.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker::in_process::{InProcess, Limits};
use broker::{Broker as _, Queue};
use rusqlite::Connection;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clock::VirtualClock;
use crate::fixture::Database;
use crate::life::Life;
use crate::mutants::Mutant;
use crate::plan::{Fault, Plan, What, When};
use crate::watch::Watch;

/// One step: when, who, and what was about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Virtual milliseconds since the schedule began.
    pub at_ms: u64,
    /// The process's place.
    pub place: usize,
    /// How often the process was started before.
    pub incarnation: u32,
    /// The point that was passed.
    pub point: &'static str,
}

/// Whether what the step is about is asked of the store or of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Store,
    Broker,
}

/// What a process is told at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    Go,
    Fail,
    Twice,
}

/// What struck, in numbers: what may be left over at the end depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Struck {
    /// Processes that were killed.
    pub kills: u32,
    /// Steps that failed, at which the store or the broker was asked for something.
    pub fails: u32,
    /// Queues that were purged, and brokers that lost everything.
    pub losses: u32,
    /// How often the broker was away: it took and delivered nothing.
    pub silences: u32,
}

struct Inner {
    trace: Vec<Step>,
    faults: Vec<(Fault, u32)>,
    struck: Struck,
    store_up: Instant,
    broker_up: Instant,
    broker: Arc<InProcess>,
    /// How often the broker lost everything.
    generation: u32,
    lives: Vec<Arc<Life>>,
    wrong: Vec<String>,
}

/// The world of one schedule.
pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) watch: Watch,
    /// The store's file.
    pub(crate) path: PathBuf,
    seed: u64,
    mail: broker::in_process::Faults,
    inner: Mutex<Inner>,
    restarts: mpsc::UnboundedSender<(usize, u64)>,
    /// Reads the ledger beside everybody.
    ledger: Arc<Mutex<Connection>>,
}

fn mixed(seed: u64, step: u64) -> u64 {
    let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ step.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let state = (state ^ (state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    state ^ (state >> 32)
}

impl World {
    pub(crate) fn new(
        plan: &Plan,
        mutant: Option<Mutant>,
        clock: VirtualClock,
        database: &Database,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<(usize, u64)>) {
        let (restarts, to_restart) = mpsc::unbounded_channel();
        let nth = |when| if let When::Nth(_, nth) = when { nth } else { 0 };
        let inner = Inner {
            trace: Vec::with_capacity(2048),
            faults: plan.faults.iter().map(|fault| (*fault, nth(fault.when))).collect(),
            struck: Struck::default(),
            store_up: Instant::now(),
            broker_up: Instant::now(),
            broker: Arc::new(InProcess::with_faults(Limits::default(), plan.mail)),
            generation: 0,
            lives: Vec::new(),
            wrong: Vec::new(),
        };
        let world = Self {
            clock,
            mutant,
            watch: Watch::default(),
            path: database.copied.0.clone(),
            seed: plan.seed,
            mail: plan.mail,
            inner: Mutex::new(inner),
            restarts,
            ledger: Arc::clone(&database.look),
        };
        (Arc::new(world), to_restart)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the fleet has this defect.
    pub(crate) fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Looks into the ledger beside everybody.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> T {
        look(&self.ledger.lock().unwrap_or_else(PoisonError::into_inner)).unwrap()
    }

    /// Notes that an invariant does not hold.
    pub(crate) fn is_wrong(&self, what: String) {
        let mut inner = self.inner();
        if inner.wrong.len() < 8 {
            inner.wrong.push(what);
        }
    }

    pub(crate) fn wrong(&self) -> Vec<String> {
        self.inner().wrong.clone()
    }

    pub(crate) fn is_well(&self) -> bool {
        self.inner().wrong.is_empty()
    }

    pub(crate) fn trace(&self) -> Vec<Step> {
        std::mem::take(&mut self.inner().trace)
    }

    pub(crate) fn struck(&self) -> Struck {
        self.inner().struck
    }

    /// The broker as it is now, and how often it lost everything before.
    pub(crate) fn broker(&self) -> (Arc<InProcess>, u32) {
        let inner = self.inner();
        (Arc::clone(&inner.broker), inner.generation)
    }

    /// Adds a process that starts; it takes the place of its predecessor.
    pub(crate) fn born(&self, life: &Arc<Life>) {
        let mut inner = self.inner();
        inner.lives.retain(|before| before.place != life.place);
        inner.lives.push(Arc::clone(life));
    }

    /// Asks for the process at `place` to be started again.
    pub(crate) fn restart(&self, place: usize, after_ms: u64) {
        let _ = self.restarts.send((place, after_ms));
    }

    /// Waits until the broker delivers.
    pub(crate) async fn broker_delivers(&self) {
        loop {
            let up = self.inner().broker_up;
            if up <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(up).await;
        }
    }

    /// `life` passes a point: the seed decides how long that takes, and what strikes.
    pub(crate) async fn pass(&self, life: &Arc<Life>, of: Of, point: &'static str) -> Pass {
        life.goes_on().await;
        let (step, struck) = {
            let mut inner = self.inner();
            let at_ms = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
            let of = Step { at_ms, place: life.place, incarnation: life.incarnation, point };
            inner.trace.push(of);
            let step = u32::try_from(inner.trace.len()).unwrap_or(u32::MAX);
            let mut struck = None;
            inner.faults.retain_mut(|(fault, left)| {
                let strikes = struck.is_none()
                    && match fault.when {
                        When::Step(at) => at <= step,
                        When::Nth(name, _) => {
                            *left -= u32::from(*left > 0 && point.contains(name));
                            *left == 0 && point.contains(name)
                        }
                    };
                if strikes {
                    struck = Some(fault.what);
                }
                !strikes
            });
            (step, struck)
        };
        let mut pass = Pass::Go;
        match struck {
            None => {}
            Some(What::Fail) => pass = Pass::Fail,
            Some(What::Twice) => pass = Pass::Twice,
            Some(What::Slow(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Some(What::Pause(ms)) => life.pause(Duration::from_millis(ms)),
            Some(What::Kill(ms)) => {
                self.inner().struck.kills += 1;
                life.die();
                self.restart(life.place, ms);
            }
            // Of two outages that overlap, the one that lasts longer ends both: whoever waits began to by the first.
            Some(What::StoreDown(ms)) => {
                let mut inner = self.inner();
                inner.store_up = inner.store_up.max(Instant::now() + Duration::from_millis(ms));
            }
            Some(What::BrokerDown(ms)) => {
                let mut inner = self.inner();
                inner.struck.silences += 1;
                inner.broker_up = inner.broker_up.max(Instant::now() + Duration::from_millis(ms));
            }
            Some(What::Purge(queue)) => {
                self.inner().struck.losses += 1;
                self.purge(queue).await;
            }
            Some(What::Reset) => {
                self.inner().struck.losses += 1;
                self.reset().await;
            }
        }
        match mixed(self.seed, step.into()) % 16 {
            0..8 => {}
            8..12 => tokio::task::yield_now().await,
            12 | 13 => {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            }
            _ => {
                let ms = mixed(self.seed ^ 0x5eed, step.into()) % 40 + 1;
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
        }
        life.goes_on().await;
        let mut inner = self.inner();
        let down = match of {
            Of::Store => inner.store_up > Instant::now(),
            Of::Broker => inner.broker_up > Instant::now(),
        };
        if down {
            pass = Pass::Fail;
        }
        inner.struck.fails += u32::from(pass == Pass::Fail);
        pass
    }

    /// Removes what waits in a queue.
    async fn purge(&self, queue: Queue) {
        let (broker, _) = self.broker();
        let Ok(mut consumer) = broker.consume(queue, usize::MAX).await else { return };
        let mut taken = Vec::new();
        while broker.depth(queue).await.is_ok_and(|depth| depth > 0) {
            match tokio::time::timeout(Duration::ZERO, consumer.next()).await {
                Ok(Some(delivery)) => taken.push(delivery),
                _ => break,
            }
        }
        for delivery in taken {
            delivery.done().await;
        }
    }

    /// All messages are gone, those in hand too.
    async fn reset(&self) {
        let before = {
            let mut inner = self.inner();
            inner.generation += 1;
            let empty = InProcess::with_faults(Limits::default(), self.mail);
            std::mem::replace(&mut inner.broker, Arc::new(empty))
        };
        before.close().await;
    }
}
