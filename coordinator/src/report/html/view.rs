//! What the page shows, ready to be written down: the template only places it.

use std::collections::BTreeMap;

use askama::Template;
use domain::check::{CheckResult, Stage, Verdict};
use domain::report::{LogHead, Outcome, Report};

use crate::report::format::{
    self, amount, count, is_hash, mark, plural, side, time, time_to_second, visible,
};
use crate::report::relation::{Relation, Relations, due_in_final};
use crate::report::verdict;

use super::bytes::{Bytes, bytes};
use super::decoding::{Decoding, decoding};
use super::workers::{Workers, workers};

/// The report as one HTML page, each value already formatted.
#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    title: String,
    outcome: String,
    class: &'static str,
    mark: char,
    grounds: Vec<String>,
    consequence: &'static str,
    failures: Vec<String>,
    note: Option<String>,
    next_step: Option<String>,
    /// The checks that failed or warned, each with its level.
    failed: Vec<(&'static str, Check)>,
    facts: Vec<(&'static str, Value)>,
    levels: Vec<Level>,
    accounted: bool,
    /// What final was compared with, where that needs saying.
    due_in_final: Option<String>,
    final_read: bool,
    balance: Option<Balance>,
    amounts: Vec<Amounts>,
    amounts_final: bool,
    bytes: Option<Bytes>,
    decoding: Option<Decoding>,
    stages: Vec<Checks>,
    roles: Vec<Workers>,
    rejects: Vec<[String; 5]>,
    rejected: Option<String>,
    findings: Vec<Finding>,
    findings_more: Option<String>,
    run_id: String,
    version: String,
    report_version: u32,
    job_digest: Value,
    log_head: Option<(String, Value)>,
    /// The invariants that checks name: number and text.
    invariants: Vec<(&'static str, &'static str)>,
    as_of: String,
    as_of_exact: String,
}

/// A text, or a digest in groups between which a line may break.
struct Value {
    groups: Vec<String>,
    digest: bool,
}

impl Value {
    fn of(text: &str) -> Self {
        let digest = is_hash(text);
        let groups = if digest {
            (0..4).map(|group| text[group * 16..(group + 1) * 16].to_owned()).collect()
        } else {
            vec![visible(text)]
        };
        Self { groups, digest }
    }
}

struct Level {
    name: &'static str,
    /// The sign between the level before and this one, its words, and a class.
    relation: Option<(&'static str, &'static str, &'static str)>,
    quantities: Vec<(String, Value, &'static str)>,
}

struct Balance {
    records: String,
    staged: String,
    rejected: String,
    held: String,
    merged: String,
    last: String,
    last_name: &'static str,
    staged_holds: bool,
    last_holds: bool,
}

struct Amounts {
    field: String,
    source: String,
    staging: String,
    staging_agrees: bool,
    kept_out: String,
    due: String,
    read_back: String,
    read_back_agrees: bool,
    rejected: String,
}

struct Checks {
    stage: &'static str,
    passed: String,
    checks: Vec<Check>,
}

struct Check {
    class: &'static str,
    mark: char,
    verdict: &'static str,
    invariant: Option<(&'static str, &'static str)>,
    kind: &'static str,
    name: String,
    message: String,
    expected: Value,
    actual: Value,
    discrepancy: String,
    at: String,
    date: String,
    clock: String,
}

struct Finding {
    stage: &'static str,
    what: &'static str,
    places: [String; 3],
    field: String,
    expected: String,
    actual: String,
    worker: String,
}

const NOTHING: &str = "–";

impl Page {
    /// Everything about `report` that a reader is shown.
    pub(super) fn of(report: &Report) -> Self {
        let (class, mark) = match report.outcome {
            Outcome::Reconciled => ("pass", '✓'),
            Outcome::NotReconciled => ("fail", '✗'),
            Outcome::AwaitingApproval | Outcome::Unfinished | Outcome::Cancelled | Outcome::BackedOut => {
                ("warn", '!')
            }
        };
        let levels = levels(report);
        let more =
            report.findings_total.saturating_sub(u64::try_from(report.findings.len()).unwrap_or(u64::MAX));
        let last_check = report.checks.iter().map(|check| check.at_ms).max();
        let as_of = report.ended_at_ms.max(last_check).unwrap_or(report.opened_at_ms);
        let name = report.outcome.name();
        Self {
            title: format!("{} – {name}", visible(&report.job)),
            outcome: name[..1].to_uppercase() + &name[1..],
            class,
            mark,
            grounds: verdict::grounds(report),
            consequence: verdict::consequence(report),
            failures: verdict::failures(report),
            note: verdict::note(report),
            next_step: verdict::next_step(report),
            failed: failed(&report.checks),
            facts: facts(report),
            accounted: levels.iter().any(|level| level.relation.is_some_and(|(sign, ..)| sign == "→")),
            // A sentence of its own here, a line among others in the text.
            due_in_final: due_in_final(report).map(|due| due.replacen("final", "Final", 1)),
            final_read: report.levels.iter().any(|level| level.stage == Stage::Final),
            levels,
            balance: balance(report),
            amounts: amounts(report),
            amounts_final: report.amounts.iter().any(|balance| balance.final_.is_some()),
            bytes: report.bytes.as_ref().map(bytes),
            decoding: report.decode_proof.as_ref().map(decoding),
            stages: checks(&report.checks),
            roles: workers(&report.workers),
            rejects: rejects(report),
            rejected: report.balance.map(|balance| plural(balance.rejected, "record")),
            findings: findings(report),
            findings_more: (more > 0).then(|| count(more)),
            run_id: visible(&report.run_id),
            version: visible(&report.crossfoot_version),
            report_version: report.report_version,
            job_digest: Value::of(&report.job_digest.to_string()),
            log_head: report
                .log_head
                .map(LogHead::parts)
                .map(|(event, hash)| (count(event), Value::of(&hash.to_string()))),
            invariants: invariants(&report.checks),
            as_of: time_to_second(as_of),
            as_of_exact: time(as_of),
        }
    }
}

fn facts(report: &Report) -> Vec<(&'static str, Value)> {
    let source = &report.source;
    let text = |text: &str| Value::of(text);
    let amounts = report.amount_names.is_empty().then(|| ("Amounts", text(verdict::NO_AMOUNTS)));
    let known = vec![
        ("Run", text(&report.run_id)),
        ("Job", text(&report.job)),
        ("Source", text(&source.location)),
        ("Size", text(&format!("{} in {}", plural(source.bytes, "byte"), plural(source.chunks, "chunk")))),
        ("Source SHA-256", text(&source.sha256.map_or_else(|| "not known".into(), |hash| hash.to_string()))),
        ("Staging table", text(&report.staging_table)),
        ("Final table", text(&report.final_table)),
        ("Opened", text(&time_to_second(report.opened_at_ms))),
        ("Ended", text(&report.ended_at_ms.map_or_else(|| "not yet".into(), time_to_second))),
        ("Checks passed", text(&format!("{} % of those that compared something", report.success_rate))),
    ];
    let resends = report.resends.iter().map(|first| ("Resends", text(&verdict::resends(first))));
    let books = report.resent.iter().map(|books| ("Rejects", text(&books.sentence())));
    let runs = report.resent.iter().flat_map(|books| &books.runs).map(|run| ("", text(&run.sentence())));
    known.into_iter().chain(amounts).chain(resends).chain(books).chain(runs).collect()
}

const fn class_of(relation: Relation) -> &'static str {
    match relation {
        Relation::Unknown => "none",
        Relation::Equal => "pass",
        Relation::Accounted => "warn",
        Relation::Differs => "fail",
    }
}

fn levels(report: &Report) -> Vec<Level> {
    let mut out = Vec::new();
    for (place, level) in report.levels.iter().enumerate() {
        let relations =
            place.checked_sub(1).map(|before| Relations::between(report, &report.levels[before], level));
        let class = |relation: &dyn Fn(&Relations) -> Relation| {
            relations.as_ref().map_or("none", |relations| class_of(relation(relations)))
        };
        let mut quantities = vec![(
            "Records".to_owned(),
            Value::of(&count(level.records)),
            class(&|relations| relations.records),
        )];
        for (at, name) in report.amount_names.iter().enumerate() {
            let sum = level.sums.get(at).map_or_else(|| NOTHING.into(), |sum| amount(*sum));
            let class = class(&|relations| relations.sums.get(at).copied().unwrap_or(Relation::Unknown));
            quantities.push((format!("Sum of {}", visible(name)), Value::of(&sum), class));
        }
        let fingerprint = level.fingerprint.map_or_else(|| NOTHING.into(), |hash| hash.to_string());
        let class = class(&|relations| relations.fingerprint);
        quantities.push(("Fingerprint".into(), Value::of(&fingerprint), class));
        let relation = relations.map(|relations| relations.overall());
        out.push(Level {
            name: level.stage.name(),
            relation: relation.map(|relation| (relation.sign(), relation.words(), class_of(relation))),
            quantities,
        });
    }
    out
}

fn balance(report: &Report) -> Option<Balance> {
    let balance = report.balance?;
    let read_back = report.levels.iter().find(|level| level.stage == Stage::Final).map(|level| level.records);
    let due = balance.to_promote();
    Some(Balance {
        records: count(balance.records),
        staged: count(balance.staged),
        rejected: count(balance.rejected),
        held: count(balance.held),
        merged: count(balance.merged),
        last: read_back.or(due).map_or_else(|| NOTHING.into(), count),
        last_name: if read_back.is_some() { "final" } else { "due in final" },
        staged_holds: balance.staged.checked_add(balance.rejected) == Some(balance.records),
        last_holds: due.is_some() && read_back.is_none_or(|records| due == Some(records)),
    })
}

fn amounts(report: &Report) -> Vec<Amounts> {
    let balances = report.amounts.iter().map(|balance| Amounts {
        field: visible(&balance.field),
        source: amount(balance.source),
        staging: amount(balance.staging),
        staging_agrees: balance.source == balance.staging,
        kept_out: balance.staging.checked_sub(balance.to_promote).map_or_else(|_| NOTHING.into(), amount),
        due: amount(balance.to_promote),
        read_back: balance.final_.map_or_else(|| NOTHING.into(), amount),
        read_back_agrees: balance.final_.is_none_or(|found| found == balance.to_promote),
        rejected: amount(balance.rejected),
    });
    balances.collect()
}

fn checks(checks: &[CheckResult]) -> Vec<Checks> {
    let mut stages: Vec<_> = checks.iter().map(|check| check.stage).collect();
    stages.sort_unstable();
    stages.dedup();
    let of_stage = |stage: Stage| {
        let checks: Vec<_> = checks.iter().filter(|check| check.stage == stage).collect();
        let passed = checks.iter().filter(|check| check.verdict == Verdict::Pass).count();
        let passed = format!("{passed} of {} passed", checks.len());
        Checks { stage: stage.name(), passed, checks: checks.into_iter().map(check).collect() }
    };
    stages.into_iter().map(of_stage).collect()
}

fn failed(checks: &[CheckResult]) -> Vec<(&'static str, Check)> {
    let failed = checks.iter().filter(|check| matches!(check.verdict, Verdict::Fail | Verdict::Warn));
    failed.map(|failed| (failed.stage.name(), check(failed))).collect()
}

fn invariants(checks: &[CheckResult]) -> Vec<(&'static str, &'static str)> {
    let named: BTreeMap<_, _> = checks
        .iter()
        .filter_map(|check| check.invariant)
        .map(|invariant| (invariant.number(), invariant.text()))
        .collect();
    named.into_iter().collect()
}

fn check(check: &CheckResult) -> Check {
    let at = time(check.at_ms);
    let to_second = time_to_second(check.at_ms);
    let (date, clock) = to_second.split_once(' ').unwrap_or((&to_second, ""));
    Check {
        class: check.verdict.name(),
        mark: mark(check.verdict),
        verdict: match check.verdict {
            Verdict::Pass => "passed",
            Verdict::Fail => "failed",
            Verdict::Warn => "warning",
            Verdict::Vacuous => "nothing to compare",
        },
        invariant: check.invariant.map(|invariant| (invariant.number(), invariant.text())),
        kind: check.kind.name(),
        name: visible(&check.name),
        message: visible(&check.message),
        expected: Value::of(&side(check, &check.expected)),
        actual: Value::of(&side(check, &check.actual)),
        discrepancy: side(check, &check.discrepancy),
        date: date.into(),
        clock: clock.into(),
        at,
    }
}

fn rejects(report: &Report) -> Vec<[String; 5]> {
    let all = verdict::records(report);
    let groups = report.rejects.iter().map(|group| {
        [
            group.field.as_deref().map_or_else(|| "whole record".into(), visible),
            group.code.name().into(),
            count(group.records),
            all.map_or_else(|| NOTHING.into(), |all| format::share(group.records, all)),
            count(group.first_record_no),
        ]
    });
    groups.collect()
}

fn findings(report: &Report) -> Vec<Finding> {
    let or_none = |text: &Option<String>| text.as_deref().map_or_else(|| NOTHING.into(), visible);
    let findings = report.findings.iter().map(|finding| {
        let (expected, actual) = format::differing(&or_none(&finding.expected), &or_none(&finding.actual));
        Finding {
            stage: finding.stage.name(),
            what: finding.difference.name(),
            places: [
                count(finding.record_no.0),
                count(finding.chunk_no.0),
                finding.byte_offset.map_or_else(|| NOTHING.into(), count),
            ],
            field: or_none(&finding.field),
            expected,
            actual,
            worker: finding
                .worker_id
                .map_or_else(|| NOTHING.into(), |id| format::worker(id, &report.workers)),
        }
    });
    findings.collect()
}
