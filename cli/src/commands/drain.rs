//! `drain`: workers that finish their work in hand and end.

use std::time::Duration;

use coordinator::ops::drain::{DrainError, WhichWorkers};
use domain::ids::WorkerId;
use domain::visible::visible;
use domain::words::plural;
use store::Store;
use store::model::WorkerRow;
use tokio::time::Instant;

use super::context::open_store;
use crate::args::{Drain, Global};
use crate::outcome::{Done, Failure};
use crate::output::{remark, tell, tell_json};
use crate::printed::{Drained, DrainedWorker};
use crate::wiring;

/// How often it is looked whether workers have ended.
const LOOK: Duration = Duration::from_millis(500);

/// Runs `crossfoot drain`: asks workers to finish their work in hand and end.
pub(crate) async fn drain(global: &Global, args: &Drain) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let which = |word: &String| match word.parse() {
        Ok(number) => WhichWorkers::Number(WorkerId(number)),
        Err(_) => WhichWorkers::Name(word.clone()),
    };
    let which: Vec<_> =
        args.workers.iter().map(which).chain(args.host.iter().cloned().map(WhichWorkers::Host)).collect();
    let asked = coordinator.drain(&which, args.reason.as_deref()).await.map_err(failure)?;
    let Some(patience) = args.wait.map(Duration::from_secs) else {
        let told = format!("asked {} to finish their work in hand and end", named(&asked));
        report(global, &asked, |row| row.stopped_at_ms.is_some(), &told);
        return Ok(Done::Well);
    };
    remark(&format!("waiting until {} ended", plural(asked.len() as u64, "worker")));
    let working = still_working(&*store, &asked, patience).await?;
    let told = match working.is_empty() {
        true => format!("{} ended", named(&asked)),
        false => format!("{} did not end in time", named(&working)),
    };
    report(global, &asked, |row| !working.iter().any(|one| one.worker_id == row.worker_id), &told);
    if working.is_empty() {
        return Ok(Done::Well);
    }
    Err(Failure::unfinished(format!("{told}; they end after their work in hand"))
        .advise("wait again with the same command, or see what they hold with `crossfoot fleet`"))
}

/// Those of `asked` that have not ended when `patience` is over.
async fn still_working(
    store: &dyn Store,
    asked: &[WorkerRow],
    patience: Duration,
) -> Result<Vec<WorkerRow>, Failure> {
    let until = Instant::now() + patience;
    loop {
        let mut fleet = store.fleet(None).await?;
        fleet.retain(|row| {
            row.stopped_at_ms.is_none() && asked.iter().any(|one| one.worker_id == row.worker_id)
        });
        if fleet.is_empty() || Instant::now() >= until {
            return Ok(fleet);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn named(workers: &[WorkerRow]) -> String {
    let name = |row: &WorkerRow| format!("{}@{}", visible(&row.name), visible(&row.host));
    workers.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn report(global: &Global, asked: &[WorkerRow], has_ended: impl Fn(&WorkerRow) -> bool, told: &str) {
    if !global.json {
        tell(told, told);
        return;
    }
    let workers = asked.iter().map(|row| DrainedWorker {
        worker_id: row.worker_id,
        name: row.name.clone(),
        host: row.host.clone(),
        ended: has_ended(row),
    });
    tell_json(&Drained { workers: workers.collect() }, told);
}

fn failure(error: DrainError) -> Failure {
    let advice = error.advice();
    let failure = match error {
        DrainError::Store(error) => return error.into(),
        error => Failure::usage(error.to_string()),
    };
    advice.into_iter().fold(failure, |failure, advice| failure.advise(&advice))
}
