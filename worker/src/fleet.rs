//! Workers that live together in one process: an embedded fleet, on any broker and store.

use std::sync::Arc;

use domain::counts::Role;
use tokio_util::task::TaskTracker;

use crate::{Identity, Jobs, WorkerContext};

/// Workers that live in one process.
pub struct Fleet {
    tasks: TaskTracker,
    with: WorkerContext,
}

impl Fleet {
    /// Starts them, named `processor-1` and so on. What a processor makes goes to any of the writers.
    #[must_use]
    pub fn start(with: WorkerContext, host: &str, processors: usize, writers: usize) -> Self {
        let fleet = Self { tasks: TaskTracker::new(), with };
        fleet.start_more(host, (1, processors), (1, writers));
        fleet
    }

    /// The same, but as many of them as there are of both roles are joined: what a processor makes is committed by the
    /// writer of its number ([`crate::joined`]), and does not become a message.
    #[must_use]
    pub fn start_joined(with: WorkerContext, host: &str, processors: usize, writers: usize) -> Self {
        let fleet = Self { tasks: TaskTracker::new(), with };
        let jobs = Arc::new(Jobs::default());
        let pairs = processors.min(writers);
        for number in 1..=pairs {
            let (with, jobs) = (fleet.with.clone(), Arc::clone(&jobs));
            let of = |role| identity(role, number, host);
            let (processor, writer) = (of(Role::Processor), of(Role::Writer));
            fleet.tasks.spawn(async move {
                let ended = crate::joined::run(&with, (&processor, &writer), &jobs).await;
                told(ended.map_err(|error| error.to_string()), &processor);
            });
        }
        fleet.start_more(host, (pairs + 1, processors), (pairs + 1, writers));
        fleet
    }

    /// Starts workers of one role each, with the numbers from the first to the last one.
    fn start_more(&self, host: &str, processors: (usize, usize), writers: (usize, usize)) {
        let jobs = Arc::new(Jobs::default());
        for (role, (first, last)) in [(Role::Processor, processors), (Role::Writer, writers)] {
            for number in first..=last {
                let (with, jobs) = (self.with.clone(), Arc::clone(&jobs));
                let identity = identity(role, number, host);
                self.tasks.spawn(async move {
                    let ended = match role {
                        Role::Processor => crate::processor::run(&with, &identity, &jobs)
                            .await
                            .map_err(|error| error.to_string()),
                        Role::Writer => crate::writer::run(&with, &identity, &jobs)
                            .await
                            .map_err(|error| error.to_string()),
                    };
                    told(ended, &identity);
                });
            }
        }
        self.tasks.close();
    }

    /// Stops the workers, which finish their current messages, and closes the broker.
    pub async fn stop(self) {
        self.with.stop.cancel();
        self.with.post.broker().close().await;
        self.tasks.wait().await;
    }
}

fn identity(role: Role, number: usize, host: &str) -> Identity {
    Identity { name: format!("{}-{number}", role.name()), host: host.into() }
}

fn told<T>(ended: Result<T, String>, identity: &Identity) {
    if let Err(error) = ended {
        tracing::error!(%error, worker = identity.name, "worker ended");
    }
}
