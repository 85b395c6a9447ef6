//! Ranges of committed chunks, handed out to be read back while loading goes on.
//!
//! A range is closed when the chunks up to its end are committed without a gap and are enough for a worker's while.
//! The last one has no end: whatever staging holds after the source's last chunk is found by it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use broker::Queue;
use post::{Post, PostError};
use store::Fence;
use store::model::ChunkRange;
use wire::Range;

/// How many chunks at most a range has, so that what is found of it fits a message by far.
const CHUNKS_MAX: u64 = 512;

/// At how many bytes of chunks a range is closed: enough to be worth its round trip, little enough to share.
const BYTES_MIN: usize = 4 << 20;

/// The ranges of one pass of verification.
#[derive(Debug)]
pub struct Ranges {
    /// What is found is kept under this number.
    pub pass: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Committed, but a chunk before them is not: number and bytes.
    ahead: BTreeMap<u64, usize>,
    /// Every chunk before this one is committed.
    low: u64,
    /// Where the range begins that is open.
    first: u64,
    /// Bytes of the chunks in it.
    bytes: usize,
    closed: Vec<ChunkRange>,
}

/// How many passes belong to each drive of a run: staging beside loading, staging under rules that keep records out of
/// final, and final. One is to spare.
const PASSES: u64 = 4;

/// How many passes after the first one final's is.
pub const OF_FINAL: u64 = 2;

impl Ranges {
    /// Nothing is committed yet. What was read back under an earlier fence is in other passes, and is not believed.
    #[must_use]
    pub fn of(fence: Fence) -> Self {
        Self::new(fence.epoch * PASSES)
    }

    fn new(pass: u64) -> Self {
        Self { pass, inner: Mutex::default() }
    }

    /// The same ranges for another pass.
    #[must_use]
    pub fn once_more(&self, pass: u64) -> Self {
        let closed = self.inner().closed.clone();
        Self { pass, inner: Mutex::new(Inner { closed, ..Inner::default() }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a chunk is committed; the range that it completes, if it completes one.
    pub fn committed(&self, chunk_no: u64, bytes: usize) -> Option<ChunkRange> {
        let mut inner = self.inner();
        inner.ahead.insert(chunk_no, bytes);
        let mut low = inner.low;
        while let Some(bytes) = inner.ahead.remove(&low) {
            low += 1;
            inner.low = low;
            inner.bytes += bytes;
            if inner.bytes >= BYTES_MIN || low - inner.first >= CHUNKS_MAX {
                // At most one range is completed: when a gap closes, what lies ahead is in the next.
                let range = ChunkRange { first: inner.first, end: low };
                inner.closed.push(range);
                (inner.first, inner.bytes) = (low, 0);
                return Some(range);
            }
        }
        None
    }

    /// The ranges that are left when `chunks` chunks are committed: the last one without an end.
    pub fn rest(&self, chunks: u64) -> Vec<ChunkRange> {
        let mut inner = self.inner();
        let mut rest = Vec::new();
        while chunks.saturating_sub(inner.first) > CHUNKS_MAX {
            let range = ChunkRange { first: inner.first, end: inner.first + CHUNKS_MAX };
            rest.push(range);
            inner.first = range.end;
        }
        rest.push(ChunkRange { first: inner.first, ..ChunkRange::ALL });
        inner.closed.extend(&rest);
        rest
    }

    /// Every range that was closed, in order.
    #[must_use]
    pub fn closed(&self) -> Vec<ChunkRange> {
        self.inner().closed.clone()
    }

    /// Hands a range out to the workers.
    ///
    /// # Errors
    /// [`PostError`] when the broker does not take it.
    pub async fn hand_out(&self, post: &Post, fence: Fence, range: ChunkRange) -> Result<(), PostError> {
        let run_id = fence.run_id.to_bytes();
        let range = Range { run_id, pass: self.pass, first: range.first, end: range.end };
        // Model: `HandOutRange`.
        post.send(Queue::Ranges, fence.epoch, &range).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(ranges: &[ChunkRange]) -> Vec<(u64, u64)> {
        ranges.iter().map(|range| (range.first, range.end)).collect()
    }

    #[test]
    fn ranges_are_closed_in_order_and_tile_everything() {
        let ranges = Ranges::new(1);
        let half = BYTES_MIN / 2;
        assert_eq!(ranges.committed(1, half), None, "chunk 0 is missing");
        assert_eq!(ranges.committed(2, half), None);
        let closed = ranges.committed(0, half).unwrap();
        assert_eq!((closed.first, closed.end), (0, 2));
        assert_eq!(ranges.committed(3, 1).map(|range| (range.first, range.end)), None);
        ranges.rest(4);
        assert_eq!(pairs(&ranges.closed()), [(0, 2), (2, ChunkRange::ALL.end)]);
        assert_eq!(pairs(&ranges.once_more(2).closed()), pairs(&ranges.closed()));
    }

    #[test]
    fn tiny_chunks_are_counted_and_an_empty_run_has_one_range() {
        let ranges = Ranges::new(1);
        let closed: Vec<_> = (0..1200).filter_map(|no| ranges.committed(no, 1)).collect();
        assert_eq!(pairs(&closed), [(0, 512), (512, 1024)]);
        ranges.rest(1200);
        assert_eq!(ranges.closed().len(), 3);
        let untouched = Ranges::new(1);
        untouched.rest(1200);
        assert_eq!(pairs(&untouched.closed()), [(0, 512), (512, 1024), (1024, ChunkRange::ALL.end)]);
        let empty = Ranges::new(1);
        assert_eq!(pairs(&empty.rest(0)), [(0, ChunkRange::ALL.end)]);
    }
}
