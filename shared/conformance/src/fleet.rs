//! Starts that are charged, heartbeats, the coordinator service, and what workers read back.

use std::time::Duration;

use domain::counts::Role;
use domain::ids::{ChunkNo, WorkerId};
use domain::lifecycle::{ChunkState, RunEvent};
use store::chunks::HandedBack;
use store::model::{
    BegunChunk, ChunkCounts, ChunkRange, ChunkStanding, Heartbeat, NewRun, Readback, Reported, Started, Task,
};
use store::{Claim, Fence, Lease, StoreError};

use super::fixture::{APPEND, LASTS, Loading, cuts, entry, job, new_run, new_worker, row, run_id};
use super::{NOW_MS, Subject};

pub(crate) async fn starts_are_charged_by_chunk_and_role(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks = [vec![row(1, "a", "1.00")], vec![row(2, "b", "1.00")]];
    let cuts = cuts(&chunks);
    let (store, run) = (&loading.store, loading.run_id);
    store.add_chunks(loading.fence, &cuts).await.unwrap();
    let attempt = loading.fence.epoch;
    let start =
        async |no, role| store.start_chunk(run, ChunkNo(no), role, attempt, loading.processor).await.unwrap();
    let go = |no: usize, starts| {
        let (cut, job_digest) = (cuts[no].clone(), loading.job.digest);
        let task = Box::new(Task { cut, job_digest, source: "/data/entries.csv".into() });
        Started::Go { starts, task }
    };
    for starts in 1..=3 {
        assert_eq!(start(0, Role::Processor).await, go(0, starts), "the ledger says what the work is");
    }
    assert_eq!(start(0, Role::Writer).await, go(0, 1), "each role has its own count");
    assert_eq!(start(1, Role::Processor).await, go(1, 1), "a neighbour is not charged");
    let earlier = store.start_chunk(run, ChunkNo(1), Role::Processor, attempt - 1, loading.processor);
    assert_eq!(earlier.await.unwrap(), Started::Closed, "the present attempt sends it again");
    let earlier = store.start_chunk(run, ChunkNo(1), Role::Writer, attempt - 1, loading.processor);
    assert_eq!(earlier.await.unwrap(), go(1, 1), "a batch stays good");
    let begun = store.begun_chunks(None, 9).await.unwrap();
    assert_eq!(
        begun,
        [0, 1].map(|no| BegunChunk { run_id: run, chunk_no: ChunkNo(no), worker: loading.processor }),
        "none of them is ended"
    );
    assert_eq!(store.begun_chunks(Some(run_id(9)), 9).await.unwrap(), [], "of another run");
    store.forgive_start(run, ChunkNo(0), Role::Processor).await.unwrap();
    assert_eq!(start(0, Role::Processor).await, go(0, 3), "a start was forgiven");
    for _ in 0..3 {
        store.forgive_start(run, ChunkNo(1), Role::Processor).await.unwrap();
    }
    assert_eq!(start(1, Role::Processor).await, go(1, 1), "no more than was charged");
    let withdraw = |worker| store.withdraw_start(run, ChunkNo(1), Role::Processor, worker);
    withdraw(WorkerId(loading.processor.0 + 1000)).await.unwrap();
    assert_eq!(start(1, Role::Processor).await, go(1, 2), "another worker's start stays charged");
    for _ in 0..3 {
        withdraw(loading.processor).await.unwrap();
    }
    assert_eq!(start(1, Role::Processor).await, go(1, 2), "the latest start was withdrawn, and only that");

    assert_eq!(start(9, Role::Processor).await, Started::Closed, "there is no such chunk");
    store.set_aside(run, ChunkNo(0), "it failed three times").await.unwrap();
    assert_eq!(start(0, Role::Processor).await, Started::Closed, "it was set aside");
    let aside: Vec<_> = store.chunks_aside(run, 9).await.unwrap();
    assert_eq!(aside.iter().map(|row| row.cut.chunk_no).collect::<Vec<_>>(), [ChunkNo(0)]);
    assert_eq!(aside[0].reason.as_deref(), Some("it failed three times"));
    assert_eq!(store.requeue(loading.fence).await.unwrap(), 1);
    assert!(store.chunks_aside(run, 9).await.unwrap().is_empty());
    assert_eq!(start(0, Role::Processor).await, go(0, 1), "put back, it begins again");

    loading.commit(loading.batch(&cuts[0], &chunks[0])).await.unwrap();
    assert_eq!(start(0, Role::Processor).await, Started::Committed);
    store.step(loading.fence, RunEvent::Cancelled, None, entry(Some(run), "cancelled")).await.unwrap();
    assert_eq!(start(1, Role::Writer).await, Started::Closed, "the run loads no more");
    store.set_aside(run, ChunkNo(1), "too late").await.unwrap();
    assert_eq!(store.chunks(run, 1, 1).await.unwrap()[0].state, ChunkState::Split);
}

pub(crate) async fn a_chunk_that_a_worker_cannot_read_is_handed_back_uncharged(
    make: &impl AsyncFn() -> Subject,
) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks = [vec![row(1, "a", "1.00")], vec![row(2, "b", "1.00")], vec![row(3, "c", "1.00")]];
    let cuts = cuts(&chunks);
    let (store, run) = (&loading.store, loading.run_id);
    store.add_chunks(loading.fence, &cuts).await.unwrap();
    let start = async |no| {
        let attempt = loading.fence.epoch;
        let started = store.start_chunk(run, ChunkNo(no), Role::Processor, attempt, loading.processor).await;
        let Started::Go { starts, .. } = started.unwrap() else { panic!("chunk {no} does not begin") };
        starts
    };
    let found = async || store.handed_back(run).await.unwrap();
    assert_eq!(found().await, None);
    let is = |chunk_no, are_all| {
        Some(HandedBack { chunk_no: ChunkNo(chunk_no), reason: "not here".into(), are_all })
    };
    for _ in 0..5 {
        assert_eq!(start(1).await, 1, "handing back is not charged");
        assert_eq!(found().await, None, "it is begun again");
        store.hand_back(run, ChunkNo(1), "not here").await.unwrap();
        assert_eq!(found().await, is(1, true));
    }
    store.hand_back(run, ChunkNo(1), "twice").await.unwrap();
    assert_eq!(found().await, is(1, true), "a start that is not charged is not handed back");
    assert_eq!(store.chunks(run, 1, 1).await.unwrap()[0].reason.as_deref(), Some("not here"));
    assert_eq!(start(2).await, 1);
    assert_eq!(found().await, is(1, false), "another worker has begun one");
    store.forgive_start(run, ChunkNo(2), Role::Processor).await.unwrap();
    assert_eq!(found().await, is(1, false), "and has processed it");
    loading.commit(loading.batch(&cuts[2], &chunks[2])).await.unwrap();
    assert_eq!(found().await, is(1, true));
    start(0).await;
    store.hand_back(run, ChunkNo(0), "not here").await.unwrap();
    assert_eq!(found().await, is(0, true), "the first of them");
    assert_eq!(store.chunks_aside(run, 9).await.unwrap(), [], "none of them is set aside");
    assert_eq!(store.handed_back(run_id(9)).await.unwrap(), None, "of another run");
    store.forget_handed_back(loading.fence).await.unwrap();
    assert_eq!(found().await, None, "those of an earlier attempt are forgotten");
    start(0).await;
    store.hand_back(run, ChunkNo(0), "not here").await.unwrap();
    assert_eq!(found().await, is(0, true));
    let stale = Fence { epoch: loading.fence.epoch + 1, ..loading.fence };
    assert!(matches!(store.forget_handed_back(stale).await, Err(StoreError::Fenced { .. })));
    for no in [0, 1] {
        start(no).await;
        loading.commit(loading.batch(&cuts[no as usize], &chunks[no as usize])).await.unwrap();
        store.hand_back(run, ChunkNo(no), "too late").await.unwrap();
        assert_eq!(store.chunks(run, no, 1).await.unwrap()[0].reason, None, "it is committed");
    }
    assert_eq!(found().await, None);
}

pub(crate) async fn states_are_of_the_chunks_that_are_asked_for(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks = [vec![row(1, "a", "1.00")], vec![row(2, "b", "1.00")], vec![row(3, "c", "1.00")]];
    let cuts = cuts(&chunks);
    let (store, run) = (&loading.store, loading.run_id);
    store.add_chunks(loading.fence, &cuts).await.unwrap();
    loading.commit(loading.batch(&cuts[1], &chunks[1])).await.unwrap();
    store.set_aside(run, ChunkNo(2), "it failed").await.unwrap();
    let states = async |asked: &[u64]| store.chunk_states(run, asked).await.unwrap();
    assert_eq!(states(&[]).await, []);
    let is = |chunk_no, state| ChunkStanding { chunk_no, state };
    let expected = [is(0, ChunkState::Split), is(1, ChunkState::Committed)];
    assert_eq!(states(&[1, 0, 7, u64::MAX]).await, expected);
    assert_eq!(states(&[2]).await, [is(2, ChunkState::SetAside)]);
    assert_eq!(store.chunk_states(run_id(9), &[0, 1]).await.unwrap(), [], "of another run");
}

pub(crate) async fn unreported_chunks_are_those_that_lack_either_report(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks = [vec![row(1, "a", "1.00")], vec![row(2, "b", "1.00")], vec![row(3, "c", "1.00")]];
    let cuts = cuts(&chunks);
    let (store, run) = (&loading.store, loading.run_id);
    store.add_chunks(loading.fence, &cuts).await.unwrap();
    assert_eq!(store.unreported(run, 9).await.unwrap(), [], "what is not committed needs no report");
    for (cut, records) in cuts.iter().zip(&chunks).take(2) {
        loading.commit(loading.batch(cut, records)).await.unwrap();
    }
    assert_eq!(store.unreported(run, 9).await.unwrap(), [ChunkNo(0), ChunkNo(1)]);
    assert_eq!(store.unreported(run, 1).await.unwrap(), [ChunkNo(0)], "no more than asked for");
    let report = |chunk_no, role, worker| Reported {
        chunk_no: ChunkNo(chunk_no),
        role,
        worker,
        counts: ChunkCounts { records: 1, accepted: 1, rejected: 0, bytes: 10, busy_us: 5 },
    };
    let (p, w) = (loading.processor, loading.writer);
    store.keep_reports(run, &[report(0, Role::Processor, p), report(1, Role::Writer, w)]).await.unwrap();
    assert_eq!(store.unreported(run, 9).await.unwrap().len(), 2, "one report of two");
    store.keep_reports(run, &[report(0, Role::Writer, WorkerId(p.0 + w.0 + 1))]).await.unwrap();
    assert_eq!(store.unreported(run, 9).await.unwrap().len(), 2, "another writer's report does not count");
    store.keep_reports(run, &[report(0, Role::Writer, w), report(1, Role::Processor, p)]).await.unwrap();
    assert_eq!(store.unreported(run, 9).await.unwrap(), []);
}

pub(crate) async fn the_fleet_is_who_gave_a_sign_of_life(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    let first = store.register_worker(&new_worker(Role::Processor, "first")).await.unwrap();
    let second = store.register_worker(&new_worker(Role::Writer, "second")).await.unwrap();
    let fleet = store.fleet(Some(LASTS)).await.unwrap();
    assert_eq!(fleet.iter().map(|worker| worker.worker_id).collect::<Vec<_>>(), [first, second]);
    assert_eq!((fleet[1].name.as_str(), fleet[1].role, fleet[1].pid), ("second", Role::Writer, 7));
    assert_eq!(fleet[1].started_at_ms, NOW_MS, "by its host's clock");
    assert!(fleet[1].seen_at_ms > NOW_MS, "by the database's clock");
    // Both fall silent for as long, and one comes back.
    subject.execute("UPDATE crossfoot_worker SET seen_at_ms = seen_at_ms - 120000").await;
    assert!(store.fleet(Some(LASTS)).await.unwrap().is_empty());
    assert_eq!(store.fleet(None).await.unwrap().len(), 2);
    let silent = store.fleet(None).await.unwrap()[0].silent;
    assert!(silent >= Duration::from_secs(120) && silent < Duration::from_secs(180), "{silent:?}");
    let busy = Heartbeat { worker: second, in_hand: Some(Duration::from_secs(400)) };
    assert_eq!(store.heartbeat(&[busy]).await.unwrap(), [], "nobody is asked to end");
    let fleet = store.fleet(Some(LASTS)).await.unwrap();
    assert_eq!(fleet.iter().map(|worker| worker.worker_id).collect::<Vec<_>>(), [second]);
    assert_eq!((fleet[0].stopped_at_ms, fleet[0].in_hand), (None, busy.in_hand));
    store.heartbeat(&Heartbeat::idle(&[second])).await.unwrap();
    assert_eq!(store.fleet(Some(LASTS)).await.unwrap()[0].in_hand, None, "it waits for a message");
    store.retire(&[second]).await.unwrap();
    let fleet = store.fleet(Some(LASTS)).await.unwrap();
    assert_eq!(fleet[0].stopped_at_ms, Some(fleet[0].seen_at_ms));
}

pub(crate) async fn who_is_asked_to_drain_learns_it_with_a_heartbeat(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    let mut workers = Vec::new();
    for name in ["first", "second", "gone"] {
        workers.push(store.register_worker(&new_worker(Role::Processor, name)).await.unwrap());
    }
    store.retire(&workers[2..]).await.unwrap();
    let asked = || entry(None, "drain-asked");
    let events = async || store.events(0, 9).await.unwrap().len();
    assert_eq!(store.ask_to_drain(&workers[1..], asked()).await.unwrap(), workers[1..2], "one has stopped");
    assert_eq!(events().await, 1);
    assert_eq!(store.ask_to_drain(&workers[1..], asked()).await.unwrap(), [], "it was asked before");
    assert_eq!(events().await, 1, "nothing happened");
    assert_eq!(store.heartbeat(&Heartbeat::idle(&workers[..2])).await.unwrap(), workers[1..2]);
    let fleet = store.fleet(None).await.unwrap();
    let at: Vec<_> = fleet.iter().map(|worker| worker.drain_asked_at_ms.is_some()).collect();
    assert_eq!(at, [false, true, false]);
}

pub(crate) async fn whoever_drives_a_run_learns_how_many_chunks_may_be_in_flight(
    make: &impl AsyncFn() -> Subject,
) {
    let subject = make().await;
    let store = &subject.store;
    let job = job(APPEND, "");
    store.prepare(&job).await.unwrap();
    assert_eq!(store.open_run(&new_run(&job, 1)).await.unwrap().window_chunks, None);
    let fence = store.acquire_lease(run_id(1), "coordinator", LASTS, Claim::IfFree).await.unwrap();
    assert_eq!(store.renew(fence, LASTS).await.unwrap(), None);
    let changed = || entry(Some(run_id(1)), "window-changed");
    store.set_window(run_id(1), Some(8), changed()).await.unwrap();
    assert_eq!(store.renew(fence, LASTS).await.unwrap(), Some(8));
    assert_eq!(store.run(run_id(1)).await.unwrap().window_chunks, Some(8));
    store.set_window(run_id(1), None, changed()).await.unwrap();
    assert_eq!(store.renew(fence, LASTS).await.unwrap(), None);
    assert_eq!(store.run_events(run_id(1), 0, 9).await.unwrap().len(), 3, "opened, and changed twice");
    store.step(fence, RunEvent::Cancelled, None, entry(Some(run_id(1)), "cancelled")).await.unwrap();
    let over = store.set_window(run_id(1), Some(9), changed()).await;
    assert!(matches!(over, Err(StoreError::Over { .. })), "{over:?}");
    let nobody = store.set_window(run_id(7), Some(9), changed()).await;
    assert!(matches!(nobody, Err(StoreError::NoSuchRun { .. })), "{nobody:?}");
}

pub(crate) async fn one_coordinator_is_the_service_until_its_time_is_over(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, other) = (&subject.store, subject.again().await);
    let held_by = |held: Option<Lease>| held.map(|held| held.owner);
    assert_eq!(store.claim_service("first", LASTS).await.unwrap(), None);
    let held = other.claim_service("second", LASTS).await.unwrap().unwrap();
    assert!(held.left > LASTS / 2 && held.left <= LASTS, "{held:?}");
    assert_eq!(held.owner, "first");
    subject.execute("UPDATE crossfoot_service SET lease_until_ms = 1").await;
    assert_eq!(store.claim_service("first", LASTS).await.unwrap(), None, "it renews its own");
    assert_eq!(held_by(other.claim_service("second", LASTS).await.unwrap()), Some("first".into()));
    subject.execute("UPDATE crossfoot_service SET lease_until_ms = 1").await;
    let over = store.service().await.unwrap().unwrap();
    assert_eq!((over.owner.as_str(), over.left), ("first", Duration::ZERO), "it had it last");
    assert_eq!(other.claim_service("second", LASTS).await.unwrap(), None, "its time was over");
    assert_eq!(held_by(store.service().await.unwrap()), Some("second".into()));
    store.leave_service("first").await.unwrap();
    assert_eq!(held_by(store.claim_service("first", LASTS).await.unwrap()), Some("second".into()));
    other.leave_service("second").await.unwrap();
    assert_eq!(store.service().await.unwrap(), None, "nobody has it");
    assert_eq!(store.claim_service("first", LASTS).await.unwrap(), None);
}

pub(crate) async fn the_fleet_works_for_one_comparison_at_a_time(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, other) = (&subject.store, subject.again().await);
    let held_by = |held: Option<Lease>| held.map(|held| held.owner);
    assert_eq!(store.comparison().await.unwrap(), None);
    assert_eq!(store.claim_comparison("first", LASTS).await.unwrap(), None);
    assert_eq!(store.claim_comparison("first", LASTS).await.unwrap(), None, "it renews its own");
    assert_eq!(held_by(other.claim_comparison("second", LASTS).await.unwrap()), Some("first".into()));
    assert_eq!(store.service().await.unwrap(), None, "it is no service");
    other.leave_comparison("second").await.unwrap();
    assert_eq!(held_by(other.comparison().await.unwrap()), Some("first".into()), "only its owner leaves it");
    subject.execute("UPDATE crossfoot_comparison SET lease_until_ms = 1").await;
    assert_eq!(other.claim_comparison("second", LASTS).await.unwrap(), None, "its time was over");
    other.leave_comparison("second").await.unwrap();
    assert_eq!(store.comparison().await.unwrap(), None);
}

pub(crate) async fn submitted_runs_wait_until_somebody_takes_them_up(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    let job = job(APPEND, "");
    store.prepare(&job).await.unwrap();
    store.open_run(&new_run(&job, 1)).await.unwrap();
    for number in [2, 3] {
        let run = store.open_run(&NewRun { submitted: true, ..new_run(&job, number) }).await.unwrap();
        assert!(run.submitted && !run.parked);
    }
    let waiting = async || {
        let runs = store.waiting_runs(LASTS, 9).await.unwrap();
        runs.iter().map(|run| run.run_id).collect::<Vec<_>>()
    };
    assert_eq!(waiting().await, [run_id(2), run_id(3)], "the oldest first; 1 was not submitted");
    assert_eq!(store.waiting_runs(LASTS, 1).await.unwrap().len(), 1);
    let fence = store.acquire_lease(run_id(2), "coordinator", LASTS, Claim::IfFree).await.unwrap();
    assert_eq!(waiting().await, [run_id(3)]);
    subject.execute("UPDATE crossfoot_run SET lease_until_ms = 1 WHERE lease_until_ms IS NOT NULL").await;
    assert_eq!(waiting().await, [run_id(2), run_id(3)], "its coordinator's time is over");
    store.release(fence, 0).await.unwrap();
    store.renew(fence, LASTS).await.unwrap();
    assert_eq!(waiting().await, [run_id(2), run_id(3)], "a renewal that comes late brings no lease back");
    store.park(fence, Some("chunk 4 was set aside")).await.unwrap();
    assert_eq!(waiting().await, [run_id(3)]);
    let run = store.run(run_id(2)).await.unwrap();
    assert!(run.parked);
    assert_eq!(run.note.as_deref(), Some("chunk 4 was set aside"));
    store.park(fence, None).await.unwrap();
    assert_eq!(waiting().await, [run_id(2), run_id(3)]);
    store.step(fence, RunEvent::Cancelled, None, entry(Some(run_id(2)), "cancelled")).await.unwrap();
    assert_eq!(waiting().await, [run_id(3)]);
}

pub(crate) async fn what_was_read_back_is_kept_by_pass_and_the_first_stands(
    make: &impl AsyncFn() -> Subject,
) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let (store, run) = (&loading.store, loading.run_id);
    for (pass, first, end, found) in
        [(1, 8, 9, "b"), (1, 0, 8, "a"), (1, 8, 9, "another"), (2, 0, 8, "c"), (1, 0, 3, "short")]
    {
        store.keep_readback(run, pass, ChunkRange { first, end }, found.as_bytes()).await.unwrap();
    }
    let kept = async |pass, from, limit| {
        let found = store.readbacks(run, pass, from, limit).await.unwrap();
        found
            .into_iter()
            .map(|Readback { range, body }| (range.first, range.end, String::from_utf8(body).unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        kept(1, 0, 9).await,
        [(0, 3, "short".into()), (0, 8, "a".into()), (8, 9, "b".into())],
        "a range of another end is another range"
    );
    assert_eq!(kept(1, 1, 9).await, [(8, 9, "b".into())]);
    assert_eq!(kept(1, 0, 1).await, [(0, 3, "short".into())]);
    assert_eq!(kept(2, 0, 9).await, [(0, 8, "c".into())]);
    store.clear_readbacks(loading.fence).await.unwrap();
    assert!(kept(1, 0, 9).await.is_empty() && kept(2, 0, 9).await.is_empty());
}
