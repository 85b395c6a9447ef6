//! `submit`: a run for the coordinator service.

use std::time::Duration;

use coordinator::attendance::Watcher;
use coordinator::open::RunRequest;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use shared::store::Store;

use super::context::{read_job, source_of};
use super::run::{conclude, read_declared};
use crate::args::{Fleet, Global, Submit};
use crate::outcome::{Done, Failure};
use crate::output::{remark, tell, tell_json};
use crate::printed::RunStands;
use crate::wiring;
use coordinator::run::Ending;

/// How often `--wait` looks.
const LOOK: Duration = Duration::from_millis(300);

/// `crossfoot submit`.
pub(crate) async fn submit(global: &Global, args: &Submit) -> Result<Done, Failure> {
    let cut = Fleet { chunk_bytes: args.chunk_bytes, chunk_records: args.chunk_records, ..Fleet::default() };
    let settings = wiring::settings(global, Some(&cut))?;
    let job = read_job(&args.job)?;
    let source = source_of(&job, &args.job, args.source.as_deref())?;
    if source.is_stream() {
        return Err(Failure::usage(
            "standard input cannot be handed to a coordinator: submit a file that it can read, or use `crossfoot run`",
        ));
    }
    let request = RunRequest {
        source,
        job,
        declared: args.declared.as_deref().map(read_declared).transpose()?,
        again: args.again,
        reason: args.reason.clone(),
        pause_after_staged: args.pause_after.is_some(),
        verify_source: args.verify_source.into(),
        submitted: true,
        chunks: wiring::chunk_limits(&settings.fleet),
    };
    drop(shared::source::SourceFile::open(request.source.clone(), request.job.compression)?);
    let store = wiring::store(&settings, true).await?;
    // Opening a run needs no broker: a coordinator has one.
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let run_id = coordinator.open(&request).await?;
    if args.wait {
        remark(&format!("run {run_id} is submitted; its verdict is waited for"));
        let watcher = Watcher {
            store: &*store,
            clock: &*coordinator.clock,
            needs_workers: true,
            patience: args.patience.map(Duration::from_secs),
            tell: remark,
        };
        let ending = tokio::select! {
            ending = verdict(&*store, run_id) => ending?,
            why = watcher.of_submitted(run_id) => return Err(Failure::unfinished(why).advise(&format!(
                "no longer waiting; run {run_id} stays submitted: `crossfoot show {run_id}` tells how far it is"
            ))),
        };
        return Ok(conclude(global, &*store, (run_id, ending)).await);
    }
    let told = format!("run {run_id} is submitted; `crossfoot show {run_id}` tells how far it is");
    if global.json {
        tell_json(&RunStands { run_id, state: RunState::Loading }, &told);
    } else {
        tell(&told, &told);
    }
    Ok(Done::Well)
}

/// Waits until the run is over, or waits for a person.
async fn verdict(store: &dyn Store, run_id: RunId) -> Result<Ending, Failure> {
    loop {
        match store.run(run_id).await {
            Ok(run) if run.parked => {
                let why = run.note.unwrap_or_default();
                return Err(Failure::unfinished(format!("run {run_id} waits for an operator: {why}"))
                    .advise(&format!(
                        "`crossfoot redrive {run_id}` takes chunks that were set aside up again; \
                         `crossfoot resume {run_id}` goes on with it; `crossfoot cancel {run_id}` gives it up"
                    )));
            }
            Ok(run) => match run.state {
                RunState::Promoted => return Ok(Ending::Promoted),
                RunState::NotReconciled => return Ok(Ending::NotReconciled),
                RunState::Cancelled => return Ok(Ending::Cancelled),
                RunState::AwaitingApproval => return Ok(Ending::Paused),
                RunState::Loading | RunState::Staged => {}
            },
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            told = tokio::signal::ctrl_c() => {
                drop(told);
                return Err(Failure::unfinished(format!(
                    "no longer waiting; run {run_id} goes on: `crossfoot show {run_id}` tells how far it is"
                )));
            }
        }
    }
}
