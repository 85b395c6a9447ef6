//! A watched prefix of an object store: the objects right below it are the files.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use domain::arrival::Stamp;
use domain::fingerprint::Hash;
use source::Location;
use source::object::{About, ObjectError, Place};

use super::folder::OWN;
use super::shelf::{Entry, Shelf};
use crate::outcome::Failure;

/// A prefix whose objects are loaded.
pub(super) struct Prefix {
    place: Place,
    own: Place,
}

impl Prefix {
    /// The prefix at `url`, where a claim can be made and removed.
    pub(super) fn open(url: &str) -> Result<Self, Failure> {
        let place =
            Place::open(url).map_err(|error| Failure::usage(format!("cannot watch {url}: {error}")))?;
        let prefix = Self { own: place.below(OWN), place };
        let probe = prefix.own.below(&format!("probe.{}", std::process::id()));
        let tried = prefix.place.probe().and_then(|()| probe.write(".")).and_then(|()| probe.remove());
        tried.map_err(|error| {
            Failure::unfinished(format!("cannot watch {}: {error}", prefix.place.url())).advise(
                "the user needs to list, read, write and delete objects there; claims and marks are kept below .crossfoot",
            )
        })?;
        Ok(prefix)
    }
}

fn io(error: ObjectError) -> io::Error {
    let kind = match error {
        ObjectError::NotFound => ErrorKind::NotFound,
        ObjectError::Exists => ErrorKind::AlreadyExists,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// An object has no number; its ETag tells one content from another, and of the ETag a part of its digest is kept. The
/// time is cut to seconds, because listings and heads give it to different digits.
fn stamp_of(about: &About) -> Stamp {
    let Hash(digest) = Hash::of(about.e_tag.as_deref().unwrap_or_default().as_bytes());
    let mut number = [0; 8];
    number.copy_from_slice(&digest[..8]);
    let modified_ns = about.modified_ns / 1_000_000_000 * 1_000_000_000;
    Stamp { bytes: about.bytes, modified_ns, inode: u64::from_be_bytes(number) }
}

impl Shelf for Prefix {
    fn shown(&self) -> String {
        self.place.url().into()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.below(name).url().into()
    }

    fn location(&self, name: &str) -> Location {
        Location::parse(self.place.below(name).url())
    }

    fn text(&self, name: &str, bytes_max: u64) -> io::Result<String> {
        let bytes = self.place.below(name).small(bytes_max).map_err(io)?;
        let bytes = bytes.ok_or_else(|| io(ObjectError::NotFound))?;
        String::from_utf8(bytes.to_vec()).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    fn destination(&self, path: &Path) -> Result<PathBuf, Failure> {
        let wrong = |what: &dyn std::fmt::Display| {
            Failure::usage(format!("cannot move objects to {}: {what}", path.display()))
        };
        let url = path.to_str().filter(|url| Location::is_object_url(url));
        let url = url.ok_or_else(|| wrong(&"name a prefix of the same bucket, as a URL"))?;
        let to = Place::open(url).map_err(|error| wrong(&error))?;
        if to.is(&self.place) {
            return Err(wrong(&"name a prefix other than the watched one"));
        }
        if !to.is_beside(&self.place) {
            return Err(wrong(&"it is in another bucket than the watched prefix"));
        }
        Ok(to.url().into())
    }

    fn entries(&self) -> io::Result<Vec<Entry>> {
        let found = self.place.list().map_err(io)?;
        let entry =
            |about: About| Entry { is_regular: true, stamp: Some(stamp_of(&about)), name: Some(about.name) };
        Ok(found.into_iter().map(entry).collect())
    }

    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>> {
        Ok(self.place.below(name).about().map_err(io)?.as_ref().map(stamp_of))
    }

    /// An object is moved by a copy that the store makes, and by its removal. A watcher that died between the two finds
    /// the copy: it has the same length and, where the store derives it from the content, the same ETag.
    fn move_one(&self, name: &str, to: &Path, new: &str) -> io::Result<bool> {
        let from = self.place.below(name);
        let here = from.about().map_err(io)?.ok_or_else(|| io(ObjectError::NotFound))?;
        let to = Place::open(&to.to_string_lossy()).map_err(io)?.below(new);
        match to.about().map_err(io)? {
            Some(there) if (there.bytes, &there.e_tag) == (here.bytes, &here.e_tag) => {}
            Some(_) => return Ok(false),
            None => from.copy(&to).map_err(io)?,
        }
        from.remove().map_err(io)?;
        Ok(true)
    }

    fn write_at(&self, to: &Path, name: &str, text: &str) -> io::Result<()> {
        let to = Place::open(&to.to_string_lossy()).map_err(io)?;
        to.below(name).write(text.to_owned()).map_err(io)
    }

    fn own_names(&self, start: &str) -> io::Result<Vec<String>> {
        let found = self.own.list().map_err(io)?;
        Ok(found.into_iter().map(|about| about.name).filter(|name| name.starts_with(start)).collect())
    }

    fn own_text(&self, name: &str, bytes_max: u64) -> io::Result<Option<String>> {
        let bytes = self.own.below(name).small(bytes_max).map_err(io)?;
        let text = bytes.map(|bytes| String::from_utf8(bytes.to_vec())).transpose();
        text.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    fn own_create(&self, name: &str, text: &str) -> io::Result<bool> {
        match self.own.below(name).create(text.to_owned()) {
            Err(ObjectError::Exists) => Ok(false),
            made => made.map(|()| true).map_err(io),
        }
    }

    fn own_write(&self, name: &str, text: &str) -> io::Result<()> {
        self.own.below(name).write(text.to_owned()).map_err(io)
    }

    fn own_touch(&self, name: &str) -> io::Result<()> {
        let text = self.own_text(name, u64::from(u16::MAX))?.ok_or_else(|| io(ObjectError::NotFound))?;
        self.own_write(name, &text)
    }

    fn own_remove(&self, name: &str) -> io::Result<()> {
        self.own.below(name).remove().map_err(io)
    }

    fn own_age_ms(&self, name: &str) -> io::Result<i64> {
        let about = |place: &Place| place.about().map_err(io)?.ok_or_else(|| io(ObjectError::NotFound));
        let written = about(&self.own.below(name))?;
        let probe = self.own.below(&format!("probe.{}", std::process::id()));
        probe.write(".").map_err(io)?;
        let now = about(&probe);
        drop(probe.remove());
        Ok((now?.modified_ns - written.modified_ns) / 1_000_000)
    }
}
