//! Who did how much of a run, and who is slow.

use domain::counts::{Counts, Role, WorkerShare};
use domain::ids::RunId;
use domain::pace::{Pace, stragglers};
use schemars::JsonSchema;
use serde::Serialize;
use store::model::WorkerRow;
use store::views::ChunkTimes;
use store::{Store, StoreError};

use crate::ops::attendance::ALIVE;
use crate::ops::held::STUCK;
use crate::report::summary;

domain::named! {
    /// What a worker is doing, as far as the store knows.
    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum WorkerState {
        /// It works on a message.
        Busy = "busy",
        /// It waits for a message.
        Idle = "idle",
        /// An operator asked it to finish its work in hand and end.
        Draining = "draining",
        /// It has worked on the same message for more than a minute.
        Blocked = "blocked",
        /// It has sent no heartbeat for more than 16 seconds, and did not say that it stops.
        Stale = "stale",
        /// It said that it stops.
        Stopped = "stopped",
        /// It is not in the register.
        Unknown = "unknown",
    }
}

impl WorkerState {
    /// What a worker of the register is doing.
    #[must_use]
    pub fn of(row: &WorkerRow) -> Self {
        match row {
            WorkerRow { stopped_at_ms: Some(_), .. } => Self::Stopped,
            WorkerRow { silent, .. } if *silent > ALIVE => Self::Stale,
            WorkerRow { drain_asked_at_ms: Some(_), .. } => Self::Draining,
            WorkerRow { in_hand: Some(since), .. } if *since >= STUCK => Self::Blocked,
            WorkerRow { in_hand: Some(_), .. } => Self::Busy,
            WorkerRow { in_hand: None, .. } => Self::Idle,
        }
    }
}

/// A worker's share of a run, and how fast it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunWorker {
    /// Its share, as `workers --json` has it.
    #[serde(flatten)]
    pub share: WorkerShare,
    /// Whether its three counts agree.
    pub agrees: bool,
    /// What it is doing at this moment.
    pub state: WorkerState,
    /// The version of Crossfoot that it runs; null if it is not in the register.
    pub version: Option<String>,
    /// The number of its process on its host; null if it is not in the register.
    pub pid: Option<u32>,
    /// Records in a second of the time that it was busy, as reported; null if it was not.
    pub rate: Option<u64>,
    /// How much of the run's time it was busy, in hundredths of a percent; null if the run has no time yet. A run that
    /// loads has been going since it was opened.
    pub busy_share: Option<u64>,
    /// The median of its time for a chunk, in milliseconds with three digits; null if it reported none.
    pub chunk_ms_median: Option<String>,
    /// The 95th percentile of its time for a chunk, in milliseconds with three digits; null if it reported none.
    pub chunk_ms_p95: Option<String>,
    /// Whether it is much slower than the others in its role.
    pub straggler: bool,
}

/// Every worker's share of a run, with the sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunWorkers {
    /// The workers that the ledger, the reports or the tables name.
    pub workers: Vec<RunWorker>,
    /// The sums over the workers of each role.
    pub totals: Vec<RoleTotals>,
    /// Whether each worker's three counts agree.
    pub agree: bool,
}

/// The sums over the workers of one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RoleTotals {
    /// The role whose workers are summed.
    pub role: Role,
    /// What they reported.
    pub reported: Counts,
    /// What the ledger credits them with.
    pub ledger: Counts,
    /// What the tables hold under their numbers.
    pub tables: u64,
    /// Whether each of them agrees.
    pub agree: bool,
}

/// Every worker's share of the run.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn workers(store: &dyn Store, run_id: RunId, now_ms: i64) -> Result<RunWorkers, StoreError> {
    let report = summary::report(store, run_id).await?;
    let (times, fleet) = (store.chunk_times(run_id).await?, store.fleet(None).await?);
    let spent_ms = match report.ended_at_ms {
        None if report.driven_by.is_some() => u64::try_from(now_ms - report.opened_at_ms).unwrap_or(0),
        _ => report.elapsed_ms,
    };
    let of = |share: &WorkerShare| {
        times.iter().find(|times| times.worker == share.worker_id && times.role == share.role)
    };
    let mut workers: Vec<_> =
        report.workers.iter().map(|share| worker(share, of(share), &fleet, spent_ms)).collect();
    for role in Role::ALL {
        let own: Vec<_> = (0..workers.len()).filter(|at| workers[*at].share.role == *role).collect();
        let pace = |at: &usize| {
            of(&workers[*at].share).map_or(Pace { chunks: 0, median_us: 0 }, |of| Pace {
                chunks: of.chunks,
                median_us: of.median_us,
            })
        };
        let slow = stragglers(&own.iter().map(pace).collect::<Vec<_>>());
        own.iter().zip(slow).for_each(|(at, slow)| workers[*at].straggler = slow);
    }
    let totals: Vec<_> = Role::ALL.iter().map(|role| totals(*role, &report.workers)).collect();
    let agree = totals.iter().all(|totals| totals.agree);
    Ok(RunWorkers { workers, totals, agree })
}

fn worker(share: &WorkerShare, times: Option<&ChunkTimes>, fleet: &[WorkerRow], spent_ms: u64) -> RunWorker {
    let row = fleet.iter().find(|row| row.worker_id == share.worker_id);
    let scaled = |n: u64, by: u64, of: u64| {
        let result = u128::from(n) * u128::from(by) / u128::from(of);
        u64::try_from(result).unwrap_or(u64::MAX)
    };
    RunWorker {
        share: share.clone(),
        agrees: share.agrees(),
        state: row.map_or(WorkerState::Unknown, WorkerState::of),
        version: row.map(|row| row.version.clone()),
        pid: row.map(|row| row.pid),
        rate: (share.busy_us > 0).then(|| scaled(share.reported.records, 1_000_000, share.busy_us)),
        busy_share: (spent_ms > 0).then(|| scaled(share.busy_us, 10, spent_ms)),
        chunk_ms_median: times.map(|times| millis(times.median_us)),
        chunk_ms_p95: times.map(|times| millis(times.p95_us)),
        straggler: false,
    }
}

fn totals(role: Role, shares: &[WorkerShare]) -> RoleTotals {
    let mut sums =
        RoleTotals { role, reported: Counts::default(), ledger: Counts::default(), tables: 0, agree: true };
    for share in shares.iter().filter(|share| share.role == role) {
        sums.reported.merge(&share.reported);
        sums.ledger.merge(&share.ledger);
        sums.tables += share.table;
        sums.agree &= share.agrees();
    }
    sums
}

/// Microseconds as milliseconds with three digits.
fn millis(us: u64) -> String {
    format!("{}.{:03}", us / 1000, us % 1000)
}
