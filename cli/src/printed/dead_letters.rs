//! What `dead-letters` prints with `--json`.

use coordinator::ops::dead_letters::{DeadLetter, LeftLetter};
use schemars::JsonSchema;
use serde::Serialize;

/// Dead letters, as `dead-letters list` prints them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedLetters {
    /// The dead letters, oldest first.
    pub(crate) dead_letters: Vec<DeadLetter>,
    /// How many there are besides: beyond `--limit`, or held by another process.
    pub(crate) others: usize,
    /// Why there may be nothing to list; null with a broker that processes share.
    pub(crate) note: Option<String>,
}

/// What `dead-letters replay` or `dead-letters clear` did.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SettledLetters {
    /// The ids of the dead letters that were replayed or cleared.
    pub(crate) done: Vec<String>,
    /// The dead letters that were left, and why.
    pub(crate) left: Vec<LeftLetter>,
    /// How many dead letters were not looked at: beyond those that one command holds, or held by another process.
    pub(crate) others: usize,
}
