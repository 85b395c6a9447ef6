//! Rows that come in any order, brought into the order of their records: in little memory, by way of a temporary file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use domain::ids::RecordNo;
use domain::record;

use super::StoreError;
use super::model::{Block, Entry, EntryKind};

/// The most bytes of rows that wait in memory before they are written to the file: 16 MiB.
const WAITING_BYTES: usize = 16 << 20;

/// The least number of records that a bucket is for; the next constant is the greatest number of buckets.
const BUCKET_RECORDS: u64 = 16 << 10;
const BUCKETS: u64 = 4096;

/// Chunk, record, worker and length.
const HEAD_BYTES: usize = 8 + 8 + 4 + 4;

/// Where a row belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of its chunk.
    pub chunk_no: u64,
    /// Its number in the source.
    pub record_no: u64,
    /// The number of the worker that wrote the row.
    pub worker_id: u32,
}

/// Takes rows in any order and returns them in the order of their records' numbers.
///
/// Records fall into buckets by their numbers. A bucket is sorted in memory once its turn has come.
pub struct ByRecord {
    file: Option<File>,
    file_bytes: u64,
    bucket_records: u64,
    buckets: Vec<Bucket>,
    waiting: usize,
    waiting_max: usize,
    next: usize,
}

#[derive(Default)]
struct Bucket {
    waiting: Vec<u8>,
    /// Where in the file the rest is.
    parts: Vec<(u64, usize)>,
}

impl ByRecord {
    /// Begins for a run of about `records` records.
    pub fn new(records: u64) -> Self {
        Self::with(WAITING_BYTES, BUCKET_RECORDS.max(records.div_ceil(BUCKETS)))
    }

    fn with(waiting_max: usize, bucket_records: u64) -> Self {
        let (file, buckets) = (None, Vec::new());
        Self { file, file_bytes: 0, bucket_records, buckets, waiting: 0, waiting_max, next: 0 }
    }

    /// Takes a row: a canonical record without its number.
    ///
    /// # Errors
    /// The temporary file's; a number far beyond the run.
    pub fn push(&mut self, place: Place, fields: &[u8]) -> io::Result<()> {
        let bucket = place.record_no / self.bucket_records;
        // Far more than the run needs, as rejects and other types of record may lie between its rows.
        let at = usize::try_from(bucket).ok().filter(|at| *at <= 64 * BUCKETS as usize);
        let (Some(at), Ok(length)) = (at, u32::try_from(fields.len())) else {
            return Err(io::Error::other("a record that cannot be of the run"));
        };
        if self.buckets.len() <= at {
            self.buckets.resize_with(at + 1, Bucket::default);
        }
        let waiting = &mut self.buckets[at].waiting;
        waiting.extend_from_slice(&place.chunk_no.to_le_bytes());
        waiting.extend_from_slice(&place.record_no.to_le_bytes());
        waiting.extend_from_slice(&place.worker_id.to_le_bytes());
        waiting.extend_from_slice(&length.to_le_bytes());
        waiting.extend_from_slice(fields);
        self.waiting += HEAD_BYTES + fields.len();
        if self.waiting >= self.waiting_max { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        for bucket in self.buckets.iter_mut().filter(|bucket| !bucket.waiting.is_empty()) {
            // Its room goes too: rows that come nearly in order fill one bucket after the other, each to the brim.
            let rows = std::mem::take(&mut bucket.waiting);
            file.write_all_at(&rows, self.file_bytes)?;
            bucket.parts.push((self.file_bytes, rows.len()));
            self.file_bytes += rows.len() as u64;
        }
        self.waiting = 0;
        Ok(())
    }

    /// The next rows in order; none after the last.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the temporary file cannot be read.
    pub fn next_blocks(&mut self) -> Result<Option<Vec<Block>>, StoreError> {
        self.read_next().map_err(|error| StoreError::Database {
            reason: format!("the temporary file in which records are ordered: {error}"),
        })
    }

    fn read_next(&mut self) -> io::Result<Option<Vec<Block>>> {
        let Some(bucket) = self.buckets.get_mut(self.next).map(std::mem::take) else { return Ok(None) };
        self.next += 1;
        let mut bytes = Vec::with_capacity(bucket.parts.iter().map(|(_, length)| length).sum::<usize>());
        if let Some(file) = &self.file {
            for (offset, length) in bucket.parts {
                let start = bytes.len();
                bytes.resize(start + length, 0);
                file.read_exact_at(&mut bytes[start..], offset)?;
            }
        }
        bytes.extend_from_slice(&bucket.waiting);
        Ok(Some(in_blocks(&bytes)))
    }
}

/// A bucket's rows, ordered and in blocks.
fn in_blocks(bytes: &[u8]) -> Vec<Block> {
    let mut rows = Vec::new();
    let mut rest = bytes;
    while let Some((place, fields, behind)) = row(rest) {
        rows.push((place.record_no, place, fields));
        rest = behind;
    }
    // Stable: rows of one number stay as they came.
    rows.sort_by_key(|(record_no, ..)| *record_no);
    let mut blocks = Vec::new();
    let mut block = Block::default();
    for (record_no, Place { chunk_no, worker_id, .. }, fields) in rows {
        record::begin(&mut block.bytes, RecordNo(record_no));
        block.bytes.extend_from_slice(fields);
        let end = block.bytes.len();
        block.entries.push(Entry {
            kind: EntryKind::Row,
            chunk_no,
            record_no,
            worker_id,
            excluded: None,
            end,
        });
        if block.is_full() {
            blocks.push(std::mem::take(&mut block));
        }
    }
    if !block.entries.is_empty() {
        blocks.push(block);
    }
    blocks
}

fn row(bytes: &[u8]) -> Option<(Place, &[u8], &[u8])> {
    let (chunk_no, rest) = bytes.split_first_chunk()?;
    let (record_no, rest) = rest.split_first_chunk()?;
    let (worker_id, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (fields, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let place = Place {
        chunk_no: u64::from_le_bytes(*chunk_no),
        record_no: u64::from_le_bytes(*record_no),
        worker_id: u32::from_le_bytes(*worker_id),
    };
    Some((place, fields, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(mut rows: ByRecord) -> Vec<(u64, u64, u32, Vec<u8>)> {
        let mut found = Vec::new();
        while let Some(blocks) = rows.next_blocks().unwrap() {
            for block in &blocks {
                for (entry, bytes) in block.iter() {
                    assert_eq!(bytes[..8], entry.record_no.to_be_bytes());
                    found.push((entry.record_no, entry.chunk_no, entry.worker_id, bytes[8..].to_vec()));
                }
            }
        }
        found
    }

    proptest! {
        /// In memory alone, and with a file that is written many times, in few buckets and in many.
        #[test]
        fn rows_come_back_in_the_order_of_their_records(
            rows in proptest::collection::vec((0_u64..500, 0_u64..9, 0_u32..9, proptest::collection::vec(any::<u8>(), 0..40)), 0..200),
            waiting in prop_oneof![Just(1_usize), Just(300), Just(1 << 20)],
            bucket in 1_u64..600,
        ) {
            let mut by_record = ByRecord::with(waiting, bucket);
            for (record_no, chunk_no, worker_id, fields) in &rows {
                let place = Place { chunk_no: *chunk_no, record_no: *record_no, worker_id: *worker_id };
                by_record.push(place, fields).unwrap();
            }
            let mut expected = rows;
            expected.sort_by_key(|(record_no, ..)| *record_no);
            prop_assert_eq!(all(by_record), expected);
        }
    }

    /// What is kept of rows depends on the bound, in whatever order they come, and not on how many they are.
    #[test]
    fn memory_stays_within_its_bound_for_rows_that_come_in_order() {
        let (waiting, fields) = (64 << 10, [7_u8; 100]);
        let mut rows = ByRecord::with(waiting, 1000);
        for record_no in 1..=50_000 {
            rows.push(Place { chunk_no: 0, record_no, worker_id: 1 }, &fields).unwrap();
        }
        let kept: usize = rows.buckets.iter().map(|bucket| bucket.waiting.capacity()).sum();
        assert!(kept <= 4 * waiting, "{kept} bytes are kept of {} waiting at most", waiting);
        assert_eq!(all(rows).len(), 50_000);
    }

    #[test]
    fn a_number_far_beyond_the_run_is_an_error_and_not_a_matter_of_memory() {
        let place = |record_no| Place { chunk_no: 0, record_no, worker_id: 1 };
        let mut rows = ByRecord::new(1000);
        for far in [u64::MAX, i64::MAX as u64, 1 << 50] {
            assert!(rows.push(place(far), b"").is_err(), "{far}");
        }
        rows.push(place(1_000_000), b"x").unwrap();
        assert_eq!(all(rows), [(1_000_000, 0, 1, b"x".to_vec())]);
    }
}
