//! `worker` and `coordinator`: the services of a fleet.

use std::sync::Arc;
use std::time::Duration;

use coordinator::service::Service;
use domain::counts::Role;
use domain::ids::RunId;
use domain::words::plural;
use platform::causes::chain;
use tokio_util::task::TaskTracker;
use worker::{Ended, Identity, Jobs, WorkerContext};

use super::console;
use super::monitoring::{self, Watched};
use super::run::signal;
use crate::args::{Global, Serve, Worker, WorkerRole};
use crate::outcome::{Done, Failure};
use crate::output::remark;
use crate::{hooks, wiring};

/// The pause before a worker that ended by itself is restarted.
const RESTART: Duration = Duration::from_secs(2);

/// Runs `crossfoot worker`: works for all runs on this broker and store until it is stopped.
pub(crate) async fn worker(global: &Global, args: &Worker) -> Result<Done, Failure> {
    let settings = wiring::settings(global, None)?;
    wiring::require_broker(&settings)?;
    let parts = wiring::parts(&settings)?;
    let store = wiring::store(&settings, true).await?;
    let broker = wiring::broker(&settings, &*store).await?;
    let post = wiring::post(broker, &settings, &store)?;
    let with = WorkerContext {
        comparisons: Some(wiring::comparisons(&settings, &post)),
        dies_at_chunk: hooks::dies_at_chunk(),
        parts,
        ..WorkerContext::new(post)
    };
    let watched = Watched {
        role: role_names(&args.role),
        post: Arc::clone(&with.post),
        life: with.metrics.life.clone(),
        stop: with.stop.clone(),
        counted: Box::new({
            let metrics = with.metrics.clone();
            move |registry| metrics.register(registry)
        }),
    };
    let monitored = monitoring::begin(&settings, args.metrics, watched).await?;
    let host = wiring::host();
    let (jobs, tasks) = (Arc::new(Jobs::default()), TaskTracker::new());
    let slots = slots(args, &host)?;
    let count = slots.iter().map(Slot::workers).sum::<usize>();
    for slot in slots {
        tasks.spawn(run_slot(with.clone(), slot, Arc::clone(&jobs)));
    }
    let beating = tokio::spawn({
        let with = with.clone();
        async move { with.give_signs_of_life().await }
    });
    tasks.close();
    remark(&format!("started {} on {host}; stop with SIGTERM or Ctrl-C", plural(count as u64, "worker")));
    let is_signalled = tokio::select! {
        biased;
        _ = signal() => true,
        () = tasks.wait() => false,
    };
    if is_signalled {
        remark(
            "stopping: finishing work in hand and returning the rest; press Ctrl-C again to stop immediately",
        );
    } else {
        remark("every worker of this process was drained; it ends");
    }
    with.stop.cancel();
    let drained = async {
        tokio::select! {
            () = tasks.wait() => true,
            () = tokio::time::sleep(Duration::from_secs(args.drain_seconds)) => false,
            _ = signal() => false,
        }
    };
    let is_drained = drained.await;
    // It ends with `stop`; a heartbeat that the store does not take is not waited for.
    beating.abort();
    with.post.broker().close().await;
    monitored.end().await;
    if is_drained {
        return Ok(Done::Well);
    }
    Err(Failure::unfinished(
        "some work was not finished in time; nothing is lost, other workers will pick it up",
    ))
}

/// The roles of a process, with commas between them.
fn role_names(roles: &[WorkerRole]) -> String {
    let name = |role: WorkerRole| match role {
        WorkerRole::Processor => Role::Processor.name(),
        WorkerRole::Writer => Role::Writer.name(),
    };
    let mut names: Vec<_> = roles.iter().copied().map(name).collect();
    names.sort_unstable();
    names.dedup();
    names.join(",")
}

/// What lives and is restarted together.
enum Slot {
    /// A worker.
    One(Role, Identity),
    /// A processor, and the writer that commits its batches.
    Joined(Identity, Identity),
}

impl Slot {
    fn workers(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Joined(..) => 2,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::One(_, identity) | Self::Joined(identity, _) => &identity.name,
        }
    }

    fn role(&self) -> Role {
        match self {
            Self::One(role, _) => *role,
            Self::Joined(..) => Role::Processor,
        }
    }
}

/// The slots that were asked for.
fn slots(args: &Worker, host: &str) -> Result<Vec<Slot>, Failure> {
    let has = |role: WorkerRole| args.role.contains(&role);
    let of = |role: Role, default: usize| {
        let slots = args.slots.map_or(default, usize::from);
        (1..=slots).map(move |slot| {
            let name = match &args.name {
                Some(name) if slots == 1 && args.role.len() == 1 => name.clone(),
                Some(name) => format!("{name}-{}-{slot}", role.name()),
                None => format!("{}-{slot}", role.name()),
            };
            Identity { name, host: host.into() }
        })
    };
    let cores = wiring::cores();
    if args.join {
        if !has(WorkerRole::Processor) || !has(WorkerRole::Writer) {
            return Err(Failure::usage("--join needs both roles: `--role processor,writer --join`"));
        }
        let pairs = of(Role::Processor, cores).zip(of(Role::Writer, cores));
        return Ok(pairs.map(|(processor, writer)| Slot::Joined(processor, writer)).collect());
    }
    let mut slots = Vec::new();
    for (asked, role, default) in
        [(WorkerRole::Processor, Role::Processor, cores), (WorkerRole::Writer, Role::Writer, 2)]
    {
        if has(asked) {
            slots.extend(of(role, default).map(|identity| Slot::One(role, identity)));
        }
    }
    Ok(slots)
}

/// Runs what lives in a slot, and restarts it when it ends by itself.
async fn run_slot(with: WorkerContext, slot: Slot, jobs: Arc<Jobs>) {
    while !with.stop.is_cancelled() {
        let ended = match &slot {
            Slot::One(Role::Processor, identity) => {
                worker::processor::run(&with, identity, &jobs).await.map_err(|error| chain(&error))
            }
            Slot::One(Role::Writer, identity) => {
                worker::writer::run(&with, identity, &jobs).await.map_err(|error| chain(&error))
            }
            Slot::Joined(processor, writer) => {
                worker::joined::run(&with, (processor, writer), &jobs).await.map_err(|error| chain(&error))
            }
        };
        match ended {
            Ok(Ended::Stopped) => {}
            Ok(Ended::Drained) => {
                remark(&format!("{} was drained by an operator; it ended", slot.name()));
                return;
            }
            Err(error) => {
                tracing::error!(%error, worker = slot.name(), role = slot.role().name(), "worker ended; restarting it");
                with.metrics.restarted(slot.role());
                tokio::select! {
                    biased;
                    () = with.stop.cancelled() => {}
                    () = tokio::time::sleep(RESTART) => {}
                }
            }
        }
    }
}

/// Runs `crossfoot coordinator`: drives submitted runs until it is stopped.
pub(crate) async fn coordinator(global: &Global, args: &Serve) -> Result<Done, Failure> {
    let settings = wiring::settings(global, None)?;
    wiring::require_broker(&settings)?;
    let store = wiring::store(&settings, true).await?;
    let (coordinator, _watcher) = wiring::coordinator(&settings, &store).await?;
    let (stop, post) = (coordinator.stop.clone(), Arc::clone(&coordinator.post));
    let watched = Watched {
        role: "coordinator".into(),
        post: Arc::clone(&post),
        life: coordinator.metrics.life.clone(),
        stop: stop.clone(),
        counted: Box::new({
            let metrics = coordinator.metrics.clone();
            move |registry| metrics.register(registry)
        }),
    };
    let monitored = monitoring::begin(&settings, args.metrics, watched).await?;
    let keeps = Some(settings.retention.policy()?).filter(|policy| !policy.keeps_everything());
    let service = Service { coordinator, runs_max: usize::from(args.runs), told: tell, keeps };
    let console = console::beside(&settings, &store, args.beside, None).await?;
    remark("coordinator started; stop with SIGTERM or Ctrl-C (its runs continue at the next start)");
    let stopper = tokio::spawn(async move {
        signal().await;
        stop.cancel();
        signal().await;
        std::process::exit(3);
    });
    let served = service.run().await;
    if let Some(console) = console {
        console.end().await;
    }
    stopper.abort();
    post.broker().close().await;
    monitored.end().await;
    served?;
    Ok(Done::Well)
}

fn tell(run_id: RunId, what: &str) {
    remark(&format!("run {run_id}: {what}"));
}
