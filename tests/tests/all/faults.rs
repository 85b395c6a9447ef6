//! A broker that duplicates, redelivers, reorders, delays and loses confirmations; coordinators that stop half-way
//! or are fenced off; sources that change. The outcome is the same, or the run says why not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker::in_process::Faults;
use coordinator::load::LoadError;
use coordinator::run::{Drive, Ending, RunError};
use coordinator::verify::VerifyError;
use domain::check::{Stage, Verdict};
use domain::lifecycle::RunState;
use fastrand::Rng;
use store::{Claim, StoreError};
use tests::fleet::{Bench, Ended, Setup, within};
use tests::jobs;
use tests::late::LateProcessorCounts;
use tests::ledger::Ledger;
use tests::proof;

fn faults(seed: u64) -> Faults {
    let mut random = Rng::with_seed(seed);
    let mut often = || random.u32(..400);
    Faults {
        seed,
        duplicate: often(),
        redeliver: often(),
        reorder: often(),
        delay: often(),
        // Five lost in a row end the drive, which is then to be resumed: rare here, and a test of its own below.
        lose_confirm: often() / 8,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_broker_does_to_messages_every_record_arrives_once() {
    let ledger = Ledger::random(3, 120);
    let fingerprint = proof::fingerprint(&ledger.leaves());
    for seed in 0..40 {
        let mut random = Rng::with_seed(seed);
        let setup = Setup {
            processors: 1 + random.usize(..3),
            writers: 1 + random.usize(..3),
            chunk_records: 1 + random.u64(..12),
            faults: faults(seed),
            ..Setup::default()
        };
        let bench = Bench::with(setup).await;
        let ended = bench.load(&jobs::ledger(), &ledger.csv()).await;
        assert_eq!(ended.ending, Ending::Promoted, "{setup:?} {:#?}", ended.failed());
        assert_eq!(
            ended.level(Stage::Final),
            (120, ended.level(Stage::Source).1, fingerprint.clone()),
            "{setup:?}"
        );
        assert_eq!(
            (bench.final_rows(), bench.number("SELECT count(*) FROM stg_ledger")),
            (120, 120),
            "{setup:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_processor_whose_counts_come_after_the_writers_is_waited_for() {
    // GIVEN a broker that delivers a processor's counts only once those of the chunk's writer were kept
    let ledger = Ledger::random(4, 20);
    for _ in 0..10 {
        let bench = Bench::with(Setup { processors: 1, writers: 1, ..Setup::default() }).await;
        let sql = Mutex::new(bench.sql());
        let coordinator = bench.coordinator_on(|broker| {
            Arc::new(LateProcessorCounts::new(broker, move |chunk_no| {
                let kept =
                    "SELECT count(*) > 0 FROM crossfoot_report WHERE role = 'writer' AND chunk_no = ?1";
                sql.lock().unwrap().query_row(kept, [chunk_no], |row| row.get(0)).unwrap()
            }))
        });
        let run_id = bench.open(&bench.request(&jobs::ledger(), &ledger.csv())).await.unwrap();
        // WHEN a run is driven THEN the counts of the last chunk are not missing from it
        let ending = bench.drive_with(&coordinator, run_id, &Drive::default()).await.unwrap();
        let report = bench.report(run_id).await;
        assert_eq!(ending, Ending::Promoted, "{:#?}", report.workers);
        assert_eq!(report.workers.iter().map(|share| share.unreported_chunks).sum::<u64>(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_stopped_anywhere_goes_on_to_the_same_fingerprint() {
    let ledger = Ledger::random(5, 300);
    let fingerprint = proof::fingerprint(&ledger.leaves());
    for seed in 0..15 {
        let bench = Bench::with(Setup { chunk_records: 5, faults: faults(seed), ..Setup::default() }).await;
        let run_id = bench.open(&bench.request(&jobs::ledger(), &ledger.csv())).await.unwrap();
        // GIVEN a coordinator that is stopped when so many signs of progress were seen
        let mut random = Rng::with_seed(seed);
        let mut stops = 0;
        let ending = loop {
            let coordinator = bench.coordinator();
            let mut watcher = coordinator.watch.subscribe();
            let (stop, signs) = (coordinator.stop.clone(), random.u64(..120) + 5);
            let stopper = tokio::spawn(async move {
                for _ in 0..signs {
                    if watcher.changed().await.is_err() {
                        return;
                    }
                }
                stop.cancel();
            });
            // WHEN another one takes the run up, with a fleet of its own
            let ended = bench.drive_with(&coordinator, run_id, &Drive::default()).await;
            stopper.abort();
            match ended {
                Ok(ending) => break ending,
                Err(RunError::Load(LoadError::Stopped)) => stops += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
        };
        // THEN it comes to the same end
        let ended = Ended { run_id, ending, report: bench.report(run_id).await }.promoted();
        assert_eq!(ended.level(Stage::Final).2, fingerprint, "seed {seed}, stopped {stops} times");
        assert_eq!((bench.final_rows(), bench.number("SELECT count(*) FROM stg_ledger")), (300, 300));
        // A stop that comes while the promotion is committed is too late: the next coordinator finds the run over,
        // and does
        // not take it up.
        let epoch = bench.number("SELECT epoch FROM crossfoot_run");
        assert!(epoch == stops + 1 || epoch == stops, "seed {seed}: epoch {epoch}, stopped {stops} times");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_changes_between_opening_and_loading_is_not_promoted() {
    let ledger = Ledger::random(6, 40);
    let bench = Bench::new().await;
    // of the same length, longer, and gone to another content of whole records
    let mut altered = ledger.clone();
    altered.0[7].account = "DE99999".into();
    let longer = Ledger::random(6, 41);
    for changed in [altered, longer] {
        let run_id = bench.open(&bench.request(&jobs::ledger(), &ledger.csv())).await.unwrap();
        std::fs::write(bench.path("source.dat"), changed.csv()).unwrap();
        let ended = bench.drive(run_id, &Drive::default()).await.not_reconciled();
        let check = ended.check("source unchanged during the run");
        assert_eq!((check.verdict, check.invariant.unwrap().number()), (Verdict::Fail, "INV-12"));
        assert_eq!(bench.final_rows(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_changes_while_a_run_waits_for_approval_is_not_promoted() {
    let (ledger, job) = (Ledger::random(7, 40), jobs::ledger());
    for change in ["altered", "cut off"] {
        let bench = Bench::new().await;
        let run_id = bench.stage(&job, &ledger.csv()).await;
        let mut bytes = ledger.csv();
        match change {
            "altered" => *bytes.iter_mut().rev().find(|byte| byte.is_ascii_digit()).unwrap() ^= 1,
            _ => bytes.truncate(100),
        }
        std::fs::write(bench.path("source.dat"), bytes).unwrap();
        let ended = bench.approve(run_id).await.not_reconciled();
        let failed: Vec<_> = ended.failed().iter().map(|check| check.name.as_str()).collect();
        assert_eq!(failed[0], "source unchanged during the run", "{change}: {failed:?}");
        assert_eq!(bench.final_rows(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_whose_run_was_cancelled_by_another_is_fenced_off() {
    let ledger = Ledger::random(8, 200);
    let bench = Bench::with(Setup { chunk_records: 1, ..Setup::default() }).await;
    let run_id = bench.open(&bench.request(&jobs::ledger(), &ledger.csv())).await.unwrap();
    let (first, second) = (bench.coordinator(), bench.coordinator());
    // GIVEN a coordinator at work
    let mut watcher = first.watch.subscribe();
    let cancelled = async {
        within("the first chunk", watcher.wait_for(|now| now.chunks_committed > 0)).await.unwrap();
        // WHEN another one gives the run up
        second.cancel(run_id, Some("wrong file")).await.unwrap()
    };
    let how = Drive::default();
    let (ended, run) = tokio::join!(bench.drive_with(&first, run_id, &how), cancelled);
    // THEN the first one may change nothing any more, and a late batch neither
    assert!(is_fenced(&ended), "{ended:?}");
    assert_eq!(run.state, RunState::Cancelled);
    assert_eq!(bench.store.run(run_id).await.unwrap().state, RunState::Cancelled);
    assert_eq!(bench.final_rows(), 0);
    assert_eq!(bench.drive(run_id, &Drive::default()).await.ending, Ending::Cancelled);
}

fn is_fenced(ended: &Result<Ending, RunError>) -> bool {
    let Err(
        RunError::Store(error)
        | RunError::Load(LoadError::Store(error))
        | RunError::Verify(VerifyError::Store(error)),
    ) = ended
    else {
        return false;
    };
    matches!(error, StoreError::Fenced { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_the_hands_of_a_living_coordinator_is_not_taken_up_until_its_lease_runs_out() {
    // GIVEN a coordinator of another host that took the run up and was not heard of again
    let bench = Bench::new().await;
    let ledger = Ledger::random(9, 10);
    let run_id = bench.open(&bench.request(&jobs::ledger(), &ledger.csv())).await.unwrap();
    let lasts = Duration::from_secs(3);
    bench.store.acquire_lease(run_id, "someone@elsewhere pid 1", lasts, Claim::IfFree).await.unwrap();
    // WHEN this one tries before and after the lease has run out
    let early = bench.drive_with(&bench.coordinator(), run_id, &Drive::default()).await.unwrap_err();
    assert!(early.to_string().contains("someone@elsewhere"), "{early}");
    within("the lease runs out", async {
        while bench.store.lease(run_id).await.unwrap().is_some_and(|lease| !lease.left.is_zero()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // THEN only the second time it may
    bench.drive(run_id, &Drive::default()).await.promoted();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirmations_that_are_lost_again_and_again_take_nothing_from_a_workers_share() {
    let ledger = Ledger::random(14, 60);
    for seed in 0..6 {
        let faults = Faults { seed, lose_confirm: 500, ..Faults::default() };
        let bench = Bench::with(Setup { chunk_records: 3, faults, ..Setup::default() }).await;
        let run_id = bench.open(&bench.request(&jobs::ledger(), &ledger.csv())).await.unwrap();
        // Lost confirmations are no fault of a chunk; a drive that cannot hand one out is taken up again.
        loop {
            match bench.drive_with(&bench.coordinator(), run_id, &Drive::default()).await {
                Ok(ending) => break assert_eq!(ending, Ending::Promoted, "seed {seed}"),
                Err(RunError::Load(LoadError::Broker(_)) | RunError::Verify(VerifyError::Broker(_))) => {}
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
        assert_eq!(bench.final_rows(), 60);
    }
}
