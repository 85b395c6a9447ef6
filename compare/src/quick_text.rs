//! A quick look as text for a terminal.

use coordinator::report::format::{count, duration, plural, time_to_second, visible};
use coordinator::report::text::checks_table;
use coordinator::report::text::style::{Style, Tone, section};
use coordinator::report::text::table::{facts, sentence, shortened};
use domain::check::Verdict;
use domain::comparison::{QuickOutcome, QuickReport};

use crate::text::end;

/// Shows what a quick look came to, the verdict as its first line and again at its end.
#[must_use]
pub fn quick_text(report: &QuickReport, style: Style) -> String {
    let verdict = verdict_line(report, style);
    let mut out = format!("{verdict}\n");
    for line in header(report, style) {
        out.push_str(&(line + "\n"));
    }
    section(&mut out, style, "Checks");
    out.push_str(&checks_table(&report.checks, Style { lists_passed: true, ..style }));
    section(&mut out, style, "What this does not see");
    for text in &report.not_seen {
        out.push_str(&sentence(style, 2, text));
    }
    if let Some(why) = report.content.as_ref().and_then(|content| content.why_not.as_ref()) {
        out.push_str(&sentence(style, 2, &visible(&format!("Content was not compared: {why}."))));
    }
    let more = match report.content {
        Some(_) => {
            "With the run's source (`--source FILE`), every record is compared with its row, field by field."
        }
        None => "Without --quick, every record is compared with its row, field by field.",
    };
    out.push_str(&sentence(style, 2, more));
    end(&mut out, report.log_head.as_ref(), &verdict, style);
    out
}

fn verdict_line(report: &QuickReport, style: Style) -> String {
    let (tone, text) = match report.outcome {
        QuickOutcome::TotalsAgree => {
            let mut parts = vec![format!("{} passed", plural(report.counts.passed as u64, "check"))];
            let vacuous = report.checks.iter().filter(|check| check.verdict == Verdict::Vacuous).count();
            if vacuous > 0 {
                parts.push(format!("{} had nothing to compare", plural(vacuous as u64, "check")));
            }
            parts.push("values were not compared".into());
            (Tone::Notice, parts.join(" · "))
        }
        QuickOutcome::ContentAgrees => {
            let passed = plural(report.counts.passed as u64, "check");
            (Tone::Good, format!("{passed} passed · the run's rows have the fingerprint that final had"))
        }
        QuickOutcome::TotalsDiffer | QuickOutcome::ContentDiffers => {
            let (failed, decided) = (count(report.counts.failed as u64), report.counts.decided() as u64);
            (Tone::Bad, format!("{failed} of {} failed", plural(decided, "check")))
        }
    };
    let word = report.outcome.name().to_uppercase();
    format!("{}  {text}\n", style.paint(Tone::Strong, &style.paint(tone, &word)))
}

fn header(report: &QuickReport, style: Style) -> Vec<String> {
    let digest = shortened(&report.job_digest.to_string(), style);
    let of_source = match report.source.sha256 {
        Some(hash) => format!(
            "{} · {} · {} rejected · sha256 {}",
            plural(report.source.bytes, "byte"),
            plural(report.records, "record"),
            count(report.rejected),
            shortened(&hash.to_string(), style)
        ),
        None => plural(report.records, "row"),
    };
    let is_read = report.content.as_ref().is_some_and(|content| content.compared);
    let made = match report.by_aggregates {
        _ if is_read => "every row of the run was read",
        true => "its database made the totals; no row was fetched",
        false => "the rows were read for their totals",
    };
    let tables = report.tables.iter().map(|table| {
        let left_out = match table.left_out.is_empty() {
            true => String::new(),
            false => format!("; left out: {}", table.left_out.join(", ")),
        };
        let filter = table.filter.as_ref().map(|filter| format!(" where {filter}")).unwrap_or_default();
        visible(&format!("{} → {}{filter}{left_out}", table.record, table.table))
    });
    let mut lines = vec![
        ("Job", format!("{} (sha256 {digest})", visible(&report.job))),
        ("Source", visible(&report.source.location)),
        ("", of_source),
        ("Target", visible(&report.target.location)),
        ("", format!("{} · {}", visible(&report.target.kind), made)),
        ("Started", time_to_second(report.started_at_ms)),
        ("Took", duration(report.elapsed_ms)),
    ];
    lines.extend(tables.enumerate().map(|(at, table)| (if at == 0 { "Tables" } else { "" }, table)));
    let failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail);
    let failed = failed.map(|check| visible(&check.fault())).enumerate();
    lines.extend(failed.map(|(at, fault)| (if at == 0 { "Failed" } else { "" }, fault)));
    facts(style, 0, &lines)
}
