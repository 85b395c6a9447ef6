//! The fleet of a shadow: a coordinator and workers in this process, on a broker that may be meddled with.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use broker::in_process::{InProcess, Limits};
use coordinator::load::window::WindowLimits;
use coordinator::{Coordinator, CoordinatorBuilder};
use platform::clock::SystemClock;
use post::{Post, PostSettings};
use store::Store;
use worker::{Fleet, WorkerContext};

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
    // What is taken off the bus is missed sooner than in life.
    let window = WindowLimits { overdue: Duration::from_secs(2), ..WindowLimits::default() };
    CoordinatorBuilder::new(post, actor).window(window).build()
}

/// The workers of one drive, on the coordinator's broker and store.
pub(crate) fn workers(coordinator: &Coordinator) -> Fleet {
    let with = WorkerContext::new(Arc::clone(&coordinator.post));
    Fleet::start(with, &coordinator.host, WORKERS, WORKERS)
}

/// Waits for `work`, at most `patience`.
pub(crate) async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(patience, work).await.map_err(|_| format!("no end within {} s", patience.as_secs()))
}
