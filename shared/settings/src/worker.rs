//! What workers may read themselves.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::SettingsError;

/// What the workers of a process may read of sources themselves: chunks that travel by reference (`chunks` under
/// `[fleet]`). A processor that may not, or cannot, hands such a chunk back to the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSettings {
    /// The places below which sources may be read: absolute paths of folders, and prefixes in object stores. Neither
    /// `..` nor a symbolic link leads out of a folder; a link that is absolute is refused. Without any, no chunk is
    /// read by reference.
    #[schemars(extend("default" = [], "examples" = [["/mnt/extracts", "s3://ledgers/in"]]))]
    pub sources: Vec<String>,
}

impl WorkerSettings {
    /// # Errors
    /// [`SettingsError`] when a place is a path that depends on where the process was started.
    pub(crate) fn checked(&self) -> Result<(), SettingsError> {
        let is_place = |place: &&String| Path::new(place).is_absolute() || place.contains("://");
        match self.sources.iter().find(|place| !is_place(place)) {
            None => Ok(()),
            Some(place) => Err(SettingsError(format!(
                "invalid worker.sources `{}`: name absolute paths, or URLs of object stores",
                place.escape_debug()
            ))),
        }
    }
}
