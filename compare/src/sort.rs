//! Sorting more than fits into memory: by a 64-bit number, then by bytes.
//!
//! Each feeder has a [`Sorter`] of its own. It keeps entries in memory up to its share, then writes them, sorted, as a
//! *run* into a temporary file. That has no name, so that nothing is left behind, whatever ends the process; of a
//! comparison that can be resumed it has one, and outlives the process. [`Sorted`] reads
//! all runs of all feeders at once, one slice of the numbers at a time, so that several workers merge side by side.

mod kept;

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use kept::{KeptFile, KeptRuns};

/// Into how many slices the numbers are cut: the most workers that can merge side by side.
pub(crate) const SLICES: usize = 16;

/// Number and length before each entry in a run.
const HEAD: usize = 12;

/// The slice that a number falls into.
const fn slice_of(number: u64) -> usize {
    // The highest bits, so that slices follow each other in the order of the numbers.
    (number >> (u64::BITS - SLICES.trailing_zeros())) as usize
}

#[derive(Debug, Clone, Copy)]
struct Place {
    number: u64,
    start: usize,
    length: u32,
}

/// Where a sorter's file is made.
#[derive(Debug)]
enum Room {
    /// In this folder, without a name.
    Nameless(PathBuf),
    /// With this name.
    Named(PathBuf),
}

impl Room {
    fn file(&self) -> io::Result<File> {
        match self {
            Self::Nameless(folder) => tempfile::tempfile_in(folder),
            Self::Named(path) => crate::work::create(path),
        }
    }

    fn path(&self) -> Option<&Path> {
        if let Self::Named(path) = self { Some(path) } else { None }
    }
}

/// Takes entries and sorts them, run by run.
#[derive(Debug)]
pub(crate) struct Sorter {
    room: Room,
    bytes_max: usize,
    bytes: Vec<u8>,
    places: Vec<Place>,
    file: Option<Arc<File>>,
    written: u64,
    runs: Vec<Run>,
    entries: u64,
}

/// One sorted run in a file.
#[derive(Debug)]
struct Run {
    file: Arc<File>,
    /// Where each slice begins, and where the last one ends.
    slices: [u64; SLICES + 1],
}

impl Sorter {
    /// A sorter that keeps about `bytes_max` bytes in memory, and the rest in a file in `folder`.
    pub(crate) fn new(folder: &Path, bytes_max: usize) -> Self {
        Self::within(Room::Nameless(folder.to_owned()), bytes_max)
    }

    /// A sorter whose file has this name, and can be kept.
    pub(crate) fn named(path: PathBuf, bytes_max: usize) -> Self {
        Self::within(Room::Named(path), bytes_max)
    }

    fn within(room: Room, bytes_max: usize) -> Self {
        Self {
            room,
            bytes_max,
            bytes: Vec::new(),
            places: Vec::new(),
            file: None,
            written: 0,
            runs: Vec::new(),
            entries: 0,
        }
    }

    /// Adds the entry that `write` appends.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>) -> u64) -> io::Result<()> {
        let start = self.bytes.len();
        let number = write(&mut self.bytes);
        let length = u32::try_from(self.bytes.len() - start).map_err(io::Error::other)?;
        self.places.push(Place { number, start, length });
        self.entries += 1;
        if self.bytes.len() + self.places.len() * size_of::<Place>() >= self.bytes_max {
            self.spill()?;
        }
        Ok(())
    }

    /// Adds an entry.
    pub(crate) fn push(&mut self, number: u64, bytes: &[u8]) -> io::Result<()> {
        self.add(|out| {
            out.extend_from_slice(bytes);
            number
        })
    }

    fn entry(&self, place: &Place) -> &[u8] {
        &self.bytes[place.start..place.start + place.length as usize]
    }

    fn sort(&mut self) {
        let mut places = std::mem::take(&mut self.places);
        places
            .sort_unstable_by(|a, b| a.number.cmp(&b.number).then_with(|| self.entry(a).cmp(self.entry(b))));
        self.places = places;
    }

    /// Writes what is in memory as a run.
    fn spill(&mut self) -> io::Result<()> {
        if self.places.is_empty() {
            return Ok(());
        }
        self.sort();
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::clone(self.file.insert(Arc::new(self.room.file()?))),
        };
        let mut out = BufWriter::with_capacity(1 << 18, &*file);
        let mut slices = [0; SLICES + 1];
        let (mut at, mut next) = (self.written, 0);
        for place in &self.places {
            while next <= slice_of(place.number) {
                slices[next] = at;
                next += 1;
            }
            out.write_all(&place.number.to_le_bytes())?;
            out.write_all(&place.length.to_le_bytes())?;
            out.write_all(self.entry(place))?;
            at += HEAD as u64 + u64::from(place.length);
        }
        out.flush()?;
        drop(out);
        slices[next..].fill(at);
        self.written = at;
        self.runs.push(Run { file, slices });
        self.places.clear();
        self.bytes.clear();
        Ok(())
    }
}

/// Everything that sorters took, to be read in order.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    runs: Vec<Run>,
    /// What never left memory, sorted.
    kept: Vec<Sorter>,
    /// How many entries there are.
    pub(crate) entries: u64,
    /// How many bytes were written to files.
    pub(crate) spilled: u64,
}

impl Sorted {
    /// What these sorters took. They no longer take anything.
    pub(crate) fn of(sorters: impl IntoIterator<Item = Sorter>) -> io::Result<Self> {
        let mut all = Self::default();
        for mut sorter in sorters {
            all.entries += sorter.entries;
            // A sorter that wrote runs writes its last one as well, and gives its memory back.
            if !sorter.runs.is_empty() {
                sorter.spill()?;
                all.spilled += sorter.written;
                all.runs.append(&mut sorter.runs);
            } else if !sorter.places.is_empty() {
                sorter.sort();
                all.kept.push(sorter);
            }
        }
        Ok(all)
    }

    /// How many files and memories are read at once.
    pub(crate) fn width(&self) -> usize {
        self.runs.len() + self.kept.len()
    }

    /// The entries of one slice in order, read with `buffer` bytes for each run.
    pub(crate) fn slice(&self, slice: usize, buffer: usize) -> io::Result<Merge<'_>> {
        let mut cursors = Vec::with_capacity(self.width());
        for run in &self.runs {
            let reader = RunReader {
                file: &run.file,
                at: run.slices[slice],
                end: run.slices[slice + 1],
                buffer: Vec::new(),
                size: buffer,
                start: 0,
                head: 0..0,
            };
            cursors.push(Cursor::File(reader));
        }
        for sorter in &self.kept {
            let first = sorter.places.partition_point(|place| slice_of(place.number) < slice);
            let end = sorter.places.partition_point(|place| slice_of(place.number) <= slice);
            cursors.push(Cursor::Memory { sorter, next: first, end, number: 0, current: 0..0 });
        }
        Merge::new(cursors)
    }
}

/// One run's slice, read piece by piece.
#[derive(Debug)]
pub(crate) struct RunReader<'a> {
    file: &'a File,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    size: usize,
    start: usize,
    head: std::ops::Range<usize>,
}

impl RunReader<'_> {
    /// Reads on until `want` bytes are at hand.
    fn fill(&mut self, want: usize) -> io::Result<()> {
        let at_hand = self.buffer.len() - self.start;
        if at_hand >= want {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let more = self.size.max(want).saturating_sub(at_hand).min(left);
        self.buffer.resize(at_hand + more, 0);
        self.file.read_exact_at(&mut self.buffer[at_hand..], self.at)?;
        self.at += more as u64;
        if self.buffer.len() < want {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a temporary file is shorter than what was written",
            ));
        }
        Ok(())
    }

    /// Moves on to the next entry; returns its number.
    fn advance(&mut self) -> io::Result<Option<u64>> {
        self.start = self.start.max(self.head.end);
        if self.start == self.buffer.len() && self.at == self.end {
            return Ok(None);
        }
        self.fill(HEAD)?;
        let head = &self.buffer[self.start..self.start + HEAD];
        let (number, length) = head.split_at(8);
        let number = u64::from_le_bytes(number.try_into().map_err(io::Error::other)?);
        let length = u32::from_le_bytes(length.try_into().map_err(io::Error::other)?) as usize;
        // What was before is not kept: the place of the last entry is forgotten with it.
        self.head = 0..0;
        self.fill(HEAD + length)?;
        self.head = self.start + HEAD..self.start + HEAD + length;
        Ok(Some(number))
    }
}

#[derive(Debug)]
enum Cursor<'a> {
    File(RunReader<'a>),
    Memory { sorter: &'a Sorter, next: usize, end: usize, number: u64, current: std::ops::Range<usize> },
}

impl Cursor<'_> {
    fn advance(&mut self) -> io::Result<Option<u64>> {
        match self {
            Self::File(reader) => reader.advance(),
            Self::Memory { sorter, next, end, number, current } => {
                if next == end {
                    return Ok(None);
                }
                let place = sorter.places[*next];
                *number = place.number;
                *current = place.start..place.start + place.length as usize;
                *next += 1;
                Ok(Some(*number))
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::File(reader) => &reader.buffer[reader.head.clone()],
            Self::Memory { sorter, current, .. } => &sorter.bytes[current.clone()],
        }
    }
}

/// Entries of several runs in one order.
#[derive(Debug)]
pub(crate) struct Merge<'a> {
    cursors: Vec<Cursor<'a>>,
    /// The numbers of the cursors' entries.
    numbers: Vec<u64>,
    /// The cursors that have an entry, as a heap whose first is the least.
    heap: Vec<usize>,
}

impl<'a> Merge<'a> {
    fn new(cursors: Vec<Cursor<'a>>) -> io::Result<Self> {
        let mut merge =
            Self { numbers: vec![0; cursors.len()], heap: Vec::with_capacity(cursors.len()), cursors };
        for at in 0..merge.cursors.len() {
            if let Some(number) = merge.cursors[at].advance()? {
                merge.numbers[at] = number;
                merge.heap.push(at);
                merge.up(merge.heap.len() - 1);
            }
        }
        Ok(merge)
    }

    /// The least entry: its number and its bytes.
    pub(crate) fn peek(&self) -> Option<(u64, &[u8])> {
        let first = *self.heap.first()?;
        Some((self.numbers[first], self.cursors[first].bytes()))
    }

    /// Moves past the least entry.
    pub(crate) fn advance(&mut self) -> io::Result<()> {
        let Some(first) = self.heap.first().copied() else { return Ok(()) };
        match self.cursors[first].advance()? {
            Some(number) => self.numbers[first] = number,
            None => {
                let last = self.heap.len() - 1;
                self.heap.swap(0, last);
                self.heap.pop();
            }
        }
        self.down();
        Ok(())
    }

    fn order(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (self.heap[a], self.heap[b]);
        self.numbers[a]
            .cmp(&self.numbers[b])
            .then_with(|| self.cursors[a].bytes().cmp(self.cursors[b].bytes()))
    }

    fn up(&mut self, mut at: usize) {
        while at > 0 {
            let above = (at - 1) / 2;
            if self.order(at, above).is_ge() {
                return;
            }
            self.heap.swap(at, above);
            at = above;
        }
    }

    fn down(&mut self) {
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let mut least = at;
            for below in [left, right] {
                if below < self.heap.len() && self.order(below, least).is_lt() {
                    least = below;
                }
            }
            if least == at {
                return;
            }
            self.heap.swap(at, least);
            at = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(sorted: &Sorted, buffer: usize) -> Vec<(u64, Vec<u8>)> {
        let mut out = Vec::new();
        for slice in 0..SLICES {
            let mut merge = sorted.slice(slice, buffer).unwrap();
            while let Some((number, bytes)) = merge.peek() {
                assert_eq!(slice_of(number), slice);
                out.push((number, bytes.to_vec()));
                merge.advance().unwrap();
            }
        }
        out
    }

    proptest! {
        #[test]
        fn everything_comes_back_in_order_whatever_fits_into_memory(
            entries in proptest::collection::vec((any::<u64>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..300),
            few in 1_u64..4,
            bytes_max in 1_usize..4000,
            buffer in 1_usize..200,
            feeders in 1_usize..4,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorters: Vec<_> = (0..feeders).map(|_| Sorter::new(folder.path(), bytes_max)).collect();
            let entries: Vec<_> = entries.into_iter().map(|(number, bytes)| (number / few * few, bytes)).collect();
            for (at, (number, bytes)) in entries.iter().enumerate() {
                sorters[at % feeders].push(*number, bytes).unwrap();
            }
            let sorted = Sorted::of(sorters).unwrap();
            prop_assert_eq!(sorted.entries, entries.len() as u64);
            let mut expected = entries;
            expected.sort();
            prop_assert_eq!(all(&sorted, buffer), expected);
        }
    }

    #[test]
    fn nothing_is_left_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(folder.path(), 100);
        (0..100_u64).for_each(|number| sorter.push(number, b"entry").unwrap());
        assert!(!sorter.runs.is_empty());
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
