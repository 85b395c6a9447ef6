//! Parts of sources, read by workers where the source is: only below places that they were told, and never more than
//! was asked for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use platform::files::open_regular;
use thiserror::Error;

use super::Location;

/// Reads parts of sources that lie below the places that a worker may read.
#[derive(Debug)]
pub struct Parts {
    /// `None`: whatever the process can read.
    below: Option<Vec<Below>>,
    #[cfg(feature = "cloud")]
    objects: crate::object::Opened,
}

/// A place below which a worker may read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Below {
    Folder(PathBuf),
    Prefix(String),
}

/// A place is none below which sources can be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadPlace {
    /// It is a path that depends on where the process was started.
    #[error("{0} is no absolute path and no URL of an object store")]
    NotAbsolute(String),
    /// The URL cannot be used.
    #[error("{place}: {why}")]
    BadUrl {
        /// The place as it was given.
        place: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Why a part of a source could not be read.
#[derive(Debug, Error)]
pub enum PartError {
    /// The source is not below a place that this process may read.
    #[error("{location} is not below a place that [worker] sources allows here ({allowed})")]
    NotAllowed {
        /// The source.
        location: Location,
        /// The places that are allowed, in words.
        allowed: String,
    },
    /// A symbolic link or `..` leads out of the place that was allowed.
    #[error(
        "{location} leads out of the place that [worker] sources allows here: a symbolic link is absolute or leaves \
         {place}, or the path has `..`"
    )]
    LeadsOut {
        /// The source.
        location: Location,
        /// The place that it leaves.
        place: String,
    },
    /// The source is not there for this process, or cannot be read by it.
    #[error("cannot read {location} here: {why}")]
    Unreachable {
        /// The source.
        location: Location,
        /// What the system or the store said.
        why: String,
    },
    /// The source ends before the part does.
    #[error("{location} has {length} bytes now, and the part ends at byte {end}")]
    Shorter {
        /// The source.
        location: Location,
        /// The length of the source now.
        length: u64,
        /// Where the part ends.
        end: u64,
    },
}

impl PartError {
    /// Whether the source is another one than was split, whoever reads it.
    #[must_use]
    pub const fn is_of_the_source(&self) -> bool {
        matches!(self, Self::Shorter { .. })
    }
}

impl Parts {
    /// Reads whatever the process can read: for workers inside the process that splits the source, which reads it all.
    #[must_use]
    pub fn anywhere() -> Self {
        Self::of(None)
    }

    /// Refuses to read any source.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::of(Some(Vec::new()))
    }

    /// Reads what lies below these folders and prefixes.
    ///
    /// # Errors
    /// [`BadPlace`] naming the first that is none.
    pub fn below(places: &[String]) -> Result<Self, BadPlace> {
        let place = |place: &String| {
            if Location::is_object_url(place) {
                checked(place)?;
                return Ok(Below::Prefix(place.clone()));
            }
            match Path::new(place) {
                path if path.is_absolute() => Ok(Below::Folder(path.into())),
                path => Err(BadPlace::NotAbsolute(Location::file(path).to_string())),
            }
        };
        Ok(Self::of(Some(places.iter().map(place).collect::<Result<_, _>>()?)))
    }

    fn of(below: Option<Vec<Below>>) -> Self {
        Self {
            below,
            #[cfg(feature = "cloud")]
            objects: crate::object::Opened::default(),
        }
    }

    /// The `length` bytes of `source` from byte `offset` on. Blocks, and takes memory for these bytes alone; the caller
    /// bounds their number.
    ///
    /// # Errors
    /// [`PartError`].
    pub fn read(&self, source: &Location, offset: u64, length: usize) -> Result<Vec<u8>, PartError> {
        if let Some(url) = source.object_url() {
            let is_allowed = self.below.as_ref().is_none_or(|all| all.iter().any(|place| place.holds(url)));
            return if is_allowed {
                self.of_object(source, url, offset, length)
            } else {
                Err(self.not_allowed(source))
            };
        }
        let Some(path) = source.path() else {
            let why = "it can be read only once".into();
            return Err(PartError::Unreachable { location: source.clone(), why });
        };
        let opened = match &self.below {
            None => open_regular(path).map_err(|error| unreachable(source, error))?,
            Some(all) => self.open_below(all, source, path)?,
        };
        of_file(&opened, source, offset, length)
    }

    fn open_below(&self, all: &[Below], source: &Location, path: &Path) -> Result<File, PartError> {
        let within = |place: &'_ Below| match place {
            Below::Folder(folder) => {
                path.strip_prefix(folder).ok().map(|rest| (folder.clone(), rest.to_owned()))
            }
            Below::Prefix(_) => None,
        };
        let mut refused = None;
        for (folder, rest) in all.iter().filter_map(within) {
            match opened_below(&folder, &rest) {
                Ok(file) => return Ok(file),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied && leads_out(&error) => {
                    let place = folder.display().to_string();
                    refused = Some(PartError::LeadsOut { location: source.clone(), place });
                }
                Err(error) => refused = Some(unreachable(source, error)),
            }
        }
        Err(refused.unwrap_or_else(|| self.not_allowed(source)))
    }

    fn not_allowed(&self, source: &Location) -> PartError {
        let name = |place: &Below| match place {
            Below::Folder(folder) => Location::file(folder).to_string(),
            Below::Prefix(url) => Location::parse(url).to_string(),
        };
        let names: Vec<_> = self.below.iter().flatten().map(name).collect();
        let allowed = if names.is_empty() { "none is set".to_owned() } else { names.join(", ") };
        PartError::NotAllowed { location: source.clone(), allowed }
    }

    #[cfg(feature = "cloud")]
    fn of_object(
        &self,
        source: &Location,
        url: &str,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, PartError> {
        let end = offset.saturating_add(length as u64);
        let read = self.objects.read(url, offset, end);
        let location = || source.clone();
        match read {
            Ok(Ok(bytes)) => Ok(bytes.to_vec()),
            Ok(Err(length)) => Err(PartError::Shorter { location: location(), length, end }),
            Err(error) => Err(PartError::Unreachable { location: location(), why: error.to_string() }),
        }
    }

    #[cfg(not(feature = "cloud"))]
    #[expect(clippy::unused_self, reason = "as with objects")]
    fn of_object(
        &self,
        source: &Location,
        _url: &str,
        _offset: u64,
        _length: usize,
    ) -> Result<Vec<u8>, PartError> {
        let why = super::SourceError::NoObjects { location: source.clone() }.to_string();
        Err(PartError::Unreachable { location: source.clone(), why })
    }
}

impl Below {
    /// Whether the object at `url` is below this place.
    #[cfg(feature = "cloud")]
    fn holds(&self, url: &str) -> bool {
        let Self::Prefix(prefix) = self else { return false };
        let place = |url: &str| crate::object::Place::open(url).ok();
        place(prefix).zip(place(url)).is_some_and(|(prefix, object)| prefix.holds(&object))
    }

    /// Whether the object at `url` may be below this place, whose objects this program cannot read.
    #[cfg(not(feature = "cloud"))]
    fn holds(&self, url: &str) -> bool {
        matches!(self, Self::Prefix(prefix) if url.starts_with(prefix.as_str()))
    }
}

#[cfg(feature = "cloud")]
fn checked(place: &str) -> Result<(), BadPlace> {
    match crate::object::Place::open(place) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(BadPlace::BadUrl { place: Location::parse(place).to_string(), why: error.to_string() })
        }
    }
}

#[cfg(not(feature = "cloud"))]
fn checked(place: &str) -> Result<(), BadPlace> {
    let location = Location::parse(place);
    let place = location.to_string();
    Err(BadPlace::BadUrl { place, why: super::SourceError::NoObjects { location }.to_string() })
}

/// Opens the regular file at `rest` below `folder`, wherever links and `..` lead on the way, unless they lead out.
fn opened_below(folder: &Path, rest: &Path) -> io::Result<File> {
    let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
    let regular = |is_file: bool| match is_file {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    };
    // Asked before it is opened, which would wait for a pipe's writer; and of what was opened.
    regular(folder.metadata(rest)?.is_file())?;
    let file = folder.open(rest)?.into_std();
    regular(file.metadata()?.is_file())?;
    Ok(file)
}

/// Whether it was not the system that refused, but the bounds of the folder.
fn leads_out(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
}

fn unreachable(source: &Location, error: io::Error) -> PartError {
    PartError::Unreachable { location: source.clone(), why: error.to_string() }
}

fn of_file(file: &File, source: &Location, offset: u64, length: usize) -> Result<Vec<u8>, PartError> {
    let found = file.metadata().map_err(|error| unreachable(source, error))?.len();
    let end = offset.saturating_add(length as u64);
    let shorter = |length| PartError::Shorter { location: source.clone(), length, end };
    if found < end {
        return Err(shorter(found));
    }
    let mut bytes = vec![0; length];
    match file.read_exact_at(&mut bytes, offset) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(shorter(file.metadata().map_or(offset, |metadata| metadata.len())))
        }
        Err(error) => Err(unreachable(source, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// An allowed folder `in` with a file and a folder in it, beside a file that is not allowed.
    fn ground() -> (TempDir, Parts) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("in/sub")).unwrap();
        std::fs::write(dir.path().join("in/sub/a.csv"), b"0123456789").unwrap();
        std::fs::write(dir.path().join("secret"), b"0123456789").unwrap();
        let parts = Parts::below(&[dir.path().join("in").display().to_string()]).unwrap();
        (dir, parts)
    }

    fn read(parts: &Parts, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, PartError> {
        parts.read(&Location::file(path), offset, length)
    }

    #[test]
    fn a_part_is_read_exactly_and_one_beyond_the_end_is_of_another_source() {
        let (dir, parts) = ground();
        let path = dir.path().join("in/sub/a.csv");
        for parts in [&parts, &Parts::anywhere()] {
            assert_eq!(read(parts, &path, 0, 10).unwrap(), b"0123456789");
            assert_eq!(read(parts, &path, 3, 4).unwrap(), b"3456");
            assert_eq!(read(parts, &path, 10, 0).unwrap(), b"");
            for (offset, length) in [(0, 11), (7, 4), (11, 0), (u64::MAX, 10)] {
                let error = read(parts, &path, offset, length).unwrap_err();
                assert!(error.is_of_the_source(), "{error}");
            }
        }
    }

    #[test]
    fn nothing_leads_out_of_the_places_that_are_allowed() {
        let (dir, parts) = ground();
        let at = |name: &str| dir.path().join(name);
        symlink("../secret", at("in/out")).unwrap();
        symlink(at("secret"), at("in/absolute")).unwrap();
        symlink("..", at("in/up")).unwrap();
        symlink("sub/a.csv", at("in/within")).unwrap();
        assert_eq!(read(&parts, &at("in/within"), 0, 10).unwrap(), b"0123456789", "a link that stays below");
        assert_eq!(read(&parts, &at("in/sub/../sub/a.csv"), 0, 10).unwrap(), b"0123456789");
        for name in ["in/out", "in/absolute", "in/up/secret", "in/../secret", "in/sub/../../secret"] {
            let error = read(&parts, &at(name), 0, 10).unwrap_err();
            assert!(matches!(error, PartError::LeadsOut { .. }), "{name}: {error}");
        }
        for name in ["secret", "inside", "in/../../etc/passwd", "in"] {
            let error = read(&parts, &at(name), 0, 10).unwrap_err();
            assert!(!error.is_of_the_source(), "{name}: {error}");
        }
        let error = read(&parts, &at("secret"), 0, 10).unwrap_err().to_string();
        assert!(error.contains("is not below a place") && error.ends_with("/in)"), "{error}");
        let error = read(&Parts::nowhere(), &at("in/sub/a.csv"), 0, 10).unwrap_err().to_string();
        assert!(error.ends_with("(none is set)"), "{error}");
        let error = parts.read(&Location::file("in/sub/a.csv"), 0, 1).unwrap_err();
        assert!(matches!(error, PartError::NotAllowed { .. }), "a path of another process: {error}");
    }

    #[test]
    fn what_is_missing_or_no_regular_file_is_unreachable_and_is_not_waited_for() {
        let (dir, parts) = ground();
        let pipe = dir.path().join("in/pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for parts in [&parts, &Parts::anywhere()] {
            for name in ["in/none.csv", "in/sub", "in/pipe", "in/sub/a.csv/b"] {
                let error = read(parts, &dir.path().join(name), 0, 1).unwrap_err();
                assert!(matches!(error, PartError::Unreachable { .. }), "{name}: {error}");
            }
        }
        let error = Parts::anywhere().read(&Location::stdin(), 0, 1).unwrap_err();
        assert!(matches!(error, PartError::Unreachable { .. }), "{error}");
    }

    #[test]
    fn a_place_is_an_absolute_path_or_a_url() {
        let of = |place: &str| Parts::below(&[place.to_owned()]).map(drop);
        assert_eq!(of("/mnt/extracts"), Ok(()));
        assert_eq!(of("extracts"), Err(BadPlace::NotAbsolute("extracts".into())));
        assert_eq!(of("http://x/y"), Err(BadPlace::NotAbsolute("http://x/y".into())));
        assert!(of("s3://user:secret@bucket/in").is_err_and(|error| !error.to_string().contains("secret")));
        assert_eq!(of("s3://bucket/in").is_ok(), cfg!(feature = "cloud"));
    }

    #[cfg(feature = "cloud")]
    #[test]
    fn an_object_is_below_a_prefix_by_whole_names() {
        let prefix = Below::Prefix("s3://bucket/in/2026".into());
        for url in ["s3://bucket/in/2026/a.csv", "s3://bucket/in/x/../2026/a.csv", "s3://bucket/in/2026"] {
            assert!(prefix.holds(url), "{url}");
        }
        for url in [
            "s3://bucket/in/20261/a.csv",
            "s3://bucket/in/2026/../a.csv",
            "s3://bucket/in/2026/%2e%2e/a.csv",
            "s3://other/in/2026/a.csv",
            "gs://bucket/in/2026/a.csv",
            "s3://bucket",
        ] {
            assert!(!prefix.holds(url), "{url}");
        }
        assert!(Below::Prefix("s3://bucket".into()).holds("s3://bucket/a.csv"), "a whole bucket");
        assert!(!Below::Folder("/".into()).holds("s3://bucket/a.csv"));
    }
}
