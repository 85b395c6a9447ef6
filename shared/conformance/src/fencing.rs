//! Who drives a run, what an older driver can no longer do, and the steps of a run's life.

use std::time::Duration;

use domain::ids::RunId;
use domain::lifecycle::{IllegalStep, RUN_STEPS, RunEvent, RunState};
use domain::retention::Parts;
use domain::value::Value;
use store::model::{ChunkCut, NewRun};
use store::rules::Keys;
use store::{Claim, Fence, Store, StoreError};

use super::fixture::{APPEND, LASTS, Loading, cut, entry, job, new_run, row, run_id, split_totals};
use super::{NOW_MS, Subject};

fn is_fenced<T>(result: Result<T, StoreError>, fence: Fence, what: &str) {
    match result {
        Err(StoreError::Fenced { run_id }) if run_id == fence.run_id => {}
        Err(other) => panic!("{what}: {other}"),
        Ok(_) => panic!("{what} was done all the same"),
    }
}

/// The run's lease, if it lasts for a while yet.
async fn holder(store: &dyn Store, run_id: RunId) -> Option<String> {
    let lease = store.lease(run_id).await.unwrap()?;
    assert!(lease.left <= LASTS, "{lease:?}");
    (lease.left > LASTS / 2).then_some(lease.owner)
}

pub(crate) async fn a_lease_is_held_until_its_time_is_over(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(APPEND, "");
    let loading = Loading::begin(&subject.store, &job, 1).await;
    let (store, run_id) = (subject.again().await, loading.run_id);
    assert_eq!(holder(&*store, run_id).await.as_deref(), Some("coordinator"));
    match store.acquire_lease(run_id, "other", LASTS, Claim::IfFree).await {
        Err(StoreError::LeaseHeld { owner, .. }) => assert_eq!(owner, "coordinator"),
        taken => panic!("{taken:?}"),
    }
    assert_eq!(store.run(run_id).await.unwrap().epoch, loading.fence.epoch, "refusing fences nobody off");
    subject.execute("UPDATE crossfoot_run SET lease_until_ms = 1").await;
    assert_eq!(store.lease(run_id).await.unwrap().unwrap().left, Duration::ZERO);
    loading.store.renew(loading.fence, LASTS).await.unwrap();
    assert!(store.acquire_lease(run_id, "other", LASTS, Claim::IfFree).await.is_err(), "it was renewed");
    subject.execute("UPDATE crossfoot_run SET lease_until_ms = 1").await;
    let taken = store.acquire_lease(run_id, "other", LASTS, Claim::IfFree).await.unwrap();
    assert_eq!((taken.run_id, taken.epoch), (run_id, loading.fence.epoch + 1));
    assert_eq!(holder(&*store, run_id).await.as_deref(), Some("other"));
    assert_eq!(store.run(run_id).await.unwrap().epoch, taken.epoch);
}

pub(crate) async fn a_lease_that_a_wrong_clock_made_is_not_for_ever(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let run = NewRun { submitted: true, ..new_run(&loading.job, 2) };
    let run_id = subject.store.open_run(&run).await.unwrap().run_id;
    subject.store.acquire_lease(run_id, "ahead", LASTS, Claim::IfFree).await.unwrap();
    subject.store.claim_service("ahead", LASTS).await.unwrap();
    assert!(subject.store.waiting_runs(LASTS, 9).await.unwrap().is_empty());
    // Its clock was an hour ahead.
    subject.execute("UPDATE crossfoot_run SET lease_until_ms = lease_until_ms + 3600000").await;
    subject.execute("UPDATE crossfoot_service SET lease_until_ms = lease_until_ms + 3600000").await;
    let waiting = subject.store.waiting_runs(LASTS, 9).await.unwrap();
    assert_eq!(waiting.iter().map(|run| run.run_id).collect::<Vec<_>>(), [run_id]);
    subject.store.acquire_lease(run_id, "other", LASTS, Claim::IfFree).await.unwrap();
    assert_eq!(subject.store.claim_service("other", LASTS).await.unwrap(), None);
    assert_eq!(holder(&*subject.store, run_id).await.as_deref(), Some("other"));
}

pub(crate) async fn a_run_that_is_over_is_taken_up_for_its_remains_only(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let (store, run_id) = (&loading.store, loading.run_id);
    let log = entry(Some(run_id), "cancelled");
    store.step(loading.fence, RunEvent::Cancelled, Some("wrong file"), log).await.unwrap();
    store.release(loading.fence, 0).await.unwrap();
    let is_over = |result: Result<(), StoreError>| {
        let over = matches!(result, Err(StoreError::Over { state: RunState::Cancelled, .. }));
        assert!(over, "{result:?}");
    };
    for claim in [Claim::IfFree, Claim::Evict] {
        is_over(store.acquire_lease(run_id, "late", LASTS, claim).await.map(drop));
    }
    is_over(store.park(loading.fence, Some("late")).await);
    let run = store.run(run_id).await.unwrap();
    assert_eq!(
        (run.note.as_deref(), run.parked, run.epoch),
        (Some("wrong file"), false, loading.fence.epoch)
    );
    let fence = store.acquire_lease(run_id, "purge", LASTS, Claim::AfterItsEnd).await.unwrap();
    // The former driver says nothing after that.
    let before = store.log_head().await.unwrap();
    is_fenced(
        store.log_under(loading.fence, entry(Some(run_id), "resumed")).await,
        loading.fence,
        "saying more",
    );
    assert_eq!(store.log_head().await.unwrap(), before);
    store.log_under(fence, entry(Some(run_id), "purged")).await.unwrap();
}

pub(crate) async fn whoever_evicts_takes_a_lease_that_is_held(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let (store, run_id) = (&loading.store, loading.run_id);
    assert!(!store.run(run_id).await.unwrap().interrupted);
    let taken = store.acquire_lease(run_id, "operator", LASTS, Claim::Evict).await.unwrap();
    assert_eq!(holder(&**store, run_id).await.as_deref(), Some("operator"));
    assert!(store.run(run_id).await.unwrap().interrupted, "loading was taken up more than once");
    is_fenced(store.renew(loading.fence, LASTS).await, loading.fence, "renewing");
    store.renew(taken, LASTS).await.unwrap();
}

pub(crate) async fn a_lease_that_was_let_go_is_free_and_the_time_is_booked(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let (store, run_id) = (&loading.store, loading.run_id);
    store.release(loading.fence, 1200).await.unwrap();
    assert_eq!(store.lease(run_id).await.unwrap(), None);
    let taken = store.acquire_lease(run_id, "next", LASTS, Claim::IfFree).await.unwrap();
    is_fenced(store.release(loading.fence, 5000).await, loading.fence, "letting go");
    store.release(taken, 34).await.unwrap();
    assert_eq!(store.run(run_id).await.unwrap().elapsed_ms, 1234);
}

pub(crate) async fn nobody_takes_up_a_run_that_is_not_there(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    assert!(subject.store.acquire_lease(run_id(9), "x", LASTS, Claim::Evict).await.is_err());
    assert_eq!(subject.store.lease(run_id(9)).await.unwrap(), None);
}

pub(crate) async fn an_older_fence_changes_nothing(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(APPEND, "");
    let old = Loading::begin(&subject.store, &job, 1).await;
    let chunks = old.load(&[vec![row(1, "a", "1.00")], vec![row(2, "b", "2.00")]]).await;
    let third = cut(2, 3, 1);
    old.store.add_chunks(old.fence, std::slice::from_ref(&third)).await.unwrap();
    old.store.keep_checks(old.fence, &[], "{\"kept\":1}").await.unwrap();
    let permit = old.permit().await;
    let new = subject.store.acquire_lease(old.run_id, "new", LASTS, Claim::Evict).await.unwrap();

    let state = async || {
        let store = &old.store;
        let run = store.run(old.run_id).await.unwrap();
        let chunks = store.chunks(old.run_id, 0, 10).await.unwrap();
        let (checks, findings) =
            (store.checks(old.run_id).await.unwrap(), store.findings(old.run_id, 0, 9).await.unwrap());
        let lease = store.lease(old.run_id).await.unwrap().map(|lease| lease.owner);
        format!("{run:?} {chunks:?} {checks:?} {findings:?} {lease:?} {:?}", store.log_head().await.unwrap())
    };
    let before = state().await;
    let ahead = Fence { epoch: new.epoch + 1, ..new };
    for fence in [old.fence, ahead, Fence { epoch: 0, ..new }, Fence { run_id: run_id(9), epoch: 1 }] {
        let (store, log) = (&old.store, || entry(Some(old.run_id), "late"));
        is_fenced(store.step(fence, RunEvent::Cancelled, None, log()).await, fence, "a step");
        is_fenced(store.add_chunks(fence, &[cut(3, 4, 1)]).await, fence, "adding chunks");
        is_fenced(store.add_chunks(fence, &chunks).await, fence, "adding the same chunks");
        is_fenced(store.finish_split(fence, &split_totals(&[])).await, fence, "finishing the split");
        is_fenced(store.requeue(fence).await, fence, "putting back");
        is_fenced(store.park(fence, Some("late")).await, fence, "parking");
        is_fenced(store.log_under(fence, log()).await, fence, "logging");
        is_fenced(store.clear_readbacks(fence).await, fence, "clearing readbacks");
        is_fenced(store.renew(fence, LASTS).await, fence, "renewing");
        is_fenced(store.release(fence, 1).await, fence, "letting go");
        is_fenced(store.apply_rules(fence, &job, Keys::Count).await, fence, "applying rules");
        is_fenced(store.keep_checks(fence, &[], "{}").await, fence, "keeping checks");
        is_fenced(store.clear_findings(fence).await, fence, "clearing findings");
        is_fenced(store.keep_findings(fence, &[]).await, fence, "keeping findings");
        is_fenced(store.begin_promotion(fence, &permit, &old.job).await, fence, "promoting");
        is_fenced(store.remove(fence, Parts::ROWS, &["stg_entries".into()], log()).await, fence, "purging");
        assert_eq!(state().await, before);
    }
    assert_eq!(old.staging().await.len(), 2);
    subject.store.renew(new, LASTS).await.unwrap();
}

pub(crate) async fn a_permit_is_for_its_own_run(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(APPEND, "");
    let good = Loading::begin(&subject.store, &job, 1).await;
    let permit = good.stage(&[vec![row(1, "a", "1.00")]]).await;
    let other = Loading::begin(&subject.store, &job, 2).await;
    other.stage(&[vec![row(2, "b", "2.00")]]).await;
    let refused = other.store.begin_promotion(other.fence, &permit, &other.job).await;
    is_fenced(refused, other.fence, "promoting another run");
}

/// A run in `state`.
async fn reach(subject: &Subject, state: RunState, number: u8) -> Loading {
    let loading = Loading::begin(&subject.store, &job("", ""), number).await;
    let rows = [vec![super::fixture::Record::Row(vec![Value::Integer(1), Value::Null, Value::Null])]];
    match state {
        RunState::Loading => {}
        RunState::Staged => loading.step(RunEvent::AllCommitted).await,
        RunState::AwaitingApproval => {
            loading.step(RunEvent::AllCommitted).await;
            loading.step(RunEvent::Paused).await;
        }
        RunState::NotReconciled => {
            loading.step(RunEvent::AllCommitted).await;
            loading.step(RunEvent::Failed).await;
        }
        RunState::Promoted => assert_eq!(loading.promote(&rows).await, 1),
        RunState::Cancelled => loading.step(RunEvent::Cancelled).await,
        RunState::BackedOut => {
            assert_eq!(loading.promote(&rows).await, 1);
            loading.back_out(1).await.unwrap();
        }
    }
    assert_eq!(loading.store.run(loading.run_id).await.unwrap().state, state);
    loading
}

pub(crate) async fn every_legal_step_is_taken_and_logged(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    // Becoming promoted is the promotion's own step.
    let steps = RUN_STEPS.iter().filter(|(_, event, _)| *event != RunEvent::Promoted);
    for (number, (from, event, to)) in (1..).zip(steps) {
        let loading = reach(&subject, *from, number).await;
        let store = &loading.store;
        let last = store.log_head().await.unwrap().unwrap().seq;
        let mut log = entry(Some(loading.run_id), event.name());
        log.at_ms += 77;
        let run = store.step(loading.fence, *event, Some("because"), log.clone()).await.unwrap();
        assert_eq!((run.state, run.note.as_deref()), (*to, Some("because")));
        // A run that was promoted ended then, whatever becomes of it.
        let ended = if from.is_over() { NOW_MS } else { NOW_MS + 77 };
        assert_eq!(run.ended_at_ms, to.is_over().then_some(ended), "{from} {event}");
        assert_eq!(store.run(loading.run_id).await.unwrap(), run);
        let events = store.events(last, 10).await.unwrap();
        assert_eq!(events.iter().map(|event| &event.entry).collect::<Vec<_>>(), [&log]);
    }
}

pub(crate) async fn an_illegal_step_is_refused_and_not_logged(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    for (number, from) in (1..).zip(RunState::ALL) {
        let loading = reach(&subject, *from, number).await;
        let store = &loading.store;
        let before = (store.run(loading.run_id).await.unwrap(), store.log_head().await.unwrap());
        for event in RunEvent::ALL.iter().filter(|event| from.after(**event).is_err()) {
            let log = entry(Some(loading.run_id), event.name());
            match store.step(loading.fence, *event, Some("no"), log).await {
                Err(StoreError::Step(refused)) => {
                    assert_eq!(refused, IllegalStep { from: *from, event: *event });
                }
                taken => panic!("{from} {event}: {taken:?}"),
            }
            let after = (store.run(loading.run_id).await.unwrap(), store.log_head().await.unwrap());
            assert_eq!(after, before);
        }
    }
}

pub(crate) async fn a_chunk_is_booked_once_and_as_it_was_cut(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let (store, fence) = (&loading.store, loading.fence);
    let mut chunks: Vec<_> = (0..5).map(|at| cut(at, at * 4 + 1, 4)).collect();
    chunks[4].ends_source = true;
    store.add_chunks(fence, &chunks[..3]).await.unwrap();
    store.add_chunks(fence, &chunks).await.unwrap();
    let kept = async || -> Vec<ChunkCut> {
        let rows = store.chunks(loading.run_id, 0, 10).await.unwrap();
        rows.into_iter().map(|row| row.cut).collect()
    };
    assert_eq!(kept().await, chunks);
    let good = &chunks[1];
    let others = [
        ChunkCut { offset: good.offset + 1, ..good.clone() },
        ChunkCut { bytes: good.bytes + 1, ..good.clone() },
        ChunkCut { first_record_no: chunks[2].first_record_no, ..good.clone() },
        ChunkCut { records: good.records + 1, ..good.clone() },
        ChunkCut { sha256: chunks[2].sha256, ..good.clone() },
        ChunkCut { ends_source: true, ..good.clone() },
    ];
    for other in others {
        // A new chunk before the one that differs is not kept either.
        let refused = store.add_chunks(fence, &[cut(5, 21, 4), other.clone()]).await;
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{other:?}: {refused:?}");
        assert_eq!(kept().await, chunks);
    }
}

pub(crate) async fn chunks_are_paged_in_order(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let other = Loading::begin(&subject.store, &job(APPEND, ""), 2).await;
    let chunks: Vec<_> = (0..25).rev().map(|at| cut(at, at + 1, 1)).collect();
    loading.store.add_chunks(loading.fence, &chunks).await.unwrap();
    other.store.add_chunks(other.fence, &chunks[..3]).await.unwrap();
    let numbers = async |from, limit| -> Vec<u64> {
        let rows = loading.store.chunks(loading.run_id, from, limit).await.unwrap();
        rows.iter().map(|row| row.cut.chunk_no.0).collect()
    };
    assert_eq!(numbers(0, 10).await, (0..10).collect::<Vec<_>>());
    assert_eq!(numbers(10, 10).await, (10..20).collect::<Vec<_>>());
    assert_eq!(numbers(20, 10).await, (20..25).collect::<Vec<_>>());
    assert_eq!(numbers(25, 10).await, [0; 0]);
    assert_eq!(numbers(u64::MAX, 10).await, [0; 0]);
    assert_eq!(loading.store.progress(loading.run_id).await.unwrap().split, 25);
}
