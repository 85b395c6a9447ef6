//! The report on a comparison.

use coordinator::verify::reconcile::{decode_proof, rule_evidence};
use domain::check::{CheckResult, Verdict};
use domain::comparison::{
    ComparedTable, EqualitySet, EqualityUse, LoadAmount, LoadBalance, LoadEvidence, LoadOutcome, LoadReport,
    LoadWorker, TypeComparison, reconcile_load,
};
use domain::reconcile::{RuleEvidence, SourceEvidence, SourceLevel};
use domain::report::{CheckCounts, SourceSummary};
use domain::rule::{Condition, RuleOutcome};
use job::Job;
use job::target::TargetTable;

use crate::join::key_names;
use crate::run::Compare;
use crate::sides::Joined;
use crate::source::Decoded;

/// The version of the shape of [`LoadReport`].
const REPORT_VERSION: u32 = 1;

impl Compare {
    /// The report, but for when it began and how long it took.
    pub(crate) fn report(
        &self,
        of_file: Option<(&Decoded, &SourceEvidence)>,
        summary: SourceSummary,
        records: Vec<u64>,
        joined: Joined,
        mut workers: Vec<LoadWorker>,
    ) -> LoadReport {
        let job = &self.job;
        workers.extend(joined.workers);
        let of_all: u64 = records.iter().sum();
        let types: Vec<_> = job
            .targets
            .iter()
            .zip(joined.pairings)
            .zip(records)
            .map(|((table, (pairing, read)), accepted)| TypeComparison {
                plan: table.plan.clone(),
                pairing,
                accepted,
                read,
            })
            .collect();
        let names = job.types();
        let (checks, not_compared) = self.checks(of_file, &types);
        let failed = checks.iter().any(|check| check.verdict == Verdict::Fail);
        let counts = CheckCounts::of(&checks);
        LoadReport {
            report_version: REPORT_VERSION,
            crossfoot_version: env!("CARGO_PKG_VERSION").into(),
            job: job.name.clone(),
            job_digest: job.digest,
            outcome: if failed { LoadOutcome::NotReconciled } else { LoadOutcome::Reconciled },
            started_at_ms: 0,
            elapsed_ms: 0,
            source: summary,
            records: of_file.map_or(of_all, |(_, source)| source.records),
            rejected: of_file.map_or(0, |(decoded, _)| decoded.ledger.rejected),
            fingerprint: of_file.and_then(|(decoded, _)| decoded.ledger.accepted.fingerprint()),
            target: self.target.summary(),
            checks,
            counts,
            tables: job.targets.iter().zip(&types).map(|(table, of)| compared(table, of)).collect(),
            not_compared,
            rejects: of_file.map(|(decoded, _)| decoded.rejects.clone()).unwrap_or_default(),
            bytes: of_file.and_then(|(decoded, source)| {
                decoded.bytes.balance(&names, source.bytes_tiled, source.header_bytes).ok()
            }),
            decode_proof: of_file
                .map(|(decoded, _)| decode_proof(job, &decoded.bytes, decoded.ledger.accepted.records)),
            workers,
            differences: joined.differences,
            first_differences: joined.first,
            log_head: None,
            resumed: Vec::new(),
        }
    }
}

impl Compare {
    /// Every check of the source, and of the comparison of these types; and the record types that are compared with
    /// nothing.
    pub(crate) fn checks(
        &self,
        of_file: Option<(&Decoded, &SourceEvidence)>,
        types: &[TypeComparison],
    ) -> (Vec<CheckResult>, Vec<(String, u64)>) {
        let job = &self.job;
        let (names, amounts) = (job.types(), job.amount_names());
        let filler_any: Vec<_> = job.records.iter().map(|record| record.filler_any).collect();
        let level = of_file.map(|(decoded, source)| SourceLevel {
            types: &names,
            amount_names: &amounts,
            layout: job.layout_digest(),
            source,
            ledger: &decoded.ledger,
            bytes: &decoded.bytes,
            filler_any: &filler_any,
            decode_proof_off: !job.decode_proof,
            went_through: true,
            declared: self.declared.as_ref().or(job.declared.as_ref()),
            reject_limit: job.reject_limit,
        });
        let evidence = LoadEvidence {
            source: level,
            footing: of_file.and_then(|(decoded, _)| decoded.footing.as_ref()),
            rules: of_file.map(|(decoded, _)| rules(job, &decoded.rules)).unwrap_or_default(),
            types,
        };
        let at_ms = self.clock.now_ms();
        let mut checks = reconcile_load(&evidence, at_ms);
        let by_type = of_file.map(|(decoded, _)| &decoded.ledger.accepted.by_type[..]).unwrap_or_default();
        let not_compared = not_compared(job, by_type);
        let told = not_compared.iter();
        checks
            .extend(told.map(|(record, records)| domain::comparison::not_compared(record, *records, at_ms)));
        (checks, not_compared)
    }
}

/// The record types without a target, and how many accepted records each has.
fn not_compared(job: &Job, by_type: &[u64]) -> Vec<(String, u64)> {
    let types = job.records.iter().enumerate();
    let types = types.filter(|(at, _)| job.targets.iter().all(|table| table.record != *at));
    types.map(|(at, record)| (record.layout.record.clone(), by_type.get(at).copied().unwrap_or(0))).collect()
}

/// Each rule, and whether it was evaluated here.
fn rules(job: &Job, outcomes: &[RuleOutcome]) -> Vec<(RuleEvidence, bool)> {
    let mut outcomes = outcomes.iter();
    let evidence = job.rules.iter().map(|rule| {
        let is_row = matches!(rule.condition, Condition::Row(_));
        let outcome =
            if is_row { outcomes.next().copied().unwrap_or_default() } else { RuleOutcome::default() };
        (rule_evidence(rule, outcome, job), is_row)
    });
    evidence.collect()
}

/// What became of one table, for the report.
fn compared(table: &TargetTable, of: &TypeComparison) -> ComparedTable {
    let TypeComparison { plan, pairing, .. } = of;
    let name = |at: usize| plan.layout.fields[plan.fields[at].at].name.clone();
    let uses = |at: usize, set: EqualitySet, values: u64| EqualityUse {
        field: name(at),
        equalities: set.iter().collect(),
        values,
    };
    let mut declared = Vec::new();
    let mut would_be_equal = Vec::new();
    let mut differing = Vec::new();
    for (at, counts) in pairing.fields.iter().enumerate() {
        declared.extend(counts.under.iter().map(|(set, values)| uses(at, *set, *values)));
        // What is declared and was not needed is told as well: an auditor sees what would have been passed over.
        if counts.under.is_empty() && !plan.fields[at].equal.is_empty() {
            declared.push(uses(at, plan.fields[at].equal, 0));
        }
        would_be_equal.extend(counts.would_be.iter().map(|(set, values)| uses(at, *set, *values)));
        if counts.differing > 0 {
            differing.push((name(at), counts.differing));
        }
    }
    let names = plan.layout.amount_names();
    let amounts = names.into_iter().zip(plan.amounts()).enumerate().map(|(at, (field, place))| LoadAmount {
        field,
        source: pairing.source_sums.0[at],
        target: place.map(|_| pairing.target_sums.0[at]),
        not_summed: pairing.not_summed[at],
    });
    ComparedTable {
        record: plan.layout.record.clone(),
        table: table.shown(),
        filter: table.filter.clone(),
        key: key_names(plan),
        left_out: plan.left_out().map(str::to_owned).collect(),
        declared,
        balance: LoadBalance {
            accepted: pairing.records,
            merged: pairing.merged,
            replaced: pairing.replaced(),
            equal: pairing.exact + pairing.equal,
            differing: pairing.differing,
            missing: pairing.missing,
            rows: pairing.rows,
            doubled: pairing.doubled,
            extra: pairing.extra,
            allowed: pairing.allowed,
            unstable_records: pairing.unstable_records,
            unstable_rows: pairing.unstable_rows,
        },
        replaced_by: pairing
            .replaced
            .iter()
            .map(|(writer, records)| {
                let at = usize::from(*writer).checked_sub(1);
                let name = at.and_then(|at| table.writers.get(at));
                (name.cloned().unwrap_or_else(|| "unknown".into()), *records)
            })
            .collect(),
        amounts: amounts.collect(),
        differing,
        would_be_equal,
    }
}
