//! A folder in which a comparison keeps what it has finished, so that it can be stopped and resumed.
//!
//! ```text
//! journal.json   what is compared with what, and each phase that is finished: its files, their lengths, their SHA-256
//! PHASE-N.rows   what one feeder took in a phase, sorted
//! lock           held by the process that compares
//! ```
//!
//! A phase is the source decoded, or one table read. Its files are on disk before the journal names it, and the journal
//! is replaced as a whole. So whatever ends the process, the folder holds phases that are finished, and files that no
//! phase names, which are removed. Nothing in it is believed: another comparison's folder, a damaged journal and a file
//! that is not as it was written are refused.

mod chain;
mod journal;
mod phases;
mod saved;

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::comparison::ReadPhase;
use platform::files::{create_private, open_to_others};

use crate::error::CompareError;
use crate::sort::KeptFile;
use journal::{JOURNAL, Journal, Kept};

pub use chain::{ChainHop, ChainWork};

const LOCK: &str = "lock";

/// How the names of files end that hold records and rows.
const ROWS: &str = ".rows";

/// A folder that keeps what a comparison has finished. Its files are the owner's alone: they hold records and rows.
#[derive(Debug)]
pub struct Work {
    folder: PathBuf,
    /// Held as long as the process lives.
    _lock: File,
    journal: Mutex<Option<Journal>>,
    /// The files of finished phases, which are as they were written.
    found: Mutex<HashMap<String, File>>,
    next: AtomicU64,
}

/// Why the folder cannot be used, and what to do.
fn refused(folder: &Path, reason: &str) -> CompareError {
    CompareError::Work(format!("{}: {reason}; remove the folder or name another one", folder.display()))
}

fn unusable(folder: &Path, error: &io::Error) -> CompareError {
    CompareError::Work(format!("cannot use {}: {error}", folder.display()))
}

/// Makes the folder if it is not there, and takes its lock. Returns the names of what is in it, all of which must be
/// `own`; `made_by` says who made no other.
fn entered(
    folder: &Path,
    made_by: &str,
    is_own: &dyn Fn(&str) -> bool,
) -> Result<(Vec<String>, File), CompareError> {
    let cannot = |error: io::Error| unusable(folder, &error);
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(cannot(error)),
        _ => {}
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let name = entry.map_err(cannot)?.file_name().to_string_lossy().into_owned();
        if !is_own(&name) {
            // No advice to remove what is someone else's.
            return Err(CompareError::Work(format!(
                "{} holds `{name}`, which {made_by} made; name another folder",
                folder.display()
            )));
        }
        names.push(name);
    }
    if let Some(mode) = open_to_others(folder) {
        let folder = folder.display();
        return Err(CompareError::Work(format!(
            "other users can use {folder} (mode {mode}), which is to hold records; run `chmod 700 {folder}`"
        )));
    }
    let lock = create_private(&folder.join(LOCK)).map_err(cannot)?;
    match lock.try_lock() {
        Ok(()) => Ok((names, lock)),
        Err(fs::TryLockError::WouldBlock) => Err(CompareError::Work(format!(
            "another process compares with {} at this moment",
            folder.display()
        ))),
        Err(fs::TryLockError::Error(error)) => Err(cannot(error)),
    }
}

impl Work {
    /// Opens the folder, and makes it if it is not there. What an earlier process left unfinished in it is removed.
    ///
    /// # Errors
    /// [`CompareError::Work`] when it is not a folder of a comparison, others can read it, another process uses it, or
    /// what it holds is damaged.
    pub fn open(folder: &Path) -> Result<Self, CompareError> {
        let (names, lock) = entered(folder, "no comparison", &|name| {
            matches!(name, JOURNAL | journal::NEW | LOCK) || name.ends_with(ROWS)
        })?;
        let rows: Vec<_> = names.into_iter().filter(|name| name.ends_with(ROWS)).collect();
        let journal = Journal::read(folder).map_err(|reason| refused(folder, &reason))?;
        if journal.is_none() && !rows.is_empty() {
            return Err(refused(folder, "it holds rows, and no journal says of what"));
        }
        let named: Vec<_> = journal.iter().flat_map(Journal::files).collect();
        for name in rows.iter().filter(|name| !named.contains(&name.as_str())) {
            fs::remove_file(folder.join(name)).map_err(|error| unusable(folder, &error))?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
            journal: Mutex::new(journal),
            found: Mutex::default(),
            next: AtomicU64::new(0),
        })
    }

    fn journal(&self) -> MutexGuard<'_, Option<Journal>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, reason: &str) -> CompareError {
        refused(&self.folder, reason)
    }

    /// A name that no other comparison has, in every process that resumes this one.
    ///
    /// # Errors
    /// [`CompareError::Work`] when the journal cannot be written.
    pub fn token(&self) -> Result<String, CompareError> {
        let mut journal = self.journal();
        if let Some(journal) = &*journal {
            return Ok(journal.token.clone());
        }
        let begun = Journal::begun();
        begun.write(&self.folder)?;
        Ok(journal.insert(begun).token.clone())
    }

    /// Begins the comparison of what `of` names, or resumes it. Each value has words before it that say what it is.
    pub(crate) fn begin(&self, of: Vec<(String, String)>) -> Result<(), CompareError> {
        let mut held = self.journal();
        let mut journal = held.take().unwrap_or_else(Journal::begun);
        if journal.openings > 0 {
            journal.is_of(&of).map_err(|reason| self.refused(&reason))?;
        }
        // All of it is looked at before anything is read and added to it.
        for kept in journal.kept() {
            let file = kept.opened(&self.folder).map_err(|reason| self.refused(&reason))?;
            self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(kept.name.clone(), file);
        }
        journal.of = of;
        journal.openings += 1;
        journal.write(&self.folder)?;
        *held = Some(journal);
        Ok(())
    }

    /// What the folder keeps is compared with what.
    fn of(&self) -> Vec<(String, String)> {
        self.journal().as_ref().map(|journal| journal.of.clone()).unwrap_or_default()
    }

    /// A file that a feeder of this phase writes.
    pub(crate) fn path(&self, phase: &str) -> PathBuf {
        self.folder.join(format!("{phase}-{}{ROWS}", self.next.fetch_add(1, Ordering::Relaxed)))
    }

    /// A phase that an earlier process finished.
    fn taken(&self, phase: &str) -> Option<Kept> {
        self.journal().as_ref()?.phases.iter().find(|kept| kept.name == phase).cloned()
    }

    /// A file of a phase that an earlier process finished.
    fn found(&self, kept: &KeptFile) -> Result<File, CompareError> {
        let file = self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(&kept.name);
        file.ok_or(CompareError::Ended("a file of the folder"))
    }

    /// Notes that a phase is finished, whose files are on disk.
    fn done(&self, phase: Kept) -> Result<(), CompareError> {
        fault::point!("compare.phase.before");
        // The files' names are on disk before the journal names them.
        File::open(&self.folder)?.sync_all()?;
        let mut journal = self.journal();
        let journal = journal.as_mut().ok_or(CompareError::Ended("the journal"))?;
        journal.phases.push(Kept { opening: journal.openings, ..phase });
        journal.write(&self.folder)?;
        fault::point!("compare.phase.after");
        Ok(())
    }

    /// Every phase, in the order in which they ended: the number of the process that did it, its name, and when.
    fn phases(&self) -> Vec<(u32, String, ReadPhase)> {
        let journal = self.journal();
        let Some(journal) = &*journal else { return Vec::new() };
        let phase = |kept: &Kept| ReadPhase {
            what: kept.what.clone(),
            began_at_ms: kept.began_at_ms,
            ended_at_ms: kept.ended_at_ms,
            earlier: kept.opening < journal.openings,
        };
        journal.phases.iter().map(|kept| (kept.opening, kept.name.clone(), phase(kept))).collect()
    }

    /// Every phase, in the order in which they ended; nothing, if this process did all of them.
    pub(crate) fn resumed(&self) -> Vec<ReadPhase> {
        let all: Vec<_> = self.phases().into_iter().map(|(.., phase)| phase).collect();
        if all.iter().any(|phase| phase.earlier) { all } else { Vec::new() }
    }

    /// Removes the files: the comparison has its verdict. The folder stays, and nothing is in it.
    ///
    /// # Errors
    /// What the system says; something is left then.
    pub fn finish(&self) -> io::Result<()> {
        // A journal of nothing comes first: files that it does not name are no one's, should this be stopped.
        Journal::begun().write(&self.folder)?;
        for name in self.journal().iter().flat_map(Journal::files) {
            fs::remove_file(self.folder.join(name))?;
        }
        fs::remove_file(self.folder.join(JOURNAL))?;
        fs::remove_file(self.folder.join(LOCK))
    }
}

/// Makes a file that is read and written, and that only its owner may read.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Writes pieces one after the other, each with its length before it.
#[derive(Debug)]
pub(crate) struct Pieces {
    path: PathBuf,
    out: io::BufWriter<File>,
}

impl Pieces {
    pub(crate) fn create(path: PathBuf) -> io::Result<Self> {
        let out = io::BufWriter::new(create(&path)?);
        Ok(Self { path, out })
    }

    pub(crate) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let length = u32::try_from(piece.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(piece)
    }

    fn keep(mut self) -> io::Result<KeptFile> {
        self.out.flush()?;
        KeptFile::of(&self.path, self.out.get_ref())
    }
}
