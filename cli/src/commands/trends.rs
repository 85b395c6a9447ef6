//! `trends`: compares a job's runs.

use std::path::Path;

use coordinator::ops::views::jobs::{JobTrends, side_by_side};
use coordinator::report::text;

use super::context::{open_store, read_job};
use crate::args::{Global, Trends};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, style};

/// Runs `crossfoot trends`: compares the job's runs, newest first.
pub(crate) async fn trends(global: &Global, args: &Trends) -> Result<Done, Failure> {
    let path = Path::new(&args.job);
    let read = if path.is_file() { Some(read_job(path)?) } else { None };
    let (_, store) = open_store(global).await?;
    let (name, rules) = match read {
        Some(job) => (job.name.clone(), Some(job.trends.clone())),
        None => (args.job.clone(), None),
    };
    let trends = side_by_side(&*store, name, rules, args.limit).await?;
    let JobTrends { job: name, runs: rows, .. } = &trends;
    if rows.is_empty() {
        return Err(Failure::usage(format!(
            "no runs of job `{name}` in {}; `crossfoot runs` lists all runs",
            store.url()
        )));
    }
    if global.json {
        print_json(&trends)?;
    } else {
        print(&text::trends_table(name, rows, style()))?;
    }
    Ok(Done::Well)
}
