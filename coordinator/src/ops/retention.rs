//! Retention: what would go, what stays and why, and removing it.

use std::collections::HashSet;

use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::retention::{Age, Fate, RunFacts, Why, fate};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use store::model::Run;
use store::{RunFilter, Store, StoreError};

use super::OpsError;
use crate::context::coordinator::Coordinator;
use crate::report::summary::Summary;

/// Who the log says removed rows, besides the actor: it is not an operator who chose the run.
const BY: &str = "retention";

/// A run whose staging rows and rejects go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Going {
    /// The id of the run, which other commands take.
    pub run_id: RunId,
    /// The job's name.
    pub job: String,
    /// When the run ended, in milliseconds since 1970.
    pub ended_at_ms: Option<i64>,
    /// How many rows the ledger says it has in staging and among the rejects.
    pub rows: u64,
    /// From how many bytes of the source they were made.
    pub source_bytes: u64,
}

/// An old run whose rows stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeptRun {
    /// The id of the run, which other commands take.
    pub run_id: RunId,
    /// The job's name.
    pub job: String,
    /// The reason.
    pub why: Why,
    /// The reason in words, and what to do about it.
    pub said: &'static str,
}

/// What retention would remove, and what not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RetentionPlan {
    /// Runs whose rows go, the oldest first.
    pub goes: Vec<Going>,
    /// Runs that are old enough, and whose rows are kept.
    pub kept: Vec<KeptRun>,
}

/// How rows of a run were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whether retention removed them; an operator did otherwise.
    pub by_retention: bool,
}

/// When the run's rows were removed, and by what; `None` if they were not.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn removed(store: &dyn Store, run: &Run) -> Result<Option<Removed>, StoreError> {
    const PAGE: u32 = 1000;
    if !run.purged {
        return Ok(None);
    }
    let (mut after, mut last) = (0, None);
    loop {
        let events = store.run_events(run.run_id, after, PAGE).await?;
        let Some(end) = events.last() else { return Ok(last) };
        after = end.seq;
        for event in events.iter().filter(|event| event.entry.kind == EventKind::Purged.name()) {
            let detail: Value = serde_json::from_str(&event.entry.detail).unwrap_or_default();
            last = Some(Removed { at_ms: event.entry.at_ms, by_retention: detail["by"] == BY });
        }
    }
}

/// Says in words that the rows of a run were removed; `None` if they were not.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn removed_said(store: &dyn Store, run: &Run) -> Result<Option<String>, StoreError> {
    Ok(removed(store, run).await?.map(|removed| {
        let by = if removed.by_retention { "retention" } else { "an operator (purge)" };
        let when = platform::clock::iso(removed.at_ms);
        format!("staging rows, rejects and findings were removed by {by} on {when}; counts and checks are the verdict's")
    }))
}

/// Plans what goes of all runs if rows are kept for `age`.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn plan(store: &dyn Store, age: Age, now_ms: i64) -> Result<RetentionPlan, StoreError> {
    let runs = store.runs(&RunFilter::default(), u32::MAX).await?;
    let (mut seen, mut promoted) = (HashSet::new(), HashSet::new());
    let mut plan = RetentionPlan { goes: Vec::new(), kept: Vec::new() };
    // The newest come first, so that the first of a job is its last.
    for run in &runs {
        let mut facts = RunFacts {
            run_id: run.run_id,
            state: run.state,
            opened_at_ms: run.opened_at_ms,
            ended_at_ms: run.ended_at_ms,
            is_purged: run.purged,
            is_last: seen.insert(run.job.as_str()),
            is_last_promoted: run.state == RunState::Promoted && promoted.insert(run.job.as_str()),
            held: Some(0),
        };
        // Only of a run that would go otherwise is its summary read.
        if fate(&facts, age, now_ms) == Fate::Goes {
            facts.held = held(store, run).await?;
        }
        match fate(&facts, age, now_ms) {
            Fate::Stays => {}
            Fate::Kept(why) => {
                plan.kept.push(KeptRun { run_id: run.run_id, job: run.job.clone(), why, said: why.name() });
            }
            Fate::Goes => {
                let totals = store.counted(run.run_id).await?.totals;
                plan.goes.push(Going {
                    run_id: run.run_id,
                    job: run.job.clone(),
                    ended_at_ms: run.ended_at_ms,
                    rows: totals.accepted + totals.rejected,
                    source_bytes: totals.bytes,
                });
            }
        }
    }
    plan.goes.reverse();
    plan.kept.reverse();
    Ok(plan)
}

/// How many of the run's records a rule holds back; `None` if its summary does not say.
async fn held(store: &dyn Store, run: &Run) -> Result<Option<u64>, StoreError> {
    let summary = store.checks(run.run_id).await?.summary;
    let summary = summary.and_then(|text| serde_json::from_str::<Summary>(&text).ok());
    Ok(summary.map(|summary| summary.balance.held))
}

impl Coordinator {
    /// Removes what `plan` says, run by run, each with an event of the log. Returns those that are gone; a run that
    /// someone else holds, or that changed meanwhile, stays.
    ///
    /// # Errors
    /// [`OpsError`] of the store.
    pub async fn retain(&self, plan: &RetentionPlan, reason: &str) -> Result<Vec<Going>, OpsError> {
        let mut gone = Vec::new();
        for going in &plan.goes {
            let detail = json!({
                "reason": reason,
                "by": BY,
                "rows": going.rows,
                "source_bytes": going.source_bytes,
            });
            match self.purge_noting(going.run_id, Some(reason), &detail).await {
                Ok(_) => gone.push(going.clone()),
                Err(
                    error @ (OpsError::WrongState { .. }
                    | OpsError::Refused { .. }
                    | OpsError::Store(StoreError::LeaseHeld { .. } | StoreError::Fenced { .. })),
                ) => tracing::warn!(run_id = %going.run_id, %error, "retention leaves a run as it is"),
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }
}
