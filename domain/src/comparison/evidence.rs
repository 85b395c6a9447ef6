//! From what was decoded, read and brought together to checks.

use super::pairing::Pairing;
use super::plan::{ExtraRows, Plan};
use crate::check::{self, CheckResult, Stage, Subject, Verdict};
use crate::footing::{FootingError, Outcome};
use crate::invariants::Invariant;
use crate::reconcile::{RuleEvidence, SourceLevel, source_level_checks};
use crate::words::plural;

/// One record type, and what its records and the target's rows amount to.
#[derive(Debug, Clone)]
pub struct TypeComparison {
    /// What was compared.
    pub plan: Plan,
    /// What it came to.
    pub pairing: Pairing,
    /// Accepted records of the type, as the decoders counted them.
    pub accepted: u64,
    /// Rows that the readers were given by the target.
    pub read: u64,
}

/// All that is known once both sides are brought together.
#[derive(Debug)]
pub struct LoadEvidence<'a> {
    /// What was seen of the source, and what it was decoded to; `None` if the source is a database, whose rows are
    /// taken as they are.
    pub source: Option<SourceLevel<'a>>,
    /// What came of the totals that the source's own records declare.
    pub footing: Option<&'a Result<Outcome, FootingError>>,
    /// The outcome of each rule, in the job's order; `None`: a rule about many records, which is not evaluated here.
    pub rules: Vec<(RuleEvidence, bool)>,
    /// The record types.
    pub types: &'a [TypeComparison],
}

/// The checks of a load that another program made.
#[must_use]
pub fn reconcile_load(evidence: &LoadEvidence<'_>, at_ms: i64) -> Vec<CheckResult> {
    let mut checks = match &evidence.source {
        Some(source) => source_level_checks(source, evidence.footing, at_ms),
        None => Vec::new(),
    };
    for (rule, is_evaluated) in &evidence.rules {
        let mut result = crate::reconcile::rule_check(rule, at_ms);
        if !is_evaluated {
            result.verdict = Verdict::Vacuous;
            result.actual = "not evaluated".into();
            result.discrepancy = String::new();
            result.message =
                format!("{}: a rule about many records is evaluated when Crossfoot loads them", rule.demands);
        }
        checks.push(result);
    }
    let held: u64 = evidence.types.iter().map(|of| of.accepted).sum();
    if evidence.source.is_none() && held == 0 {
        checks.push(no_source_rows(at_ms));
    }
    for of_type in evidence.types {
        target_checks(of_type, at_ms, &mut checks);
    }
    checks
}

/// The failed check that a source without a row is.
#[must_use]
pub fn no_source_rows(at_ms: i64) -> CheckResult {
    let subject = Subject::new(Stage::Source, Invariant::RecordsAccounted, "the source holds records");
    let mut empty = check::count(subject, 1, 0, "no row of the source was read", at_ms);
    empty.expected = "at least 1".into();
    empty
}

fn target_checks(of_type: &TypeComparison, at_ms: i64, checks: &mut Vec<CheckResult>) {
    let TypeComparison { plan, pairing, accepted, read } = of_type;
    let layout = &plan.layout;
    let name = |what: &str| match layout.among.is_alone() {
        true => what.to_owned(),
        false => format!("{}: {what}", layout.record),
    };
    let subject = |what: &str| Subject::new(Stage::Target, Invariant::LoadEqual, name(what));
    let mut count = |what: &str, expected, actual, message: String| {
        checks.push(check::count(subject(what), expected, actual, message, at_ms));
    };
    count(
        "records compared",
        *accepted,
        pairing.records,
        "records that were accepted from the source = records that were brought together with rows".into(),
    );
    count(
        "rows compared",
        *read,
        pairing.rows,
        "rows that the target gave = rows that were brought together with records".into(),
    );
    let in_scope = pairing.rows - pairing.allowed;
    count("target rows", pairing.due(), in_scope, told_of_rows(plan, pairing));
    count(
        "records without a row",
        0,
        pairing.missing,
        "accepted records that the target does not hold".into(),
    );
    count(
        "records that differ",
        0,
        pairing.differing,
        "records whose row has another value in a compared field".into(),
    );
    count(
        "rows doubled",
        0,
        pairing.doubled,
        "rows with the key of a record that has its row already".into(),
    );
    if pairing.unstable_records + pairing.unstable_rows > 0 {
        let unstable = pairing.unstable_records.max(pairing.unstable_rows);
        count(
            "rows that changed while they were read",
            0,
            unstable,
            "a second look at the keys that differ found other rows; compare again when no one writes".into(),
        );
    }
    if plan.extra == ExtraRows::Refused {
        count("rows of no record", 0, pairing.extra, "rows whose key no record of the source has".into());
    }
    if plan.has_key() {
        let key = layout.key_names();
        if !plan.merges() {
            let repeated = pairing.repeated_in_source;
            count(
                "key is unique in the source",
                0,
                repeated,
                format!("records that repeat the key ({key}) of another"),
            );
        }
        let repeated = pairing.repeated_in_target;
        count(
            "key is unique in the target",
            0,
            repeated,
            format!("rows that repeat the key ({key}) of another"),
        );
    }
    for (place, field) in layout.amount_names().iter().enumerate() {
        let sides = (pairing.source_sums.0.get(place), pairing.target_sums.0.get(place));
        let is_compared = plan.amounts().nth(place).flatten().is_some();
        let (Some(source), Some(target), true) = (sides.0, sides.1, is_compared) else { continue };
        let message = format!("{field} over the records that should have a row = over the target's rows");
        let mut result = check::amount_total(
            subject(&format!("sum of {field}, source to target")),
            *source,
            *target,
            message,
            at_ms,
        );
        let not_summed = pairing.not_summed.get(place).copied().unwrap_or(0);
        if not_summed > 0 {
            // Their content is compared value by value all the same.
            result.verdict = Verdict::Vacuous;
            result.discrepancy = String::new();
            result.message = format!(
                "{} of the target are no exact numbers and cannot be summed exactly",
                plural(not_summed, "value")
            );
        }
        checks.push(result);
    }
}

/// Says that the records of a type were compared with nothing.
#[must_use]
pub fn not_compared(record: &str, records: u64, at_ms: i64) -> CheckResult {
    let subject =
        Subject::new(Stage::Target, Invariant::LoadEqual, format!("{record}: compared with a target"));
    let message = "the job names no target for this record type";
    let mut check = check::count(subject, records, 0, message, at_ms);
    check.verdict = Verdict::Vacuous;
    check.discrepancy = String::new();
    check
}

fn told_of_rows(plan: &Plan, pairing: &Pairing) -> String {
    let mut told = "accepted records".to_owned();
    if plan.merges() {
        told += " - merged";
    }
    if pairing.replaced() > 0 {
        told += &format!(" - {} replaced by later runs", pairing.replaced());
    }
    told += " = rows in the target";
    if plan.extra == ExtraRows::Allowed {
        told += &format!("; {} of other loads are allowed and not counted", plural(pairing.allowed, "row"));
    }
    told
}
