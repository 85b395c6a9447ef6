//! The fleet of a shadow: a coordinator and workers in this process, on a broker that may be meddled with.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use broker::in_process::{InProcess, Limits};
use coordinator::load::window::WindowLimits;
use coordinator::open::OpenError;
use coordinator::ops::OpsError;
use coordinator::run::{Ending, RunError};
use coordinator::{Coordinator, CoordinatorBuilder};
use job::decoders::Decoders;
use platform::causes::chain;
use platform::clock::SystemClock;
use post::{Post, PostSettings};
use store::Store;
use thiserror::Error;
use worker::{Fleet, WorkerContext};

/// Processors and writers each: two, so that a defect of one shows beside the other.
const WORKERS: usize = 2;

/// The broker of a shadow.
pub(crate) fn broker() -> Arc<dyn Broker> {
    Arc::new(InProcess::new(Limits::default()))
}

/// A coordinator as a process of its own would have it.
pub(crate) fn coordinator(store: &Arc<dyn Store>, broker: Arc<dyn Broker>, actor: &str) -> Coordinator {
    decoding_by(Decoders::default(), store, broker, actor)
}

/// The same, with decoders that are perhaps not the program's own.
pub(crate) fn decoding_by(
    decoders: Decoders,
    store: &Arc<dyn Store>,
    broker: Arc<dyn Broker>,
    actor: &str,
) -> Coordinator {
    let clock = Arc::new(SystemClock);
    let post = Post::new(broker, Arc::clone(store), clock, PostSettings::default(), actor);
    // What is taken off the bus is missed sooner than in life.
    let window = WindowLimits { overdue: Duration::from_secs(2), ..WindowLimits::default() };
    CoordinatorBuilder::new(post, actor).window(window).decoders(decoders).build()
}

/// The workers of one drive, on the coordinator's broker and store.
pub(crate) fn workers(coordinator: &Coordinator) -> Fleet {
    let mut with = WorkerContext::new(Arc::clone(&coordinator.post));
    with.decoders = coordinator.decoders.clone();
    Fleet::start(with, &coordinator.host, WORKERS, WORKERS)
}

/// What was waited for did not end in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no end within {} s", .0.as_secs())]
pub(crate) struct NoEnd(Duration);

/// Waits for `work`, at most `patience`.
pub(crate) async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Result<T, NoEnd> {
    tokio::time::timeout(patience, work).await.map_err(|_| NoEnd(patience))
}

/// Why a run in the shadow did not end as intended.
#[derive(Error)]
pub(crate) enum Refusal {
    /// It took too long.
    #[error(transparent)]
    NoEnd(#[from] NoEnd),
    /// It was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It was not driven on.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It was not approved.
    #[error(transparent)]
    Ops(#[from] OpsError),
    /// Its promotion, cut off, is neither done nor undone.
    #[error("final holds {rows} rows after the cut, and not {there}")]
    HalfDone {
        /// How many of the run's rows final holds.
        rows: u64,
        /// What it must hold.
        there: u64,
    },
}

impl fmt::Debug for Refusal {
    /// The error's text, quoted: it is part of the results.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&chain(self), f)
    }
}

/// How a drive in the shadow ended.
pub(crate) type Ended = Result<Ending, Refusal>;
