//! `runs`, `show` and `workers`: list runs, and show one run or its workers.

use comfy_table::{CellAlignment, Table};
use coordinator::ops::held::held;
use coordinator::report::{summary, text};
use domain::lifecycle::RunState;
use domain::report::Outcome;
use domain::visible::visible;
use domain::words::{grouped, plural};

use store::RunFilter;

use super::context::{find_run, open_store};
use crate::args::{Global, RunArg, Runs, Show};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, style};
use crate::printed::{ListedRun, RunProgress, ShownRun};

/// Runs `crossfoot runs`: lists runs, newest first.
pub(crate) async fn runs(global: &Global, args: &Runs) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    let is_asked_for = |state: &RunState| args.outcome.is_some_and(|outcome| outcome == Outcome::of(*state));
    let filter = RunFilter {
        job: args.job.clone(),
        states: RunState::ALL.iter().copied().filter(is_asked_for).collect(),
        opened_since_ms: args.since.unwrap_or(0),
    };
    let runs = store.runs(&filter, args.limit).await?;
    if global.json {
        let list: Vec<_> = runs
            .iter()
            .map(|run| ListedRun {
                run_id: run.run_id,
                job: run.job.clone(),
                state: run.state,
                outcome: Outcome::of(run.state),
                source: run.source.clone(),
                records: run.split.map(|split| split.records),
                opened_at_ms: run.opened_at_ms,
                ended_at_ms: run.ended_at_ms,
                elapsed_ms: run.elapsed_ms,
                actor: run.actor.clone(),
                purged: run.purged,
                note: run.note.clone(),
            })
            .collect();
        print_json(&list)?;
        return Ok(Done::Well);
    }
    if runs.is_empty() {
        let such = if filter == RunFilter::default() { "no runs" } else { "no such runs" };
        print(&format!("{such} in {}", store.url()))?;
        return Ok(Done::Well);
    }
    let mut table = Table::new();
    table
        .load_preset("     ──            ")
        .set_header(["run", "job", "outcome", "records", "opened", "seconds"]);
    for run in &runs {
        let outcome = Outcome::of(run.state).name();
        table.add_row([
            run.run_id.to_string(),
            visible(&run.job),
            if run.purged { format!("{outcome}, purged") } else { outcome.into() },
            run.split.map_or_else(|| "-".into(), |split| grouped(split.records)),
            platform::clock::iso(run.opened_at_ms),
            format!("{}.{}", run.elapsed_ms / 1000, run.elapsed_ms % 1000 / 100),
        ]);
    }
    for column in [3, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut shown = table.trim_fmt();
    for run in &runs {
        if let Some(note) = &run.note {
            shown.push_str(&format!("\n\n run {}:\n   {}", run.run_id, visible(note)));
        }
    }
    print(&shown)?;
    Ok(Done::Well)
}

/// Runs `crossfoot show`: prints a run's state, progress and checks.
pub(crate) async fn show(global: &Global, args: &Show) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run.run).await?;
    let report = summary::report(&*store, run.run_id).await?;
    let progress = store.progress(run.run_id).await?;
    if global.json {
        let progress = RunProgress {
            chunks_split: progress.split,
            chunks_committed: progress.committed,
            chunks_set_aside: progress.set_aside,
            records: progress.records,
        };
        let done = Done::of(report.outcome, args.verdict);
        print_json(&ShownRun { report, progress })?;
        return Ok(done);
    }
    let mut lines = format!(
        "run      {}\njob      {} ({})\nsource   {}\noutcome  {} ({})\n",
        run.run_id,
        visible(&run.job),
        run.job_digest,
        visible(&run.source),
        report.outcome.name(),
        run.state
    );
    if let Some(by) = &report.driven_by {
        lines.push_str(&format!("driver   {}\n", visible(by)));
    }
    if let Some(cause) = &report.leading_cause {
        lines.push_str(&format!("cause    {}\n", visible(&cause.sentence())));
    }
    if let Some(note) = &run.note {
        lines.push_str(&format!("note     {}\n", visible(note)));
    }
    lines.push_str(&format!(
        "opened   {} by {}\n",
        platform::clock::iso(run.opened_at_ms),
        visible(&run.actor)
    ));
    lines.push_str(&format!(
        "chunks   {} of {} committed, {} set aside; {}\n",
        grouped(progress.committed),
        run.split
            .map_or_else(|| format!("{} so far", grouped(progress.split)), |split| grouped(split.chunks)),
        grouped(progress.set_aside),
        plural(progress.records, "record")
    ));
    for held in held(&*store, Some(run.run_id)).await? {
        lines.push_str(&format!(
            "waiting  chunk {}: {}\n         {}\n",
            held.chunk_no,
            visible(&held.said),
            held.advice
        ));
    }
    print(&lines)?;
    if !report.checks.is_empty() {
        print(&text::checks_table(&report.checks, style()))?;
    }
    Ok(Done::of(report.outcome, args.verdict))
}

/// Runs `crossfoot workers`: prints each worker's counts for a run.
pub(crate) async fn workers(global: &Global, args: &RunArg) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run).await?;
    let report = summary::report(&*store, run.run_id).await?;
    if global.json {
        print_json(&report.workers)?;
    } else {
        print(&text::workers_table(&report, style()))?;
    }
    Ok(Done::Well)
}
