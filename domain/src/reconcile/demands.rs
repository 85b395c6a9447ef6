//! The checks of what the sender and the job require: declared totals, the limit of rejects, keys, and rules.

use super::checks::{fingerprint, sum};
use super::evidence::{RuleEvidence, SourceLevel};
use crate::check::{self, CheckKind, CheckResult, Stage, Subject, Verdict};
use crate::declared::Declared;
use crate::footing::FootingError;
use crate::invariants::Invariant;
use crate::keys::{KeyEvidence, KeysCounted};
use crate::rule::{OnBreach, RuleOutcome};
use crate::words::plural;

pub(super) fn declared_checks(
    declared: &Declared,
    evidence: &SourceLevel<'_>,
    at_ms: i64,
    checks: &mut Vec<CheckResult>,
) {
    let subject = |name: String| Subject::new(Stage::Declared, Invariant::DeclaredMet, name);
    let (source, ledger) = (evidence.source, evidence.ledger);
    if let Some(records) = declared.records {
        checks.push(check::count(
            subject("declared records".into()),
            records,
            source.records,
            "records declared = records in the source",
            at_ms,
        ));
    }
    if let Some(bytes) = declared.bytes {
        checks.push(check::count(
            subject("declared bytes".into()),
            bytes,
            source.bytes_on_disk,
            "bytes declared = bytes of the source",
            at_ms,
        ));
    }
    for (name, amount) in &declared.amounts {
        // The declaration covers what was sent, so the rejects' amounts belong to the computed side.
        let place = evidence.amount_names.iter().position(|field| field == name);
        let computed =
            place.map(|at| sum(&ledger.accepted.sums, at).checked_add(sum(&ledger.rejected_sums, at)));
        let subject = subject(format!("declared sum of {name}"));
        checks.push(match computed {
            Some(Ok(computed)) => check::amount_total(
                subject,
                *amount,
                computed,
                "sum declared = sum over accepted and rejected",
                at_ms,
            ),
            Some(Err(error)) => check::hash(subject, amount, error, "the computed sum does not fit", at_ms),
            None => check::hash(
                subject,
                amount,
                "not summed",
                format!("{name} is not one of the job's amount fields"),
                at_ms,
            ),
        });
    }
    if let Some(sha256) = declared.sha256 {
        checks.push(check::hash(
            subject("declared SHA-256".into()),
            sha256,
            source.sha256_split,
            "SHA-256 declared = SHA-256 of the source",
            at_ms,
        ));
    }
    if let Some(declared_root) = declared.fingerprint {
        let same_layout = declared.layout.is_none_or(|layout| layout == evidence.layout);
        checks.push(if same_layout {
            check::hash(
                subject("declared fingerprint".into()),
                declared_root,
                fingerprint(&ledger.accepted),
                "fingerprint declared = fingerprint of the source",
                at_ms,
            )
        } else {
            let mut result = check::hash(
                subject("declared fingerprint".into()),
                declared_root,
                fingerprint(&ledger.accepted),
                "the declared fingerprint was computed with another layout (hashed fields or types), so it \
cannot be compared",
                at_ms,
            );
            result.verdict = Verdict::Fail;
            result.discrepancy = "other layout".into();
            result
        });
    }
}

/// Fails the source's controls, which cannot be compared: the ledger lacks chunks, or has them altered.
pub(super) fn unfooted(fault: &FootingError, at_ms: i64) -> CheckResult {
    let subject = Subject::new(Stage::Declared, Invariant::DeclaredMet, "controls of the source");
    let message = format!("cannot combine the totals that the source's records declare: {fault}");
    check::hash(subject, "every chunk in its order", "not every chunk, or altered", message, at_ms)
}

pub(super) fn rejects_within_limit(evidence: &SourceLevel<'_>, at_ms: i64) -> CheckResult {
    let (rejected, limit) = (evidence.ledger.rejected, evidence.reject_limit.of(evidence.source.records));
    let within = rejected <= limit;
    CheckResult {
        kind: CheckKind::Count,
        stage: Stage::Source,
        name: "rejects within the limit".into(),
        invariant: Some(Invariant::RecordsAccounted),
        expected: format!("at most {limit}"),
        actual: rejected.to_string(),
        discrepancy: if within { String::new() } else { format!("+{}", rejected - limit) },
        verdict: if within { Verdict::Pass } else { Verdict::Fail },
        message: match (within, rejected) {
            (true, 0) => "no record was rejected".into(),
            (true, n) => {
                format!("rejected and kept: {}; within `rejects` under [limits]", plural(n, "record"))
            }
            (false, _) => "more rejects than `rejects` under [limits] allows".into(),
        },
        at_ms,
    }
}

/// The checks of keys that were looked for.
#[must_use]
pub fn key_checks(keys: &[KeyEvidence], at_ms: i64) -> Vec<CheckResult> {
    let counted = keys.iter().filter_map(|key| key.counted.map(|counted| (key, counted)));
    counted.flat_map(|(key, counted)| checks_of_key(key, counted, at_ms)).collect()
}

fn checks_of_key(key: &KeyEvidence, counted: KeysCounted, at_ms: i64) -> [CheckResult; 2] {
    let name = |what: &str| match &key.record {
        None => what.to_owned(),
        Some(record) => format!("{record}: {what}"),
    };
    let subject = |what: &str| Subject::new(Stage::Rules, Invariant::FinalBalances, name(what));
    [
        check::count(
            subject("key is unique"),
            0,
            counted.duplicates,
            format!("records whose key ({}) an earlier record of the run has", key.fields),
            at_ms,
        ),
        check::count(
            subject("key is not yet in final"),
            0,
            counted.already_in_final,
            format!("records whose key ({}) an earlier run promoted", key.fields),
            at_ms,
        ),
    ]
}

/// The checks of keys that were left to final. Its unique index took every row; that says something of the records'
/// keys only if final holds what it was given (`is_as_given`): a trigger may have dropped a row or changed its key.
pub(super) fn keys_by_final(keys: &[KeyEvidence], is_as_given: bool, at_ms: i64) -> Vec<CheckResult> {
    let mut checks = Vec::new();
    for key in keys.iter().filter(|key| key.counted.is_none()) {
        checks.extend(checks_of_key(key, KeysCounted::default(), at_ms).map(|mut check| {
            if is_as_given {
                check.message = format!("{}; proven by final's unique index", check.message);
            } else {
                check.verdict = Verdict::Vacuous;
                check.message = "final does not hold the rows that it was given, so its unique index proves \
                                 nothing of their keys"
                    .into();
            }
            check
        }));
    }
    checks
}

pub(crate) fn rule_check(rule: &RuleEvidence, at_ms: i64) -> CheckResult {
    let RuleOutcome { examined, breached } = rule.outcome;
    let verdict = match (examined, breached, rule.on_breach) {
        (0, 0, _) => Verdict::Vacuous,
        (_, 0, _) => Verdict::Pass,
        (_, _, OnBreach::Fail) => Verdict::Fail,
        (_, _, OnBreach::Hold | OnBreach::Warn) => Verdict::Warn,
    };
    CheckResult {
        kind: CheckKind::BusinessRule,
        stage: Stage::Rules,
        name: rule.name.clone(),
        invariant: None,
        expected: "0 breaches".into(),
        actual: format!("{breached} of {examined}"),
        discrepancy: if breached == 0 { String::new() } else { format!("+{breached}") },
        verdict,
        message: match verdict {
            Verdict::Vacuous => format!("{}: there was no record to apply it to", rule.demands),
            _ => match (breached, rule.on_breach) {
                (1.., OnBreach::Hold) => {
                    format!("{}: records that break it are held back from final", rule.demands)
                }
                _ => rule.demands.clone(),
            },
        },
        at_ms,
    }
}
