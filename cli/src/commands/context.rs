//! Helpers that several commands share: the store, a run by its argument, the job and its source.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use domain::ids::RunId;
use domain::visible::visible;
use job::Job;
use settings::Settings;
use source::Location;
use store::model::Run;
use store::{RunFilter, Store, StoreError};

use crate::args::Global;
use crate::outcome::Failure;
use crate::wiring;

/// The number of runs that are searched for an abbreviated ID.
const RUNS_LOOKED_AT: u32 = 10_000;

/// The number of runs that a message lists.
const RUNS_SHOWN: usize = 10;

/// Opens the configured store, which must exist.
pub(crate) async fn open_store(global: &Global) -> Result<(Settings, Arc<dyn Store>), Failure> {
    let settings = wiring::settings(global, None)?;
    let store = wiring::store(&settings, false).await?;
    Ok((settings, store))
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
        (None, _) => Err(StoreError::NoSuchRun { what: typed.into(), url: store.url() }.into()),
    }
}

/// Finds the run that an operator acts on. Without a name it must be the only one that `fits`: the latest run may be
/// another job's.
pub(crate) async fn find_target(
    store: &dyn Store,
    typed: Option<&str>,
    command: &str,
    fits: fn(&Run) -> bool,
) -> Result<Run, Failure> {
    if let Some(typed) = typed {
        return find_run(store, typed).await;
    }
    let mut fitting: Vec<_> =
        store.runs(&RunFilter::default(), RUNS_LOOKED_AT).await?.into_iter().filter(fits).collect();
    match fitting.len() {
        // The command itself says what is wrong with the latest.
        0 => find_run(store, "last").await,
        1 => Ok(fitting.remove(0)),
        many => {
            let shown = |run: &Run| format!("\n  {} {} ({})", run.run_id, visible(&run.job), run.state);
            let list: String = fitting.iter().take(RUNS_SHOWN).map(shown).collect();
            let more = if many > RUNS_SHOWN { "\n  ..." } else { "" };
            let what = format!("`{command}` could mean {many} runs; name one: crossfoot {command} RUN");
            Err(Failure::usage(format!("{what}{list}{more}")))
        }
    }
}

/// Reads the job file at `path`.
pub(crate) fn read_job(path: &Path) -> Result<Arc<Job>, Failure> {
    Ok(Arc::new(Job::read(path)?))
}

/// Returns the source from the command line, or else the job's own; the job file's folder is the base of a relative
/// path.
pub(crate) fn source_of(job: &Job, job_path: &Path, typed: Option<&str>) -> Result<Location, Failure> {
    let location = match (typed, &job.source_path) {
        (Some(typed), _) => Location::parse(typed),
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
