//! The evidence log, walked from its first event to its last.

use domain::checkpoint::{HeldTo, Noted};
use domain::event::{ChainError, ChainWalk, Head};
use store::{Store, StoreError};
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
/// `noted` are heads that were written down earlier; the log must still contain every one of them.
///
/// # Errors
/// [`AuditError`] saying which event is at fault.
pub async fn verify(store: &dyn Store, noted: impl IntoIterator<Item = Noted>) -> Result<Head, AuditError> {
    let (mut walk, mut held) = (ChainWalk::default(), HeldTo::new(noted));
    loop {
        let events = store.events(walk.head().seq, PAGE).await?;
        if events.is_empty() {
            break;
        }
        for event in &events {
            walk.step(event)?;
            held.step(event)?;
        }
    }
    held.end(walk.head().seq)?;
    Ok(walk.head())
}

/// The log's current head, without walking the log; `None` when the log is empty.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn head(store: &dyn Store) -> Result<Option<Head>, StoreError> {
    store.log_head().await
}
