//! The journal of a folder: which comparison it is of, and which phases are finished.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher as _;
use std::io::{self, Write as _};
use std::path::Path;

use domain::comparison::LoadWorker;
use domain::fingerprint::Hash;
use platform::files::{create_private, read_small_file};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::saved::SavedDecoded;
use crate::sort::{KeptFile, KeptRuns};

pub(super) const JOURNAL: &str = "journal.json";

/// The next journal, until it takes the place of the one before.
pub(super) const NEW: &str = "journal.json.new";

/// The version of everything in the folder: the journal, the files, and the order of the entries in them.
const FORMAT: u32 = 1;

/// The longest journal that is read.
const BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Journal {
    format: u32,
    pub(super) token: String,
    /// How many processes have compared with the folder.
    pub(super) openings: u32,
    /// What is compared with what: what each value is, and the value.
    pub(super) of: Vec<(String, String)>,
    pub(super) phases: Vec<Kept>,
}

/// A phase that is finished.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) name: String,
    /// The phase in words.
    pub(super) what: String,
    /// The number of the process that finished it.
    pub(super) opening: u32,
    pub(super) began_at_ms: i64,
    pub(super) ended_at_ms: i64,
    /// How many rows were read of the table.
    pub(super) rows: u64,
    /// For each table, what each feeder took.
    pub(super) feeds: Vec<Vec<KeptRuns>>,
    pub(super) workers: Vec<LoadWorker>,
    /// What the source was decoded to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) decoded: Option<SavedDecoded>,
    /// The footings of the source's chunks, where the job has controls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) footings: Option<KeptFile>,
}

impl Journal {
    /// A journal of nothing yet.
    pub(super) fn begun() -> Self {
        let token = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        Self { format: FORMAT, token, openings: 0, of: Vec::new(), phases: Vec::new() }
    }

    /// The folder's journal, if it has one that is whole.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, String> {
        read(&folder.join(JOURNAL), FORMAT)
    }

    /// Puts the journal in the place of the one before, on disk.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        write(self, folder, JOURNAL, NEW)
    }

    /// The files that finished phases have.
    pub(super) fn kept(&self) -> impl Iterator<Item = &KeptFile> {
        self.phases.iter().flat_map(|kept| {
            let runs = kept.feeds.iter().flatten().map(|runs| &runs.file);
            runs.chain(&kept.footings)
        })
    }

    /// The names of those files.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.kept().map(|file| file.name.as_str())
    }

    /// Says what differs, unless the journal is of this comparison.
    pub(super) fn is_of(&self, of: &[(String, String)]) -> Result<(), String> {
        is_same(&self.of, of)
    }
}

/// Says what differs, unless both are what one comparison compares with what.
pub(super) fn is_same(then: &[(String, String)], of: &[(String, String)]) -> Result<(), String> {
    for (at, (what, now)) in of.iter().enumerate() {
        let Some((_, before)) = then.get(at).filter(|(was, _)| was == what) else {
            return Err(format!("it is of another comparison, which has no {what}"));
        };
        if before != now {
            return Err(format!("it is of another comparison: {what} then: {before}; now: {now}"));
        }
    }
    match then.get(of.len()) {
        Some((what, _)) => Err(format!("it is of another comparison, which has a {what}")),
        None => Ok(()),
    }
}

/// The journal at `path`, if there is one that is whole and of this version.
pub(super) fn read<T: DeserializeOwned>(path: &Path, format: u32) -> Result<Option<T>, String> {
    let bytes = match read_small_file(path, BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("its journal cannot be read: {error}")),
    };
    let damaged = || "its journal is damaged".to_owned();
    let text = String::from_utf8(bytes).map_err(|_| damaged())?;
    let (sha256, json) = text.split_once('\n').ok_or_else(damaged)?;
    if Hash::of(json.as_bytes()).to_string() != sha256 {
        return Err(damaged());
    }
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let version: Version = serde_json::from_str(json).map_err(|_| damaged())?;
    if version.format != format {
        return Err(format!("another version of crossfoot made it (format {})", version.format));
    }
    serde_json::from_str(json).map(Some).map_err(|error| format!("its journal cannot be read: {error}"))
}

/// Puts a journal in the place of the one before, on disk. `new`: its name until then.
pub(super) fn write<T: Serialize>(journal: &T, folder: &Path, name: &str, new: &str) -> io::Result<()> {
    let json = serde_json::to_string(journal).map_err(io::Error::other)?;
    if json.len() as u64 > BYTES_MAX - 100 {
        return Err(io::Error::other("the journal has too many runs; raise --memory"));
    }
    put(&format!("{}\n{json}", Hash::of(json.as_bytes())), folder, name, new)
}

/// Puts a text in the place of the one before, on disk, so that only its owner may read it.
pub(super) fn put(text: &str, folder: &Path, name: &str, new: &str) -> io::Result<()> {
    let new = folder.join(new);
    let mut file = create_private(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, folder.join(name))?;
    File::open(folder)?.sync_all()
}
