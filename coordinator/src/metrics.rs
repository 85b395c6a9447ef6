//! What a coordinator counts, for monitoring systems. It is lost with the process; the ledger's figures are the ones
//! that decide.

use platform::life::Life;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Where the buckets of a drive's duration end, in seconds: small loads take seconds, large ones hours.
const SECONDS: [f64; 10] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 4.0 * 3600.0, 12.0 * 3600.0];

domain::named! {
    /// How a coordinator let go of a run.
    pub enum DriveEnd {
        /// It was reconciled and promoted.
        Promoted = "promoted",
        /// It was not reconciled.
        NotReconciled = "not-reconciled",
        /// It waits for approval.
        AwaitingApproval = "awaiting-approval",
        /// It was cancelled, or backed out.
        Cancelled = "cancelled",
        /// An error, or a stop: the run can be resumed.
        Interrupted = "interrupted",
    }
}

domain::named! {
    /// What became of a chunk, as its coordinator saw it.
    pub enum ChunkStep {
        /// It was published for the first time in this drive.
        HandedOut = "handed-out",
        /// It was published again, because nobody had committed it for long.
        HandedOutAgain = "handed-out-again",
        /// The ledger has it as committed.
        Committed = "committed",
        /// The ledger has it as set aside.
        SetAside = "set-aside",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    end: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Step {
    step: &'static str,
}

/// What one coordinator counts, over all of its runs. Clones count together.
#[derive(Debug, Clone)]
pub struct CoordinatorMetrics {
    /// Turned with each look for runs that wait.
    pub life: Life,
    active: Gauge,
    runs_in_hand: Gauge,
    runs: Family<Ended, Counter>,
    drive: Histogram,
    chunks: Family<Step, Counter>,
    records: Counter,
    bytes: Counter,
}

impl Default for CoordinatorMetrics {
    fn default() -> Self {
        let metrics = Self {
            life: Life::default(),
            active: Gauge::default(),
            runs_in_hand: Gauge::default(),
            runs: Family::default(),
            drive: Histogram::new(SECONDS),
            chunks: Family::default(),
            records: Counter::default(),
            bytes: Counter::default(),
        };
        // Each begins with 0, and is not missing until the first time.
        for end in DriveEnd::ALL {
            drop(metrics.runs.get_or_create(&Ended { end: end.name() }));
        }
        for step in ChunkStep::ALL {
            drop(metrics.chunks.get_or_create(&Step { step: step.name() }));
        }
        metrics
    }
}

/// A run in hand, until it is dropped.
pub(crate) struct RunInHand<'a>(&'a CoordinatorMetrics);

impl Drop for RunInHand<'_> {
    fn drop(&mut self) {
        self.0.runs_in_hand.dec();
    }
}

impl CoordinatorMetrics {
    /// Registers everything that the coordinator counts.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "coordinator_active",
            "Whether this coordinator is the active one: 1, or 0 while it stands by",
            self.active.clone(),
        );
        registry.register(
            "coordinator_runs_in_hand",
            "Runs that this coordinator drives at this moment",
            self.runs_in_hand.clone(),
        );
        registry.register(
            "coordinator_runs",
            "Runs that this coordinator let go of, by how",
            self.runs.clone(),
        );
        registry.register(
            "coordinator_drive_seconds",
            "Time that this coordinator drove a run, from its lease to its end",
            self.drive.clone(),
        );
        registry.register(
            "coordinator_chunks",
            "Chunks of the runs that this coordinator drove, by what became of them",
            self.chunks.clone(),
        );
        registry.register(
            "coordinator_records",
            "Records of the chunks that this coordinator handed out for the first time",
            self.records.clone(),
        );
        registry.register(
            "coordinator_bytes",
            "Bytes of the chunks that this coordinator handed out for the first time",
            self.bytes.clone(),
        );
    }

    /// Notes whether this coordinator is the active one.
    pub(crate) fn is_active(&self, is_active: bool) {
        self.active.set(i64::from(is_active));
    }

    /// A run is driven until the returned guard is dropped.
    pub(crate) fn drives(&self) -> RunInHand<'_> {
        self.runs_in_hand.inc();
        RunInHand(self)
    }

    /// A run was let go of after `seconds`.
    pub(crate) fn ended(&self, end: DriveEnd, seconds: f64) {
        self.runs.get_or_create(&Ended { end: end.name() }).inc();
        self.drive.observe(seconds);
    }

    /// Something became of a chunk.
    pub(crate) fn chunk(&self, step: ChunkStep) {
        self.chunks.get_or_create(&Step { step: step.name() }).inc();
    }

    /// A chunk was handed out for the first time.
    pub(crate) fn handed_out(&self, records: u64, bytes: usize) {
        self.chunk(ChunkStep::HandedOut);
        self.records.inc_by(records);
        self.bytes.inc_by(bytes as u64);
    }
}
