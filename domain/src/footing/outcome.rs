//! What came of it: checks, findings, and what the next run will want to know.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fold::State;
use super::plan::{Control, Cover, FootingPlan, Wanted, What};
use super::sequence::Part;
use super::tally::{Demanded, Miss, Shows, Tally};
use crate::check::{CheckKind, CheckResult, NOTHING_DECLARED, Stage, Verdict};
use crate::ids::RecordNo;
use crate::invariants::Invariant;

/// A control that is not met: where, and both values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FootingFinding {
    /// The name of the control or sequence that is not met.
    pub control: String,
    /// The record that declares; of a scope that does not close, the record that opens it.
    pub record_no: RecordNo,
    /// The declaring field; `None` when the scope itself is at fault.
    pub field: Option<String>,
    /// What is declared, or what a declared value should have been.
    pub expected: String,
    /// What was computed, or what is declared in its place.
    pub actual: String,
    /// What else there is to say.
    pub why: Option<String>,
}

/// What came of a source's controls.
#[derive(Debug, Clone)]
pub struct Outcome {
    plan: Arc<FootingPlan>,
    states: Vec<State>,
    findings: Vec<FootingFinding>,
    findings_left_out: u64,
    sequences: Vec<Part>,
}

impl Outcome {
    pub(super) fn new(
        plan: Arc<FootingPlan>,
        states: Vec<State>,
        findings: Vec<FootingFinding>,
        (findings_left_out, sequences): (u64, Vec<Part>),
    ) -> Self {
        Self { plan, states, findings, findings_left_out, sequences }
    }

    /// What is not met, in the order in which it was noticed: a hundred at most.
    #[must_use]
    pub fn findings(&self) -> &[FootingFinding] {
        &self.findings
    }

    /// How many findings there are beyond those.
    #[must_use]
    pub const fn findings_left_out(&self) -> u64 {
        self.findings_left_out
    }

    /// The last number of each sequence, by `control.field`: to be kept when the run is promoted, and handed to the
    /// next one.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for (control, state) in self.plan.controls.iter().zip(&self.states) {
            for (demand, demanded) in control.demands.iter().zip(&state.demanded) {
                if let Some(number) = demanded.number {
                    let name = format!("{}.{}", control.name, self.plan.field_name(control, demand.field));
                    values.insert(name, number.to_string());
                }
            }
        }
        values
    }

    /// The checks: for each control that its scopes are whole, and one for each value that it declares; and one for
    /// each sequence.
    #[must_use]
    pub fn checks(&self, at_ms: i64) -> Vec<CheckResult> {
        let mut checks = Vec::new();
        for (control, state) in self.plan.controls.iter().zip(&self.states) {
            checks.push(self.scopes(control, state, at_ms));
            for (total, tally) in control.totals.iter().zip(&state.tallies) {
                let kind = match total.measure.what {
                    What::Records | What::Lines => CheckKind::Count,
                    What::Sum { .. } if total.last_digits.is_some() => CheckKind::Hash,
                    What::Sum { .. } => CheckKind::AmountTotal,
                };
                let field = self.plan.field_name(control, total.field);
                let shows = Shows::of(&self.plan.layouts[control.record], total.field);
                checks.push(total_check(control, state, (field, shows), kind, tally, at_ms));
            }
            for (demand, demanded) in control.demands.iter().zip(&state.demanded) {
                let field = self.plan.field_name(control, demand.field);
                checks.push(demand_check(control, state, field, &demand.wanted, demanded, at_ms));
            }
        }
        let sequences = self.plan.sequences.iter().zip(&self.sequences);
        checks.extend(sequences.map(|(sequence, whole)| sequence.check(whole, at_ms)));
        checks
    }

    fn scopes(&self, control: &Control, state: &State, at_ms: i64) -> CheckResult {
        let record = &self.plan.layouts[control.record].record;
        let expected = match (&control.cover, control.optional) {
            (Cover::File, false) => format!("1 {record}"),
            (Cover::File, true) => format!("at most 1 {record}"),
            (Cover::From(_), _) if state.opened > 0 => format!("{} {record}", state.opened),
            (_, true) => format!("any number of {record}"),
            (_, false) => format!("at least 1 {record}"),
        };
        let is_missing = state.seen == 0 && !control.optional;
        let (verdict, message) = match (&state.first_fault, state.seen) {
            (Some(fault), _) => (Verdict::Fail, fault.clone()),
            (None, 0) if is_missing => {
                (Verdict::Fail, format!("no {record}: the file is incomplete, or does not match the job"))
            }
            (None, 0) => (Verdict::Vacuous, format!("there is no {record}; it is optional")),
            (None, _) => (Verdict::Pass, "every scope that begins ends with its control".into()),
        };
        let discrepancy = match (verdict, state.faults) {
            (Verdict::Fail, 0) => "missing".into(),
            (Verdict::Fail, 1) => "1 fault".into(),
            (Verdict::Fail, n) => format!("{n} faults"),
            _ => String::new(),
        };
        CheckResult {
            kind: CheckKind::Count,
            stage: Stage::Declared,
            name: format!("control {}", control.name),
            invariant: Some(Invariant::DeclaredMet),
            expected,
            actual: format!("{} {record}", state.seen),
            discrepancy,
            verdict,
            message,
            at_ms,
        }
    }
}

fn undeclared(control: &Control, name: String, kind: CheckKind, at_ms: i64) -> CheckResult {
    let verdict = if control.optional { Verdict::Vacuous } else { Verdict::Fail };
    CheckResult {
        kind,
        stage: Stage::Declared,
        name,
        invariant: Some(Invariant::DeclaredMet),
        expected: NOTHING_DECLARED.into(),
        actual: "nothing to compare".into(),
        discrepancy: if control.optional { String::new() } else { "not declared".into() },
        verdict,
        message: "no control declares it".into(),
        at_ms,
    }
}

fn told(miss: &Miss) -> String {
    let why = miss.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("record {}: {} against {}{why}", miss.record_no, miss.expected, miss.actual)
}

fn total_check(
    control: &Control,
    state: &State,
    (field, shows): (&str, Shows<'_>),
    kind: CheckKind,
    tally: &Tally,
    at_ms: i64,
) -> CheckResult {
    let name = format!("control {}: {field}", control.name);
    let compared = tally.foot + tally.failed;
    if compared == 0 {
        return undeclared(control, name, kind, at_ms);
    }
    let (mut expected, mut actual) = (shows.sum(tally.declared), shows.sum(tally.computed));
    if compared > 1 {
        expected = format!("{compared} of {compared} foot: {expected}");
        actual = format!("{} of {compared} foot: {actual}", tally.foot);
    }
    let discrepancy = match (tally.failed, tally.declared.0, tally.computed.0) {
        (0, _, _) => String::new(),
        // A difference from nothing is the value itself.
        (1, Some(declared), Some(computed)) if compared == 1 && shows.is_masked() && declared != computed => {
            "differs".into()
        }
        (1, Some(declared), Some(computed)) if compared == 1 && declared != computed => {
            match computed.checked_sub(declared) {
                Ok(difference) if difference.mantissa() > 0 => format!("+{difference}"),
                Ok(difference) => difference.to_string(),
                Err(_) => "too large to print".into(),
            }
        }
        (n, _, _) if compared > 1 => format!("{n} of {compared}"),
        _ => "not known".into(),
    };
    let message = match &tally.first_miss {
        None if state.seen > 1 => format!("{field} declared = computed, in each of {compared}"),
        None => format!("{field} declared = computed"),
        Some(miss) => format!("first, declared against computed: {}", told(miss)),
    };
    let verdict = if tally.failed == 0 { Verdict::Pass } else { Verdict::Fail };
    let invariant = Some(Invariant::DeclaredMet);
    CheckResult {
        kind,
        stage: Stage::Declared,
        name,
        invariant,
        expected,
        actual,
        discrepancy,
        verdict,
        message,
        at_ms,
    }
}

fn demand_check(
    control: &Control,
    state: &State,
    field: &str,
    wanted: &Wanted,
    demanded: &Demanded,
    at_ms: i64,
) -> CheckResult {
    let suffix = match wanted {
        Wanted::Sequence { .. } => "in sequence",
        Wanted::Equals(_) | Wanted::Given(_) => "as expected",
    };
    let name = format!("control {}: {field} {suffix}", control.name);
    let Some((last_expected, last_actual)) = &demanded.last else {
        return undeclared(control, name, CheckKind::Hash, at_ms);
    };
    let (expected, actual) = match &demanded.first_miss {
        Some(miss) => (miss.expected.clone(), miss.actual.clone()),
        None => (last_expected.clone(), last_actual.clone()),
    };
    let (verdict, message) = match &demanded.first_miss {
        Some(miss) => (Verdict::Fail, format!("first, expected against declared: {}", told(miss))),
        None if demanded.met == 0 => (Verdict::Vacuous, "there is no earlier run to compare with".to_owned()),
        None => (
            Verdict::Pass,
            format!("{field} is {suffix}: {} of {}", demanded.met + demanded.unknown, state.seen),
        ),
    };
    CheckResult {
        kind: CheckKind::Hash,
        stage: Stage::Declared,
        name,
        invariant: Some(Invariant::DeclaredMet),
        expected,
        actual,
        discrepancy: if verdict == Verdict::Fail { "differs".into() } else { String::new() },
        verdict,
        message,
        at_ms,
    }
}
