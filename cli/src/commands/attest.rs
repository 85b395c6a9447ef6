//! `attest`: compares final with the source of a run that was promoted earlier.

use std::path::Path;
use std::sync::Arc;

use compare::Source;
use domain::declared::Declared;
use domain::event_kind::EventKind;
use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::layout::Mode;
use domain::lifecycle::RunState;
use domain::table::TableName;
use job::RecordType;
use job::target::{Relation, TargetTable, WRITER};
use platform::secret::ServerUrl;
use source::{Location, SourceFile};
use store::model::Run;
use store::names::quoted;
use store::{RunFilter, Store, stored_job};

use super::context::{find_run, open_store};
use super::reconcile::{Papers, Sides, compared, conclude, database};
use super::resumable::list;
use crate::args::{Attest, Global};
use crate::outcome::{Done, Failure};
use crate::wiring;

/// How many promoted runs are looked at for those that may have replaced rows.
const RUNS_MAX: u32 = 10_000;

/// Runs `crossfoot attest`: does final still hold what the run promoted?
pub(crate) async fn attest(global: &Global, args: &Attest) -> Result<Done, Failure> {
    if args.history {
        return super::attestations::history(global, &args.run, args.within).await;
    }
    if Path::new(&args.run).is_file() {
        return super::attest_pack::attest(global, args).await;
    }
    if args.pack_key.is_some() {
        return Err(Failure::usage(format!("{}: there is no such pack", args.run)));
    }
    let (settings, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run).await?;
    if run.state != RunState::Promoted {
        return Err(Failure::usage(format!(
            "run {} is {}: final holds nothing of it",
            run.run_id, run.state
        )));
    }
    let mut job = stored_job(&*store, &run.job_digest).await?;
    may_attest(&*store, &run).await?;
    let later = later(&*store, &run).await?;
    let schema = settings.store.schema.as_deref().filter(|_| args.target.is_none());
    let url = args.target.clone().unwrap_or_else(|| settings.store.url.clone());
    let quotes = quotes_of(&url);
    let targets = job.records.iter().enumerate();
    let targets = targets.map(|(place, record)| rows_of(run.run_id, place, record, schema, &later, quotes));
    job.targets = targets.collect::<Result<_, _>>()?;
    let location = match &args.source {
        Some(given) => Location::parse(given),
        None => Location::parse(&run.source),
    };
    let source = SourceFile::open(location, job.compression)?;
    is_the_runs(run.run_id, run.source_sha256.or(run.split_sha256), &source)?;
    let declared = run.declared.as_deref().map(serde_json::from_str::<Declared>).transpose();
    let declared =
        declared.map_err(|error| Failure::unfinished(format!("declared totals of the run: {error}")))?;
    let of_store = (args.target.is_none() && wiring::is_postgres(&settings))
        .then(|| wiring::postgres_settings(&settings));
    let target =
        database(&settings, &url, args.target_password_file.as_ref(), of_store, job.targets.len()).await?;
    let (differences, resumable) = list(&args.comparing)?;
    let papers = Papers::of(&settings, &args.comparing, &job, resumable)?;
    let sides = Sides { job: Arc::new(job), source: Source::File(source), target, declared };
    let report = compared(global, &args.comparing, sides, differences, &papers).await?;
    conclude(global, &settings, &store, EventKind::Attested, Some(run.run_id), report, &papers).await
}

/// Refuses a run if final need not hold all of its accepted records.
async fn may_attest(store: &dyn Store, run: &Run) -> Result<(), Failure> {
    let report = coordinator::report::summary::report(store, run.run_id).await?;
    let held = report.balance.map_or(0, |balance| balance.held);
    if held == 0 {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "rules held back {} of run {}, which are not in final; such a run cannot be attested",
        domain::words::plural(held, "record"),
        run.run_id
    )))
}

/// The runs that were promoted after this one, the earliest first: an upsert of theirs may have replaced its rows.
async fn later(store: &dyn Store, run: &Run) -> Result<Vec<RunId>, Failure> {
    let promoted = RunFilter { states: vec![RunState::Promoted], ..RunFilter::default() };
    let mut all = store.runs(&promoted, RUNS_MAX).await?;
    if all.len() as u32 == RUNS_MAX {
        return Err(Failure::usage(format!(
            "the store has {RUNS_MAX} promoted runs or more: which of them replaced rows of run {} cannot be told",
            run.run_id
        )));
    }
    all.retain(|other| other.run_id != run.run_id && other.ended_at_ms >= run.ended_at_ms);
    all.sort_by_key(|other| (other.ended_at_ms, other.opened_at_ms));
    Ok(all.into_iter().map(|other| other.run_id).collect())
}

/// How names are quoted in a database's SQL.
pub(super) type Quotes = fn(&str) -> String;

/// How names are quoted in the SQL of the database at `url`.
pub(super) fn quotes_of(url: &ServerUrl) -> Quotes {
    match url.is_of(&["mysql://", "mariadb://"]) {
        true => |name| format!("`{}`", name.replace('`', "``")),
        false => quoted,
    }
}

/// The rows of final that the run wrote; of an upsert, those of later runs too, told apart by their run.
pub(super) fn rows_of(
    run_id: RunId,
    place: usize,
    record: &RecordType,
    schema: Option<&str>,
    later: &[RunId],
    quotes: Quotes,
) -> Result<TargetTable, Failure> {
    let mut of = TargetTable::of_final(place, record);
    let layout = &record.layout;
    let Some(column) = layout.final_table.run_column() else {
        return Err(Failure::usage(format!(
            "the rows of table {} do not name their run (`run_table`), so they cannot be attested; `crossfoot reconcile` \
             compares the whole table",
            layout.final_table.name
        )));
    };
    // The job's tables are in the ledger's schema, unless the job names another.
    let mut table = layout.final_table.name.clone();
    if let (Some(schema), None) = (schema, table.schema()) {
        let name = format!("{}.{}", quoted(schema), quoted(table.name()));
        table = TableName::parse(&name).map_err(|error| Failure::usage(error.to_string()))?;
    }
    let run = format!("t.{}", quotes(column));
    if later.is_empty() || layout.mode != Mode::Upsert {
        of.filter = Some(format!("{run} = '{run_id}'"));
        of.relation = Relation::Table(table);
        return Ok(of);
    }
    // An id is digits and hyphens: nothing in it needs quoting.
    let numbers: Vec<_> =
        later.iter().enumerate().map(|(at, id)| format!("WHEN {run} = '{id}' THEN {}", at + 1)).collect();
    let ids: Vec<_> = std::iter::once(&run_id).chain(later).map(|id| format!("'{id}'")).collect();
    of.relation = Relation::Query(format!(
        "SELECT t.*, CASE {} ELSE 0 END AS {WRITER} FROM {} AS t WHERE {run} IN ({})",
        numbers.join(" "),
        table.schema().into_iter().chain([table.name()]).map(quotes).collect::<Vec<_>>().join("."),
        ids.join(", ")
    ));
    of.plan.names_writer = true;
    of.writers = later.iter().map(ToString::to_string).collect();
    Ok(of)
}

/// Refuses another file than the run was made of.
pub(super) fn is_the_runs(run_id: RunId, expected: Option<Hash>, source: &SourceFile) -> Result<(), Failure> {
    let Some(expected) = expected else {
        return Err(Failure::usage(format!("run {run_id} has no source that can be recognised")));
    };
    let found = tokio::task::block_in_place(|| source.sha256(&|| false, &|_| {}))?;
    if found == expected {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} has the SHA-256 {found}, but run {run_id} was made of {expected}; pass its source with `--source FILE`",
        source.location(),
    )))
}
