//! Who is signed in: kept in memory, so that a restart of the console ends every session.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::fingerprint::Hash;

use super::known::Known;

/// A session ends after this long without a request.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// A session ends after this long, whatever is asked.
pub(super) const ABSOLUTE: Duration = Duration::from_secs(12 * 60 * 60);

/// The most sessions there are; the one that was idle longest ends first.
const SESSIONS_MAX: usize = 10_000;

/// What a session was opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OpenedBy {
    /// A token with this digest, which is looked at again with each request.
    Token(Hash),
    /// An ID token of the identity provider, which is not asked again.
    Provider(Known),
}

/// One operator who is signed in. Times are since 1970.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// What it was opened with.
    pub(super) opened_by: OpenedBy,
    /// What acts of the session must bring along.
    pub(super) csrf: String,
    began: Duration,
    used: Duration,
}

/// The sessions by the digests of their cookies.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Hash, Session>>);

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, cookie: &str, opened_by: OpenedBy, csrf: String, now: Duration) {
        let mut all = self.lock();
        all.retain(|_, session| is_open(session, now));
        if all.len() >= SESSIONS_MAX {
            let oldest = all.iter().min_by_key(|(_, session)| session.used).map(|(key, _)| *key);
            oldest.and_then(|key| all.remove(&key));
        }
        all.insert(Hash::of(cookie.as_bytes()), Session { opened_by, csrf, began: now, used: now });
    }

    /// The session of a cookie, which is used now.
    pub(super) fn find(&self, cookie: &str, now: Duration) -> Option<Session> {
        let key = Hash::of(cookie.as_bytes());
        let mut all = self.lock();
        let session = all.get_mut(&key)?;
        if !is_open(session, now) {
            all.remove(&key);
            return None;
        }
        session.used = now;
        Some(session.clone())
    }

    pub(super) fn end(&self, cookie: &str) {
        self.lock().remove(&Hash::of(cookie.as_bytes()));
    }
}

fn is_open(session: &Session, now: Duration) -> bool {
    now.saturating_sub(session.used) < IDLE && now.saturating_sub(session.began) < ABSOLUTE
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_session_ends_when_it_is_idle_and_in_any_case_after_twelve_hours() {
        let sessions = Sessions::default();
        let begin =
            |cookie: &str| sessions.begin(cookie, OpenedBy::Token(Hash([1; 32])), "c".into(), Duration::ZERO);
        begin("idle");
        assert!(sessions.find("idle", MINUTE * 29).is_some() && sessions.find("other", MINUTE).is_none());
        assert!(sessions.find("idle", MINUTE * 58).is_some(), "used at 29");
        assert!(sessions.find("idle", MINUTE * 88).is_none());
        begin("busy");
        for minute in (0..720).step_by(20) {
            assert!(sessions.find("busy", MINUTE * minute).is_some(), "{minute}");
        }
        assert!(sessions.find("busy", MINUTE * 720).is_none());
        begin("out");
        sessions.end("out");
        assert!(sessions.find("out", MINUTE).is_none());
    }
}
