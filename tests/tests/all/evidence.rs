//! The evidence log: whole after whatever happened, closed to changes, and telling when someone got round that.

use coordinator::evidence::audit;
use domain::event::Head;
use domain::ids::RunId;
use tests::fleet::Bench;
use tests::jobs;
use tests::ledger::Ledger;

/// A store with a promoted, a failed, a paused and a cancelled run in its log.
async fn lived_in() -> (Bench, Vec<RunId>) {
    let bench = Bench::new().await;
    let job = jobs::ledger();
    let promoted = bench.load(&job, &Ledger::random(50, 20).csv()).await.promoted().run_id;
    let failed = bench.load(&job, &Ledger::random(51, 20).csv()).await.not_reconciled().run_id;
    let fresh = job.record("key = [\"id\"]\nmode = \"upsert\"");
    let approved = bench.stage(&fresh, &Ledger::random(52, 20).csv()).await;
    bench.approve(approved).await.promoted();
    let cancelled = bench.stage(&fresh, &Ledger::random(53, 20).csv()).await;
    bench.coordinator().cancel(cancelled, Some("not this one")).await.unwrap();
    bench.coordinator().purge(cancelled, None).await.unwrap();
    (bench, vec![promoted, failed, approved, cancelled])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_each_runs_life_and_is_whole() {
    let (bench, runs) = lived_in().await;
    let events = bench.store.events(0, 1000).await.unwrap();
    let head = audit::verify(&*bench.store, None).await.unwrap();
    assert_eq!((head.seq, head.hash), (events.len() as u64, events.last().unwrap().hash));
    let life = |run: &RunId| -> Vec<String> {
        let of_run = events.iter().filter(|event| event.entry.run_id == Some(run.to_string()));
        of_run.map(|event| event.entry.kind.clone()).collect()
    };
    assert_eq!(life(&runs[0]), ["opened", "staged", "promoted"]);
    assert_eq!(life(&runs[1]), ["opened", "staged", "not-reconciled"]);
    assert_eq!(life(&runs[2]), ["opened", "staged", "paused", "approved", "resumed", "promoted"]);
    assert_eq!(life(&runs[3]), ["opened", "staged", "paused", "cancelled", "purged"]);
    // AND a head that was noted earlier is still in it
    let noted = Head { seq: events[3].seq, hash: events[3].hash };
    audit::verify(&*bench.store, Some(noted.into())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_refuses_updates_and_deletions() {
    let (bench, _) = lived_in().await;
    for sql in [
        "UPDATE crossfoot_event SET detail = '{}' WHERE seq = 1",
        "DELETE FROM crossfoot_event",
        "DELETE FROM crossfoot_event WHERE seq = (SELECT max(seq) FROM crossfoot_event)",
        "INSERT OR REPLACE INTO crossfoot_event SELECT seq, run_id, at_ms, kind, actor, '{}', previous, hash FROM crossfoot_event WHERE seq = 2",
    ] {
        let refused = bench.sql().execute_batch(sql);
        assert!(
            refused.as_ref().is_err_and(|error| error.to_string().contains("append-only")),
            "{sql}: {refused:?}"
        );
    }
    audit::verify(&*bench.store, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_drops_the_triggers_is_given_away_by_the_chain() {
    let open = "DROP TRIGGER crossfoot_event_no_update; DROP TRIGGER crossfoot_event_no_delete;";
    let table = [
        (
            "UPDATE crossfoot_event SET detail = replace(detail, 'ledger', 'Ledger') WHERE seq = 1",
            "event 1 was altered",
        ),
        ("UPDATE crossfoot_event SET at_ms = at_ms - 1 WHERE seq = 3", "event 3 was altered"),
        ("UPDATE crossfoot_event SET actor = 'nobody' WHERE seq = 5", "event 5 was altered"),
        ("UPDATE crossfoot_event SET run_id = NULL WHERE seq = 2", "event 2 was altered"),
        ("UPDATE crossfoot_event SET hash = previous WHERE seq = 4", "event 4 was altered"),
        ("UPDATE crossfoot_event SET previous = hash WHERE seq = 4", "event 4 does not follow event 3"),
        ("DELETE FROM crossfoot_event WHERE seq = 4", "found event 5 instead of event 4"),
        ("DELETE FROM crossfoot_event WHERE seq = 1", "found event 2 instead of event 1"),
        (
            "DELETE FROM crossfoot_event WHERE seq = 4; UPDATE crossfoot_event SET seq = seq - 1 WHERE seq > 4",
            "event 4 does not follow event 3",
        ),
        (
            "UPDATE crossfoot_event SET seq = -seq WHERE seq IN (2, 3); UPDATE crossfoot_event SET seq = CASE seq WHEN -2 THEN 3 ELSE 2 END WHERE seq < 0",
            "event 2 does not follow event 1",
        ),
    ];
    for (sql, told) in table {
        let bench = Bench::new().await;
        bench.load(&jobs::ledger(), &Ledger::random(54, 20).csv()).await.promoted();
        bench.load(&jobs::ledger(), &Ledger::random(55, 20).csv()).await.not_reconciled();
        bench.execute(&format!("{open} {sql}"));
        let error = audit::verify(&*bench.store, None).await.unwrap_err().to_string();
        assert!(error.contains(told), "{sql}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_end_was_cut_off_is_found_by_a_head_that_was_noted() {
    let bench = Bench::new().await;
    bench.load(&jobs::ledger(), &Ledger::random(56, 20).csv()).await.promoted();
    let noted = audit::head(&*bench.store).await.unwrap();
    bench.execute("DROP TRIGGER crossfoot_event_no_delete; DELETE FROM crossfoot_event WHERE seq = 3");
    audit::verify(&*bench.store, None).await.unwrap();
    let error = audit::verify(&*bench.store, noted.map(Into::into)).await.unwrap_err().to_string();
    assert!(error.contains("the end was cut off"), "{error}");
}
