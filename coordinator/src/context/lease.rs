//! The lease on a run: acquired, renewed, and taken over from a coordinator that is known to be gone.

use std::time::Duration;

use domain::ids::RunId;
use store::model::Run;
use store::{Claim, Fence, Lease, Store, StoreError};

use crate::context::coordinator::Coordinator;
use crate::context::owner::{is_dead, is_dead_here, signed};
use crate::load::window::AskedWindow;

/// How long a run, and the service, belong to their coordinator after each heartbeat, by the database's clock. Whoever
/// stands by has taken over when this and a few polls are over, in less than 15 s; three heartbeats in a row may fail
/// before. A coordinator that lost its lease in vain (a store that did not answer for longer) is fenced, and loses time
/// only.
pub(crate) const LEASE: Duration = Duration::from_secs(12);
/// How often the coordinator sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(3);

impl Coordinator {
    /// Takes the run up, unless a living coordinator has it.
    pub(crate) async fn acquire_lease(&self, run_id: RunId, claim: Claim) -> Result<Fence, StoreError> {
        let owner = self.owner();
        let held = self.store.lease(run_id).await?;
        // Its own lease is left over from a drive that the store failed.
        let is_free = held.is_some_and(|held| held.owner == owner || is_dead(&held.owner, &self.host));
        let claim = if is_free && claim == Claim::IfFree { Claim::Evict } else { claim };
        fault::around!("lease.acquire", self.store.acquire_lease(run_id, &owner, LEASE, claim).await)
    }

    /// This coordinator as it signs its leases: no other process signs so.
    #[must_use]
    pub fn owner(&self) -> String {
        signed(&self.actor)
    }

    /// Sends heartbeats until someone else has the run, and hands on what an operator says of its window. Returns only
    /// with that error, or the store's.
    pub(crate) async fn keep_alive(&self, fence: Fence, asked: &AskedWindow) -> StoreError {
        let mut beat = tokio::time::interval(HEARTBEAT);
        loop {
            beat.tick().await;
            match fault::around!("lease.renew", self.store.renew(fence, LEASE).await) {
                Ok(chunks) => asked.set(chunks),
                Err(error) => return error,
            }
        }
    }
}

/// The signature of the process that drives the run at this moment; `None` if none does. A process of this host that
/// has ended drives nothing, though its lease still lasts.
///
/// # Errors
/// [`StoreError`] of the database.
pub(crate) async fn driver(store: &dyn Store, run: &Run) -> Result<Option<String>, StoreError> {
    if run.state.is_over() {
        return Ok(None);
    }
    Ok(holder_of(store.lease(run.run_id).await?.as_ref()).map(str::to_owned))
}

/// The signature of the process that holds a lease, if it has not ended and the process is not known to have.
pub(crate) fn holder_of(lease: Option<&Lease>) -> Option<&str> {
    let lease = lease.filter(|lease| !lease.left.is_zero() && !is_dead_here(&lease.owner))?;
    Some(&lease.owner)
}
