//! `crossfoot retention`: lists or removes what is kept no longer of runs that are over.

use coordinator::ops::retention::{Going, KeptRun, plan};
use coordinator::report::format::time_to_second;
use domain::retention::Part;
use domain::visible::visible;
use domain::words::{grouped, plural};

use super::context::open_store;
use crate::args::{Global, Retention};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, tell, tell_json};
use crate::printed::Retained;
use crate::wiring;

/// Runs `crossfoot retention`: without `--apply` it changes nothing.
pub(crate) async fn retention(global: &Global, args: &Retention) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let policy = args.policy(settings.retention.policy()?);
    if policy.keeps_everything() {
        return Err(Failure::usage(
            "no retention is configured, so everything is kept; set `staging = \"90d\"` under [retention] in \
             crossfoot.toml, or pass `--staging 90d`",
        ));
    }
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let plan = plan(&*store, &policy, coordinator.clock.now_ms()).await?;
    let reason = args.reason.as_deref().filter(|_| args.apply);
    let Some(reason) = reason else {
        let listed = Retained { keeps: policy.to_string(), applied: false, runs: plan.goes, kept: plan.kept };
        if global.json {
            print_json(&listed)?;
        } else {
            print(&text(&listed))?;
        }
        return Ok(Done::Well);
    };
    let wanted = plan.goes.len();
    let gone = coordinator.retain(&plan, reason).await?;
    let left = wanted - gone.len();
    let done = Retained { keeps: policy.to_string(), applied: true, runs: gone, kept: plan.kept };
    let told = format!("removed parts of {}", plural(done.runs.len() as u64, "run"));
    if global.json {
        tell_json(&done, &told);
    } else {
        tell(&text(&done), &told);
    }
    if left > 0 {
        let left = plural(left as u64, "run");
        return Err(Failure::unfinished(format!(
            "{left} could not be changed now; see the warnings, then run it again"
        )));
    }
    Ok(Done::Well)
}

fn named(parts: &[Part]) -> String {
    parts.iter().map(|part| part.name()).collect::<Vec<_>>().join(", ")
}

fn text(done: &Retained) -> String {
    let going = |one: &Going| {
        let ended = one.ended_at_ms.map_or_else(|| "-".to_owned(), time_to_second);
        let (rows, bytes) = (grouped(one.rows), grouped(one.source_bytes));
        let what = if one.forgotten { "the run itself".to_owned() } else { named(&one.parts) };
        format!(
            "  {}  {}  ended {ended}  {what}: {rows} rows, from {bytes} bytes of source; {}",
            one.run_id,
            visible(&one.job),
            one.because.name()
        )
    };
    let kept = |one: &KeptRun| {
        format!("  {}  {}  {}: {}", one.run_id, visible(&one.job), named(&one.parts), one.said)
    };
    let rows: u64 = done.runs.iter().map(|one| one.rows).sum();
    let (runs, rows) = (plural(done.runs.len() as u64, "run"), grouped(rows));
    let would = if done.applied { "removed" } else { "would remove" };
    let mut lines = vec![format!("{would} parts of {runs} ({}): {rows} rows", done.keeps)];
    lines.extend(done.runs.iter().map(going));
    if !done.kept.is_empty() {
        lines.push("kept, although due:".to_owned());
        lines.extend(done.kept.iter().map(kept));
    }
    if !done.applied && !done.runs.is_empty() {
        lines.push("nothing was changed; pass `--apply --reason TEXT` to remove them".to_owned());
    }
    lines.join("\n")
}
