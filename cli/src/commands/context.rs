//! Helpers that several commands share: the store, a run by its argument, the job and its source.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use coordinator::split::SplitError;
use domain::event::Event;
use domain::event_kind::EventKind;
use domain::ids::RunId;
use job::Job;
use settings::Settings;
use source::{Location, SourceFile};
use store::model::Run;
use store::{RunFilter, Store, StoreError};

use crate::args::Global;
use crate::outcome::Failure;
use crate::wiring;

/// The number of runs that are searched for an abbreviated ID.
pub(super) const RUNS_LOOKED_AT: u32 = 10_000;

/// Opens the configured store, which must exist.
pub(crate) async fn open_store(global: &Global) -> Result<(Settings, Arc<dyn Store>), Failure> {
    let settings = wiring::settings(global, None)?;
    let store = wiring::store(&settings, false).await?;
    Ok((settings, store))
}

/// Notes an event of no run in the evidence log.
pub(super) async fn noted(
    settings: &Settings,
    store: &Arc<dyn Store>,
    kind: EventKind,
    detail: &serde_json::Value,
) -> Result<Event, Failure> {
    let (coordinator, _watcher) = wiring::coordinator_without_broker(settings, store);
    Ok(store.log(coordinator.entry_of_no_run(kind, detail)).await?)
}

/// Finds a run by its ID, by the start or end of its ID, or by `last`.
pub(crate) async fn find_run(store: &dyn Store, typed: &str) -> Result<Run, Failure> {
    if let Ok(run_id) = typed.parse::<RunId>() {
        return Ok(store.run(run_id).await?);
    }
    if typed == "last" {
        let latest = store.runs(&RunFilter::default(), 1).await?.pop();
        return latest.ok_or_else(|| Failure::usage(format!("no runs in {}", store.url())));
    }
    let wanted = typed.to_ascii_lowercase();
    let matches = |run: &Run| {
        let id = run.run_id.to_string();
        wanted.len() >= 4 && (id.starts_with(&wanted) || id.ends_with(&wanted))
    };
    let mut found: Vec<_> =
        store.runs(&RunFilter::default(), RUNS_LOOKED_AT).await?.into_iter().filter(matches).collect();
    match (found.pop(), found.is_empty()) {
        (Some(run), true) => Ok(run),
        (Some(_), false) => Err(Failure::usage(format!(
            "`{typed}` matches {} runs; type more characters of the ID",
            found.len() + 1
        ))),
        (None, _) => match forgotten(store, &wanted).await? {
            // Says that it was removed, and when.
            Some(run_id) => Ok(store.run(run_id).await?),
            None => Err(StoreError::NoSuchRun { what: typed.into(), url: store.url() }.into()),
        },
    }
}

/// Finds the ID of a run in the ledger, or of one that the log says was removed.
pub(crate) async fn find_logged(store: &dyn Store, typed: &str) -> Result<RunId, Failure> {
    let failure = match find_run(store, typed).await {
        Ok(run) => return Ok(run.run_id),
        Err(failure) => failure,
    };
    forgotten(store, &typed.to_ascii_lowercase()).await?.ok_or(failure)
}

/// The run that was removed, and of whose ID `wanted` is the beginning or the end; the newest of several.
async fn forgotten(store: &dyn Store, wanted: &str) -> Result<Option<RunId>, Failure> {
    let is_meant = |id: &String| wanted.len() >= 4 && (id.starts_with(wanted) || id.ends_with(wanted));
    let events = store.forgotten(RUNS_LOOKED_AT).await?;
    Ok(events
        .into_iter()
        .filter_map(|event| event.entry.run_id)
        .find(is_meant)
        .and_then(|id| id.parse().ok()))
}

/// Reads the job file at `path`.
pub(crate) fn read_job(path: &Path) -> Result<Arc<Job>, Failure> {
    Ok(Arc::new(Job::read(path)?))
}

/// Returns the job for this source: its columns are found by their names in the header row.
pub(crate) fn found_columns(job: &Arc<Job>, source: &SourceFile) -> Result<Arc<Job>, Failure> {
    coordinator::split::of_source(job, source).map_err(|error| match error {
        SplitError::Source(error) => error.into(),
        error => Failure::usage(error.to_string()),
    })
}

/// Returns the source from the command line, or else the job's own; the job file's folder is the base of a relative
/// path.
pub(crate) fn source_of(job: &Job, job_path: &Path, typed: Option<&str>) -> Result<Location, Failure> {
    let location = match (typed, &job.source_path) {
        (Some(typed), _) => Location::parse(typed),
        (None, Some(own)) if Location::is_object_url(own) => Location::parse(own),
        (None, Some(own)) => Location::file(job_path.parent().unwrap_or(Path::new(".")).join(own)),
        (None, None) => {
            return Err(Failure::usage(
                "no source; pass `--source FILE`, or set `path` under [source] in the job file",
            ));
        }
    };
    // Crossfoot opens the source more than once, and a named pipe would wait for a new writer each time.
    let is_pipe = |path: &Path| path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo());
    match location.path().filter(|path| is_pipe(path)) {
        Some(path) => {
            let path = path.display();
            Err(Failure::usage(format!("{path} is a pipe; pass it as `--source - < {path}`")))
        }
        None => Ok(location),
    }
}
