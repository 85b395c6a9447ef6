//! `explain`: traces every difference of a run to record, field, both values, and worker.

use coordinator::ops::retention::removed_said;
use coordinator::ops::views::findings::{Explained, FindingOriginal, originals, page};
use coordinator::ops::views::rejects::OriginalRecord;
use coordinator::report::text;
use domain::retention::Part;
use domain::visible::visible;
use store::stored_job;

use super::context::{find_run, open_store};
use crate::args::{Explain, Global};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, remark, style};

const PAGE: u32 = 500;

/// Runs `crossfoot explain`: prints the run's findings, page by page, up to the limit.
pub(crate) async fn explain(global: &Global, args: &Explain) -> Result<Done, Failure> {
    let (_, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run.run).await?;
    let job = stored_job(&*store, &run.job_digest).await?;
    let limit = if args.limit == 0 { u64::MAX } else { args.limit };
    let (mut shown, mut total) = (0, 0);
    let (mut list, mut before) = (Vec::new(), Vec::new());
    // Pages through the findings, so that a million of them need only the memory of one page.
    while shown < limit {
        let room = u32::try_from(limit - shown).unwrap_or(PAGE).min(PAGE);
        let page = page(&*store, &run, &job, shown, room).await?;
        total = page.total;
        if page.findings.is_empty() {
            break;
        }
        shown += page.findings.len() as u64;
        let of_page = originals(&*store, &run, &page.findings).await?;
        if global.json {
            list.extend(page.findings);
            before.extend(of_page);
        } else {
            print(&text::findings_table(&page.findings, page.findings.len() as u64, style()))?;
            for FindingOriginal { record_no, original } in of_page {
                let OriginalRecord { run_id, record_no: was, byte_offset } = original;
                print(&format!("record {record_no} was record {was} of run {run_id}, byte {byte_offset}"))?;
            }
        }
    }
    if let Some(said) = removed_said(&*store, &run).await? {
        remark(&format!("note: {said}"));
    }
    if global.json {
        print_json(&Explained {
            run_id: run.run_id,
            findings_total: total,
            findings: list,
            originals: before,
        })?;
    } else if shown == 0 {
        let none =
            if run.removed.has(Part::Reports) { "its findings were removed" } else { "no differences found" };
        let note = run.note.as_deref().unwrap_or(none);
        print(&format!("run {} is {}: {}", run.run_id, run.state, visible(note)))?;
    } else if shown < total {
        print(&format!("showing {shown} of {total} differences; `--limit 0` shows all"))?;
    }
    Ok(Done::Well)
}
