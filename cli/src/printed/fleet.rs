//! What `fleet` prints with `--json`.

use coordinator::ops::roster::Member;
use schemars::JsonSchema;
use serde::Serialize;

/// The fleet of a store at this moment.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedFleet {
    /// The processes that are alive, and the workers that fell silent within the last hour.
    pub(crate) members: Vec<Member>,
    /// Which roles a submitted run would wait for.
    pub(crate) missing: MissingRoles,
    /// Why there may be nothing to list; null with a broker that processes share.
    pub(crate) note: Option<String>,
}

/// The roles that no living process has.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MissingRoles {
    /// No coordinator service is alive.
    pub(crate) coordinator: bool,
    /// No processor is alive.
    pub(crate) processors: bool,
    /// No writer is alive.
    pub(crate) writers: bool,
}
