//! Who drives a run. Every process of an embedded store is on one host, whose clock decides.
//!
//! Whoever takes a run up waits for another process that writes, but not for long: nobody can end that one from here.

use std::time::Duration;

use domain::ids::RunId;
use domain::lifecycle::RunState;
use platform::clock::{Clock as _, SystemClock};
use rusqlite::{OptionalExtension, Transaction, params};
use sqlx::Row as _;
use store::{Claim, Fence, Lease, StoreError};

use super::connect::SqliteStore;
use super::ledger::{damaged, hold_fence};

/// How long an operator's command waits for another process to finish writing.
const PROMPTLY: Duration = Duration::from_secs(4);

/// Now, by the one clock there is.
pub(crate) fn now_ms() -> i64 {
    SystemClock.now_ms()
}

pub(crate) fn millis(duration: Duration) -> Result<i64, StoreError> {
    i64::try_from(duration.as_millis()).map_err(|_| damaged(format!("a lease of {duration:?}")))
}

/// Whether a lease until then still lasts. One that would last longer than any does was made before the clock was set back.
pub(crate) fn lasts_still(until_ms: i64, lasts_ms: i64) -> bool {
    let now_ms = now_ms();
    until_ms > now_ms && until_ms <= now_ms.saturating_add(lasts_ms)
}

fn take_up(
    transaction: &Transaction<'_>,
    run_id: RunId,
    owner: &str,
    lasts: Duration,
    claim: Claim,
) -> Result<Fence, StoreError> {
    let (id, lasts_ms) = (run_id.to_string(), millis(lasts)?);
    let (state, held, until_ms): (String, Option<String>, Option<i64>) = transaction
        .query_row(
            "SELECT state, lease_owner, lease_until_ms FROM crossfoot_run WHERE run_id = ?1",
            [&id],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?
        .ok_or_else(|| damaged(format!("there is no run {run_id} to take over")))?;
    let state: RunState = state.parse().map_err(|_| damaged(format!("state is `{state}`")))?;
    if state.is_over() && claim != Claim::AfterItsEnd {
        return Err(StoreError::Over { run_id, state });
    }
    if let Some(owner) = held
        && claim != Claim::Evict
        && until_ms.is_some_and(|until_ms| lasts_still(until_ms, lasts_ms))
    {
        return Err(StoreError::LeaseHeld { run_id, owner });
    }
    let epoch = transaction.query_row(
        "UPDATE crossfoot_run SET interrupted = interrupted OR (epoch > 0 AND state = 'loading'), epoch = epoch + 1,
         lease_owner = ?2, lease_until_ms = ?3 WHERE run_id = ?1 RETURNING epoch",
        params![id, owner, now_ms().saturating_add(lasts_ms)],
        |row| row.get(0),
    )?;
    Ok(Fence { run_id, epoch })
}

impl SqliteStore {
    pub(crate) async fn fetch_lease(&self, run_id: RunId) -> Result<Option<Lease>, StoreError> {
        let row = sqlx::query("SELECT lease_owner, lease_until_ms FROM crossfoot_run WHERE run_id = $1")
            .bind(run_id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (owner, until_ms): (Option<String>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        Ok(owner.zip(until_ms).map(|(owner, until_ms)| Lease::new(owner, until_ms.saturating_sub(now_ms()))))
    }

    pub(crate) async fn take_lease(
        &self,
        run_id: RunId,
        owner: String,
        lasts: Duration,
        claim: Claim,
    ) -> Result<Fence, StoreError> {
        self.write_within(PROMPTLY, move |transaction| take_up(transaction, run_id, &owner, lasts, claim))
            .await
    }

    pub(crate) async fn keep_lease(&self, fence: Fence, lasts: Duration) -> Result<(), StoreError> {
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            transaction.execute(
                "UPDATE crossfoot_run SET lease_until_ms = ?2 WHERE run_id = ?1",
                params![fence.run_id.to_string(), now_ms().saturating_add(millis(lasts)?)],
            )?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn drop_lease(&self, fence: Fence, spent_ms: u64) -> Result<(), StoreError> {
        self.write(move |transaction| {
            hold_fence(transaction, fence)?;
            transaction.execute(
                "UPDATE crossfoot_run SET lease_owner = NULL, lease_until_ms = NULL, elapsed_ms = elapsed_ms + ?2 WHERE run_id = ?1",
                params![fence.run_id.to_string(), spent_ms],
            )?;
            Ok(())
        })
        .await
    }
}
