//! What the server says of sessions: what becomes of one, and who holds the lock that it waits for.

use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// By which name the server knows our sessions (`application_name`).
pub(crate) const APPLICATION: &str = "crossfoot";

/// And those that promote: they alone may be idle in a transaction for a while.
pub(crate) const PROMOTING: &str = "crossfoot promotion";

/// The settings that every connection gets first. A policy that hides rows must fail a query, not shorten its answer; a
/// client that is gone must not keep its locks; a commit is durable, whatever the server's default. Compiling a query
/// costs more than it saves where each is run once and does next to nothing with a row: 0.3 s to look up 100,000 keys.
///
/// Nobody waits for a lock without an end, and a process that is frozen in a transaction loses it. A statement may
/// take as long as it takes, whatever the server's or the role's default says: [`super::watched`] sees to it that it
/// is worked on. The first statement's answer is the session's number.
pub(crate) const SESSION: &str = "
    SELECT pg_backend_pid() AS pid;
    SET row_security = off;
    SET lock_timeout = '30s';
    SET idle_in_transaction_session_timeout = '30s';
    SET statement_timeout = 0;
    SET datestyle = 'ISO, YMD';
    SET timezone = 'UTC';
    SET jit = off;
    SET tcp_keepalives_idle = 30;
    SET tcp_keepalives_interval = 10;
    SET tcp_keepalives_count = 3;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SELECT set_config('client_connection_check_interval', '2s', false), set_config('idle_session_timeout', '0', false)
    WHERE current_setting('server_version_num')::int >= 140000;
    SELECT set_config('transaction_timeout', '0', false) WHERE current_setting('server_version_num')::int >= 170000";

/// How long a look may take, making a connection included.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// How long an answer may take on a connection that was good before.
const ANSWER: Duration = Duration::from_secs(4);

/// How long a session of this program may idle in a transaction of the ledger while others wait; then it is ended.
const IDLE_MAX_MS: i64 = 2000;

/// Looks at sessions through a connection of its own, made when it is first needed.
#[derive(Debug)]
pub(crate) struct Watcher {
    options: PgConnectOptions,
    connection: Mutex<Option<PgConnection>>,
}

/// What the server makes of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// There is no such session.
    Gone,
    /// It is idle, for this long.
    Idle(Duration),
    /// It waits for us to read or to send.
    OnClient,
    /// It waits for a lock that these hold.
    Blocked(Vec<Blocker>),
    /// It is executing a statement and waits for nothing.
    AtWork,
}

/// A session that holds what another waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blocker {
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
            write!(f, ", transaction open for {} s", open_ms / 1000)?;
        }
        f.write_str(")")
    }
}

pub(crate) fn names(blockers: &[Blocker]) -> String {
    if blockers.is_empty() {
        return "a session that is no longer visible".into();
    }
    blockers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

impl Watcher {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: Mutex::new(None) }
    }

    pub(crate) async fn look(&self, pid: i32) -> Result<Seen, sqlx::Error> {
        self.ask(move |connection| Box::pin(seen(connection, pid))).await
    }

    /// Asks on the connection there is, and again on a new one if that one is dead. A look that is given up leaves no
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
    pub(crate) async fn end(&self, blocker: &Blocker, why: &str) {
        let pid = blocker.pid;
        let ended = self
            .ask(move |connection| {
                Box::pin(sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(connection))
            })
            .await;
        match ended {
            Ok(_) => {
                tracing::warn!(session = %blocker, "{why}; ended its session and rolled back its transaction")
            }
            Err(error) => tracing::warn!(session = %blocker, %error, "{why}; cannot end its session"),
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
    /// Whether it is a process of this program that is frozen or cut off in a transaction which is never left open:
    /// idle in one of the ledger's, which a promotion is not. `of_a_run_that_ended`: what is waited for belongs to a
    /// run that is over; whoever still sends or reads its rows has no business there.
    pub(crate) fn is_stuck(&self, of_a_run_that_ended: bool) -> bool {
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(in super::super) fn blocker(application: &str, state: &str) -> Blocker {
        Blocker {
            pid: 7,
            user: Some("loader".into()),
            application: Some(application.into()),
            client: None,
            state: Some(state.into()),
            open_ms: Some(75_000),
            still_ms: Some(IDLE_MAX_MS),
            on_client: state == "active",
            is_ours: true,
        }
    }

    #[test]
    fn only_our_own_sessions_that_rest_where_nobody_does_are_stuck() {
        let (resting, sending) = ("idle in transaction", "active");
        assert!(blocker(APPLICATION, resting).is_stuck(false));
        assert!(!blocker(PROMOTING, resting).is_stuck(false), "rows are compared meanwhile");
        assert!(!blocker(APPLICATION, sending).is_stuck(false));
        assert!(blocker(APPLICATION, sending).is_stuck(true));
        assert!(!blocker("psql", resting).is_stuck(true));
        let just_now = Blocker { still_ms: Some(IDLE_MAX_MS - 1), ..blocker(APPLICATION, resting) };
        assert!(!just_now.is_stuck(true));
        assert!(!Blocker { is_ours: false, ..blocker(APPLICATION, resting) }.is_stuck(true));
    }
}
