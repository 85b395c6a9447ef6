//! The checks: what passed in a line each, or only counted; what did not with everything that is known.

use domain::check::{CheckResult, Stage, Verdict};

use super::style::{Style, Tone};
use super::table::{facts, sentence, spread};
use crate::report::format::{count, mark, side, visible};

/// Where the name of a check begins: after stage, mark and invariant.
const NAME_INDENT: u16 = 23;
/// Where the details of a check begin.
const DETAIL_INDENT: u16 = 15;

/// Every check, grouped by stage, in the order in which they were made. Where the style asks for it, those that passed
/// are only counted.
#[must_use]
pub fn checks_table(checks: &[CheckResult], style: Style) -> String {
    if checks.is_empty() {
        return sentence(style, 2, "No checks have run yet.");
    }
    let mut stages: Vec<_> = checks.iter().map(|check| check.stage).collect();
    stages.sort_unstable();
    stages.dedup();
    let mut out = String::new();
    for stage in stages {
        let of_stage: Vec<_> = checks.iter().filter(|check| check.stage == stage).collect();
        let mut label = stage.name();
        if !style.lists_passed {
            label = passed(&mut out, style, stage, &of_stage);
        }
        for check in of_stage {
            if style.lists_passed || check.verdict != Verdict::Pass {
                one(&mut out, style, std::mem::take(&mut label), check);
            }
        }
    }
    if !style.lists_passed && checks.iter().any(|check| check.verdict == Verdict::Pass) {
        let all = sentence(style, 2, "`crossfoot report --all` lists the checks that passed, too");
        out.push_str(&(style.paint(Tone::Quiet, all.trim_end()) + "\n"));
    }
    out
}

/// Says in one line how many checks of the stage passed; returns the label of the stage's next line.
fn passed(out: &mut String, style: Style, stage: Stage, checks: &[&CheckResult]) -> &'static str {
    let passed = checks.iter().filter(|check| check.verdict == Verdict::Pass).count();
    if passed == 0 {
        return stage.name();
    }
    let wide = |number: usize| count(u64::try_from(number).unwrap_or(u64::MAX));
    let sign = style.paint(Tone::Good, &mark(Verdict::Pass).to_string());
    out.push_str(&format!(
        "  {:8}  {sign}  {} of {} passed\n",
        stage.name(),
        wide(passed),
        wide(checks.len())
    ));
    ""
}

fn one(out: &mut String, style: Style, label: &str, check: &CheckResult) {
    let sign = style.paint(tone(check.verdict), &mark(check.verdict).to_string());
    let invariant = check.invariant.map_or("rule", |invariant| invariant.number());
    let value = if check.verdict == Verdict::Pass { &check.actual } else { &check.discrepancy };
    let text = side(check, value);
    let mut lines = spread(style, NAME_INDENT, &visible(&check.name), &text).into_iter();
    out.push_str(&format!("  {label:8}  {sign}  {invariant:6}  {}\n", lines.next().unwrap_or_default()));
    for line in lines {
        out.push_str(&format!("{:width$}{line}\n", "", width = usize::from(NAME_INDENT)));
    }
    if check.verdict != Verdict::Pass {
        for line in details(check, style) {
            out.push_str(&(line + "\n"));
        }
    }
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
    if check.verdict == Verdict::Vacuous {
        let text = format!("nothing to compare: {}", visible(&check.message));
        let text = sentence(style, DETAIL_INDENT, &text);
        return text.lines().map(|line| style.paint(Tone::Quiet, line)).collect();
    }
    let lines = [
        ("expected", side(check, &check.expected)),
        ("actual", side(check, &check.actual)),
        ("discrepancy", side(check, &check.discrepancy)),
        ("message", visible(&check.message)),
    ];
    facts(style, DETAIL_INDENT, &lines)
}
