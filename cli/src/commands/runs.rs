//! `runs`, `show` and `workers`: list runs, and show one run or its workers.

use coordinator::ops::held::held;
use coordinator::ops::retention::removed_said;
use coordinator::ops::views::runs::{ListedRun, ShownRun, shown};
use coordinator::report::format::{second, time_to_second};
use coordinator::report::text::Style;
use coordinator::report::text::table::{Column, Grid, facts, sentence};
use coordinator::report::{summary, text};
use domain::lifecycle::RunState;
use domain::report::Outcome;
use domain::visible::visible;
use domain::words::{grouped, plural};

use store::RunFilter;

use super::attestations::table;
use super::context::{find_run, open_store};
use crate::args::{Global, RunArg, Runs, Show};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, remark, style};

/// How many runs that were removed are counted.
const FORGOTTEN_COUNTED: u32 = 10_000;

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
        let list: Vec<_> = runs.iter().map(ListedRun::of).collect();
        print_json(&list)?;
        return Ok(Done::Well);
    }
    let forgotten = store.forgotten(FORGOTTEN_COUNTED).await?.len();
    let forgotten = (forgotten > 0).then(|| {
        let more = if forgotten < FORGOTTEN_COUNTED as usize { "" } else { "at least " };
        format!(
            "{more}{} removed by retention; `crossfoot audit log` names them",
            plural(forgotten as u64, "run was").replace("run wass", "runs were")
        )
    });
    if runs.is_empty() {
        forgotten.iter().for_each(|said| remark(said));
        let such = if filter == RunFilter::default() { "no runs" } else { "no such runs" };
        print(&format!("{such} in {}", store.url()))?;
        return Ok(Done::Well);
    }
    let style = style();
    let is_wide = style.width >= 100;
    let mut listed = Grid::new(vec![
        Column::left("run"),
        Column::left("job").shrinks_to(8),
        Column::left("outcome"),
        Column::right("records"),
        Column::left("opened (UTC)").drops(1),
        Column::right("seconds").drops(2),
    ]);
    // Only runs that load can wait for a worker.
    let waiting = match runs.iter().any(|run| run.state == RunState::Loading) {
        true => held(&*store, None).await?,
        false => Vec::new(),
    };
    for run in &runs {
        let outcome = Outcome::of(run.state).name();
        let id = run.run_id.to_string();
        listed.row(vec![
            // The end of an ID is enough to select a run.
            if is_wide { id } else { id[id.len().saturating_sub(12)..].to_owned() },
            visible(&run.job),
            if run.purged { format!("{outcome}, purged") } else { outcome.into() },
            run.split.map_or_else(|| "-".into(), |split| grouped(split.records)),
            second(run.opened_at_ms),
            format!("{}.{}", run.elapsed_ms / 1000, run.elapsed_ms % 1000 / 100),
        ]);
        let held = waiting.iter().filter(|held| held.run_id == run.run_id).map(|held| {
            format!("waiting for chunk {}: {}; {}", held.chunk_no, visible(&held.said), held.advice)
        });
        let resends = run.resends.map(|first| format!("resends rejects of run {first}"));
        for said in resends.into_iter().chain(run.note.iter().map(|note| visible(note))).chain(held) {
            listed.text(sentence(style, 4, &said).lines().map(String::from));
        }
    }
    print(&listed.render(style))?;
    forgotten.iter().for_each(|said| remark(said));
    Ok(Done::Well)
}

/// Runs `crossfoot show`: prints a run's state, progress and checks.
pub(crate) async fn show(global: &Global, args: &Show) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run.run).await?;
    let shown = shown(&*store, run.run_id).await?;
    if global.json {
        print_json(&shown)?;
        return Ok(Done::of(shown.report.outcome, args.verdict));
    }
    let ShownRun { report, progress, attestations } = shown;
    let chunks = run
        .split
        .map_or_else(|| format!("{} so far", grouped(progress.chunks_split)), |split| grouped(split.chunks));
    let mut known = vec![
        ("run", run.run_id.to_string()),
        ("job", visible(&run.job)),
        ("", run.job_digest.to_string()),
        ("source", visible(&run.source)),
        ("outcome", format!("{} ({})", report.outcome.name(), run.state)),
        ("opened", format!("{} by {}", time_to_second(run.opened_at_ms), visible(&run.actor))),
        (
            "chunks",
            format!(
                "{} of {chunks} committed, {} set aside; {}",
                grouped(progress.chunks_committed),
                grouped(progress.chunks_set_aside),
                plural(progress.records, "record")
            ),
        ),
    ];
    known.extend(run.resends.map(|first| ("resends", format!("rejects of run {first}"))));
    if let Some(books) = &report.resent {
        known.push(("rejects", books.sentence()));
        known.extend(books.runs.iter().map(|run| ("", run.sentence())));
    }
    known.extend(report.driven_by.iter().map(|by| ("driver", visible(by))));
    known.extend(report.leading_cause.iter().map(|cause| ("cause", visible(&cause.sentence()))));
    known.extend(run.note.iter().map(|note| ("note", visible(note))));
    known.extend(removed_said(&*store, &run).await?.map(|said| ("removed", said)));
    for held in held(&*store, Some(run.run_id)).await? {
        known.push(("waiting", format!("chunk {}: {}", held.chunk_no, visible(&held.said))));
        known.push(("", held.advice.to_owned()));
    }
    let style = style();
    print(&(facts(style, 0, &known).join("\n") + "\n"))?;
    if !report.checks.is_empty() {
        let style = Style { lists_passed: style.lists_passed || args.all, ..style };
        print(&text::checks_table(&report.checks, style))?;
    }
    if !attestations.is_empty() {
        print(&format!("\n{}", table(&attestations)))?;
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
