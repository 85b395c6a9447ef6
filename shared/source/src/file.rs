//! A source that was opened: its identity, its digest, and readers over it.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use domain::fingerprint::Hash;
use domain::travel::Shape;
use sha2::{Digest, Sha256};

use super::{Compression, Location, Reader, SourceError};

const BLOCK_BYTES: usize = 1 << 20;

/// What identifies a file or an object, to find out whether it is still the one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What tells it from another one at its place: a file's device and number on it, an object's ETag.
    pub one: String,
    /// Its length in bytes.
    pub length: u64,
    /// When it was modified, in nanoseconds since 1970-01-01 UTC.
    pub modified_ns: i64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            one: format!("{}:{}", metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        }
    }

    #[cfg(feature = "cloud")]
    fn of_object(about: &crate::object::About) -> Self {
        Self {
            one: about.e_tag.clone().unwrap_or_default(),
            length: about.bytes,
            modified_ns: about.modified_ns,
        }
    }
}

/// A source that was opened. The file stays open, so that digest and readers see the same file even when another one is
/// moved to its path; [`SourceFile::changed_since`] reports that.
#[derive(Debug)]
pub struct SourceFile {
    location: Location,
    compression: Compression,
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Stdin,
    /// A regular file, which can be read again.
    File(Arc<File>),
    /// A pipe or a device: it has no length, and can be read only once.
    Pipe(File),
    /// An object in a store, which can be read again.
    #[cfg(feature = "cloud")]
    Object(Box<crate::object::Object>),
}

impl SourceFile {
    /// Opens the source at `location`, to be read as `compression` says. Opening a named pipe waits for its writer.
    ///
    /// # Errors
    /// [`SourceError::NotFound`], [`SourceError::IsDirectory`], [`SourceError::NotReadable`] or
    /// [`SourceError::NoObjects`].
    pub fn open(location: Location, compression: Compression) -> Result<Self, SourceError> {
        if let Some(url) = location.object_url() {
            let stream = open_object(&location, url)?;
            return Ok(Self { location, compression, stream });
        }
        let Some(path) = location.path() else {
            return Ok(Self { location, compression, stream: Stream::Stdin });
        };
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((metadata, _)) if metadata.is_dir() => Err(SourceError::IsDirectory { location }),
            Ok((metadata, file)) => {
                let stream =
                    if metadata.is_file() { Stream::File(Arc::new(file)) } else { Stream::Pipe(file) };
                Ok(Self { location, compression, stream })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SourceError::NotFound { location }),
            Err(error) => Err(SourceError::NotReadable { location, error }),
        }
    }

    /// Where the source is.
    #[must_use]
    pub const fn location(&self) -> &Location {
        &self.location
    }

    /// Its length as it is stored, in bytes; `None` for what is no regular file and no object.
    #[must_use]
    pub fn bytes_on_disk(&self) -> Option<u64> {
        self.identity().map(|identity| identity.length)
    }

    /// What the open file is now, or the object was when it was opened; `None` for what is no regular file and no
    /// object.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        match &self.stream {
            Stream::File(file) => file.metadata().ok().as_ref().map(Identity::of),
            #[cfg(feature = "cloud")]
            Stream::Object(object) => Some(Identity::of_object(object.about())),
            Stream::Stdin | Stream::Pipe(_) => None,
        }
    }

    /// How the file at this path differs from what it was `before`, in words that follow its name: `None` when it
    /// does not, and for standard input, which has no path to look at.
    #[must_use]
    pub fn changed_since(&self, before: &Identity) -> Option<String> {
        let now = match self.at_its_place()? {
            Ok(Some(now)) => now,
            Ok(None) => return Some("it no longer exists".into()),
            Err(error) => return Some(format!("it can no longer be accessed: {error}")),
        };
        if now.one != before.one {
            Some("it was replaced by another file".into())
        } else if now.length != before.length {
            Some(format!("its length changed from {} to {} bytes", before.length, now.length))
        } else if now.modified_ns != before.modified_ns {
            Some("its modification time changed".into())
        } else {
            None
        }
    }

    /// What is at the location now: nothing, or something that has this identity. `None` for what has no place.
    fn at_its_place(&self) -> Option<io::Result<Option<Identity>>> {
        #[cfg(feature = "cloud")]
        if let Stream::Object(object) = &self.stream {
            let now = object.now().map_err(io::Error::other);
            return Some(now.map(|about| about.as_ref().map(Identity::of_object)));
        }
        Some(match fs::metadata(self.location.path()?) {
            Ok(metadata) => Ok(Some(Identity::of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// What can be read again, from its beginning.
    fn again(&self) -> Option<Box<dyn Read + Send>> {
        match &self.stream {
            Stream::File(file) => Some(Box::new(FromStart { file: Arc::clone(file), offset: 0 })),
            #[cfg(feature = "cloud")]
            Stream::Object(object) => Some(Box::new(object.reader())),
            Stream::Stdin | Stream::Pipe(_) => None,
        }
    }

    /// What the source is to those who would read a part of it, by its kind and its first bytes.
    ///
    /// # Errors
    /// When the first bytes cannot be read, or are not compressed in the way that was asked for.
    pub fn shape(&self) -> Result<Shape, SourceError> {
        let Some(bytes) = self.again() else { return Ok(Shape::Stream) };
        let reader = Reader::new(self.location.clone(), bytes, self.compression)?;
        Ok(if reader.is_compressed() { Shape::Compressed } else { Shape::Plain })
    }

    /// SHA-256 of the bytes as they are stored. Between blocks of 1 MiB, `stop` says whether to give up, and
    /// `progress` receives the number of bytes done.
    ///
    /// # Errors
    /// [`SourceError::NotRepeatable`] for what is no regular file, [`SourceError::Stopped`], [`SourceError::Read`].
    pub fn sha256(&self, stop: &dyn Fn() -> bool, progress: &dyn Fn(u64)) -> Result<Hash, SourceError> {
        let location = || self.location.clone();
        let mut bytes = self.again().ok_or_else(|| SourceError::NotRepeatable { location: location() })?;
        let mut offset = 0;
        let mut block = vec![0; BLOCK_BYTES];
        let mut hasher = Sha256::new();
        loop {
            if stop() {
                return Err(SourceError::Stopped { location: location() });
            }
            match bytes.read(&mut block) {
                Ok(0) => return Ok(Hash(hasher.finalize().into())),
                Ok(read) => {
                    hasher.update(&block[..read]);
                    offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(SourceError::Read { location: location(), offset, error }),
            }
            progress(offset);
        }
    }

    /// A reader of the content. A regular file or an object may have several readers, each from the beginning; on
    /// standard input and pipes, a second reader would continue where the first stopped, so take only one.
    ///
    /// # Errors
    /// When the first bytes cannot be read, or are not compressed in the way that was asked for.
    pub fn reader(&self) -> Result<Reader, SourceError> {
        let stream: Box<dyn Read + Send> = match &self.stream {
            Stream::Stdin => Box::new(io::stdin()),
            Stream::File(file) => Box::new(FromStart { file: Arc::clone(file), offset: 0 }),
            #[cfg(feature = "cloud")]
            Stream::Object(object) => Box::new(object.reader()),
            Stream::Pipe(file) => Box::new(
                file.try_clone()
                    .map_err(|error| SourceError::NotReadable { location: self.location.clone(), error })?,
            ),
        };
        Reader::new(self.location.clone(), stream, self.compression)
    }
}

#[cfg(feature = "cloud")]
fn open_object(location: &Location, url: &str) -> Result<Stream, SourceError> {
    match crate::object::Object::open(url) {
        Ok(object) => Ok(Stream::Object(Box::new(object))),
        Err(crate::object::ObjectError::NotFound) => {
            Err(SourceError::NotFound { location: location.clone() })
        }
        Err(error) => {
            Err(SourceError::NotReadable { location: location.clone(), error: io::Error::other(error) })
        }
    }
}

#[cfg(not(feature = "cloud"))]
fn open_object(location: &Location, _url: &str) -> Result<Stream, SourceError> {
    Err(SourceError::NoObjects { location: location.clone() })
}

/// Reads a shared file by offsets of its own: handles made by `try_clone` would share theirs.
struct FromStart {
    file: Arc<File>,
    offset: u64,
}

impl Read for FromStart {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(out, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}
