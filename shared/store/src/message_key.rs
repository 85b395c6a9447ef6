//! The keys of a store's messages: how they are made and which are valid. The ledger keeps the newest two, by
//! generation.

use domain::ids::StoreId;
use domain::seal::{KEY_BYTES, Keyring, MessageKey};

use crate::StoreError;
use crate::row::Row;

fn no_randomness(what: &str, error: &impl std::fmt::Display) -> StoreError {
    StoreError::Database { reason: format!("cannot create {what}: {error}") }
}

/// A new random key from the operating system.
pub(crate) fn random() -> Result<MessageKey, StoreError> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| no_randomness("a message key", &error))?;
    MessageKey::new(&bytes).map_err(|error| no_randomness("a message key", &error))
}

/// An identity that no other store has.
pub(crate) fn random_identity() -> Result<StoreId, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| no_randomness("the store's identity", &error))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().into())
}

/// The keys as they are kept, the newest first.
pub(crate) fn ring(kept: &[Row]) -> Result<Keyring, StoreError> {
    let damaged = |what: String| StoreError::Damaged { what: format!("the message keys: {what}") };
    let mut keys = kept.iter().map(|row| {
        let key: Vec<u8> = row.get("key")?;
        MessageKey::new(&key).map_err(|error| damaged(error.to_string()))
    });
    let current = keys.next().ok_or_else(|| damaged("there is no key".into()))??;
    Ok(Keyring { current, previous: keys.next().transpose()? })
}
