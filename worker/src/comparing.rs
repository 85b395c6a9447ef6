//! Work for comparisons (`crossfoot reconcile --fleet`), which workers do beside their role: processors decode chunks
//! of sources that are compared, writers read parts of tables. How that is done is given to them ([`Comparisons`]): no
//! ledger knows of it.

use async_trait::async_trait;
use broker::BrokerError;
use bytes::Bytes;
use domain::ids::WorkerId;

use crate::consume::{Consuming, Handled};

/// Does what a comparison asks of a worker.
#[async_trait]
pub trait Comparisons: Send + Sync {
    /// Does the task in `body` as `worker`, and sends what came of it.
    async fn handle(&self, worker: &str, body: &Bytes) -> Handled;
}

/// Works for comparisons until the context's `stop` is cancelled. Without something that can, or the right to, it ends
/// at once: a fleet loads without.
///
/// # Errors
/// [`BrokerError`] when it cannot begin.
pub(crate) async fn run(tasks: &Consuming<'_>, worker: WorkerId) -> Result<(), BrokerError> {
    let Some(comparisons) = &tasks.with.comparisons else { return Ok(()) };
    let handle = |body: Bytes| async move {
        let _in_hand = tasks.with.registered.in_hand(worker);
        comparisons.handle(tasks.name, &body).await
    };
    // Nothing of a task is its own fault: whoever compares is told, and asks again or ends.
    let give_up = |_: Bytes, _: String| async { true };
    match tasks.run(handle, give_up).await {
        Err(error @ BrokerError::Forbidden { .. }) => {
            let queue = tasks.queue.name();
            tracing::warn!(%error, queue, "this worker takes no part in comparisons; `crossfoot setup` grants the right");
            Ok(())
        }
        ended => ended,
    }
}
