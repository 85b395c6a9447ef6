//! The fleet of a shadow: a coordinator and workers in this process, on a broker that may be meddled with.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use coordinator::Coordinator;
use coordinator::context::acting::Acting;
use coordinator::load::tally::Tally;
use coordinator::load::window::{Shares, WindowLimits};
use coordinator::progress::Snapshot;
use shared::broker::Broker;
use shared::broker::in_process::{InProcess, Limits};
use shared::clock::SystemClock;
use shared::post::{Post, PostSettings};
use shared::store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use worker::{Fleet, Surroundings};

/// Processors and writers each: two, so that one can be told from the other.
const WORKERS: usize = 2;

/// The broker of a shadow.
pub(crate) fn broker() -> Arc<dyn Broker> {
    Arc::new(InProcess::new(Limits::default()))
}

/// A coordinator as a process of its own would have it.
pub(crate) fn coordinator(store: &Arc<dyn Store>, broker: Arc<dyn Broker>, actor: &str) -> Coordinator {
    let clock = Arc::new(SystemClock);
    let post = Post::new(broker, Arc::clone(store), clock, PostSettings::default(), actor);
    Coordinator {
        tally: Tally::new(Arc::clone(&post)),
        shares: Shares::default(),
        store: Arc::clone(store),
        clock: Arc::clone(post.clock()),
        post,
        actor: actor.into(),
        acting: Acting::default(),
        checkpoints: Arc::default(),
        notify: Arc::default(),
        host: actor.rsplit('@').next().unwrap_or_default().into(),
        // What is taken off the bus is missed sooner than in life.
        window: WindowLimits { chunks_max: 16, bytes_max: 16 << 20, overdue: Duration::from_secs(2) },
        watch: watch::channel(Snapshot::default()).0,
        stop: CancellationToken::new(),
    }
}

/// The workers of one drive, on the coordinator's broker and store.
pub(crate) fn workers(coordinator: &Coordinator) -> Fleet {
    let with = Surroundings::new(Arc::clone(&coordinator.post));
    Fleet::start(with, &coordinator.host, WORKERS, WORKERS)
}

/// Waits for `work`, at most `patience`.
pub(crate) async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(patience, work).await.map_err(|_| format!("no end within {} s", patience.as_secs()))
}
