//! Virtual time: it moves on when nobody has anything to do.

use std::time::Duration;

use platform::clock::Clock;
use tokio::time::Instant;

use crate::fixture::BEGINS_MS;

/// The clock of every simulated process, and of the database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VirtualClock(Instant);

impl VirtualClock {
    /// Begins now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the schedule began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Clock for VirtualClock {
    fn now_ms(&self) -> i64 {
        BEGINS_MS + i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX / 2)
    }
}
