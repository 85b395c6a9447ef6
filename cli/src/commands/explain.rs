//! `explain`: traces every difference of a run to record, field, both values, and worker.

use coordinator::report::{summary, text};
use domain::finding::Finding;
use domain::ids::RunId;
use domain::visible::visible;
use job::Job;
use store::{Store, stored_job};

use super::context::{find_run, open_store};
use crate::args::{Explain, Global};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, style};
use crate::printed::Explained;

const PAGE: u32 = 500;

/// Runs `crossfoot explain`: prints the run's findings, page by page, up to the limit.
pub(crate) async fn explain(global: &Global, args: &Explain) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run.run).await?;
    let job = stored_job(&*store, &run.job_digest).await?;
    let limit = if args.limit == 0 { u64::MAX } else { args.limit };
    let mut shown = 0;
    let mut list = Vec::new();
    let total = summary::report(&*store, run.run_id).await?.findings_total;
    // Pages through the findings, so that a million of them need only the memory of one page.
    let mut from = 0;
    let mut in_findings = true;
    while shown < limit {
        let page = page(&*store, run.run_id, &job, in_findings && !run.purged, from).await?;
        if page.is_empty() {
            if !in_findings || run.purged {
                break;
            }
            (in_findings, from) = (false, 0);
            continue;
        }
        from += page.len() as u64;
        let room = usize::try_from(limit - shown).unwrap_or(usize::MAX);
        let page: Vec<Finding> = page.into_iter().take(room).collect();
        shown += page.len() as u64;
        if global.json {
            list.extend(page);
        } else {
            print(&text::findings_table(&page, page.len() as u64, style()))?;
        }
    }
    if global.json {
        print_json(&Explained { run_id: run.run_id, findings_total: total, findings: list })?;
    } else if shown == 0 {
        let note = run.note.as_deref().unwrap_or("no differences found");
        print(&format!("run {} is {}: {}", run.run_id, run.state, visible(note)))?;
    } else if shown < total {
        print(&format!("showing {shown} of {total} differences; `--limit 0` shows all"))?;
    }
    Ok(Done::Well)
}

async fn page(
    store: &dyn Store,
    run_id: RunId,
    job: &Job,
    in_findings: bool,
    from: u64,
) -> Result<Vec<Finding>, Failure> {
    if in_findings {
        Ok(store.findings(run_id, from, PAGE).await?.findings)
    } else {
        Ok(store.breaches(run_id, job, from, PAGE).await?.findings)
    }
}
