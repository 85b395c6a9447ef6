//! Comparisons by workers on the in-process broker: duplicated, reordered, lost, forged, and with no worker at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use broker::in_process::{Faults, InProcess, Limits};
use broker::{Broker, BrokerError, Consumer, Queue};
use bytes::Bytes;
use domain::comparison::{LoadOutcome, LoadReport, TargetSummary};
use domain::event_kind::EventKind;
use fastrand::Rng;
use platform::clock::SystemClock;
use post::{Post, PostSettings};
use sqlite::{SqliteStore, SqliteTarget};
use store::Store;
use store::target::{Prepared, SharedReaders, SharedSnapshot, Target, TargetError, TargetReader, Wanted};
use wire::comparison::{CompareAnswer, Said};
use wire::{BodyCompression, Sealing, seal::seal};
use worker::WorkerContext;

use super::{Fleet, Helper, PATIENCE, Patience};
use crate::tests::{Bench, Posting, postings};

const MEMORY: usize = 8 << 20;

/// For tasks that are lost: they are handed out again soon, and not given up because the machine is busy.
const FOR_THE_LOST: Patience = Patience {
    look: Duration::from_millis(20),
    quiet: Duration::from_secs(2),
    silence: Duration::from_secs(60),
};

/// For a fleet without workers.
const FOR_NO_ONE: Patience = Patience {
    look: Duration::from_millis(20),
    quiet: Duration::from_millis(200),
    silence: Duration::from_millis(400),
};

/// An SQLite database that says that workers can read it too.
struct Shared(SqliteTarget);

#[async_trait]
impl Target for Shared {
    fn summary(&self) -> TargetSummary {
        self.0.summary()
    }

    async fn prepare(&self, wanted: Wanted) -> Result<Prepared, TargetError> {
        self.0.prepare(wanted).await
    }

    fn shared(&self) -> Option<SharedSnapshot> {
        Some(SharedSnapshot { server: "here".into(), snapshot: "now".into() })
    }

    async fn reader(&self) -> Result<Box<dyn TargetReader>, TargetError> {
        self.0.reader().await
    }
}

/// What a worker reads it by.
struct Readers(SqliteTarget);

#[async_trait]
impl SharedReaders for Readers {
    async fn reader(&self, of: &SharedSnapshot) -> Result<Box<dyn TargetReader>, TargetError> {
        assert_eq!((of.server.as_str(), of.snapshot.as_str()), ("here", "now"));
        self.0.reader().await
    }
}

/// Loses the first message of each queue of tasks, as a queue does that is purged.
struct Losing {
    below: Arc<dyn Broker>,
    lost: [AtomicUsize; 2],
}

#[async_trait]
impl Broker for Losing {
    async fn publish(&self, queue: Queue, body: Bytes) -> Result<(), BrokerError> {
        let lost = match queue {
            Queue::Comparisons => Some(&self.lost[0]),
            Queue::Readings => Some(&self.lost[1]),
            _ => None,
        };
        match lost {
            Some(lost) if lost.fetch_add(1, Ordering::Relaxed) == 0 => Ok(()),
            _ => self.below.publish(queue, body).await,
        }
    }

    async fn consume(&self, queue: Queue, prefetch: usize) -> Result<Box<dyn Consumer>, BrokerError> {
        self.below.consume(queue, prefetch).await
    }

    async fn depth(&self, queue: Queue) -> Result<usize, BrokerError> {
        self.below.depth(queue).await
    }

    async fn close(&self) {
        self.below.close().await;
    }
}

/// A file, a table with the same postings or damaged ones, and a fleet's surroundings.
struct Scene {
    bench: Bench,
    store: Arc<dyn Store>,
}

impl Scene {
    async fn new(count: usize, damage: &str) -> Self {
        let bench = Bench::new();
        let postings: Vec<Posting> = postings(&mut Rng::with_seed(7), count);
        bench.file(&postings);
        bench.load(&postings);
        bench.sql(damage);
        let url = format!("sqlite:{}", bench.path("store.db").display());
        Self { bench, store: Arc::new(SqliteStore::open(&url).await.unwrap()) }
    }

    fn post(&self, broker: &Arc<dyn Broker>) -> Arc<Post> {
        let (broker, store) = (Arc::clone(broker), Arc::clone(&self.store));
        Post::new(broker, store, Arc::new(SystemClock), PostSettings::default(), "test@here")
    }

    /// Two processors and two writers.
    fn workers(&self, broker: &Arc<dyn Broker>) -> worker::Fleet {
        let post = self.post(broker);
        let readers = Arc::new(Readers(self.bench.target()));
        let helper = Arc::new(Helper::new(Arc::clone(&post), Some(readers), "here"));
        let with = WorkerContext { comparisons: Some(helper), ..WorkerContext::new(post) };
        worker::Fleet::start(with, "here", 2, 2)
    }

    async fn fleet(&self, broker: &Arc<dyn Broker>, patience: Patience) -> Arc<Fleet> {
        Fleet::patient(self.post(broker), self.bench.path(""), "test@here", patience).await.unwrap()
    }

    /// What the comparison came to: by workers, or by this process alone.
    async fn report(&self, fleet: Option<Arc<Fleet>>) -> Result<LoadReport, String> {
        let target: Arc<dyn Target> = Arc::new(Shared(self.bench.target()));
        let mut compare = self.bench.comparison(target, "", MEMORY);
        compare.fleet = fleet;
        let done = tokio::time::timeout(Duration::from_secs(60), compare.run()).await;
        done.expect("it hangs").map_err(|error| error.to_string())
    }
}

/// Everything but who did it, and how long that took.
fn result(report: LoadReport) -> serde_json::Value {
    let mut report = serde_json::to_value(report).unwrap();
    for part in ["workers", "started_at_ms", "elapsed_ms"] {
        report.as_object_mut().unwrap().remove(part).unwrap();
    }
    for check in report["checks"].as_array_mut().unwrap() {
        check.as_object_mut().unwrap().remove("at_ms").unwrap();
    }
    report
}

fn in_process(faults: Faults) -> Arc<dyn Broker> {
    Arc::new(InProcess::with_faults(Limits::default(), faults))
}

const DAMAGE: &str = "UPDATE ledger SET amount = '0.01' WHERE posting_no = 71;
                      DELETE FROM ledger WHERE posting_no = 78;
                      INSERT INTO ledger SELECT * FROM ledger WHERE posting_no = 85";

#[tokio::test(flavor = "multi_thread")]
async fn workers_come_to_what_one_process_comes_to_whatever_the_broker_does() {
    let scene = Scene::new(60_000, DAMAGE).await;
    let alone = scene.report(None).await.unwrap();
    assert_eq!((alone.outcome, alone.differences), (LoadOutcome::NotReconciled, 3));
    let alone = result(alone);
    for seed in 0..4 {
        let often = 200 * seed as u32;
        let faults = Faults {
            seed,
            duplicate: often,
            redeliver: often,
            reorder: often,
            delay: often,
            lose_confirm: often / 2,
        };
        let broker = in_process(faults);
        let (workers, fleet) = (scene.workers(&broker), scene.fleet(&broker, PATIENCE).await);
        let report = scene.report(Some(Arc::clone(&fleet))).await.unwrap();
        fleet.end().await;
        workers.stop().await;
        let of = |role: &str| {
            let of_role = report.workers.iter().filter(|one| one.name.starts_with(role));
            of_role.map(|one| one.records).sum::<u64>()
        };
        assert_eq!(
            (of("decoder processor-"), of("reader writer-")),
            (60_000, 60_000),
            "{:?}",
            report.workers
        );
        assert_eq!(result(report), alone, "seed {seed}");
        assert_eq!(scene.store.comparison().await.unwrap(), None, "the fleet is free again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_lost_is_handed_out_again() {
    let scene = Scene::new(100, "").await;
    let broker: Arc<dyn Broker> =
        Arc::new(Losing { below: in_process(Faults::default()), lost: Default::default() });
    let (workers, fleet) = (scene.workers(&broker), scene.fleet(&broker, FOR_THE_LOST).await);
    let report = scene.report(Some(Arc::clone(&fleet))).await.unwrap();
    assert_eq!((report.outcome, report.records), (LoadOutcome::Reconciled, 100));
    fleet.end().await;
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_workers_it_ends_and_says_what_is_missing() {
    let scene = Scene::new(100, "").await;
    let broker = in_process(Faults::default());
    let fleet = scene.fleet(&broker, FOR_NO_ONE).await;
    let error = scene.report(Some(Arc::clone(&fleet))).await.unwrap_err();
    assert!(error.contains("no worker was heard of") && error.contains("crossfoot worker --role"), "{error}");
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_works_for_one_comparison_at_a_time() {
    let scene = Scene::new(10, "").await;
    let broker = in_process(Faults::default());
    let first = scene.fleet(&broker, PATIENCE).await;
    let folder = scene.bench.path("");
    let second = Fleet::patient(scene.post(&broker), folder, "other@there", PATIENCE).await;
    let error = second.err().unwrap().to_string();
    assert!(error.contains("works for another comparison (test@here pid"), "{error}");
    first.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_no_key_sealed_are_refused_and_named_and_change_nothing() {
    let scene = Scene::new(1000, DAMAGE).await;
    let broker = in_process(Faults::default());
    let fleet = scene.fleet(&broker, PATIENCE).await;
    // Whoever can publish to the queues says that the first tasks hold nothing, before any worker can.
    let own = scene.store.identity().await.unwrap();
    for task_no in 0..2 {
        let done = wire::comparison::Done { pieces: 0, entries: vec![0], busy_us: 0, decoded: None };
        let forged = CompareAnswer {
            comparison: fleet.comparison.to_bytes(),
            task_no,
            start: 1,
            worker: "intruder".into(),
            said: Said::Done(done),
        };
        let body = seal(&forged, own, 1, &Sealing::Off, BodyCompression::Plain).unwrap();
        broker.publish(Queue::Compared, body).await.unwrap();
    }
    let workers = scene.workers(&broker);
    let report = scene.report(Some(Arc::clone(&fleet))).await.unwrap();
    assert_eq!(report.differences, 3);
    assert!(report.workers.iter().all(|one| !one.name.contains("intruder")), "{:?}", report.workers);
    fleet.end().await;
    workers.stop().await;
    let refused = scene.store.events_of(EventKind::MessageRefused, 0, 10).await.unwrap();
    assert_eq!(refused.len(), 2, "{refused:?}");
}
