//! `trends`: compares a job's runs.

use std::path::Path;

use coordinator::report::text;
use domain::trend::TrendRules;
use store::{Store, stored_job};

use super::context::{open_store, read_job};
use crate::args::{Global, Trends};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, style};
use crate::printed::{JobTrends, TRENDS_VERSION};

/// Runs `crossfoot trends`: compares the job's runs, newest first.
pub(crate) async fn trends(global: &Global, args: &Trends) -> Result<Done, Failure> {
    let path = Path::new(&args.job);
    let read = if path.is_file() { Some(read_job(path)?) } else { None };
    let (_, store) = open_store(global).await?;
    let (name, rules) = match read {
        Some(job) => (job.name.clone(), job.trends.clone()),
        None => (args.job.clone(), latest_rules(&*store, &args.job).await?),
    };
    let rows = coordinator::report::trends::trends(&*store, &name, &rules, args.limit).await?;
    if rows.is_empty() {
        return Err(Failure::usage(format!(
            "no runs of job `{name}` in {}; `crossfoot runs` lists all runs",
            store.url()
        )));
    }
    if global.json {
        print_json(&JobTrends { trends_version: TRENDS_VERSION, job: name, runs: rows })?;
    } else {
        print(&text::trends_table(&name, &rows, style()))?;
    }
    Ok(Done::Well)
}

/// Returns the trend rules of the job's latest run.
async fn latest_rules(store: &dyn Store, job: &str) -> Result<TrendRules, Failure> {
    Ok(match store.history(job, None, false, 1).await?.pop() {
        Some(latest) => stored_job(store, &latest.run.job_digest).await?.trends,
        None => TrendRules::default(),
    })
}
