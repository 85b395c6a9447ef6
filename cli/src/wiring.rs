//! Chooses the adapters from the URLs and starts the embedded fleet. No other code knows which adapters are used.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use broker::in_process::{InProcess, Limits};
use broker::rabbitmq::{Rabbit, RabbitSettings};
use broker::{Broker, DuplicatingBroker};
use compare::Helper;
use coordinator::context::checkpoints::Checkpoints;
use coordinator::context::notify::Notify;
use coordinator::load::window::WindowLimits;
use coordinator::progress::Snapshot;
use coordinator::split::ChunkLimits;
use coordinator::{Coordinator, CoordinatorBuilder};
use domain::layout::Layout;
use drill::ShadowFactory;
use job::Job;
use platform::clock::SystemClock;
use post::{Post, PostSettings};
use postgres::{LedgerSchema, PostgresReaders, PostgresSettings, PostgresStore};
use settings::{FleetSettings, Settings};
use source::Parts;
use sqlite::SqliteStore;
use store::bounds::Dialect;
use store::own_table::TableLook;
use store::target::SharedReaders;
use store::{Store, StoreError};
use tokio::sync::watch;
use worker::{Comparisons, WorkerContext};

use crate::args::{Fleet, Global};
use crate::hooks;
use crate::notifying;
use crate::operator;
use crate::outcome::Failure;

/// Reads the settings; the command line overrides them.
pub(crate) fn settings(global: &Global, fleet: Option<&Fleet>) -> Result<Settings, Failure> {
    operator::named(global.operator.as_deref())?;
    let mut settings = Settings::load(global.config.as_deref())?;
    if let Some(url) = &global.store {
        settings.store.url = url.clone();
    }
    if let Some(url) = &global.broker {
        settings.broker.url = url.clone();
    }
    if let Some(fleet) = fleet {
        let of = &mut settings.fleet;
        of.processors = fleet.processors.unwrap_or(of.processors);
        of.writers = fleet.writers.unwrap_or(of.writers);
        of.chunk_bytes = fleet.chunks.chunk_bytes.unwrap_or(of.chunk_bytes);
        of.chunk_records = fleet.chunks.chunk_records.unwrap_or(of.chunk_records);
    }
    let settings = settings.checked()?;
    if let Some(file) = &settings.tls.ca_file {
        platform::tls::of_file(file)
            .map_err(|error| Failure::usage(format!("invalid tls.ca_file {}: {error}", file.display())))?;
    }
    // The URL may come from the command line, so that only now it is known.
    if settings.store.schema.is_some() && !is_postgres(&settings) {
        return Err(Failure::usage(
            "[store] schema is set, but SQLite has no schemas; remove the setting, or use a PostgreSQL store",
        ));
    }
    Ok(settings)
}

/// Opens the store; `create` creates an SQLite file if it does not exist. (A PostgreSQL database must exist; its
/// ledger is created.)
pub(crate) async fn store(settings: &Settings, create: bool) -> Result<Arc<dyn Store>, Failure> {
    let of = &settings.store;
    let key = settings.masking.key()?;
    if is_postgres(settings) {
        return Ok(Arc::new(PostgresStore::open(&postgres_settings(settings)).await?.with_masking_key(key)));
    }
    let url = of.url.reveal();
    let opened = if create { SqliteStore::open(url).await } else { SqliteStore::open_existing(url).await };
    Ok(Arc::new(opened?.with_masking_key(key)))
}

/// Returns the settings for PostgreSQL.
pub(crate) fn postgres_settings(settings: &Settings) -> PostgresSettings {
    let of = &settings.store;
    PostgresSettings {
        url: of.url.clone(),
        username: of.username.clone(),
        password: of.password.clone(),
        password_file: of.password_file.clone(),
        ca_file: settings.tls.ca_file.clone(),
        max_connections: of.max_connections,
        schema: of.schema.clone().map_or(LedgerSchema::Usual, LedgerSchema::Named),
    }
}

/// Returns where a drill creates its shadows: next to the configured store, and never in its tables.
pub(crate) fn shadows(settings: &Settings) -> ShadowFactory {
    if is_postgres(settings) {
        return ShadowFactory::Postgres(postgres_settings(settings));
    }
    ShadowFactory::Embedded { real: sqlite_path(settings).filter(|path| path.is_file()) }
}

/// Returns the path of an SQLite store.
pub(crate) fn sqlite_path(settings: &Settings) -> Option<PathBuf> {
    let path = settings.store.url.reveal().strip_prefix("sqlite:")?;
    Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
}

/// Whether the store is a PostgreSQL database.
pub(crate) fn is_postgres(settings: &Settings) -> bool {
    settings.store.url.is_of(&["postgres:", "postgresql:"])
}

/// Returns the SQL dialect of the store.
pub(crate) fn dialect(settings: &Settings) -> Dialect {
    if is_postgres(settings) { Dialect::Postgres } else { Dialect::Sqlite }
}

/// The statements that create the tables of `layout`.
pub(crate) fn ddl(dialect: Dialect, layout: &Layout) -> Vec<String> {
    match dialect {
        Dialect::Sqlite => sqlite::ddl(layout),
        Dialect::Postgres => postgres::ddl(layout),
    }
}

/// Looks at the final tables of `job` that are there, and changes nothing. `None`: there is no store yet.
pub(crate) async fn look(settings: &Settings, job: &Job) -> Option<Result<Vec<TableLook>, StoreError>> {
    let layouts: Vec<_> = job.layouts().map(|layout| &**layout).collect();
    if is_postgres(settings) {
        return Some(postgres::look(&postgres_settings(settings), &layouts).await);
    }
    let path = sqlite_path(settings).filter(|path| path.is_file())?;
    Some(sqlite::look(&path, &layouts))
}

/// Whether the fleet runs in this process.
pub(crate) fn is_embedded(settings: &Settings) -> bool {
    settings.broker.url.reveal() == "memory:"
}

/// Fails if the broker cannot be used by other processes.
pub(crate) fn require_broker(settings: &Settings) -> Result<(), Failure> {
    if is_embedded(settings) {
        return Err(Failure::usage(
            "the in-memory broker (memory:) works only inside one process, so separate workers and coordinators cannot \
             use it; pass `--broker amqp://USER@HOST/VHOST`, or set `url` under [broker] in crossfoot.toml",
        ));
    }
    Ok(())
}

/// Returns the settings for RabbitMQ.
pub(crate) fn rabbit_settings(settings: &Settings) -> RabbitSettings {
    let of = &settings.broker;
    // A file that is named for all servers is no mistake where this one is spoken to without TLS.
    let ca_file = settings.tls.ca_file.as_ref().filter(|_| of.url.is_of(&["amqps://"]));
    RabbitSettings {
        ca_file: of.ca_file.as_ref().or(ca_file).cloned(),
        username: of.username.clone(),
        password: of.password.clone(),
        password_file: of.password_file.clone(),
        prefix: of.prefix.clone(),
        ..RabbitSettings::new(of.url.clone())
    }
}

/// Fails unless the broker's URL is an AMQP URL.
pub(crate) fn require_broker_url(settings: &Settings) -> Result<(), Failure> {
    if settings.broker.url.is_of(&["amqp://", "amqps://"]) { Ok(()) } else { Err(not_a_broker(settings)) }
}

fn not_a_broker(settings: &Settings) -> Failure {
    Failure::usage(format!(
        "invalid broker URL `{}`: expected memory:, amqp://HOST/VHOST or amqps://HOST/VHOST",
        settings.broker.url
    ))
}

/// Connects to the broker, whose queues must belong to `store` or to no store yet.
pub(crate) async fn broker(settings: &Settings, store: &dyn Store) -> Result<Arc<dyn Broker>, Failure> {
    let of = &settings.broker;
    let broker: Arc<dyn Broker> = match of.url.reveal() {
        "memory:" => Arc::new(InProcess::new(Limits::default())),
        url if url.starts_with("amqp://") || url.starts_with("amqps://") => {
            let of = RabbitSettings { store: Some(store.identity().await?), ..rabbit_settings(settings) };
            Arc::new(Rabbit::connect(of).await?)
        }
        _ => return Err(not_a_broker(settings)),
    };
    Ok(if hooks::doubles_messages() { Arc::new(DuplicatingBroker::new(broker)) } else { broker })
}

/// Returns the actor for the log: `operator@host`.
pub(crate) fn actor(host: &str) -> String {
    format!("{}@{host}", operator::acting().0)
}

/// Returns the name of this host.
pub(crate) fn host() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let name = kernel.ok().or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".into() } else { name.into() }
}

fn syslog_socket(settings: &Settings) -> PathBuf {
    settings.audit.syslog_socket.clone().unwrap_or_else(|| "/dev/log".into())
}

/// Returns the size limits of chunks.
pub(crate) fn chunk_limits(fleet: &FleetSettings) -> ChunkLimits {
    ChunkLimits { bytes: fleet.chunk_bytes, records: fleet.chunk_records }
}

/// Creates a coordinator on `store`, and a receiver of its progress.
pub(crate) async fn coordinator(
    settings: &Settings,
    store: &Arc<dyn Store>,
) -> Result<(Coordinator, watch::Receiver<Snapshot>), Failure> {
    let notify = notifying::notify(settings, &host())?;
    let post = post(broker(settings, &**store).await?, settings, store)?;
    Ok(coordinator_on(post, settings, notify))
}

/// Creates the post of this process, which sends and receives sealed messages.
pub(crate) fn post(
    broker: Arc<dyn Broker>,
    settings: &Settings,
    store: &Arc<dyn Store>,
) -> Result<Arc<Post>, Failure> {
    let of = PostSettings { sealing: settings.broker.sealing()?, compression: settings.broker.compression() };
    Ok(Post::new(broker, Arc::clone(store), Arc::new(SystemClock), of, &actor(&host())))
}

/// Creates a coordinator for operator commands, which need no broker.
pub(crate) fn coordinator_without_broker(
    settings: &Settings,
    store: &Arc<dyn Store>,
) -> (Coordinator, watch::Receiver<Snapshot>) {
    // An operator's command sends no messages, and is not a verdict.
    let broker = Arc::new(InProcess::new(Limits::default()));
    let clock = Arc::new(SystemClock);
    let post = Post::new(broker, Arc::clone(store), clock, PostSettings::default(), &actor(&host()));
    coordinator_on(post, settings, Notify::default())
}

fn coordinator_on(
    post: Arc<Post>,
    settings: &Settings,
    notify: Notify,
) -> (Coordinator, watch::Receiver<Snapshot>) {
    let host = host();
    let checkpoints = Checkpoints {
        store: settings.store.name(),
        file: settings.audit.checkpoint_file.clone(),
        syslog: settings.audit.syslog.then(|| syslog_socket(settings)),
        host: host.clone(),
    };
    let window = WindowLimits {
        chunks_max: settings.fleet.window_chunks,
        bytes_max: settings.fleet.window_bytes,
        ..WindowLimits::default()
    };
    let coordinator = CoordinatorBuilder::new(post, actor(&host))
        .actor_context(operator::acting().1)
        .checkpoints(checkpoints)
        .notify(notify)
        .window(window)
        .travel(settings.fleet.chunks)
        .build();
    let watcher = coordinator.watch.subscribe();
    (coordinator, watcher)
}

/// Returns what reads the chunks of this worker process that travel by reference.
pub(crate) fn parts(settings: &Settings) -> Result<Arc<Parts>, Failure> {
    let below = Parts::below(&settings.worker.sources);
    Ok(Arc::new(below.map_err(|error| Failure::usage(format!("invalid worker.sources: {error}")))?))
}

/// Returns what does the work of comparisons in this process: it reads the PostgreSQL database that the settings name,
/// or else the store's.
pub(crate) fn comparisons(settings: &Settings, post: &Arc<Post>) -> Arc<dyn Comparisons> {
    let of = &settings.reconcile;
    let settings = match &of.target {
        Some(url) => Some(PostgresSettings {
            url: url.clone(),
            password_file: of.target_password_file.clone(),
            ca_file: settings.tls.ca_file.clone(),
            ..PostgresSettings::default()
        }),
        None => is_postgres(settings).then(|| postgres_settings(settings)),
    };
    let readers = settings.map(|settings| Arc::new(PostgresReaders { settings }) as Arc<dyn SharedReaders>);
    Arc::new(Helper::new(Arc::clone(post), readers, &host()))
}

/// Returns the default number of processors in a process.
pub(crate) fn cores() -> usize {
    available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 64)
}

/// Starts the workers of this process: by default one processor per core and two writers. Starts none if the broker
/// is shared with workers in other processes.
pub(crate) fn embedded_fleet(settings: &Settings, coordinator: &Coordinator) -> worker::Fleet {
    let or = |set: usize, default: usize| match (is_embedded(settings), set) {
        (false, _) => 0,
        (true, 0) => default,
        (true, set) => set,
    };
    let (processors, writers) = (or(settings.fleet.processors, cores()), or(settings.fleet.writers, 2));
    let with = WorkerContext {
        dies_at_chunk: hooks::dies_at_chunk(),
        // This process reads the whole source anyway: it splits it.
        parts: Arc::new(Parts::anywhere()),
        ..WorkerContext::new(Arc::clone(&coordinator.post))
    };
    worker::Fleet::start(with, &coordinator.host, processors, writers)
}
