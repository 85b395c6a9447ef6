//! Notes of the log's head, kept where a writer of the database cannot reach: a file, the system's log.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use domain::checkpoint::{Checkpoint, Noted};
use platform::files::{CHECKPOINTS_BYTES_MAX, read_small_text};
use thiserror::Error;

/// Facility 13 (log audit), severity 5 (notice); RFC 5424, 6.2.1.
const PRIORITY: u8 = 13 * 8 + 5;

/// Where heads are noted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoints {
    /// What the store is called there.
    pub store: String,
    /// A file to which a line of JSON is appended for each.
    pub file: Option<PathBuf>,
    /// The socket of the system's log.
    pub syslog: Option<PathBuf>,
    /// This host, for the system's log.
    pub host: String,
}

/// Why a file of checkpoints cannot be used.
#[derive(Debug, Error)]
pub enum CheckpointsError {
    /// It cannot be read.
    #[error("cannot read the checkpoints {}: {error}", path.display())]
    Unreadable {
        /// The checkpoint file that could not be read.
        path: PathBuf,
        /// What the system said when the file was read.
        error: io::Error,
    },
    /// A line is no checkpoint: it was damaged, or the file is another.
    #[error("line {line} of {} is not a checkpoint: {error}", path.display())]
    NoCheckpoint {
        /// The checkpoint file with the bad line.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why the line cannot be parsed as a checkpoint.
        error: serde_json::Error,
    },
}

/// A line of a checkpoint file that says of which store it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The name of the store that the checkpoint is of.
    pub store: String,
    /// The head, and the line's number.
    pub noted: Noted,
}

/// The lines of a checkpoint file.
///
/// # Errors
/// [`CheckpointsError`]; a line that is not understood is one, or a note could be made to vanish by damaging it.
pub fn read(path: &Path) -> Result<Vec<Line>, CheckpointsError> {
    let unreadable = |error| CheckpointsError::Unreadable { path: path.into(), error };
    let text = read_small_text(path, CHECKPOINTS_BYTES_MAX).map_err(unreadable)?;
    let mut lines = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let checkpoint: Checkpoint = serde_json::from_str(text)
            .map_err(|error| CheckpointsError::NoCheckpoint { path: path.into(), line, error })?;
        lines
            .push(Line { store: checkpoint.store, noted: Noted { line: Some(line), head: checkpoint.head } });
    }
    Ok(lines)
}

impl Checkpoints {
    /// Whether heads are noted nowhere.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.file.is_none() && self.syslog.is_none()
    }

    /// Notes one, wherever it is to be noted; returns where that failed, and why.
    pub(crate) fn write(&self, checkpoint: &Checkpoint) -> Vec<String> {
        let text = match serde_json::to_string(checkpoint) {
            Ok(text) => text,
            Err(error) => return vec![error.to_string()],
        };
        let failed = |place: &Path, done: io::Result<()>| {
            done.err().map(|error| format!("{}: {error}", place.display()))
        };
        let to_file = self.file.as_deref().and_then(|path| failed(path, append(path, &text)));
        let to_syslog = self
            .syslog
            .as_deref()
            .and_then(|socket| failed(socket, send(socket, &self.syslog_message(checkpoint, &text))));
        to_file.into_iter().chain(to_syslog).collect()
    }

    /// RFC 5424, 6: version 1, time, host, application, process, kind of message, no structured data, the message.
    fn syslog_message(&self, checkpoint: &Checkpoint, text: &str) -> String {
        let plain = |c: &char| c.is_ascii_graphic();
        let host: String = self.host.chars().filter(plain).take(255).collect();
        let host = if host.is_empty() { "-" } else { &host };
        format!("<{PRIORITY}>1 {} {host} crossfoot {} checkpoint - {text}", checkpoint.at, std::process::id())
    }
}

/// One write, so that processes which append at the same time do not mix their lines; and it is on the disk before
/// anything is told of it.
fn append(path: &Path, text: &str) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_all()?;
    // A new file's name is on the disk when its folder is.
    match path.parent() {
        Some(folder) if is_new && !folder.as_os_str().is_empty() => std::fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn send(socket: &Path, message: &str) -> io::Result<()> {
    let sent = UnixDatagram::unbound()?.send_to(message.as_bytes(), socket)?;
    if sent == message.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

#[cfg(test)]
mod tests {
    use domain::checkpoint::Head;
    use domain::fingerprint::Hash;

    use super::*;

    fn checkpoint(seq: u64) -> Checkpoint {
        Checkpoint {
            at: "2024-02-29T13:45:00.123Z".into(),
            store: "sqlite:/data/a \"b\".db".into(),
            head: Head { seq, hash: Hash::of(&[7]) },
            run: Some("r".into()),
            what: "promoted".into(),
            by: "anna@desk".into(),
        }
    }

    #[test]
    fn checkpoints_are_appended_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints.jsonl");
        let to = Checkpoints { file: Some(path.clone()), ..Checkpoints::default() };
        for seq in [3, 5] {
            assert_eq!(to.write(&checkpoint(seq)), Vec::<String>::new());
        }
        let lines = read(&path).unwrap();
        assert_eq!(lines.iter().map(|line| line.noted.head.seq).collect::<Vec<_>>(), [3, 5]);
        assert_eq!(lines[1].noted.line, Some(2));
        assert_eq!(lines[0].store, checkpoint(3).store);
        // A damaged line is no line that is skipped.
        let text = std::fs::read_to_string(&path).unwrap().replacen("\"head\"", "\"heed\"", 1);
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.starts_with("line 1 of"), "{error}");
    }

    #[test]
    fn a_checkpoint_that_cannot_be_written_says_where_and_why() {
        let folder = tempfile::tempdir().unwrap();
        let to = Checkpoints {
            file: Some(folder.path().join("no/such/folder/c")),
            syslog: Some(folder.path().join("no-socket")),
            ..Checkpoints::default()
        };
        let failures = to.write(&checkpoint(3));
        assert_eq!(failures.len(), 2, "{failures:?}");
        assert!(failures[0].contains("no/such/folder") && failures[1].contains("no-socket"), "{failures:?}");
    }

    #[test]
    fn the_system_s_log_is_told_in_its_own_form() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("log");
        let log = UnixDatagram::bind(&socket).unwrap();
        let to = Checkpoints { syslog: Some(socket), host: "desk".into(), ..Checkpoints::default() };
        assert_eq!(to.write(&checkpoint(3)), Vec::<String>::new());
        let mut buffer = [0; 2048];
        let length = log.recv(&mut buffer).unwrap();
        let message = std::str::from_utf8(&buffer[..length]).unwrap();
        let head =
            format!("<109>1 2024-02-29T13:45:00.123Z desk crossfoot {} checkpoint - {{", std::process::id());
        assert!(message.starts_with(&head), "{message}");
        assert!(message.contains(&format!("\"head\":\"3:{}\"", Hash::of(&[7]))), "{message}");
    }
}
