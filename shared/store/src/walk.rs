//! The ledger's chunks of a run, walked page by page.

use std::collections::VecDeque;

use domain::ids::RunId;

use super::model::{ChunkRange, ChunkRow};
use super::{Store, StoreError};

/// How many chunk rows are fetched from the ledger at a time.
const PAGE: u32 = 500;

/// The ledger's chunks of a run, in order, page by page.
pub struct LedgerWalk<'a> {
    store: &'a dyn Store,
    run_id: RunId,
    page: VecDeque<ChunkRow>,
    next: Option<u64>,
    end: u64,
}

impl<'a> LedgerWalk<'a> {
    /// From the first chunk on.
    #[must_use]
    pub fn new(store: &'a dyn Store, run_id: RunId) -> Self {
        Self::of(store, run_id, ChunkRange::ALL)
    }

    /// The chunks of `range`.
    #[must_use]
    pub fn of(store: &'a dyn Store, run_id: RunId, range: ChunkRange) -> Self {
        Self { store, run_id, page: VecDeque::new(), next: Some(range.first), end: range.end }
    }

    async fn load(&mut self) -> Result<(), StoreError> {
        if let (true, Some(from)) = (self.page.is_empty(), self.next) {
            self.page = self.store.chunks(self.run_id, from, PAGE).await?.into();
            self.next = self.page.back().map(|last| last.cut.chunk_no.0 + 1);
        }
        Ok(())
    }

    /// The next chunk of the walk.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn next(&mut self) -> Result<Option<ChunkRow>, StoreError> {
        self.load().await?;
        if self.page.front().is_some_and(|row| row.cut.chunk_no.0 >= self.end) {
            return Ok(None);
        }
        Ok(self.page.pop_front())
    }
}
