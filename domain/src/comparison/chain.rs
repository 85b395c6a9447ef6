//! Several comparisons, one after the other: from the sender's file over what others made of it to the last table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::report::{ComparedTable, LoadOutcome, LoadReport};
use crate::check::{self, CheckResult, Stage, Subject, Verdict};
use crate::fingerprint::Hash;
use crate::invariants::Invariant;
use crate::report::LogHead;

/// One hop of a chain, compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HopReport {
    /// The hop's name.
    pub name: String,
    /// What comparing its two sides came to.
    pub report: LoadReport,
    /// When the hop was compared, if that was before the chain was resumed; otherwise absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<TakenHop>,
}

/// A hop that an earlier process compared, before the chain was resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TakenHop {
    /// The number of that process, among those that finished hops of the chain, from 1.
    pub process: u32,
    /// When comparing the hop began: milliseconds since 1970, UTC.
    pub began_at_ms: i64,
    /// When the hop had its verdict: milliseconds since 1970, UTC.
    pub ended_at_ms: i64,
}

impl HopReport {
    /// From when to when the hop's sides were read and compared, in milliseconds since 1970, UTC. Of a comparison that
    /// was resumed, its first process counts.
    #[must_use]
    pub fn span(&self) -> (i64, i64) {
        let report = &self.report;
        let began = report.resumed.iter().map(|phase| phase.began_at_ms).min();
        let elapsed = i64::try_from(report.elapsed_ms).unwrap_or(i64::MAX);
        (began.unwrap_or(i64::MAX).min(report.started_at_ms), report.started_at_ms.saturating_add(elapsed))
    }
}

/// What comparing all hops of a chain came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChainReport {
    /// The version of the shape of this report.
    pub report_version: u32,
    /// The version of the program that made the report.
    pub crossfoot_version: String,
    /// The chain's name.
    pub chain: String,
    /// SHA-256 of the chain file.
    pub chain_digest: Hash,
    /// `reconciled` if every hop is, and each hop read what the hop before it left.
    pub outcome: LoadOutcome,
    /// The hops, in their order.
    pub hops: Vec<HopReport>,
    /// That each hop read what the hop before it left: a check for each record type, and one for each amount.
    pub handovers: Vec<CheckResult>,
    /// The event of the evidence log that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_head: Option<LogHead>,
}

impl ChainReport {
    /// Whether every hop is reconciled, and nothing happened between two hops.
    #[must_use]
    pub fn outcome_of(hops: &[HopReport], handovers: &[CheckResult]) -> LoadOutcome {
        let is_well = hops.iter().all(|hop| hop.report.outcome == LoadOutcome::Reconciled)
            && handovers.iter().all(|check| check.verdict != Verdict::Fail);
        if is_well { LoadOutcome::Reconciled } else { LoadOutcome::NotReconciled }
    }
}

/// Says of two hops that no one process compared both from beginning to end when each was compared. `None`: one did.
///
/// What is between them was then read once before the chain was resumed and once after it, as of two moments that may
/// lie far apart.
#[must_use]
pub fn apart(before: &HopReport, after: &HopReport) -> Option<String> {
    let process = |hop: &HopReport| hop.taken.map(|taken| taken.process);
    let is_resumed = |hop: &HopReport| !hop.report.resumed.is_empty();
    if process(before) == process(after) && !is_resumed(before) && !is_resumed(after) {
        return None;
    }
    let told = |hop: &HopReport| {
        let (began, ended) = hop.span();
        format!("{} was compared from {} to {}", hop.name, moment(began), moment(ended))
    };
    Some(format!("NOT as of one moment: the chain was resumed; {}, {}", told(before), told(after)))
}

fn moment(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| at_ms.to_string(), |at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// Checks that the hop `after` read what the hop `before` it left.
///
/// The place between them was read twice, by one as its target and by the other as its source: rows and sums must be
/// the same. Record types are brought together by name, or by their order where there are as many on both sides. Where
/// the chain was resumed between both readings, each check says so.
#[must_use]
pub fn handover(before: &HopReport, after: &HopReport, at_ms: i64) -> Vec<CheckResult> {
    let (left, taken) = (&before.report.tables, &after.report.tables);
    let mut checks = Vec::new();
    for (at, table) in left.iter().enumerate() {
        let by_name = taken.iter().find(|other| other.record == table.record);
        let by_order = taken.get(at).filter(|_| left.len() == taken.len());
        let subject = |what: &str| {
            let name = format!("{} → {}, {}: {what}", before.name, after.name, table.record);
            Subject::new(Stage::Target, Invariant::LoadEqual, name)
        };
        match by_name.or(by_order) {
            Some(next) => {
                // Records that were rejected have no type.
                let rejected = if taken.len() == 1 { after.report.rejected } else { 0 };
                checks.extend(of_table((table, next), rejected, &subject, at_ms));
            }
            None => {
                let message = "the next hop compares no record type of this name";
                let mut check = check::count(subject("rows"), table.balance.rows, 0, message, at_ms);
                check.verdict = Verdict::Fail;
                checks.push(check);
            }
        }
    }
    if let Some(apart) = apart(before, after) {
        checks.iter_mut().for_each(|check| check.message = format!("{}; {apart}", check.message));
    }
    checks
}

fn of_table(
    (table, next): (&ComparedTable, &ComparedTable),
    rejected: u64,
    subject: &dyn Fn(&str) -> Subject,
    at_ms: i64,
) -> Vec<CheckResult> {
    let (left, taken) = (&table.balance, &next.balance);
    let message = "rows that the hop left = records that the next one read";
    let mut rows = check::count(subject("rows"), left.rows, taken.accepted + rejected, message, at_ms);
    if left.allowed > 0 {
        // The next hop's filter may leave the rows of other loads out.
        let own = left.rows - left.allowed;
        let read = taken.accepted + rejected;
        rows.message =
            format!("{message}; {} of them are of other loads, which may be left out", left.allowed);
        if (own..=left.rows).contains(&read) {
            rows.verdict = Verdict::Pass;
        }
    }
    let mut checks = vec![rows];
    for amount in &table.amounts {
        let other = next.amounts.iter().find(|other| other.field == amount.field);
        // Sums are over the same rows only where no record was replaced by a later one, rejected, or of another load.
        let is_comparable = taken.merged == 0 && rejected == 0 && left.allowed == 0 && amount.not_summed == 0;
        if let (Some(sum), Some(other), true) = (amount.target, other, is_comparable) {
            let message = "the sum that the hop left = the sum that the next one read";
            let name = format!("sum of {}", amount.field);
            checks.push(check::amount_total(subject(&name), sum, other.source, message, at_ms));
        }
    }
    checks
}
