//! Draining workers: each finishes its work in hand and ends; other workers take what it has not begun.

use domain::event_kind::EventKind;
use domain::ids::WorkerId;
use domain::lease::Holder;
use serde_json::json;
use store::model::WorkerRow;
use store::{Store, StoreError};
use thiserror::Error;

use crate::context::coordinator::Coordinator;
use crate::ops::attendance::ALIVE;

/// Which workers are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichWorkers {
    /// The worker with this number.
    Number(WorkerId),
    /// The one living worker with this name; or, as `NAME@HOST`, the one of a host.
    Name(String),
    /// Every living worker of a host.
    Host(String),
}

/// Why workers are not drained.
#[derive(Debug, Error)]
pub enum DrainError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No living worker is meant.
    #[error("no living worker is {0}")]
    NoSuch(String),
    /// Several living workers have the name.
    #[error("{count} living workers are called `{name}`: {places}")]
    Several {
        /// The name that was given.
        name: String,
        /// How many workers have it.
        count: usize,
        /// Each of them with its host and number.
        places: String,
    },
    /// The worker is a part of a process that drives a run.
    #[error("{worker} is a part of the process that drives run {run_id}, and ends with it")]
    Embedded {
        /// The worker's name.
        worker: String,
        /// The run that its process drives.
        run_id: String,
    },
}

impl DrainError {
    /// What can be done instead, if it is not the store that failed.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        Some(match self {
            Self::Store(_) => return None,
            Self::NoSuch(_) => "list the living processes with `crossfoot fleet`".into(),
            Self::Several { .. } => "say which, as NAME@HOST or by its number".into(),
            Self::Embedded { run_id, .. } => {
                format!("pause or cancel the run: `crossfoot pause {run_id}`, `crossfoot cancel {run_id}`")
            }
        })
    }
}

/// The living workers that are meant, by number.
///
/// # Errors
/// [`DrainError`]: none is, or more than one where one was to be, or one that cannot be drained.
pub async fn drainable(store: &dyn Store, which: &[WhichWorkers]) -> Result<Vec<WorkerRow>, DrainError> {
    let alive: Vec<_> =
        store.fleet(Some(ALIVE)).await?.into_iter().filter(|row| row.stopped_at_ms.is_none()).collect();
    let mut meant: Vec<WorkerRow> = Vec::new();
    for one in which {
        meant.extend(found(&alive, one)?.into_iter().cloned());
    }
    meant.sort_by_key(|row| row.worker_id);
    meant.dedup_by_key(|row| row.worker_id);
    for held in store.run_leases().await? {
        let holder = Holder::of(&held.lease.owner);
        let is_in_it = |row: &&WorkerRow| {
            !held.lease.left.is_zero() && holder.pid == Some(row.pid) && holder.host == Some(&*row.host)
        };
        if let Some(row) = meant.iter().find(is_in_it) {
            return Err(DrainError::Embedded { worker: row.name.clone(), run_id: held.run_id.to_string() });
        }
    }
    Ok(meant)
}

fn found<'a>(alive: &'a [WorkerRow], which: &WhichWorkers) -> Result<Vec<&'a WorkerRow>, DrainError> {
    let named: Vec<_> = match which {
        WhichWorkers::Number(number) => alive.iter().filter(|row| row.worker_id == *number).collect(),
        WhichWorkers::Host(host) => alive.iter().filter(|row| row.host == *host).collect(),
        WhichWorkers::Name(name) => {
            // A name may contain an `@`; then the whole of it comes first.
            let whole: Vec<_> = alive.iter().filter(|row| row.name == *name).collect();
            match name.rsplit_once('@') {
                Some((own, host)) if whole.is_empty() => {
                    alive.iter().filter(|row| row.name == own && row.host == host).collect()
                }
                _ => whole,
            }
        }
    };
    match (which, named.len()) {
        (_, 0) => Err(DrainError::NoSuch(match which {
            WhichWorkers::Number(number) => format!("number {number}"),
            WhichWorkers::Host(host) => format!("on host `{host}`"),
            WhichWorkers::Name(name) => format!("called `{name}`"),
        })),
        (WhichWorkers::Name(name), count @ 2..) => {
            let place = |row: &&WorkerRow| format!("{}@{} (number {})", row.name, row.host, row.worker_id);
            let places = named.iter().map(place).collect::<Vec<_>>().join(", ");
            Err(DrainError::Several { name: name.clone(), count, places })
        }
        _ => Ok(named),
    }
}

impl Coordinator {
    /// Asks workers to finish their work in hand and end. Each learns it with its next heartbeat, within five seconds.
    /// Returns those that are meant, whether or not they had been asked before.
    ///
    /// # Errors
    /// [`DrainError`]; nobody was asked then.
    pub async fn drain(
        &self,
        which: &[WhichWorkers],
        reason: Option<&str>,
    ) -> Result<Vec<WorkerRow>, DrainError> {
        let meant = drainable(&*self.store, which).await?;
        let named: Vec<_> = meant
            .iter()
            .map(|row| json!({ "worker_id": row.worker_id, "name": row.name, "host": row.host }))
            .collect();
        let detail = json!({ "reason": reason, "workers": named });
        let log = self.entry_of_no_run(EventKind::DrainAsked, &detail);
        let ids: Vec<_> = meant.iter().map(|row| row.worker_id).collect();
        self.store.ask_to_drain(&ids, log).await?;
        Ok(meant)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::counts::Role;

    use super::*;

    fn row(number: u32, name: &str, host: &str) -> WorkerRow {
        WorkerRow {
            worker_id: WorkerId(number),
            name: name.into(),
            role: Role::Processor,
            host: host.into(),
            pid: 7,
            version: "0".into(),
            started_at_ms: 0,
            seen_at_ms: 0,
            stopped_at_ms: None,
            silent: Duration::ZERO,
            in_hand: None,
            drain_asked_at_ms: None,
        }
    }

    #[test]
    fn a_name_means_one_worker_and_a_host_all_of_them() {
        let fleet = [
            row(1, "processor-1", "a"),
            row(2, "processor-1", "b"),
            row(3, "writer-1", "b"),
            row(4, "odd@name", "b"),
        ];
        let numbers = |which| {
            found(&fleet, &which).map(|rows| rows.iter().map(|row| row.worker_id.0).collect::<Vec<_>>())
        };
        let name = |name: &str| WhichWorkers::Name(name.into());
        assert_eq!(numbers(WhichWorkers::Number(WorkerId(3))).unwrap(), [3]);
        assert_eq!(numbers(name("writer-1")).unwrap(), [3]);
        assert_eq!(numbers(name("processor-1@b")).unwrap(), [2]);
        assert_eq!(numbers(name("odd@name")).unwrap(), [4]);
        assert_eq!(numbers(WhichWorkers::Host("b".into())).unwrap(), [2, 3, 4]);
        let several = numbers(name("processor-1")).unwrap_err();
        assert!(
            several.to_string().contains("processor-1@a (number 1), processor-1@b (number 2)"),
            "{several}"
        );
        for unknown in [name("writer-2"), WhichWorkers::Number(WorkerId(9)), WhichWorkers::Host("c".into())] {
            assert!(matches!(numbers(unknown), Err(DrainError::NoSuch(_))));
        }
    }
}
