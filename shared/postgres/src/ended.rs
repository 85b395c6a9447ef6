//! Why a read-back ended early.

use store::StoreError;

/// Why reading ended before its end.
pub(crate) enum Ended {
    /// The receiver is gone.
    Unheard,
    /// The database or the reader failed.
    Failed(StoreError),
}

impl<E: Into<StoreError>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
