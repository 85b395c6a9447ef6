//! The report on a chain, as text for a terminal.

use coordinator::report::format::{count, plural, time_to_second, visible};
use coordinator::report::text::checks_table;
use coordinator::report::text::style::{Style, Tone, section};
use coordinator::report::text::table::{Column, Grid, sentence};
use domain::check::Verdict;
use domain::comparison::{ChainReport, ComparedTable, HopReport, LoadOutcome, TakenHop, apart};

use crate::text::{differences, end, summary_line};

/// Shows the whole report as text: the verdict, a line for each hop, what is wrong at which hop, and the verdict again.
#[must_use]
pub fn chain_text(report: &ChainReport, style: Style) -> String {
    let verdict = verdict_line(report, style);
    let mut out = format!("{verdict}\n");
    section(&mut out, style, "Hops");
    out.push_str(&hops(report, style));
    let taken: Vec<_> = report.hops.iter().filter_map(told_of_taken).collect();
    if !taken.is_empty() {
        section(&mut out, style, "Resumed");
        taken.iter().for_each(|told| out.push_str(&sentence(style, 2, told)));
    }
    for hop in report.hops.iter().filter(|hop| hop.report.outcome == LoadOutcome::NotReconciled) {
        section(&mut out, style, &format!("At hop {}", visible(&hop.name)));
        out.push_str(&sentence(style, 2, &summary_line(&hop.report)));
        for check in hop.report.checks.iter().filter(|check| check.verdict == Verdict::Fail) {
            let fault = sentence(style, 2, &format!("✗ {}", visible(&check.fault())));
            out.push_str(&style.paint(Tone::Bad, fault.trim_end()));
            out.push('\n');
        }
        if hop.report.differences > 0 {
            out.push_str(&differences(&hop.report, style));
        }
    }
    if report.hops.len() > 1 {
        section(&mut out, style, "Between the hops");
        out.push_str(&checks_table(&report.handovers, Style { lists_passed: true, ..style }));
        for apart in report.hops.windows(2).filter_map(|hops| apart(&hops[0], &hops[1])) {
            out.push_str(&sentence(style, 2, &visible(&apart)));
        }
    }
    end(&mut out, report.log_head.as_ref(), &verdict, style);
    out
}

/// When a hop was compared that was taken from the folder.
fn told_of_taken(hop: &HopReport) -> Option<String> {
    let TakenHop { began_at_ms, ended_at_ms, .. } = hop.taken?;
    let (began, ended) = (time_to_second(began_at_ms), time_to_second(ended_at_ms));
    Some(format!(
        "Hop {} was compared from {began} to {ended}, before the chain was resumed; its verdict was kept, and it was not \
         compared again.",
        visible(&hop.name)
    ))
}

fn verdict_line(report: &ChainReport, style: Style) -> String {
    let tone = match report.outcome {
        LoadOutcome::Reconciled => Tone::Good,
        LoadOutcome::NotReconciled => Tone::Bad,
    };
    let word = style.paint(Tone::Strong, &style.paint(tone, &report.outcome.name().to_uppercase()));
    format!("{word}  {}\n", summary(report))
}

/// What the verdict rests on, or where something is wrong.
fn summary(report: &ChainReport) -> String {
    let mut parts =
        vec![format!("chain {}", visible(&report.chain)), plural(report.hops.len() as u64, "hop")];
    for hop in report.hops.iter().filter(|hop| hop.report.outcome == LoadOutcome::NotReconciled) {
        let what = match hop.report.differences {
            0 => plural(hop.report.counts.failed as u64, "failed check"),
            differences => plural(differences, "difference"),
        };
        parts.push(format!("{what} at {}", visible(&hop.name)));
    }
    let failed = report.handovers.iter().filter(|check| check.verdict == Verdict::Fail).count();
    if failed > 0 {
        parts.push(format!("{} between hops", plural(failed as u64, "failed check")));
    }
    if report.outcome == LoadOutcome::Reconciled {
        let first = report.hops.first().map_or(0, |hop| hop.report.records);
        let last = report.hops.last().map_or(0, |hop| sum(hop, |table| table.balance.equal));
        parts.push(format!("{} → {}", plural(first, "record"), plural(last, "equal row")));
    }
    parts.join(" · ")
}

fn sum(hop: &HopReport, of: fn(&ComparedTable) -> u64) -> u64 {
    hop.report.tables.iter().map(of).sum()
}

fn hops(report: &ChainReport, style: Style) -> String {
    let mut places = Grid::new(vec![
        Column::left("hop"),
        Column::left("from").shrinks_to(20),
        Column::left("to").shrinks_to(20),
    ]);
    for hop in &report.hops {
        let HopReport { name, report, .. } = hop;
        places.row(vec![visible(name), visible(&report.source.location), visible(&report.target.location)]);
    }
    let mut grid = Grid::new(vec![
        Column::left("hop"),
        Column::right("records"),
        Column::right("rejected"),
        Column::right("equal"),
        Column::right("missing"),
        Column::right("doubled"),
        Column::right("extra"),
        Column::right("differ"),
        Column::left("verdict"),
    ]);
    for hop in &report.hops {
        let of = |of: fn(&ComparedTable) -> u64| count(sum(hop, of));
        grid.row(vec![
            visible(&hop.name),
            count(hop.report.records),
            count(hop.report.rejected),
            of(|table| table.balance.equal),
            of(|table| table.balance.missing),
            of(|table| table.balance.doubled),
            of(|table| table.balance.extra),
            of(|table| table.balance.differing),
            hop.report.outcome.name().to_owned(),
        ]);
    }
    places.render(style) + "\n" + &grid.render(style)
}
