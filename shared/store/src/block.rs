//! Staging and final as they are read back: blocks of entries.

/// Why a staged record is not promoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusion {
    /// A rule of the job holds it back.
    Held,
    /// A later record has its key.
    Merged,
}

/// The kind of an entry in a read-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A row; its bytes are the canonical record.
    Row,
    /// A reject; its bytes are the raw record.
    Reject,
    /// Final only: the staged record is to be promoted, and no row of final belongs to it. No bytes.
    Absent,
}

/// One entry of a read-back: where it lies in the block's bytes, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Whether the entry is a row, a reject, or an absence.
    pub kind: EntryKind,
    /// The number of the chunk that the table records it under.
    pub chunk_no: u64,
    /// The record number that the table records it under.
    pub record_no: u64,
    /// The number of the worker that the table records it under.
    pub worker_id: u32,
    /// Why it is kept out of final; `None` if it is not.
    pub excluded: Option<Exclusion>,
    /// The end of its bytes in the block; they begin where the entry before it ends.
    pub end: usize,
}

/// A part of a read-back, ordered by chunk and record.
#[derive(Debug, Default)]
pub struct Block {
    /// The block's entries, ordered by chunk and record.
    pub entries: Vec<Entry>,
    /// The entries' bytes, one after the other.
    pub bytes: Vec<u8>,
}

impl Block {
    /// Whether the block must be handed over: it holds 256 KiB or 4,096 entries.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.bytes.len() >= 256 << 10 || self.entries.len() >= 4096
    }

    /// Each entry with its bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&Entry, &[u8])> {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let bytes = &self.bytes[start..entry.end];
            start = entry.end;
            (entry, bytes)
        })
    }
}

/// Chunks from `first` up to and without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRange {
    /// The number of the first chunk in the range, from 0.
    pub first: u64,
    /// The number of the first chunk after the range.
    pub end: u64,
}

impl ChunkRange {
    /// Every chunk there may be.
    pub const ALL: Self = Self { first: 0, end: i64::MAX as u64 };
}
