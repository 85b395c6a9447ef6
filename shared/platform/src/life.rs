//! Whether a process still turns: whoever loops says so at each turn, and whoever asks gets the time since.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When a loop last turned. Clones are of the same loop.
#[derive(Debug, Clone)]
pub struct Life(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    since: Instant,
    /// Milliseconds from `since` to the last turn.
    at_ms: AtomicU64,
}

impl Default for Life {
    fn default() -> Self {
        Self(Arc::new(Inner { since: Instant::now(), at_ms: AtomicU64::new(0) }))
    }
}

impl Life {
    /// Notes a turn of the loop.
    pub fn beat(&self) {
        let now_ms = u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.at_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Returns the time since the last turn, or since the start.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.0.since.elapsed().saturating_sub(Duration::from_millis(self.0.at_ms.load(Ordering::Relaxed)))
    }
}
