//! The files of a dataset: which they are, and what their folders say of their rows.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

/// How deep folders may nest: links may lead in a circle.
const DEPTH_MAX: usize = 32;

/// The folder in which a column has no value, as Hive and Spark call it.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// Folders that say that a table has a log, which alone knows the files that are a part of it now.
const LOGS: [(&str, &str); 2] = [("_delta_log", "Delta Lake"), (".hoodie", "Hudi")];

/// What a file was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    pub(crate) bytes: u64,
    modified: (i64, i64),
}

impl Identity {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// One file of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataFile {
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
    /// Columns whose values are in the names of the folders (`day=2026-11-27`); `None` for NULL.
    pub(crate) of_folders: Vec<(String, Option<String>)>,
}

impl DataFile {
    /// What the folders say of a column, if they say something.
    pub(crate) fn of_folder(&self, column: &str) -> Option<&Option<String>> {
        self.of_folders.iter().find(|(name, _)| name == column).map(|(_, value)| value)
    }
}

/// The files of the dataset at `root`, which may be a single one, in the order of their names.
pub(crate) fn found(root: &Path) -> Result<Vec<DataFile>, String> {
    let metadata = fs::metadata(root).map_err(|error| told(root, &error))?;
    if metadata.is_file() {
        let identity = Identity::of(&metadata);
        return Ok(vec![DataFile { path: root.to_owned(), identity, of_folders: Vec::new() }]);
    }
    let mut all = Vec::new();
    walk(root, &[], 0, &mut all)?;
    if all.is_empty() {
        return Err(format!("{} holds no .parquet file", root.display()));
    }
    Ok(all)
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn walk(
    folder: &Path,
    of_folders: &[(String, Option<String>)],
    depth: usize,
    all: &mut Vec<DataFile>,
) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("{} is nested more than {DEPTH_MAX} folders deep", folder.display()));
    }
    let entries = fs::read_dir(folder).map_err(|error| told(folder, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(|error| told(folder, &error))?;
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        refuse_log(folder, name)?;
        // What writers leave beside the data: `_SUCCESS`, `_metadata`, `.part-0.parquet.crc`.
        if name.starts_with(['_', '.']) {
            continue;
        }
        let metadata = fs::metadata(&path).map_err(|error| told(&path, &error))?;
        if metadata.is_dir() {
            let mut of_folders = of_folders.to_vec();
            of_folders.extend(partition(name)?);
            walk(&path, &of_folders, depth + 1, all)?;
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
            let identity = Identity::of(&metadata);
            all.push(DataFile { path, identity, of_folders: of_folders.to_vec() });
        } else {
            return Err(format!(
                "{} is no .parquet file; a folder that is compared holds only such files, and names that begin with \
                 `_` or `.`",
                path.display()
            ));
        }
    }
    Ok(())
}

/// Refuses a folder whose files are not all a part of the table, or not yet.
fn refuse_log(folder: &Path, name: &str) -> Result<(), String> {
    if let Some((_, kind)) = LOGS.iter().find(|(log, _)| *log == name) {
        return Err(format!(
            "{} is a table of {kind}: its log says which files are a part of it, and this program does not read that; \
             export the table to a folder of its own",
            folder.display()
        ));
    }
    if name == "metadata" && folder.join("metadata").is_dir() && folder.join("data").is_dir() {
        return Err(format!(
            "{} is a table of Iceberg: its metadata say which files are a part of it, and this program does not read \
             them; export the table to a folder of its own",
            folder.display()
        ));
    }
    if name == "_temporary" {
        return Err(format!(
            "{} holds `_temporary`: what writes it has not finished, or has failed",
            folder.display()
        ));
    }
    Ok(())
}

/// The column and value that a folder's name says: `day=2026-11-27`.
fn partition(name: &str) -> Result<Option<(String, Option<String>)>, String> {
    let Some((column, value)) = name.split_once('=') else { return Ok(None) };
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(|text| text.into_owned()).map_err(|_| format!("the folder name `{name}` is not UTF-8"))
    };
    let value = if value == NO_VALUE { None } else { Some(decoded(value)?) };
    Ok(Some((decoded(column)?, value)))
}
