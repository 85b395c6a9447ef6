//! Drives runs for operators of the console, in the background of this process.

use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, Queue};
use console::desk::{Acting, Driver, QueueDepth, Ready};
use coordinator::Coordinator;
use coordinator::run::Drive;
use domain::ids::RunId;
use settings::Settings;
use store::Store;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::outcome::Failure;
use crate::output::remark;
use crate::wiring;

/// How long the broker may take to tell its depths.
const DEPTHS: Duration = Duration::from_secs(3);

/// Why a broker in memory has no depths.
const IN_MEMORY: &str = "the broker is memory:, so the queues are inside of the process that runs";

/// Drives runs for operators of the console.
pub(crate) struct Driving {
    settings: Settings,
    store: Arc<dyn Store>,
    /// Why this process does not drive runs; `None` if it does.
    refuses: Option<String>,
    broker: OnceCell<Arc<dyn Broker>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Driving {
    /// Drives runs unless `refuses` says why not.
    pub(crate) fn new(
        settings: &Settings,
        store: &Arc<dyn Store>,
        refuses: Option<String>,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings: settings.clone(),
            store: Arc::clone(store),
            refuses,
            broker: OnceCell::new(),
            tasks: TaskTracker::new(),
            stop,
        })
    }

    /// Waits until the runs that were being driven have stopped.
    pub(crate) async fn end(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(broker) = self.broker.get() {
            broker.close().await;
        }
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, String> {
        let connect = || wiring::broker(&self.settings, &*self.store);
        let broker =
            self.broker.get_or_try_init(connect).await.map_err(|failure| failure.message().to_owned())?;
        let mut depths = Vec::new();
        for queue in Queue::ALL {
            let messages = broker.depth(queue).await.map_err(|error| error.to_string())?;
            depths.push(QueueDepth { queue: queue.name(), messages });
        }
        Ok(depths)
    }
}

#[async_trait::async_trait]
impl Driver for Driving {
    fn drives(&self) -> Result<(), &str> {
        self.refuses.as_deref().map_or(Ok(()), Err)
    }

    async fn ready(&self, acting: &Acting) -> Result<Ready, String> {
        let said = |failure: Failure| failure.message().to_owned();
        let (coordinator, _watcher) = wiring::coordinator(&self.settings, &self.store).await.map_err(said)?;
        let coordinator = Coordinator {
            actor: acting.actor.clone(),
            actor_context: acting.context.clone(),
            stop: self.stop.child_token(),
            ..coordinator
        };
        let (settings, tasks) = (self.settings.clone(), self.tasks.clone());
        let start = move |coordinator: Coordinator, run_id, how| {
            tasks.spawn(async move { drive(&settings, &coordinator, run_id, &how).await });
        };
        Ok(Ready { coordinator, start: Box::new(start) })
    }

    async fn queues(&self) -> Result<Vec<QueueDepth>, String> {
        if wiring::is_embedded(&self.settings) {
            return Err(IN_MEMORY.into());
        }
        match tokio::time::timeout(DEPTHS, self.depths()).await {
            Ok(depths) => depths,
            Err(_) => Err(format!("the broker did not answer within {} s", DEPTHS.as_secs())),
        }
    }
}

/// Drives a run as far as it goes, with workers of its own if the broker is in memory.
async fn drive(settings: &Settings, coordinator: &Coordinator, run_id: RunId, how: &Drive) {
    let fleet = wiring::embedded_fleet(settings, coordinator);
    let ended = Box::pin(coordinator.drive_patiently(run_id, how)).await;
    fleet.stop().await;
    let why = ended.as_ref().err().map(ToString::to_string);
    coordinator.notify(run_id, why.as_deref()).await;
    match ended {
        Ok(ending) => remark(&format!("run {run_id} is {}", ending.state())),
        Err(error) => remark(&format!("run {run_id}: {error}")),
    }
    coordinator.post.broker().close().await;
}
