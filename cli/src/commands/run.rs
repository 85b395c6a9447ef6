//! `run`, `resume`, `redrive` and `approve`: drive a run to its verdict.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use coordinator::Coordinator;
use coordinator::load::LoadError;
use coordinator::open::RunRequest;
use coordinator::ops::attendance::Watcher;
use coordinator::ops::standing::{Standing, standing};
use coordinator::ops::{OpsError, Requeued, acts, may_approve, may_redrive};
use coordinator::progress::Snapshot;
use coordinator::report::{summary, text};
use coordinator::run::{Drive, Ending, RunError};
use coordinator::split::SplitError;
use domain::declared::Declared;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::words::plural;
use job::Job;
use platform::files::{TEXT_BYTES_MAX, read_small_text};
use settings::Settings;
use source::Location;
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::console;
use super::context::{find_run, open_store, read_job, source_of};
use super::submit::await_verdict;
use super::target::{Act, target};
use crate::args::{Approve, DecodeProof, Global, Opening, Redrive, Resume, Run};
use crate::outcome::{Done, Failure};
use crate::output::{remark, style, tell, tell_json, unwritten};
use crate::printed::Redriven;
use crate::wiring;

/// Runs `crossfoot run`: opens a run of the job and drives it to its verdict.
pub(crate) async fn run(global: &Global, args: &Run) -> Result<Done, Failure> {
    let settings = wiring::settings(global, Some(&args.fleet))?;
    let job = read_job(&args.job)?;
    let source = source_of(&job, &args.job, args.source.as_deref())?;
    let request = request(&args.opening, job, source, &settings)?;
    // Checks the source first, so that a missing one does not leave an empty store.
    drop(source::SourceFile::open(request.source.clone(), request.job.compression)?);
    let store = wiring::store(&settings, true).await?;
    let served = console::beside(&settings, &store, args.beside, Some(ONE_RUN)).await?;
    let ended = start(global, &settings, &store, Begin::Open(Box::new(request)), args.patience).await;
    if let Some(served) = served {
        served.end().await;
    }
    Ok(conclude(global, &*store, ended?).await)
}

/// Why a console beside a run drives no others.
const ONE_RUN: &str = "this console ends with the run that it is served beside, and drives no others; use the command \
                       line, or start `crossfoot console`";

/// The run of `job` on `source` that the arguments ask for, in the foreground.
pub(super) fn request(
    opening: &Opening,
    job: Arc<Job>,
    source: Location,
    settings: &Settings,
) -> Result<RunRequest, Failure> {
    let job = match opening.decode_proof {
        DecodeProof::On => job,
        DecodeProof::Off => Arc::new(job.without_decode_proof()?),
    };
    Ok(RunRequest {
        job,
        source,
        declared: opening.declared.as_deref().map(read_declared).transpose()?,
        again: opening.again,
        reason: opening.reason.clone(),
        pause_after_staged: opening.pause_after.is_some(),
        verify_source: opening.verify_source.into(),
        submitted: false,
        chunks: wiring::chunk_limits(&settings.fleet),
    })
}

/// Runs `crossfoot resume`: drives an interrupted run on to its verdict.
pub(crate) async fn resume(global: &Global, args: &Resume) -> Result<Done, Failure> {
    let settings = wiring::settings(global, Some(&args.fleet))?;
    let store = wiring::store(&settings, false).await?;
    let run = find_run(&*store, &args.run.run).await?;
    if run.state.is_over() || run.state == RunState::AwaitingApproval {
        remark(&format!("run {} is {}: nothing to resume", run.run_id, run.state));
    }
    let how =
        Drive { source: args.source.as_deref().map(Location::parse), resumes: true, ..Drive::default() };
    let ended = start(global, &settings, &store, Begin::GoOn(run.run_id, how), args.patience).await?;
    Ok(conclude(global, &*store, ended).await)
}

/// Runs `crossfoot redrive`: requeues the chunks that were set aside, and drives the run on.
pub(crate) async fn redrive(global: &Global, args: &Redrive) -> Result<Done, Failure> {
    let settings = wiring::settings(global, Some(&args.fleet))?;
    let store = wiring::store(&settings, false).await?;
    let act = Act { command: "redrive", does: acts::Act::Redrive.does(), may: may_redrive };
    let run = target(global, &*store, &args.operate, &act).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let Requeued { chunks, is_submitted } =
        coordinator.redrive(run.run_id, args.operate.reason.as_deref()).await?;
    if is_submitted && args.source.is_none() {
        let run_id = run.run_id;
        if args.wait {
            let chunks = plural(chunks, "chunk");
            remark(&format!("requeued {chunks}; waiting for the verdict of run {run_id}"));
            return await_verdict(global, &store, &*coordinator.clock, run_id, args.patience).await;
        }
        let told = format!(
            "run {run_id}: requeued {}; the coordinator service continues the run",
            plural(chunks, "chunk")
        );
        if global.json {
            tell_json(&Redriven { run_id, chunks }, &told);
        } else {
            tell(&told, &told);
        }
        return Ok(Done::Well);
    }
    remark(&format!("requeued {}", plural(chunks, "chunk")));
    let how = Drive { source: args.source.as_deref().map(Location::parse), ..Drive::default() };
    let ended = start(global, &settings, &store, Begin::GoOn(run.run_id, how), args.patience).await?;
    Ok(conclude(global, &*store, ended).await)
}

/// Runs `crossfoot approve`: verifies a paused run's staging again and promotes it.
pub(crate) async fn approve(global: &Global, args: &Approve) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let act = Act { command: "approve", does: acts::Act::Approve.does(), may: may_approve };
    let run = target(global, &*store, &args.operate, &act).await?;
    let source = args.source.as_deref().map(Location::parse);
    let begin = Begin::Approve(run.run_id, args.operate.reason.clone(), source);
    let ended = start(global, &settings, &store, begin, args.patience).await?;
    Ok(conclude(global, &*store, ended).await)
}

/// How a run starts or continues.
pub(crate) enum Begin {
    /// Opens a new run.
    Open(Box<RunRequest>),
    /// Continues an existing run.
    GoOn(RunId, Drive),
    /// Promotes a run that an operator approves: the run, the reason, and the source if it has moved.
    Approve(RunId, Option<String>, Option<Location>),
}

/// A run, and how far it was driven.
pub(crate) struct Ended {
    /// The run that was driven.
    pub(crate) run_id: RunId,
    /// How driving it ended.
    pub(crate) ending: Ending,
}

/// Drives a run as far as possible, shows its progress, and stops on Ctrl-C.
pub(crate) async fn start(
    global: &Global,
    settings: &Settings,
    store: &Arc<dyn Store>,
    begin: Begin,
    patience: Option<u64>,
) -> Result<Ended, Failure> {
    let (coordinator, watcher) = wiring::coordinator(settings, store).await?;
    let listener = stop_on_signal(&coordinator);
    drive_shown(global, settings, (coordinator, watcher), begin, patience, listener).await
}

/// Drives a run as far as possible, shows its progress, and stops when `stop` is cancelled.
pub(super) async fn start_until(
    global: &Global,
    settings: &Settings,
    store: &Arc<dyn Store>,
    begin: Begin,
    patience: Option<u64>,
    stop: &CancellationToken,
) -> Result<Ended, Failure> {
    let (coordinator, watcher) = wiring::coordinator(settings, store).await?;
    let (stop, stops) = (stop.clone(), coordinator.stop.clone());
    let listener = tokio::spawn(async move {
        stop.cancelled().await;
        stops.cancel();
    });
    drive_shown(global, settings, (coordinator, watcher), begin, patience, listener).await
}

async fn drive_shown(
    global: &Global,
    settings: &Settings,
    (coordinator, watcher): (Coordinator, watch::Receiver<Snapshot>),
    begin: Begin,
    patience: Option<u64>,
    listener: JoinHandle<()>,
) -> Result<Ended, Failure> {
    let shown = crate::progress::show(watcher, global.json);
    let ended = begin_and_drive(settings, &coordinator, begin, patience).await;
    listener.abort();
    shown.abort();
    // Waits until the progress bar is cleared before anything else is printed.
    drop(shown.await);
    ended
}

async fn begin_and_drive(
    settings: &Settings,
    coordinator: &Coordinator,
    begin: Begin,
    patience: Option<u64>,
) -> Result<Ended, Failure> {
    let (run_id, how) = match begin {
        Begin::Open(request) => (coordinator.open(&request).await?, Drive::default()),
        Begin::GoOn(run_id, how) => (run_id, how),
        Begin::Approve(run_id, reason, source) => {
            if let Err(error) = coordinator.approve(run_id, reason.as_deref()).await {
                let is_late = matches!(&error, OpsError::WrongState { state, .. } if state.is_over());
                let failure = Failure::from(error);
                return Err(if is_late {
                    failure.advise(&stands(coordinator, run_id).await.said)
                } else {
                    failure
                });
            }
            (run_id, Drive { approved: true, source, ..Drive::default() })
        }
    };
    let fleet = wiring::embedded_fleet(settings, coordinator);
    let (ended, given_up) = drive_attended(settings, coordinator, run_id, &how, patience).await;
    fleet.stop().await;
    let why = given_up.clone().or_else(|| ended.as_ref().err().map(ToString::to_string));
    coordinator.notify(run_id, why.as_deref()).await;
    let error = match ended {
        Ok(ending) => return Ok(Ended { run_id, ending }),
        Err(error) => error,
    };
    // Another operator or coordinator may have finished the run in the meantime.
    let stands = stands(coordinator, run_id).await;
    let verb = if how.approved { "approve" } else { "resume" };
    let next = match &error {
        _ if !stands.is_free => String::new(),
        // The same bytes would fail at the same place; a corrected file is a new source and a new run.
        RunError::Load(LoadError::Split(
            SplitError::Frame { .. } | SplitError::Header(_) | SplitError::Source(_),
        )) => {
            format!(
                "cancel this run with `crossfoot cancel {run_id}`, and load the corrected file as a new run"
            )
        }
        // The error already says what to do.
        RunError::SourceWanted(_) => format!("give up with `crossfoot cancel {run_id}`"),
        RunError::Load(LoadError::SetAside { .. }) => format!(
            "retry the chunks with `crossfoot redrive {run_id}`, or give up with `crossfoot cancel {run_id}`"
        ),
        _ => format!("continue with `crossfoot {verb} {run_id}`"),
    };
    let failure = given_up.map_or_else(|| Failure::from(error), Failure::unfinished);
    let separator = if next.is_empty() { "" } else { "; " };
    Err(failure.of_run(run_id).advise(&format!("{}{separator}{next}", stands.said)))
}

async fn stands(coordinator: &Coordinator, run_id: RunId) -> Standing {
    standing(&*coordinator.store, run_id).await
}

/// Drives the run while a watcher checks that the required processes are running. Returns why it stopped waiting, if
/// it did.
async fn drive_attended(
    settings: &Settings,
    coordinator: &Coordinator,
    run_id: RunId,
    how: &Drive,
    patience: Option<u64>,
) -> (Result<Ending, RunError>, Option<String>) {
    let watcher = Watcher {
        store: &*coordinator.store,
        clock: &*coordinator.clock,
        needs_workers: !wiring::is_embedded(settings),
        patience: patience.map(Duration::from_secs),
        tell: remark,
    };
    let mut drive = std::pin::pin!(coordinator.drive_patiently(run_id, how));
    tokio::select! {
        ended = &mut drive => (ended, None),
        why = watcher.beside(coordinator.watch.subscribe()) => {
            coordinator.stop.cancel();
            // The run may have finished at this moment.
            let ended = drive.await;
            let is_given_up = ended.is_err();
            (ended, is_given_up.then_some(why))
        }
    }
}

/// Finishes work in progress at the first Ctrl-C (or SIGTERM), and exits immediately at the second, which is safe too.
fn stop_on_signal(coordinator: &Coordinator) -> JoinHandle<()> {
    let stop = coordinator.stop.clone();
    tokio::spawn(async move {
        if signal().await {
            remark("stopping: finishing work in hand; press Ctrl-C again to stop immediately");
            stop.cancel();
        }
        if signal().await {
            std::process::exit(3);
        }
    })
}

pub(crate) async fn signal() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return false };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.is_ok(),
        told = terminate.recv() => told.is_some(),
    }
}

/// Prints the report and returns the exit code of the verdict, even if the report cannot be printed.
pub(crate) async fn conclude(global: &Global, store: &dyn Store, ended: Ended) -> Done {
    let Ended { run_id, ending } = ended;
    let state = ending.state();
    let instead = format!("run {run_id} is {state}; print its report with `crossfoot report {run_id}`");
    match summary::report(store, run_id).await {
        Ok(report) if global.json => tell_json(&report, &instead),
        Ok(report) => tell(&text::text(&report, style()), &instead),
        Err(error) => unwritten(error.into(), &instead),
    }
    ending.into()
}

/// Reads declared totals from a file.
pub(super) fn read_declared(path: &Path) -> Result<Declared, Failure> {
    let text = read_small_text(path, TEXT_BYTES_MAX).map_err(|error| error.to_string());
    parse_declared(&path.display().to_string(), text)
}

/// The declared totals that a text holds, if it could be read from `place`.
pub(super) fn parse_declared(place: &str, text: Result<String, String>) -> Result<Declared, Failure> {
    let wrong = |what: String| Failure::usage(format!("cannot read declared totals {place}: {what}"));
    serde_json::from_str(&text.map_err(wrong)?).map_err(|error| wrong(error.to_string()))
}
