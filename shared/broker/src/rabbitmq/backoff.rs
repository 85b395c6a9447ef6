//! Waiting longer each time, and never exactly as long as everybody else.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Doubles from `first` to `max`; each wait is a random half to whole of it.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(super) const fn new(first: Duration, max: Duration) -> Self {
        Self { first, next: first, max }
    }

    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.max);
        // The standard library's source of randomness: enough to keep a fleet out of step.
        let random = RandomState::new().build_hasher().finish() % 1024;
        whole / 2 + whole * u32::try_from(random).unwrap_or_default() / 2048
    }

    /// It went well: begin anew.
    pub(super) const fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_begin_anew() {
        let (first, max) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(first, max);
        for expected in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let wait = backoff.next().as_millis();
            assert!((expected / 2..=expected).contains(&wait), "{wait} of {expected}");
        }
        backoff.reset();
        assert!(backoff.next() <= first);
    }
}
