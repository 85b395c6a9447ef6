//! `resend`: loads corrected rejects as a run of the same job, and closes the books of both runs.

use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coordinator::open::{Resend as Opened, RunRequest};
use coordinator::ops::resend::{Prepared, ResendError, can_be_resent, prepare};
use coordinator::report::summary;
use coordinator::run::Drive;
use domain::declared::Declared;
use domain::ids::RunId;
use domain::layout::Mode;
use domain::lifecycle::RunState;
use domain::reconcile::VerifySource;
use domain::resend::CannotResend;
use domain::retention::Part;
use domain::words::plural;
use job::Job;
use platform::files::{create_new_private, open_regular};
use settings::Settings;
use source::Location;
use store::model::Run;
use store::{RunFilter, Store, StoreError, stored_job};

use super::context::find_run;
use super::run::{Begin, conclude, start};
use crate::args::{Global, Resend};
use crate::outcome::{Done, Failure};
use crate::output::{remark, warn_of_others};
use crate::wiring;

/// Names with a number that are tried for the file of corrected records.
const NAMES_MAX: u32 = 10_000;

/// Runs `crossfoot resend`: corrects the run's rejects from edited rows, and loads them.
pub(crate) async fn resend(global: &Global, args: &Resend) -> Result<Done, Failure> {
    let settings = wiring::settings(global, Some(&args.fleet))?;
    let store = wiring::store(&settings, false).await?;
    let first = find_run(&*store, &args.run).await?;
    let (run_id, state) = (first.run_id, first.state);
    if state != RunState::Promoted {
        return Err(StoreError::from(CannotResend::NotPromoted { first: run_id, state }).into());
    }
    if first.removed.has(Part::Rejects) {
        return Err(Failure::usage(format!(
            "the rejects of run {run_id} were purged; correct the source and load it as a new run"
        )));
    }
    let job = Arc::new(stored_job(&*store, &first.job_digest).await?);
    can_be_resent(&job)?;
    job.approval.reasoned(args.reason.as_deref()).map_err(|refusal| Failure::usage(refusal.to_string()))?;
    let (path, prepared) = write(&*store, &first, &job, args).await?;
    let opened = open(&settings, &store, (&first, &job), args, (&path, prepared)).await;
    let opened = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            // Nothing was loaded, and nothing is left behind.
            drop(std::fs::remove_file(&path));
            return Err(failure);
        }
    };
    warn_of_others(&path);
    let begin = Begin::GoOn(opened, Drive::default());
    let ended = start(global, &settings, &store, begin, args.patience).await?;
    let done = conclude(global, &*store, ended).await;
    let report = summary::report(&*store, run_id).await?;
    if let Some(books) = report.resent {
        remark(&format!("rejects of run {run_id}: {}", books.sentence()));
    }
    Ok(done)
}

/// Writes the corrected records to a file of their own.
async fn write(
    store: &dyn Store,
    first: &Run,
    job: &Job,
    args: &Resend,
) -> Result<(PathBuf, Prepared), Failure> {
    let failed =
        |path: &Path, error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    let from = open_regular(&args.from).map_err(|error| failed(&args.from, &error))?;
    let (path, file) = output(first.run_id, args)?;
    let mut out = BufWriter::new(file);
    match prepare(store, first, job, BufReader::new(from), &mut out).await {
        Ok(prepared) => Ok((path, prepared)),
        Err(error) => {
            drop(std::fs::remove_file(&path));
            Err(match error {
                ResendError::Csv(_) | ResendError::Row { .. } | ResendError::Nothing => {
                    failed(&args.from, &error).advise("nothing was loaded")
                }
                other => other.into(),
            })
        }
    }
}

fn output(first: RunId, args: &Resend) -> Result<(PathBuf, std::fs::File), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::usage(format!("cannot create {}: {error}", path.display()))
    };
    if let Some(path) = &args.output {
        let file = create_new_private(path).map_err(|error| failed(path, error))?;
        return Ok((path.clone(), file));
    }
    let folder = args.from.parent().unwrap_or(Path::new(""));
    for number in 1..NAMES_MAX {
        let path = folder.join(format!("resend-{first}-{number}.dat"));
        match create_new_private(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&path, error)),
        }
    }
    Err(Failure::usage("too many files of resent records are in this folder; pass `--output FILE`"))
}

/// Opens the run. What the job declares is of the whole source; this one declares what was written.
async fn open(
    settings: &Settings,
    store: &Arc<dyn Store>,
    (first, job): (&Run, &Arc<Job>),
    args: &Resend,
    (path, prepared): (&Path, Prepared),
) -> Result<RunId, Failure> {
    let Prepared { records, bytes, unchanged, missing } = prepared;
    let count = records.len() as u64;
    let request = RunRequest {
        job: Arc::clone(job),
        source: Location::file(path),
        declared: Some(Declared { records: Some(count), bytes: Some(bytes), ..Declared::default() }),
        again: false,
        reason: args.reason.clone(),
        pause_after_staged: false,
        verify_source: VerifySource::Full,
        submitted: false,
        chunks: wiring::chunk_limits(&settings.fleet),
    };
    let (coordinator, _watcher) = wiring::coordinator_without_broker(settings, store);
    let resend = Opened { first: first.run_id, records, unchanged, missing };
    let run_id = coordinator.open_resend(&request, resend).await?;
    let left = match unchanged + missing {
        0 => String::new(),
        left => format!(
            "; left as rejects of run {}: {} ({unchanged} unchanged, {missing} without a row)",
            first.run_id,
            plural(left, "record")
        ),
    };
    remark(&format!(
        "{} corrected in {}, loaded by run {run_id}{left}",
        plural(count, "record"),
        path.display()
    ));
    if job.layouts().any(|layout| layout.mode == Mode::Upsert) {
        let promoted = RunFilter {
            job: Some(job.name.clone()),
            states: vec![RunState::Promoted],
            ..RunFilter::default()
        };
        if store.runs(&promoted, 1).await?.iter().any(|latest| latest.run_id != first.run_id) {
            remark(
                "warning: runs of this job were promoted since, and it has `mode = \"upsert\"`: a resent record \
                 replaces a row of the same key that a later run wrote",
            );
        }
    }
    if job.declared.is_some() {
        remark(
            "note: [declared] of the job is not compared: it is of the whole source, and this is a part of it",
        );
    }
    Ok(run_id)
}
