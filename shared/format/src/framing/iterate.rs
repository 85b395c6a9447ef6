//! The records of a chunk, one after the other.

use std::iter::FusedIterator;

use super::{Frame, FrameErrorAt, Framer};

/// The records of a chunk: each one's offset in it, and its content.
///
/// ```text
/// for record in frames(&framer, chunk) { let (offset, content) = record?; … }
/// ```
#[must_use]
pub fn frames<'a>(framer: &Framer, chunk: &'a [u8]) -> Frames<'a> {
    Frames { framer: framer.clone(), chunk, offset: 0, records: 0, block_left: 0, latest: NONE }
}

/// The frames of a block; see [`frames`]. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    framer: Framer,
    chunk: &'a [u8],
    offset: usize,
    records: u64,
    block_left: usize,
    latest: Frame,
}

const NONE: Frame = Frame { start: 0, end: 0, total: 0 };

impl Frames<'_> {
    /// The extent of the latest record, from its offset on.
    #[must_use]
    pub const fn latest(&self) -> Frame {
        self.latest
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(usize, &'a [u8]), FrameErrorAt>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        let rest = &self.chunk[offset..];
        match self.framer.next_within(&mut self.block_left, rest, true) {
            Ok(None) => None,
            Ok(Some(frame)) => {
                self.offset += frame.total;
                self.records += 1;
                self.latest = frame;
                Some(Ok((offset, &rest[frame.start..frame.end])))
            }
            Err(error) => {
                self.offset = self.chunk.len();
                Some(Err(FrameErrorAt { offset, records: self.records, error }))
            }
        }
    }
}

impl FusedIterator for Frames<'_> {}
