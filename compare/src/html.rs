//! A comparison as one HTML file: no script, nothing fetched, made to be read, printed and kept.

use askama::Template;
use coordinator::report::format::{amount, count, duration, mark, side, time, time_to_second, visible};
use coordinator::report::html::STYLE;
use domain::check::{CheckResult, Verdict};
use domain::comparison::{
    ComparedTable, Difference, Equality, EqualityUse, LoadBalance, LoadOutcome, LoadReport,
};

use crate::text::{replaced, result, resumed, summary_line};

#[derive(Template)]
#[template(path = "load.html")]
struct Page {
    style: &'static str,
    job: String,
    outcome: String,
    class: &'static str,
    mark: char,
    grounds: String,
    consequence: &'static str,
    failures: Vec<String>,
    differences: Vec<Row>,
    differences_more: Option<String>,
    facts: Vec<(&'static str, String)>,
    tables: Vec<Table>,
    checks: Vec<Check>,
    workers: Vec<[String; 5]>,
    rejects: Vec<[String; 4]>,
    job_digest: String,
    log_head: Option<String>,
    version: String,
    report_version: u32,
    as_of: String,
    as_of_exact: String,
}

/// A field that differs, or a record or row without another.
#[derive(Default)]
struct Row {
    kind: &'static str,
    record: String,
    record_no: String,
    byte_offset: String,
    key: String,
    field: String,
    source: String,
    target: String,
}

/// A line of the balance: what it is, both sides, and whether it is wrong.
type Line = (&'static str, String, String, bool);

struct Table {
    title: String,
    facts: Vec<(&'static str, String)>,
    balance: Vec<Line>,
    amounts: Vec<(String, String, String, String, bool)>,
    declared: Vec<[String; 3]>,
    would_be: Vec<[String; 3]>,
}

struct Check {
    class: &'static str,
    mark: char,
    verdict: &'static str,
    invariant: &'static str,
    stage: &'static str,
    name: String,
    message: String,
    expected: String,
    actual: String,
    discrepancy: String,
}

/// The comparison as one self-contained HTML file.
///
/// # Errors
/// When the template cannot be written out; it is compiled in, so nothing but memory can be missing.
pub fn html(report: &LoadReport) -> Result<String, askama::Error> {
    let is_well = report.outcome == LoadOutcome::Reconciled;
    let ended = report.started_at_ms.saturating_add_unsigned(report.elapsed_ms);
    let failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail);
    let shown = report.first_differences.len() as u64;
    let mut outcome = report.outcome.name().to_owned();
    outcome[..1].make_ascii_uppercase();
    Page {
        style: STYLE.trim_end(),
        job: visible(&report.job),
        outcome,
        class: if is_well { "pass" } else { "fail" },
        mark: mark(if is_well { Verdict::Pass } else { Verdict::Fail }),
        grounds: summary_line(report),
        consequence: result(report),
        failures: failed.map(|check| visible(&check.fault())).collect(),
        differences: report.first_differences.iter().flat_map(rows).collect(),
        differences_more: (report.differences > shown).then(|| count(report.differences - shown)),
        facts: facts(report),
        tables: report.tables.iter().map(table).collect(),
        checks: report.checks.iter().map(check).collect(),
        workers: report
            .workers
            .iter()
            .map(|worker| {
                let numbers = [worker.parts, worker.records, worker.rejected].map(count);
                let [parts, records, rejected] = numbers;
                [visible(&worker.name), parts, records, rejected, duration(worker.busy_ms)]
            })
            .collect(),
        rejects: report
            .rejects
            .iter()
            .map(|group| {
                let field = group.field.as_deref().map_or_else(|| "whole record".into(), visible);
                [field, group.code.to_string(), count(group.records), count(group.first_record_no)]
            })
            .collect(),
        job_digest: report.job_digest.to_string(),
        log_head: report.log_head.as_ref().map(|head| {
            let (seq, hash) = head.parts();
            format!("event {}, {hash}", count(seq))
        }),
        version: report.crossfoot_version.clone(),
        report_version: report.report_version,
        as_of: time_to_second(ended),
        as_of_exact: time(ended),
    }
    .render()
}

fn rows(difference: &Difference) -> Vec<Row> {
    let number = |number: Option<u64>| number.map_or_else(|| "–".into(), count);
    let key: Vec<_> = difference.key.iter().map(|(_, value)| visible(value)).collect();
    let head = || Row {
        kind: difference.kind.name(),
        record: visible(&difference.record),
        record_no: number(difference.record_no),
        byte_offset: number(difference.byte_offset),
        key: key.join(" · "),
        ..Row::default()
    };
    if difference.fields.is_empty() {
        return vec![head()];
    }
    let of = difference.fields.iter().map(|field| Row {
        field: visible(&field.field),
        source: visible(&field.source),
        target: visible(&field.target),
        ..head()
    });
    of.collect()
}

fn facts(report: &LoadReport) -> Vec<(&'static str, String)> {
    let sha256 = report.source.sha256.map_or_else(|| "not known".into(), |hash| hash.to_string());
    let mut facts = vec![
        ("Source", visible(&report.source.location)),
        ("Records", format!("{}, {} rejected", count(report.records), count(report.rejected))),
        ("Bytes", count(report.source.bytes)),
        ("Source SHA-256", sha256),
        ("Target", visible(&report.target.location)),
        ("Read as", format!("{} · {}", visible(&report.target.kind), visible(&report.target.snapshot))),
        ("Started", time_to_second(report.started_at_ms)),
        ("Took", duration(report.elapsed_ms)),
    ];
    facts.extend(report.fingerprint.map(|hash| ("Fingerprint of the source", hash.to_string())));
    facts.extend(resumed(report).into_iter().map(|phase| ("Resumed", phase)));
    for (record, records) in &report.not_compared {
        facts.push(("Not compared", format!("{}: {}", visible(record), count(*records))));
    }
    facts
}

fn table(table: &ComparedTable) -> Table {
    let by = match table.key.is_empty() {
        true => "whole records, each as often as it occurs".to_owned(),
        false => visible(&table.key.join(", ")),
    };
    let mut facts = vec![("Compared by", by)];
    facts.extend(table.filter.as_ref().map(|filter| ("Rows where", visible(filter))));
    if !table.left_out.is_empty() {
        facts.push(("Left out", visible(&table.left_out.join(", "))));
    }
    facts.extend(table.replaced_by.iter().map(|(run, records)| ("Replaced", replaced(run, *records))));
    facts.extend(
        table
            .differing
            .iter()
            .map(|(field, values)| ("Values that differ", format!("{}: {}", visible(field), count(*values)))),
    );
    let amounts = table.amounts.iter().map(|of| {
        let source = amount(of.source);
        match of.target {
            None => (visible(&of.field), source, "not compared".into(), String::new(), false),
            Some(_) if of.not_summed > 0 => {
                let told = format!("{} not exact: nothing to compare", count(of.not_summed));
                (visible(&of.field), source, told, String::new(), false)
            }
            Some(target) => {
                let difference = target.checked_sub(of.source).map_or_else(|_| "too large".into(), amount);
                (visible(&of.field), source, amount(target), difference, target != of.source)
            }
        }
    });
    Table {
        title: visible(&format!("{} → {}", table.record, table.table)),
        facts,
        balance: balance(&table.balance),
        amounts: amounts.collect(),
        declared: table.declared.iter().map(used).collect(),
        would_be: table.would_be_equal.iter().map(used).collect(),
    }
}

fn balance(of: &LoadBalance) -> Vec<Line> {
    let none = String::new;
    let mut lines = vec![("accepted records, rows read", count(of.accepted), count(of.rows), false)];
    if of.merged > 0 {
        lines.push(("− merged into a later record of the same key", count(of.merged), none(), false));
    }
    if of.replaced > 0 {
        lines.push(("− replaced by later runs", count(of.replaced), none(), false));
    }
    if of.allowed > 0 {
        lines.push(("− rows of later runs or other loads", none(), count(of.allowed), false));
    }
    let differing = count(of.differing);
    lines.push(("− with other values", differing.clone(), differing, of.differing > 0));
    lines.push(("− records without a row", count(of.missing), none(), of.missing > 0));
    lines.push(("− rows doubled", none(), count(of.doubled), of.doubled > 0));
    lines.push(("− rows of no record", none(), count(of.extra), of.extra > 0));
    lines.push(("= equal", count(of.equal), count(of.equal), !of.holds()));
    lines
}

fn used(of: &EqualityUse) -> [String; 3] {
    let names: Vec<_> = of.equalities.iter().copied().map(Equality::name).collect();
    [visible(&of.field), names.join(", "), count(of.values)]
}

fn check(check: &CheckResult) -> Check {
    Check {
        class: check.verdict.name(),
        mark: mark(check.verdict),
        verdict: check.verdict.name(),
        invariant: check.invariant.map_or("–", |one| one.number()),
        stage: check.stage.name(),
        name: visible(&check.name),
        message: visible(&check.message),
        expected: side(check, &check.expected),
        actual: side(check, &check.actual),
        discrepancy: visible(&check.discrepancy),
    }
}
