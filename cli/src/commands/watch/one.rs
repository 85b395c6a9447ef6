//! One watched file: claimed, loaded, moved.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coordinator::Coordinator;
use coordinator::open::{OpenError, RunRequest};
use coordinator::ops::attendance::Watcher;
use coordinator::report::summary;
use coordinator::report::text::{self, Style};
use coordinator::run::Drive;
use domain::arrival::{Fate, is_own_run};
use domain::declared::Declared;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use job::Job;
use platform::files::TEXT_BYTES_MAX;
use settings::Settings;
use source::{Location, SourceError, SourceFile};
use store::Store;
use store::model::Run;
use tokio_util::sync::CancellationToken;

use super::super::run::{Begin, parse_declared, request, start_until};
use super::super::submit::{parked, verdict};
use super::claim::{Claim, Taken};
use super::watched::{Candidate, Mark, Watched};
use crate::args::{DecodeProof, Global, Opening, Verify, Watch};
use crate::outcome::Failure;
use crate::output::remark;
use crate::printed::watch::{WatchedFile, WatchedOutcome};
use crate::wiring;

/// What watched files are loaded with.
pub(super) struct Loader<'a> {
    pub(super) global: &'a Global,
    pub(super) args: &'a Watch,
    pub(super) settings: Settings,
    pub(super) store: Arc<dyn Store>,
    pub(super) coordinator: Coordinator,
    pub(super) job: Arc<Job>,
    pub(super) files: Watched,
    pub(super) done: Option<PathBuf>,
    pub(super) failed: Option<PathBuf>,
    /// Cancelled when the run at hand must stop too.
    pub(super) stop: CancellationToken,
}

/// What one attempt at a file came to.
pub(super) enum Step {
    /// The file was loaded, refused, or waits for someone.
    Told(WatchedFile),
    /// Another watcher has it: its signature, where it is known.
    Theirs(String),
    /// It is not there, not the file that was looked at, or settled: the next look tells.
    Nothing,
}

fn io(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::unfinished(format!("cannot {what} {}: {error}", path.display()))
}

impl Loader<'_> {
    /// Loads one file that is complete, or continues with it.
    pub(super) async fn one(&self, listed: &Candidate) -> Result<Step, Failure> {
        let name = listed.name.as_str();
        let path = self.files.shelf.path(name);
        let claimed = self.files.claim(name, &self.coordinator.owner());
        let mut claim = match claimed.map_err(|error| io("claim", &path, &error))? {
            Taken::Theirs(holder) => return Ok(Step::Theirs(holder)),
            Taken::Mine(claim) => claim,
        };
        // Another watcher may have finished it between the look and the claim.
        let now = self.files.look_at(name).map_err(|error| io("look at", &path, &error))?;
        let Some(file) = now.filter(|file| file.stamp == listed.stamp) else { return Ok(Step::Nothing) };
        let marked = self.files.mark(name).filter(|mark| mark.stamp == file.stamp);
        if marked.as_ref().is_some_and(|mark| mark.settled) {
            return Ok(Step::Nothing);
        }
        claim.renew();
        let mark = match marked {
            Some(mark) => mark,
            None => self.open(&file, &path, claim.took_over).await?,
        };
        let ended = self.settle(&file, &path, &claim, mark).await;
        claim.release();
        ended
    }

    /// Opens a run of the file, or finds the one that an earlier watcher opened, and marks the file with it.
    async fn open(&self, file: &Candidate, path: &Path, took_over: bool) -> Result<Mark, Failure> {
        let mut mark =
            Mark { stamp: file.stamp, trigger: file.trigger(), run_id: None, refused: None, settled: false };
        let source = self.files.shelf.location(&file.name);
        match self.opened(file, source.clone()).await {
            Ok(run_id) => mark.run_id = Some(run_id.to_string()),
            Err(Unopened::Bad(why)) => mark.refused = Some(why),
            Err(Unopened::Failed(failure)) => return Err(failure),
            Err(Unopened::Same { run_id, is_over, failure }) => {
                let read_this_path = self.store.run(run_id).await?.source == source.to_argument();
                if is_own_run(read_this_path, is_over, took_over) {
                    mark.run_id = Some(run_id.to_string());
                } else if is_over {
                    mark.refused = Some(failure.message());
                } else {
                    // It is refused when that run is promoted, and loaded when it is given up.
                    return Err(failure);
                }
            }
        }
        self.files.set_mark(&file.name, &mark).map_err(|error| io("mark", path, &error))?;
        Ok(mark)
    }

    async fn opened(&self, file: &Candidate, source: Location) -> Result<RunId, Unopened> {
        let opening = Opening {
            declared: None,
            again: false,
            reason: self.args.reason.clone(),
            pause_after: self.args.pause_after,
            verify_source: Verify::Sample,
            decode_proof: DecodeProof::On,
        };
        // A control file that cannot be read is the sender's fault, as its file is.
        let bad = |failure: Failure| Unopened::Bad(failure.message());
        let request = request(&opening, Arc::clone(&self.job), source, &self.settings).map_err(bad)?;
        let declared = file.control().map(|name| self.declared(name)).transpose().map_err(bad)?;
        let request = RunRequest { declared, submitted: !wiring::is_embedded(&self.settings), ..request };
        drop(SourceFile::open(request.source.clone(), request.job.compression).map_err(OpenError::Source)?);
        Ok(self.coordinator.open(&request).await?)
    }

    /// The totals that a control file declares.
    fn declared(&self, name: &str) -> Result<Declared, Failure> {
        let shelf = &self.files.shelf;
        let text = shelf.text(name, TEXT_BYTES_MAX).map_err(|error| error.to_string());
        parse_declared(&shelf.path(name).display().to_string(), text)
    }

    /// Brings the file's run to its verdict, and moves the file accordingly.
    async fn settle(
        &self,
        file: &Candidate,
        path: &Path,
        claim: &Claim,
        mark: Mark,
    ) -> Result<Step, Failure> {
        let run_id = mark.run_id.as_deref().map(str::parse::<RunId>).transpose();
        let run_id = run_id.map_err(|error| Failure::unfinished(format!("{}: {error}", path.display())))?;
        let told = |outcome, why| WatchedFile {
            file: path.into(),
            outcome,
            run_id: mark.run_id.clone(),
            moved_to: None,
            why,
        };
        let told = match (run_id, &mark.refused) {
            (Some(run_id), _) => {
                let state = match self.driven(self.store.run(run_id).await?).await? {
                    Some(state) => state,
                    None => return Ok(Step::Told(told(WatchedOutcome::Submitted, None))),
                };
                match (Fate::of(state), state) {
                    (Fate::Done, _) => told(WatchedOutcome::Reconciled, None),
                    (Fate::Failed, RunState::Cancelled) => {
                        told(WatchedOutcome::Cancelled, Some(self.report(run_id).await?))
                    }
                    (Fate::Failed, _) => {
                        told(WatchedOutcome::NotReconciled, Some(self.report(run_id).await?))
                    }
                    (Fate::Waits | Fate::Continues, _) => {
                        return Ok(Step::Told(told(WatchedOutcome::AwaitingApproval, None)));
                    }
                }
            }
            (None, refused) => told(WatchedOutcome::Refused, refused.clone()),
        };
        self.finish(file, path, claim, mark, told)
    }

    /// Moves a file that nothing more is done about, or marks it.
    fn finish(
        &self,
        file: &Candidate,
        path: &Path,
        claim: &Claim,
        mark: Mark,
        mut told: WatchedFile,
    ) -> Result<Step, Failure> {
        let now = self.files.look_at(&file.name).map_err(|error| io("look at", path, &error))?;
        if now.is_none_or(|now| now.stamp != file.stamp) {
            remark(&format!("{}: the file was replaced while it was loaded; left there", path.display()));
            return Ok(Step::Told(told));
        }
        if !claim.holds() {
            remark(&format!("{}: another watcher took the file over; it moves it", path.display()));
            return Ok(Step::Told(told));
        }
        let to = if told.outcome == WatchedOutcome::Reconciled { &self.done } else { &self.failed };
        match to {
            Some(to) => {
                let id = told.run_id.clone().unwrap_or_else(|| format!("refused-{}", file.stamp.modified_ns));
                let moved = self.files.move_away(file, to, &id, told.why.as_deref());
                let what = format!("move to {} the file", to.display());
                told.moved_to = Some(moved.map_err(|error| io(&what, path, &error))?);
            }
            None => {
                let mark = Mark { settled: true, ..mark };
                self.files.set_mark(&file.name, &mark).map_err(|error| io("mark", path, &error))?;
            }
        }
        Ok(Step::Told(told))
    }

    /// Drives a run, or waits until the coordinator service has; returns its state then. `None`: it is submitted, and
    /// not waited for.
    async fn driven(&self, run: Run) -> Result<Option<RunState>, Failure> {
        let run_id = run.run_id;
        if Fate::of(run.state) != Fate::Continues {
            return Ok(Some(run.state));
        }
        if wiring::is_embedded(&self.settings) {
            let begin = Begin::GoOn(run_id, Drive::default());
            let (global, settings, patience) = (self.global, &self.settings, self.args.patience);
            let ended = Box::pin(start_until(global, settings, &self.store, begin, patience, &self.stop));
            return Ok(Some(ended.await?.ending.state()));
        }
        if run.parked {
            return Err(parked(run_id, run.note));
        }
        if self.args.no_wait {
            return Ok(None);
        }
        let watcher = Watcher {
            store: &*self.store,
            clock: &*self.coordinator.clock,
            needs_workers: true,
            patience: self.args.patience.map(std::time::Duration::from_secs),
            tell: remark,
        };
        let ending = tokio::select! {
            ending = verdict(&*self.store, run_id) => ending?,
            why = watcher.of_submitted(run_id) => return Err(Failure::unfinished(why).of_run(run_id)),
            () = self.stop.cancelled() => return Err(Failure::unfinished(format!(
                "stopped waiting; run {run_id} continues: see `crossfoot show {run_id}` for its progress"
            )).of_run(run_id)),
        };
        Ok(Some(ending.state()))
    }

    async fn report(&self, run_id: RunId) -> Result<String, Failure> {
        Ok(text::text(&summary::report(&*self.store, run_id).await?, Style::plain(100)))
    }
}

/// Why no run of a file was opened.
enum Unopened {
    /// The file is not what the job loads.
    Bad(String),
    /// A run has the same bytes.
    Same { run_id: RunId, is_over: bool, failure: Failure },
    /// Something else failed, which says nothing about the file.
    Failed(Failure),
}

impl From<OpenError> for Unopened {
    fn from(error: OpenError) -> Self {
        let same = match &error {
            OpenError::LoadedBefore { run_id, .. } => Some((*run_id, true)),
            OpenError::InHand { run_id, .. } => Some((*run_id, false)),
            _ => None,
        };
        // What the system says of reading a file says nothing about its content.
        let is_bad = match &error {
            OpenError::NotAsDescribed(_) | OpenError::Declared(_) => true,
            OpenError::Source(error) => matches!(
                error,
                SourceError::NotCompressed { .. }
                    | SourceError::Truncated { .. }
                    | SourceError::Corrupt { .. }
                    | SourceError::Inflated { .. }
                    | SourceError::TrailingBytes { .. }
            ),
            _ => false,
        };
        let failure = Failure::from(error);
        match same {
            Some((run_id, is_over)) => Self::Same { run_id, is_over, failure },
            None if is_bad => Self::Bad(failure.message()),
            None => Self::Failed(failure),
        }
    }
}
