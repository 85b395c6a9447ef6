//! `rejects`: lists the records that were not accepted, with every reason.

use std::io::Write;
use std::sync::Arc;

use console::raw::{RawError, RawRejects};
use coordinator::ops::resend::{ResendError, can_be_resent, can_be_written, edit};
use coordinator::ops::retention::removed_said;
use coordinator::ops::views::rejects::{ListedReject, original};
use domain::ids::RunId;
use domain::retention::Part;
use domain::visible::visible;
use domain::words::plural;
use job::Job;
use job::advice::remark_for;
use platform::files::create_private;
use store::model::Run;
use store::{Store, stored_job};

use super::context::{find_run, open_store};
use crate::args::{Global, Rejects};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, remark, warn_of_others};
use crate::wiring;

/// Runs `crossfoot rejects`: lists the run's rejects, or writes their bytes to a file.
pub(crate) async fn rejects(global: &Global, args: &Rejects) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run.run).await?;
    let job = stored_job(&*store, &run.job_digest).await?;
    if let Some(path) = args.raw.as_ref().or(args.edit.as_ref()) {
        can_be_written(&job).map_err(|error| Failure::usage(error.to_string()))?;
        if job.is_sensitive() {
            let (coordinator, _) = wiring::coordinator_without_broker(&settings, &store);
            // Records the export before it happens, so that no unmasked data leaves unnoticed.
            coordinator.note_raw_rejects(run.run_id, path).await?;
            remark("warning: the output holds sensitive fields unmasked; the run's log records this export");
        }
        let written = match args.edit {
            None => write_raw(&store, run.run_id, &job, path).await?,
            Some(_) => write_rows(&*store, &run, &job, path).await?,
        };
        remark(&format!("{} written to {}", plural(written, "reject"), path.display()));
        warn_of_others(path);
        if args.edit.is_some() {
            match can_be_resent(&job) {
                Ok(()) => remark(&format!(
                    "correct them there (\\N is NULL, \\E empty text), then `crossfoot resend {} --from {}`",
                    run.run_id,
                    path.display()
                )),
                Err(error) => remark(&format!("note: {error}")),
            }
        }
        return Ok(Done::Well);
    }
    let rows = store.rejects(run.run_id, 0, args.limit).await?;
    if let Some(said) = removed_said(&*store, &run).await? {
        remark(&format!("note: {said}"));
    }
    if global.json {
        let mut list = Vec::with_capacity(rows.len());
        for row in rows {
            let original = original(&*store, &run, row.record_no.0).await?;
            list.push(ListedReject::of(row, job.is_sensitive()).with(original));
        }
        print_json(&list)?;
        return Ok(Done::Well);
    }
    if rows.is_empty() {
        let why = if run.removed.has(Part::Rejects) { "its rejects have been purged" } else { "no rejects" };
        print(&format!("run {}: {why}", run.run_id))?;
        return Ok(Done::Well);
    }
    let mut out = String::new();
    for row in &rows {
        out.push_str(&format!(
            "record {}, byte {}, chunk {}, worker {}\n",
            row.record_no, row.offset, row.chunk_no, row.worker_id
        ));
        if let Some(of) = original(&*store, &run, row.record_no.0).await? {
            let (record_no, offset) = (of.record_no, of.byte_offset);
            out.push_str(&format!("    was record {record_no} of run {}, byte {offset}\n", of.run_id));
        }
        for reason in &row.reasons {
            let field = reason.field.as_deref().unwrap_or("(the record)");
            let (field, detail) = (visible(field), visible(&reason.detail));
            let keys = remark_for(reason.code, &job.format.form);
            out.push_str(&format!("    {field}: {}: {detail}{keys}\n", reason.code));
        }
    }
    if rows.len() == args.limit as usize {
        out.push_str("there may be more; `--limit N` lists up to N\n");
    }
    print(&out)?;
    Ok(Done::Well)
}

/// Writes the rejects as rows that a person edits.
async fn write_rows(store: &dyn Store, run: &Run, job: &Job, path: &std::path::Path) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| Failure::unfinished(format!("{}: {error}", path.display()));
    let mut file = std::io::BufWriter::new(create_private(path).map_err(failed)?);
    edit(store, run, job, &mut file).await.map_err(|error| match error {
        ResendError::Write(error) => failed(error),
        other => other.into(),
    })
}

/// Writes the rejects byte for byte, framed like the source, so that they can be corrected and sent again.
async fn write_raw(
    store: &Arc<dyn Store>,
    run_id: RunId,
    job: &Job,
    path: &std::path::Path,
) -> Result<u64, Failure> {
    let failed = |error: std::io::Error| Failure::unfinished(format!("{}: {error}", path.display()));
    let mut file = std::io::BufWriter::new(create_private(path).map_err(failed)?);
    let mut rejects = RawRejects::new(Arc::clone(store), run_id, job);
    let mut written = 0;
    loop {
        let piece = rejects.next().await.map_err(|error| match error {
            RawError::Store(error) => error.into(),
            error @ (RawError::Unframeable { .. } | RawError::Elements(_)) => {
                Failure::unfinished(format!("{}: {error}", path.display()))
            }
        })?;
        let Some(piece) = piece else { break };
        file.write_all(&piece.bytes).map_err(failed)?;
        written += piece.records;
    }
    file.flush().map_err(failed)?;
    Ok(written)
}
