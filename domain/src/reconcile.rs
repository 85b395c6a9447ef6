//! The reconciliation: from everything that was counted, summed and hashed to a verdict.
//!
//! Pure: the coordinator gathers [`StagingEvidence`] and [`FinalEvidence`]; here they become checks, and a
//! run whose checks all pass gets its [`Permit`].

use crate::amount::Amount;
use crate::balance::Balance;
use crate::check::{self, CheckKind, CheckResult, Stage, Subject, Verdict};
use crate::counts::{Role, WorkerShare};
use crate::declared::Declared;
use crate::fingerprint::Hash;
use crate::ids::RunId;
use crate::invariants::Invariant;
use crate::permit::Permit;
use crate::rule::{OnBreach, RuleOutcome};
use crate::totals::{ControlTotals, Sums};

/// How many rejects a run may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectLimit {
    /// So many.
    Count(u64),
    /// So many of a million records.
    PerMillion(u32),
}

impl RejectLimit {
    /// How many of `records` may be rejects.
    #[must_use]
    pub fn of(self, records: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::PerMillion(share) => {
                u64::try_from(u128::from(records) * u128::from(share) / 1_000_000).unwrap_or(u64::MAX)
            }
        }
    }
}

/// What the coordinator saw of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEvidence {
    /// Chunks split.
    pub chunks: u64,
    /// Records framed by the splitter.
    pub records: u64,
    /// Bytes of content (after decompression) that the splitter read, header row and framing included.
    pub bytes: u64,
    /// Bytes that the chunks and the header cover, from their offsets and lengths in the ledger.
    pub bytes_tiled: u64,
    /// Of these, the bytes before the first chunk: a header row.
    pub header_bytes: u64,
    /// The first place where a chunk does not begin where the one before it ends.
    pub first_gap: Option<u64>,
    /// SHA-256 of the source as it lies on disk, taken before the run; `None` for a stream.
    pub sha256_before: Option<Hash>,
    /// The same, taken of the bytes that were split.
    pub sha256_split: Hash,
    /// What changed about the file between opening it and now, in words; `None` if nothing did.
    pub changed: Option<String>,
    /// Its length on disk.
    pub bytes_on_disk: u64,
}

/// What the ledger says was decoded and committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEvidence {
    /// Chunks committed.
    pub chunks: u64,
    /// Bytes the processors were handed and hashed.
    pub bytes: u64,
    /// Chunks whose records in are not accepted + rejected.
    pub chunks_unbalanced: u64,
    /// Records in.
    pub records: u64,
    /// Rejected.
    pub rejected: u64,
    /// Accepted, summed and hashed by the processors from the source's bytes.
    pub accepted: ControlTotals,
    /// Sums over the rejects, as far as their amounts could be read.
    pub rejected_sums: Sums,
}

/// What was read back from staging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// Rows, sums and content.
    pub totals: ControlTotals,
    /// Rejects kept.
    pub rejects: u64,
    /// Rows that belong to no committed chunk.
    pub stray_rows: u64,
    /// Chunks whose rows differ from what the ledger says.
    pub chunks_differing: u64,
}

/// A rule with what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleEvidence {
    /// The rule's name.
    pub name: String,
    /// What it demands, in the job's words.
    pub demands: String,
    /// What follows a breach.
    pub on_breach: OnBreach,
    /// What came of it.
    pub outcome: RuleOutcome,
}

/// What is known of the final table's key before promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvidence {
    /// The key's fields, for the reader; empty when the job has none.
    pub fields: String,
    /// Append: records whose key an earlier record of the run has. Upsert: these are merged, and this is 0.
    pub duplicates: u64,
    /// Append: records whose key is already in final.
    pub already_in_final: u64,
}

/// All that is known once staging has been read back.
#[derive(Debug, Clone)]
pub struct StagingEvidence {
    /// The run.
    pub run_id: RunId,
    /// The names of the summed fields.
    pub amount_names: Vec<String>,
    /// The digest of the layout.
    pub layout: Hash,
    /// The source.
    pub source: SourceEvidence,
    /// The ledger.
    pub ledger: LedgerEvidence,
    /// Staging.
    pub staging: ReadBack,
    /// The workers.
    pub workers: Vec<WorkerShare>,
    /// What the sender declared.
    pub declared: Option<Declared>,
    /// The rules.
    pub rules: Vec<RuleEvidence>,
    /// The key.
    pub key: KeyEvidence,
    /// How many rejects are allowed.
    pub reject_limit: RejectLimit,
    /// Rules of which more or fewer breaches are kept than the processors counted.
    pub rules_differing: u64,
    /// Earlier runs of the job that brought the very same bytes into final.
    pub loaded_before: Vec<RunId>,
    /// Whether the operator insisted on loading them again.
    pub again: bool,
    /// Records kept out of final by a rule.
    pub held: u64,
    /// Records replaced by a later one with the same key.
    pub merged: u64,
    /// What final must turn out to hold: staging as read back, without the held and the merged.
    pub to_promote: ControlTotals,
}

impl StagingEvidence {
    /// Where the records went.
    #[must_use]
    pub const fn balance(&self) -> Balance {
        Balance {
            records: self.source.records,
            staged: self.staging.totals.records,
            rejected: self.staging.rejects,
            held: self.held,
            merged: self.merged,
        }
    }
}

/// What was read back from final, inside the promoting transaction.
#[derive(Debug, Clone)]
pub struct FinalEvidence {
    /// Rows, sums and content.
    pub totals: ControlTotals,
    /// Rows that the promotion inserted, changed or deleted in any table, triggers included.
    pub rows_changed: u64,
}

/// The checks of a run, and what they amount to.
#[derive(Debug, Clone)]
pub struct Reconciliation {
    run_id: RunId,
    checks: Vec<CheckResult>,
    to_promote: ControlTotals,
}

/// The run has failed checks; there is no permit for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{failed} of {checks} checks failed")]
pub struct NotReconciled {
    /// Checks that failed.
    pub failed: usize,
    /// Checks made.
    pub checks: usize,
}

impl Reconciliation {
    /// Every check made.
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
                Ok(Permit::new(self.run_id, self.to_promote.clone(), fingerprint))
            }
            _ => Err(NotReconciled { failed, checks: self.checks.len() }),
        }
    }
}

/// Compares source, ledger, staging, workers, declaration and rules.
#[must_use]
pub fn reconcile_staging(evidence: &StagingEvidence, at_ms: i64) -> Reconciliation {
    let mut checks = Vec::new();
    source_checks(evidence, at_ms, &mut checks);
    staging_checks(evidence, at_ms, &mut checks);
    for role in [Role::Processor, Role::Writer] {
        checks.push(workers_agree(role, &evidence.workers, at_ms));
    }
    if let Some(declared) = &evidence.declared {
        declared_checks(declared, evidence, at_ms, &mut checks);
    }
    checks.push(rejects_within_limit(evidence, at_ms));
    key_checks(evidence, at_ms, &mut checks);
    if !evidence.rules.is_empty() {
        checks.push(check::count(
            Subject::new(Stage::Rules, Invariant::RecordsAccounted, "breaches kept"),
            0,
            evidence.rules_differing,
            "rules of which more or fewer breaches are kept than were counted",
            at_ms,
        ));
    }
    checks.extend(evidence.rules.iter().map(|rule| rule_check(rule, at_ms)));
    Reconciliation { run_id: evidence.run_id, checks, to_promote: evidence.to_promote.clone() }
}

fn source_checks(evidence: &StagingEvidence, at_ms: i64, checks: &mut Vec<CheckResult>) {
    use Invariant as Inv;
    let (source, ledger) = (&evidence.source, &evidence.ledger);
    let subject = |invariant, name: &str| Subject::new(Stage::Source, invariant, name);

    let declared_empty = evidence.declared.as_ref().and_then(|declared| declared.records) == Some(0);
    if source.records == 0 && !declared_empty {
        let mut empty = check::count(
            subject(Inv::RecordsAccounted, "the source holds records"),
            1,
            0,
            "the source is empty; if that is right, declare it: `records = 0` under [declared]",
            at_ms,
        );
        empty.expected = "at least 1".into();
        checks.push(empty);
    }
    let message = match source.first_gap {
        None => format!("{} chunks cover the source from its first byte to its last", source.chunks),
        Some(at) => format!("the chunks have a gap or an overlap at byte {at}"),
    };
    let mut tiled = check::count(
        subject(Inv::ChunksTileSource, "chunks tile the source"),
        source.bytes,
        source.bytes_tiled,
        message,
        at_ms,
    );
    if source.first_gap.is_some() {
        tiled.verdict = Verdict::Fail;
    }
    checks.push(tiled);
    checks.push(match (&source.changed, source.sha256_before) {
        (Some(changed), before) => {
            let mut result = check::hash(
                subject(Inv::SourceUnchanged, "source unchanged during the run"),
                before.unwrap_or(source.sha256_split),
                source.sha256_split,
                format!("the source changed while it was read: {changed}; start again when it is at rest"),
                at_ms,
            );
            result.verdict = Verdict::Fail;
            if result.discrepancy.is_empty() {
                result.discrepancy = "changed".into();
            }
            result
        }
        (None, Some(before)) => check::hash(
            subject(Inv::SourceUnchanged, "source unchanged during the run"),
            before,
            source.sha256_split,
            "SHA-256 before the run = SHA-256 of the bytes that were split",
            at_ms,
        ),
        (None, None) => {
            let mut result = check::hash(
                subject(Inv::SourceUnchanged, "source unchanged during the run"),
                source.sha256_split,
                source.sha256_split,
                "a stream is read once: there was nothing to compare its bytes with",
                at_ms,
            );
            result.verdict = Verdict::Vacuous;
            result
        }
    });
    if let Some(earlier) = evidence.loaded_before.last() {
        let mut before = check::count(
            subject(Inv::FinalBalances, "these bytes were not loaded before"),
            0,
            evidence.loaded_before.len() as u64,
            format!(
                "run {earlier} brought the same bytes into final; `--again` insists on loading them once more"
            ),
            at_ms,
        );
        if evidence.again {
            before.verdict = Verdict::Warn;
        }
        checks.push(before);
    }
    checks.push(check::count(
        subject(Inv::BytesProcessed, "every chunk was committed"),
        source.chunks,
        ledger.chunks,
        "chunks split = chunks committed",
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::BytesProcessed, "bytes processed"),
        source.bytes_tiled.saturating_sub(source.header_bytes),
        ledger.bytes,
        "bytes in the chunks = bytes the processors hashed and decoded",
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::RecordsAccounted, "records decoded"),
        source.records,
        ledger.records,
        "records framed by the splitter = records seen by the processors",
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::RecordsAccounted, "records accepted or rejected"),
        0,
        ledger.chunks_unbalanced,
        "chunks in which records in ≠ accepted + rejected",
        at_ms,
    ));
}

fn staging_checks(evidence: &StagingEvidence, at_ms: i64, checks: &mut Vec<CheckResult>) {
    use Invariant as Inv;
    let (ledger, staging) = (&evidence.ledger, &evidence.staging);
    let subject = |invariant, name: String| Subject::new(Stage::Staging, invariant, name);

    checks.push(check::count(
        subject(Inv::StagedOnce, "staging rows".into()),
        ledger.accepted.records,
        staging.totals.records,
        "records accepted = rows read back from staging",
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::RecordsAccounted, "rejects kept".into()),
        ledger.rejected,
        staging.rejects,
        "records rejected = rejects read back",
        at_ms,
    ));
    checks.push(check::count(
        subject(Inv::StagedOnce, "rows outside any chunk".into()),
        0,
        staging.stray_rows,
        "staging rows of the run that belong to no committed chunk",
        at_ms,
    ));
    let balance = evidence.balance();
    checks.push(check::count(
        subject(Inv::RecordsAccounted, "records = staged + rejected".into()),
        balance.records,
        balance.staged.saturating_add(balance.rejected),
        format!("{} staged + {} rejected", balance.staged, balance.rejected),
        at_ms,
    ));
    for (place, name) in evidence.amount_names.iter().enumerate() {
        checks.push(check::amount_total(
            subject(Inv::AmountsEqual, format!("sum of {name}, source to staging")),
            sum(&ledger.accepted.sums, place),
            sum(&staging.totals.sums, place),
            format!("{name} over the accepted records = over staging as read back"),
            at_ms,
        ));
    }
    checks.push(check::hash(
        subject(Inv::FingerprintsEqual, "fingerprint, source to staging".into()),
        fingerprint(&ledger.accepted),
        fingerprint(&staging.totals),
        match staging.chunks_differing {
            0 => "every record of every chunk is as the source has it".into(),
            1 => "1 chunk differs".into(),
            n => format!("{n} chunks differ"),
        },
        at_ms,
    ));
}

fn sum(sums: &Sums, place: usize) -> Amount {
    sums.0.get(place).copied().unwrap_or(Amount::zero(0))
}

fn fingerprint(totals: &ControlTotals) -> String {
    totals.fingerprint().map_or_else(|| "incomplete".into(), |root| root.to_string())
}

fn workers_agree(role: Role, workers: &[WorkerShare], at_ms: i64) -> CheckResult {
    let of_role = || workers.iter().filter(move |worker| worker.role == role);
    let disagreeing: Vec<_> = of_role().filter(|worker| !worker.agrees()).collect();
    let total = |count: fn(&WorkerShare) -> u64| of_role().map(count).sum::<u64>();
    let unreported = total(|worker| worker.unreported_chunks);
    let message = if let Some(first) = disagreeing.first() {
        format!(
            "worker {} ({}): reported {} + {}, ledger {} + {}, table {} of {}",
            first.worker_id,
            first.name,
            first.reported.accepted,
            first.reported.rejected,
            first.ledger.accepted,
            first.ledger.rejected,
            first.table,
            first.table_expected(),
        )
    } else if unreported > 0 {
        format!(
            "for every {}; {unreported} chunks were committed just before a process died, and their report with it",
            role.name()
        )
    } else {
        format!("reported = ledger = table, for every {}", role.name())
    };
    let table = match role {
        Role::Processor => total(|worker| worker.table_expected()),
        Role::Writer => total(|worker| worker.table_expected()),
    };
    let unit = match role {
        Role::Processor => "rejects",
        Role::Writer => "rows",
    };
    let seen = total(|worker| worker.table);
    CheckResult {
        kind: CheckKind::Count,
        stage: Stage::Workers,
        name: format!("{}s agree", role.name()),
        invariant: Some(Invariant::WorkersAgree),
        expected: format!("{} records, {table} {unit}", total(|worker| worker.ledger.records)),
        actual: format!("{} records, {seen} {unit}", total(|worker| worker.reported.records)),
        discrepancy: match disagreeing.len() {
            0 => String::new(),
            1 => "1 worker".into(),
            n => format!("{n} workers"),
        },
        verdict: match (disagreeing.is_empty(), of_role().next().is_some()) {
            (true, true) => Verdict::Pass,
            (true, false) => Verdict::Vacuous,
            (false, _) => Verdict::Fail,
        },
        message,
        at_ms,
    }
}

fn declared_checks(
    declared: &Declared,
    evidence: &StagingEvidence,
    at_ms: i64,
    checks: &mut Vec<CheckResult>,
) {
    let subject = |name: String| Subject::new(Stage::Declared, Invariant::DeclaredMet, name);
    let (source, ledger) = (&evidence.source, &evidence.ledger);
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
                format!("{name} is not an amount field of the job"),
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
                "the declared fingerprint was made with another layout (other hashed fields or types): it cannot be compared",
                at_ms,
            );
            result.verdict = Verdict::Fail;
            result.discrepancy = "other layout".into();
            result
        });
    }
}

fn rejects_within_limit(evidence: &StagingEvidence, at_ms: i64) -> CheckResult {
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
            (true, n) => format!("{n} records were rejected and kept; `rejects` under [limits] allows them"),
            (false, _) => "more records were rejected than `rejects` under [limits] allows".into(),
        },
        at_ms,
    }
}

fn key_checks(evidence: &StagingEvidence, at_ms: i64, checks: &mut Vec<CheckResult>) {
    let key = &evidence.key;
    if key.fields.is_empty() {
        return;
    }
    let subject = |name: &str| Subject::new(Stage::Rules, Invariant::FinalBalances, name);
    checks.push(check::count(
        subject("key is unique"),
        0,
        key.duplicates,
        format!("records whose key ({}) an earlier record of the run has", key.fields),
        at_ms,
    ));
    checks.push(check::count(
        subject("key is not yet in final"),
        0,
        key.already_in_final,
        format!("records whose key ({}) an earlier run brought into final", key.fields),
        at_ms,
    ));
}

fn rule_check(rule: &RuleEvidence, at_ms: i64) -> CheckResult {
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
            Verdict::Vacuous => format!("{}: there was nothing to apply it to", rule.demands),
            _ => match (breached, rule.on_breach) {
                (1.., OnBreach::Hold) => {
                    format!("{}: the records that break it are held back from final", rule.demands)
                }
                _ => rule.demands.clone(),
            },
        },
        at_ms,
    }
}

/// Compares final, as read back inside the promoting transaction, with what the permit says it must be.
#[must_use]
pub fn reconcile_final(
    permit: &Permit,
    amount_names: &[String],
    found: &FinalEvidence,
    at_ms: i64,
) -> Vec<CheckResult> {
    use Invariant as Inv;
    let expected = permit.expected();
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
            "rows that were to be promoted = rows that changed in any table, triggers included",
            at_ms,
        ),
    ];
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
        "every promoted record is in final as the source has it",
        at_ms,
    ));
    checks
}

/// Whether none of `checks` failed.
#[must_use]
pub fn none_failed(checks: &[CheckResult]) -> bool {
    checks.iter().all(|check| check.verdict != Verdict::Fail)
}
