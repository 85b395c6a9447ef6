//! A drill as text: what was struck, and what caught it, in a line each.

use coordinator::report::format::{count, duration, shortened, time, visible};
use coordinator::report::text::Style;
use coordinator::report::text::style::{Tone, section};
use coordinator::report::text::table::{Column, Grid, Mark, facts, sentence};

use super::headline::headline;
use crate::defect::{DrillReport, Group, Seen, Struck};

/// Shows the whole drill as text.
#[must_use]
pub fn text(report: &DrillReport, style: Style) -> String {
    let (word, grounds) = headline(report);
    let tone = if report.is_effective() { Tone::Good } else { Tone::Bad };
    let mut out = format!("{}  {grounds}\n\n", style.paint(Tone::Strong, &style.paint(tone, word)));
    let mut lines = vec![
        ("job", visible(&report.job)),
        ("source", visible(&report.source)),
        ("shadows in", format!("{}; the job's own tables were not touched", report.store)),
        ("drilled", format!("{} by {}", time(report.began_at_ms), visible(&report.actor))),
    ];
    if !report.not_covered.is_empty() {
        lines.push((
            "not covered",
            format!("excluded by `hash` in the job: {}", report.not_covered.join(", ")),
        ));
    }
    for line in facts(style, 2, &lines) {
        out.push_str(&line);
        out.push('\n');
    }
    section(&mut out, style, "Undamaged");
    out.push_str(&undamaged(report, style));
    for group in Group::ALL {
        let of_group: Vec<_> =
            report.defects.iter().filter(|one| one.id.starts_with(group.prefix())).collect();
        if !of_group.is_empty() {
            section(&mut out, style, group.title());
            out.push_str(&struck(&of_group, style));
        }
    }
    out
}

fn undamaged(report: &DrillReport, style: Style) -> String {
    let mut grid = Grid::new(vec![
        Column::left("job"),
        Column::left(""),
        Column::right("records"),
        Column::left("fingerprint"),
        Column::right("took"),
    ]);
    for run in &report.undamaged {
        let (sign, tone) = if run.reconciled { ('✓', Tone::Good) } else { ('✗', Tone::Bad) };
        let fingerprint = run.fingerprint.map_or_else(|| "-".into(), |hash| shortened(&hash.to_string()));
        let cells = vec![
            run.stand.clone(),
            sign.to_string(),
            count(run.records),
            fingerprint,
            duration(run.elapsed_ms),
        ];
        grid.marked(Mark::First(sign, tone), cells);
        if !run.reconciled {
            let why = format!("the undamaged run did not reconcile: {}", visible(&run.why));
            grid.text(sentence(style, 4, &why).lines().map(str::to_owned));
        }
    }
    grid.render(style)
}

fn struck(group: &[&Struck], style: Style) -> String {
    let mut grid = Grid::new(vec![
        Column::left(""),
        Column::left(""),
        Column::left("defect").shrinks_to(30),
        Column::left("caught by").shrinks_to(24),
        Column::left("located"),
        Column::left("in").shrinks_to(9).drops(1),
        Column::right("took"),
    ]);
    for one in group {
        let (sign, tone) = match one.judgement.seen {
            Seen::Detected | Seen::Withstood | Seen::Prevented => ('✓', Tone::Good),
            Seen::Missed => ('✗', Tone::Bad),
        };
        let located = match (one.judgement.seen, one.evidence.located) {
            (Seen::Detected, Some(located)) => located.name(),
            _ => "-",
        };
        let cells = vec![
            one.id.clone(),
            sign.to_string(),
            one.what.clone(),
            visible(&one.judgement.by),
            located.into(),
            one.stand.clone(),
            duration(one.elapsed_ms),
        ];
        grid.marked(Mark::First(sign, tone), cells);
        if one.judgement.seen == Seen::Missed {
            let lines = [
                ("injected", visible(&one.told)),
                ("required", format!("{}, located to {}", one.must.join(" or "), one.must_locate)),
                ("missed", visible(&one.judgement.why)),
            ];
            grid.text(facts(style, 12, &lines));
        }
    }
    grid.render(style)
}
