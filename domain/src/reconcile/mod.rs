//! The reconciliation: from everything that was counted, summed and hashed to a verdict.
//!
//! Pure: the coordinator gathers [`StagingEvidence`] and [`FinalEvidence`]; here they become checks, and a
//! run whose checks all pass gets its [`Permit`].

mod checks;
mod demands;
mod evidence;
#[cfg(test)]
mod tests;

use crate::check::{self, CheckResult, Stage, Subject, Verdict};
use crate::counts::Role;
use crate::footing::{FootingError, Outcome};
use crate::ids::RunId;
use crate::invariants::Invariant;
use crate::keys::KeyEvidence;
use crate::permit::Permit;
use crate::totals::ControlTotals;
use crate::trend;
use checks::{
    by_type_checks, bytes_accounted, committed_checks, decode_proved, decoded_beside, decoded_checks,
    fingerprint, messages_refused, source_again_checks, source_checks, staging_checks, sum, workers_agree,
};
pub use demands::key_checks;
pub(crate) use demands::rule_check;
use demands::{declared_checks, keys_by_final, rejects_within_limit, unfooted};
pub use evidence::{
    DecodedBeside, DecodedTwice, FinalEvidence, LedgerEvidence, ReadBack, RejectLimit, RuleEvidence,
    SourceEvidence, SourceLevel, StagingEvidence, VerifySource,
};

/// The checks of a run, and what they amount to.
#[derive(Debug, Clone)]
pub struct Reconciliation {
    run_id: RunId,
    checks: Vec<CheckResult>,
    to_promote: ControlTotals,
    keys: Vec<KeyEvidence>,
}

/// The run has failed checks; there is no permit for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{failed} of {checks} checks failed")]
pub struct NotReconciled {
    /// How many checks failed.
    pub failed: usize,
    /// How many checks were made.
    pub checks: usize,
}

impl Reconciliation {
    /// Every check that was made, in the order in which they were made.
    #[must_use]
    pub fn checks(&self) -> &[CheckResult] {
        &self.checks
    }

    /// The permit to promote the run, if no check failed.
    ///
    /// # Errors
    /// [`NotReconciled`] otherwise.
    pub fn permit(&self) -> Result<Permit, NotReconciled> {
        let failed = self.checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
        match self.to_promote.fingerprint() {
            Some(fingerprint) if failed == 0 && !self.checks.is_empty() => {
                Ok(Permit::new(self.run_id, self.to_promote.clone(), fingerprint, self.keys.clone()))
            }
            _ => Err(NotReconciled { failed, checks: self.checks.len() }),
        }
    }
}

/// Compares source, ledger, staging, workers, declaration and rules.
#[must_use]
pub fn reconcile_staging(evidence: &StagingEvidence, at_ms: i64) -> Reconciliation {
    let mut checks = Vec::new();
    let source = evidence.source_level();
    source_checks(&source, at_ms, &mut checks);
    committed_checks(evidence, at_ms, &mut checks);
    decoded_checks(&source, at_ms, &mut checks);
    staging_checks(evidence, at_ms, &mut checks);
    checks.push(decoded_beside(evidence, at_ms));
    checks.extend(bytes_accounted(&source, at_ms));
    checks.push(decode_proved(&source, at_ms));
    checks.extend(messages_refused(evidence, at_ms));
    source_again_checks(evidence, at_ms, &mut checks);
    for role in [Role::Processor, Role::Writer] {
        checks.push(workers_agree(role, &evidence.workers, at_ms));
    }
    sender_checks(&source, evidence.footing.as_ref(), at_ms, &mut checks);
    checks.extend(key_checks(&evidence.keys, at_ms));
    if !evidence.rules.is_empty() {
        checks.push(check::count(
            Subject::new(Stage::Rules, Invariant::RecordsAccounted, "breaches kept"),
            0,
            evidence.rules_differing,
            "rules whose recorded breaches differ from the count",
            at_ms,
        ));
    }
    checks.extend(evidence.rules.iter().map(|rule| rule_check(rule, at_ms)));
    checks.extend(evidence.trends.iter().flat_map(|trends| trend::checks(trends, at_ms)));
    Reconciliation {
        run_id: evidence.run_id,
        checks,
        to_promote: evidence.to_promote.clone(),
        keys: evidence.keys.clone(),
    }
}

/// What the sender and the job require of the source, inside of it and outside.
fn sender_checks(
    source: &SourceLevel<'_>,
    footing: Option<&Result<Outcome, FootingError>>,
    at_ms: i64,
    checks: &mut Vec<CheckResult>,
) {
    if let Some(declared) = source.declared {
        declared_checks(declared, source, at_ms, checks);
    }
    match footing {
        Some(Ok(footing)) => checks.extend(footing.checks(at_ms)),
        Some(Err(fault)) => checks.push(unfooted(fault, at_ms)),
        None => {}
    }
    checks.push(rejects_within_limit(source, at_ms));
}

/// The checks of a source that is decoded, wherever its records are then found.
#[must_use]
pub fn source_level_checks(
    source: &SourceLevel<'_>,
    footing: Option<&Result<Outcome, FootingError>>,
    at_ms: i64,
) -> Vec<CheckResult> {
    let mut checks = Vec::new();
    source_checks(source, at_ms, &mut checks);
    decoded_checks(source, at_ms, &mut checks);
    checks.extend(bytes_accounted(source, at_ms));
    checks.push(decode_proved(source, at_ms));
    sender_checks(source, footing, at_ms, &mut checks);
    checks
}

/// Compares final, as read back inside the promoting transaction, with what the permit says it must be.
#[must_use]
pub fn reconcile_final(
    permit: &Permit,
    types: &[String],
    amount_names: &[String],
    found: &FinalEvidence,
    at_ms: i64,
) -> Vec<CheckResult> {
    use Invariant as Inv;
    let expected = permit.expected();
    let expected_by_type = (expected, &found.totals);
    let subject = |invariant, name: String| Subject::new(Stage::Final, invariant, name);
    let mut checks = vec![
        check::count(
            subject(Inv::FinalBalances, "final rows".into()),
            expected.records,
            found.totals.records,
            "staged - held - merged = rows read back from final",
            at_ms,
        ),
        check::count(
            subject(Inv::FinalBalances, "rows changed by the promotion".into()),
            expected.records,
            found.rows_changed,
            "rows to promote = rows changed in any table, including by triggers",
            at_ms,
        ),
    ];
    by_type_checks(Stage::Final, types, &expected_by_type, at_ms, &mut checks);
    for (place, name) in amount_names.iter().enumerate() {
        checks.push(check::amount_total(
            subject(Inv::AmountsEqual, format!("sum of {name}, staging to final")),
            sum(&expected.sums, place),
            sum(&found.totals.sums, place),
            format!("{name} over the records to promote = over final as read back"),
            at_ms,
        ));
    }
    checks.push(check::hash(
        subject(Inv::FingerprintsEqual, "fingerprint, staging to final".into()),
        permit.fingerprint(),
        fingerprint(&found.totals),
        "every promoted record in final equals the source's",
        at_ms,
    ));
    if let Some(differing) = found.chunks_differing {
        checks.push(check::count(
            subject(Inv::FinalBalances, "chunks of final as committed".into()),
            0,
            differing,
            "chunks whose rows in final differ from what was committed, in content or in worker",
            at_ms,
        ));
    }
    let of_keys = keys_by_final(permit.keys(), none_failed(&checks), at_ms);
    checks.splice(0..0, of_keys);
    checks
}

/// Whether none of `checks` failed.
#[must_use]
pub fn none_failed(checks: &[CheckResult]) -> bool {
    checks.iter().all(|check| check.verdict != Verdict::Fail)
}
