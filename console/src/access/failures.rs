//! How often someone failed to sign in: who fails too often waits.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::problem::Problem;

/// So many failures are allowed within [`WINDOW`], for each address.
const FAILURES_MAX: u32 = 10;

/// How long failures count.
const WINDOW: Duration = Duration::from_secs(60);

/// The most addresses that are remembered. If there are more, all are refused that are not among them.
const ADDRESSES_MAX: usize = 10_000;

/// Failures by address.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<HashMap<IpAddr, Count>>);

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    since: Duration,
}

impl Failures {
    /// Whether `address` may try at `now`, a time since 1970.
    pub(crate) fn may_try(&self, address: IpAddr, now: Duration) -> Result<(), Problem> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, count| now.saturating_sub(count.since) < WINDOW);
        let left = match all.get(&address) {
            Some(count) if count.failures >= FAILURES_MAX => {
                WINDOW.saturating_sub(now.saturating_sub(count.since))
            }
            None if all.len() >= ADDRESSES_MAX => WINDOW,
            _ => return Ok(()),
        };
        let seconds = left.as_secs().max(1);
        Err(Problem::too_often("too many failures to sign in from this address")
            .advise(format!("wait {seconds} s")))
    }

    /// Counts a failure of `address` at `now`.
    pub(crate) fn count(&self, address: IpAddr, now: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(address).or_insert(Count { failures: 0, since: now }).failures += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_too_often_waits_and_others_do_not() {
        let failures = Failures::default();
        let at = |seconds: u64| Duration::from_secs(1000 + seconds);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..FAILURES_MAX {
            assert!(failures.may_try(one, at(0)).is_ok());
            failures.count(one, at(0));
        }
        let problem = failures.may_try(one, at(20)).unwrap_err();
        assert_eq!((problem.status, problem.next.as_deref()), (429, Some("wait 40 s")));
        assert!(failures.may_try(other, at(20)).is_ok() && failures.may_try(one, at(61)).is_ok());
    }
}
