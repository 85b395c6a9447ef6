//! The findings: what is wrong, record by record.

use domain::counts::WorkerShare;
use domain::finding::Finding;
use domain::report::Report;

use super::style::{Style, Tone};
use super::table::{Column, Grid, Mark, sentence};
use crate::report::format::{self, count, differing, plural, visible};

/// From so many equal findings in a row on, they are one line.
const GROUPED_MIN: usize = 3;

/// The findings given, of `total` that there are.
#[must_use]
pub fn findings_table(findings: &[Finding], total: u64, style: Style) -> String {
    render(findings, total, &[], None, style)
}

pub(super) fn of_report(report: &Report, style: Style) -> String {
    if report.findings.is_empty() && report.findings_total == 0 {
        return String::new();
    }
    render(&report.findings, report.findings_total, &report.workers, Some(&report.run_id), style)
}

fn render(
    findings: &[Finding],
    total: u64,
    workers: &[WorkerShare],
    run_id: Option<&str>,
    style: Style,
) -> String {
    if findings.is_empty() && total == 0 {
        return sentence(style, 2, "No findings: every compared record matches.");
    }
    let mut grid = Grid::new(vec![
        Column::left("stage").drops(3),
        Column::left("what"),
        Column::right("record"),
        Column::right("chunk").drops(2),
        Column::right("at byte").drops(4),
        Column::left("field").shrinks_to(8),
        Column::left("expected").shrinks_to(12),
        Column::left("actual").shrinks_to(12),
        Column::left("worker").shrinks_to(9).drops(1),
    ]);
    for group in grouped(findings) {
        let first = &group[0];
        let (expected, actual) = values(first);
        grid.marked(
            Mark::First('✗', Tone::Bad),
            vec![
                first.stage.name().into(),
                first.difference.name().into(),
                records(group),
                count(first.chunk_no.0),
                or_none(first.byte_offset.map(count)),
                or_none(first.field.as_deref().map(visible)),
                expected,
                actual,
                or_none(first.worker_id.map(|id| format::worker(id, workers))),
            ],
        );
    }
    let mut out = if findings.is_empty() { String::new() } else { grid.render(style) };
    let shown = u64::try_from(findings.len()).unwrap_or(u64::MAX);
    let more = total.saturating_sub(shown);
    if more > 0 {
        let command = run_id.map_or_else(String::new, |run| format!(": crossfoot explain {}", visible(run)));
        let line = sentence(style, 2, &format!("{} more{command}", count(more)));
        out.push_str(&style.paint(Tone::Quiet, line.trim_end()));
        out.push('\n');
    }
    out
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".into())
}

/// The findings in runs that say the same of several records, or one by one where such a run is short.
fn grouped(findings: &[Finding]) -> Vec<&[Finding]> {
    let same = |left: &Finding, right: &Finding| {
        let said =
            |finding: &Finding| (finding.stage, finding.difference, finding.chunk_no, finding.worker_id);
        said(left) == said(right)
            && left.field == right.field
            && (&left.expected, &left.actual) == (&right.expected, &right.actual)
    };
    let by_size =
        |run| if <[Finding]>::len(run) < GROUPED_MIN { run.chunks(1) } else { run.chunks(run.len()) };
    findings.chunk_by(same).flat_map(by_size).collect()
}

/// The record of a single finding; the first, the last and the number of a group's.
fn records(group: &[Finding]) -> String {
    match group {
        [first, .., last] => {
            let number = plural(u64::try_from(group.len()).unwrap_or(u64::MAX), "record");
            format!("{}–{} ({number})", count(first.record_no.0), count(last.record_no.0))
        }
        [only] => count(only.record_no.0),
        [] => String::new(),
    }
}

/// What was expected and what was found, from where they differ if they are long.
fn values(finding: &Finding) -> (String, String) {
    let shown = |text: &Option<String>| or_none(text.as_deref().map(visible));
    differing(&shown(&finding.expected), &shown(&finding.actual))
}
