//! `crossfoot rotate-key`: replaces the key that seals the messages of a deployment.

use domain::event_kind::EventKind;
use post::KEY_SETTLED_MS;
use serde_json::json;

use crate::args::Global;
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json};
use crate::printed::RotatedKey;
use crate::wiring;

/// Runs `crossfoot rotate-key`: stores a new message key; fails if the key is in a file.
pub(crate) async fn rotate_key(global: &Global) -> Result<Done, Failure> {
    let settings = wiring::settings(global, None)?;
    if settings.broker.sealing()?.is_some() {
        return Err(Failure::usage(
            "the message key is in a file, not in the store; replace the file at broker.message_key_file, name \
             the old one in broker.previous_message_key_file, and restart every process",
        ));
    }
    let store = wiring::store(&settings, false).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let before = store.message_keys().await?.current.id();
    let id = store.rotate_message_key(coordinator.clock.now_ms(), KEY_SETTLED_MS).await?;
    let rotated = RotatedKey { key: id.to_string(), before: before.to_string() };
    store.log(coordinator.entry_of_no_run(EventKind::MessageKeyReplaced, &json!(rotated))).await?;
    if global.json {
        print_json(&rotated)?;
    } else {
        print(&format!(
            "messages are now sealed with key {id}; key {before} stays valid until the next rotation"
        ))?;
    }
    Ok(Done::Well)
}
