//! Claims on files: of several watchers one takes a file.
//!
//! The claims on a file are numbered files, and the highest number holds. Each is made as a file that did not exist,
//! which file systems, shares (NFS since version 3) and object stores let one process do. A claim whose process has
//! ended is replaced by the next number, so that of several that saw it end one succeeds. The age of a claim is the
//! difference of two times that the same server set; the clocks of hosts are not compared. A claim keeps watchers out
//! of each other's way, no more: that no source is loaded twice is the store's to ensure.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use coordinator::context::is_dead_here;
use domain::arrival::{CLAIM_RENEWED_MS, may_take_over};
use tokio::task::JoinHandle;

use super::shelf::Shelf;

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
    shelf: Arc<dyn Shelf>,
    number: u64,
    name: String,
    /// Whether it replaced the claim of a process that ended.
    pub(super) took_over: bool,
    renewing: Option<JoinHandle<()>>,
}

impl Claim {
    /// Renews the claim from now on.
    pub(super) fn renew(&mut self) {
        let (shelf, own) = (Arc::clone(&self.shelf), own(&self.name, self.number));
        self.renewing = Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(CLAIM_RENEWED_MS)).await;
                let (shelf, own) = (Arc::clone(&shelf), own.clone());
                if let Ok(Err(error)) = platform::inline::run(move || shelf.own_touch(&own)).await {
                    tracing::warn!(%error, "cannot renew the claim on a watched file");
                }
            }
        }));
    }

    /// Whether no other process has taken it over.
    pub(super) fn holds(&self) -> bool {
        highest(&*self.shelf, &self.name).is_ok_and(|number| number == Some(self.number))
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
        drop(self.shelf.own_remove(&own(&self.name, self.number)));
    }
}

fn own(name: &str, number: u64) -> String {
    format!("{name}.claim.{number}")
}

/// The number of the claim that holds; none if there is none.
fn highest(shelf: &dyn Shelf, name: &str) -> io::Result<Option<u64>> {
    let start = format!("{name}.claim.");
    let names = shelf.own_names(&start)?;
    Ok(names.iter().filter_map(|found| found.strip_prefix(&start)?.parse::<u64>().ok()).max())
}

/// Claims the file `name` for the process that signs as `owner`.
pub(super) fn take(shelf: &Arc<dyn Shelf>, name: &str, owner: &str) -> io::Result<Taken> {
    let before = highest(&**shelf, name)?;
    let mut took_over = false;
    if let Some(number) = before {
        let claim = own(name, number);
        // Released since, or since its text was read: the next look finds out.
        let Some(holder) = shelf.own_text(&claim, SIGNATURE_BYTES_MAX)? else {
            return Ok(Taken::Theirs(String::new()));
        };
        let age_ms = match shelf.own_age_ms(&claim) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Taken::Theirs(holder)),
            age => age?,
        };
        if !may_take_over(is_dead_here(&holder), age_ms) {
            return Ok(Taken::Theirs(holder));
        }
        took_over = true;
    }
    let number = before.map_or(1, |number| number.saturating_add(1));
    if !shelf.own_create(&own(name, number), owner)? {
        return Ok(Taken::Theirs(String::new()));
    }
    let claim = Claim { shelf: Arc::clone(shelf), number, name: name.into(), took_over, renewing: None };
    if let Some(number) = before {
        drop(shelf.own_remove(&own(name, number)));
    }
    Ok(Taken::Mine(claim))
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::path::Path;
    use std::time::SystemTime;

    use super::super::folder::Folder;
    use super::*;

    fn mine(taken: io::Result<Taken>) -> Option<Claim> {
        match taken.unwrap() {
            Taken::Mine(claim) => Some(claim),
            Taken::Theirs(_) => None,
        }
    }

    fn shelf(dir: &Path) -> Arc<dyn Shelf> {
        Arc::new(Folder::open(dir).unwrap())
    }

    #[test]
    fn one_of_many_takes_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(dir.path());
        let claims: Vec<_> = std::thread::scope(|scope| {
            let take = || mine(take(&shelf, "a.csv", "me@vm pid 1"));
            let all: Vec<_> = (0..16).map(|_| scope.spawn(take)).collect();
            all.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(claims.len(), 1);
        assert!(claims[0].holds() && !claims[0].took_over);
        assert!(mine(take(&shelf, "a.csv", "other")).is_none());
        // Names that begin alike are others.
        assert!(mine(take(&shelf, "a.csv.claim", "other")).is_some());
        drop(claims);
        assert!(mine(take(&shelf, "a.csv", "other")).is_some());
    }

    #[test]
    fn a_claim_that_is_not_renewed_is_taken_over_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = shelf(dir.path());
        let lost = mine(take(&shelf, "a.csv", "me@elsewhere pid 1")).unwrap();
        assert!(mine(take(&shelf, "a.csv", "other")).is_none());
        let own = own("a.csv", lost.number);
        let file = OpenOptions::new().write(true).open(dir.path().join(".crossfoot").join(&own)).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - Duration::from_secs(119)).unwrap();
        assert!(mine(take(&shelf, "a.csv", "other")).is_none());
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        shelf.own_touch(&own).unwrap();
        assert!(mine(take(&shelf, "a.csv", "other")).is_none(), "renewed");
        file.set_modified(now - Duration::from_secs(121)).unwrap();
        let claims: Vec<_> = std::thread::scope(|scope| {
            let take = || mine(take(&shelf, "a.csv", "me@vm pid 1"));
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
