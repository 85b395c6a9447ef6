//! The lease on a run: acquired, renewed, and taken over from a coordinator that is known to be gone.

use std::time::Duration;

use domain::ids::RunId;
use store::{Claim, Fence, StoreError};

use crate::context::coordinator::Coordinator;
use crate::context::owner::{is_dead, signed};

/// How long a run belongs to its coordinator after each heartbeat, by the database's clock.
pub(crate) const LEASE: Duration = Duration::from_secs(20);
/// How often the coordinator sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(5);

impl Coordinator {
    /// Takes the run up, unless a living coordinator has it.
    pub(crate) async fn acquire_lease(&self, run_id: RunId, claim: Claim) -> Result<Fence, StoreError> {
        let owner = self.owner();
        let held = self.store.lease(run_id).await?;
        // Its own lease is left over from a drive that the store failed.
        let is_free = held.is_some_and(|held| held.owner == owner || is_dead(&held.owner, &self.host));
        let claim = if is_free && claim == Claim::IfFree { Claim::Evict } else { claim };
        self.store.acquire_lease(run_id, &owner, LEASE, claim).await
    }

    /// This coordinator as it signs its leases: no other process signs so.
    pub(crate) fn owner(&self) -> String {
        signed(&self.actor)
    }

    /// Sends heartbeats until someone else has the run. Returns only with that error, or the store's.
    pub(crate) async fn keep_alive(&self, fence: Fence) -> StoreError {
        let mut beat = tokio::time::interval(HEARTBEAT);
        loop {
            beat.tick().await;
            if let Err(error) = self.store.renew(fence, LEASE).await {
                return error;
            }
        }
    }
}
