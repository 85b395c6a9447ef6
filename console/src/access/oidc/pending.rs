//! Operators who are on their way to the identity provider and back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::fingerprint::Hash;

/// Who is away for longer begins again.
const AWAY_MAX: Duration = Duration::from_secs(10 * 60);

/// The most who are on their way; the one that began first is given up for one more.
const PENDING_MAX: usize = 1000;

/// What the console keeps of one who is on their way. Nothing of it but the state is known outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begun {
    /// The digest of the cookie of the browser that began.
    pub(super) browser: Hash,
    /// What the ID token must have.
    pub(super) nonce: String,
    /// What the code is exchanged with.
    pub(super) verifier: String,
    /// When it began, since 1970.
    pub(super) at: Duration,
}

/// Those who are on their way, by the digests of their states.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<HashMap<Hash, Begun>>);

impl Pending {
    pub(super) fn add(&self, state: &str, begun: Begun) {
        let now = begun.at;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| is_open(one, now));
        if all.len() >= PENDING_MAX {
            let first = all.iter().min_by_key(|(_, one)| one.at).map(|(key, _)| *key);
            first.and_then(|key| all.remove(&key));
        }
        all.insert(Hash::of(state.as_bytes()), begun);
    }

    /// Takes what was begun with `state` out, so that it is used once, by whichever browser it comes.
    pub(super) fn take(&self, state: &str, browser: Option<&str>, now: Duration) -> Option<Begun> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = all.remove(&Hash::of(state.as_bytes()))?;
        let is_same = browser.is_some_and(|browser| Hash::of(browser.as_bytes()) == begun.browser);
        (is_same && is_open(&begun, now)).then_some(begun)
    }
}

fn is_open(begun: &Begun, now: Duration) -> bool {
    now.saturating_sub(begun.at) < AWAY_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(browser: &str, at: u64) -> Begun {
        let at = Duration::from_secs(at);
        Begun { browser: Hash::of(browser.as_bytes()), nonce: "n".into(), verifier: "v".into(), at }
    }

    #[test]
    fn a_state_is_good_once_for_ten_minutes_and_in_its_browser() {
        let pending = Pending::default();
        let take = |state: &str, browser, at| pending.take(state, browser, Duration::from_secs(at));
        pending.add("a", begun("one", 0));
        assert_eq!(take("a", Some("one"), 599), Some(begun("one", 0)));
        assert_eq!(take("a", Some("one"), 599), None, "used");
        for (browser, at) in [(Some("two"), 1), (None, 1), (Some("one"), 600)] {
            pending.add("b", begun("one", 0));
            assert_eq!(take("b", browser, at), None, "{browser:?} {at}");
            assert_eq!(take("b", Some("one"), 1), None, "used, by whichever browser");
        }
    }

    #[test]
    fn there_are_at_most_a_thousand() {
        let pending = Pending::default();
        for number in 0..=1000 {
            let at = Duration::from_millis(number);
            pending.add(&number.to_string(), Begun { at, ..begun("one", 0) });
        }
        let at = Duration::from_secs(2);
        assert_eq!(pending.0.lock().unwrap().len(), PENDING_MAX);
        assert!(pending.take("0", Some("one"), at).is_none());
        assert!(pending.take("1000", Some("one"), at).is_some());
    }
}
