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
    /// Starts them, named `processor-1` and so on.
    #[must_use]
    pub fn start(with: WorkerContext, host: &str, processors: usize, writers: usize) -> Self {
        let (jobs, tasks) = (Arc::new(Jobs::default()), TaskTracker::new());
        for (role, count) in [(Role::Processor, processors), (Role::Writer, writers)] {
            for number in 1..=count {
                let (with, jobs) = (with.clone(), Arc::clone(&jobs));
                let identity = Identity { name: format!("{}-{number}", role.name()), host: host.into() };
                tasks.spawn(async move {
                    let ended = match role {
                        Role::Processor => crate::processor::run(&with, &identity, &jobs)
                            .await
                            .map_err(|error| error.to_string()),
                        Role::Writer => crate::writer::run(&with, &identity, &jobs)
                            .await
                            .map_err(|error| error.to_string()),
                    };
                    if let Err(error) = ended {
                        tracing::error!(%error, worker = identity.name, "worker ended");
                    }
                });
            }
        }
        tasks.close();
        Self { tasks, with }
    }

    /// Stops the workers, which finish their current messages, and closes the broker.
    pub async fn stop(self) {
        self.with.stop.cancel();
        self.with.post.broker().close().await;
        self.tasks.wait().await;
    }
}
