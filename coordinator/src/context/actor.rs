//! Who acts, and by which command: what every event of the log holds besides the operator's name.

use serde_json::{Map, Value};

/// Besides the operator's name, which is [`crate::Coordinator::actor`].
///
/// The name is the operating system's for the user who ran the command, or the one given with `--operator`; it
/// is no authentication. What the system says is kept in either case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActorContext {
    /// The operating system's user, where the operator gave another name.
    pub os_user: Option<String>,
    /// The command, without secrets.
    pub command: Option<String>,
}

impl ActorContext {
    /// As the log has it.
    #[must_use]
    pub fn detail(&self) -> Map<String, Value> {
        let mut detail = Map::new();
        detail.insert("process".into(), std::process::id().into());
        for (key, value) in [("os_user", &self.os_user), ("command", &self.command)] {
            if let Some(value) = value {
                detail.insert(key.into(), value.clone().into());
            }
        }
        detail
    }
}
