//! What the workers of a process count, for monitoring systems. Counting costs a few additions for each message; what
//! is counted is lost with the process, and the ledger's figures are the ones that decide.

use broker::Queue;
use domain::counts::Role;
use platform::life::Life;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use wire::ChunkCounts;

/// Where the buckets of durations end, in seconds: a chunk takes milliseconds, a range seconds, a lock a minute.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

domain::named! {
    /// What became of a message that a worker took.
    #[derive(Hash)]
    pub enum Became {
        /// Its effect is durable, or there was nothing to do.
        Done = "done",
        /// It failed and comes again.
        Failed = "failed",
        /// It failed for the last time: its chunk was set aside.
        GivenUp = "given-up",
        /// The broker or the store failed, and it comes again.
        Postponed = "postponed",
        /// It is not genuine.
        Refused = "refused",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRole {
    role: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfQueue {
    queue: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Settled {
    queue: &'static str,
    result: &'static str,
}

/// What the workers of one process count. Clones count together.
#[derive(Debug, Clone)]
pub struct WorkerMetrics {
    /// Turned with each heartbeat.
    pub life: Life,
    /// How long the decoding of a chunk took.
    pub(crate) decode: Histogram,
    /// How long the commit of a batch took.
    pub(crate) commit: Histogram,
    /// How long it took to read a range back.
    pub(crate) read_back: Histogram,
    records: Family<OfRole, Counter>,
    rejects: Family<OfRole, Counter>,
    bytes: Family<OfRole, Counter>,
    records_read_back: Counter,
    messages: Family<Settled, Counter>,
    in_hand: Family<OfQueue, Gauge>,
    restarts: Family<OfRole, Counter>,
}

impl Default for WorkerMetrics {
    fn default() -> Self {
        Self {
            life: Life::default(),
            decode: Histogram::new(SECONDS),
            commit: Histogram::new(SECONDS),
            read_back: Histogram::new(SECONDS),
            records: Family::default(),
            rejects: Family::default(),
            bytes: Family::default(),
            records_read_back: Counter::default(),
            messages: Family::default(),
            in_hand: Family::default(),
            restarts: Family::default(),
        }
    }
}

impl WorkerMetrics {
    /// Registers everything that the workers of the process count.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "worker_records",
            "Records that were decoded and handed on (processor), or committed to staging or as rejects (writer)",
            self.records.clone(),
        );
        registry.register(
            "worker_rejects",
            "Of these records, those that were rejected",
            self.rejects.clone(),
        );
        registry.register(
            "worker_bytes",
            "Bytes of the chunks that were decoded (processor), or of the batches that were committed (writer)",
            self.bytes.clone(),
        );
        registry.register(
            "worker_records_read_back",
            "Records that were read back from staging and digested",
            self.records_read_back.clone(),
        );
        registry.register(
            "worker_messages",
            "Chunks, batches and ranges that were taken from their queues, by what became of them",
            self.messages.clone(),
        );
        registry.register(
            "worker_messages_in_hand",
            "Messages that workers of this process work on at this moment",
            self.in_hand.clone(),
        );
        registry.register("worker_decode_seconds", "Time to decode a chunk", self.decode.clone());
        registry.register("worker_commit_seconds", "Time to commit a batch", self.commit.clone());
        registry.register(
            "worker_readback_seconds",
            "Time to read a range of chunks back from staging and to digest it",
            self.read_back.clone(),
        );
        registry.register(
            "worker_restarts",
            "How often a worker of this process ended by itself and was started again",
            self.restarts.clone(),
        );
    }

    /// A worker of this role starts: what it counts begins with 0, and is not missing until the first time.
    pub(crate) fn starts(&self, role: Role) {
        let of = OfRole { role: role.name() };
        for family in [&self.records, &self.rejects, &self.bytes, &self.restarts] {
            drop(family.get_or_create(&of));
        }
    }

    /// A queue is consumed from now on.
    pub(crate) fn consumes(&self, queue: Queue) {
        drop(self.in_hand.get_or_create(&OfQueue { queue: queue.name() }));
        for became in Became::ALL {
            drop(self.messages.get_or_create(&Settled { queue: queue.name(), result: became.name() }));
        }
    }

    /// A chunk was decoded and handed on, or a batch was committed.
    pub(crate) fn loaded(&self, role: Role, counts: &ChunkCounts) {
        let of = OfRole { role: role.name() };
        self.records.get_or_create(&of).inc_by(counts.records);
        self.rejects.get_or_create(&of).inc_by(counts.rejected);
        self.bytes.get_or_create(&of).inc_by(counts.bytes);
    }

    /// A range was read back.
    pub(crate) fn was_read_back(&self, records: u64) {
        self.records_read_back.inc_by(records);
    }

    /// A message was taken or, if `is_taken` is false, let go.
    pub(crate) fn holds(&self, queue: Queue, is_taken: bool) {
        let in_hand = self.in_hand.get_or_create(&OfQueue { queue: queue.name() });
        if is_taken {
            in_hand.inc()
        } else {
            in_hand.dec()
        };
    }

    /// A message was settled.
    pub(crate) fn settled(&self, queue: Queue, became: Became) {
        self.messages.get_or_create(&Settled { queue: queue.name(), result: became.name() }).inc();
    }

    /// A worker ended by itself and is started again.
    pub fn restarted(&self, role: Role) {
        self.restarts.get_or_create(&OfRole { role: role.name() }).inc();
    }
}
