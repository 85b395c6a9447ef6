//! A window of staging, read as its rows lie and ordered here.
//!
//! Writers append rows chunk by chunk, so that they lie nearly in the order of their records. The server would copy
//! each of them into a sort and out of it again; ordering their places in memory costs a small part of that. A window
//! that holds much more than its chunks should is left to the server, whose sort has a file for it.

use domain::ids::RecordNo;
use domain::layout::Layout;
use domain::record;
use futures_util::StreamExt as _;
use sqlx::postgres::PgConnection;
use store::StoreError;
use store::model::{Block, Entry, EntryKind};
use tokio::sync::mpsc;

use super::ended::Ended;
use super::rows::{Columns, Tuples, read_field};
use super::watched::Watch;

/// The most that is gathered of a window: 32 MiB of rows, in 400,000 entries.
const BYTES_MAX: usize = 32 << 20;
const ENTRIES_MAX: usize = 400_000;

/// Chunk, record and worker; then come the fields of a row, or the bytes of a reject.
const HEAD_COLUMNS: usize = 3;

/// The SELECTs of a window, but for the window: of its rows, and of its rejects where the run has any.
pub(crate) struct Unordered {
    pub(crate) rows: String,
    pub(crate) rejects: Option<String>,
}

/// Entries in the order in which they were read.
#[derive(Default)]
struct Gathered {
    /// Each with the place where its bytes begin.
    entries: Vec<(usize, Entry)>,
    bytes: Vec<u8>,
}

impl Gathered {
    fn is_full(&self) -> bool {
        self.bytes.len() > BYTES_MAX || self.entries.len() > ENTRIES_MAX
    }

    fn push(&mut self, kind: EntryKind, layout: &Layout, mut tuple: Columns<'_>) {
        let (chunk_no, record_no, worker_id) = tuple.place();
        let start = self.bytes.len();
        match kind {
            EntryKind::Row => {
                record::begin(&mut self.bytes, RecordNo(record_no));
                for field in &layout.fields {
                    read_field(&mut self.bytes, &field.ty, tuple.take());
                }
            }
            _ => self.bytes.extend_from_slice(tuple.take().unwrap_or_default()),
        }
        let end = self.bytes.len();
        self.entries.push((start, Entry { kind, chunk_no, record_no, worker_id, excluded: None, end }));
    }

    /// Takes what `select` gives. Once it is full, the rest is read and dropped: the transaction goes on.
    async fn take(
        &mut self,
        connection: &mut PgConnection,
        watch: &Watch,
        layout: &Layout,
        (kind, select): (EntryKind, &str),
    ) -> Result<(), StoreError> {
        let columns = HEAD_COLUMNS + if kind == EntryKind::Row { layout.fields.len() } else { 1 };
        let sql = format!("COPY ({select}) TO STDOUT (FORMAT binary)");
        let mut tuples = Tuples::default();
        let mut pieces = connection.copy_out_raw(&sql).await?;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            watch.heard();
            if !self.is_full() {
                tuples.feed(&piece, columns, |tuple| {
                    self.push(kind, layout, tuple);
                    Ok(())
                })?;
            }
        }
        drop(pieces);
        if self.is_full() { Ok(()) } else { tuples.end() }
    }

    /// The entries by chunk and record, in blocks. Of the same record its row comes first, as from the server.
    fn into_blocks(mut self) -> impl Iterator<Item = Block> {
        let kind = |entry: &Entry| u8::from(entry.kind != EntryKind::Row);
        self.entries.sort_by_key(|(_, entry)| (entry.chunk_no, entry.record_no, kind(entry)));
        let (mut entries, bytes) = (self.entries.into_iter().peekable(), self.bytes);
        std::iter::from_fn(move || {
            entries.peek()?;
            let mut block = Block::default();
            while let Some((start, entry)) = entries.next_if(|_| !block.is_full()) {
                block.bytes.extend_from_slice(&bytes[start..entry.end]);
                block.entries.push(Entry { end: block.bytes.len(), ..entry });
            }
            Some(block)
        })
    }
}

impl Unordered {
    /// Sends what lies in `window`, which is a condition in SQL, ordered by chunk and record. `false`, and nothing
    /// sent, if that is more than is gathered.
    pub(crate) async fn send(
        &self,
        connection: &mut PgConnection,
        watch: &Watch,
        layout: &Layout,
        window: &str,
        sender: &mpsc::Sender<Result<Block, StoreError>>,
    ) -> Result<bool, Ended> {
        let mut gathered = Gathered::default();
        let rows = format!("{}{window}", self.rows);
        gathered.take(connection, watch, layout, (EntryKind::Row, &rows)).await?;
        if let Some(rejects) = &self.rejects {
            let rejects = format!("{rejects}{window}");
            gathered.take(connection, watch, layout, (EntryKind::Reject, &rejects)).await?;
        }
        if gathered.is_full() {
            return Ok(false);
        }
        for block in gathered.into_blocks() {
            watch.elsewhere(sender.send(Ok(block))).await.map_err(|_| Ended::Unheard)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(chunk_no: u64, record_no: u64, kind: EntryKind, end: usize) -> Entry {
        Entry { kind, chunk_no, record_no, worker_id: 7, excluded: None, end }
    }

    #[test]
    fn what_is_gathered_comes_by_chunk_and_record_with_its_own_bytes() {
        let gathered = Gathered {
            entries: vec![
                (0, entry(1, 9, EntryKind::Row, 2)),
                (2, entry(0, 4, EntryKind::Row, 5)),
                (5, entry(0, 3, EntryKind::Reject, 6)),
                (6, entry(0, 3, EntryKind::Row, 6)),
            ],
            bytes: b"aabbbc".to_vec(),
        };
        let blocks: Vec<_> = gathered.into_blocks().collect();
        let all = blocks.iter().flat_map(Block::iter);
        let all: Vec<_> = all.map(|(entry, bytes)| (entry.record_no, entry.kind, bytes.to_vec())).collect();
        assert_eq!(
            all,
            [
                (3, EntryKind::Row, b"".to_vec()),
                (3, EntryKind::Reject, b"c".to_vec()),
                (4, EntryKind::Row, b"bbb".to_vec()),
                (9, EntryKind::Row, b"aa".to_vec()),
            ]
        );
    }

    #[test]
    fn many_entries_are_handed_on_in_blocks_of_bounded_size() {
        let entries = (0..10_000).map(|no| (0, entry(0, 10_000 - no, EntryKind::Row, 1)));
        let gathered = Gathered { entries: entries.collect(), bytes: vec![b'x'] };
        let blocks: Vec<_> = gathered.into_blocks().collect();
        assert_eq!(blocks.iter().map(|block| block.entries.len()).collect::<Vec<_>>(), [4096, 4096, 1808]);
        let numbers = blocks.iter().flat_map(|block| &block.entries).map(|entry| entry.record_no);
        assert!(numbers.eq(1..=10_000));
    }
}
