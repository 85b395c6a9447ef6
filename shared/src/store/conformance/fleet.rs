//! Starts that are charged, signs of life, the coordinator service, and what workers read back.

use domain::counts::Role;
use domain::ids::{ChunkNo, WorkerId};
use domain::lifecycle::{ChunkState, RunEvent};

use super::fixture::{APPEND, Loading, cuts, entry, job, lease, new_run, new_worker, row, run_id};
use super::{NOW_MS, Subject};
use crate::store::Lease;
use crate::store::model::{NewRun, Reported, Started};

pub(crate) async fn starts_are_charged_by_chunk_and_role(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks = [vec![row(1, "a", "1.00")], vec![row(2, "b", "1.00")]];
    let cuts = cuts(&chunks);
    let (store, run) = (&loading.store, loading.run_id);
    store.add_chunks(loading.fence, &cuts).await.unwrap();
    let start = async |no, role| store.start_chunk(run, ChunkNo(no), role, loading.processor).await.unwrap();
    for starts in 1..=3 {
        assert_eq!(start(0, Role::Processor).await, Started::Go { starts });
    }
    assert_eq!(start(0, Role::Writer).await, Started::Go { starts: 1 }, "each role has its own count");
    assert_eq!(start(1, Role::Processor).await, Started::Go { starts: 1 }, "a neighbour is not charged");
    store.forgive_start(run, ChunkNo(0), Role::Processor).await.unwrap();
    assert_eq!(start(0, Role::Processor).await, Started::Go { starts: 3 }, "a start was forgiven");
    for _ in 0..3 {
        store.forgive_start(run, ChunkNo(1), Role::Processor).await.unwrap();
    }
    assert_eq!(start(1, Role::Processor).await, Started::Go { starts: 1 }, "no more than was charged");

    assert_eq!(start(9, Role::Processor).await, Started::Closed, "there is no such chunk");
    store.set_aside(run, ChunkNo(0), "it failed three times").await.unwrap();
    assert_eq!(start(0, Role::Processor).await, Started::Closed, "it was set aside");
    let aside: Vec<_> = store.chunks_aside(run, 9).await.unwrap();
    assert_eq!(aside.iter().map(|row| row.cut.chunk_no).collect::<Vec<_>>(), [ChunkNo(0)]);
    assert_eq!(aside[0].reason.as_deref(), Some("it failed three times"));
    assert_eq!(store.put_back(loading.fence).await.unwrap(), 1);
    assert!(store.chunks_aside(run, 9).await.unwrap().is_empty());
    assert_eq!(start(0, Role::Processor).await, Started::Go { starts: 1 }, "put back, it begins anew");

    loading.commit(loading.batch(&cuts[0], &chunks[0])).await.unwrap();
    assert_eq!(start(0, Role::Processor).await, Started::Committed);
    store.step(loading.fence, RunEvent::Cancelled, None, entry(Some(run), "cancelled")).await.unwrap();
    assert_eq!(start(1, Role::Writer).await, Started::Closed, "the run loads no more");
    store.set_aside(run, ChunkNo(1), "too late").await.unwrap();
    assert_eq!(store.chunks(run, 1, 1).await.unwrap()[0].state, ChunkState::Split);
}

pub(crate) async fn unreported_chunks_are_those_that_lack_either_report(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks = [vec![row(1, "a", "1.00")], vec![row(2, "b", "1.00")], vec![row(3, "c", "1.00")]];
    let cuts = cuts(&chunks);
    let (store, run) = (&loading.store, loading.run_id);
    store.add_chunks(loading.fence, &cuts).await.unwrap();
    assert_eq!(store.unreported(run).await.unwrap(), 0, "what is not committed needs no report");
    for (cut, records) in cuts.iter().zip(&chunks).take(2) {
        loading.commit(loading.batch(cut, records)).await.unwrap();
    }
    assert_eq!(store.unreported(run).await.unwrap(), 2);
    let report = |chunk_no, role, worker| Reported {
        chunk_no: ChunkNo(chunk_no),
        role,
        worker,
        records: 1,
        accepted: 1,
        rejected: 0,
        bytes: 10,
        busy_us: 5,
    };
    let (p, w) = (loading.processor, loading.writer);
    store.keep_reports(run, &[report(0, Role::Processor, p), report(1, Role::Writer, w)]).await.unwrap();
    assert_eq!(store.unreported(run).await.unwrap(), 2, "one report of two");
    store.keep_reports(run, &[report(0, Role::Writer, WorkerId(p.0 + w.0 + 1))]).await.unwrap();
    assert_eq!(store.unreported(run).await.unwrap(), 2, "another writer's report does not count");
    store.keep_reports(run, &[report(0, Role::Writer, w), report(1, Role::Processor, p)]).await.unwrap();
    assert_eq!(store.unreported(run).await.unwrap(), 0);
}

pub(crate) async fn the_fleet_is_who_gave_a_sign_of_life(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    let first = store.register_worker(&new_worker(Role::Processor, "first")).await.unwrap();
    let second = store.register_worker(&new_worker(Role::Writer, "second")).await.unwrap();
    let fleet = store.fleet(NOW_MS).await.unwrap();
    assert_eq!(fleet.iter().map(|worker| worker.worker_id).collect::<Vec<_>>(), [first, second]);
    assert_eq!((fleet[1].name.as_str(), fleet[1].role, fleet[1].pid), ("second", Role::Writer, 7));
    assert_eq!((fleet[1].started_at_ms, fleet[1].seen_at_ms), (NOW_MS, NOW_MS));
    store.beat(&[second], NOW_MS + 500).await.unwrap();
    store.beat(&[second], NOW_MS + 400).await.unwrap();
    let fleet = store.fleet(NOW_MS + 500).await.unwrap();
    assert_eq!(fleet.iter().map(|worker| worker.worker_id).collect::<Vec<_>>(), [second]);
    assert_eq!(fleet[0].stopped_at_ms, None);
    store.retire(&[second], NOW_MS + 900).await.unwrap();
    let fleet = store.fleet(NOW_MS + 500).await.unwrap();
    assert_eq!((fleet[0].seen_at_ms, fleet[0].stopped_at_ms), (NOW_MS + 900, Some(NOW_MS + 900)));
}

pub(crate) async fn one_coordinator_is_the_service_until_its_time_is_over(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, other) = (&subject.store, subject.again().await);
    assert_eq!(store.claim_service(&lease("first"), NOW_MS).await.unwrap(), None);
    assert_eq!(other.claim_service(&lease("second"), NOW_MS).await.unwrap(), Some(lease("first")));
    let later = Lease { owner: "first".into(), until_ms: NOW_MS + 3000 };
    assert_eq!(store.claim_service(&later, NOW_MS + 500).await.unwrap(), None, "it renews its own");
    assert_eq!(other.claim_service(&lease("second"), NOW_MS + 2999).await.unwrap(), Some(later));
    let second = Lease { owner: "second".into(), until_ms: NOW_MS + 9000 };
    assert_eq!(other.claim_service(&second, NOW_MS + 3000).await.unwrap(), None, "its time was over");
    assert_eq!(store.service().await.unwrap(), Some(second.clone()));
    store.leave_service("first").await.unwrap();
    assert_eq!(store.claim_service(&lease("first"), NOW_MS + 3001).await.unwrap(), Some(second));
    other.leave_service("second").await.unwrap();
    assert_eq!(store.service().await.unwrap(), None, "nobody has it");
    assert_eq!(store.claim_service(&lease("first"), NOW_MS + 3002).await.unwrap(), None);
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
    let waiting = async |now_ms| {
        let runs = store.waiting_runs(now_ms, 9).await.unwrap();
        runs.iter().map(|run| run.run_id).collect::<Vec<_>>()
    };
    assert_eq!(waiting(NOW_MS).await, [run_id(2), run_id(3)], "the oldest first; 1 was not submitted");
    assert_eq!(store.waiting_runs(NOW_MS, 1).await.unwrap().len(), 1);
    let fence = store.take_up(run_id(2), &lease("coordinator"), NOW_MS, false).await.unwrap();
    assert_eq!(waiting(NOW_MS).await, [run_id(3)]);
    assert_eq!(waiting(NOW_MS + 1000).await, [run_id(2), run_id(3)], "its coordinator's time is over");
    store.park(fence, Some("chunk 4 was set aside")).await.unwrap();
    assert_eq!(waiting(NOW_MS + 1000).await, [run_id(3)]);
    let run = store.run(run_id(2)).await.unwrap();
    assert!(run.parked);
    assert_eq!(run.note.as_deref(), Some("chunk 4 was set aside"));
    store.park(fence, None).await.unwrap();
    assert_eq!(waiting(NOW_MS + 1000).await, [run_id(2), run_id(3)]);
    store.step(fence, RunEvent::Cancelled, None, entry(Some(run_id(2)), "cancelled")).await.unwrap();
    assert_eq!(waiting(NOW_MS + 1000).await, [run_id(3)]);
}

pub(crate) async fn what_was_read_back_is_kept_by_pass_and_the_first_stands(
    make: &impl AsyncFn() -> Subject,
) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let (store, run) = (&loading.store, loading.run_id);
    for (pass, first, found) in [(1, 8, "b"), (1, 0, "a"), (1, 8, "another"), (2, 0, "c")] {
        store.keep_readback(run, pass, first, found.as_bytes()).await.unwrap();
    }
    let kept = async |pass, from, limit| {
        let found = store.readbacks(run, pass, from, limit).await.unwrap();
        found.into_iter().map(|(first, body)| (first, String::from_utf8(body).unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(kept(1, 0, 9).await, [(0, "a".into()), (8, "b".into())]);
    assert_eq!(kept(1, 1, 9).await, [(8, "b".into())]);
    assert_eq!(kept(1, 0, 1).await, [(0, "a".into())]);
    assert_eq!(kept(2, 0, 9).await, [(0, "c".into())]);
    store.clear_readbacks(loading.fence).await.unwrap();
    assert!(kept(1, 0, 9).await.is_empty() && kept(2, 0, 9).await.is_empty());
}
