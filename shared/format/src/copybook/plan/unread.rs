//! Bytes of a record of which no column is made, each with why.

use super::{Offset, Within};

/// Why no column is made of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// They are FILLER, or an item without a name.
    Filler,
    /// They are FILLER in packed decimal, whose zero is not all zeros.
    PackedFiller,
    /// They align the item after them, or the next occurrence.
    Slack,
    /// Only views of their area that are not taken reach them.
    View,
    /// The job leaves their item out.
    LeftOut,
}

/// Bytes of which no column is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// Why no column is made of them.
    pub why: Why,
    /// Where they begin in the record.
    pub offset: Offset,
    /// How many they are.
    pub length: usize,
    /// The innermost occurrence of a table of varying length that they are in.
    pub within: Option<Within>,
}

impl Unread {
    /// Adds these bytes to the others, as one with the last if they follow it.
    pub(super) fn add_to(self, all: &mut Vec<Self>) {
        if self.length == 0 {
            return;
        }
        let next = |last: &Self| Offset { base: last.offset.base + last.length, ..last.offset };
        match all.last_mut() {
            // A packed zero is told by its last byte: each is by itself.
            Some(last)
                if last.why == self.why
                    && self.why != Why::PackedFiller
                    && last.within == self.within
                    && next(last) == self.offset =>
            {
                last.length += self.length;
            }
            _ => all.push(self),
        }
    }
}
