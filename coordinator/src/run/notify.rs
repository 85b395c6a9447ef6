//! Notifies others of a run's outcome, and of runs that are missing.

use std::sync::Arc;

use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::report::Outcome;
use serde_json::json;

use crate::context::coordinator::Coordinator;
use crate::context::notify::Notify;
use crate::notice::Notification;
use crate::notice::letter::letter;
use crate::report::{consequence, next_step, summary};

impl Coordinator {
    /// Notifies others of a run's outcome. `why`: what kept it from its end, if something did.
    pub async fn notify(&self, run_id: RunId, why: Option<&str>) {
        if self.notify.is_off() {
            return;
        }
        let known = match summary::report(&*self.store, run_id).await {
            Ok(report) => {
                self.store.run(run_id).await.map(|run| (report, run.split.map(|split| split.records)))
            }
            Err(error) => Err(error),
        };
        let (mut report, records) = match known {
            Ok(known) => known,
            Err(error) => return self.unheard(run_id, "all", &error.to_string()).await,
        };
        if why.is_some() {
            report.outcome = Outcome::Unfinished;
        }
        let told = Notification {
            consequence: consequence(&report),
            next_step: next_step(&report),
            ..Notification::of_run(&report, records, why)
        };
        self.tell(run_id, &told).await;
    }

    /// Sends a notification by every hook, if it is asked for.
    pub(crate) async fn tell(&self, run_id: RunId, told: &Notification<'_>) {
        let notify = &self.notify;
        if notify.is_off() || !notify.is_asked_for(told.outcome) {
            return;
        }
        // A hook that hangs does not keep another from its turn.
        let webhook = async {
            let Some(url) = &notify.webhook else { return Ok(()) };
            Arc::clone(notify).webhook(url.clone(), notify.shape.body(told)).await
        };
        let command = async {
            let body = json!(told).to_string();
            notify.command(run_id, told.outcome.name(), told.job, &body).await
        };
        let email = Notify::email(Arc::clone(notify), letter(told));
        let (webhook, command, email) = tokio::join!(webhook, command, email);
        for (hook, sent) in [("webhook", webhook), ("command", command), ("email", email)] {
            if let Err(error) = sent {
                self.unheard(run_id, hook, &error.to_string()).await;
            }
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
