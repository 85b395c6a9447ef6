//! The watched files: which are sources, the marks of what became of them, and moving them away.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::arrival::{Beside, Companion, Skip, Stamp, Wanted, names_for};
use platform::files::TEXT_BYTES_MAX;
use serde::{Deserialize, Serialize};

use super::claim::{Taken, take};
use super::shelf::Shelf;

/// The files of a place, and which of them are loaded.
pub(super) struct Watched {
    /// Where they lie.
    pub(super) shelf: Arc<dyn Shelf>,
    wanted: Wanted,
}

/// A file that matches.
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

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// The files that match, by name.
    pub(super) files: Vec<Candidate>,
    /// How many others there are, by why they are left.
    pub(super) skipped: BTreeMap<Skip, u64>,
}

impl Watched {
    /// The files of `shelf` that are `wanted`.
    pub(super) fn new(shelf: Arc<dyn Shelf>, wanted: Wanted) -> Self {
        Self { shelf, wanted }
    }

    /// Removes the marks of files that are not there.
    pub(super) fn forget_missing(&self) {
        let Ok(names) = self.shelf.own_names("") else { return };
        for mark in names {
            let of = mark.strip_suffix(".mark");
            if of.is_some_and(|of| self.shelf.stamp(of).is_ok_and(|stamp| stamp.is_none())) {
                drop(self.shelf.own_remove(&mark));
            }
        }
    }

    /// Looks at all files.
    pub(super) fn list(&self) -> io::Result<Listed> {
        let mut listed = Listed::default();
        let mut stamps = HashMap::new();
        let mut names = Vec::new();
        for entry in self.shelf.entries()? {
            let Some(name) = entry.name else {
                *listed.skipped.entry(Skip::BadName).or_default() += 1;
                continue;
            };
            match self.wanted.skipped(&name, entry.is_regular) {
                Some(skip) => *listed.skipped.entry(skip).or_default() += 1,
                None => names.push(name.clone()),
            }
            if let Some(stamp) = entry.stamp {
                stamps.insert(name, stamp);
            }
        }
        names.sort();
        for name in names {
            // What a listing shows at one moment is asked for again, companions first, before a file is loaded.
            let file = match stamps.is_empty() {
                true => self.look_at(&name)?,
                false => self.candidate(&name, |name| Ok(stamps.get(name).copied()))?,
            };
            listed.files.extend(file);
        }
        Ok(listed)
    }

    /// The file of this name as it is now; none if it is not there.
    pub(super) fn look_at(&self, name: &str) -> io::Result<Option<Candidate>> {
        self.candidate(name, |name| self.shelf.stamp(name))
    }

    /// Companions are looked at first: what is written after them is not yet theirs.
    fn candidate(
        &self,
        name: &str,
        stamp_of: impl Fn(&str) -> io::Result<Option<Stamp>>,
    ) -> io::Result<Option<Candidate>> {
        let beside = |companion: &Option<Companion>| {
            let Some(name) = companion.as_ref().map(|companion| companion.of(name)) else { return Ok(None) };
            let stamp = stamp_of(&name)?;
            Ok::<_, io::Error>(Some((name, stamp)))
        };
        let (trigger, control) = (beside(&self.wanted.trigger)?, beside(&self.wanted.control)?);
        Ok(stamp_of(name)?.map(|stamp| Candidate { name: name.into(), stamp, trigger, control }))
    }

    /// Claims the file of this name for the process that signs as `owner`.
    pub(super) fn claim(&self, name: &str, owner: &str) -> io::Result<Taken> {
        take(&self.shelf, name, owner)
    }

    /// The mark of a file; none if it has none that can be read.
    pub(super) fn mark(&self, name: &str) -> Option<Mark> {
        let text = self.shelf.own_text(&of_mark(name), TEXT_BYTES_MAX).ok()??;
        serde_json::from_str(&text).ok()
    }

    /// Writes the mark of a file, whole or not at all.
    pub(super) fn set_mark(&self, name: &str, mark: &Mark) -> io::Result<()> {
        let text = serde_json::to_string(mark).map_err(io::Error::other)?;
        self.shelf.own_write(&of_mark(name), &text)
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
            match self.move_free(name, to, id) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                moved => drop(moved?),
            }
        }
        let name = self.move_free(&file.name, to, id)?;
        if let Some(why) = why {
            self.shelf.write_at(to, &format!("{name}.why.txt"), &format!("{why}\n"))?;
        }
        self.shelf.own_remove(&of_mark(&file.name))?;
        Ok(to.join(name))
    }

    /// Moves one file, to the first name that is free.
    fn move_free(&self, name: &str, to: &Path, id: &str) -> io::Result<String> {
        for new in names_for(name, id) {
            if self.shelf.move_one(name, to, &new)? {
                return Ok(new);
            }
        }
        Err(io::Error::new(
            ErrorKind::AlreadyExists,
            format!("{} has a thousand files of this name", to.display()),
        ))
    }
}

fn of_mark(name: &str) -> String {
    format!("{name}.mark")
}

#[cfg(test)]
mod tests {
    use domain::arrival::Pattern;

    use super::super::folder::Folder;
    use super::*;

    fn watched(dir: &Path) -> Watched {
        let wanted = Wanted {
            pattern: Pattern::new("*.csv").unwrap(),
            trigger: Some(Companion::new("{name}.ok").unwrap()),
            control: None,
        };
        let watched = Watched::new(Arc::new(Folder::open(dir).unwrap()), wanted);
        watched.forget_missing();
        watched
    }

    #[test]
    fn files_are_listed_by_name_and_what_is_skipped_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let watched = watched(dir.path());
        for name in ["b.csv", "a.csv", ".c.csv", "d.csv.part", "e.txt", "a.csv.ok"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        std::fs::create_dir(dir.path().join("sub.csv")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("a.csv"), dir.path().join("link.csv")).unwrap();
        let listed = watched.list().unwrap();
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
        let watched = watched(dir.path());
        let done = watched.shelf.destination(&dir.path().join("done")).unwrap();
        for content in ["one", "two", "three"] {
            std::fs::write(dir.path().join("a.csv"), content).unwrap();
            std::fs::write(dir.path().join("a.csv.ok"), "").unwrap();
            let file = watched.look_at("a.csv").unwrap().unwrap();
            watched.move_away(&file, &done, "7f", Some("because")).unwrap();
            assert!(!dir.path().join("a.csv").exists() && !dir.path().join("a.csv.ok").exists());
        }
        for (name, content) in [("a.csv", "one"), ("a.csv.7f", "two"), ("a.csv.7f.2", "three")] {
            assert_eq!(std::fs::read_to_string(done.join(name)).unwrap(), content);
            let why = std::fs::read_to_string(done.join(format!("{name}.why.txt"))).unwrap();
            assert_eq!(why, "because\n");
        }
        assert!(done.join("a.csv.ok.7f.2").exists());
        assert!(watched.shelf.destination(dir.path()).is_err());
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_and_forgotten_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let this = watched(dir.path());
        std::fs::write(dir.path().join("a.csv"), "x").unwrap();
        let stamp = this.look_at("a.csv").unwrap().unwrap().stamp;
        let mark = Mark { stamp, trigger: None, run_id: Some("r".into()), refused: None, settled: false };
        this.set_mark("a.csv", &mark).unwrap();
        assert_eq!(watched(dir.path()).mark("a.csv"), Some(mark));
        std::fs::remove_file(dir.path().join("a.csv")).unwrap();
        assert_eq!(watched(dir.path()).mark("a.csv"), None);
    }
}
