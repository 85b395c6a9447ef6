//! The evidence log, walked from its first event to its last.

use domain::event::{ChainError, ChainWalk};
use domain::fingerprint::Hash;
use shared::store::{Store, StoreError};
use thiserror::Error;

const PAGE: u32 = 1000;

/// Why the log is not what was written, or could not be read.
#[derive(Debug, Error)]
pub enum AuditError {
    /// It is not what was written.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// It could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Walks the whole log; returns its head: how many events there are, and the hash of the last.
///
/// `noted` is a head that was written down earlier; the log must still contain it.
///
/// # Errors
/// [`AuditError`] saying which event is at fault.
pub async fn verify(store: &dyn Store, noted: Option<(u64, Hash)>) -> Result<(u64, Hash), AuditError> {
    let mut walk = ChainWalk::default();
    loop {
        let events = store.events(walk.head().0, PAGE).await?;
        if events.is_empty() {
            break;
        }
        for event in &events {
            walk.step(event)?;
            if let Some((seq, hash)) = noted
                && event.seq == seq
                && event.hash != hash
            {
                return Err(ChainError::Altered { seq }.into());
            }
        }
    }
    let (last, head) = walk.head();
    match noted {
        Some((seq, _)) if seq > last => Err(ChainError::CutOff { last, noted: seq }.into()),
        _ => Ok((last, head)),
    }
}

/// The log's head as it stands, without walking it; `None` when the log is empty.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn head(store: &dyn Store) -> Result<Option<(u64, Hash)>, StoreError> {
    store.log_head().await
}
