//! Trends: a run's figures beside those of its job's earlier runs. A file that is 40 % smaller than every Monday's so
//! far foots with itself; only its history says that something is missing.
//!
//! A figure is *far off* when it is further from the median of the comparable runs than the job allows, **and** outside
//! of everything that they had: what was there before is not far off. The median does not follow a single odd run.
//! Everything is exact; a share is a number of parts in a million.

use std::collections::BTreeMap;

use crate::amount::Amount;
use crate::check::{CheckKind, CheckResult, Stage, Verdict};

/// The greatest number of earlier runs that a run is compared with.
pub const RUNS_MAX: u32 = 200;

/// Which runs are comparable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SameWeekday {
    /// Runs of the same weekday if there are at least `runs_min` of them, otherwise runs of every weekday.
    #[default]
    Auto,
    /// Only runs of the same weekday, in UTC.
    Always,
    /// Runs of every weekday.
    Never,
}

/// How far figures may be from their history, as the job has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendRules {
    /// Whether the job says anything of it. If not, a run that is far off is warned of, and nothing is said otherwise.
    pub is_declared: bool,
    /// Records of the source: parts in a million of the median; `None` compares none.
    pub records: Option<u32>,
    /// Rejects: parts in a million of the median; `None` compares none.
    pub rejects: Option<u32>,
    /// The share of every amount that has none of its own; `None` compares no such amount.
    pub amounts: Option<u32>,
    /// The share of each named amount, in parts in a million of the median.
    pub amount: BTreeMap<String, u32>,
    /// Time spent, in parts in a million of the median. It is known only when the run is over, so only later looks at
    /// the history compare it.
    pub duration: Option<u32>,
    /// How many earlier promoted runs are compared, at most.
    pub runs: u32,
    /// The least number of comparable runs; with fewer, nothing is compared.
    pub runs_min: u32,
    /// Which runs are comparable.
    pub same_weekday: SameWeekday,
    /// Whether a figure that is far off fails the run, or is only warned of.
    pub fails: bool,
}

impl Default for TrendRules {
    /// What a job that says nothing of trends is held to: half or half as much again of the usual records is a warning.
    fn default() -> Self {
        Self {
            is_declared: false,
            records: Some(500_000),
            rejects: None,
            amounts: None,
            amount: BTreeMap::new(),
            duration: None,
            runs: 20,
            runs_min: 5,
            same_weekday: SameWeekday::Auto,
            fails: false,
        }
    }
}

/// The figures of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// When the run was opened, in milliseconds since 1970.
    pub at_ms: i64,
    /// Records of the source.
    pub records: u64,
    /// How many of the source's records were rejected.
    pub rejects: u64,
    /// The sum of each amount over the accepted records, by name.
    pub amounts: Vec<(String, Amount)>,
}

/// A run, and the promoted runs before it, the newest first.
#[derive(Debug, Clone)]
pub struct TrendEvidence {
    /// What the job allows.
    pub rules: TrendRules,
    /// The figures of the run that is compared.
    pub now: Figures,
    /// The figures of the promoted runs before it, the newest first.
    pub history: Vec<Figures>,
    /// Whether the run loaded a part of a source, which is compared with nothing.
    pub is_part: bool,
}

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The weekday of a moment in UTC, 0 for Monday. (1970 began on a Thursday.)
#[must_use]
pub fn weekday(at_ms: i64) -> usize {
    usize::try_from((at_ms.div_euclid(86_400_000) + 3).rem_euclid(7)).unwrap_or(0)
}

/// The name of a weekday.
#[must_use]
pub fn weekday_name(day: usize) -> &'static str {
    DAYS[day % 7]
}

/// What the comparable runs had of one figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usual {
    /// The least value of the comparable runs.
    pub least: Amount,
    /// The greatest value of the comparable runs.
    pub most: Amount,
    /// The middle one; of an even number, half the sum of the two in the middle.
    pub median: Amount,
    /// How many runs the values come from.
    pub runs: usize,
}

impl Usual {
    /// Summarizes `values`; `None` if there are none.
    #[must_use]
    pub fn of(mut values: Vec<Amount>) -> Option<Self> {
        values.sort_unstable();
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            1 => values[middle],
            _ => half(values[middle - 1], values[middle]),
        };
        Some(Self { least, most, median, runs: values.len() })
    }

    /// How far `value` is from the median, in parts in a million of it; `None` from a median of 0.
    #[must_use]
    pub fn deviation(&self, value: Amount) -> Option<i128> {
        let difference = value.checked_sub(self.median).ok()?;
        let scale = difference.scale().max(self.median.scale());
        let (difference, median) = (difference.rescale(scale).ok()?, self.median.rescale(scale).ok()?);
        let (mut over, mut under) = (difference.mantissa(), median.mantissa().unsigned_abs().cast_signed());
        // Of sums of more than 31 digits the last ones do not count: they are no part in a million.
        while over.unsigned_abs() > u128::MAX / 4_000_000 {
            (over, under) = (over / 10, under / 10);
        }
        if under == 0 { None } else { Some(over * 1_000_000 / under) }
    }

    /// Whether `value` is further from the median than `share` parts in a million, and outside the range of the
    /// comparable runs.
    #[must_use]
    pub fn is_far(&self, value: Amount, share: u32) -> bool {
        let is_outside = value < self.least || value > self.most;
        is_outside
            && match self.deviation(value) {
                Some(parts) => parts.unsigned_abs() > u128::from(share),
                // Nothing was usual, and here is something.
                None => value != self.median,
            }
    }
}

fn half(low: Amount, high: Amount) -> Amount {
    let halved = || {
        let sum = low.checked_add(high).ok()?;
        let half = Amount::new(sum.mantissa().checked_mul(5)?, sum.scale().checked_add(1)?).ok()?;
        // 4.50 and not 4.500, where the last digit says nothing.
        Some(half.rescale(sum.scale()).unwrap_or(half))
    };
    halved().unwrap_or(low)
}

/// Parts in a million as percent with a sign and one digit, such as `-40.2 %`.
#[must_use]
pub fn percent(parts: i128) -> String {
    let tenths = (parts.unsigned_abs() + 500) / 1000;
    let sign = if tenths == 0 {
        ""
    } else if parts < 0 {
        "-"
    } else {
        "+"
    };
    format!("{sign}{}.{} %", tenths / 10, tenths % 10)
}

/// A number with its thousands set apart, as a person reads it.
#[must_use]
pub fn grouped(amount: Amount) -> String {
    let text = amount.to_string();
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, behind) = rest.split_once('.').map_or((rest, None), |(whole, behind)| (whole, Some(behind)));
    let mut out = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(behind) = behind {
        out.push('.');
        out.push_str(behind);
    }
    out
}

/// The runs that a run of `at_ms` is compared with, and what they are called: `Mondays`, or `runs`.
#[must_use]
pub fn comparable<'a, T>(
    rules: &TrendRules,
    at_ms: i64,
    history: &'a [T],
    opened: impl Fn(&T) -> i64,
) -> (Vec<&'a T>, String) {
    let limit = usize::try_from(rules.runs).unwrap_or(usize::MAX);
    let day = weekday(at_ms);
    let same: Vec<_> = history.iter().filter(|run| weekday(opened(run)) == day).take(limit).collect();
    let enough = same.len() >= usize::try_from(rules.runs_min.max(1)).unwrap_or(usize::MAX);
    match rules.same_weekday {
        SameWeekday::Always => (same, format!("{}s", weekday_name(day))),
        SameWeekday::Auto if enough => (same, format!("{}s", weekday_name(day))),
        _ => (history.iter().take(limit).collect(), "runs".into()),
    }
}

/// The checks of a run against its history.
#[must_use]
pub fn checks(evidence: &TrendEvidence, at_ms: i64) -> Vec<CheckResult> {
    let TrendEvidence { rules, now, history, is_part } = evidence;
    let (runs, called) = comparable(rules, now.at_ms, history, |run| run.at_ms);
    let count = |n: u64| Amount::from(i64::try_from(n).unwrap_or(i64::MAX));
    let mut checks = Vec::new();
    let mut push = |name: String, kind, share: Option<u32>, value, usual: Vec<Amount>| {
        let Some(share) = share else { return };
        let check = check(rules, (name, kind), share, value, usual, &called, at_ms);
        // A job that says nothing of trends is told only what it would want to know.
        if rules.is_declared || check.verdict == Verdict::Warn {
            checks.push(check);
        }
    };
    let records = runs.iter().map(|run| count(run.records)).collect();
    push("trend of records".into(), CheckKind::Count, rules.records, count(now.records), records);
    let rejects = runs.iter().map(|run| count(run.rejects)).collect();
    push("trend of rejects".into(), CheckKind::Count, rules.rejects, count(now.rejects), rejects);
    for (name, sum) in &now.amounts {
        let share = rules.amount.get(name).copied().or(rules.amounts);
        // A run of an older job may not have had the amount.
        let of = |run: &&Figures| run.amounts.iter().find(|(other, _)| other == name).map(|(_, sum)| *sum);
        let usual = runs.iter().filter_map(of).collect();
        push(format!("trend of {name}"), CheckKind::AmountTotal, share, *sum, usual);
    }
    if *is_part {
        for check in &mut checks {
            check.verdict = Verdict::Vacuous;
            check.expected = "nothing to compare with".into();
            check.message = "resent rejects are a part of a source; only whole sources are compared".into();
        }
    }
    checks
}

fn check(
    rules: &TrendRules,
    (name, kind): (String, CheckKind),
    share: u32,
    value: Amount,
    usual: Vec<Amount>,
    called: &str,
    at_ms: i64,
) -> CheckResult {
    let found = usual.len();
    let template = CheckResult {
        kind,
        stage: Stage::Source,
        name,
        invariant: None,
        expected: String::new(),
        actual: grouped(value),
        discrepancy: String::new(),
        verdict: Verdict::Vacuous,
        message: String::new(),
        at_ms,
    };
    let usual = match Usual::of(usual) {
        Some(usual) if found >= usize::try_from(rules.runs_min).unwrap_or(usize::MAX) => usual,
        _ => {
            let message = format!(
                "{found} {called} were promoted before; a comparison needs at least {}",
                rules.runs_min
            );
            return CheckResult { expected: "too few runs to compare with".into(), message, ..template };
        }
    };
    let expected = format!(
        "{} to {} on {} {called}, median {}",
        grouped(usual.least),
        grouped(usual.most),
        usual.runs,
        grouped(usual.median)
    );
    let deviation = usual.deviation(value);
    let told = deviation.map_or_else(|| "from zero".to_owned(), percent);
    let allowed = percent(share.into()).trim_start_matches('+').to_owned();
    if !usual.is_far(value, share) {
        let message =
            format!("{told} compared with the median of {} {called}; allowed: {allowed}", usual.runs);
        return CheckResult { expected, verdict: Verdict::Pass, message, ..template };
    }
    let side = if value < usual.least { "below" } else { "above" };
    CheckResult {
        expected,
        message: format!(
            "{told} compared with the median of {} {called}, and {side} all of them; allowed: {allowed}",
            usual.runs
        ),
        discrepancy: told,
        verdict: if rules.fails { Verdict::Fail } else { Verdict::Warn },
        ..template
    }
}

#[cfg(test)]
mod tests;
