//! What every request works with.

use std::sync::Arc;

use async_trait::async_trait;
use coordinator::Coordinator;
use coordinator::context::actor::ActorContext;
use coordinator::run::Drive;
use domain::ids::RunId;
use schemars::JsonSchema;
use serde::Serialize;
use store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::access::{Access, Who};
use crate::pulse::Pulse;

/// What every request works with: the store, and the process that the console is part of.
pub struct Desk {
    /// The ledger and the tables.
    pub store: Arc<dyn Store>,
    /// A coordinator for what needs only the store. Its operator is replaced by whoever asks.
    pub coordinator: Coordinator,
    /// Who drives runs, and knows the broker.
    pub driver: Arc<dyn Driver>,
    /// Who may do what.
    pub access: Access,
    /// What is new, for those who watch.
    pub pulse: Arc<Pulse>,
    /// Why the fleet may have no processes of its own; `None` if processes share a broker.
    pub fleet_note: Option<String>,
    /// Whether nothing may be done with runs, by anyone.
    pub is_read_only: bool,
    /// Cancelled when the console must end.
    pub stop: CancellationToken,
}

/// An operator on whose behalf something is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// The operator: `name@host`.
    pub actor: String,
    /// What else the log records.
    pub context: ActorContext,
}

/// A coordinator that is ready to drive a run, and what starts it.
pub struct Ready {
    /// The coordinator, connected to the broker.
    pub coordinator: Coordinator,
    /// Drives the run in the background.
    pub start: Box<dyn FnOnce(Coordinator, RunId, Drive) + Send>,
}

/// How many messages wait in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct QueueDepth {
    /// The queue's name in the broker.
    pub queue: &'static str,
    /// How many messages wait in it, those in hand not counted.
    pub messages: usize,
}

/// What the console needs of the process that it is part of.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Whether runs can be driven from here.
    ///
    /// # Errors
    /// In words, why not, and what to do instead.
    fn drives(&self) -> Result<(), &str>;
    /// Gets ready to drive a run for an operator.
    ///
    /// # Errors
    /// In words, why it cannot.
    async fn ready(&self, acting: &Acting) -> Result<Ready, String>;
    /// How many messages wait in each queue.
    ///
    /// # Errors
    /// In words, why that is not known.
    async fn queues(&self) -> Result<Vec<QueueDepth>, String>;
}

impl Desk {
    /// Who `who` is in the evidence log, when they do `what`.
    #[must_use]
    pub fn acting(&self, who: &Who, what: &str) -> Acting {
        Acting {
            actor: format!("{}@{}", who.name, self.coordinator.host),
            context: ActorContext {
                os_user: who.os_user.clone(),
                command: Some(match &who.vouched_by {
                    None => format!("console: {what}"),
                    Some(by) => format!("console: {what} ({by})"),
                }),
            },
        }
    }

    /// A coordinator that acts for an operator, without a broker.
    #[must_use]
    pub fn coordinator_for(&self, acting: &Acting) -> Coordinator {
        Coordinator {
            actor: acting.actor.clone(),
            actor_context: acting.context.clone(),
            watch: watch::channel(coordinator::progress::Snapshot::default()).0,
            ..self.coordinator.clone()
        }
    }
}
