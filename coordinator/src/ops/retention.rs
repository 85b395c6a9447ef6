//! Retention: what would go, what stays and why, and removing it.

use std::collections::{HashMap, HashSet};

use domain::event::Event;
use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::lifecycle::RunState;
use domain::retention::{Because, Fate, Part, Parts, Policy, RunFacts, Size, Why, fate, hindrance};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use store::model::Run;
use store::{RunFilter, Store, StoreError, stored_job};

use super::OpsError;
use super::resend::can_be_resent;
use crate::context::coordinator::Coordinator;
use crate::report::summary::{Summary, books};

/// Who the log says removed rows, besides the actor: it is not an operator who chose the run.
const BY: &str = "retention";

/// What goes of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Going {
    /// The id of the run, which other commands take.
    pub run_id: RunId,
    /// The job's name.
    pub job: String,
    /// When the run ended, in milliseconds since 1970.
    pub ended_at_ms: Option<i64>,
    /// Which parts go.
    pub parts: Vec<Part>,
    /// Whether the run itself goes: it has nothing in final, and the log alone will name it.
    pub forgotten: bool,
    /// Why they go.
    pub because: Because,
    /// How many rows the ledger says it has in staging and among the rejects, of the parts that go.
    pub rows: u64,
    /// From how many bytes of the source its staging rows and rejects were made.
    pub source_bytes: u64,
}

/// What is due of a run, and stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeptRun {
    /// The id of the run, which other commands take.
    pub run_id: RunId,
    /// The job's name.
    pub job: String,
    /// Which parts stay.
    pub parts: Vec<Part>,
    /// The reason.
    pub why: Why,
    /// The reason in words, and what to do about it.
    pub said: &'static str,
}

/// What retention would remove, and what not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RetentionPlan {
    /// What goes of which runs, the oldest first.
    pub goes: Vec<Going>,
    /// What is due and kept.
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

/// When something of the run was removed last, and by what; `None` if nothing was.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn removed(store: &dyn Store, run: &Run) -> Result<Option<Removed>, StoreError> {
    const PAGE: u32 = 1000;
    if run.removed.is_empty() {
        return Ok(None);
    }
    let says_so = |event: &&Event| {
        [EventKind::Purged, EventKind::PartsRemoved].map(EventKind::name).contains(&&*event.entry.kind)
    };
    let (mut after, mut last) = (0, None);
    loop {
        let events = store.run_events(run.run_id, after, PAGE).await?;
        let Some(end) = events.last() else { return Ok(last) };
        after = end.seq;
        for event in events.iter().filter(says_so) {
            let detail: Value = serde_json::from_str(&event.entry.detail).unwrap_or_default();
            last = Some(Removed { at_ms: event.entry.at_ms, by_retention: detail["by"] == BY });
        }
    }
}

/// Says in words what of a run was removed; `None` if nothing was.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn removed_said(store: &dyn Store, run: &Run) -> Result<Option<String>, StoreError> {
    Ok(removed(store, run).await?.map(|removed| {
        let by = if removed.by_retention { "retention" } else { "an operator (purge)" };
        let when = platform::clock::iso(removed.at_ms);
        format!("{} were removed by {by} on {when}; counts and checks are the verdict's", words(run.removed))
    }))
}

/// Parts in words: `staging rows, rejects and findings`.
fn words(parts: Parts) -> String {
    let word = |part| match part {
        Part::Staging => "staging rows",
        Part::Rejects => "rejects",
        Part::Reports => "findings",
        Part::Runs => "chunks and workers' counts",
    };
    let words: Vec<_> = parts.list().into_iter().map(word).collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Plans what goes of all runs by `policy`.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn plan(store: &dyn Store, policy: &Policy, now_ms: i64) -> Result<RetentionPlan, StoreError> {
    let runs = store.runs(&RunFilter::default(), u32::MAX).await?;
    let mut plan = RetentionPlan::default();
    let (mut newer, mut promoted) = (HashMap::new(), HashSet::new());
    // What stays in staging, the newest first.
    let mut staged = Vec::new();
    // The newest come first, so that the first of a job is its last.
    for run in &runs {
        let before: &mut u64 = newer.entry(run.job.as_str()).or_default();
        let mut facts = RunFacts {
            run_id: run.run_id,
            state: run.state,
            opened_at_ms: run.opened_at_ms,
            ended_at_ms: run.ended_at_ms,
            // A run that was removed half-way is still there: all of it is to go.
            removed: if run.removed.has(Part::Runs) && run.state != RunState::Promoted {
                Parts::NONE
            } else {
                run.removed
            },
            newer: *before,
            is_last_promoted: run.state == RunState::Promoted && promoted.insert(run.job.as_str()),
            held: Some(0),
            open_rejects: Some(0),
        };
        *before += 1;
        // Only of a run of which something would go otherwise is its summary read.
        let goes = |facts: &RunFacts| {
            Part::ALL.iter().any(|part| matches!(fate(facts, *part, policy, now_ms), Fate::Goes(_)))
        };
        if goes(&facts) {
            (facts.held, facts.open_rejects) = needed(store, run).await?;
        }
        let gone = decide(store, run, &facts, (policy, now_ms), &mut plan).await?;
        if policy.staging_bytes.is_some() && !run.removed.and(gone).has(Part::Staging) {
            staged.push((run, facts));
        }
    }
    plan.goes.reverse();
    plan.kept.reverse();
    if let Some(limit) = policy.staging_bytes {
        shrink(store, &mut plan, &staged, limit).await?;
    }
    Ok(plan)
}

/// What goes of one run by age and number: it and what is kept are added to the plan.
async fn decide(
    store: &dyn Store,
    run: &Run,
    facts: &RunFacts,
    (policy, now_ms): (&Policy, i64),
    plan: &mut RetentionPlan,
) -> Result<Parts, StoreError> {
    let (mut goes, mut because) = (Parts::NONE, Because::Age);
    let mut kept: Vec<(Why, Parts)> = Vec::new();
    for part in Part::ALL {
        match fate(facts, *part, policy, now_ms) {
            Fate::Stays => {}
            Fate::Goes(why) => (goes, because) = (goes.with(*part), why),
            Fate::Kept(why) => match kept.iter_mut().find(|(of, _)| *of == why) {
                Some((_, parts)) => *parts = parts.with(*part),
                None => kept.push((why, Parts::NONE.with(*part))),
            },
        }
    }
    // Chunks go last: with them go all rows.
    if goes.has(Part::Runs) {
        goes = Parts::ALL.without(facts.removed);
    }
    if !goes.is_empty() {
        plan.goes.push(going(store, run, goes, because).await?);
    }
    plan.kept.extend(kept.into_iter().map(|(why, parts)| kept_run(run, parts, why)));
    Ok(goes)
}

async fn going(store: &dyn Store, run: &Run, parts: Parts, because: Because) -> Result<Going, StoreError> {
    let totals = store.counted(run.run_id).await?.totals;
    let rows = |part, rows| if parts.has(part) { rows } else { 0 };
    Ok(Going {
        run_id: run.run_id,
        job: run.job.clone(),
        ended_at_ms: run.ended_at_ms,
        parts: parts.list(),
        forgotten: parts.has(Part::Runs) && run.state != RunState::Promoted,
        because,
        rows: rows(Part::Staging, totals.accepted) + rows(Part::Rejects, totals.rejected),
        source_bytes: totals.bytes,
    })
}

fn kept_run(run: &Run, parts: Parts, why: Why) -> KeptRun {
    KeptRun { run_id: run.run_id, job: run.job.clone(), parts: parts.list(), why, said: why.name() }
}

/// Bytes of the source from which the run's staging rows are.
fn staged_bytes(run: &Run) -> u64 {
    run.split.map(|split| split.bytes).or(run.source_bytes).unwrap_or(0)
}

/// Of what stays in staging the oldest goes, until the rest is as small as it must be. `staged` has the newest first.
async fn shrink(
    store: &dyn Store,
    plan: &mut RetentionPlan,
    staged: &[(&Run, RunFacts)],
    limit: Size,
) -> Result<(), StoreError> {
    let mut bytes: u64 = staged.iter().map(|(run, _)| staged_bytes(run)).fold(0, u64::saturating_add);
    for (run, facts) in staged.iter().rev() {
        if bytes <= limit.bytes() {
            break;
        }
        let (held, open_rejects) = needed(store, run).await?;
        let part = Parts::NONE.with(Part::Staging);
        if let Some(why) = hindrance(&RunFacts { held, open_rejects, ..*facts }, Part::Staging) {
            // It may be named already: then it is due by its age as well.
            if !plan.kept.iter().any(|kept| kept.run_id == run.run_id && kept.parts.contains(&Part::Staging))
            {
                plan.kept.push(kept_run(run, part, why));
            }
            continue;
        }
        bytes = bytes.saturating_sub(staged_bytes(run));
        match plan.goes.iter_mut().find(|going| going.run_id == run.run_id) {
            Some(going) => {
                let parts = going.parts.iter().copied().collect::<Parts>().and(part);
                *going = self::going(store, run, parts, Because::Size).await?;
            }
            None => plan.goes.push(going(store, run, part, Because::Size).await?),
        }
    }
    // Ids rise with the time at which runs are opened.
    plan.goes.sort_by_key(|going| going.run_id.to_string());
    Ok(())
}

/// How many of a promoted run's records a rule holds back, and how many of its rejects can still be resent, or are
/// being resent; `None` if its summary does not say. No run but a promoted one has either.
async fn needed(store: &dyn Store, run: &Run) -> Result<(Option<u64>, Option<u64>), StoreError> {
    if run.state != RunState::Promoted {
        return Ok((Some(0), Some(0)));
    }
    let summary = store.checks(run.run_id).await?.summary;
    let Some(summary) = summary.and_then(|text| serde_json::from_str::<Summary>(&text).ok()) else {
        return Ok((None, None));
    };
    // A job that this version does not understand may be one whose rejects can be resent.
    let job = stored_job(store, &run.job_digest).await;
    let open = match job.is_ok_and(|job| can_be_resent(&job).is_err()) || run.removed.has(Part::Rejects) {
        true => 0,
        false => {
            let books = books(store, run.run_id, summary.balance.rejected).await?;
            books.open + books.under_way
        }
    };
    Ok((Some(summary.balance.held), Some(open)))
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
            match self.retain_one(going, reason).await {
                Ok(()) => gone.push(going.clone()),
                Err(
                    error @ (OpsError::WrongState { .. }
                    | OpsError::Refused { .. }
                    | OpsError::Store(
                        StoreError::LeaseHeld { .. }
                        | StoreError::Fenced { .. }
                        | StoreError::Kept { .. }
                        | StoreError::RunRemoved { .. },
                    )),
                ) => tracing::warn!(run_id = %going.run_id, %error, "retention leaves a run as it is"),
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }

    async fn retain_one(&self, going: &Going, reason: &str) -> Result<(), OpsError> {
        let parts: Parts = going.parts.iter().copied().collect();
        let mut detail = json!({
            "reason": reason,
            "by": BY,
            "because": going.because,
            "parts": going.parts,
            "rows": going.rows,
            "source_bytes": going.source_bytes,
        });
        if !going.forgotten {
            return self.remove_noting(going.run_id, parts, Some(reason), &detail).await.map(drop);
        }
        let counted = self.store.counted(going.run_id).await?;
        let run = counted.run;
        let was = json!({
            "job": run.job,
            "job_digest": run.job_digest,
            "state": run.state,
            "source_sha256": run.split_sha256.or(run.source_sha256),
            "opened_at_ms": run.opened_at_ms,
            "ended_at_ms": run.ended_at_ms,
            "records": counted.totals.records,
            "accepted": counted.totals.accepted,
            "rejected": counted.totals.rejected,
        });
        if let (Some(detail), Value::Object(was)) = (detail.as_object_mut(), was) {
            detail.extend(was);
        }
        self.forget_noting(&run, reason, &detail).await?;
        Ok(())
    }
}
