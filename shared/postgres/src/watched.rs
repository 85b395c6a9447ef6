//! No statement is waited for in silence: while one is under way, another connection looks every few seconds at what
//! the server makes of it.
//!
//! Two things are found so. *A connection that is dead without a word*: a firewall that drops a flow, a server that
//! ended the session while nothing reached us. The server then has no such session, or sits idle in it, or waits for
//! us while we wait for it; or it cannot be reached at all. After [`SILENT`] the operation ends with an error that
//! may pass, and the connection is discarded. A statement that the server works on may take as long as it takes.
//!
//! *A lock that someone else holds*: the log says who, after [`WARN_AFTER`] and then every [`WARN_EVERY`], and an
//! error for
//! a lock that was not to be had in time says so too. A session of this program that sits idle in a transaction of the
//! ledger belongs to a process that is frozen or cut off (each such transaction is a matter of milliseconds). It is
//! ended:
//! its transaction is taken back, and its process, should it wake up, does its work again.

use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use store::StoreError;
use tokio::time::{Instant, sleep};

use super::sessions::{Blocker, Seen, Watcher, names};

/// How long a connection may be silent though the server has nothing to do, or cannot be reached.
pub(crate) const SILENT: Duration = Duration::from_secs(45);

/// The first looks come sooner: a command that an operator waits for answers within seconds.
const FIRST_LOOKS: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_millis(700),
    Duration::from_millis(800),
    Duration::from_secs(1),
];

/// How often the server is asked later.
const LOOK: Duration = Duration::from_secs(3);

/// When the log first says who holds a lock.
const WARN_AFTER: Duration = Duration::from_secs(3);

/// How often it says so again.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// Why an operation was given up.
#[derive(Debug)]
pub(crate) struct Lost(String);

impl From<Lost> for sqlx::Error {
    fn from(Lost(reason): Lost) -> Self {
        Self::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, reason))
    }
}

impl From<Lost> for StoreError {
    fn from(Lost(reason): Lost) -> Self {
        Self::Interrupted { reason }
    }
}

/// Watches over what one session is asked to do.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    watcher: Arc<Watcher>,
    pid: i32,
    course: Arc<Course>,
}

/// How a session's work goes, as those who do it tell.
#[derive(Debug, Default)]
struct Course {
    /// Counts what came from the server, or was taken by it.
    pieces: AtomicU64,
    /// Whether the wait is for someone other than the server.
    is_elsewhere: AtomicBool,
    /// Who held the lock that was waited for last.
    blockers: StdMutex<Option<String>>,
    of_a_run_that_ended: AtomicBool,
}

impl Watch {
    pub(crate) fn new(watcher: Arc<Watcher>, pid: i32) -> Self {
        Self { watcher, pid, course: Arc::default() }
    }

    /// Something came, or was sent: the connection lives.
    pub(crate) fn heard(&self) {
        self.course.pieces.fetch_add(1, Ordering::Relaxed);
    }

    /// What is locked belongs to a run that is over: sessions of this program that are stuck with it are ended.
    pub(crate) fn of_a_run_that_ended(&self) {
        self.course.of_a_run_that_ended.store(true, Ordering::Relaxed);
    }

    /// Waits for someone other than the server, without a limit.
    pub(crate) async fn elsewhere<T>(&self, waiting: impl Future<Output = T>) -> T {
        self.course.is_elsewhere.store(true, Ordering::Relaxed);
        let done = waiting.await;
        self.heard();
        self.course.is_elsewhere.store(false, Ordering::Relaxed);
        done
    }

    /// Does `work`, unless the connection turns out to be dead meanwhile; it is of no further use then.
    pub(crate) fn over<T, E: From<Lost>, W: Future<Output = Result<T, E>>>(
        &self,
        what: &'static str,
        work: W,
    ) -> impl Future<Output = Result<T, E>> + use<T, E, W> {
        // Of its own, and boxed: most work is done before the first look, and is not made larger by it.
        let watch = self.clone();
        let looking: BoxFuture<'static, Lost> = Box::pin(async move { watch.until_lost(what).await });
        async move {
            tokio::select! {
                biased;
                done = work => done,
                lost = looking => Err(lost.into()),
            }
        }
    }

    /// An error for a lock that was not granted in time, with who held it.
    pub(crate) fn told(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Interrupted { reason } if reason.contains("55P03") => {
                let blockers = self.course.blockers.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let by = blockers.unwrap_or_else(|| "a session that was not visible".into());
                StoreError::Interrupted { reason: format!("{reason}: the lock is held by {by}") }
            }
            error => error,
        }
    }

    /// As [`Watch::told`], for a wait that was long enough: someone has to look into it.
    pub(crate) fn blocked_error(&self, what: &str, waited: Duration, error: StoreError) -> StoreError {
        match error {
            StoreError::Interrupted { reason } if reason.contains("55P03") => {
                let blockers = self.course.blockers.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let by = blockers.unwrap_or_else(|| "a session that was not visible".into());
                StoreError::Blocked { what: what.into(), waited_s: waited.as_secs(), by }
            }
            error => error,
        }
    }

    /// Watches the connection, and returns only when it cannot be used any more.
    async fn until_lost(&self, what: &str) -> Lost {
        let mut pauses = FIRST_LOOKS.into_iter();
        let mut pieces = self.course.pieces.load(Ordering::Relaxed);
        let mut heard_at = Instant::now();
        // Since when the server does not work on it, as far as can be told; and since when it waits for a lock.
        let (mut odd, mut blocked): (Option<Instant>, Option<Blocked>) = (None, None);
        let mut gone = 0;
        loop {
            sleep(pauses.next().unwrap_or(LOOK)).await;
            let now = self.course.pieces.load(Ordering::Relaxed);
            if now != pieces || self.course.is_elsewhere.load(Ordering::Relaxed) {
                (pieces, heard_at, odd, gone) = (now, Instant::now(), None, 0);
                continue;
            }
            let looked_at = Instant::now();
            let seen = self.watcher.look(self.pid).await;
            let since = |odd: &mut Option<Instant>| odd.get_or_insert(looked_at).elapsed();
            let silent = heard_at.elapsed().as_secs();
            let odd_one = match seen {
                Ok(Seen::AtWork) => None,
                Ok(Seen::Blocked(by)) => {
                    let began =
                        blocked.get_or_insert_with(|| Blocked { since: Instant::now(), warned: None });
                    self.blocked(what, began, &by).await;
                    (odd, gone) = (None, 0);
                    continue;
                }
                Ok(Seen::Gone) => {
                    gone += 1;
                    if gone >= 3 {
                        return Lost(format!(
                            "{what}: the server no longer has session {}, and has been silent for {silent} s",
                            self.pid
                        ));
                    }
                    Some("the server has no such session")
                }
                Ok(Seen::Idle(idle)) if idle >= SILENT => {
                    return Lost(format!(
                        "{what}: the server has been idle for {} s in session {}, but no answer arrived",
                        idle.as_secs(),
                        self.pid
                    ));
                }
                Ok(Seen::Idle(_)) => None,
                Ok(Seen::OnClient) => Some("the server waits for data that does not arrive"),
                Err(_) => Some("cannot reach the server"),
            };
            blocked = None;
            match odd_one {
                None => (odd, gone) = (None, 0),
                Some(why) if since(&mut odd) >= SILENT => {
                    return Lost(format!("{what}: no data in either direction for {silent} s: {why}"));
                }
                Some(_) => {}
            }
        }
    }

    async fn blocked(&self, what: &str, began: &mut Blocked, by: &[Blocker]) {
        let who = names(by);
        let waits = began.since.elapsed();
        if began.warned.map_or(waits >= WARN_AFTER, |at| at.elapsed() >= WARN_EVERY) {
            began.warned = Some(Instant::now());
            tracing::warn!(waited_s = waits.as_secs(), held_by = who, "{what}: waiting for a lock");
        }
        *self.course.blockers.lock().unwrap_or_else(PoisonError::into_inner) = Some(who);
        let ended = self.course.of_a_run_that_ended.load(Ordering::Relaxed);
        for blocker in by.iter().filter(|blocker| blocker.is_stuck(ended)) {
            let why = format!("{what}: waiting for a process that is frozen or cut off in a transaction");
            self.watcher.end(blocker, &why).await;
        }
    }
}

/// A wait for a lock.
struct Blocked {
    since: Instant,
    warned: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgConnectOptions;

    use super::*;
    use crate::sessions::tests::blocker;

    #[tokio::test]
    async fn a_wait_for_a_lock_that_was_long_enough_is_for_somebody_to_look_after() {
        let watch = Watch::new(Arc::new(Watcher::new(PgConnectOptions::new_without_pgpass())), 1);
        let mut began = Blocked { since: Instant::now(), warned: None };
        watch.blocked("promoting", &mut began, &[blocker("psql", "idle in transaction")]).await;
        let timed_out = || StoreError::Interrupted { reason: "x (SQLSTATE 55P03)".into() };
        let who = "pid 7 (user loader, application psql, local or unknown address, idle in transaction, \
         transaction open for 75 s)";
        let told = watch.told(timed_out());
        assert!(told.is_transient() && told.to_string().contains(who), "{told}");
        let over = watch.blocked_error("the promotion", Duration::from_secs(600), timed_out());
        assert!(!over.is_transient() && !over.is_usage(), "{over}");
        assert!(over.to_string().contains("waited 600 s") && over.to_string().contains(who), "{over}");
        let other = watch.told(StoreError::Full);
        assert!(matches!(other, StoreError::Full));
    }
}
