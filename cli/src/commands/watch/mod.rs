//! `watch`: loads the files that arrive in a folder, or below a prefix of an object store.

mod claim;
mod folder;
mod one;
#[cfg(feature = "cloud")]
mod prefix;
mod shelf;
mod watched;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::arrival::{Arrival, Rest, Skip, Wanted, arrival};
use domain::words::plural;
use platform::backoff::Backoff;
use source::Location;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::context::read_job;
use super::run::signal;
use crate::args::{Global, Watch};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json_line, remark};
use crate::printed::watch::{WatchedFile, WatchedOutcome};
use crate::wiring;
use folder::Folder;
use one::{Loader, Step};
use shelf::Shelf;
use watched::{Candidate, Listed, Watched};

/// The pauses before a file is tried again grow from this to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Runs `crossfoot watch`: loads the files of a folder as they arrive, or those that are there.
pub(crate) async fn watch(global: &Global, args: &Watch) -> Result<Done, Failure> {
    let settings = wiring::settings(global, Some(&args.fleet()))?;
    let job = read_job(&args.job)?;
    let wanted = Wanted {
        pattern: args.pattern.clone(),
        trigger: args.trigger.clone(),
        control: args.declared.clone(),
    };
    let shelf = shelf(&args.folder)?;
    let destination =
        |dir: &Option<std::path::PathBuf>| dir.as_deref().map(|dir| shelf.destination(dir)).transpose();
    let (done, failed) = (destination(&args.done)?, destination(&args.failed)?);
    let store = wiring::store(&settings, true).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let (stopping, stop) = (CancellationToken::new(), CancellationToken::new());
    let listener = tokio::spawn(listen(stopping.clone(), stop.clone()));
    let files = Watched::new(shelf, wanted);
    files.forget_missing();
    if !args.once {
        let path = files.shelf.shown();
        remark(&format!("watching {path} for job {}; stop with SIGTERM or Ctrl-C", job.name));
    }
    let loader = Loader { global, args, settings, store, coordinator, job, files, done, failed, stop };
    let ended = Looking::new(&loader, stopping).run().await;
    listener.abort();
    ended
}

/// What is watched: the objects below a URL, or the files of a folder.
fn shelf(place: &Path) -> Result<Arc<dyn Shelf>, Failure> {
    match place.to_str().filter(|url| Location::is_object_url(url)) {
        Some(url) => prefix(url),
        None => Ok(Arc::new(Folder::open(place)?)),
    }
}

#[cfg(feature = "cloud")]
fn prefix(url: &str) -> Result<Arc<dyn Shelf>, Failure> {
    Ok(Arc::new(prefix::Prefix::open(url)?))
}

#[cfg(not(feature = "cloud"))]
fn prefix(url: &str) -> Result<Arc<dyn Shelf>, Failure> {
    Err(Failure::usage(format!("cannot watch {url}: this binary cannot read object stores"))
        .advise("use one that was built with the feature `cloud`, as the image is"))
}

/// The first signal ends the watch after the file at hand, the second stops its run too, which can be resumed.
async fn listen(stopping: CancellationToken, stop: CancellationToken) {
    if signal().await {
        remark("stopping: finishing the file at hand; press Ctrl-C again to interrupt its run");
        stopping.cancel();
    }
    if signal().await {
        stop.cancel();
    }
    if signal().await {
        std::process::exit(3);
    }
}

/// What is remembered of a file between two looks.
struct Memory {
    rest: Rest,
    /// What was told of it last.
    told: Option<WatchedFile>,
    backoff: Backoff,
    not_before: Instant,
    is_settled: bool,
}

/// Looks at a folder, again and again.
struct Looking<'a> {
    loader: &'a Loader<'a>,
    stopping: CancellationToken,
    since: Instant,
    files: HashMap<String, Memory>,
    skipped: BTreeMap<Skip, u64>,
    /// What else was told, so that it is told once.
    said: HashSet<String>,
    /// With `--once`: the files that are loaded if they rest, and those that are dealt with.
    sealed: Option<HashSet<String>>,
    handled: HashSet<String>,
    counts: BTreeMap<u8, u64>,
}

impl<'a> Looking<'a> {
    fn new(loader: &'a Loader<'a>, stopping: CancellationToken) -> Self {
        Self {
            loader,
            stopping,
            since: Instant::now(),
            files: HashMap::new(),
            skipped: BTreeMap::new(),
            said: HashSet::new(),
            sealed: None,
            handled: HashSet::new(),
            counts: BTreeMap::new(),
        }
    }

    async fn run(mut self) -> Result<Done, Failure> {
        let args = self.loader.args;
        let mut is_lost = false;
        loop {
            match self.loader.files.list() {
                Ok(listed) => {
                    if std::mem::take(&mut is_lost) {
                        remark(&format!("{} can be read again", self.loader.files.shelf.shown()));
                    }
                    let is_settling = self.look(listed).await;
                    if args.once && !is_settling {
                        return self.worst();
                    }
                }
                Err(error) => {
                    let what = format!("cannot read {}: {error}", self.loader.files.shelf.shown());
                    if args.once {
                        return Err(Failure::unfinished(what));
                    }
                    if !std::mem::replace(&mut is_lost, true) {
                        remark(&format!("{what}; trying again every {} s", args.every.as_secs_f32()));
                    }
                }
            }
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                () = tokio::time::sleep(args.every) => {}
            }
        }
        if args.once { self.worst() } else { Ok(Done::Well) }
    }

    /// The exit code of `--once`: the highest of all files.
    fn worst(&self) -> Result<Done, Failure> {
        let of = |code| self.counts.get(&code).copied().unwrap_or(0);
        let (worst, all) = (self.counts.keys().max().copied(), self.counts.values().sum());
        match worst {
            Some(3) => Ok(Done::Unfinished),
            Some(2) => Err(Failure::usage(format!("{} of {} refused", of(2), plural(all, "file")))),
            Some(1) => Ok(Done::NotReconciled),
            _ => Ok(Done::Well),
        }
    }

    /// Loads what is complete. Returns whether a file may be complete soon.
    async fn look(&mut self, listed: Listed) -> bool {
        if listed.skipped != self.skipped {
            let counts: Vec<_> =
                listed.skipped.iter().map(|(skip, count)| format!("{count} {}", skip.name())).collect();
            let none = counts.is_empty();
            remark(&format!("skipped files: {}", if none { "none".into() } else { counts.join(", ") }));
            self.skipped = listed.skipped;
        }
        let names: HashSet<_> = listed.files.iter().map(|file| file.name.clone()).collect();
        self.files.retain(|name, _| names.contains(name));
        if self.loader.args.once {
            self.sealed.get_or_insert(names);
        }
        let mut is_settling = false;
        for file in listed.files {
            if self.stopping.is_cancelled() {
                return false;
            }
            let is_asked_for = self.sealed.as_ref().is_none_or(|sealed| sealed.contains(&file.name));
            if !is_asked_for || self.handled.contains(&file.name) {
                continue;
            }
            match self.arrival(&file) {
                Some(Arrival::Complete) => {
                    let is_finished = self.attempt(&file).await;
                    self.handle(&file.name);
                    if self.loader.args.in_order && !is_finished {
                        return is_settling;
                    }
                    continue;
                }
                None => continue,
                Some(Arrival::Settling) => is_settling = true,
                Some(awaits) => {
                    let what = if awaits == Arrival::AwaitsTrigger { "trigger" } else { "control" };
                    self.say(&file.name, format!("{}: waiting for its {what} file", file.name));
                    self.handle(&file.name);
                }
            }
            if self.loader.args.in_order {
                break;
            }
        }
        is_settling
    }

    /// With `--once`, each file is dealt with once.
    fn handle(&mut self, name: &str) {
        if self.loader.args.once {
            self.handled.insert(name.to_owned());
        }
    }

    /// Whether a file has arrived; `None` if nothing more is done about it, or not now.
    fn arrival(&mut self, file: &Candidate) -> Option<Arrival> {
        let args = self.loader.args;
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let now_ms = ms(self.since.elapsed());
        let before = self.files.remove(&file.name);
        let rest = Rest::after(before.as_ref().map(|memory| &memory.rest), file.stamps(), now_ms);
        let is_same = before.as_ref().is_some_and(|memory| memory.rest == rest);
        let memory = match before {
            Some(memory) if is_same => memory,
            _ => Memory {
                rest,
                told: None,
                backoff: Backoff::new(PAUSE_MIN, PAUSE_MAX),
                not_before: Instant::now(),
                is_settled: false,
            },
        };
        let (rest, is_settled) = (memory.rest.clone(), memory.is_settled);
        let is_early = Instant::now() < memory.not_before;
        self.files.insert(file.name.clone(), memory);
        if is_settled {
            return None;
        }
        let mark = self.loader.files.mark(&file.name);
        let of_this = mark.as_ref().filter(|mark| mark.stamp == file.stamp);
        if of_this.is_some_and(|mark| mark.settled) {
            if let Some(memory) = self.files.get_mut(&file.name) {
                memory.is_settled = true;
            }
            return None;
        }
        if is_early && !args.in_order {
            return None;
        }
        if is_early {
            return Some(Arrival::Settling);
        }
        // One that a watcher has begun with is complete, whatever was moved already.
        if of_this.is_some() {
            return Some(Arrival::Complete);
        }
        let found = arrival(&rest, file.beside(mark.as_ref()), now_ms, ms(args.settle));
        if args.once && found == Arrival::Settling && rest.has_changed {
            self.say(&file.name, format!("{}: still being written; left for the next time", file.name));
            self.handle(&file.name);
            return None;
        }
        Some(found)
    }

    /// Tries one file, and tells what came of it. Returns whether nothing more is done about it.
    async fn attempt(&mut self, file: &Candidate) -> bool {
        let told = match Box::pin(self.loader.one(file)).await {
            Ok(Step::Told(told)) => told,
            Ok(Step::Nothing) => return true,
            Ok(Step::Theirs(holder)) => {
                let by = domain::lease::Holder::of(holder.trim()).to_string();
                let by = if by.is_empty() { "another watcher".into() } else { by };
                self.say(&file.name, format!("{}: claimed by {by}; left to it", file.name));
                return false;
            }
            Err(failure) => WatchedFile {
                file: self.loader.files.shelf.path(&file.name),
                outcome: WatchedOutcome::Unfinished,
                run_id: None,
                moved_to: None,
                why: Some(failure.message()),
            },
        };
        let memory = self.files.get_mut(&file.name);
        let is_known = memory.as_ref().is_some_and(|memory| memory.told.as_ref() == Some(&told));
        let outcome = told.outcome;
        if !is_known {
            *self.counts.entry(outcome.code()).or_default() += 1;
            tell(&told, self.loader.global.json);
        }
        let is_finished = outcome.code() < 3 && outcome != WatchedOutcome::Submitted;
        if let Some(memory) = memory {
            memory.told = Some(told);
            memory.is_settled = is_finished;
            match outcome {
                WatchedOutcome::Unfinished => memory.not_before = Instant::now() + memory.backoff.next_wait(),
                _ => memory.backoff.reset(),
            }
        }
        is_finished
    }

    fn say(&mut self, name: &str, what: String) {
        if self.said.insert(format!("{name}\n{what}")) {
            remark(&what);
        }
    }
}

/// Prints what became of a file, in one line.
fn tell(told: &WatchedFile, is_json: bool) {
    let why = told.why.as_deref().filter(|_| told.outcome.code() >= 2);
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let run = told.run_id.as_ref().map_or_else(String::new, |run_id| format!("run {run_id} is "));
    let moved = told.moved_to.as_ref().map_or_else(String::new, |to| format!("; moved to {}", to.display()));
    let line = format!("{}: {run}{}{why}{moved}", told.file.display(), told.outcome.words());
    let printed = if is_json { print_json_line(told) } else { print(&line) };
    if let Err(failure) = printed {
        crate::output::unwritten(failure, &line);
    }
}
