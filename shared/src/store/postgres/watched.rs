//! No statement is waited for in silence: while one is under way, another connection looks every few seconds at what the
//! server makes of it.
//!
//! Two things are found so. *A connection that is dead without a word*: a firewall that drops a flow, a server that ended
//! the session while nothing reached us. The server then has no such session, or sits idle in it, or waits for us while we
//! wait for it; or it cannot be reached at all. After [`SILENT`] the operation ends with an error that may pass, and the
//! connection is discarded. A statement that the server works on may take as long as it takes.
//!
//! *A lock that somebody else holds*: the log says who, after [`WARN_AFTER`] and then every [`WARN_EVERY`], and an error for
//! a lock that was not to be had in time says so too. A session of this program that sits idle in a transaction of the
//! ledger belongs to a process that is frozen or cut off (each such transaction is a matter of milliseconds). It is ended:
//! its transaction is taken back, and its process, should it wake up, does its work again.

use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::connect::{APPLICATION, PROMOTING};
use crate::store::StoreError;

/// How long a connection may be silent though the server has nothing to do, or cannot be reached.
pub(super) const SILENT: Duration = Duration::from_secs(45);

/// The first looks come sooner: a command that an operator waits for answers within seconds.
const FIRST_LOOKS: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_millis(700),
    Duration::from_millis(800),
    Duration::from_secs(1),
];

/// How often the server is asked later.
const LOOK: Duration = Duration::from_secs(3);

/// How long a look may take, making a connection included.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// How long an answer may take on a connection that was good before.
const ANSWER: Duration = Duration::from_secs(4);

/// When the log first says who holds a lock.
const WARN_AFTER: Duration = Duration::from_secs(3);

/// How often it says so again.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// A session of this program that is idle in a transaction of the ledger for so long is ended when others wait for it.
const IDLE_MAX_MS: i64 = 2000;

/// Why an operation was given up.
#[derive(Debug)]
pub(super) struct Lost(String);

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

/// Looks at sessions through a connection of its own, made when it is first needed.
#[derive(Debug)]
pub(super) struct Watcher {
    options: PgConnectOptions,
    connection: Mutex<Option<PgConnection>>,
}

/// What the server makes of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// There is no such session.
    Gone,
    /// It has nothing to do, for so long.
    Idle(Duration),
    /// It waits for us to read or to send.
    OnClient,
    /// It waits for a lock that these hold.
    Blocked(Vec<Blocker>),
    /// It works.
    AtWork,
}

/// A session that holds what another waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Blocker {
    pid: i32,
    user: Option<String>,
    application: Option<String>,
    client: Option<String>,
    state: Option<String>,
    /// For how long its transaction is open.
    open_ms: Option<i64>,
    /// For how long its state has not changed.
    still_ms: Option<i64>,
    on_client: bool,
    is_ours: bool,
}

impl std::fmt::Display for Blocker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.pid == 0 {
            return f.write_str("a prepared transaction (see pg_prepared_xacts)");
        }
        write!(f, "pid {}", self.pid)?;
        let known = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let user = known(&self.user).map_or_else(|| "user unknown".into(), |user| format!("user {user}"));
        let application = known(&self.application)
            .map_or_else(|| "application unknown".into(), |application| format!("application {application}"));
        let client = known(&self.client)
            .map_or_else(|| "local or unknown address".into(), |from| format!("from {from}"));
        write!(f, " ({user}, {application}, {client}")?;
        if let Some(state) = known(&self.state) {
            write!(f, ", {state}")?;
        }
        if let Some(open_ms) = self.open_ms {
            write!(f, ", its transaction open for {} s", open_ms / 1000)?;
        }
        f.write_str(")")
    }
}

fn names(blockers: &[Blocker]) -> String {
    if blockers.is_empty() {
        return "a session that is not to be seen any more".into();
    }
    blockers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

impl Watcher {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: Mutex::new(None) }
    }

    async fn look(&self, pid: i32) -> Result<Seen, sqlx::Error> {
        self.ask(move |connection| Box::pin(seen(connection, pid))).await
    }

    /// Asks on the connection there is, and once more on a new one if that one is dead. A look that is given up leaves no
    /// connection in an unknown state.
    async fn ask<T>(
        &self,
        question: impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let asked = timeout(LOOK_MAX, async {
            let mut place = self.connection.lock().await;
            if let Some(mut connection) = place.take()
                && let Ok(Ok(answer)) = timeout(ANSWER, question(&mut connection)).await
            {
                *place = Some(connection);
                return Ok(answer);
            }
            let mut connection = PgConnection::connect_with(&self.options).await?;
            let answer = question(&mut connection).await?;
            *place = Some(connection);
            Ok(answer)
        });
        asked.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Ends a session of this program. Of another role's it is not permitted.
    async fn end(&self, blocker: &Blocker, why: &str) {
        let pid = blocker.pid;
        let ended = self
            .ask(move |connection| {
                Box::pin(sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(connection))
            })
            .await;
        match ended {
            Ok(_) => {
                tracing::warn!(session = %blocker, "{why}; its session was ended and its transaction taken back")
            }
            Err(error) => tracing::warn!(session = %blocker, %error, "{why}; its session could not be ended"),
        }
    }
}

async fn seen(connection: &mut PgConnection, pid: i32) -> Result<Seen, sqlx::Error> {
    let row = sqlx::query(
        "SELECT coalesce(state, '') AS state, coalesce(wait_event_type, '') AS wait, coalesce(wait_event, '') AS event,
                (extract(epoch FROM clock_timestamp() - state_change) * 1000)::bigint AS since_ms
         FROM pg_stat_activity WHERE pid = $1",
    )
    .bind(pid)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(Seen::Gone) };
    let (state, wait, event): (String, String, String) =
        (row.try_get("state")?, row.try_get("wait")?, row.try_get("event")?);
    if state.starts_with("idle") {
        let since_ms: Option<i64> = row.try_get("since_ms")?;
        return Ok(Seen::Idle(Duration::from_millis(since_ms.unwrap_or(0).max(0).unsigned_abs())));
    }
    if wait == "Client" && (event == "ClientRead" || event == "ClientWrite") {
        return Ok(Seen::OnClient);
    }
    if wait != "Lock" {
        return Ok(Seen::AtWork);
    }
    let rows = sqlx::query(
        "SELECT n.pid, a.usename::text AS user_name, a.application_name, host(a.client_addr) AS client, a.state,
                (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint AS open_ms,
                (extract(epoch FROM clock_timestamp() - a.state_change) * 1000)::bigint AS still_ms,
                coalesce(a.wait_event_type = 'Client', false) AS on_client,
                coalesce(a.usename = current_user AND a.datname = current_database(), false) AS is_ours
         FROM (SELECT DISTINCT unnest(pg_blocking_pids($1)) AS pid) n LEFT JOIN pg_stat_activity a ON a.pid = n.pid
         ORDER BY a.xact_start NULLS LAST LIMIT 8",
    )
    .bind(pid)
    .fetch_all(connection)
    .await?;
    Ok(Seen::Blocked(rows.iter().map(blocker_from).collect::<Result<_, _>>()?))
}

fn blocker_from(row: &PgRow) -> Result<Blocker, sqlx::Error> {
    Ok(Blocker {
        pid: row.try_get("pid")?,
        user: row.try_get("user_name")?,
        application: row.try_get("application_name")?,
        client: row.try_get("client")?,
        state: row.try_get("state")?,
        open_ms: row.try_get("open_ms")?,
        still_ms: row.try_get("still_ms")?,
        on_client: row.try_get("on_client")?,
        is_ours: row.try_get("is_ours")?,
    })
}

impl Blocker {
    /// Whether it is a process of this program that is frozen or cut off in a transaction which is never left open: idle in
    /// one of the ledger's, which a promotion is not. `of_a_run_that_ended`: what is waited for belongs to a run that is
    /// over; whoever still sends or reads its rows has no business there.
    fn is_stuck(&self, of_a_run_that_ended: bool) -> bool {
        let application = self.application.as_deref().unwrap_or_default();
        if !self.is_ours || !(application == APPLICATION || application == PROMOTING) {
            return false;
        }
        let still = self.still_ms.is_some_and(|still_ms| still_ms >= IDLE_MAX_MS);
        let is_idle = self.state.as_deref().is_some_and(|state| state.starts_with("idle in transaction"));
        still
            && ((is_idle && application == APPLICATION)
                || (of_a_run_that_ended && (is_idle || self.on_client)))
    }
}

/// Watches over what one session is asked to do.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    watcher: Arc<Watcher>,
    pid: i32,
    course: Arc<Course>,
}

/// How a session's work goes, as those who do it tell.
#[derive(Debug, Default)]
struct Course {
    /// Counts what came from the server, or was taken by it.
    pieces: AtomicU64,
    /// Whether somebody else than the server is waited for.
    is_elsewhere: AtomicBool,
    /// Who held the lock that was waited for last.
    blockers: StdMutex<Option<String>>,
    of_a_run_that_ended: AtomicBool,
}

impl Watch {
    pub(super) fn new(watcher: Arc<Watcher>, pid: i32) -> Self {
        Self { watcher, pid, course: Arc::default() }
    }

    /// Something came, or was sent: the connection lives.
    pub(super) fn heard(&self) {
        self.course.pieces.fetch_add(1, Ordering::Relaxed);
    }

    /// What is locked belongs to a run that is over: sessions of this program that are stuck with it are ended.
    pub(super) fn of_a_run_that_ended(&self) {
        self.course.of_a_run_that_ended.store(true, Ordering::Relaxed);
    }

    /// Waits for somebody else than the server, who may take as long as he likes.
    pub(super) async fn elsewhere<T>(&self, waiting: impl Future<Output = T>) -> T {
        self.course.is_elsewhere.store(true, Ordering::Relaxed);
        let done = waiting.await;
        self.heard();
        self.course.is_elsewhere.store(false, Ordering::Relaxed);
        done
    }

    /// Does `work`, unless the connection turns out to be dead meanwhile; it is of no further use then.
    pub(super) fn over<T, E: From<Lost>, W: Future<Output = Result<T, E>>>(
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

    /// An error for a lock that was not to be had in time, with who held it.
    pub(super) fn told(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Interrupted { reason } if reason.contains("55P03") => {
                let blockers = self.course.blockers.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let by = blockers.unwrap_or_else(|| "a session that was not to be seen".into());
                StoreError::Interrupted { reason: format!("{reason}: the lock is held by {by}") }
            }
            error => error,
        }
    }

    /// As [`Watch::told`], for a wait that was long enough: somebody has to look after it.
    pub(super) fn blocked_error(&self, what: &str, waited: Duration, error: StoreError) -> StoreError {
        match error {
            StoreError::Interrupted { reason } if reason.contains("55P03") => {
                let blockers = self.course.blockers.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let by = blockers.unwrap_or_else(|| "a session that was not to be seen".into());
                StoreError::Blocked { what: what.into(), waited_s: waited.as_secs(), by }
            }
            error => error,
        }
    }

    /// Looks on, and returns only when the connection is of no use any more.
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
                            "{what}: the server has no session {} any more, and {silent} s went by without a word",
                            self.pid
                        ));
                    }
                    Some("the server has no such session")
                }
                Ok(Seen::Idle(idle)) if idle >= SILENT => {
                    return Lost(format!(
                        "{what}: the server has been idle for {} s in session {}, but no answer came through",
                        idle.as_secs(),
                        self.pid
                    ));
                }
                Ok(Seen::Idle(_)) => None,
                Ok(Seen::OnClient) => Some("the server waits for data that do not come through"),
                Err(_) => Some("the server cannot be reached"),
            };
            blocked = None;
            match odd_one {
                None => (odd, gone) = (None, 0),
                Some(why) if since(&mut odd) >= SILENT => {
                    return Lost(format!("{what}: nothing came or went for {silent} s: {why}"));
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
            tracing::warn!(waited_s = waits.as_secs(), held_by = who, "{what}: waits for a lock");
        }
        *self.course.blockers.lock().unwrap_or_else(PoisonError::into_inner) = Some(who);
        let ended = self.course.of_a_run_that_ended.load(Ordering::Relaxed);
        for blocker in by.iter().filter(|blocker| blocker.is_stuck(ended)) {
            let why = format!("{what}: waits for a process that is frozen or cut off in a transaction");
            self.watcher.end(blocker, &why).await;
        }
    }
}

/// A wait for a lock.
struct Blocked {
    since: Instant,
    warned: Option<Instant>,
}
