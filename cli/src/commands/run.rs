//! `run`, `resume` and `approve`: a run to its verdict, with the embedded fleet.

use std::path::Path;
use std::sync::Arc;

use coordinator::load::LoadError;
use coordinator::open::RunRequest;
use coordinator::report::{summary, text};
use coordinator::run::{Coordinator, Drive, Ending, RunError};
use coordinator::split::SplitError;
use domain::declared::Declared;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use shared::config::Settings;
use shared::files::{TEXT_BYTES_MAX, read_small_text};
use shared::source::Location;
use shared::store::Store;

use super::context::{find_run, open_store, read_job, source_of};
use crate::args::{Global, Operate, Redrive, Resume, Run};
use crate::outcome::{Done, Failure};
use crate::output::{remark, style, tell, tell_json, unwritten};
use crate::wiring;

/// `crossfoot run`.
pub(crate) async fn run(global: &Global, args: &Run) -> Result<Done, Failure> {
    let settings = wiring::settings(global, Some(&args.fleet))?;
    let job = read_job(&args.job)?;
    let request = RunRequest {
        source: source_of(&job, &args.job, args.source.as_deref())?,
        job,
        declared: args.declared.as_deref().map(read_declared).transpose()?,
        again: args.again,
        reason: args.reason.clone(),
        pause_after_staged: args.pause_after.is_some(),
        submitted: false,
        chunks: wiring::chunk_limits(&settings.fleet),
    };
    // A source that is not there must not leave an empty store behind.
    drop(shared::source::SourceFile::open(request.source.clone(), request.job.compression)?);
    let store = wiring::store(&settings, true).await?;
    let ended = start(global, &settings, &store, Begin::Open(Box::new(request))).await?;
    Ok(conclude(global, &*store, ended).await)
}

/// `crossfoot resume`.
pub(crate) async fn resume(global: &Global, args: &Resume) -> Result<Done, Failure> {
    let settings = wiring::settings(global, Some(&args.fleet))?;
    let store = wiring::store(&settings, false).await?;
    let run = find_run(&*store, &args.run.run).await?;
    if run.state.is_over() || run.state == RunState::AwaitingApproval {
        remark(&format!("run {} is {}: there is nothing to resume", run.run_id, run.state));
    }
    let how = Drive { source: args.source.as_deref().map(Location::parse), ..Drive::default() };
    let ended = start(global, &settings, &store, Begin::GoOn(run.run_id, how)).await?;
    Ok(conclude(global, &*store, ended).await)
}

/// `crossfoot redrive`.
pub(crate) async fn redrive(global: &Global, args: &Redrive) -> Result<Done, Failure> {
    let settings = wiring::settings(global, Some(&args.fleet))?;
    let store = wiring::store(&settings, false).await?;
    let run = find_run(&*store, &args.operate.run.run).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let (chunks, is_the_service_s) = coordinator.redrive(run.run_id, args.operate.reason.as_deref()).await?;
    if is_the_service_s && args.source.is_none() {
        let run_id = run.run_id;
        let told =
            format!("run {run_id}: {chunks} chunks are put back; the coordinator service goes on with it");
        if global.json {
            tell_json(&serde_json::json!({ "run_id": run_id, "chunks": chunks }), &told);
        } else {
            tell(&told, &told);
        }
        return Ok(Done::Well);
    }
    remark(&format!("{chunks} chunks are put back"));
    let how = Drive { source: args.source.as_deref().map(Location::parse), ..Drive::default() };
    let ended = start(global, &settings, &store, Begin::GoOn(run.run_id, how)).await?;
    Ok(conclude(global, &*store, ended).await)
}

/// `crossfoot approve`.
pub(crate) async fn approve(global: &Global, args: &Operate) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run.run).await?;
    let ended = start(global, &settings, &store, Begin::Approve(run.run_id, args.reason.clone())).await?;
    Ok(conclude(global, &*store, ended).await)
}

/// How a run is taken up.
pub(crate) enum Begin {
    /// A new one.
    Open(Box<RunRequest>),
    /// One that is there.
    GoOn(RunId, Drive),
    /// One that an operator approves of.
    Approve(RunId, Option<String>),
}

/// Drives a run as far as it goes, with progress, and stopping on Ctrl-C.
pub(crate) async fn start(
    global: &Global,
    settings: &Settings,
    store: &Arc<dyn Store>,
    begin: Begin,
) -> Result<(RunId, Ending), Failure> {
    let (coordinator, watcher) = wiring::coordinator(settings, store).await?;
    let shown = crate::progress::show(watcher, global.json);
    let listener = stop_on_signal(&coordinator);
    let ended = begin_and_drive(settings, &coordinator, begin).await;
    listener.abort();
    shown.abort();
    // Wait for the bar to be taken down before anything else is printed.
    drop(shown.await);
    ended
}

async fn begin_and_drive(
    settings: &Settings,
    coordinator: &Coordinator,
    begin: Begin,
) -> Result<(RunId, Ending), Failure> {
    let (run_id, how) = match begin {
        Begin::Open(request) => (coordinator.open(&request).await?, Drive::default()),
        Begin::GoOn(run_id, how) => (run_id, how),
        Begin::Approve(run_id, reason) => {
            coordinator.approve(run_id, reason.as_deref()).await?;
            (run_id, Drive { approved: true, ..Drive::default() })
        }
    };
    let fleet = wiring::embedded_fleet(settings, coordinator);
    let ended = coordinator.drive_patiently(run_id, &how).await;
    fleet.stop().await;
    let why = ended.as_ref().err().map(ToString::to_string);
    coordinator.notify(run_id, why.as_deref()).await;
    let ending = ended.map_err(|error| {
        let next = match &error {
            // The same bytes would fail in the same place; a corrected file is another source, and another run.
            RunError::Load(LoadError::Split(
                SplitError::Frame { .. } | SplitError::Header(_) | SplitError::Source(_),
            )) => {
                format!("a corrected file is a new run; `crossfoot cancel {run_id}` gives this one up")
            }
            RunError::Load(LoadError::SetAside { .. }) => format!(
                "`crossfoot redrive {run_id}` takes what was set aside up again; `crossfoot cancel {run_id}` gives the run up"
            ),
            _ => format!("`crossfoot resume {run_id}` goes on with it"),
        };
        Failure::from(error).advise(&format!("nothing of run {run_id} is in final; {next}"))
    })?;
    Ok((run_id, ending))
}

/// The first Ctrl-C (or SIGTERM) finishes what is in hand; the second ends the process at once, which is safe too.
fn stop_on_signal(coordinator: &Coordinator) -> tokio::task::JoinHandle<()> {
    let stop = coordinator.stop.clone();
    tokio::spawn(async move {
        if signal().await {
            remark("stopping: what is in hand is finished first; once more to stop at once");
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

/// Prints the report and turns the ending into an exit code, which is the verdict's whatever becomes of the report.
pub(crate) async fn conclude(global: &Global, store: &dyn Store, (run_id, ending): (RunId, Ending)) -> Done {
    let state = ending.state();
    let instead = format!("run {run_id} is {state}: `crossfoot report {run_id}` prints its report");
    match summary::report(store, run_id).await {
        Ok(report) if global.json => tell_json(&report, &instead),
        Ok(report) => tell(&text::text(&report, style()), &instead),
        Err(error) => unwritten(error.into(), &instead),
    }
    ending.into()
}

pub(crate) fn read_declared(path: &Path) -> Result<Declared, Failure> {
    let wrong = |what: String| Failure::usage(format!("declared totals {}: {what}", path.display()));
    let text = read_small_text(path, TEXT_BYTES_MAX).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
}
