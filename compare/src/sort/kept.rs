//! Files that outlive the process: what a sorter took, written to the last entry, and found again later.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;

use domain::fingerprint::Hash;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Run, SLICES, Sorter};

/// How much of a file is hashed at a time.
const BLOCK: usize = 1 << 18;

/// A file that was written and is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptFile {
    /// Its name in the folder.
    pub(crate) name: String,
    /// Its length in bytes.
    bytes: u64,
    sha256: Hash,
}

/// What one sorter took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptRuns {
    pub(crate) file: KeptFile,
    entries: u64,
    /// Where the slices of each run begin, and where the last one ends.
    runs: Vec<[u64; SLICES + 1]>,
}

impl KeptFile {
    /// The file at `path`, once it is on disk.
    pub(crate) fn of(path: &Path, file: &File) -> io::Result<Self> {
        file.sync_all()?;
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| io::Error::other("a file without a name"))?.to_owned();
        // What is on disk is hashed, not what should have been written.
        let (bytes, sha256) = hashed(&mut File::open(path)?)?;
        Ok(Self { name, bytes, sha256 })
    }

    /// The same file under another name.
    pub(crate) fn renamed(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// Opens the file, if it is still what was written.
    pub(crate) fn opened(&self, folder: &Path) -> Result<File, String> {
        let cannot = |error: io::Error| format!("`{}` cannot be read: {error}", self.name);
        let mut file = OpenOptions::new().read(true).open(folder.join(&self.name)).map_err(cannot)?;
        let (bytes, sha256) = hashed(&mut file).map_err(cannot)?;
        if bytes != self.bytes {
            return Err(format!("`{}` has {bytes} bytes, and {} were written", self.name, self.bytes));
        }
        if sha256 != self.sha256 {
            return Err(format!("`{}` is not what was written: its SHA-256 is {sha256}", self.name));
        }
        // It is read from its beginning.
        file.rewind().map_err(cannot)?;
        Ok(file)
    }
}

fn hashed(file: &mut File) -> io::Result<(u64, Hash)> {
    let (mut hasher, mut bytes, mut block) = (Sha256::new(), 0, vec![0; BLOCK]);
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok((bytes, Hash(hasher.finalize().into()))),
            Ok(read) => {
                hasher.update(&block[..read]);
                bytes += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Sorter {
    /// Writes all that it took to its named file, and waits until that is on disk. `None`: it took nothing.
    pub(crate) fn keep(&mut self) -> io::Result<Option<KeptRuns>> {
        self.spill()?;
        let (Some(file), Some(path)) = (&self.file, self.room.path()) else { return Ok(None) };
        let runs = self.runs.iter().map(|run| run.slices).collect();
        Ok(Some(KeptRuns { file: KeptFile::of(path, file)?, entries: self.entries, runs }))
    }

    /// The sorter of which `kept` was kept, in `file`. It takes nothing more.
    pub(crate) fn found(folder: &Path, kept: &KeptRuns, file: File) -> Result<Self, String> {
        let file = Arc::new(file);
        let fits = |slices: &[u64; SLICES + 1]| {
            slices.is_sorted() && slices.last().is_some_and(|end| *end <= kept.file.bytes)
        };
        if !kept.runs.iter().all(fits) {
            return Err(format!("`{}` is shorter than its runs", kept.file.name));
        }
        let runs = kept.runs.iter().map(|slices| Run { file: Arc::clone(&file), slices: *slices }).collect();
        Ok(Self { runs, entries: kept.entries, written: kept.file.bytes, ..Self::new(folder, 0) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sort::Sorted;

    fn all(sorted: &Sorted) -> Vec<(u64, Vec<u8>)> {
        let mut out = Vec::new();
        for slice in 0..SLICES {
            let mut merge = sorted.slice(slice, 64).unwrap();
            while let Some((number, bytes)) = merge.peek() {
                out.push((number, bytes.to_vec()));
                merge.advance().unwrap();
            }
        }
        out
    }

    proptest! {
        #[test]
        fn what_was_kept_is_found_again_and_nothing_else_is(
            entries in proptest::collection::vec((any::<u64>(), proptest::collection::vec(any::<u8>(), 0..40)), 1..200),
            bytes_max in 1_usize..4000,
            flipped in any::<proptest::sample::Index>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sorter = Sorter::named(folder.path().join("a.rows"), bytes_max);
            for (number, bytes) in &entries {
                sorter.push(*number, bytes).unwrap();
            }
            let kept = sorter.keep().unwrap().unwrap();
            let kept: KeptRuns = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
            drop(sorter);
            let found = Sorter::found(folder.path(), &kept, kept.file.opened(folder.path()).unwrap()).unwrap();
            let found = Sorted::of([found]).unwrap();
            prop_assert_eq!(found.entries, entries.len() as u64);
            let mut expected = entries;
            expected.sort();
            prop_assert_eq!(all(&found), expected);

            // Any byte that is another one, one more, and one less are noticed.
            let path = folder.path().join("a.rows");
            let whole = std::fs::read(&path).unwrap();
            let mut damaged = whole.clone();
            damaged[flipped.index(whole.len())] ^= 1;
            for bytes in [&damaged[..], &[&whole[..], b"x"].concat(), &whole[..whole.len() - 1]] {
                std::fs::write(&path, bytes).unwrap();
                prop_assert!(kept.file.opened(folder.path()).is_err());
            }
        }
    }

    #[test]
    fn a_sorter_that_took_nothing_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::named(folder.path().join("a.rows"), 100);
        assert_eq!(sorter.keep().unwrap(), None);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
