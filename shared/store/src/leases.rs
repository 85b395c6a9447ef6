//! The leases of runs, of the coordinator service, and of the comparison that the fleet works for. The database's clock
//! decides when a lease ends.

use std::time::Duration;

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::ids::RunId;
use domain::lease::{Claim, Held, Refused, may_acquire, may_serve};
use domain::lifecycle::RunState;

use crate::database::{Change, Connection, Database};
use crate::model::Run;
use crate::param::Param;
use crate::row::Row;
use crate::run_row::run_from;
use crate::runs::hold_fence;
use crate::{Fence, Lease, StoreError, damaged, params};

/// The leases on runs and on the role of the coordinator service.
#[async_trait]
#[delegatable_trait]
pub trait Leases: Send + Sync {
    /// The lease on the run; `None` if no coordinator holds one. It may have ended.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn lease(&self, run_id: RunId) -> Result<Option<Lease>, StoreError>;
    /// Acquires the lease of the run for `owner`, until `lasts` has passed without a renewal. Ends a promotion that
    /// the previous owner has under way where the database can do that, and waits for it otherwise; never for long.
    ///
    /// A lease that would still last longer than `lasts` was made by a clock that has been set back since: it is
    /// over.
    ///
    /// # Errors
    /// [`StoreError::LeaseHeld`]; [`StoreError::Over`] when the run has ended;
    /// [`StoreError::Interrupted`], with the blocking session, when another one locks the run's row.
    async fn acquire_lease(
        &self,
        run_id: RunId,
        owner: &str,
        lasts: Duration,
        claim: Claim,
    ) -> Result<Fence, StoreError>;
    /// Renews the run's lease, to end `lasts` from now, and returns how many of the run's chunks may be in flight, if
    /// an operator said so. A lease that was released stays so.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn renew(&self, fence: Fence, lasts: Duration) -> Result<Option<u64>, StoreError>;
    /// Releases the run's lease and adds `spent_ms` to the run's time.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    async fn release(&self, fence: Fence, spent_ms: u64) -> Result<(), StoreError>;
    /// Submitted runs that no coordinator holds and that are not parked, the oldest first: those that load, and those
    /// that are staged. `lasts` is the length of the longest lease.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn waiting_runs(&self, lasts: Duration, limit: u32) -> Result<Vec<Run>, StoreError>;
    /// Acquires or renews the lease of *the* coordinator service for `lasts`, unless another process holds it. Returns
    /// `None` when `owner` holds it, otherwise the other's lease.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn claim_service(&self, owner: &str, lasts: Duration) -> Result<Option<Lease>, StoreError>;
    /// The lease of the coordinator service, which may have ended; `None` if there never was one.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn service(&self) -> Result<Option<Lease>, StoreError>;
    /// Releases the lease of the coordinator service, if `owner` holds it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn leave_service(&self, owner: &str) -> Result<(), StoreError>;
    /// Acquires or renews the lease of the comparison that the fleet works for, as [`Leases::claim_service`] does that
    /// of the service: a fleet works for one comparison at a time.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn claim_comparison(&self, owner: &str, lasts: Duration) -> Result<Option<Lease>, StoreError>;
    /// The lease of the comparison that the fleet works for, which may have ended; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn comparison(&self) -> Result<Option<Lease>, StoreError>;
    /// Releases the lease of the comparison that the fleet works for, if `owner` holds it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn leave_comparison(&self, owner: &str) -> Result<(), StoreError>;
}

/// The table whose one row is the lease of the coordinator service.
const SERVICE: &str = "crossfoot_service";

/// The table whose one row is the lease of the comparison that the fleet works for.
const COMPARISON: &str = "crossfoot_comparison";

/// A duration as the database adds it to its time.
pub(crate) fn millis(duration: Duration) -> Result<i64, StoreError> {
    i64::try_from(duration.as_millis()).map_err(|_| damaged(format!("a lease of {duration:?}")))
}

/// The lease in the columns `lease_owner` and `left_ms`, if there is one.
fn lease_from(row: &Row) -> Result<Option<(String, i64)>, StoreError> {
    let (owner, left_ms): (Option<String>, Option<i64>) = (row.get("lease_owner")?, row.get("left_ms")?);
    Ok(owner.zip(left_ms))
}

fn held(lease: Option<&(String, i64)>) -> Option<Held<'_>> {
    lease.map(|(owner, left_ms)| Held { owner, left_ms: *left_ms })
}

/// Fails if the run is over, or another owner's lease lasts. `lock`: how its row is locked.
async fn is_free(
    connection: &mut dyn Connection,
    run_id: RunId,
    lasts_ms: i64,
    claim: Claim,
    lock: &str,
) -> Result<(), StoreError> {
    let now_ms = connection.syntax().now_ms;
    let sql = format!(
        "SELECT state, lease_owner, lease_until_ms - {now_ms} AS left_ms FROM crossfoot_run WHERE run_id = $1 {lock}"
    );
    let row = connection.fetch_first(&sql, params![run_id]).await?;
    let row = row.ok_or_else(|| damaged(format!("there is no run {run_id} to take over")))?;
    let (state, lease): (RunState, _) = (row.parsed("state")?, lease_from(&row)?);
    // Model: `LeaseEnds` has happened, or this is refused.
    match may_acquire(state, held(lease.as_ref()), claim, lasts_ms) {
        Ok(()) => Ok(()),
        Err(Refused::Over) => Err(StoreError::Over { run_id, state }),
        Err(Refused::Held) => {
            let owner = lease.map(|(owner, _)| owner).unwrap_or_default();
            Err(StoreError::LeaseHeld { run_id, owner })
        }
    }
}

async fn acquire_lease(
    connection: &mut dyn Connection,
    run_id: RunId,
    owner: String,
    lasts_ms: i64,
    claim: Claim,
) -> Result<Fence, StoreError> {
    let (now_ms, lock_all) = (connection.syntax().now_ms, connection.syntax().lock_all);
    // Before anything is locked: a living owner's promotion is nobody's to end.
    is_free(connection, run_id, lasts_ms, claim, "").await?;
    connection.end_promotion(run_id).await?;
    is_free(connection, run_id, lasts_ms, claim, lock_all).await?;
    let sql = format!(
        // Model: `AcquireLease`: whoever has an older attempt is fenced off.
        "UPDATE crossfoot_run SET interrupted = interrupted OR (epoch > 0 AND state = 'loading'), epoch = epoch + 1,
         lease_owner = $2, lease_until_ms = {now_ms} + $3 WHERE run_id = $1 RETURNING epoch"
    );
    let row = connection.fetch_one(&sql, params![run_id, owner, lasts_ms]).await?;
    Ok(Fence { run_id, epoch: row.get("epoch")? })
}

/// Acquires or renews the lease that is the one row of `table`. Returns another's, if it lasts.
async fn claim(
    connection: &mut dyn Connection,
    table: &str,
    owner: String,
    lasts_ms: i64,
) -> Result<Option<Lease>, StoreError> {
    let (now_ms, lock_all) = (connection.syntax().now_ms, connection.syntax().lock_all);
    // Of two who try at once, one waits for the other's row and then sees it.
    let vacant = format!(
        "INSERT INTO {table} (one, lease_owner, lease_until_ms) VALUES (1, $1, 0) ON CONFLICT DO NOTHING"
    );
    let sql = format!("SELECT lease_owner, lease_until_ms - {now_ms} AS left_ms FROM {table} {lock_all}");
    let lease = loop {
        connection.execute(&vacant, params![&owner]).await?;
        // A holder that leaves between the two statements takes the row along: it is made once more.
        if let Some(row) = connection.fetch_first(&sql, params![]).await? {
            break lease_from(&row)?;
        }
    };
    if !may_serve(&owner, held(lease.as_ref()), lasts_ms) {
        return Ok(lease.map(|(owner, left_ms)| Lease::new(owner, left_ms)));
    }
    let sql = format!("UPDATE {table} SET lease_owner = $1, lease_until_ms = {now_ms} + $2");
    connection.execute(&sql, params![owner, lasts_ms]).await?;
    Ok(None)
}

/// [`claim`] in a transaction of its own.
async fn claimed<D: Database>(
    store: &D,
    table: &'static str,
    owner: &str,
    lasts: Duration,
) -> Result<Option<Lease>, StoreError> {
    let (owner, lasts_ms) = (owner.to_owned(), millis(lasts)?);
    store.write(Change::LEDGER, move |connection| Box::pin(claim(connection, table, owner, lasts_ms))).await
}

/// The lease that is the one row of `table`, if there is one.
async fn only_lease<D: Database>(store: &D, table: &str) -> Result<Option<Lease>, StoreError> {
    let now_ms = D::SYNTAX.now_ms;
    let sql = format!("SELECT lease_owner, lease_until_ms - {now_ms} AS left_ms FROM {table}");
    let Some(row) = store.fetch_first(&sql, params![]).await? else { return Ok(None) };
    Ok(lease_from(&row)?.map(|(owner, left_ms)| Lease::new(owner, left_ms)))
}

/// Removes the one row of `table`, if it is the lease of `owner`.
async fn leave<D: Database>(store: &D, table: &'static str, owner: &str) -> Result<(), StoreError> {
    let owner = Param::from(owner);
    store
        .write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                let sql = format!("DELETE FROM {table} WHERE lease_owner = $1");
                connection.execute(&sql, vec![owner]).await?;
                Ok(())
            })
        })
        .await
}

#[async_trait]
impl<D: Database> Leases for D {
    async fn lease(&self, run_id: RunId) -> Result<Option<Lease>, StoreError> {
        let now_ms = D::SYNTAX.now_ms;
        let sql = format!(
            "SELECT lease_owner, lease_until_ms - {now_ms} AS left_ms FROM crossfoot_run WHERE run_id = $1"
        );
        let Some(row) = self.fetch_first(&sql, params![run_id]).await? else { return Ok(None) };
        Ok(lease_from(&row)?.map(|(owner, left_ms)| Lease::new(owner, left_ms)))
    }

    async fn acquire_lease(
        &self,
        run_id: RunId,
        owner: &str,
        lasts: Duration,
        claim: Claim,
    ) -> Result<Fence, StoreError> {
        let (owner, lasts_ms) = (owner.to_owned(), millis(lasts)?);
        self.write(Change::prompt("taking the run up"), move |connection| {
            Box::pin(acquire_lease(connection, run_id, owner, lasts_ms, claim))
        })
        .await
    }

    async fn renew(&self, fence: Fence, lasts: Duration) -> Result<Option<u64>, StoreError> {
        let lasts_ms = millis(lasts)?;
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                let now_ms = connection.syntax().now_ms;
                // A renewal that was under way when its owner released the lease must not bring it back.
                let sql = format!(
                    "UPDATE crossfoot_run SET lease_until_ms = {now_ms} + $2
                     WHERE run_id = $1 AND lease_owner IS NOT NULL RETURNING window_chunks"
                );
                let row = connection.fetch_first(&sql, params![fence.run_id, lasts_ms]).await?;
                row.map_or(Ok(None), |row| row.get("window_chunks"))
            })
        })
        .await
    }

    async fn release(&self, fence: Fence, spent_ms: u64) -> Result<(), StoreError> {
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                hold_fence(connection, fence).await?;
                let sql = "UPDATE crossfoot_run SET lease_owner = NULL, lease_until_ms = NULL,
                           elapsed_ms = elapsed_ms + $2 WHERE run_id = $1";
                connection.execute(sql, params![fence.run_id, spent_ms]).await?;
                Ok(())
            })
        })
        .await
    }

    async fn waiting_runs(&self, lasts: Duration, limit: u32) -> Result<Vec<Run>, StoreError> {
        let now_ms = D::SYNTAX.now_ms;
        let sql = format!(
            "SELECT * FROM crossfoot_run WHERE submitted AND NOT parked AND state IN ('loading', 'staged')
             AND (lease_until_ms IS NULL OR lease_until_ms <= {now_ms} OR lease_until_ms > {now_ms} + $1)
             ORDER BY run_id LIMIT $2"
        );
        let rows = self.fetch(&sql, params![millis(lasts)?, limit]).await?;
        rows.iter().map(run_from).collect()
    }

    async fn claim_service(&self, owner: &str, lasts: Duration) -> Result<Option<Lease>, StoreError> {
        claimed(self, SERVICE, owner, lasts).await
    }

    async fn service(&self) -> Result<Option<Lease>, StoreError> {
        only_lease(self, SERVICE).await
    }

    async fn leave_service(&self, owner: &str) -> Result<(), StoreError> {
        leave(self, SERVICE, owner).await
    }

    async fn claim_comparison(&self, owner: &str, lasts: Duration) -> Result<Option<Lease>, StoreError> {
        claimed(self, COMPARISON, owner, lasts).await
    }

    async fn comparison(&self) -> Result<Option<Lease>, StoreError> {
        only_lease(self, COMPARISON).await
    }

    async fn leave_comparison(&self, owner: &str) -> Result<(), StoreError> {
        leave(self, COMPARISON, owner).await
    }
}
