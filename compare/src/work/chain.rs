//! The folder of a chain of comparisons that can be stopped and resumed.
//!
//! ```text
//! chain.json      which chain it is of, and each hop that has its verdict: what was compared, its event, its files
//! hop-NAME.json   the report of such a hop, as its event names it
//! hop-NAME        a folder of its own for each hop that has no verdict yet
//! lock            held by the process that compares
//! ```
//!
//! A hop's event comes before what the journal says of it: should the process end between both, the hop has its event
//! twice, and never none. What the journal says comes before the hop's list and evidence get their names: should the
//! process end there, the next one names them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use domain::comparison::{HopReport, LoadReport, TakenHop};
use domain::event::Event;
use domain::fingerprint::Hash;
use domain::report::LogHead;
use platform::files::read_small_text;
use serde::{Deserialize, Serialize};

use super::journal::{is_same, put, read, write};
use super::{LOCK, Work, entered, refused, unusable};
use crate::differences::DifferenceFile;
use crate::error::CompareError;
use crate::sort::KeptFile;

const JOURNAL: &str = "chain.json";
const NEW: &str = "chain.json.new";

/// How the names of everything begin that is of one hop.
const HOP: &str = "hop-";

/// The version of the journal.
const FORMAT: u32 = 1;

/// The longest report that is read.
const REPORT_MAX: u64 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    format: u32,
    chain: String,
    chain_digest: Hash,
    /// The hops that have their verdict, in the chain's order.
    hops: Vec<KeptHop>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptHop {
    name: String,
    taken: TakenHop,
    /// What was compared with what: what each value is, and the value.
    of: Vec<(String, String)>,
    event: Event,
    report: KeptFile,
    list: Option<KeptList>,
}

/// The list of a hop's differences.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptList {
    path: PathBuf,
    /// The file under the name that it has until there is a verdict.
    unfinished: PathBuf,
    file: KeptFile,
}

/// A hop that an earlier process compared.
#[derive(Debug)]
pub struct ChainHop {
    /// What it came to, with the event that says so.
    pub report: HopReport,
    /// The report's text, as the event names it.
    pub text: String,
    /// The event.
    pub event: Event,
}

/// A folder that keeps which hops of a chain have their verdict. Its files are the owner's alone.
#[derive(Debug)]
pub struct ChainWork {
    folder: PathBuf,
    /// Held as long as the process lives.
    _lock: File,
    journal: Journal,
    /// The number of this process.
    process: u32,
}

impl ChainWork {
    /// Opens the folder for the chain of this name, whose file has this digest, and makes it if it is not there.
    ///
    /// # Errors
    /// [`CompareError::Work`] when it is not a folder of this chain, others can read it, another process uses it, or
    /// its journal is damaged.
    pub fn open(folder: &Path, chain: &str, digest: Hash, hops: &[&str]) -> Result<Self, CompareError> {
        let (names, lock) = entered(folder, "no chain", &|name| {
            matches!(name, JOURNAL | NEW | LOCK) || name.starts_with(HOP)
        })?;
        let refuse = |reason: &str| refused(folder, reason);
        let journal = read::<Journal>(&folder.join(JOURNAL), FORMAT).map_err(|reason| refuse(&reason))?;
        let journal = match journal {
            Some(journal) => journal,
            None if names.iter().any(|name| name.starts_with(HOP)) => {
                return Err(refuse("it holds hops, and no journal says of which chain"));
            }
            None => {
                let begun =
                    Journal { format: FORMAT, chain: chain.into(), chain_digest: digest, hops: Vec::new() };
                begun.write(folder)?;
                begun
            }
        };
        if journal.chain_digest != digest {
            return Err(refuse(&format!(
                "it is of another chain: the SHA-256 of the chain file then: {}; now: {digest}",
                journal.chain_digest
            )));
        }
        if !journal.hops.iter().map(|hop| hop.name.as_str()).eq(hops.iter().copied().take(journal.hops.len()))
        {
            return Err(refuse("its journal has other hops"));
        }
        let own: Vec<_> = hops.iter().flat_map(|hop| [of_hop(hop), report_of(hop), new_of(hop)]).collect();
        if let Some(name) = names.iter().find(|name| name.starts_with(HOP) && !own.contains(*name)) {
            return Err(CompareError::Work(format!(
                "{} holds `{name}`, which no hop of the chain made; name another folder",
                folder.display()
            )));
        }
        let process = journal.hops.last().map_or(0, |hop| hop.taken.process) + 1;
        Ok(Self { folder: folder.to_owned(), _lock: lock, journal, process })
    }

    /// The folder of a hop that has no verdict yet.
    #[must_use]
    pub fn folder_of(&self, hop: &str) -> PathBuf {
        self.folder.join(of_hop(hop))
    }

    /// Whether the hop has its verdict.
    #[must_use]
    pub fn has(&self, hop: &str) -> bool {
        self.kept(hop).is_some()
    }

    fn kept(&self, hop: &str) -> Option<&KeptHop> {
        self.journal.hops.iter().find(|kept| kept.name == hop)
    }

    fn refused(&self, reason: &str) -> CompareError {
        refused(&self.folder, reason)
    }

    /// Notes that a hop has its verdict, and keeps its report. `text` is the report as the event names it; `list` is
    /// the list of its differences under the name that it has and the one that it gets.
    ///
    /// # Errors
    /// [`CompareError`] when it cannot be written.
    pub fn keep(
        &mut self,
        hop: &HopReport,
        (text, event): (&str, &Event),
        work: &Work,
        list: Option<(&Path, &Path)>,
    ) -> Result<(), CompareError> {
        fault::point!("chain.hop.noted");
        let name = report_of(&hop.name);
        put(text, &self.folder, &name, &new_of(&hop.name))?;
        let path = self.folder.join(&name);
        let report = KeptFile::of(&path, &File::open(&path)?)?;
        let list = list.map(|(unfinished, path)| {
            let file = KeptFile::of(unfinished, &File::open(unfinished)?)?;
            let (unfinished, path) = (unfinished.to_owned(), path.to_owned());
            Ok::<_, io::Error>(KeptList { path, unfinished, file })
        });
        let (began_at_ms, ended_at_ms) = hop.span();
        self.journal.hops.push(KeptHop {
            name: hop.name.clone(),
            taken: TakenHop { process: self.process, began_at_ms, ended_at_ms },
            of: work.of(),
            event: event.clone(),
            report,
            list: list.transpose()?,
        });
        self.journal.write(&self.folder)?;
        fault::point!("chain.hop.kept");
        Ok(())
    }

    /// The hop as an earlier process compared it, if `of` is what it compared with what. Its list gets its name, if it
    /// has none yet; `list` is the name that is asked for.
    ///
    /// # Errors
    /// [`CompareError::Work`] when something of it is not as it was written, or another comparison is asked for.
    pub fn taken(
        &self,
        hop: &str,
        of: &[(String, String)],
        list: Option<&Path>,
    ) -> Result<ChainHop, CompareError> {
        let Some(kept) = self.kept(hop) else { return Err(CompareError::Ended("the chain's journal")) };
        let refuse = |reason: &str| self.refused(&format!("hop `{hop}` was compared before, and {reason}"));
        is_same(&kept.of, of).map_err(|reason| refuse(&reason))?;
        kept.report.opened(&self.folder).map_err(|reason| refuse(&format!("its report {reason}")))?;
        let unread = |error: &dyn std::fmt::Display| refuse(&format!("its report cannot be read: {error}"));
        let text = read_small_text(&self.folder.join(report_of(hop)), REPORT_MAX);
        let text = text.map_err(|error| unread(&error))?;
        let mut report: LoadReport = serde_json::from_str(&text).map_err(|error| unread(&error))?;
        let event = kept.event.clone();
        report.log_head = Some(LogHead::Named { seq: event.seq, hash: event.hash });
        match (&kept.list, list) {
            (None, None) => {}
            (Some(kept), Some(path)) if kept.path == path => {
                kept.settle().map_err(|reason| refuse(&format!("its list of differences {reason}")))?;
            }
            (kept, _) => {
                let then = kept.as_ref().map_or_else(|| "nowhere".into(), |kept| shown(&kept.path));
                let now = list.map_or_else(|| "nowhere".into(), shown);
                return Err(refuse(&format!("its differences were listed in {then}, not in {now}")));
            }
        }
        let report = HopReport { name: hop.to_owned(), report, taken: Some(kept.taken) };
        Ok(ChainHop { report, text, event })
    }

    /// Removes the folder of a hop that has its verdict.
    ///
    /// # Errors
    /// [`CompareError::Work`] when it cannot be removed, or something else is in it.
    pub fn clear(&self, hop: &str) -> Result<(), CompareError> {
        let folder = self.folder_of(hop);
        if !folder.exists() {
            return Ok(());
        }
        let work = Work::open(&folder)?;
        work.finish().and_then(|()| fs::remove_dir(&folder)).map_err(|error| unusable(&folder, &error))
    }

    /// Removes the files: the chain has its verdict. The folder stays, and nothing is in it.
    ///
    /// # Errors
    /// What the system says; something is left then.
    pub fn finish(&self) -> io::Result<()> {
        // A journal of no hop comes first: reports that it does not name are no one's, should this be stopped.
        let Journal { format, chain, chain_digest, .. } = &self.journal;
        let begun =
            Journal { format: *format, chain: chain.clone(), chain_digest: *chain_digest, hops: Vec::new() };
        begun.write(&self.folder)?;
        for hop in &self.journal.hops {
            fs::remove_file(self.folder.join(&hop.report.name))?;
        }
        fs::remove_file(self.folder.join(JOURNAL))?;
        fs::remove_file(self.folder.join(LOCK))
    }
}

impl Journal {
    fn write(&self, folder: &Path) -> io::Result<()> {
        write(self, folder, JOURNAL, NEW)
    }
}

impl KeptList {
    /// Gives the list its name, unless an earlier process did. Says what is wrong if it is not what was written.
    fn settle(&self) -> Result<(), String> {
        let folder = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
        if self.path.exists() {
            let name = self.path.file_name().map(OsString::from).unwrap_or_default();
            self.file.renamed(&name.to_string_lossy()).opened(&folder(&self.path))?;
            // The process ended between both names.
            return match fs::remove_file(&self.unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
                _ => Ok(()),
            };
        }
        if !self.unfinished.exists() {
            return Err(format!("{} is not there", shown(&self.path)));
        }
        self.file.opened(&folder(&self.unfinished))?;
        DifferenceFile::settle(&self.unfinished, &self.path).map_err(|error| error.to_string())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn of_hop(hop: &str) -> String {
    format!("{HOP}{hop}")
}

fn report_of(hop: &str) -> String {
    format!("{HOP}{hop}.json")
}

fn new_of(hop: &str) -> String {
    format!("{HOP}{hop}.json.new")
}
