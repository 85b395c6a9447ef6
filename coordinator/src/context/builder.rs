//! Builds a coordinator from a post and an actor; everything else has a default.

use std::sync::Arc;

use domain::travel::Travel;
use job::decoders::Decoders;
use post::Post;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::context::actor::ActorContext;
use crate::context::checkpoints::Checkpoints;
use crate::context::coordinator::Coordinator;
use crate::context::notify::Notify;
use crate::load::collector::ReportCollector;
use crate::load::window::{Shares, WindowLimits};
use crate::metrics::CoordinatorMetrics;
use crate::progress::Snapshot;

/// Builds a [`Coordinator`] step by step.
pub struct CoordinatorBuilder {
    post: Arc<Post>,
    actor: String,
    actor_context: ActorContext,
    checkpoints: Checkpoints,
    notify: Notify,
    window: WindowLimits,
    travel: Travel,
    decoders: Decoders,
}

impl CoordinatorBuilder {
    /// Begins a coordinator on `post`, and on the post's store and clock, run by `actor` (`operator@host`). By default
    /// it notes the log's head nowhere, notifies nobody, bounds its window by [`WindowLimits::default`], and sends
    /// chunks with their bytes.
    #[must_use]
    pub fn new(post: Arc<Post>, actor: impl Into<String>) -> Self {
        Self {
            post,
            actor: actor.into(),
            actor_context: ActorContext::default(),
            checkpoints: Checkpoints::default(),
            notify: Notify::default(),
            window: WindowLimits::default(),
            travel: Travel::default(),
            decoders: Decoders::default(),
        }
    }

    /// Adds what the log holds of the actor besides the name.
    #[must_use]
    pub fn actor_context(self, actor_context: ActorContext) -> Self {
        Self { actor_context, ..self }
    }

    /// Notes the log's head in these places after every decision.
    #[must_use]
    pub fn checkpoints(self, checkpoints: Checkpoints) -> Self {
        Self { checkpoints, ..self }
    }

    /// Tells these receivers of verdicts.
    #[must_use]
    pub fn notify(self, notify: Notify) -> Self {
        Self { notify, ..self }
    }

    /// Bounds the chunks in flight.
    #[must_use]
    pub fn window(self, window: WindowLimits) -> Self {
        Self { window, ..self }
    }

    /// Hands chunks out so.
    #[must_use]
    pub fn travel(self, travel: Travel) -> Self {
        Self { travel, ..self }
    }

    /// Decodes chunks of its own by these decoders.
    #[must_use]
    pub fn decoders(self, decoders: Decoders) -> Self {
        Self { decoders, ..self }
    }

    /// Builds the coordinator, with a live view that nobody watches yet and a stop signal of its own.
    #[must_use]
    pub fn build(self) -> Coordinator {
        let host = self.actor.rsplit_once('@').map_or("", |(_, host)| host).to_owned();
        Coordinator {
            collector: ReportCollector::new(Arc::clone(&self.post)),
            shares: Shares::default(),
            store: Arc::clone(self.post.store()),
            clock: Arc::clone(self.post.clock()),
            post: self.post,
            actor: self.actor,
            actor_context: self.actor_context,
            checkpoints: Arc::new(self.checkpoints),
            notify: Arc::new(self.notify),
            host,
            window: self.window,
            travel: self.travel,
            metrics: CoordinatorMetrics::default(),
            decoders: self.decoders,
            watch: watch::channel(Snapshot::default()).0,
            stop: CancellationToken::new(),
        }
    }
}
