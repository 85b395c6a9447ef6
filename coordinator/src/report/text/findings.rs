//! The findings: what is wrong, record by record.

use domain::counts::WorkerShare;
use domain::finding::Finding;
use domain::report::Report;

use super::style::{Style, Tone};
use super::table::{Column, Grid, Mark, sentence};
use crate::report::format::{self, count, visible};

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
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    for finding in findings {
        grid.marked(
            Mark::First('✗', Tone::Bad),
            vec![
                finding.stage.name().into(),
                finding.difference.name().into(),
                count(finding.record_no.0),
                count(finding.chunk_no.0),
                or_none(finding.byte_offset.map(count)),
                or_none(finding.field.as_deref().map(visible)),
                or_none(finding.expected.as_deref().map(visible)),
                or_none(finding.actual.as_deref().map(visible)),
                or_none(finding.worker_id.map(|id| format::worker(id, workers))),
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
