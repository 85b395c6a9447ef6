//! What a worker sends for a task: pieces, kept until all of them are here.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use tempfile::{SpooledTempFile, spooled_tempfile_in};
use wire::Batch;
use wire::comparison::Done;

use super::failed;
use crate::error::CompareError;

/// Entries that a worker puts into one piece, in bytes; the last one may exceed it.
pub(super) const PIECE: usize = 4 << 20;

/// What is kept in memory of a task; the rest goes to a temporary file.
const IN_MEMORY: usize = 4 << 20;

/// Table and length before the entries of a table in a piece.
const HEAD: usize = 12;

/// What one start of a task has sent.
pub(super) struct Start {
    worker: String,
    pieces: BTreeSet<u32>,
    spool: Option<SpooledTempFile>,
    /// How many entries came, table by table.
    counted: Vec<u64>,
    done: Option<Done>,
}

/// Everything that a worker sent for a task.
pub(crate) struct Answer {
    /// The worker's name and host.
    pub(crate) worker: String,
    /// How long it worked.
    pub(crate) busy: Duration,
    /// How many entries there are, table by table.
    pub(crate) entries: Vec<u64>,
    /// What a chunk was decoded to.
    pub(crate) decoded: Option<Box<Batch>>,
    spool: Option<SpooledTempFile>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, busy, entries, .. } = self;
        write!(f, "Answer of {worker} ({entries:?}, {busy:?})")
    }
}

/// The entries in these bytes, each after its length; an error where they are cut short.
fn entries(mut bytes: &[u8]) -> impl Iterator<Item = io::Result<&[u8]>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let split = bytes.split_first_chunk::<4>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
        });
        let Some((entry, rest)) = split else {
            bytes = &[];
            return Some(Err(io::Error::other("a piece of what a worker read is cut short")));
        };
        bytes = rest;
        Some(Ok(entry))
    })
}

/// Appends an entry to a table's part of a piece.
pub(super) fn put(out: &mut Vec<u8>, entry: &[u8]) -> io::Result<()> {
    let length = u32::try_from(entry.len()).map_err(io::Error::other)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(entry);
    Ok(())
}

impl Start {
    pub(super) fn of(worker: String) -> Self {
        Self { worker, pieces: BTreeSet::new(), spool: None, counted: Vec::new(), done: None }
    }

    /// Takes a piece in. Returns everything, if it was the last that lacked.
    pub(super) fn piece(
        &mut self,
        no: u32,
        tables: &[Vec<u8>],
        folder: &Path,
    ) -> Result<Option<Answer>, CompareError> {
        // A broker may deliver it twice.
        if !self.pieces.insert(no) {
            return Ok(None);
        }
        self.counted.resize(self.counted.len().max(tables.len()), 0);
        let spool = self.spool.get_or_insert_with(|| spooled_tempfile_in(IN_MEMORY, folder));
        for (table, bytes) in tables.iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
            for entry in entries(bytes) {
                entry?;
                self.counted[table] += 1;
            }
            let table = u32::try_from(table).map_err(io::Error::other)?;
            spool.write_all(&table.to_be_bytes())?;
            spool.write_all(&(bytes.len() as u64).to_be_bytes())?;
            spool.write_all(bytes)?;
        }
        self.whole()
    }

    /// Takes in that all pieces were sent. Returns everything, if they are all here.
    pub(super) fn done(&mut self, done: Done) -> Result<Option<Answer>, CompareError> {
        self.done = Some(done);
        self.whole()
    }

    fn whole(&mut self) -> Result<Option<Answer>, CompareError> {
        let Some(done) = self.done.take_if(|done| self.pieces.len() as u64 == u64::from(done.pieces)) else {
            return Ok(None);
        };
        self.counted.resize(self.counted.len().max(done.entries.len()), 0);
        let is_last = self.pieces.last().is_none_or(|last| *last < done.pieces);
        if self.counted != done.entries || !is_last {
            return Err(failed(format!(
                "{}: its pieces hold other entries than it counted ({:?}, {:?})",
                self.worker, self.counted, done.entries
            )));
        }
        Ok(Some(Answer {
            worker: std::mem::take(&mut self.worker),
            busy: Duration::from_micros(done.busy_us),
            entries: done.entries,
            decoded: done.decoded,
            spool: self.spool.take(),
        }))
    }
}

impl Answer {
    /// Hands every entry to `take`, after its table's place.
    pub(crate) fn each(&mut self, mut take: impl FnMut(usize, &[u8]) -> io::Result<()>) -> io::Result<()> {
        let Some(mut spool) = self.spool.take() else { return Ok(()) };
        spool.rewind()?;
        let mut bytes = Vec::new();
        loop {
            let mut head = [0; HEAD];
            match spool.read_exact(&mut head) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                read => read?,
            }
            let (table, length) = head.split_at(4);
            let table = u32::from_be_bytes(table.try_into().map_err(io::Error::other)?);
            let length = u64::from_be_bytes(length.try_into().map_err(io::Error::other)?);
            bytes.resize(usize::try_from(length).map_err(io::Error::other)?, 0);
            spool.read_exact(&mut bytes)?;
            for entry in entries(&bytes) {
                take(table as usize, entry?)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(of: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        of.iter().for_each(|entry| put(&mut out, entry).unwrap());
        out
    }

    fn done(pieces: u32, entries: &[u64]) -> Done {
        Done { pieces, entries: entries.to_vec(), busy_us: 7, decoded: None }
    }

    fn all(mut answer: Answer) -> Vec<(usize, Vec<u8>)> {
        let mut out = Vec::new();
        let keep = |table: usize, entry: &[u8]| {
            out.push((table, entry.to_vec()));
            Ok(())
        };
        answer.each(keep).unwrap();
        out
    }

    #[test]
    fn pieces_count_once_in_whatever_order_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let mut start = Start::of("w".into());
        let (first, second) = (piece(&[b"a", b""]), piece(&[b"b"]));
        assert!(start.piece(1, &[Vec::new(), second.clone()], folder.path()).unwrap().is_none());
        assert!(start.piece(1, &[Vec::new(), second], folder.path()).unwrap().is_none(), "twice");
        assert!(start.done(done(2, &[2, 1])).unwrap().is_none(), "one is missing");
        let answer = start.piece(0, &[first, Vec::new()], folder.path()).unwrap().unwrap();
        assert_eq!(answer.entries, [2, 1]);
        assert_eq!(all(answer), [(1, b"b".to_vec()), (0, b"a".to_vec()), (0, Vec::new())]);
    }

    #[test]
    fn a_task_may_have_nothing_to_say() {
        let mut start = Start::of("w".into());
        let answer = start.done(done(0, &[0])).unwrap().unwrap();
        assert!(all(answer).is_empty());
    }

    #[test]
    fn pieces_that_are_not_what_the_worker_counted_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for (no, bytes, said) in
            [(0, piece(&[b"a"]), 2), (1, piece(&[b"a"]), 1), (0, b"\0\0\0\x09a".to_vec(), 1)]
        {
            let mut start = Start::of("w".into());
            let taken = start.piece(no, &[bytes], folder.path());
            let ended = taken.and_then(|_| start.done(done(1, &[said])));
            assert!(ended.is_err(), "piece {no}, {said}");
        }
    }
}
