//! Where a source is.

use std::fmt;
use std::path::{Path, PathBuf};

use domain::visible::visible;
use platform::secret::without_secrets;

/// The schemes of URLs that name objects in a store: S3, Google Cloud Storage, Azure Blob Storage.
const OBJECT_SCHEMES: [&str; 6] = ["s3://", "s3a://", "gs://", "az://", "abfs://", "abfss://"];

/// Where a source is: a file's path, an object's URL, or standard input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location(Place);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Stdin,
    File(PathBuf),
    Object(String),
}

impl Location {
    /// What a command line says: `-` is standard input, a URL such as `s3://BUCKET/KEY` is an object, and everything
    /// else is a path (`./-` is the file of that name).
    #[must_use]
    pub fn parse(text: impl AsRef<Path>) -> Self {
        let text = text.as_ref();
        match text.to_str() {
            Some("-") => Self::stdin(),
            Some(url) if Self::is_object_url(url) => Self(Place::Object(url.into())),
            _ => Self::file(text),
        }
    }

    /// Whether a text names an object in a store.
    #[must_use]
    pub fn is_object_url(text: &str) -> bool {
        OBJECT_SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }

    /// The file at `path`, whatever its name.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// The source that is standard input.
    #[must_use]
    pub const fn stdin() -> Self {
        Self(Place::Stdin)
    }

    /// Whether it is standard input, which can be read only once.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        matches!(self.0, Place::Stdin)
    }

    /// What [`Location::parse`] takes: the path, made absolute where that is possible, the URL, or `-`.
    #[must_use]
    pub fn to_argument(&self) -> String {
        match &self.0 {
            Place::File(path) => {
                std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
            }
            Place::Object(url) => url.clone(),
            Place::Stdin => "-".into(),
        }
    }

    /// The file's path; `None` for standard input and for objects.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::File(path) => Some(path),
            Place::Object(_) | Place::Stdin => None,
        }
    }

    /// The object's URL; `None` for files and standard input.
    #[must_use]
    pub fn object_url(&self) -> Option<&str> {
        match &self.0 {
            Place::Object(url) => Some(url),
            Place::File(_) | Place::Stdin => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            // They name something of anybody's, and may say anything.
            Place::File(path) => f.pad(&visible(&without_secrets(&path.display().to_string()))),
            Place::Object(url) => f.pad(&visible(&without_secrets(url))),
            Place::Stdin => f.pad("standard input"),
        }
    }
}
