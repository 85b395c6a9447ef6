//! Telling others what a run has come to.

use std::sync::Arc;

use domain::check::Verdict;
use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::report::{Outcome, Report};
use serde_json::{Value, json};

use crate::context::coordinator::Coordinator;
use crate::report::summary;

impl Coordinator {
    /// Tells others what a run has come to. `why`: what kept it from its end, if something did.
    pub async fn notify(&self, run_id: RunId, why: Option<&str>) {
        let notify = &self.notify;
        if notify.webhook.is_none() && notify.command.is_empty() {
            return;
        }
        let report = match summary::report(&*self.store, run_id).await {
            Ok(report) => report,
            Err(error) => return self.unheard(run_id, "both", &error.to_string()).await,
        };
        let outcome = if why.is_some() { Outcome::Unfinished } else { report.outcome };
        if !notify.is_asked_for(outcome) {
            return;
        }
        let word = word(outcome);
        let body = told(&report, &word, why);
        if let Some(url) = &notify.webhook
            && let Err(error) = Arc::clone(notify).webhook(url.clone(), body.clone()).await
        {
            self.unheard(run_id, "webhook", &error.to_string()).await;
        }
        if let Err(error) = notify.command(run_id, &word, &report.job, &body).await {
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

/// The outcome as machines read it.
fn word(outcome: Outcome) -> String {
    let value = serde_json::to_value(outcome).ok();
    value.as_ref().and_then(Value::as_str).unwrap_or_else(|| outcome.name()).to_owned()
}

/// What is told: figures and names, no content of any record.
fn told(report: &Report, outcome: &str, why: Option<&str>) -> String {
    let failed = report.checks.iter().filter(|check| check.verdict == Verdict::Fail);
    let failed: Vec<_> = failed.map(|check| check.name.as_str()).collect();
    let level = report.levels.last();
    json!({
        "crossfoot": env!("CARGO_PKG_VERSION"),
        "run_id": report.run_id,
        "job": report.job,
        "outcome": outcome,
        "records": level.map(|level| level.records),
        "fingerprint": level.and_then(|level| level.fingerprint),
        "checks": report.counts,
        "failed": failed,
        "why": why,
        "opened_at_ms": report.opened_at_ms,
        "elapsed_ms": report.elapsed_ms,
        "log_head": report.log_head.map(|(seq, hash)| format!("{seq}:{hash}")),
    })
    .to_string()
}
