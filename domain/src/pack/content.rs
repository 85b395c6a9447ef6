//! What must follow from what in a pack, part by part.

use std::collections::BTreeMap;

use super::chunks::{ChunkTotals, RejectTotals};
use super::lines::{RunFacts, Versions};
use super::{Contradiction, Judged, Part, PartCheck};
use crate::amount::Amount;
use crate::check::{CheckKind, CheckResult, Stage, Verdict};
use crate::counts::WorkerShare;
use crate::fingerprint::Hash;
use crate::report::{CheckCounts, LevelTotals, Outcome, Report};
use crate::retention;
use crate::words::counted;

/// `actual` must be `expected`.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &T,
    actual: &T,
) -> Result<(), Contradiction> {
    if expected == actual {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {actual:?}").into())
    }
}

/// As [`same`], of what is too much to be shown.
fn alike<T: PartialEq>(kind: &str, name: &str, one: &T, other: &T) -> Result<(), Contradiction> {
    if one == other { Ok(()) } else { Err(format!("{kind} `{name}` differs").into()) }
}

/// All of `results` must hold; the first that does not says why.
pub(super) fn all(
    holds: impl Into<String>,
    results: impl IntoIterator<Item = Result<(), Contradiction>>,
) -> Judged {
    results.into_iter().collect::<Result<(), Contradiction>>().map(|()| holds.into())
}

pub(super) fn name(part: Part) -> &'static str {
    part.name()
}

/// The report against the checks and the workers beside it, and its verdict against the checks.
#[must_use]
pub fn report(report: &Report, checks: &[CheckResult], workers: &[WorkerShare]) -> Vec<PartCheck> {
    let counts = CheckCounts::of(checks);
    let is_same = all(
        format!("{}, {}", counted(checks.len(), "check"), counted(workers.len(), "worker")),
        [
            same("number of checks", &checks.len(), &report.checks.len()),
            checks
                .iter()
                .zip(&report.checks)
                .try_for_each(|(one, other)| alike("check", &one.name, one, other)),
            same("number of workers", &workers.len(), &report.workers.len()),
            workers
                .iter()
                .zip(&report.workers)
                .try_for_each(|(one, other)| alike("worker", &one.name, one, other)),
        ],
    );
    let verdict = all(
        format!("{}: {} of {} checks passed", report.outcome.name(), counts.passed, counts.decided()),
        [
            same("counts", &counts, &report.counts),
            same("success rate", &counts.success_rate(), &report.success_rate),
            same("all passed", &counts.all_passed(), &report.all_passed),
            same("outcome", &Outcome::of(report.state), &report.outcome),
            match report.outcome {
                Outcome::Reconciled | Outcome::AwaitingApproval if counts.failed > 0 || checks.is_empty() => {
                    Err(format!(
                        "{} although {} failed",
                        report.outcome.name(),
                        counted(counts.failed, "check")
                    )
                    .into())
                }
                Outcome::NotReconciled if counts.failed == 0 => {
                    Err("not reconciled although no check failed".into())
                }
                _ => Ok(()),
            },
        ],
    );
    vec![
        PartCheck::of(name(Part::Report), "has the checks and workers of the other parts", is_same),
        PartCheck::of(name(Part::Report), "its verdict follows from its checks", verdict),
    ]
}

/// Each check's verdict against its own two sides.
#[must_use]
pub fn checks(checks: &[CheckResult]) -> PartCheck {
    let result = checks.iter().try_for_each(|check| {
        let says = |why: &str| Err(format!("`{}` is {}, {why}", check.name, check.verdict).into());
        if check.verdict != Verdict::Pass {
            return Ok(());
        }
        if !check.discrepancy.is_empty() {
            return says("and has a discrepancy");
        }
        let (expected, actual) = (check.expected.as_str(), check.actual.as_str());
        let agree = match check.kind {
            CheckKind::Hash => expected == actual,
            // "at most 5", "10 records, 0 rows", "from 1,000.00 to 1,200.00": no single number to be equal to.
            CheckKind::AmountTotal | CheckKind::Count => {
                match (expected.parse::<Amount>(), actual.parse::<Amount>()) {
                    (Ok(expected), Ok(actual)) => expected == actual,
                    _ => true,
                }
            }
            CheckKind::BusinessRule => true,
        };
        if agree { Ok(()) } else { says("though its two sides differ") }
    });
    let said = format!("{}; each verdict follows from its two sides", counted(checks.len(), "check"));
    PartCheck::of(name(Part::Checks), "verdicts follow from expected and actual", result.map(|()| said))
}

/// The report against the run's entry in the ledger.
#[must_use]
pub fn run(run: &RunFacts, report: &Report, versions: &Versions) -> Vec<PartCheck> {
    let chunks = run.split.map_or(0, |split| split.chunks);
    let sha256 = run.split.map(|split| split.sha256).or(run.source_sha256);
    let is_same = all(
        format!("run {}, {}", run.run_id, run.state),
        [
            same("run", &run.run_id, &report.run_id),
            same("job", &run.job, &report.job),
            same("job digest", &run.job_digest, &report.job_digest),
            same("state", &run.state, &report.state),
            same("note", &run.note, &report.note),
            same("opened", &run.opened_at_ms, &report.opened_at_ms),
            same("ended", &run.ended_at_ms, &report.ended_at_ms),
            same("source", &run.source, &report.source.location),
            same("SHA-256 of the source", &sha256, &report.source.sha256),
            same("chunks", &chunks, &report.source.chunks),
        ],
    );
    let made_by = all(
        format!("crossfoot {}, {}", versions.crossfoot, counted(versions.workers.len(), "worker")),
        [
            same("version", &versions.crossfoot, &report.crossfoot_version),
            same("report version", &versions.report_version, &report.report_version),
        ],
    );
    vec![
        PartCheck::of(name(Part::Run), "is the run of the report", is_same),
        PartCheck::of(name(Part::Versions), "are those of the report", made_by),
    ]
}

/// The chunks against the source, and the totals against the report's.
///
/// The ledger of a run that failed may be the very thing that is damaged: then the checks say so, and what does not fit
/// is no contradiction of the pack.
#[must_use]
pub fn chunks(totals: &ChunkTotals, run: &RunFacts, report: &Report) -> Vec<PartCheck> {
    let part = name(Part::Chunks);
    let failed: Vec<_> = report
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Fail)
        .map(|check| check.name.as_str())
        .collect();
    let judged = |check: &str, result: Judged| match result {
        Err(why) if !failed.is_empty() => {
            PartCheck::not_made(part, check, format!("{why}; failed checks: {}", failed.join("; ")))
        }
        result => PartCheck::of(part, check, result),
    };
    let covered = match &run.split {
        None => Ok(()),
        Some(split) => [
            same("chunks", &split.chunks, &totals.chunks),
            same("records", &split.records, &totals.records),
            if totals.chunks == 0 { Ok(()) } else { same("first byte", &split.header_bytes, &totals.begin) },
            same(
                "bytes",
                &u128::from(split.bytes),
                &(u128::from(totals.bytes) + u128::from(split.header_bytes) + u128::from(split.footer_bytes)),
            ),
        ]
        .into_iter()
        .collect(),
    };
    let tiled = all(
        format!(
            "{}, {}, {}, no gap and no overlap",
            counted(totals.chunks, "chunk"),
            counted(totals.bytes, "byte"),
            counted(totals.records, "record")
        ),
        [totals.gap.clone().map_or(Ok(()), |gap| Err(gap.into())), covered],
    );
    let balanced = match totals.unbalanced {
        0 => Ok(format!(
            "{} in = {} accepted + {} rejected",
            counted(totals.records_in, "record"),
            totals.accepted,
            totals.rejected
        )),
        n => Err(format!("in {}, records in differ from accepted + rejected", counted(n, "chunk")).into()),
    };
    let source = report.levels.iter().find(|level| level.stage == Stage::Source);
    let mut out = vec![
        judged("tile the source", tiled),
        judged("records in = accepted + rejected, chunk by chunk", balanced),
    ];
    let Some(source) = source else {
        let why = "the run was never reconciled: the report has no totals";
        out.push(PartCheck::not_made(part, "counts and sums add up to the report's", why));
        out.push(PartCheck::not_made(part, "trees merge to the fingerprint", why));
        return out;
    };
    let sums = match &totals.sums {
        Err(why) => Err(why.clone()),
        Ok(sums) if sums.0.is_empty() => {
            source.sums.iter().try_for_each(|sum| same("sum", &Amount::zero(0), sum))
        }
        Ok(sums) => same("sums", &sums.0, &source.sums),
    };
    let added = all(
        format!("{} accepted, {}", counted(totals.accepted, "record"), counted(source.sums.len(), "sum")),
        [same("records accepted", &source.records, &totals.accepted), sums],
    );
    out.push(judged("counts and sums add up to the report's", added));
    let root = totals.fingerprint(run.split.as_ref(), run.types.len());
    let merged = match (&totals.trees, root, source.fingerprint) {
        (Err(why), _, _) => Err(why.clone()),
        (_, Some(root), Some(of_report)) => same("fingerprint", &root, &of_report).map(|()| root.to_string()),
        (_, root, of_report) => {
            Err(format!("of the chunks {}, in the report {}", or_none(root), or_none(of_report)).into())
        }
    };
    out.push(judged("trees merge to the fingerprint", merged));
    out
}

pub(super) fn or_none(hash: Option<Hash>) -> String {
    hash.map_or_else(|| "none".into(), |hash| hash.to_string())
}

/// What the checks say of totals against the totals themselves: a report whose checks are about other numbers than it
/// shows is none.
#[must_use]
pub fn checks_are_of_the_totals(
    checks: &[CheckResult],
    report: &Report,
    run: &RunFacts,
    chunks: &ChunkTotals,
) -> PartCheck {
    let check = "are about the totals of report and chunks";
    let part = name(Part::Checks);
    let level = |stage| report.levels.iter().find(|level| level.stage == stage);
    let (Some(source), Some(staging), Some(split)) =
        (level(Stage::Source), level(Stage::Staging), &run.split)
    else {
        return PartCheck::not_made(part, check, "the run was never reconciled: there are no totals");
    };
    let root =
        |level: &LevelTotals| level.fingerprint.map_or_else(|| "incomplete".into(), |root| root.to_string());
    let number = |number: u64| Some(number.to_string());
    let covered = chunks.bytes.saturating_add(split.header_bytes).saturating_add(split.footer_bytes);
    let mut must: Vec<(String, Option<String>, Option<String>)> = vec![
        ("chunks tile the source".into(), number(split.bytes), number(covered)),
        ("source unchanged during the run".into(), None, Some(split.sha256.to_string())),
        ("every chunk was committed".into(), number(split.chunks), number(chunks.committed)),
        ("bytes processed".into(), number(chunks.bytes), number(chunks.bytes_in)),
        ("records decoded".into(), number(split.records), number(chunks.records_in)),
        ("records accepted or rejected".into(), None, number(chunks.unbalanced)),
        ("staging rows".into(), number(source.records), number(staging.records)),
        ("fingerprint, source to staging".into(), Some(root(source)), Some(root(staging))),
        (
            "rejects kept".into(),
            number(chunks.rejected),
            report.balance.map(|balance| balance.rejected.to_string()),
        ),
    ];
    if let Some(balance) = report.balance {
        let sum = balance.staged.saturating_add(balance.rejected);
        must.push(("records = staged + rejected".into(), number(balance.records), number(sum)));
        let to_promote = balance.to_promote().unwrap_or(0);
        must.push(("records to promote".into(), number(to_promote), None));
    }
    let pairs = report.amount_names.iter().enumerate();
    let sum = |level: &LevelTotals, at: usize| level.sums.get(at).map(ToString::to_string);
    for (at, amount) in pairs.clone() {
        must.push((format!("sum of {amount}, source to staging"), sum(source, at), sum(staging, at)));
    }
    if let Some(last) = level(Stage::Final) {
        must.push(("final rows".into(), None, number(last.records)));
        must.push(("fingerprint, staging to final".into(), None, Some(root(last))));
        must.extend(
            pairs.map(|(at, name)| (format!("sum of {name}, staging to final"), None, sum(last, at))),
        );
    }
    let outside = split.header_bytes.saturating_add(split.footer_bytes);
    must.extend(super::bytes::must(report, covered, outside, chunks));
    let by_name: BTreeMap<_, _> = checks.iter().map(|check| (check.name.as_str(), check)).collect();
    let compared = must.len();
    let held = must.into_iter().try_for_each(|(name, expected, actual)| {
        let check = by_name.get(name.as_str()).ok_or_else(|| format!("there is no check `{name}`"))?;
        let is = |said: &str, total: &Option<String>| {
            total.as_ref().is_none_or(|total| match (said.parse::<Amount>(), total.parse::<Amount>()) {
                (Ok(said), Ok(total)) => said == total,
                _ => said == total,
            })
        };
        if !is(&check.expected, &expected) || !is(&check.actual, &actual) {
            let shown = |total: Option<String>| total.unwrap_or_else(|| "–".into());
            return Err(format!(
                "`{name}` compares {} with {}, the totals are {} and {}",
                check.expected,
                check.actual,
                shown(expected),
                shown(actual)
            )
            .into());
        }
        Ok(())
    });
    PartCheck::of(part, check, held.map(|()| format!("{compared} checks are about these very numbers")))
}

/// Where the report says the records and amounts went, against its own totals.
#[must_use]
pub fn balance(report: &Report) -> PartCheck {
    let (part, check) = (name(Part::Report), "balances are those of the levels");
    let level = |stage| report.levels.iter().find(|level| level.stage == stage);
    let Some(balance) = report.balance else {
        return PartCheck::not_made(part, check, "the run was never reconciled: there is no balance");
    };
    let records =
        |stage, of: u64| level(stage).map_or(Ok(()), |level| same(stage.name(), &level.records, &of));
    let amounts = report.amounts.iter().enumerate().try_for_each(|(at, amount)| {
        same("amount", &report.amount_names.get(at), &Some(&amount.field))?;
        let sum = |stage| level(stage).and_then(|level| level.sums.get(at).copied());
        same(&amount.field, &sum(Stage::Source), &Some(amount.source))?;
        same(&amount.field, &sum(Stage::Staging), &Some(amount.staging))?;
        same(&amount.field, &sum(Stage::Final), &amount.final_)
    });
    let fingerprints = match (report.outcome, level(Stage::Source), level(Stage::Staging)) {
        (Outcome::Reconciled, Some(source), Some(staging)) => {
            same("fingerprint", &source.fingerprint, &staging.fingerprint)
        }
        _ => Ok(()),
    };
    let to_final = match (report.outcome, balance.to_promote()) {
        (Outcome::Reconciled, Some(to_promote)) => records(Stage::Final, to_promote),
        _ => Ok(()),
    };
    let said = format!(
        "{} = {} staged + {} rejected; {} held, {} merged",
        counted(balance.records, "record"),
        balance.staged,
        balance.rejected,
        balance.held,
        balance.merged
    );
    let result = all(said, [records(Stage::Staging, balance.staged), amounts, fingerprints, to_final]);
    PartCheck::of(part, check, result)
}

/// The rejects against the chunks.
#[must_use]
pub fn rejects(rejects: &RejectTotals, chunks: &ChunkTotals, run: &RunFacts, report: &Report) -> PartCheck {
    let (part, check) = (name(Part::Rejects), "as many as the chunks say, chunk by chunk");
    if run.removed().has(retention::Part::Rejects) {
        return match rejects.rejects {
            0 => {
                let were = chunks.rejected;
                PartCheck::not_made(
                    part,
                    check,
                    format!("the run was purged, and with it {}", counted(were, "reject")),
                )
            }
            n => PartCheck::of(
                part,
                check,
                Err(format!("{} of a run that was purged", counted(n, "reject")).into()),
            ),
        };
    }
    let result = match &rejects.disorder {
        Some(why) => Err(why.clone().into()),
        None if rejects.by_chunk == chunks.rejects => Ok(counted(rejects.rejects, "reject")),
        None => Err(format!(
            "{}, but the chunks have {} or have them elsewhere",
            counted(rejects.rejects, "reject"),
            chunks.rejected
        )
        .into()),
    };
    match result {
        Err(why) if report.counts.failed > 0 => PartCheck::not_made(
            part,
            check,
            format!("{why}; {} of the run failed", counted(report.counts.failed, "check")),
        ),
        result => PartCheck::of(part, check, result),
    }
}

/// What the workers are credited with against the chunks.
#[must_use]
pub fn workers(workers: &[WorkerShare], chunks: &ChunkTotals, versions: &Versions) -> PartCheck {
    let mut credited = chunks.workers.clone();
    let mut result = workers.iter().try_for_each(|worker| {
        let of_chunks = credited.remove(&(worker.role, worker.worker_id)).unwrap_or_default();
        same(&format!("worker {} ({})", worker.worker_id, worker.name), &of_chunks, &worker.ledger)
    });
    if let (Ok(()), Some(((role, worker), _))) = (&result, credited.iter().next()) {
        result =
            Err(format!("chunks are credited to {} {worker}, which is not among the workers", role.name())
                .into());
    }
    let known = |worker: &WorkerShare| {
        versions.workers.iter().any(|one| one.worker_id == worker.worker_id && one.name == worker.name)
    };
    if let (Ok(()), Some(stranger)) =
        (&result, workers.iter().find(|w| w.name != "not registered" && !known(w)))
    {
        result = Err(format!("{} is not in {}", stranger.name, Part::Versions.name()).into());
    }
    let said = format!("{}; each has the chunks it is credited with", counted(workers.len(), "worker"));
    PartCheck::of(name(Part::Workers), "shares are those of the chunks", result.map(|()| said))
}
