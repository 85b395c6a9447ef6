//! How often and how long after each other something is tried again.

/// Bounded exponential back-off: `base`, twice that, and so on up to `delay_ms_max`, for `attempts_max` attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many attempts there are in all, the first included.
    pub attempts_max: u32,
    /// The wait after the first failure, in milliseconds.
    pub base_ms: u64,
    /// The longest wait, in milliseconds.
    pub delay_ms_max: u64,
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again after this number of milliseconds.
    RetryAfterMs(u64),
    /// Give up: set aside with its reason.
    GiveUp,
}

impl RetryPolicy {
    /// For a chunk: three starts.
    pub const CHUNK: Self = Self { attempts_max: 3, base_ms: 50, delay_ms_max: 1_000 };

    /// What follows the failure of attempt number `attempt` (the first is 1).
    #[must_use]
    pub fn after(&self, attempt: u32) -> Next {
        if attempt >= self.attempts_max {
            return Next::GiveUp;
        }
        let doublings = attempt.saturating_sub(1).min(32);
        Next::RetryAfterMs(self.base_ms.saturating_mul(1 << doublings).min(self.delay_ms_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_then_it_is_given_up() {
        let policy = RetryPolicy { attempts_max: 5, base_ms: 100, delay_ms_max: 300 };
        let next: Vec<_> = (1..=6).map(|attempt| policy.after(attempt)).collect();
        use Next::{GiveUp, RetryAfterMs};
        assert_eq!(
            next,
            [RetryAfterMs(100), RetryAfterMs(200), RetryAfterMs(300), RetryAfterMs(300), GiveUp, GiveUp]
        );
    }
}
