//! Where watched files lie: a folder, or a prefix of an object store. What is the same for both is above this.

use std::io;
use std::path::{Path, PathBuf};

use domain::arrival::Stamp;
use source::Location;

use crate::outcome::Failure;

/// One entry of a listing.
#[derive(Debug)]
pub(super) struct Entry {
    /// The entry's name; none if it is not UTF-8.
    pub(super) name: Option<String>,
    /// Whether it is a regular file, which a source must be.
    pub(super) is_regular: bool,
    /// The file's stamp, where the listing has it: a folder's has none, and is asked for those alone that matter.
    pub(super) stamp: Option<Stamp>,
}

/// Files by name, and beside them small files of the watchers' own. A name is one segment of a path.
///
/// All of this blocks.
pub(super) trait Shelf: Send + Sync {
    /// The place, as messages name it.
    fn shown(&self) -> String;

    /// Where the file of this name is: a path, or a URL.
    fn path(&self, name: &str) -> PathBuf;

    /// The source that is the file of this name.
    fn location(&self, name: &str) -> Location;

    /// The text of a small file, of at most `bytes_max` bytes.
    fn text(&self, name: &str, bytes_max: u64) -> io::Result<String>;

    /// A place that files can be moved to.
    fn destination(&self, path: &Path) -> Result<PathBuf, Failure>;

    /// Everything that lies here.
    fn entries(&self) -> io::Result<Vec<Entry>>;

    /// The stamp of the regular file of this name; none if there is none.
    fn stamp(&self, name: &str) -> io::Result<Option<Stamp>>;

    /// Moves a file to `to`, under the name `new`. `false`: something of that name is there, and was left. An error of
    /// kind `NotFound` says that the file itself is not there.
    fn move_one(&self, name: &str, to: &Path, new: &str) -> io::Result<bool>;

    /// Writes a text at `to`.
    fn write_at(&self, to: &Path, name: &str, text: &str) -> io::Result<()>;

    /// The names of the watchers' own files that begin with `start`.
    fn own_names(&self, start: &str) -> io::Result<Vec<String>>;

    /// The text of an own file of at most `bytes_max` bytes; none if there is none.
    fn own_text(&self, name: &str, bytes_max: u64) -> io::Result<Option<String>>;

    /// Makes an own file that did not exist: of several processes one succeeds, the others get `false`.
    fn own_create(&self, name: &str, text: &str) -> io::Result<bool>;

    /// Writes an own file, whole or not at all.
    fn own_write(&self, name: &str, text: &str) -> io::Result<()>;

    /// Sets the time of an own file, by the clock of the server that keeps it.
    fn own_touch(&self, name: &str) -> io::Result<()>;

    /// Removes an own file, if it is there.
    fn own_remove(&self, name: &str) -> io::Result<()>;

    /// How old an own file is by the clock of the server that keeps it, in milliseconds.
    fn own_age_ms(&self, name: &str) -> io::Result<i64>;
}
