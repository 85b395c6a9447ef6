//! `attest PACK --target URL`: whether another system holds what a run promoted, from the run's evidence pack.

use std::path::Path;
use std::sync::Arc;

use compare::{Known, KnownContent, Source};
use coordinator::evidence::pack::keys::PublicKey;
use coordinator::evidence::pack::{Vouched, verify};
use domain::check::Stage;
use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::report::{Outcome, Report, SourceSummary};
use job::Job;
use source::{Location, SourceFile};

use super::attest::{is_the_runs, quotes_of, rows_of};
use super::quick;
use super::reconcile::{Papers, Sides, compared, comparison, conclude, database, failure};
use super::resumable::list;
use crate::args::{Attest, Comparing, Global};
use crate::outcome::{Done, Failure};
use crate::wiring;

/// Compares the rows of the pack's run in another database: with its source, if that is given, record by record;
/// otherwise with the totals that the pack has, and with final's fingerprint where the rows name their records.
pub(super) async fn attest(global: &Global, args: &Attest) -> Result<Done, Failure> {
    let path = Path::new(&args.run);
    let settings = wiring::settings(global, None)?;
    let Some(url) = &args.target else {
        return Err(Failure::usage(
            "an evidence pack is attested in another database; name it with `--target URL`",
        ));
    };
    let (run_id, mut job, report) = read(path, args)?;
    let quotes = quotes_of(url);
    let targets = job.records.iter().enumerate();
    let targets = targets.map(|(place, record)| rows_of(run_id, place, record, None, &[], quotes));
    job.targets = targets.collect::<Result<_, _>>()?;
    let target =
        database(&settings, url, args.target_password_file.as_ref(), None, job.targets.len()).await?;
    if args.source.is_none() {
        refuse(args)?;
    }
    let (differences, resumable) = list(&args.comparing)?;
    let papers = Papers::of(&settings, &args.comparing, &job, resumable)?;
    let store = wiring::store(&settings, true).await?;
    if job.is_sensitive() {
        job.masks.give_key(&store.masking_key().await?);
    }
    let job = Arc::new(job);
    if let Some(given) = &args.source {
        let source = SourceFile::open(Location::parse(given), job.compression)?;
        is_the_runs(run_id, report.source.sha256, &source)?;
        let sides = Sides { job, source: Source::File(source), target, declared: None };
        let compared = compared(global, &args.comparing, sides, differences, &papers).await?;
        return conclude(global, &settings, &store, EventKind::Attested, Some(run_id), compared, &papers)
            .await;
    }
    let known = known(path, &report)?;
    let sides = Sides { job, source: Source::Tables(Arc::clone(&target)), target, declared: None };
    let (compare, telling) = comparison(global, &args.comparing, sides, None, None);
    let done = Box::pin(compare.quick_of(known)).await;
    telling.abort();
    quick::conclude(global, &settings, &store, Some(run_id), done.map_err(failure)?).await
}

/// Refuses what needs records where there are only totals.
fn refuse(args: &Attest) -> Result<(), Failure> {
    let Comparing { differences, html, junit, evidence, work_dir, .. } = &args.comparing;
    if [differences, html, junit, evidence, work_dir].into_iter().all(Option::is_none) {
        return Ok(());
    }
    Err(Failure::usage(
        "a pack holds totals and a fingerprint and no rows, so no single record can be compared; pass the run's source \
         with `--source FILE` for a comparison of records",
    ))
}

/// Reads the pack, which must hold and be vouched for.
fn read(path: &Path, args: &Attest) -> Result<(RunId, Job, Report), Failure> {
    let key = args.pack_key.as_deref().map(PublicKey::read).transpose()?;
    let verified = verify(path, key.as_ref(), None)?;
    let shown = path.display();
    if !verified.holds() {
        return Err(Failure::usage(format!(
            "{shown} does not hold; `crossfoot audit verify {shown}` says what is wrong with it"
        )));
    }
    if verified.vouched == Vouched::Nobody {
        return Err(Failure::usage(format!(
            "nothing vouches for {shown}: anyone could have made it; pass the key of its signer with `--pack-key NAME.pub`"
        )));
    }
    let damaged =
        || Failure::usage(format!("{shown} has no job file or no report that this version can read"));
    let report = verified.report.ok_or_else(damaged)?;
    if report.outcome != Outcome::Reconciled {
        return Err(Failure::usage(format!(
            "run {} is {}: it has no rows in final",
            report.run_id,
            report.outcome.name()
        )));
    }
    let held = report.balance.map_or(0, |balance| balance.held);
    if held > 0 && args.source.is_some() {
        return Err(Failure::usage(format!(
            "rules held back {} of run {}, which are not in final; without `--source` the totals are compared",
            domain::words::plural(held, "record"),
            report.run_id
        )));
    }
    let text = verified.job.and_then(|job| String::from_utf8(job).ok()).ok_or_else(damaged)?;
    let job = Job::parse("the pack's job file", &text)?;
    let run_id = report.run_id.parse().map_err(|_| damaged())?;
    Ok((run_id, job, report))
}

/// What the pack says of the run's rows in final.
fn known(path: &Path, report: &Report) -> Result<Known, Failure> {
    let level = report.levels.iter().find(|level| level.stage == Stage::Final);
    let Some(level) = level else {
        return Err(Failure::usage(format!("{}: final was not read back in this run", path.display())));
    };
    let balance = report.balance.unwrap_or_default();
    Ok(Known {
        source: SourceSummary {
            location: format!("evidence pack {} of run {}", path.display(), report.run_id),
            ..report.source.clone()
        },
        records: balance.records,
        rejected: balance.rejected,
        rows: level.records,
        sums: level.sums.clone(),
        content: level.fingerprint.filter(|_| report.balance.is_some()).map(|fingerprint| KnownContent {
            fingerprint,
            left_out: balance.held.saturating_add(balance.merged),
        }),
    })
}
