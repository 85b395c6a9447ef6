//! Claims on files: of several watchers one takes a file.
//!
//! The claims on a file are numbered files, and the highest number holds. Each is made as a file that did not exist,
//! which file systems and shares (NFS since version 3) let one process do. A claim whose process has ended is replaced
//! by the next number, so that of several that saw it end one succeeds. The age of a claim is the difference of two
//! times that the same file server set; the clocks of hosts are not compared. A claim keeps watchers out of each
//! other's way, no more: that no source is loaded twice is the store's to ensure.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use coordinator::context::is_dead_here;
use domain::arrival::{CLAIM_RENEWED_MS, may_take_over};
use tokio::task::JoinHandle;

/// The longest signature of a claim.
const SIGNATURE_BYTES_MAX: u64 = 4096;

/// What came of an attempt to claim a file.
pub(super) enum Taken {
    /// The file is this process's.
    Mine(Claim),
    /// Another process, which signs so, has the file.
    Theirs(String),
}

/// A claim on a file, renewed until it is released.
pub(super) struct Claim {
    path: PathBuf,
    number: u64,
    name: String,
    /// Whether it replaced the claim of a process that ended.
    pub(super) took_over: bool,
    renewing: Option<JoinHandle<()>>,
}

impl Claim {
    /// Renews the claim from now on.
    pub(super) fn renew(&mut self) {
        let path = self.path.clone();
        self.renewing = Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(CLAIM_RENEWED_MS)).await;
                let path = path.clone();
                if let Ok(Err(error)) = platform::inline::run(move || touch(&path)).await {
                    tracing::warn!(%error, "cannot renew the claim on a watched file");
                }
            }
        }));
    }

    /// Whether no other process has taken it over.
    pub(super) fn holds(&self) -> bool {
        let Some(own) = self.path.parent() else { return false };
        highest(own, &self.name).is_ok_and(|number| number == Some(self.number))
    }

    /// Gives the claim up.
    pub(super) fn release(self) {
        // Dropping it does.
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
        drop(std::fs::remove_file(&self.path));
    }
}

fn path(own: &Path, name: &str, number: u64) -> PathBuf {
    own.join(format!("{name}.claim.{number}"))
}

/// The number of the claim that holds; none if there is none.
fn highest(own: &Path, name: &str) -> io::Result<Option<u64>> {
    let start = format!("{name}.claim.");
    let mut highest = None;
    for entry in own.read_dir()? {
        let found = entry?.file_name();
        let number = found.to_str().and_then(|found| found.strip_prefix(&start)?.parse::<u64>().ok());
        highest = highest.max(number);
    }
    Ok(highest)
}

/// Sets the time of a claim by writing to it: the file server's clock sets it.
fn touch(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut first = [0; 1];
    file.read_exact(&mut first)?;
    io::Seek::rewind(&mut file)?;
    file.write_all(&first)?;
    file.sync_all()
}

/// How old a claim is by the file server's clock, in milliseconds.
fn age_ms(own: &Path, claim: &File) -> io::Result<i64> {
    let probe = own.join(format!("probe.{}", std::process::id()));
    let mut file = File::create(&probe)?;
    file.write_all(b".")?;
    file.sync_all()?;
    let now = file.metadata()?.modified()?;
    drop(std::fs::remove_file(&probe));
    let since = now.duration_since(claim.metadata()?.modified()?);
    Ok(since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// Claims the file `name` with a claim in the folder `own`.
pub(super) fn take(own: &Path, name: &str, owner: &str) -> io::Result<Taken> {
    let before = highest(own, name)?;
    let mut took_over = false;
    if let Some(number) = before {
        let mut claim = match File::open(path(own, name, number)) {
            // Released since: the next look finds out.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Taken::Theirs(String::new())),
            opened => opened?,
        };
        let mut holder = String::new();
        (&mut claim).take(SIGNATURE_BYTES_MAX).read_to_string(&mut holder)?;
        if !may_take_over(is_dead_here(&holder), age_ms(own, &claim)?) {
            return Ok(Taken::Theirs(holder));
        }
        took_over = true;
    }
    let number = before.map_or(1, |number| number.saturating_add(1));
    let path = path(own, name, number);
    let mut made = match OpenOptions::new().write(true).create_new(true).open(&path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Taken::Theirs(String::new())),
        made => made?,
    };
    let claim = Claim { path, number, name: name.into(), took_over, renewing: None };
    made.write_all(owner.as_bytes())?;
    made.sync_all()?;
    if let Some(number) = before {
        drop(std::fs::remove_file(self::path(own, name, number)));
    }
    Ok(Taken::Mine(claim))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn mine(taken: io::Result<Taken>) -> Option<Claim> {
        match taken.unwrap() {
            Taken::Mine(claim) => Some(claim),
            Taken::Theirs(_) => None,
        }
    }

    #[test]
    fn one_of_many_takes_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let claims: Vec<_> = std::thread::scope(|scope| {
            let take = || mine(take(dir.path(), "a.csv", "me@vm pid 1"));
            let all: Vec<_> = (0..16).map(|_| scope.spawn(take)).collect();
            all.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(claims.len(), 1);
        assert!(claims[0].holds() && !claims[0].took_over);
        assert!(mine(take(dir.path(), "a.csv", "other")).is_none());
        // Names that begin alike are others.
        assert!(mine(take(dir.path(), "a.csv.claim", "other")).is_some());
        drop(claims);
        assert!(mine(take(dir.path(), "a.csv", "other")).is_some());
    }

    #[test]
    fn a_claim_that_is_not_renewed_is_taken_over_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let lost = mine(take(dir.path(), "a.csv", "me@elsewhere pid 1")).unwrap();
        assert!(mine(take(dir.path(), "a.csv", "other")).is_none());
        let file = OpenOptions::new().write(true).open(&lost.path).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - Duration::from_secs(119)).unwrap();
        assert!(mine(take(dir.path(), "a.csv", "other")).is_none());
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        touch(&lost.path).unwrap();
        assert!(mine(take(dir.path(), "a.csv", "other")).is_none(), "renewed");
        file.set_modified(now - Duration::from_secs(121)).unwrap();
        let claims: Vec<_> = std::thread::scope(|scope| {
            let take = || mine(take(dir.path(), "a.csv", "me@vm pid 1"));
            let all: Vec<_> = (0..16).map(|_| scope.spawn(take)).collect();
            all.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(claims.len(), 1);
        assert!(claims[0].took_over && claims[0].holds() && !lost.holds());
        // The one that lost it takes nothing of the new one away.
        drop(lost);
        assert!(claims[0].holds());
    }
}
