//! Fleets with a defect: each behaves as the product must not, and the simulation must catch it.

use std::sync::Arc;

use store::Store;
use store::layered::Layered;

use crate::world::World;

domain::named! {
    /// A defect of the whole fleet.
    pub enum Mutant {
        /// A writer acknowledges a batch before it is committed.
        AckBeforeCommit = "ack before commit",
        /// A processor acknowledges a chunk before its batch is published.
        AckBeforePublish = "ack before publish",
        /// The coordinator acknowledges counts before they are stored.
        CountsAckedUnread = "counts acknowledged before they are stored",
        /// Counts are added to those that were reported before.
        CountAddedTwice = "a count added twice",
        /// A coordinator does not ask whether it still holds the lease.
        LeaseNotFenced = "a lease not fenced",
        /// A permit is used for another promotion than the one that it was made for.
        PermitReused = "a permit reused",
        /// A start stays charged, though the work was done.
        ChargeKept = "a charge not taken back",
        /// A batch that is committed is committed again.
        BatchCommittedTwice = "a batch committed twice",
        /// A batch that was delivered before is dropped.
        RedeliveredDropped = "a redelivered message dropped",
        /// What is read back is not committed yet.
        ReadBackEarly = "a range read back before it is committed",
        /// A promotion whose answer was lost is done again.
        PromotionRepeated = "a promotion repeated after a lost reply",
        /// A chunk that was handed out is never handed out again.
        ForgottenChunk = "a chunk forgotten after a reset of the broker",
    }
}

/// The store with the world's defect.
pub(crate) fn spoil(layered: Layered, _: &Arc<World>) -> Arc<dyn Store> {
    Arc::new(layered)
}
