//! What `doctor` finds of a store that was restored to an earlier time: heads of the log that it lacks, and rows of
//! final whose run it does not know.

use std::collections::BTreeSet;

use coordinator::context::checkpoints::read;
use domain::checkpoint::Noted;
use domain::layout::Layout;
use domain::words::plural;
use platform::health::{Finding, Verdict};
use settings::Settings;
use store::{Store, StoreError, stored_job};

const LOG: &str = "checkpoints";
/// At most this many of the newest heads are compared; `audit verify --checkpoints` compares all.
const HEADS_MAX: usize = 50;
const FINAL: &str = "runs in final";

/// Holds the log to the newest heads in the checkpoint file that the settings name.
pub(crate) async fn of_checkpoints(settings: &Settings, store: &dyn Store) -> Option<Finding> {
    let path = settings.audit.checkpoint_file.as_deref().filter(|path| path.exists())?;
    let lines = match read(path) {
        Ok(lines) => lines,
        Err(error) => return Some(Finding::error(LOG, error)),
    };
    let name = settings.store.name();
    let mut own: Vec<_> =
        lines.into_iter().filter(|line| line.store == name).map(|line| line.noted).collect();
    // After a restore the file continues with lower numbers: the highest ones are of the time before.
    own.sort_by_key(|noted| std::cmp::Reverse(noted.head.seq));
    let newest = own.first()?.head.seq;
    for noted in own.into_iter().take(HEADS_MAX) {
        match compared(store, noted).await {
            Ok(None) => {}
            Ok(Some(what)) => {
                let line = noted.line.map_or_else(String::new, |line| format!("line {line} of "));
                let detail = format!("{what}: {line}{} notes event {}", path.display(), noted.head);
                let advice = "the store was restored to an earlier time, or its log was rewritten; see \
                              docs/backup.md before any run is started";
                return Some(Finding::new(LOG, Verdict::Bad, detail, Some(advice)));
            }
            Err(error) => return Some(Finding::error(LOG, error)),
        }
    }
    Some(Finding::ok(LOG, format!("the log holds event {newest}, the newest that was noted outside")))
}

/// What stands against the log's having this head; `None`: nothing does.
async fn compared(store: &dyn Store, noted: Noted) -> Result<Option<String>, StoreError> {
    let seq = noted.head.seq;
    let last = store.log_head().await?.map_or(0, |head| head.seq);
    if last < seq {
        return Ok(Some(format!("the evidence log ends at event {last}")));
    }
    let there = store.events(seq.saturating_sub(1), 1).await?;
    let is_same = seq == 0 || there.first().is_some_and(|event| event.hash == noted.head.hash);
    Ok((!is_same).then(|| format!("event {seq} of the evidence log is another one")))
}

/// The final tables' layouts of the store's jobs, as each job's latest run has them.
pub(crate) async fn layouts(store: &dyn Store) -> Result<Vec<Layout>, StoreError> {
    const RUNS_MAX: u32 = 1000;
    let (mut jobs, mut tables, mut found) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for run in store.runs(&store::RunFilter::default(), RUNS_MAX).await? {
        if !jobs.insert(run.job) {
            continue;
        }
        // A job that this version does not understand has no table that it could name.
        let Ok(job) = stored_job(store, &run.job_digest).await else { continue };
        let layouts = job.layouts().filter(|layout| tables.insert(layout.final_table.name.clone()));
        found.extend(layouts.map(|layout| Layout::clone(layout)));
    }
    Ok(found)
}

/// Says which runs final names and the ledger does not know: of each table, its name and what was found there.
pub(crate) fn of_final(looked: Vec<(String, Result<Vec<String>, StoreError>)>) -> Vec<Finding> {
    let count = looked.len() as u64;
    let mut all: Vec<_> = looked
        .into_iter()
        .filter_map(|(table, found)| match found {
            Ok(runs) if runs.is_empty() => None,
            Ok(runs) => Some(Finding::warn(
                FINAL,
                format!("rows of {table} name runs that the ledger does not have: {}", runs.join(", ")),
                "final is ahead of the ledger: one of the two was restored alone, or to another time, or rows came from \
                 another store; see docs/backup.md",
            )),
            Err(error) => Some(Finding::warn(FINAL, format!("{table}: {error}"), "rows there were not looked at")),
        })
        .collect();
    if all.is_empty() && count > 0 {
        all.push(Finding::ok(FINAL, format!("the ledger knows every run in {}", plural(count, "table"))));
    }
    all
}
