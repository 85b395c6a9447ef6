//! `reconcile CHAIN`: several comparisons, one after the other, in one report.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use compare::{ChainHop, ChainWork, chain_text};
use domain::comparison::{ChainReport, HopReport, LoadOutcome, handover};
use domain::event_kind::EventKind;
use domain::report::LogHead;
use job::chain::{Chain, ChainError, Hop, HopSource};
use platform::clock::{Clock as _, SystemClock, iso};
use platform::secret::ServerUrl;
use serde_json::json;
use settings::Settings;
use store::Store;

use super::context;
use super::reconcile::{Papers, compared, comparison, failure, fleet, noted, sides};
use super::resumable::list;
use crate::args::{Comparing, Global, Reconcile};
use crate::outcome::{Done, Failure};
use crate::output::{remark, style, tell, tell_json, unwritten};
use crate::wiring;

/// The version of the shape of the report.
const REPORT_VERSION: u32 = 1;

/// Compares each hop, whatever the one before it came to: so the report shows at which one a record was lost. Each hop
/// is an event of its own, and the chain is one. With a folder, hops that have their verdict are taken from there.
pub(super) async fn chain(global: &Global, settings: &Settings, args: &Reconcile) -> Result<Done, Failure> {
    refuse(args)?;
    let chain = Chain::read(&args.job).map_err(|error| match error {
        error @ ChainError::Unreadable { .. } => Failure::unfinished(platform::causes::chain(&error)),
        error @ ChainError::Invalid { .. } => Failure::usage(error.to_string()),
    })?;
    let names: Vec<_> = chain.hops.iter().map(|hop| hop.name.as_str()).collect();
    let folder = args.comparing.work_dir.as_deref();
    let work = folder.map(|folder| ChainWork::open(folder, &chain.name, chain.digest, &names));
    let mut work = work.transpose().map_err(failure)?;
    let hops = chain.hops.iter().enumerate();
    let hops: Vec<_> = hops.map(|(at, hop)| of_hop(args, hop, at == 0, work.as_ref())).collect();
    // What cannot be written is refused before anything is read. What a finished hop wrote is there already.
    for (hop, of) in chain.hops.iter().zip(&hops).filter(|(hop, _)| !has(work.as_ref(), hop)) {
        let given = of.comparing.differences.iter().chain(&of.comparing.evidence);
        if let Some(path) = given.into_iter().find(|path| path.exists()) {
            return Err(Failure::usage(format!("hop `{}`: {} exists already", hop.name, path.display())));
        }
    }
    let mut reports: Vec<HopReport> = Vec::new();
    let (mut handovers, mut store) = (Vec::new(), None);
    for (no, (hop, of)) in chain.hops.iter().zip(&hops).enumerate() {
        if !global.json {
            remark(&format!("hop {} of {}: {}", no + 1, chain.hops.len(), hop.name));
        }
        let done = match work.as_ref().filter(|work| work.has(&hop.name)) {
            Some(work) => taken(global, settings, work, (&hop.name, of), store).await,
            None => of_chain(global, settings, &chain, (no, of), store, work.as_mut()).await,
        };
        let (report, opened) =
            done.map_err(|failure| failure.advise(&format!("this was hop `{}`", hop.name)))?;
        store = Some(opened);
        if let Some(before) = reports.last() {
            handovers.extend(handover(before, &report, SystemClock.now_ms()));
        }
        reports.push(report);
    }
    let outcome = ChainReport::outcome_of(&reports, &handovers);
    let mut report = ChainReport {
        report_version: REPORT_VERSION,
        crossfoot_version: env!("CARGO_PKG_VERSION").into(),
        chain: chain.name,
        chain_digest: chain.digest,
        outcome,
        hops: reports,
        handovers,
        log_head: None,
    };
    let store = match store {
        Some(store) => store,
        None => wiring::store(settings, true).await?,
    };
    let event = context::noted(settings, &store, EventKind::ChainCompared, &detail(&report)).await?;
    report.log_head = Some(LogHead::Named { seq: event.seq, hash: event.hash });
    let instead = format!("the chain is {}; event {} of the evidence log says so", outcome.name(), event.seq);
    if global.json {
        tell_json(&report, &instead);
    } else {
        tell(&chain_text(&report, style()), &instead);
    }
    let emptied = work.as_ref().zip(folder).map(|(work, folder)| {
        let cannot = |error| Failure::unfinished(format!("cannot empty {}: {error}", folder.display()));
        work.finish().map_err(cannot)
    });
    match (emptied.transpose(), outcome) {
        (Ok(_), LoadOutcome::Reconciled) => Ok(Done::Well),
        (Err(failure), LoadOutcome::Reconciled) => Err(failure.advise(&instead)),
        (emptied, LoadOutcome::NotReconciled) => {
            if let Err(failure) = emptied {
                unwritten(failure, &instead);
            }
            Ok(Done::NotReconciled)
        }
    }
}

/// Whether an earlier process finished the hop.
fn has(work: Option<&ChainWork>, hop: &Hop) -> bool {
    work.is_some_and(|work| work.has(&hop.name))
}

/// Compares one hop, notes it, and writes what was asked for.
async fn of_chain(
    global: &Global,
    settings: &Settings,
    chain: &Chain,
    (no, of): (usize, &Reconcile),
    opened: Option<Arc<dyn Store>>,
    work: Option<&mut ChainWork>,
) -> Result<(HopReport, Arc<dyn Store>), Failure> {
    let (differences, resumable) = list(&of.comparing)?;
    let (mut sides, store) = sides(settings, of, opened).await?;
    let papers = Papers::of(settings, &of.comparing, &sides.job, resumable)?;
    sides.fleet = fleet(settings, &of.comparing, &store).await?;
    let mut report = compared(global, &of.comparing, sides, differences, &papers).await?;
    let name = &chain.hops[no].name;
    let hop = json!({
        "chain": chain.name,
        "chain_digest": chain.digest,
        "name": name,
        "no": no + 1,
        "of": chain.hops.len(),
    });
    let kind = (EventKind::LoadCompared, None, Some(hop));
    let (text, event) = noted(settings, &store, kind, &mut report).await?;
    let report = HopReport { name: name.clone(), report, taken: None };
    let Some((work, resumable)) = work.zip(papers.resumable.as_ref()) else {
        papers.write(&report.report, text, event)?;
        return Ok((report, store));
    };
    work.keep(&report, (&text, &event), &resumable.work, resumable.list()).map_err(failure)?;
    papers.write(&report.report, text, event)?;
    work.clear(name).map_err(failure)?;
    Ok((report, store))
}

/// Takes a hop from the folder that an earlier process compared, if all of it is what would be compared now, and the
/// log has its event. Writes what that process could not write any more.
async fn taken(
    global: &Global,
    settings: &Settings,
    work: &ChainWork,
    (name, of): (&str, &Reconcile),
    opened: Option<Arc<dyn Store>>,
) -> Result<(HopReport, Arc<dyn Store>), Failure> {
    let (sides, store) = sides(settings, of, opened).await?;
    let papers = Papers::again(settings, &of.comparing, &sides.job)?;
    let (compare, telling) = comparison(global, &of.comparing, sides, None, None);
    telling.abort();
    let now = Box::pin(compare.described()).await.map_err(failure)?;
    let ChainHop { report, text, event } =
        work.taken(name, &now, of.comparing.differences.as_deref()).map_err(failure)?;
    let logged = store.events(event.seq.saturating_sub(1), 1).await?;
    if logged.first() != Some(&event) {
        return Err(Failure::usage(format!(
            "the evidence log has not event {} of the hop: it was compared with another store; use that one, or remove \
             the folder of --work-dir",
            event.seq
        )));
    }
    if let (Some(taken), false) = (report.taken, global.json) {
        let (began, ended) = (iso(taken.began_at_ms), iso(taken.ended_at_ms));
        remark(&format!("taken from the folder: it was compared from {began} to {ended}"));
    }
    papers.write(&report.report, text, event)?;
    work.clear(name).map_err(failure)?;
    Ok((report, store))
}

/// What a chain file says itself cannot be said beside it.
fn refuse(args: &Reconcile) -> Result<(), Failure> {
    let given = [
        ("--from", args.from.is_some()),
        ("--target", args.target.is_some()),
        ("--target-job", args.target_job.is_some()),
        ("--target-password-file", args.target_password_file.is_some()),
        ("--declared", args.declared.is_some()),
        ("--quick", args.quick),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((option, _)) => Err(Failure::usage(format!(
            "`{option}` is for one comparison, and {} is a chain file, which says for each hop what is compared",
            args.job.display()
        ))),
    }
}

/// The arguments of one hop. `--source` is for the first one.
fn of_hop(args: &Reconcile, hop: &Hop, is_first: bool, work: Option<&ChainWork>) -> Reconcile {
    let (source, from, from_password_file) = match &hop.source {
        HopSource::File(file) => {
            (args.source.clone().filter(|_| is_first).or_else(|| file.clone()), None, None)
        }
        HopSource::Tables(url, password) => (None, Some(ServerUrl::from(url.as_str())), password.clone()),
    };
    Reconcile {
        job: hop.job.clone(),
        source,
        from,
        from_password_file,
        target: Some(ServerUrl::from(hop.target.as_str())),
        target_job: hop.target_job.clone(),
        target_password_file: hop.password_file.clone(),
        quick: false,
        declared: None,
        comparing: Comparing {
            work_dir: work.map(|work| work.folder_of(&hop.name)),
            ..named(&args.comparing, &hop.name)
        },
    }
}

/// Each hop writes files of its own: `report.html` becomes `report-HOP.html`.
fn named(comparing: &Comparing, hop: &str) -> Comparing {
    let with = |path: &Option<PathBuf>| path.as_deref().map(|path| with_name(path, hop));
    Comparing {
        differences: with(&comparing.differences),
        html: with(&comparing.html),
        junit: with(&comparing.junit),
        evidence: with(&comparing.evidence),
        ..comparing.clone()
    }
}

fn with_name(path: &Path, hop: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let end = path.extension().map(|end| format!(".{}", end.to_string_lossy())).unwrap_or_default();
    path.with_file_name(format!("{stem}-{hop}{end}"))
}

/// What the evidence log keeps of the chain. It holds no values of records.
fn detail(report: &ChainReport) -> serde_json::Value {
    let hops = report.hops.iter().map(|hop| {
        json!({
            "name": hop.name,
            "event": hop.report.log_head.as_ref().map(|head| head.parts().0),
            "outcome": hop.report.outcome,
            "records": hop.report.records,
            "differences": hop.report.differences,
            "taken": hop.taken,
        })
    });
    json!({
        "chain": report.chain,
        "chain_digest": report.chain_digest,
        "outcome": report.outcome,
        "hops": hops.collect::<Vec<_>>(),
        "failed": coordinator::verify::reconcile::failed_names(&report.handovers),
    })
}
