//! Files beside the source: small ones that are read whole, and ones that only their owner may read.
//!
//! A job file, a copybook or a key is a regular file of a few kilobytes. What is none (a device, a pipe that nobody
//! writes into, a file of gigabytes that was named by mistake) must neither fill the memory nor be waited for.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use domain::words::{grouped, plural};

/// Job files, settings, declarations, proofs.
pub const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Copybooks: they are kept with the job, and travel with it.
pub const COPYBOOK_BYTES_MAX: u64 = 1 << 20;

/// Lookup tables, one and all of a job together: they are kept with the job, and travel with it.
pub const LOOKUP_BYTES_MAX: u64 = 1 << 20;

/// One record, as `prove` writes it: no message that carries it is longer.
pub const RECORD_BYTES_MAX: u64 = 16 << 20;

/// A file of checkpoints, of which each takes some 300 bytes.
pub const CHECKPOINTS_BYTES_MAX: u64 = 256 << 20;

/// The most bytes that a key, password or certificate has.
pub const KEY_BYTES_MAX: u64 = 1 << 20;

/// Read and written by its owner alone.
const PRIVATE: u32 = 0o600;

/// Opens a file to read it, if it is a regular one.
///
/// # Errors
/// As the system says, or that it is a directory, a device, a pipe.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let regular = |metadata: std::fs::Metadata| {
        let kind = metadata.file_type();
        let what = match () {
            () if kind.is_file() => return Ok(()),
            () if kind.is_dir() => "a directory",
            () if kind.is_fifo() => "a named pipe",
            () if kind.is_socket() => "a socket",
            () => "a device",
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
    };
    // Asked before it is opened, which would wait for a pipe's writer; and of what was opened.
    regular(std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    regular(file.metadata()?)?;
    Ok(file)
}

/// The content of a regular file of at most `bytes_max` bytes.
///
/// # Errors
/// As [`open_regular`], or that it is longer.
pub fn read_small_file(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let too_long = |bytes: u64| {
        let said = format!(
            "it has {} or more; files of this kind are limited to {}",
            plural(bytes, "byte"),
            grouped(bytes_max)
        );
        io::Error::new(io::ErrorKind::FileTooLarge, said)
    };
    let length = file.metadata()?.len();
    if length > bytes_max {
        return Err(too_long(length));
    }
    let mut content = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut content)?;
    // It grew meanwhile, or is one of those whose length the system does not know.
    if content.len() as u64 > bytes_max { Err(too_long(content.len() as u64)) } else { Ok(content) }
}

/// As [`read_small_file`], of a text.
///
/// # Errors
/// As [`read_small_file`], or that it is not UTF-8.
pub fn read_small_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    String::from_utf8(read_small_file(path, bytes_max)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("it is not valid UTF-8 (byte {at})"))
    })
}

/// Makes a file that only its owner may read, whatever the process's file mode mask; one that is there is emptied,
/// and keeps its mode.
///
/// # Errors
/// As the system says.
pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(PRIVATE).open(path)
}

/// As [`create_private`], unless there is one.
///
/// # Errors
/// As the system says.
pub fn create_new_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
}

/// The mode of a file that others than its owner may read or write, in octal digits.
#[must_use]
pub fn open_to_others(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.mode();
    (mode & 0o077 != 0).then(|| format!("{:04o}", mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_no_small_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("small"), "abc").unwrap();
        File::create(path("huge")).unwrap().set_len(10 << 30).unwrap();
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        assert_eq!(read_small_text(&path("small"), 3).unwrap(), "abc");
        for (name, bound, says) in [
            ("small", 2, "limited to 2"),
            ("huge", TEXT_BYTES_MAX, "it has 10,737,418,240 bytes"),
            ("pipe", 10, "a named pipe, not a regular file"),
            (".", 10, "a directory, not a regular file"),
            ("/dev/zero", 10, "a device, not a regular file"),
            ("nowhere", 10, "No such file"),
        ] {
            let error = read_small_file(&path(name), bound).unwrap_err();
            assert!(error.to_string().contains(says), "{name}: {error}");
        }
        std::fs::write(path("binary"), b"ab\xff").unwrap();
        assert!(read_small_text(&path("binary"), 9).unwrap_err().to_string().contains("byte 2"));
    }

    #[test]
    fn a_private_file_is_its_owners_alone_and_one_that_is_there_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        create_private(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(open_to_others(&path), None);
        assert!(create_new_private(&path).is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        create_private(&path).unwrap();
        assert_eq!(open_to_others(&path).as_deref(), Some("0640"));
    }
}
