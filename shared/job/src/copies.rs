//! A copybook's text with the copybooks that it copies, which lie in folders.

use std::path::{Path, PathBuf};

use format::copybook::{ReferenceFormat, copies};
use platform::files::{COPYBOOK_BYTES_MAX, read_small_text};

/// How the name of a copied copybook may go on.
const EXTENSIONS: [&str; 9] = ["", ".cpy", ".CPY", ".cbl", ".CBL", ".cob", ".COB", ".copy", ".COPY"];

/// The text of the copybook at `path` with all that it copies. `folders` are searched after the copybook's own.
///
/// # Errors
/// In words: the copybook, or one that it copies, cannot be found, read or understood.
pub fn copybook(path: &Path, format: ReferenceFormat, folders: &[PathBuf]) -> Result<String, String> {
    let text = read_small_text(path, COPYBOOK_BYTES_MAX).map_err(|error| error.to_string())?;
    let own = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let all: Vec<&PathBuf> = std::iter::once(&own).chain(folders).collect();
    let mut read = |name: &str| {
        let found = all.iter().find_map(|folder| candidate(folder, name)).ok_or_else(|| {
            let folders: Vec<_> = all.iter().map(|folder| shown(folder)).collect();
            format!(
                "cannot find the copybook `{name}` in {}; name its folder in copybook_folders under [source] (for \
                 `crossfoot init`: --copy-folder)",
                folders.join(", ")
            )
        })?;
        read_small_text(&found, COPYBOOK_BYTES_MAX).map_err(|error| format!("{}: {error}", found.display()))
    };
    let expanded = copies::expanded(&text, format, &mut read)?;
    match expanded.len() as u64 > COPYBOOK_BYTES_MAX {
        true => Err(format!("with all that it copies, it is longer than {COPYBOOK_BYTES_MAX} bytes")),
        false => Ok(expanded),
    }
}

fn shown(folder: &Path) -> String {
    if folder.as_os_str().is_empty() { ".".into() } else { folder.display().to_string() }
}

/// The file that `name` means in a folder. A name has no `..` and no root in it.
fn candidate(folder: &Path, name: &str) -> Option<PathBuf> {
    let names = [name.to_owned(), name.to_ascii_lowercase(), name.to_ascii_uppercase()];
    let files =
        names.iter().flat_map(|name| EXTENSIONS.iter().map(move |extension| format!("{name}{extension}")));
    files.map(|file| folder.join(file)).find(|path| path.is_file())
}
