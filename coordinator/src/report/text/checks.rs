//! The checks: what passed in a line each, what did not with everything that is known.

use domain::check::{CheckResult, Verdict};

use super::style::{Style, Tone};
use super::table::{Column, Grid, Mark, facts, sentence};
use crate::report::format::{mark, shortened, side, visible};

/// Where the details of a check begin.
const DETAIL_INDENT: u16 = 15;
/// Names longer than this may be shortened in their row, and are repeated with the details.
const NAME_SHORT: usize = 34;

/// Every check, grouped by stage, in the order in which they were made.
#[must_use]
pub fn checks_table(checks: &[CheckResult], style: Style) -> String {
    if checks.is_empty() {
        return sentence(style, 2, "No checks have run yet.");
    }
    let mut grid = Grid::new(vec![
        Column::left(""),
        Column::left(""),
        Column::left("").drops(1),
        Column::left("").shrinks_to(34),
        Column::right("").shrinks_to(17),
    ]);
    let mut stages: Vec<_> = checks.iter().map(|check| check.stage).collect();
    stages.sort_unstable();
    stages.dedup();
    for stage in stages {
        // As wide as the longest stage, so that the details below stand under their check.
        let mut label = format!("{:8}", stage.name());
        for check in checks.iter().filter(|check| check.stage == stage) {
            let sign = mark(check.verdict);
            let value = if check.verdict == Verdict::Pass { &check.actual } else { &check.discrepancy };
            let cells = vec![
                std::mem::take(&mut label),
                sign.to_string(),
                check.invariant.map_or("rule", |invariant| invariant.number()).to_owned(),
                visible(&check.name),
                shortened(&side(check, value)),
            ];
            grid.marked(Mark::First(sign, tone(check.verdict)), cells);
            if check.verdict != Verdict::Pass {
                grid.text(details(check, style));
            }
        }
    }
    grid.render(style)
}

const fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Pass => Tone::Good,
        Verdict::Fail => Tone::Bad,
        Verdict::Warn => Tone::Notice,
        Verdict::Vacuous => Tone::Quiet,
    }
}

fn details(check: &CheckResult, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if check.name.chars().count() > NAME_SHORT {
        lines.push(("check", visible(&check.name)));
    }
    if check.verdict == Verdict::Vacuous {
        let text = format!("nothing to compare: {}", visible(&check.message));
        let text = sentence(style, DETAIL_INDENT, &text);
        return text.lines().map(|line| style.paint(Tone::Quiet, line)).collect();
    } else {
        lines.push(("expected", side(check, &check.expected)));
        lines.push(("actual", side(check, &check.actual)));
        lines.push(("discrepancy", side(check, &check.discrepancy)));
        lines.push(("message", visible(&check.message)));
    }
    facts(style, DETAIL_INDENT, &lines)
}
