//! Where a source is.

use std::fmt;
use std::path::{Path, PathBuf};

use domain::visible::visible;
use platform::secret::without_secrets;

/// Where a source is: a file's path, or standard input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    path: Option<PathBuf>,
}

impl Location {
    /// What a command line says: `-` is standard input, everything else is a path (`./-` is the file of that name).
    #[must_use]
    pub fn parse(text: impl AsRef<Path>) -> Self {
        if text.as_ref().as_os_str() == "-" { Self::stdin() } else { Self::file(text.as_ref()) }
    }

    /// The file at `path`, whatever its name.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()) }
    }

    /// The source that is standard input.
    #[must_use]
    pub const fn stdin() -> Self {
        Self { path: None }
    }

    /// Whether it is standard input, which can be read only once.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        self.path.is_none()
    }

    /// What [`Location::parse`] takes: the path, made absolute where that is possible, or `-`.
    #[must_use]
    pub fn to_argument(&self) -> String {
        match &self.path {
            Some(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string(),
            None => "-".into(),
        }
    }

    /// The file's path; `None` for standard input.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            // It names a file of anybody's, and may say anything.
            Some(path) => f.pad(&visible(&without_secrets(&path.display().to_string()))),
            None => f.pad("standard input"),
        }
    }
}
