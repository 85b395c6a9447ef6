//! Faults that tests ask for by environment variables. Builds without debug assertions, as released ones are, have
//! none.

/// The chunk at which a processor of this process dies as if it were killed (`CROSSFOOT_TEST_DIES_AT_CHUNK`).
pub(crate) fn dies_at_chunk() -> Option<u64> {
    asked("CROSSFOOT_TEST_DIES_AT_CHUNK")?.parse().ok()
}

/// Whether every message is published twice (`CROSSFOOT_TEST_DOUBLES_MESSAGES`).
pub(crate) fn doubles_messages() -> bool {
    asked("CROSSFOOT_TEST_DOUBLES_MESSAGES").is_some()
}

fn asked(name: &str) -> Option<String> {
    if cfg!(debug_assertions) { std::env::var(name).ok() } else { None }
}
