//! One simulated process, from its start to its death. A dead process is one whose tasks never go on, and whose
//! connections are closed; a stopped one goes on later, as if nothing had happened.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use broker::Consumer;
use store::promotion::Promotion;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Something that a process holds at a server, and that the server takes back when the process dies.
pub(crate) type Held<T> = Arc<AsyncMutex<Option<T>>>;

/// One simulated process.
pub(crate) struct Life {
    pub(crate) place: usize,
    pub(crate) incarnation: u32,
    /// As it signs: no other process has this name.
    pub(crate) name: String,
    death: CancellationToken,
    stopped_until: Mutex<Instant>,
    consumers: Mutex<Vec<Held<Box<dyn Consumer>>>>,
    promotions: Mutex<Vec<Held<Box<dyn Promotion>>>>,
}

impl Life {
    pub(crate) fn new(place: usize, incarnation: u32, name: String) -> Arc<Self> {
        Arc::new(Self {
            place,
            incarnation,
            name,
            death: CancellationToken::new(),
            stopped_until: Mutex::new(Instant::now()),
            consumers: Mutex::default(),
            promotions: Mutex::default(),
        })
    }

    /// Waits while the process is stopped. Never returns once it is dead.
    pub(crate) async fn goes_on(&self) {
        loop {
            if self.death.is_cancelled() {
                std::future::pending::<()>().await;
            }
            let until = *self.stopped_until.lock().unwrap_or_else(PoisonError::into_inner);
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// Returns when the process dies.
    pub(crate) async fn dies(&self) {
        self.death.cancelled().await;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.death.is_cancelled()
    }

    pub(crate) fn pause(&self, lasts: Duration) {
        *self.stopped_until.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + lasts;
    }

    /// The process is gone: its deliveries return to their queues, its promotion is rolled back. What is in use at this
    /// moment is dropped by whoever uses it.
    pub(crate) fn die(&self) {
        self.death.cancel();
        let consumers = std::mem::take(&mut *self.consumers.lock().unwrap_or_else(PoisonError::into_inner));
        for held in consumers {
            if let Ok(mut held) = held.try_lock() {
                *held = None;
            }
        }
        let promotions = std::mem::take(&mut *self.promotions.lock().unwrap_or_else(PoisonError::into_inner));
        for held in promotions {
            if let Ok(mut held) = held.try_lock() {
                *held = None;
            }
        }
    }

    /// What a process holds at a server. If it died while it asked for it, the connection is closed already.
    fn held<T>(&self, what: T) -> Held<T> {
        Arc::new(AsyncMutex::new((!self.is_dead()).then_some(what)))
    }

    pub(crate) fn holds_consumer(&self, consumer: Box<dyn Consumer>) -> Held<Box<dyn Consumer>> {
        let held = self.held(consumer);
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&held));
        held
    }

    pub(crate) fn holds_promotion(&self, promotion: Box<dyn Promotion>) -> Held<Box<dyn Promotion>> {
        let held = self.held(promotion);
        self.promotions.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&held));
        held
    }
}
