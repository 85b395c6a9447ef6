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
        /// A batch that was delivered before is dropped.
        RedeliveredDropped = "redelivered message dropped",
        /// A chunk that was handed out is never handed out again.
        ForgottenChunk = "chunk forgotten after a reset of the broker",
    }
}

/// The store with the world's defect.
pub(crate) fn spoil(layered: Layered, _: &Arc<World>) -> Arc<dyn Store> {
    Arc::new(layered)
}
