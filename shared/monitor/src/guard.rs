//! Who may ask: tokens that are compared without telling where they differ, those who fail too often, and names that
//! can only be this machine's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::fingerprint::Hash;

/// So many failures are allowed within [`WINDOW`], for each address.
const FAILURES_MAX: u32 = 10;

/// How long failures count.
const WINDOW: Duration = Duration::from_secs(60);

/// The most addresses that are remembered. If there are more, all are refused that are not among them.
const ADDRESSES_MAX: usize = 10_000;

/// Whether two secrets are equal, in a time that does not depend on where they differ.
#[must_use]
pub fn equal(one: &str, other: &str) -> bool {
    // Their digests are compared: nobody chooses those digit by digit.
    Hash::of(one.as_bytes()) == Hash::of(other.as_bytes())
}

/// The token in the value of an `Authorization` header.
#[must_use]
pub fn bearer(authorization: &str) -> Option<&str> {
    authorization.strip_prefix("Bearer ").map(str::trim)
}

/// The host of `host:port`, `[v6]:port` or a bare host.
fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether a `Host` header names this machine and nothing else: a page of another site whose name is made to point at
/// this machine has that name there.
#[must_use]
pub fn is_loopback(authority: &str) -> bool {
    let host = host_of(authority);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Failures to show a valid token, by address.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<IpAddr, Count>>);

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    since: Duration,
}

impl Failures {
    /// Whether `address` may try at `now`, a time since some beginning.
    ///
    /// # Errors
    /// How many seconds the address must wait before it may try.
    pub fn may_try(&self, address: IpAddr, now: Duration) -> Result<(), u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, count| now.saturating_sub(count.since) < WINDOW);
        let left = match all.get(&address) {
            Some(count) if count.failures >= FAILURES_MAX => {
                WINDOW.saturating_sub(now.saturating_sub(count.since))
            }
            None if all.len() >= ADDRESSES_MAX => WINDOW,
            _ => return Ok(()),
        };
        Err(left.as_secs().max(1))
    }

    /// Counts a failure of `address` at `now`.
    pub fn count(&self, address: IpAddr, now: Duration) {
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
            assert_eq!(failures.may_try(one, at(0)), Ok(()));
            failures.count(one, at(0));
        }
        assert_eq!(failures.may_try(one, at(20)), Err(40));
        assert_eq!((failures.may_try(other, at(20)), failures.may_try(one, at(61))), (Ok(()), Ok(())));
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["127.0.0.1:8787", "localhost:8787", "[::1]:8787", "LOCALHOST"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["evil.example:8787", "127.0.0.1.evil.example", "10.0.0.1:8787", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_token_is_the_whole_text_behind_its_scheme() {
        assert_eq!(bearer("Bearer cft_1 "), Some("cft_1"));
        assert_eq!((bearer("Basic cft_1"), bearer("bearer cft_1"), bearer("")), (None, None, None));
        assert!(equal("cft_1", "cft_1") && !equal("cft_1", "cft_12") && !equal("cft_1", ""));
    }
}
