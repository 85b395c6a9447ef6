//! Which processes are alive.

use schemars::JsonSchema;
use serde::Serialize;
use store::{Store, StoreError};

use crate::ops::roster::{Member, roster};

/// The fleet of a store at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedFleet {
    /// The processes that are alive, and the workers that fell silent within the last hour.
    pub members: Vec<Member>,
    /// Which roles a submitted run would wait for.
    pub missing: MissingRoles,
    /// Why there may be nothing to list; null with a broker that processes share.
    pub note: Option<String>,
}

/// The roles that no living process has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingRoles {
    /// No coordinator service is alive.
    pub coordinator: bool,
    /// No processor is alive.
    pub processors: bool,
    /// No writer is alive.
    pub writers: bool,
}

/// Lists the processes of the store's fleet; `note` says why there may be none.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn fleet(store: &dyn Store, note: Option<String>) -> Result<ListedFleet, StoreError> {
    let found = roster(store).await?;
    let missing = MissingRoles {
        coordinator: found.missing.coordinator,
        processors: found.missing.processors,
        writers: found.missing.writers,
    };
    Ok(ListedFleet { members: found.members, missing, note })
}
