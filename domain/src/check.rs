//! A check: one comparison, with what was expected, what was found, and what follows.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::invariants::Invariant;

crate::named! {
    /// What a check compares.
    #[derive(Hash, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    pub enum CheckKind {
        /// A number of things.
        Count = "count",
        /// An exact sum of one amount field.
        AmountTotal = "amount total",
        /// A digest of content.
        Hash = "hash",
        /// A rule of the job.
        BusinessRule = "business rule",
    }
}

crate::named! {
    /// Where along the flow a check looks.
    #[derive(PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum Stage {
        /// The source and its chunks.
        Source = "source",
        /// The totals that the source declares of itself.
        Declared = "declared",
        /// The staging table as read back.
        Staging = "staging",
        /// The counts of each worker: as reported, in the ledger, in the tables.
        Workers = "workers",
        /// The row rules and set rules of the job.
        Rules = "rules",
        /// The final table as read back.
        Final = "final",
        /// The table of a load that another program made.
        Target = "target",
    }
}

crate::named! {
    /// What follows from a check.
    #[derive(Hash, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum Verdict {
        /// Expected and actual agree.
        Pass = "pass",
        /// They do not; the run is not reconciled.
        Fail = "fail",
        /// They do not, and the job says that this is to be reported only.
        Warn = "warn",
        /// There was nothing to compare. Never counted as passed.
        Vacuous = "vacuous",
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a check expects of a control that no record declares.
pub(crate) const NOTHING_DECLARED: &str = "nothing declared";

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// The kind of thing that the check compares.
    pub kind: CheckKind,
    /// Where along the flow the check looks.
    pub stage: Stage,
    /// The check's name, unique within a run.
    pub name: String,
    /// The invariant it stands for, if it is not a rule of the job.
    pub invariant: Option<Invariant>,
    /// What should have been found.
    pub expected: String,
    /// What the check found.
    pub actual: String,
    /// Actual less expected for counts and amounts, `differs` for digests; empty when they agree.
    pub discrepancy: String,
    /// What follows from the check.
    pub verdict: Verdict,
    /// One sentence for a person.
    pub message: String,
    /// When it was decided: milliseconds since 1970, UTC.
    pub at_ms: i64,
}

impl CheckResult {
    /// What a check that failed found, with its figures. Its name says what should be so: never what is said here.
    #[must_use]
    pub fn fault(&self) -> String {
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let Self { name, expected, actual, discrepancy, message, .. } = self;
        let (of, what) = match name.rsplit_once(": ") {
            Some((record, what)) => (format!("{record}: "), what),
            None => (String::new(), &**name),
        };
        let [wanted, found] = [expected, actual].map(|side| crate::words::grouped_number(side));
        match what {
            "the source holds records" => return "the source is empty".into(),
            "source unchanged during the run" => return "the source changed during the run".into(),
            "key is unique" => return format!("{of}records that repeat the key of an earlier one: {found}"),
            "key is not yet in final" => return format!("{of}keys that are already in final: {found}"),
            "every chunk was committed" => return format!("{found} of {wanted} chunks were committed"),
            "chunks tile the source" => {
                return format!("the chunks cover {found} of {wanted} bytes of the source; {message}");
            }
            "rejects within the limit" => return format!("rejected records: {found} ({wanted} allowed)"),
            "processors agree" | "writers agree" => return format!("counts do not agree: {message}"),
            _ if name.starts_with("sequence ") && self.kind == CheckKind::Count => {
                return format!("{name}: {message}");
            }
            _ if expected == NOTHING_DECLARED => {
                return format!("{name}: no record of the source declares it");
            }
            _ => {}
        }
        match self.kind {
            CheckKind::BusinessRule => format!("rule `{name}`: broken by {actual}"),
            _ if is_digest(expected) && expected == actual => format!("{name}: {discrepancy}"),
            _ if is_digest(expected) && is_digest(actual) => format!("{name}: the digests differ"),
            _ => format!("{name}: expected {wanted}, found {found}"),
        }
    }
}

/// What failed, in one sentence without its full stop: the first few checks with their figures, and how many more.
#[must_use]
pub fn faults(checks: &[CheckResult]) -> String {
    const NAMED: usize = 3;
    let failed: Vec<_> = checks.iter().filter(|check| check.verdict == Verdict::Fail).collect();
    let named: Vec<_> = failed.iter().take(NAMED).map(|check| check.fault()).collect();
    let more = match failed.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {} more", crate::words::plural(more as u64, "check")),
    };
    format!("{} failed: {}{more}", crate::words::plural(failed.len() as u64, "check"), named.join("; "))
}

/// Where a check belongs: everything about it that is known before the comparison.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Where along the flow the check looks.
    pub stage: Stage,
    /// The check's name, unique within a run.
    pub name: String,
    /// The invariant it stands for.
    pub invariant: Option<Invariant>,
}

impl Subject {
    /// A check that stands for an invariant.
    #[must_use]
    pub fn new(stage: Stage, invariant: Invariant, name: impl Into<String>) -> Self {
        Self { stage, name: name.into(), invariant: Some(invariant) }
    }
}

/// A check that compares two counts.
#[must_use]
pub fn count(
    subject: Subject,
    expected: u64,
    actual: u64,
    message: impl Into<String>,
    at_ms: i64,
) -> CheckResult {
    let difference = i128::from(actual) - i128::from(expected);
    let discrepancy = if difference == 0 { String::new() } else { format!("{difference:+}") };
    result(
        subject,
        CheckKind::Count,
        (expected.to_string(), actual.to_string()),
        discrepancy,
        message.into(),
        at_ms,
    )
}

/// Compares two exact amounts.
#[must_use]
pub fn amount_total(
    subject: Subject,
    expected: Amount,
    actual: Amount,
    message: impl Into<String>,
    at_ms: i64,
) -> CheckResult {
    let discrepancy = if expected == actual {
        String::new()
    } else {
        match actual.checked_sub(expected) {
            Ok(difference) if difference > Amount::zero(0) => format!("+{difference}"),
            Ok(difference) => difference.to_string(),
            Err(_) => "too large to print".into(),
        }
    };
    let sides = (expected.to_string(), actual.to_string());
    result(subject, CheckKind::AmountTotal, sides, discrepancy, message.into(), at_ms)
}

/// Compares two digests, or other texts that are either equal or not.
#[must_use]
pub fn hash(
    subject: Subject,
    expected: impl fmt::Display,
    actual: impl fmt::Display,
    message: impl Into<String>,
    at_ms: i64,
) -> CheckResult {
    let sides = (expected.to_string(), actual.to_string());
    let discrepancy = if sides.0 == sides.1 { String::new() } else { "differs".into() };
    result(subject, CheckKind::Hash, sides, discrepancy, message.into(), at_ms)
}

fn result(
    subject: Subject,
    kind: CheckKind,
    (expected, actual): (String, String),
    discrepancy: String,
    message: String,
    at_ms: i64,
) -> CheckResult {
    let verdict = if discrepancy.is_empty() { Verdict::Pass } else { Verdict::Fail };
    let Subject { stage, name, invariant } = subject;
    CheckResult { kind, stage, name, invariant, expected, actual, discrepancy, verdict, message, at_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_said_with_its_figures() {
        let of = |name: &str, expected, actual| {
            count(Subject::new(Stage::Source, Invariant::RecordsAccounted, name), expected, actual, "", 0)
        };
        let (one, other) = ("a".repeat(64), "b".repeat(64));
        let root =
            hash(Subject::new(Stage::Final, Invariant::FingerprintsEqual, "fingerprint"), one, other, "", 0);
        let good = of("rows", 1, 1);
        assert_eq!(faults(&[good.clone(), of("rows", 3, 2)]), "1 check failed: rows: expected 3, found 2");
        assert_eq!(
            faults(&[good, root.clone(), of("b", 1, 0), of("c", 1, 0), of("d", 1, 0)]),
            "4 checks failed: fingerprint: the digests differ; b: expected 1, found 0; c: expected 1, found 0; and 1 check more"
        );
        let mut rule = of("no posting above a thousand", 0, 0);
        (rule.kind, rule.actual, rule.verdict) = (CheckKind::BusinessRule, "2 of 10".into(), Verdict::Fail);
        assert_eq!(rule.fault(), "rule `no posting above a thousand`: broken by 2 of 10");
    }

    #[test]
    fn a_discrepancy_is_actual_less_expected_to_the_last_digit() {
        let subject = || Subject::new(Stage::Staging, Invariant::AmountsEqual, "sum");
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        let table = [
            ("104801.54", "104801.54", "", Verdict::Pass),
            ("104801.54", "104801.540", "", Verdict::Pass),
            ("104801.54", "104801.55", "+0.01", Verdict::Fail),
            ("10000000000.00", "9999999999.99", "-0.01", Verdict::Fail),
            ("-1.00", "1.00", "+2.00", Verdict::Fail),
        ];
        for (expected, actual, discrepancy, verdict) in table {
            let check = amount_total(subject(), amount(expected), amount(actual), "", 0);
            assert_eq!((check.discrepancy.as_str(), check.verdict), (discrepancy, verdict));
        }
        assert_eq!(count(subject(), 3, 2, "", 0).discrepancy, "-1");
        assert_eq!(count(subject(), 3, 2, "", 0).fault(), "sum: expected 3, found 2");
        assert_eq!(hash(subject(), "a", "b", "", 0).verdict, Verdict::Fail);
    }

    /// "Failed: key is not yet in final" would say the opposite of what was found.
    #[test]
    fn a_check_that_failed_says_what_is_wrong_and_not_what_should_be_so() {
        let table = [
            ("the source holds records", 1, 0, "the source is empty"),
            (
                "posting: key is not yet in final",
                0,
                400_000,
                "posting: keys that are already in final: 400,000",
            ),
            ("key is unique", 0, 2, "records that repeat the key of an earlier one: 2"),
            ("every chunk was committed", 1_000, 999, "999 of 1,000 chunks were committed"),
            ("chunks tile the source", 10, 9, "the chunks cover 9 of 10 bytes of the source; why"),
            ("rejects within the limit", 3, 5, "rejected records: 5 (3 allowed)"),
            ("writers agree", 1, 2, "counts do not agree: why"),
            ("staging rows", 1_000_000, 999_999, "staging rows: expected 1,000,000, found 999,999"),
            ("control trailer: record_count", 5, 4, "control trailer: record_count: expected 5, found 4"),
        ];
        for (name, expected, actual, said) in table {
            let subject = Subject::new(Stage::Source, Invariant::RecordsAccounted, name);
            assert_eq!(count(subject, expected, actual, "why", 0).fault(), said);
        }
    }
}
