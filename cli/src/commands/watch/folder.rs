//! A watched folder.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use domain::arrival::Stamp;
use platform::files::read_small_text;
use source::Location;

use super::shelf::{Entry, Shelf};
use crate::outcome::Failure;

/// The subfolder with the claims and marks of the files.
pub(super) const OWN: &str = ".crossfoot";

/// A folder whose files are loaded.
pub(super) struct Folder {
    path: PathBuf,
    own: PathBuf,
}

impl Folder {
    /// The folder at `path`, in which the subfolder for claims and marks is made.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: &str, error: &dyn std::fmt::Display| {
            Failure::usage(format!("cannot {what} {}: {error}", path.display()))
        };
        let whole = path.canonicalize().map_err(|error| wrong("watch", &error))?;
        if !whole.is_dir() {
            return Err(wrong("watch", &"not a folder"));
        }
        let folder = Self { own: whole.join(OWN), path: whole };
        folder.make_own().map_err(|error| {
            wrong("write to", &error).advise("claims and marks of files are kept in its subfolder .crossfoot")
        })?;
        Ok(folder)
    }

    fn make_own(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.own) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }
}

impl Shelf for Folder {
    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn location(&self, name: &str) -> Location {
        Location::file(self.path.join(name))
    }

    fn text(&self, name: &str, bytes_max: u64) -> io::Result<String> {
        read_small_text(&self.path.join(name), bytes_max)
    }

    fn destination(&self, path: &Path) -> Result<PathBuf, Failure> {
        let wrong = |what: &str| Failure::usage(format!("cannot move files to {}: {what}", path.display()));
        match std::fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(wrong(&error.to_string())),
            _ => {}
        }
        let whole = path.canonicalize().map_err(|error| wrong(&error.to_string()))?;
        let device =
            |path: &Path| path.metadata().map(|about| about.dev()).map_err(|e| wrong(&e.to_string()));
        if whole == self.path || !whole.is_dir() {
            return Err(wrong("name a folder other than the watched one"));
        }
        if device(&whole)? != device(&self.path)? {
            return Err(wrong(
                "it is on another file system than the watched folder, so that a move is a copy",
            ));
        }
        Ok(whole)
    }

    fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in self.path.read_dir()? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                continue;
            }
            let name = entry.file_name().into_string().ok();
            entries.push(Entry { name, is_regular: kind.is_file(), stamp: None });
        }
        Ok(entries)
    }

    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>> {
        match self.path.join(name).symlink_metadata() {
            Ok(about) if about.is_file() => Ok(Some(stamp_of(&about))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn move_one(&self, name: &str, to: &Path, new: &str) -> io::Result<bool> {
        let (from, path) = (self.path.join(name), to.join(new));
        from.symlink_metadata()?;
        // An empty file that only this process made holds the name.
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            made => drop(made?),
        }
        if let Err(error) = std::fs::rename(&from, &path) {
            // A share may lose the reply to a rename that it has made.
            let is_moved = !from.exists() && path.metadata().is_ok_and(|about| about.len() > 0);
            if !is_moved {
                drop(std::fs::remove_file(&path));
                return Err(error);
            }
        }
        Ok(true)
    }

    fn write_at(&self, to: &Path, name: &str, text: &str) -> io::Result<()> {
        std::fs::write(to.join(name), text)
    }

    fn own_names(&self, start: &str) -> io::Result<Vec<String>> {
        self.make_own()?;
        let mut names = Vec::new();
        for entry in self.own.read_dir()? {
            names.extend(entry?.file_name().into_string().ok().filter(|name| name.starts_with(start)));
        }
        Ok(names)
    }

    fn own_text(&self, name: &str, bytes_max: u64) -> io::Result<Option<String>> {
        match read_small_text(&self.own.join(name), bytes_max) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    fn own_create(&self, name: &str, text: &str) -> io::Result<bool> {
        let mut made = match OpenOptions::new().write(true).create_new(true).open(self.own.join(name)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            made => made?,
        };
        made.write_all(text.as_bytes())?;
        made.sync_all()?;
        Ok(true)
    }

    fn own_write(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.own.join(name);
        let new = self.own.join(format!("{name}-new"));
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(new, path)
    }

    /// Writes to the file: the file server's clock sets the time.
    fn own_touch(&self, name: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(self.own.join(name))?;
        let mut first = [0; 1];
        file.read_exact(&mut first)?;
        file.rewind()?;
        file.write_all(&first)?;
        file.sync_all()
    }

    fn own_remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.own.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn own_age_ms(&self, name: &str) -> io::Result<i64> {
        let written = self.own.join(name).metadata()?.modified()?;
        let probe = self.own.join(format!("probe.{}", std::process::id()));
        let mut file = File::create(&probe)?;
        file.write_all(b".")?;
        file.sync_all()?;
        let now = file.metadata()?.modified()?;
        drop(std::fs::remove_file(&probe));
        let since = now.duration_since(written);
        Ok(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
    }
}

fn stamp_of(about: &Metadata) -> Stamp {
    let modified_ns = about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec());
    Stamp { bytes: about.len(), modified_ns, inode: about.ino() }
}
