//! `cancel`, `pause`, `window`, `back-out` and `purge`.

use console::in_flight;
use coordinator::ops::{acts, may_back_out, may_cancel, may_change_window, may_pause, may_purge};
use domain::words::plural;

use super::context::open_store;
use super::target::{Act, target};
use crate::args::{Global, Operate, WindowArgs};
use crate::outcome::{Done, Failure};
use crate::output::{tell, tell_json};
use crate::printed::{BackedOut, Purged, RunStands, WindowChanged};
use crate::wiring;

/// Runs `crossfoot cancel`: ends a run that is not over; its rows stay out of final.
pub(crate) async fn cancel(global: &Global, args: &Operate) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let act = Act { command: "cancel", does: acts::Act::Cancel.does(), may: may_cancel };
    let run = target(global, &*store, args, &act).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let run = coordinator.cancel(run.run_id, args.reason.as_deref()).await?;
    let told = format!("cancelled run {}; none of its rows are in final", run.run_id);
    if global.json {
        tell_json(&RunStands { run_id: run.run_id, state: run.state }, &told);
    } else {
        tell(&told, &told);
    }
    Ok(Done::Well)
}

/// Runs `crossfoot pause`: stops whatever drives a run until an operator resumes it.
pub(crate) async fn pause(global: &Global, args: &Operate) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let act = Act { command: "pause", does: acts::Act::Pause.does(), may: may_pause };
    let run = target(global, &*store, args, &act).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    coordinator.pause(run.run_id, args.reason.as_deref()).await?;
    let run_id = run.run_id;
    let told = format!("paused run {run_id}; continue it with `crossfoot resume {run_id}`");
    if global.json {
        tell_json(&RunStands { run_id, state: run.state }, &told);
    } else {
        tell(&told, &told);
    }
    Ok(Done::Well)
}

/// Runs `crossfoot window`: changes how many chunks of a run may be in flight.
pub(crate) async fn window(global: &Global, args: &WindowArgs) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let act = Act { command: "window", does: acts::Act::Window.does(), may: may_change_window };
    let run = target(global, &*store, &args.operate, &act).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let (run_id, window_chunks) = (run.run_id, args.chunks);
    coordinator.change_window(run_id, window_chunks, args.operate.reason.as_deref()).await?;
    let told = format!("run {run_id}: {} in flight from now on", in_flight(window_chunks));
    if global.json {
        tell_json(&WindowChanged { run_id, window_chunks }, &told);
    } else {
        tell(&told, &told);
    }
    Ok(Done::Well)
}

/// Runs `crossfoot back-out`: takes a promoted run's rows out of final again.
pub(crate) async fn back_out(global: &Global, args: &Operate) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let act = Act { command: "back-out", does: acts::Act::BackOut.does(), may: may_back_out };
    let run = target(global, &*store, args, &act).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let rows = coordinator.back_out(run.run_id, args.reason.as_deref()).await?;
    let told = format!(
        "backed run {} out: {} taken out of final; staging has them",
        run.run_id,
        plural(rows, "row")
    );
    if global.json {
        tell_json(&BackedOut { run_id: run.run_id, rows_taken_out: rows }, &told);
    } else {
        tell(&told, &told);
    }
    Ok(Done::Well)
}

/// Runs `crossfoot purge`: deletes a finished run's staging rows and rejects.
pub(crate) async fn purge(global: &Global, args: &Operate) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let act = Act { command: "purge", does: acts::Act::Purge.does(), may: may_purge };
    let run = target(global, &*store, args, &act).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let removed = coordinator.purge(run.run_id, args.reason.as_deref()).await?;
    let told =
        format!("run {}: deleted {}; kept its ledger, checks and log", run.run_id, plural(removed, "row"));
    if global.json {
        tell_json(&Purged { run_id: run.run_id, rows_removed: removed }, &told);
    } else {
        tell(&told, &told);
    }
    Ok(Done::Well)
}
