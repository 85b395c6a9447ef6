//! Who drives a run, by the server's clock.
//!
//! Whoever takes a run up waits for nobody for long. A promotion that the owner before has under way is ended; so is a
//! session of his that is stuck in a transaction (see [`super::watched`]). If somebody else holds the run's row, the error
//! says who.

use std::time::Duration;

use domain::ids::RunId;
use domain::lifecycle::RunState;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::{Claim, Fence, Lease, StoreError};

use super::clock::{NOW_MS, millis};
use super::connect::{Id, Lock, PostgresStore};
use super::ledger::{damaged, hold_fence, parsed, signed, unsigned};

/// How long an operator's command waits for a lock: he is answered within seconds, be it with the name of who is in the way.
pub(crate) const PROMPTLY: &str = "SET LOCAL lock_timeout = '3500ms'";

/// Fails if the run is over, or another owner's lease lasts. `and`: how its row is locked.
async fn is_free(
    connection: &mut PgConnection,
    run_id: RunId,
    lasts: Duration,
    claim: Claim,
    and: &str,
) -> Result<(), StoreError> {
    // A lease that would last longer than any does was made by a clock that has been set back since.
    let sql = format!(
        "SELECT state, CASE WHEN lease_until_ms > {NOW_MS} AND lease_until_ms <= {NOW_MS} + $2 THEN lease_owner END AS owner
         FROM crossfoot_run WHERE run_id = $1 {and}"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(Id(run_id))
        .bind(millis(lasts)?)
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| damaged(format!("there is no run {run_id} to take over")))?;
    let state: RunState = parsed(&row, "state")?;
    if state.is_over() && claim != Claim::AfterItsEnd {
        return Err(StoreError::Over { run_id, state });
    }
    match row.try_get::<Option<String>, _>("owner")? {
        Some(owner) if claim != Claim::Evict => Err(StoreError::LeaseHeld { run_id, owner }),
        _ => Ok(()),
    }
}

async fn take_up(
    connection: &mut PgConnection,
    run_id: RunId,
    owner: String,
    lasts: Duration,
    claim: Claim,
) -> Result<Fence, StoreError> {
    connection.execute(PROMPTLY).await?;
    // Before anything is locked: a living owner's promotion is nobody's to end.
    is_free(connection, run_id, lasts, claim, "").await?;
    end_promotion(connection, run_id).await?;
    is_free(connection, run_id, lasts, claim, "FOR UPDATE").await?;
    let sql = format!(
        "UPDATE crossfoot_run SET interrupted = interrupted OR (epoch > 0 AND state = 'loading'), epoch = epoch + 1,
         lease_owner = $2, lease_until_ms = {NOW_MS} + $3 WHERE run_id = $1 RETURNING epoch"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(Id(run_id))
        .bind(owner)
        .bind(millis(lasts)?)
        .fetch_one(connection)
        .await?;
    Ok(Fence { run_id, epoch: unsigned(&row, "epoch")? })
}

/// Ends the session that promotes the run, wherever it stands: what it did is taken back, unless it was committed.
async fn end_promotion(connection: &mut PgConnection, run_id: RunId) -> Result<(), StoreError> {
    let (class, object) = Lock::Driver(run_id).key("");
    let sessions = sqlx::query(
        "SELECT l.pid, coalesce(a.usename::text, 'unknown') AS user_name, coalesce(a.application_name, 'unknown') AS application
         FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.pid <> pg_backend_pid()
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND l.classid::bigint = $1::bigint AND l.objid::bigint = $2::bigint & 4294967295",
    )
    .bind(class)
    .bind(object)
    .fetch_all(&mut *connection)
    .await?;
    for row in sessions {
        let pid: i32 = row.try_get("pid")?;
        let (user, application): (String, String) = (row.try_get("user_name")?, row.try_get("application")?);
        let ended = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut *connection).await;
        if let Err(error) = ended {
            return Err(StoreError::Blocked {
                what: format!(
                    "run {run_id} is being promoted by a session that could not be ended ({})",
                    StoreError::from(error)
                ),
                waited_s: 0,
                by: format!("pid {pid} (user {user}, application {application})"),
            });
        }
        tracing::warn!(%run_id, pid, user, application, "ended the promotion of the run's former owner");
    }
    Ok(())
}

impl PostgresStore {
    pub(crate) async fn fetch_lease(&self, run_id: RunId) -> Result<Option<Lease>, StoreError> {
        let sql = format!(
            "SELECT lease_owner, greatest(lease_until_ms - {NOW_MS}, 0) AS left_ms FROM crossfoot_run WHERE run_id = $1"
        );
        let row = sqlx::query(AssertSqlSafe(sql)).bind(Id(run_id)).fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let (owner, left_ms): (Option<String>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        Ok(owner.zip(left_ms).map(|(owner, left_ms)| Lease::new(owner, left_ms)))
    }

    pub(crate) async fn take_lease(
        &self,
        run_id: RunId,
        owner: String,
        lasts: Duration,
        claim: Claim,
    ) -> Result<Fence, StoreError> {
        self.write_watched("taking the run up", move |connection, _| {
            Box::pin(take_up(connection, run_id, owner, lasts, claim))
        })
        .await
    }

    pub(crate) async fn keep_lease(&self, fence: Fence, lasts: Duration) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                let sql =
                    format!("UPDATE crossfoot_run SET lease_until_ms = {NOW_MS} + $2 WHERE run_id = $1");
                sqlx::query(AssertSqlSafe(sql))
                    .bind(Id(fence.run_id))
                    .bind(millis(lasts)?)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    pub(crate) async fn drop_lease(&self, fence: Fence, spent_ms: u64) -> Result<(), StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                sqlx::query(
                    "UPDATE crossfoot_run SET lease_owner = NULL, lease_until_ms = NULL, elapsed_ms = elapsed_ms + $2
                     WHERE run_id = $1",
                )
                .bind(Id(fence.run_id))
                .bind(signed(spent_ms)?)
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }
}
