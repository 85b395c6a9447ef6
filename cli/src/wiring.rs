//! Where adapters are picked, from URLs, and where the embedded fleet is started. Nothing else knows which they are.

use std::sync::Arc;
use std::thread::available_parallelism;

use coordinator::progress::Snapshot;
use coordinator::run::Coordinator;
use coordinator::split::ChunkLimits;
use coordinator::window::WindowLimits;
use shared::broker::Broker;
use shared::broker::in_process::{InProcess, Limits};
use shared::clock::SystemClock;
use shared::config::{FleetSettings, Settings, without_secrets};
use shared::store::Store;
use shared::store::sqlite::SqliteStore;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use worker::{Identity, Jobs, Surroundings};

use crate::args::{Fleet, Global};
use crate::outcome::Failure;

/// The settings, with what the command line says on top.
pub(crate) fn settings(global: &Global, fleet: Option<&Fleet>) -> Result<Settings, Failure> {
    let mut settings = Settings::load(global.config.as_deref())?;
    if let Some(url) = &global.store {
        settings.store.url.clone_from(url);
    }
    if let Some(url) = &global.broker {
        settings.broker.url.clone_from(url);
    }
    if let Some(fleet) = fleet {
        let of = &mut settings.fleet;
        of.processors = fleet.processors.unwrap_or(of.processors);
        of.writers = fleet.writers.unwrap_or(of.writers);
        of.chunk_bytes = fleet.chunk_bytes.unwrap_or(of.chunk_bytes);
        of.chunk_records = fleet.chunk_records.unwrap_or(of.chunk_records);
    }
    Ok(settings.checked()?)
}

/// Opens the store; `create` makes one where there is none.
pub(crate) async fn store(settings: &Settings, create: bool) -> Result<Arc<dyn Store>, Failure> {
    let url = &settings.store.url;
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return Err(Failure::usage(format!(
            "`{}`: PostgreSQL stores are not in this version; use sqlite:PATH",
            without_secrets(url)
        )));
    }
    let opened = if create { SqliteStore::open(url).await } else { SqliteStore::open_existing(url).await };
    Ok(Arc::new(opened?))
}

fn broker(settings: &Settings) -> Result<Arc<dyn Broker>, Failure> {
    match settings.broker.url.as_str() {
        "memory:" => Ok(Arc::new(InProcess::new(Limits::default()))),
        url => Err(Failure::usage(format!(
            "`{}`: this version has the in-process broker only; use memory:",
            without_secrets(url)
        ))),
    }
}

/// Who runs this: `user@host`.
fn actor(host: &str) -> String {
    let user =
        ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|user| !user.is_empty());
    format!("{}@{host}", user.unwrap_or_else(|| "unknown".into()))
}

fn host() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let name = kernel.ok().or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".into() } else { name.into() }
}

/// How the source is cut.
pub(crate) fn chunk_limits(fleet: &FleetSettings) -> ChunkLimits {
    ChunkLimits { bytes: fleet.chunk_bytes, records: fleet.chunk_records }
}

/// A coordinator on `store`, and who watches it.
pub(crate) fn coordinator(
    settings: &Settings,
    store: &Arc<dyn Store>,
) -> Result<(Coordinator, watch::Receiver<Snapshot>), Failure> {
    let (watch, watcher) = watch::channel(Snapshot::default());
    let host = host();
    let coordinator = Coordinator {
        broker: broker(settings)?,
        store: Arc::clone(store),
        clock: Arc::new(SystemClock),
        actor: actor(&host),
        host,
        window: WindowLimits {
            chunks_max: settings.fleet.window_chunks,
            bytes_max: settings.fleet.window_bytes,
        },
        watch,
        stop: CancellationToken::new(),
    };
    Ok((coordinator, watcher))
}

/// The workers of this process.
pub(crate) struct EmbeddedFleet {
    tasks: TaskTracker,
    stop: CancellationToken,
    broker: Arc<dyn Broker>,
}

impl EmbeddedFleet {
    /// Starts them: processors by the number of cores and two writers, unless the settings say otherwise.
    pub(crate) fn start(settings: &FleetSettings, coordinator: &Coordinator) -> Self {
        let cores = available_parallelism().map_or(2, std::num::NonZero::get);
        let or = |set: usize, default: usize| if set == 0 { default } else { set };
        let (processors, writers) = (or(settings.processors, cores.clamp(2, 64)), or(settings.writers, 2));
        let stop = CancellationToken::new();
        let with = Surroundings {
            broker: Arc::clone(&coordinator.broker),
            store: Arc::clone(&coordinator.store),
            clock: Arc::clone(&coordinator.clock),
            stop: stop.clone(),
        };
        let jobs = Arc::new(Jobs::default());
        let tasks = TaskTracker::new();
        for number in 1..=processors {
            let (with, jobs) = (with.clone(), Arc::clone(&jobs));
            let identity = Identity { name: format!("processor-{number}"), host: coordinator.host.clone() };
            tasks.spawn(async move {
                if let Err(error) = worker::processor::run(&with, &identity, &jobs).await {
                    tracing::error!(%error, worker = identity.name, "worker ended");
                }
            });
        }
        for number in 1..=writers {
            let (with, jobs) = (with.clone(), Arc::clone(&jobs));
            let identity = Identity { name: format!("writer-{number}"), host: coordinator.host.clone() };
            tasks.spawn(async move {
                if let Err(error) = worker::writer::run(&with, &identity, &jobs).await {
                    tracing::error!(%error, worker = identity.name, "worker ended");
                }
            });
        }
        tasks.close();
        Self { tasks, stop, broker: Arc::clone(&coordinator.broker) }
    }

    /// Lets them finish what they have in hand.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.broker.close().await;
        self.tasks.wait().await;
    }
}
