//! `attest`: compares final with the source of a run that was promoted earlier.

use std::sync::Arc;

use compare::Source;
use domain::declared::Declared;
use domain::event_kind::EventKind;
use domain::layout::Mode;
use domain::lifecycle::RunState;
use domain::table::TableName;
use job::target::{Relation, TargetTable};
use job::{Job, RecordType};
use source::{Location, SourceFile};
use store::model::Run;
use store::names::quoted;
use store::{RunFilter, Store, stored_job};

use super::context::{find_run, open_store};
use super::reconcile::{Sides, compared, conclude, database, list};
use crate::args::{Attest, Global};
use crate::outcome::{Done, Failure};
use crate::wiring;

/// Runs `crossfoot attest`: does final still hold what the run promoted?
pub(crate) async fn attest(global: &Global, args: &Attest) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let run = find_run(&*store, &args.run.run).await?;
    if run.state != RunState::Promoted {
        return Err(Failure::usage(format!(
            "run {} is {}: final holds nothing of it",
            run.run_id, run.state
        )));
    }
    let mut job = stored_job(&*store, &run.job_digest).await?;
    may_attest(&*store, &run, &job).await?;
    let schema = settings.store.schema.as_deref();
    let targets = job.records.iter().enumerate().map(|(place, record)| rows_of(&run, place, record, schema));
    job.targets = targets.collect::<Result<_, _>>()?;
    let location = match &args.source {
        Some(given) => Location::parse(given),
        None => Location::parse(&run.source),
    };
    let source = SourceFile::open(location, job.compression)?;
    is_the_runs(&run, &source)?;
    let declared = run.declared.as_deref().map(serde_json::from_str::<Declared>).transpose();
    let declared =
        declared.map_err(|error| Failure::unfinished(format!("declared totals of the run: {error}")))?;
    let url = settings.store.url.clone();
    let of_store = wiring::is_postgres(&settings).then(|| wiring::postgres_settings(&settings));
    let target = database(&settings, &url, None, of_store, job.targets.len()).await?;
    let differences = list(&args.comparing)?;
    let sides = Sides { job: Arc::new(job), source: Source::File(source), target, declared };
    let report = compared(global, &args.comparing, sides, differences).await?;
    conclude(global, &settings, &store, EventKind::Attested, Some(run.run_id), report).await
}

/// Refuses a run if final need not hold all of its accepted records under the run's own id.
async fn may_attest(store: &dyn Store, run: &Run, job: &Job) -> Result<(), Failure> {
    let report = coordinator::report::summary::report(store, run.run_id).await?;
    let held = report.balance.map_or(0, |balance| balance.held);
    if held > 0 {
        return Err(Failure::usage(format!(
            "rules held back {} of run {}, which are not in final; such a run cannot be attested",
            domain::words::plural(held, "record"),
            run.run_id
        )));
    }
    let is_upsert = job.layouts().any(|layout| layout.mode == Mode::Upsert);
    let promoted =
        RunFilter { job: Some(run.job.clone()), states: vec![RunState::Promoted], ..RunFilter::default() };
    let latest = store.runs(&promoted, 1).await?.into_iter().next();
    match latest {
        Some(latest) if is_upsert && latest.run_id != run.run_id => Err(Failure::usage(format!(
            "run {} replaced rows after run {}: of a job with `mode = \"upsert\"` the latest run can be attested",
            latest.run_id, run.run_id
        ))),
        _ => Ok(()),
    }
}

/// The rows of final that the run wrote.
fn rows_of(
    run: &Run,
    place: usize,
    record: &RecordType,
    schema: Option<&str>,
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
    of.filter = Some(format!("t.{} = '{}'", quoted(column), run.run_id));
    // The job's tables are in the ledger's schema, unless the job names another.
    if let (Some(schema), None) = (schema, layout.final_table.name.schema()) {
        let name = format!("{}.{}", quoted(schema), quoted(layout.final_table.name.name()));
        of.relation =
            Relation::Table(TableName::parse(&name).map_err(|error| Failure::usage(error.to_string()))?);
    }
    Ok(of)
}

/// Refuses another file than the run was made of.
fn is_the_runs(run: &Run, source: &SourceFile) -> Result<(), Failure> {
    let Some(expected) = run.source_sha256.or(run.split_sha256) else {
        return Err(Failure::usage(format!("run {} has no source that can be recognised", run.run_id)));
    };
    let found = tokio::task::block_in_place(|| source.sha256(&|| false, &|_| {}))?;
    if found == expected {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{} has the SHA-256 {found}, but run {} was made of {expected}; pass its source with `--source FILE`",
        source.location(),
        run.run_id
    )))
}
