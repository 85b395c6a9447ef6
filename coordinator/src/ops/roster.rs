//! Which processes of the fleet are alive, and what each holds: workers by their register, coordinators by their
//! leases.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::attendance::Missing;
use domain::ids::{ChunkNo, RunId, WorkerId};
use domain::lease::Holder;
use platform::clock::iso;
use schemars::JsonSchema;
use serde::Serialize;
use store::model::{BegunChunk, WorkerRow};
use store::{Store, StoreError};

use super::attendance::{ALIVE, has_service, missing_workers};
use crate::context::lease::LEASE;
use crate::context::owner::is_dead_here;

/// A worker that did not say that it stops is listed as silent for this long.
const SILENT: Duration = Duration::from_secs(60 * 60);

/// How many runs that are not over are looked at, and how many chunks that are being worked on.
const LOOKED_AT: u32 = 1000;

domain::named! {
    /// What a process of the fleet does.
    #[derive(PartialOrd, Ord, Serialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum MemberRole {
        /// The coordinator service, which drives submitted runs.
        CoordinatorService = "coordinator service",
        /// A coordinator that drives runs and is not the service, such as `crossfoot run`.
        Coordinator = "coordinator",
        /// Decodes chunks.
        Processor = "processor",
        /// Commits batches.
        Writer = "writer",
    }
}

/// What a process holds: a run that it drives, or a chunk that it works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MemberHolds {
    /// The id of the run.
    pub run_id: RunId,
    /// The chunk's number in the run; null for a whole run.
    pub chunk_no: Option<ChunkNo>,
}

/// A process of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Member {
    /// What it does.
    pub role: MemberRole,
    /// A worker's name; of a coordinator, its operator.
    pub name: String,
    /// A worker's number in the store; null for a coordinator.
    pub worker_id: Option<WorkerId>,
    /// The host it runs on; null if it did not say.
    pub host: Option<String>,
    /// The number of its process on its host; null if it did not say.
    pub pid: Option<u32>,
    /// The version of Crossfoot that it runs; null if it did not say.
    pub version: Option<String>,
    /// When it started, UTC, by its host's clock: `2024-02-29T13:45:00.123Z`; null if it did not say.
    pub since: Option<String>,
    /// How long ago its last heartbeat was, in milliseconds, by the database's clock. One comes every five seconds.
    pub last_seen_ms: u64,
    /// Whether it counts as alive. A worker that is not has been silent for too long without saying that it stops.
    pub is_alive: bool,
    /// Whether an operator asked it to finish its work in hand and end.
    pub is_draining: bool,
    /// What it holds.
    pub holds: Vec<MemberHolds>,
}

/// The fleet of a store at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// The processes, by role and name.
    pub members: Vec<Member>,
    /// Which processes a submitted run would wait for.
    pub missing: Missing,
}

/// Lists the processes that are alive, and the workers that fell silent within the last hour.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn roster(store: &dyn Store) -> Result<Roster, StoreError> {
    let mut members = coordinators(store).await?;
    let begun = store.begun_chunks(None, LOOKED_AT).await?;
    let workers = store.fleet(Some(SILENT)).await?;
    members.extend(workers.iter().filter(|row| row.stopped_at_ms.is_none()).map(|row| worker(row, &begun)));
    members.sort_by(|one, other| {
        (one.role, &one.name, &one.since).cmp(&(other.role, &other.name, &other.since))
    });
    let missing = Missing { coordinator: !has_service(store).await?, ..missing_workers(store).await? };
    Ok(Roster { members, missing })
}

fn worker(row: &WorkerRow, begun: &[BegunChunk]) -> Member {
    let is_alive = row.silent <= ALIVE;
    let holds = begun.iter().filter(|chunk| chunk.worker == row.worker_id);
    Member {
        role: match row.role {
            domain::counts::Role::Processor => MemberRole::Processor,
            domain::counts::Role::Writer => MemberRole::Writer,
        },
        name: row.name.clone(),
        worker_id: Some(row.worker_id),
        host: Some(row.host.clone()),
        pid: Some(row.pid),
        version: Some(row.version.clone()),
        since: Some(iso(row.started_at_ms)),
        last_seen_ms: millis(row.silent),
        is_alive,
        is_draining: row.drain_asked_at_ms.is_some(),
        holds: holds
            .map(|chunk| MemberHolds { run_id: chunk.run_id, chunk_no: Some(chunk.chunk_no) })
            .collect(),
    }
}

/// A process that signed a lease.
struct Signed {
    is_service: bool,
    silent: Duration,
    runs: Vec<RunId>,
}

/// Coordinators are not in a register: those are listed that hold a lease.
async fn coordinators(store: &dyn Store) -> Result<Vec<Member>, StoreError> {
    let mut signed: BTreeMap<String, Signed> = BTreeMap::new();
    let mut sign = |lease: Option<store::Lease>, run_id: Option<RunId>| {
        let Some(lease) = lease.filter(|lease| !lease.left.is_zero() && !is_dead_here(&lease.owner)) else {
            return;
        };
        // A lease is renewed for its whole length.
        let silent = LEASE.saturating_sub(lease.left);
        let one = signed.entry(lease.owner).or_insert(Signed { is_service: false, silent, runs: Vec::new() });
        one.is_service |= run_id.is_none();
        one.silent = one.silent.min(silent);
        one.runs.extend(run_id);
    };
    sign(store.service().await?, None);
    for held in store.run_leases().await? {
        sign(Some(held.lease), Some(held.run_id));
    }
    let member = |(owner, Signed { is_service, silent, runs }): (String, Signed)| {
        let holder = Holder::of(&owner);
        Member {
            role: if is_service { MemberRole::CoordinatorService } else { MemberRole::Coordinator },
            name: holder.actor.rsplit_once('@').map_or(holder.actor, |(user, _)| user).to_owned(),
            worker_id: None,
            host: holder.host.map(str::to_owned),
            pid: holder.pid,
            version: holder.version.map(str::to_owned),
            since: holder.since.map(str::to_owned),
            last_seen_ms: millis(silent),
            is_alive: true,
            is_draining: false,
            holds: runs.into_iter().map(|run_id| MemberHolds { run_id, chunk_no: None }).collect(),
        }
    };
    Ok(signed.into_iter().map(member).collect())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
