//! The coordinator's state: what every step of a run works with, and what every step writes into the evidence log.

use std::sync::Arc;

use domain::checkpoint::Checkpoint;
use domain::event::Entry as LogEntry;
use domain::event_kind::EventKind;
use domain::ids::RunId;
use domain::travel::Travel;
use job::decoders::Decoders;
use platform::clock::Clock;
use post::Post;
use serde_json::json;
use store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::context::actor::ActorContext;
use crate::context::checkpoints::Checkpoints;
use crate::context::notify::Notify;
use crate::load::collector::ReportCollector;
use crate::load::window::{Shares, WindowLimits};
use crate::metrics::CoordinatorMetrics;
use crate::progress::{Phase, Snapshot};

/// One coordinator: what it works with.
#[derive(Clone)]
pub struct Coordinator {
    /// Where chunks go and counts come from, sealed.
    pub post: Arc<Post>,
    /// The ledger and the tables.
    pub store: Arc<dyn Store>,
    /// The clock that all times and durations are taken from.
    pub clock: Arc<dyn Clock>,
    /// Who runs it: `operator@host`.
    pub actor: String,
    /// What else the log records about the person or process that runs it.
    pub actor_context: ActorContext,
    /// Where the log's head is noted outside of the store.
    pub checkpoints: Arc<Checkpoints>,
    /// The host, for telling whether another coordinator of this machine is alive.
    pub host: String,
    /// How much may be in flight, over all runs.
    pub window: WindowLimits,
    /// How the bytes of chunks reach the workers.
    pub travel: Travel,
    /// Who shares it: every run that this coordinator drives.
    pub shares: Shares,
    /// What its runs' workers report.
    pub collector: Arc<ReportCollector>,
    /// Who is notified of verdicts, and how.
    pub notify: Arc<Notify>,
    /// Where the live view of the run in progress is published.
    pub watch: watch::Sender<Snapshot>,
    /// What it counts for monitoring systems.
    pub metrics: CoordinatorMetrics,
    /// What makes the decoders of the chunks that it decodes itself.
    pub decoders: Decoders,
    /// Cancelled when the coordinator must stop.
    pub stop: CancellationToken,
}

impl Coordinator {
    pub(crate) fn new_run_id(&self) -> RunId {
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        let (seconds, rest) = (now_ms / 1000, u32::try_from(now_ms % 1000).unwrap_or(0));
        let at = uuid::Timestamp::from_unix(uuid::NoContext, seconds, rest * 1_000_000);
        uuid::Uuid::new_v7(at).into()
    }

    pub(crate) fn entry(&self, run_id: RunId, kind: EventKind, detail: &serde_json::Value) -> LogEntry {
        LogEntry { run_id: Some(run_id.to_string()), ..self.entry_of_no_run(kind, detail) }
    }

    /// An event of the store itself, with who acts and by which command.
    #[must_use]
    pub fn entry_of_no_run(&self, kind: EventKind, detail: &serde_json::Value) -> LogEntry {
        let mut whole = self.actor_context.detail();
        if let Some(detail) = detail.as_object() {
            whole.extend(detail.clone());
        }
        LogEntry {
            run_id: None,
            at_ms: self.clock.now_ms(),
            kind: kind.into(),
            actor: self.actor.clone(),
            detail: serde_json::Value::Object(whole).to_string(),
        }
    }

    pub(crate) fn phase(&self, phase: Phase, of: u64) {
        self.watch.send_modify(|now| {
            now.phase = phase;
            now.done = 0;
            now.of = of;
        });
    }

    /// Notes the log's head outside of the store, after `what` was decided or done. That it could not be noted is
    /// said on the terminal and in the log, and changes nothing for the run.
    pub async fn checkpoint(&self, run_id: RunId, what: &str) {
        if self.checkpoints.is_off() {
            return;
        }
        let head = match self.store.log_head().await {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%run_id, what, %error, "no checkpoint: cannot read the log's head");
                return;
            }
        };
        let checkpoint = Checkpoint {
            at: platform::clock::iso(self.clock.now_ms()),
            store: self.checkpoints.store.clone(),
            head,
            run: Some(run_id.to_string()),
            what: what.into(),
            by: self.actor.clone(),
        };
        let checkpoints = Arc::clone(&self.checkpoints);
        let written = platform::inline::run(move || checkpoints.write(&checkpoint)).await;
        let failures = written.unwrap_or_else(|error| vec![error.to_string()]);
        for reason in failures {
            tracing::warn!(%run_id, what, reason, %head, "cannot write the checkpoint; note its head elsewhere");
            let detail = json!({ "what": what, "head": head.to_string(), "reason": reason });
            if let Err(error) = self.store.log(self.entry(run_id, EventKind::CheckpointFailed, &detail)).await
            {
                tracing::warn!(%run_id, %error, "cannot log the failure either");
            }
        }
    }
}
