//! What a reconciliation leaves for the report, besides its checks; and the report made of it.

use std::collections::BTreeMap;

use domain::balance::{AmountBalance, Balance};
use domain::bytes::ByteBalance;
use domain::cause::LeadingCause;
use domain::counts::WorkerShare;
use domain::ids::RunId;
use domain::layout::Layout;
use domain::lease::Holder;
use domain::lifecycle::RunState;
use domain::report::{CheckCounts, LevelTotals, LogHead, Outcome, RejectGroup, Report, SourceSummary};
use domain::resend::{RejectBooks, Resend};
use domain::retention::Part;
use domain::round_trip::DecodeProofReport;
use domain::table::TableName;
use job::Job;
use job::advice::keys_for;
use serde::{Deserialize, Serialize};
use store::model::{FindingPage, KeptChecks, Run};
use store::{Store, StoreError, stored_job};

use crate::context::lease::driver;

/// The version of the report's shape.
pub const REPORT_VERSION: u32 = 2;

/// Findings that a report shows; `crossfoot explain` shows all.
const FINDINGS_SHOWN: u32 = 20;

/// Everything the report shows that is not a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Control totals at source, staging and, once promoted, final.
    pub levels: Vec<LevelTotals>,
    /// Where the records went.
    pub balance: Balance,
    /// Where the source's bytes went; `None` if a version before 0.2.0 reconciled the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<ByteBalance>,
    /// What encoding the accepted records came to; `None` if a version before 0.2.0 reconciled the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode_proof: Option<DecodeProofReport>,
    /// Where the amounts went.
    pub amounts: Vec<AmountBalance>,
    /// What each worker did for the run, in three counts.
    pub workers: Vec<WorkerShare>,
    /// Rejects by field and kind of fault.
    pub rejects: Vec<RejectGroup>,
    /// The sequence numbers that the source declares, for the next run to follow.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sequences: BTreeMap<String, String>,
}

impl Summary {
    /// The summary as the store keeps it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], which would be a bug.
    pub fn to_json(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::Damaged { what: error.to_string() })
    }
}

/// The report of a run, from what the store keeps of it.
///
/// # Errors
/// [`StoreError`] of the database, or when what it keeps does not make sense.
pub async fn report(store: &dyn Store, run_id: RunId) -> Result<Report, StoreError> {
    let run = store.run(run_id).await?;
    let job = stored_job(store, &run.job_digest).await?;
    let KeptChecks { checks, summary } = store.checks(run_id).await?;
    let summary = parsed(run_id, summary)?;
    let workers = match &summary {
        Some(summary) => summary.workers.clone(),
        None => store.worker_shares(run_id, &job).await?,
    };
    let FindingPage { mut findings, total: mut findings_total } =
        store.findings(run_id, 0, FINDINGS_SHOWN).await?;
    if !run.removed.has(Part::Reports) {
        let breaches = store.breaches(run_id, &job, 0, FINDINGS_SHOWN).await?;
        findings_total += breaches.total;
        let room = FINDINGS_SHOWN as usize - findings.len();
        findings.extend(breaches.findings.into_iter().take(room));
    }
    let head = store.log_head().await?;
    let driven_by = driver(store, &run).await?.map(|owner| Holder::of(&owner).to_string());
    let counts = CheckCounts::of(&checks);
    let keys = |code| keys_for(code, &job.format.form).iter().map(|key| (*key).to_owned()).collect();
    let leading_cause = summary
        .as_ref()
        .and_then(|summary| LeadingCause::of(&summary.rejects, summary.balance.records, keys));
    let rejects = summary.as_ref().map_or(0, |summary| summary.balance.rejected);
    let resent = books(store, run_id, rejects).await?;
    Ok(Report {
        resends: run.resends.map(|first| first.to_string()),
        resent: Some(resent).filter(|books| !books.runs.is_empty()),
        report_version: REPORT_VERSION,
        crossfoot_version: env!("CARGO_PKG_VERSION").into(),
        run_id: run_id.to_string(),
        job: run.job.clone(),
        job_digest: run.job_digest,
        state: run.state,
        outcome: Outcome::of(run.state),
        note: note(&run, driven_by.as_deref(), leading_cause.as_ref()),
        driven_by,
        source: source(&run),
        staging_table: names(&job, |layout| &layout.staging),
        final_table: names(&job, |layout| &layout.final_table.name),
        opened_at_ms: run.opened_at_ms,
        ended_at_ms: run.ended_at_ms,
        elapsed_ms: run.elapsed_ms,
        counts,
        success_rate: counts.success_rate(),
        all_passed: counts.all_passed(),
        checks,
        amount_names: job.amount_names(),
        levels: summary.as_ref().map(|summary| summary.levels.clone()).unwrap_or_default(),
        balance: summary.as_ref().map(|summary| summary.balance),
        bytes: summary.as_ref().and_then(|summary| summary.bytes.clone()),
        decode_proof: summary.as_ref().and_then(|summary| summary.decode_proof.clone()),
        amounts: summary.as_ref().map(|summary| summary.amounts.clone()).unwrap_or_default(),
        workers,
        rejects: summary.map(|summary| summary.rejects).unwrap_or_default(),
        leading_cause,
        findings,
        findings_total,
        log_head: head.map(|head| LogHead::Named { seq: head.seq, hash: head.hash }),
    })
}

fn parsed(run_id: RunId, summary: Option<String>) -> Result<Option<Summary>, StoreError> {
    let parsed = summary.map(|text| serde_json::from_str(&text)).transpose();
    parsed.map_err(|error| damaged(format!("summary of run {run_id}: {error}")))
}

const fn damaged(what: String) -> StoreError {
    StoreError::Damaged { what }
}

/// What became of a run's rejects, of which there are `rejects`: over the runs that resent them, and those that resent
/// what was rejected again.
///
/// # Errors
/// [`StoreError`] of the database; [`StoreError::Damaged`] when the books do not add up.
pub async fn books(store: &dyn Store, run_id: RunId, rejects: u64) -> Result<RejectBooks, StoreError> {
    let mut runs = Vec::new();
    for (run, records) in store.resends_of(run_id).await? {
        let mut resend = Resend {
            run_id: run.run_id.to_string(),
            state: run.state,
            records,
            in_final: 0,
            kept_out: 0,
            rejected_again: 0,
        };
        let kept = parsed(run.run_id, store.checks(run.run_id).await?.summary)?;
        if let Some(balance) = kept.map(|kept| kept.balance).filter(|_| run.state == RunState::Promoted) {
            let again = Box::pin(books(store, run.run_id, balance.rejected)).await?;
            resend.in_final = balance.to_promote().unwrap_or(0) + again.in_final;
            resend.kept_out = balance.held + balance.merged + again.kept_out;
            resend.rejected_again = balance.rejected.saturating_sub(again.in_final + again.kept_out);
        }
        runs.push(resend);
    }
    RejectBooks::of(rejects, runs).ok_or_else(|| {
        damaged(format!(
            "the runs that resent rejects of run {run_id} carry other records than the ledger says"
        ))
    })
}

/// Why the run stands where it stands: the cause of most rejects comes first, because the rest follows from it.
fn note(run: &Run, driven_by: Option<&str>, leading_cause: Option<&LeadingCause>) -> Option<String> {
    let driven = driven_by.map(|by| format!("{by} is driving the run"));
    let parts: Vec<_> = leading_cause
        .map(LeadingCause::sentence)
        .into_iter()
        .chain(driven.or_else(|| run.note.clone()))
        .collect();
    if parts.is_empty() { None } else { Some(parts.join(". ")) }
}

fn source(run: &Run) -> SourceSummary {
    SourceSummary {
        location: run.source.clone(),
        bytes: run.split.map(|split| split.bytes_on_disk).or(run.source_bytes).unwrap_or(0),
        sha256: run.split_sha256.or(run.source_sha256),
        chunks: run.split.map_or(0, |split| split.chunks),
    }
}

fn names(job: &Job, of: impl Fn(&Layout) -> &TableName) -> String {
    job.layouts().map(|layout| of(layout).to_string()).collect::<Vec<_>>().join(", ")
}
