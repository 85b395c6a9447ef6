//! Notifies others of a run's outcome.

use std::sync::Arc;

use domain::check::Verdict;
use domain::event_kind::EventKind;
use domain::fingerprint::Hash;
use domain::ids::RunId;
use domain::report::{CheckCounts, LogHead, Outcome, Report};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::context::coordinator::Coordinator;
use crate::report::summary;

/// What a webhook or a command receives about a run: figures and names, no content of any record.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Notification<'a> {
    /// The version of Crossfoot that reached the verdict.
    crossfoot: &'static str,
    /// The id of the run that reached a verdict.
    run_id: &'a str,
    /// The name of the run's job.
    job: &'a str,
    /// The outcome of the run.
    outcome: Outcome,
    /// Records in the source, rejects included, as `runs` counts them; null until the source is split.
    records: Option<u64>,
    /// How many of them were rejected; null until the run is reconciled.
    rejected: Option<u64>,
    /// The fingerprint at the last level that was totalled.
    fingerprint: Option<Hash>,
    /// How many checks had each verdict.
    checks: CheckCounts,
    /// The names of the checks that failed.
    failed: Vec<&'a str>,
    /// What kept the run from its end, if something did.
    why: Option<&'a str>,
    /// When the run was opened: milliseconds since 1970, UTC.
    opened_at_ms: i64,
    /// Time spent by coordinators, in milliseconds.
    elapsed_ms: u64,
    /// The head of the evidence log when the run ended: `EVENT:HASH`.
    log_head: Option<String>,
}

impl<'a> Notification<'a> {
    fn of(report: &'a Report, records: Option<u64>, outcome: Outcome, why: Option<&'a str>) -> Self {
        let failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail);
        let level = report.levels.last();
        Self {
            crossfoot: env!("CARGO_PKG_VERSION"),
            run_id: &report.run_id,
            job: &report.job,
            outcome,
            records,
            rejected: report.balance.map(|balance| balance.rejected),
            fingerprint: level.and_then(|level| level.fingerprint),
            checks: report.counts,
            failed: failed.map(|check| check.name.as_str()).collect(),
            why,
            opened_at_ms: report.opened_at_ms,
            elapsed_ms: report.elapsed_ms,
            log_head: report.log_head.map(LogHead::parts).map(|(seq, hash)| format!("{seq}:{hash}")),
        }
    }
}

impl Coordinator {
    /// Notifies others of a run's outcome. `why`: what kept it from its end, if something did.
    pub async fn notify(&self, run_id: RunId, why: Option<&str>) {
        let notify = &self.notify;
        if notify.webhook.is_none() && notify.command.is_empty() {
            return;
        }
        let known = match summary::report(&*self.store, run_id).await {
            Ok(report) => {
                self.store.run(run_id).await.map(|run| (report, run.split.map(|split| split.records)))
            }
            Err(error) => Err(error),
        };
        let (report, records) = match known {
            Ok(known) => known,
            Err(error) => return self.unheard(run_id, "both", &error.to_string()).await,
        };
        let outcome = if why.is_some() { Outcome::Unfinished } else { report.outcome };
        if !notify.is_asked_for(outcome) {
            return;
        }
        let told = json!(Notification::of(&report, records, outcome, why));
        let (body, word) = (told.to_string(), told["outcome"].as_str().unwrap_or_default());
        if let Some(url) = &notify.webhook
            && let Err(error) = Arc::clone(notify).webhook(url.clone(), body.clone()).await
        {
            self.unheard(run_id, "webhook", &error.to_string()).await;
        }
        if let Err(error) = notify.command(run_id, word, &report.job, &body).await {
            self.unheard(run_id, "command", &error.to_string()).await;
        }
    }

    /// A hook failed: said, and noted.
    async fn unheard(&self, run_id: RunId, hook: &'static str, reason: &str) {
        tracing::warn!(%run_id, hook, reason, "cannot send the notification of the verdict");
        let detail = json!({ "hook": hook, "reason": reason });
        if let Err(error) = self.store.log(self.entry(run_id, EventKind::NotificationFailed, &detail)).await {
            tracing::warn!(%run_id, %error, "cannot log the failure either");
        }
    }
}
