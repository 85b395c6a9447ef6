//! `reconcile`: compares a source with a load that another program made.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use compare::{
    Compare, CompareError, DifferenceFile, FileTarget, Fleet, Pace, Source, Work, Workers, html, junit, text,
};
use coordinator::evidence::pack::keys::Signer;
use coordinator::evidence::pack::{PackError, comparison};
use domain::comparison::{LoadOutcome, LoadReport};
use domain::declared::Declared;
use domain::event::Event;
use domain::event_kind::EventKind;
use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::report::LogHead;
use domain::words::grouped;
use job::Job;
use job::chain::Chain;
use lake::ParquetTarget;
use mysql::MysqlTarget;
use platform::clock::SystemClock;
use platform::files::{create_private, read_small_file};
use platform::secret::ServerUrl;
use postgres::{PostgresSettings, PostgresTarget};
use serde_json::json;
use settings::Settings;
use source::{Location, SourceFile};
use sqlite::SqliteTarget;
use store::Store;
use store::target::Target;

use super::context::{self, found_columns, read_job, source_of};
use super::resumable::{Resumable, list};
use super::run::read_declared;
use crate::args::{Comparing, Global, Reconcile};
use crate::outcome::{Done, Failure};
use crate::output::{deliver, remark, style, tell, tell_json, unwritten};
use crate::wiring;

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Runs `crossfoot reconcile`: reads both sides, reports, and notes the verdict in the evidence log.
pub(crate) async fn reconcile(global: &Global, args: &Reconcile) -> Result<Done, Failure> {
    let settings = wiring::settings(global, None)?;
    if std::fs::read_to_string(&args.job).is_ok_and(|text| Chain::is_one(&text)) {
        return Box::pin(super::chain::chain(global, &settings, args)).await;
    }
    let (differences, resumable) = list(&args.comparing)?;
    let (mut sides, store) = sides(&settings, args, None).await?;
    let papers = Papers::of(&settings, &args.comparing, &sides.job, resumable)?;
    if args.quick {
        return super::quick::look(global, &settings, &store, &args.comparing, sides).await;
    }
    sides.fleet = fleet(&settings, &args.comparing, &store).await?;
    let report = compared(global, &args.comparing, sides, differences, &papers).await?;
    conclude(global, &settings, &store, EventKind::LoadCompared, None, report, &papers).await
}

/// What the arguments compare with what, and the store that notes it: `opened`, or else the configured one, which is
/// not made before both sides can be read.
pub(super) async fn sides(
    settings: &Settings,
    args: &Reconcile,
    opened: Option<Arc<dyn Store>>,
) -> Result<(Sides, Arc<dyn Store>), Failure> {
    let job = read_job(&args.job)?;
    let source = match &args.from {
        Some(url) => {
            let password = args.from_password_file.as_ref();
            Source::Tables(database(settings, url, password, None, job.targets.len()).await?)
        }
        None => {
            let location = source_of(&job, &args.job, args.source.as_deref())?;
            Source::File(SourceFile::open(location, job.compression)?)
        }
    };
    let declared = args.declared.as_deref().map(read_declared).transpose()?;
    let target = target(settings, &job, args).await?;
    let store = match opened {
        Some(store) => store,
        None => wiring::store(settings, true).await?,
    };
    if job.is_sensitive() {
        job.masks.give_key(&store.masking_key().await?);
    }
    Ok((Sides { job, source, target, declared, fleet: None }, store))
}

/// Takes the fleet for a comparison, where it is to do its part. Last of all: until the comparison ends, it is no one
/// else's.
pub(super) async fn fleet(
    settings: &Settings,
    args: &Comparing,
    store: &Arc<dyn Store>,
) -> Result<Option<Arc<Fleet>>, Failure> {
    if !args.fleet {
        return Ok(None);
    }
    wiring::require_broker(settings)?;
    let post = wiring::post(wiring::broker(settings, &**store).await?, settings, store)?;
    let actor = wiring::actor(&wiring::host());
    Ok(Some(Fleet::begin(post, folder(args), &actor).await.map_err(failure)?))
}

/// Where temporary files are made.
fn folder(args: &Comparing) -> PathBuf {
    args.temp_dir.clone().or_else(|| args.work_dir.clone()).unwrap_or_else(std::env::temp_dir)
}

/// What is compared with what.
pub(super) struct Sides {
    pub(super) job: Arc<Job>,
    pub(super) source: Source,
    pub(super) target: Arc<dyn Target>,
    pub(super) declared: Option<Declared>,
    /// The workers that do their part of it.
    pub(super) fleet: Option<Arc<Fleet>>,
}

/// A comparison, and what tells its progress until it is stopped.
pub(super) fn comparison(
    global: &Global,
    args: &Comparing,
    sides: Sides,
    differences: Option<DifferenceFile>,
    work: Option<Arc<Work>>,
) -> (Compare, tokio::task::JoinHandle<()>) {
    let threads = args.threads.map_or_else(wiring::cores, usize::from);
    let pace = Arc::new(Pace::new(args.rows_per_second));
    let telling = tell_progress(global, &pace);
    let Sides { job, source, target, declared, fleet } = sides;
    let compare = Compare {
        job,
        source,
        target,
        declared,
        workers: Workers { decoders: threads, readers: usize::from(args.readers), comparers: threads },
        memory: (args.memory as usize) << 20,
        folder: folder(args),
        work,
        fleet,
        differences,
        pace,
        clock: Arc::new(SystemClock),
    };
    (compare, telling)
}

/// Compares, and tells the progress.
pub(super) async fn compared(
    global: &Global,
    args: &Comparing,
    sides: Sides,
    differences: Option<DifferenceFile>,
    papers: &Papers,
) -> Result<LoadReport, Failure> {
    let resumable = papers.resumable.as_ref();
    let work = resumable.map(|resumable| Arc::clone(&resumable.work));
    let fleet = sides.fleet.clone();
    let (compare, telling) = comparison(global, args, sides, differences, work);
    let done = Box::pin(compare.run()).await;
    telling.abort();
    if let Some(fleet) = fleet {
        fleet.end().await;
    }
    done.map_err(|error| match (resumable, error) {
        // It says itself what to do.
        (_, error @ CompareError::Work(_)) | (None, error) => failure(error),
        (Some(resumable), error) => resumable.kept(failure(error)),
    })
}

/// What is written of a comparison beside the report that is printed.
pub(super) struct Papers {
    html: Option<PathBuf>,
    junit: Option<PathBuf>,
    evidence: Option<PathBuf>,
    signer: Option<Signer>,
    /// The job file's text, which is a part of the evidence.
    job: String,
    pub(super) resumable: Option<Resumable>,
    /// Whether an earlier process may have written them.
    again: bool,
}

impl Papers {
    /// What the arguments ask for. What could not be written is refused before anything is read.
    pub(super) fn of(
        settings: &Settings,
        args: &Comparing,
        job: &Job,
        resumable: Option<Resumable>,
    ) -> Result<Self, Failure> {
        if let Some(path) = args.evidence.as_ref().filter(|path| path.exists()) {
            return Err(PackError::Exists { path: path.clone() }.into());
        }
        Ok(Self { resumable, again: false, ..Self::again(settings, args, job)? })
    }

    /// What the arguments ask for of a comparison that an earlier process finished, which may have written it.
    pub(super) fn again(settings: &Settings, args: &Comparing, job: &Job) -> Result<Self, Failure> {
        let key = args.key.as_ref().or(settings.audit.signing_key.as_ref());
        let key = key.filter(|_| args.evidence.is_some());
        Ok(Self {
            html: args.html.clone(),
            junit: args.junit.clone(),
            evidence: args.evidence.clone(),
            signer: key.map(|path| Signer::read(path)).transpose()?,
            job: job.text.to_string(),
            resumable: None,
            again: true,
        })
    }

    /// Writes them. `text` is the report as the event names it.
    pub(super) fn write(&self, report: &LoadReport, text: String, event: Event) -> Result<(), Failure> {
        if let Some(resumable) = &self.resumable {
            resumable.settle()?;
        }
        if let Some(path) = &self.html {
            let page = html(report)
                .map_err(|error| Failure::unfinished(format!("cannot render the page: {error}")))?;
            deliver(&page, Some(path))?;
        }
        if let Some(path) = &self.junit {
            deliver(&junit(report), Some(path))?;
        }
        if let Some(path) = &self.evidence {
            let hash = event.hash;
            let made = comparison::evidence(event, text, self.job.clone(), self.signer.as_ref())?;
            let bytes = comparison::text(&made)?;
            let failed = |error: io::Error| Failure::unfinished(format!("{}: {error}", path.display()));
            if self.again && path.exists() {
                let found = read_small_file(path, bytes.len() as u64 + 1).unwrap_or_default();
                return match found == bytes {
                    true => Ok(()),
                    false => Err(PackError::Exists { path: path.clone() }.into()),
                };
            }
            // It shows values: only its owner can read it. It has its name once it is whole.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let unfinished = path.with_file_name(format!(".{name}.{hash}.unfinished"));
            let mut file = create_private(&unfinished).map_err(failed)?;
            file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
            DifferenceFile::settle(&unfinished, path).map_err(failed)?;
            let signed = if self.signer.is_some() { "signed" } else { "NOT signed" };
            remark(&format!("written to {}, {signed}", path.display()));
        }
        Ok(())
    }
}

/// Notes the verdict in the evidence log, prints the report, and writes what was asked for beside it.
pub(super) async fn conclude(
    global: &Global,
    settings: &Settings,
    store: &Arc<dyn Store>,
    kind: EventKind,
    run_id: Option<RunId>,
    mut report: LoadReport,
    papers: &Papers,
) -> Result<Done, Failure> {
    let (text, event) = noted(settings, store, (kind, run_id, None), &mut report).await?;
    let instead =
        format!("the load is {}; event {} of the evidence log says so", report.outcome.name(), event.seq);
    if global.json {
        tell_json(&report, &instead);
    } else {
        tell(&text::text(&report, style()), &instead);
    }
    match (papers.write(&report, text, event), report.outcome) {
        (Ok(()), LoadOutcome::Reconciled) => Ok(Done::Well),
        (Err(failure), LoadOutcome::Reconciled) => Err(failure.advise(&instead)),
        (written, LoadOutcome::NotReconciled) => {
            // A file that cannot be written is the lesser evil.
            if let Err(failure) = written {
                unwritten(failure, &instead);
            }
            Ok(Done::NotReconciled)
        }
    }
}

/// Notes the verdict in the evidence log, as an event of this kind, of this run and of this hop of a chain. Returns the
/// report as the event names it, and the event.
pub(super) async fn noted(
    settings: &Settings,
    store: &Arc<dyn Store>,
    (kind, run_id, hop): (EventKind, Option<RunId>, Option<serde_json::Value>),
    report: &mut LoadReport,
) -> Result<(String, Event), Failure> {
    let text = crate::output::json(report)?;
    let mut detail = detail(report, &text, run_id);
    if let Some(hop) = hop {
        detail["hop"] = hop;
    }
    let event = context::noted(settings, store, kind, &detail).await?;
    report.log_head = Some(LogHead::Named { seq: event.seq, hash: event.hash });
    Ok((text, event))
}

/// The target that the arguments name, or else the job; without any, the store's own database.
async fn target(settings: &Settings, job: &Job, args: &Reconcile) -> Result<Arc<dyn Target>, Failure> {
    let of_job = job.target_url.as_ref().map(|url| ServerUrl::from(url.as_str()));
    let given = args.target.as_ref().or(of_job.as_ref());
    let url = given.unwrap_or(&settings.store.url);
    if let Some(path) = &args.target_job {
        let job = read_job(path)?;
        let location = Location::parse(url.reveal().strip_prefix("file:").unwrap_or(url.reveal()));
        let source = SourceFile::open(location, job.compression)?;
        let job = found_columns(&job, &source)?;
        return Ok(Arc::new(FileTarget::new(job, source)));
    }
    // The store's own user and password are of the store alone.
    let store = given.is_none().then(|| wiring::postgres_settings(settings));
    database(settings, url, args.target_password_file.as_ref(), store, job.targets.len()).await
}

/// A database or Parquet files, from which `tables` tables are read.
pub(super) async fn database(
    settings: &Settings,
    url: &ServerUrl,
    password_file: Option<&PathBuf>,
    store: Option<PostgresSettings>,
    tables: usize,
) -> Result<Arc<dyn Target>, Failure> {
    if url.is_of(&["postgres://", "postgresql://"]) {
        let of = store.unwrap_or_else(|| PostgresSettings {
            ca_file: settings.tls.ca_file.clone(),
            password_file: password_file.cloned(),
            url: url.clone(),
            ..PostgresSettings::default()
        });
        return Ok(Arc::new(PostgresTarget::open(of).await.map_err(|error| failure(error.into()))?));
    }
    if url.is_of(&["mysql://", "mariadb://"]) {
        let opened =
            MysqlTarget::open(url, password_file.map(PathBuf::as_path), settings.tls.ca_file.as_deref());
        return Ok(Arc::new(opened.await.map_err(|error| failure(error.into()))?));
    }
    if url.is_of(&["sqlite:"]) {
        return Ok(Arc::new(SqliteTarget::open(url.reveal()).map_err(|error| failure(error.into()))?));
    }
    if let Some(root) = parquet(url) {
        let opened = ParquetTarget::open(root, tables > 1);
        return Ok(Arc::new(opened.map_err(|error| failure(error.into()))?));
    }
    if url.is_of(&["odbc:"]) {
        return odbc_target(url, password_file.map(PathBuf::as_path));
    }
    let is_file = Path::new(url.reveal()).is_file();
    let advice = if is_file { "; a file needs --target-job, the job file that describes it" } else { "" };
    Err(Failure::usage(format!(
        "invalid target `{url}`: expected sqlite:PATH, postgres://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE, \
         parquet:PATH, odbc:DSN=NAME, or a file with --target-job{advice}"
    )))
}

/// The Parquet file or folder that a URL names: `parquet:PATH`, or a path that ends in `.parquet`.
fn parquet(url: &ServerUrl) -> Option<&Path> {
    let path = url.reveal();
    let is_named = Path::new(path).extension().is_some_and(|extension| extension == "parquet");
    match path.strip_prefix("parquet:") {
        Some(path) => Some(Path::new(path)),
        None => (is_named && !path.contains("://")).then(|| Path::new(path)),
    }
}

#[cfg(feature = "odbc")]
fn odbc_target(url: &ServerUrl, password_file: Option<&Path>) -> Result<Arc<dyn Target>, Failure> {
    let opened = odbc::OdbcTarget::open(url, password_file);
    Ok(Arc::new(opened.map_err(|error| failure(error.into()))?))
}

#[cfg(not(feature = "odbc"))]
fn odbc_target(url: &ServerUrl, _: Option<&Path>) -> Result<Arc<dyn Target>, Failure> {
    Err(Failure::usage(format!(
        "`{url}` needs a crossfoot that is built with `--features odbc`; this one is built without"
    )))
}

pub(super) fn failure(error: CompareError) -> Failure {
    match error {
        CompareError::Source(error) => error.into(),
        CompareError::Job(reason) => Failure::usage(reason),
        error @ (CompareError::NoKey { .. } | CompareError::Work(_)) => Failure::usage(error.to_string()),
        other => Failure::unfinished(platform::causes::chain(&other)),
    }
}

/// What the evidence log keeps: who proved what, when, and with which result. It holds no values of records.
fn detail(report: &LoadReport, text: &str, run_id: Option<RunId>) -> serde_json::Value {
    let failed: Vec<_> = coordinator::verify::reconcile::failed_names(&report.checks);
    json!({
        "run": run_id,
        "job": report.job,
        "job_digest": report.job_digest,
        "outcome": report.outcome,
        "source": report.source,
        "records": report.records,
        "rejected": report.rejected,
        "fingerprint": report.fingerprint,
        "target": report.target,
        "tables": report.tables,
        "checks": report.counts,
        "failed": failed,
        "differences": report.differences,
        "report_sha256": Hash::of(text.as_bytes()),
    })
}

/// Tells the progress every few seconds.
fn tell_progress(global: &Global, pace: &Arc<Pace>) -> tokio::task::JoinHandle<()> {
    let (pace, is_quiet) = (Arc::clone(pace), global.json);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TELL_EVERY).await;
            if !is_quiet {
                let of = |count: &std::sync::atomic::AtomicU64| grouped(count.load(Ordering::Relaxed));
                remark(&format!(
                    "{} records decoded · {} rows read · {} compared",
                    of(&pace.records),
                    of(&pace.rows),
                    of(&pace.compared)
                ));
            }
        }
    })
}
