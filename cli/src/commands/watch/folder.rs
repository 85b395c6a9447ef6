//! The watched folder: what is in it, the marks of what became of its files, and moving them away.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use domain::arrival::{Beside, Skip, Stamp, Wanted, names_for};
use platform::files::{TEXT_BYTES_MAX, read_small_text};
use serde::{Deserialize, Serialize};

use super::claim::{Taken, take};
use crate::outcome::Failure;

/// The subfolder with the claims and marks of the files.
const OWN: &str = ".crossfoot";

/// A folder that is watched.
pub(super) struct Folder {
    /// The folder's whole path.
    pub(super) path: PathBuf,
    own: PathBuf,
    wanted: Wanted,
}

/// A file of the folder that matches.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// The file's name.
    pub(super) name: String,
    /// What tells this content from another.
    pub(super) stamp: Stamp,
    trigger: Option<(String, Option<Stamp>)>,
    control: Option<(String, Option<Stamp>)>,
}

impl Candidate {
    /// The stamps that must rest.
    pub(super) fn stamps(&self) -> Vec<Stamp> {
        let control = self.control.as_ref().and_then(|(_, stamp)| *stamp);
        [Some(self.stamp), control].into_iter().flatten().collect()
    }

    /// The stamp of the trigger file.
    pub(super) fn trigger(&self) -> Option<Stamp> {
        self.trigger.as_ref().and_then(|(_, stamp)| *stamp)
    }

    /// The name of the control file.
    pub(super) fn control(&self) -> Option<&str> {
        self.control.as_ref().map(|(name, _)| name.as_str())
    }

    /// Which files are beside it. A trigger that an earlier file of this name had is not this one's.
    pub(super) fn beside(&self, marked: Option<&Mark>) -> Beside {
        let used = marked.and_then(|mark| mark.trigger);
        Beside {
            trigger: self.trigger.as_ref().map(|(_, stamp)| stamp.is_some() && *stamp != used),
            control: self.control.as_ref().map(|(_, stamp)| stamp.is_some()),
        }
    }
}

/// What is known of one file, kept beside it until it is moved: a watcher that is started again continues with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The content that this is about.
    pub(super) stamp: Stamp,
    /// The trigger that said it is complete.
    pub(super) trigger: Option<Stamp>,
    /// The run that loads it; none if none was opened.
    pub(super) run_id: Option<String>,
    /// Why it was refused.
    pub(super) refused: Option<String>,
    /// Whether nothing more is done about it.
    pub(super) settled: bool,
}

/// What a look at the folder found.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// The files that match, by name.
    pub(super) files: Vec<Candidate>,
    /// How many others there are, by why they are left.
    pub(super) skipped: BTreeMap<Skip, u64>,
}

impl Folder {
    /// The folder at `path`, in which the subfolder for claims and marks is made.
    pub(super) fn open(path: &Path, wanted: Wanted) -> Result<Self, Failure> {
        let wrong = |what: &str, error: &dyn std::fmt::Display| {
            Failure::usage(format!("cannot {what} {}: {error}", path.display()))
        };
        let whole = path.canonicalize().map_err(|error| wrong("watch", &error))?;
        if !whole.is_dir() {
            return Err(wrong("watch", &"not a folder"));
        }
        let folder = Self { own: whole.join(OWN), path: whole, wanted };
        folder.make_own().map_err(|error| {
            wrong("write to", &error).advise("claims and marks of files are kept in its subfolder .crossfoot")
        })?;
        folder.forget_missing();
        Ok(folder)
    }

    fn make_own(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.own) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    /// Removes the marks of files that are not there.
    fn forget_missing(&self) {
        let Ok(marks) = self.own.read_dir() else { return };
        for mark in marks.flatten() {
            let name = mark.file_name();
            let of = name.to_str().and_then(|name| name.strip_suffix(".mark"));
            if of.is_some_and(|of| !self.path.join(of).exists()) {
                drop(std::fs::remove_file(mark.path()));
            }
        }
    }

    /// A folder that files are moved to: made if it is not there, on the same file system.
    pub(super) fn destination(&self, path: &Path) -> Result<PathBuf, Failure> {
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

    /// Looks at the folder.
    pub(super) fn list(&self) -> io::Result<Listed> {
        let mut listed = Listed::default();
        for entry in self.path.read_dir()? {
            let entry = entry?;
            let name = entry.file_name();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                continue;
            }
            let Some(name) = name.to_str() else {
                *listed.skipped.entry(Skip::BadName).or_default() += 1;
                continue;
            };
            if let Some(skip) = self.wanted.skipped(name, kind.is_file()) {
                *listed.skipped.entry(skip).or_default() += 1;
                continue;
            }
            if let Some(file) = self.look_at(name)? {
                listed.files.push(file);
            }
        }
        listed.files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// The file of this name as it is now; none if it is not there.
    pub(super) fn look_at(&self, name: &str) -> io::Result<Option<Candidate>> {
        let beside = |companion: &Option<domain::arrival::Companion>| {
            let Some(name) = companion.as_ref().map(|companion| companion.of(name)) else { return Ok(None) };
            let stamp = stamp(&self.path.join(&name))?;
            Ok::<_, io::Error>(Some((name, stamp)))
        };
        // The companions are looked at first: what is written after them is not yet theirs.
        let (trigger, control) = (beside(&self.wanted.trigger)?, beside(&self.wanted.control)?);
        let stamp = stamp(&self.path.join(name))?;
        Ok(stamp.map(|stamp| Candidate { name: name.into(), stamp, trigger, control }))
    }

    /// Claims the file of this name for the process that signs as `owner`.
    pub(super) fn claim(&self, name: &str, owner: &str) -> io::Result<Taken> {
        self.make_own()?;
        take(&self.own, name, owner)
    }

    fn mark_path(&self, name: &str) -> PathBuf {
        self.own.join(format!("{name}.mark"))
    }

    /// The mark of a file; none if it has none that can be read.
    pub(super) fn mark(&self, name: &str) -> Option<Mark> {
        let text = read_small_text(&self.mark_path(name), TEXT_BYTES_MAX).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes the mark of a file, whole or not at all.
    pub(super) fn set_mark(&self, name: &str, mark: &Mark) -> io::Result<()> {
        let path = self.mark_path(name);
        let new = path.with_extension("mark-new");
        let mut file = File::create(&new)?;
        file.write_all(serde_json::to_string(mark).map_err(io::Error::other)?.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(new, path)
    }

    /// Moves a file to `to`, its companions first: a trigger without its file would make the next one complete. Returns
    /// where it is now. `why` is written beside it.
    pub(super) fn move_away(
        &self,
        file: &Candidate,
        to: &Path,
        id: &str,
        why: Option<&str>,
    ) -> io::Result<PathBuf> {
        for (name, _) in [&file.trigger, &file.control].into_iter().flatten() {
            match move_one(&self.path, name, to, id) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                moved => drop(moved?),
            }
        }
        let moved = move_one(&self.path, &file.name, to, id)?;
        if let Some(why) = why {
            let name = moved.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let mut text = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(to.join(format!("{name}.why.txt")))?;
            text.write_all(why.as_bytes())?;
            text.write_all(b"\n")?;
        }
        match std::fs::remove_file(self.mark_path(&file.name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(moved),
        }
    }
}

/// The stamp of the regular file at `path`; none if there is none.
fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    match path.symlink_metadata() {
        Ok(about) if about.is_file() => Ok(Some(stamp_of(&about))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn stamp_of(about: &Metadata) -> Stamp {
    let modified_ns = about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec());
    Stamp { bytes: about.len(), modified_ns, inode: about.ino() }
}

/// Moves one file by renaming it, onto a name that was free: an empty file that only this process made holds the name.
fn move_one(from: &Path, name: &str, to: &Path, id: &str) -> io::Result<PathBuf> {
    let from = from.join(name);
    from.symlink_metadata()?;
    for name in names_for(name, id) {
        let path = to.join(&name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
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
        return Ok(path);
    }
    Err(io::Error::new(
        ErrorKind::AlreadyExists,
        format!("{} has a thousand files of this name", to.display()),
    ))
}

#[cfg(test)]
mod tests {
    use domain::arrival::{Companion, Pattern};

    use super::*;

    fn folder(dir: &Path) -> Folder {
        let wanted = Wanted {
            pattern: Pattern::new("*.csv").unwrap(),
            trigger: Some(Companion::new("{name}.ok").unwrap()),
            control: None,
        };
        Folder::open(dir, wanted).unwrap()
    }

    #[test]
    fn files_are_listed_by_name_and_what_is_skipped_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        for name in ["b.csv", "a.csv", ".c.csv", "d.csv.part", "e.txt", "a.csv.ok"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        std::fs::create_dir(dir.path().join("sub.csv")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("a.csv"), dir.path().join("link.csv")).unwrap();
        let listed = folder.list().unwrap();
        let names: Vec<_> = listed.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.csv", "b.csv"]);
        let counts = [
            (Skip::Hidden, 1),
            (Skip::Temporary, 1),
            (Skip::NotRegular, 1),
            (Skip::Companion, 1),
            (Skip::Unmatched, 1),
        ];
        assert_eq!(listed.skipped, BTreeMap::from(counts));
        assert_eq!(listed.files[0].beside(None).trigger, Some(true));
        assert_eq!(listed.files[1].beside(None).trigger, Some(false));
        // The trigger of the file before is not that of the next.
        let mark = Mark {
            stamp: listed.files[1].stamp,
            trigger: listed.files[0].trigger(),
            run_id: None,
            refused: None,
            settled: true,
        };
        assert_eq!(listed.files[0].beside(Some(&mark)).trigger, Some(false));
    }

    #[test]
    fn a_move_overwrites_nothing_and_takes_the_companions_along() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        let done = folder.destination(&dir.path().join("done")).unwrap();
        for content in ["one", "two", "three"] {
            std::fs::write(dir.path().join("a.csv"), content).unwrap();
            std::fs::write(dir.path().join("a.csv.ok"), "").unwrap();
            let file = folder.look_at("a.csv").unwrap().unwrap();
            folder.move_away(&file, &done, "7f", Some("because")).unwrap();
            assert!(!dir.path().join("a.csv").exists() && !dir.path().join("a.csv.ok").exists());
        }
        for (name, content) in [("a.csv", "one"), ("a.csv.7f", "two"), ("a.csv.7f.2", "three")] {
            assert_eq!(std::fs::read_to_string(done.join(name)).unwrap(), content);
            let why = std::fs::read_to_string(done.join(format!("{name}.why.txt"))).unwrap();
            assert_eq!(why, "because\n");
        }
        assert!(done.join("a.csv.ok.7f.2").exists());
        assert!(folder.destination(dir.path()).is_err());
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_and_forgotten_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let this = folder(dir.path());
        std::fs::write(dir.path().join("a.csv"), "x").unwrap();
        let stamp = this.look_at("a.csv").unwrap().unwrap().stamp;
        let mark = Mark { stamp, trigger: None, run_id: Some("r".into()), refused: None, settled: false };
        this.set_mark("a.csv", &mark).unwrap();
        assert_eq!(folder(dir.path()).mark("a.csv"), Some(mark));
        std::fs::remove_file(dir.path().join("a.csv")).unwrap();
        assert_eq!(folder(dir.path()).mark("a.csv"), None);
    }
}
