//! Runs that never started: each expected time that was missed is logged and told once, by whichever coordinator looks.

use std::sync::Arc;
use std::time::Duration;

use coordinator::Coordinator;
use coordinator::context::notify::Notify;
use coordinator::evidence::audit;
use coordinator::notice::Told;
use coordinator::ops::schedules::standings;
use coordinator::ops::views::jobs;
use coordinator::service::Service;
use domain::ids::RunId;
use platform::clock::ManualClock;
use tests::fleet::{Bench, within};
use tests::jobs::{JobText, ledger};
use tests::ledger::Ledger;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// 2026-11-27, 02:00:10 UTC: ten seconds after a run is expected.
const OPENED_MS: i64 = 1_795_744_810_000;

/// 2026-11-28, 02:00 UTC.
const EXPECTED_MS: i64 = OPENED_MS - 10_000 + DAY_MS;

fn nightly() -> JobText {
    ledger().and("[schedule]\nexpected = \"0 2 * * *\"\nwithin = \"2h\"")
}

/// A bench whose clock is set, with one run of `job`.
async fn bench(job: &JobText) -> (Bench, Arc<ManualClock>, RunId) {
    let clock = Arc::new(ManualClock::at(OPENED_MS));
    let mut bench = Bench::new().await;
    bench.clock = clock.clone();
    let run_id = bench.load(job, &Ledger::random(71, 30).csv()).await.promoted().run_id;
    (bench, clock, run_id)
}

/// Opens another run, which has no verdict: that it was opened is what counts.
async fn open(bench: &Bench, job: &JobText, seed: u64) {
    bench.open(&bench.request(job, &Ledger::random(seed, 30).csv())).await.unwrap();
}

/// A coordinator of another process, whose command adds a line to the file `told`.
pub(super) fn coordinator(bench: &Bench) -> Coordinator {
    let line = format!(
        "echo \"$CROSSFOOT_OUTCOME $CROSSFOOT_JOB $CROSSFOOT_RUN\" >> {0}; cat >> {0}.json",
        bench.path("told").display()
    );
    let notify = Notify { command: vec!["sh".into(), "-c".into(), line], ..Notify::default() };
    Coordinator { notify: Arc::new(notify), ..bench.coordinator() }
}

pub(super) fn told(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.path("told")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn noted(bench: &Bench) -> i64 {
    bench.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'run-missing'")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expected_time_without_a_run_is_told_once_whoever_looks() {
    let (bench, clock, run_id) = bench(&nightly()).await;
    let look = async || coordinator(&bench).tell_missing().await.unwrap();
    clock.advance_ms(EXPECTED_MS + 2 * HOUR_MS - OPENED_MS - 1);
    assert_eq!((look().await, told(&bench).len()), (0, 0), "it may still come");
    clock.advance_ms(1);
    assert_eq!((look().await, look().await, noted(&bench)), (1, 0, 1));
    let line = format!("missing ledger {run_id}");
    assert_eq!(told(&bench), [line.as_str()]);
    let json = std::fs::read_to_string(bench.path("told.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["outcome"], &json["expected_at_ms"]), (&"missing".into(), &EXPECTED_MS.into()));
    let why = json["why"].as_str().unwrap();
    assert!(
        why.contains("expected at 2026-11-28 02:00 UTC") && why.contains("until 2026-11-28 04:00 UTC"),
        "{why}"
    );

    // WHEN the next one is missed, and several look at a time, THEN one of them tells
    clock.advance_ms(DAY_MS);
    let looks: Vec<_> = (0..4)
        .map(|_| {
            let coordinator = coordinator(&bench);
            tokio::spawn(async move { coordinator.tell_missing().await.unwrap() })
        })
        .collect();
    let mut all = 0;
    for look in looks {
        all += within("looking", look).await.unwrap();
    }
    assert_eq!((all, noted(&bench)), (1, 2));
    assert_eq!(told(&bench), [line.clone(), line]);

    // WHEN no one looked for days, THEN each of them is told; WHEN a run is opened, THEN nothing more
    clock.advance_ms(3 * DAY_MS);
    assert_eq!((look().await, noted(&bench)), (3, 5));
    let standing = standings(&*bench.store, clock_ms(&bench)).await.unwrap()[0].1;
    assert_eq!(standing.missed_at_ms, Some(EXPECTED_MS + 4 * DAY_MS));
    assert_eq!(standing.next_at_ms, Some(EXPECTED_MS + 5 * DAY_MS));
    open(&bench, &nightly(), 72).await;
    assert_eq!((look().await, noted(&bench)), (0, 5));
    let listed = jobs::list(&*bench.store, clock_ms(&bench)).await.unwrap().pop().unwrap();
    assert_eq!((listed.missed_at_ms, listed.next_expected_at_ms), (None, Some(EXPECTED_MS + 5 * DAY_MS)));
    audit::verify(&*bench.store, None).await.unwrap();
}

fn clock_ms(bench: &Bench) -> i64 {
    bench.clock.now_ms()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_has_no_schedule_or_has_one_no_more_expects_nothing() {
    let (bench, clock, _) = bench(&ledger()).await;
    clock.advance_ms(9 * DAY_MS);
    assert_eq!(coordinator(&bench).tell_missing().await.unwrap(), 0);
    let listed = jobs::list(&*bench.store, clock_ms(&bench)).await.unwrap().pop().unwrap();
    assert_eq!((listed.missed_at_ms, listed.next_expected_at_ms), (None, None));
    // WHEN the job gets one, THEN times before its first run with it are not asked about
    open(&bench, &nightly(), 72).await;
    assert_eq!(coordinator(&bench).tell_missing().await.unwrap(), 0);
    clock.advance_ms(DAY_MS + 2 * HOUR_MS);
    assert_eq!(coordinator(&bench).tell_missing().await.unwrap(), 1);
    // AND WHEN it has none any more, THEN nothing is expected
    open(&bench, &ledger(), 73).await;
    clock.advance_ms(9 * DAY_MS);
    assert_eq!((coordinator(&bench).tell_missing().await.unwrap(), noted(&bench)), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_asked_for_is_logged_and_not_told() {
    let (bench, clock, _) = bench(&nightly()).await;
    clock.advance_ms(DAY_MS + 2 * HOUR_MS);
    let quiet = coordinator(&bench);
    let notify = Notify { on: vec![Told::NotReconciled], ..(*quiet.notify).clone() };
    let quiet = Coordinator { notify: Arc::new(notify), ..quiet };
    assert_eq!(quiet.tell_missing().await.unwrap(), 1);
    assert_eq!((noted(&bench), told(&bench).len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_looks_and_a_restart_does_not_tell_again() {
    let (bench, clock, _) = bench(&nightly()).await;
    clock.advance_ms(DAY_MS + 2 * HOUR_MS);
    for missed in 1..=2 {
        let coordinator = coordinator(&bench);
        let stop = coordinator.stop.clone();
        let service = Service { coordinator, runs_max: 1, told: |_, _| {}, keeps: None };
        let serving = tokio::spawn(async move { service.run().await });
        // The second one finds the first time told, and the next day's missed.
        within("telling", async {
            while told(&bench).len() < missed {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        stop.cancel();
        within("stopping", serving).await.unwrap().unwrap();
        assert_eq!((usize::try_from(noted(&bench)).unwrap(), told(&bench).len()), (missed, missed));
        clock.advance_ms(DAY_MS);
    }
}
