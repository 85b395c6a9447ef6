//! What a monitoring system reads: the ledger in the form of Prometheus. All of it is read from the store, so that it
//! survives a restart and is the same from every console.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use coordinator::ops::schedules::standings;
use coordinator::ops::views::workers::WorkerState;
use domain::lifecycle::RunState;
use domain::schedule::Standing;
use monitor::CONTENT_TYPE;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use store::views::{ChunkTotals, JobTotals, NewestRun};

use crate::desk::Desk;
use crate::problem::Problem;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfJob {
    job: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    job: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Workers {
    role: &'static str,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: &'static str,
}

type Gauges<L> = Family<L, Gauge<i64, AtomicI64>>;

/// Registers a family, and returns it.
fn gauges<L>(registry: &mut Registry, name: &str, help: &str) -> Gauges<L>
where
    L: EncodeLabelSet + Clone + Eq + Debug + std::hash::Hash + Send + Sync + 'static,
{
    let family = Gauges::<L>::default();
    registry.register(name, help, family.clone());
    family
}

/// Workers that were silent for so long are not counted any more.
const SILENT: Duration = Duration::from_secs(3600);

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) async fn metrics(State(desk): State<Arc<Desk>>) -> Result<impl IntoResponse, Problem> {
    let mut registry = Registry::with_prefix("crossfoot");
    jobs(&mut registry, &desk.store.job_totals().await?);
    scheduled(&mut registry, &standings(&*desk.store, desk.coordinator.clock.now_ms()).await?);
    let workers = gauges::<Workers>(
        &mut registry,
        "workers",
        "Workers by role and state; those that stopped, or were silent for an hour, are not counted",
    );
    for row in desk.store.fleet(Some(SILENT)).await?.iter().filter(|row| row.stopped_at_ms.is_none()) {
        let of = Workers { role: row.role.name(), state: WorkerState::of(row).name() };
        workers.get_or_create(&of).inc();
    }
    // A broker that does not answer has no depths; the rest is served all the same.
    if let Ok(depths) = desk.driver.queues().await {
        let queues = gauges::<Queue>(&mut registry, "queue_messages", "Messages that wait in a queue");
        for depth in depths {
            let messages = i64::try_from(depth.messages).unwrap_or(i64::MAX);
            queues.get_or_create(&Queue { queue: depth.queue }).set(messages);
        }
    }
    let events = Gauge::<i64, AtomicI64>::default();
    events.set(signed(desk.store.log_head().await?.map_or(0, |head| head.seq)));
    registry.register("log_events", "Events in the evidence log", events);
    let watchers = Gauge::<i64, AtomicI64>::default();
    watchers.set(i64::try_from(desk.pulse.watchers()).unwrap_or(i64::MAX));
    registry.register("console_watchers", "Browsers that watch the stream of this console", watchers);
    let mut text = String::new();
    encode(&mut text, &registry)
        .map_err(|error| Problem::unavailable(format!("cannot write the metrics: {error}")))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

/// What is counted of each job.
fn jobs(registry: &mut Registry, all: &[JobTotals]) {
    let runs = gauges::<InState>(registry, "runs", "Runs by job and state");
    let chunks = gauges::<InState>(
        registry,
        "chunks",
        "Chunks by job and state: split (not committed yet), committed, set-aside",
    );
    let unfinished = gauges::<OfJob>(
        registry,
        "unfinished_chunks",
        "Chunks of runs that load, which are neither committed nor set aside",
    );
    let success = gauges::<OfJob>(
        registry,
        "last_success_timestamp_seconds",
        "When the last run of the job was promoted, in seconds since 1970",
    );
    let records = gauges::<OfJob>(registry, "records", "Records that were committed to staging or rejected");
    let rejects = gauges::<OfJob>(registry, "rejects", "Records that were rejected");
    let bytes = gauges::<OfJob>(registry, "bytes", "Bytes of the source in committed chunks");
    for JobTotals { job, state, runs: count, last_ended_at_ms, totals } in all {
        let of = OfJob { job: job.clone() };
        runs.get_or_create(&InState { job: job.clone(), state: state.name() }).set(signed(*count));
        let ChunkTotals { chunks: cut, committed, set_aside, read, rejected, bytes_committed, .. } = totals;
        let open = cut.saturating_sub(*committed).saturating_sub(*set_aside);
        for (name, count) in [("split", open), ("committed", *committed), ("set-aside", *set_aside)] {
            chunks.get_or_create(&InState { job: job.clone(), state: name }).inc_by(signed(count));
        }
        let loading = if *state == RunState::Loading { open } else { 0 };
        unfinished.get_or_create(&of).inc_by(signed(loading));
        records.get_or_create(&of).inc_by(signed(*read));
        rejects.get_or_create(&of).inc_by(signed(*rejected));
        bytes.get_or_create(&of).inc_by(signed(*bytes_committed));
        if let (RunState::Promoted, Some(at_ms)) = (state, last_ended_at_ms) {
            success.get_or_create(&of).set(at_ms / 1000);
        }
    }
}

/// Where each job that has a schedule stands with it.
fn scheduled(registry: &mut Registry, all: &[(NewestRun, Standing)]) {
    let missed = gauges::<OfJob>(
        registry,
        "job_missed",
        "1 if no run of the job was opened for an expected time, and none since; 0 otherwise. Only jobs with a schedule",
    );
    let next = gauges::<OfJob>(
        registry,
        "job_next_expected_timestamp_seconds",
        "When a run of the job is expected next, in seconds since 1970. Only jobs with a schedule",
    );
    for (run, standing) in all {
        let of = OfJob { job: run.job.clone() };
        missed.get_or_create(&of).set(i64::from(standing.missed_at_ms.is_some()));
        if let Some(at_ms) = standing.next_at_ms {
            next.get_or_create(&of).set(at_ms / 1000);
        }
    }
}

/// Whether the process answers at all.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the console can answer questions: the store responds.
pub(crate) async fn readyz(State(desk): State<Arc<Desk>>) -> Result<&'static str, Problem> {
    match desk.store.log_head().await {
        Ok(_) => Ok("ready\n"),
        // Nobody has signed in: what is wrong is for the log.
        Err(error) => {
            tracing::warn!(%error, "the console is not ready: the store does not respond");
            Err(Problem::unavailable("the store does not respond"))
        }
    }
}
