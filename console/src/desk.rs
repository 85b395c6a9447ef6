//! What every request works with.

use std::sync::Arc;

use store::Store;

/// What every request works with: the store, and the process that the console is part of.
pub struct Desk {
    /// The ledger and the tables.
    pub store: Arc<dyn Store>,
    /// Why the fleet may have no processes of its own; `None` if processes share a broker.
    pub fleet_note: Option<String>,
}
