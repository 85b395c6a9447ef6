//! What every process of a fleet tells of itself, whatever its role.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What a process knows of itself at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What the process is: `coordinator`, `processor`, `writer`, or roles with commas between them.
    pub role: String,
    /// The version of the program.
    pub version: &'static str,
    /// When the process was started.
    pub started: SystemTime,
    /// The time since its main loop last turned.
    pub idle: Duration,
    /// Whether it can publish to the broker, and consume.
    pub is_connected: bool,
    /// How often it connected to the broker again.
    pub reconnects: u64,
    /// The messages that it refused, by queue.
    pub refused: Vec<(&'static str, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    role: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfQueue {
    queue: &'static str,
}

impl Facts {
    /// Registers them as metrics.
    pub fn register(&self, registry: &mut Registry) {
        let build = Family::<Build, Gauge>::default();
        build.get_or_create(&Build { version: self.version, role: self.role.clone() }).set(1);
        registry.register(
            "build_info",
            "The version of the program, and what this process is; always 1",
            build,
        );
        let started = Gauge::<f64, AtomicU64>::default();
        started.set(self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
        registry.register(
            "process_start_time_seconds",
            "When this process was started, in seconds since 1970",
            started,
        );
        let idle = Gauge::<f64, AtomicU64>::default();
        idle.set(self.idle.as_secs_f64());
        registry.register(
            "process_heartbeat_age_seconds",
            "Time since the main loop of this process turned",
            idle,
        );
        let connected = Gauge::<i64>::default();
        connected.set(i64::from(self.is_connected));
        registry.register(
            "process_broker_connected",
            "Whether this process is connected to the broker: 1 or 0",
            connected,
        );
        let reconnects = Counter::<u64>::default();
        reconnects.inc_by(self.reconnects);
        registry.register(
            "process_broker_reconnects",
            "How often this process connected to the broker again after the connection was lost",
            reconnects,
        );
        let refused = Family::<OfQueue, Counter>::default();
        for (queue, count) in &self.refused {
            refused.get_or_create(&OfQueue { queue }).inc_by(*count);
        }
        registry.register(
            "process_refused_messages",
            "Messages that this process refused: not sealed for this store, or of other bytes than the ledger has",
            refused,
        );
    }
}
