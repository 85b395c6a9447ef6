//! `submit`: submits a run to the coordinator service.

use std::sync::Arc;
use std::time::Duration;

use coordinator::open::RunRequest;
use coordinator::ops::attendance::{Watcher, has_service};
use coordinator::run::Ending;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use platform::clock::Clock;
use store::Store;

use super::context::{read_job, source_of};
use super::run::{conclude, request};
use crate::args::{Fleet, Global, Submit};
use crate::commands::run::Ended;
use crate::outcome::{Done, Failure};
use crate::output::{remark, tell, tell_json};
use crate::printed::RunStands;
use crate::printed::failed::ErrorKind;
use crate::wiring;

/// The polling interval of `--wait`.
const LOOK: Duration = Duration::from_millis(100);

/// Runs `crossfoot submit`: opens a run for the coordinator service; waits for it on request.
pub(crate) async fn submit(global: &Global, args: &Submit) -> Result<Done, Failure> {
    let fleet = Fleet { chunks: args.chunks.clone(), ..Fleet::default() };
    let settings = wiring::settings(global, Some(&fleet))?;
    let job = read_job(&args.job)?;
    let source = source_of(&job, &args.job, args.source.as_deref())?;
    if source.is_stream() {
        return Err(Failure::usage(
            "cannot submit standard input; submit a file that the coordinator can read, or use `crossfoot run`",
        ));
    }
    let request = RunRequest { submitted: true, ..request(&args.opening, job, source, &settings)? };
    drop(source::SourceFile::open(request.source.clone(), request.job.compression)?);
    let store = wiring::store(&settings, true).await?;
    // Opening a run does not need the broker; the coordinator service connects to it.
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let run_id = coordinator.open(&request).await?;
    if wiring::is_embedded(&settings) {
        remark(
            "warning: the broker is memory:, which no coordinator service can use; set `url` under [broker], or load \
             the source with `crossfoot run`",
        );
    }
    if args.wait {
        remark(&format!("submitted run {run_id}; waiting for its verdict"));
        return await_verdict(global, &store, &*coordinator.clock, run_id, args.patience).await;
    }
    // Not the command's failure: the run is submitted, and any coordinator that starts drives it.
    if let Ok(false) = has_service(&*store).await {
        remark(
            "warning: no coordinator service is running, so the run waits; start one with `crossfoot coordinator` \
             on the same broker and store",
        );
    }
    let told = format!("submitted run {run_id}; see `crossfoot show {run_id}` for its progress");
    if global.json {
        tell_json(&RunStands { run_id, state: RunState::Loading }, &told);
    } else {
        tell(&told, &told);
    }
    Ok(Done::Well)
}

/// Waits until the coordinator service has driven the run to its verdict, prints the report, and ends as the run did.
/// Says meanwhile which processes are missing.
pub(super) async fn await_verdict(
    global: &Global,
    store: &Arc<dyn Store>,
    clock: &dyn Clock,
    run_id: RunId,
    patience: Option<u64>,
) -> Result<Done, Failure> {
    let watcher = Watcher {
        store: &**store,
        clock,
        needs_workers: true,
        patience: patience.map(Duration::from_secs),
        tell: remark,
    };
    let ending = tokio::select! {
        ending = verdict(&**store, run_id) => ending?,
        why = watcher.of_submitted(run_id) => return Err(Failure::unfinished(why).of_run(run_id).advise(&format!(
            "stopped waiting; run {run_id} remains submitted: see `crossfoot show {run_id}` for its progress"
        ))),
        told = tokio::signal::ctrl_c() => {
            drop(told);
            return Err(Failure::unfinished(format!(
                "stopped waiting; run {run_id} continues: see `crossfoot show {run_id}` for its progress"
            )));
        }
    };
    Ok(conclude(global, &**store, Ended { run_id, ending }).await)
}

/// Why a run that the coordinator service set aside is not waited for.
pub(super) fn parked(run_id: RunId, note: Option<String>) -> Failure {
    let why = note.unwrap_or_default();
    Failure::unfinished(format!("run {run_id} is waiting for an operator: {why}"))
        .of_kind(ErrorKind::Run)
        .of_run(run_id)
        .advise(&format!(
            "retry chunks that were set aside with `crossfoot redrive {run_id}`; continue with `crossfoot resume \
             {run_id}`; give up with `crossfoot cancel {run_id}`"
        ))
}

/// Waits until the run is over or needs an operator.
pub(super) async fn verdict(store: &dyn Store, run_id: RunId) -> Result<Ending, Failure> {
    loop {
        match store.run(run_id).await {
            Ok(run) if run.parked => return Err(parked(run_id, run.note)),
            Ok(run) => match run.state {
                RunState::Promoted => return Ok(Ending::Promoted),
                RunState::NotReconciled => return Ok(Ending::NotReconciled),
                RunState::Cancelled | RunState::BackedOut => return Ok(Ending::Cancelled),
                RunState::AwaitingApproval => return Ok(Ending::Paused),
                RunState::Loading | RunState::Staged => {}
            },
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOK).await;
    }
}
