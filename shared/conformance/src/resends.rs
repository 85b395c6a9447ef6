//! Rejects that are loaded again: each by one run, and by none of a run that is not in final.

use domain::lifecycle::{RunEvent, RunState};
use domain::resend::CannotResend;
use store::model::NewRun;
use store::resends::{NewResend, Original};
use store::{Claim, StoreError};

use super::Subject;
use super::fixture::{APPEND, LASTS, Loading, entry, job, new_run, row, run_id};

/// A run that resends these records of run 1.
fn resending(job: &job::Job, number: u8, records: &[u64]) -> NewRun {
    let first = run_id(1);
    let records = records.iter().map(|no| Original { record_no: *no, offset: no * 100 }).collect();
    let log = entry(Some(first), "resent");
    NewRun { resends: Some(NewResend { first, records, log }), ..new_run(job, number) }
}

pub(crate) async fn a_reject_is_resent_by_one_run_at_a_time(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, job) = (&subject.store, job(APPEND, ""));
    let first = Loading::begin(store, &job, 1).await;
    // Not before the run that rejected them is in final.
    let refused = store.open_run(&resending(&job, 2, &[7])).await;
    let early = CannotResend::NotPromoted { first: run_id(1), state: RunState::Loading };
    assert!(matches!(&refused, Err(StoreError::CannotResend(why)) if *why == early), "{refused:?}");
    first.promote(&[vec![row(1, "a", "1.00")]]).await;

    let last = store.log_head().await.unwrap().unwrap().seq;
    let run = store.open_run(&resending(&job, 2, &[7, 3])).await.unwrap();
    assert_eq!(run.resends, Some(run_id(1)));
    let events = store.events(last, 10).await.unwrap();
    assert_eq!(
        events.iter().map(|event| event.entry.kind.as_str()).collect::<Vec<_>>(),
        ["opened", "resent"]
    );
    let originals = store.originals(run_id(2), 0, 10).await.unwrap();
    let expected = [(1, Original { record_no: 7, offset: 700 }), (2, Original { record_no: 3, offset: 300 })];
    assert_eq!(originals, expected);
    assert_eq!(store.originals(run_id(2), 1, 10).await.unwrap(), expected[1..]);
    let carried = store.resends_of(run_id(1)).await.unwrap();
    assert_eq!(
        carried.iter().map(|(run, records)| (run.run_id, *records)).collect::<Vec<_>>(),
        [(run_id(2), 2)]
    );
    // A part of a source is not what later runs are compared with.
    assert!(
        store
            .history(&job.name, None, false, 10)
            .await
            .unwrap()
            .iter()
            .all(|past| past.run.run_id == run_id(1))
    );

    // Another run takes none of the records, and leaves nothing behind.
    let last = store.log_head().await.unwrap().unwrap().seq;
    let refused = store.open_run(&resending(&job, 3, &[5, 7])).await;
    let before =
        CannotResend::Before { first: run_id(1), record_no: 7, run_id: run_id(2), state: RunState::Loading };
    assert!(matches!(&refused, Err(StoreError::CannotResend(why)) if *why == before), "{refused:?}");
    assert!(matches!(store.run(run_id(3)).await, Err(StoreError::NoSuchRun { .. })));
    assert_eq!(store.originals(run_id(3), 0, 10).await.unwrap(), []);
    assert_eq!(store.log_head().await.unwrap().unwrap().seq, last);
    store.open_run(&resending(&job, 4, &[5])).await.unwrap();

    // Meanwhile the first run stays in final.
    let refused = first.back_out(1).await;
    let resent = CannotResend::Resent { run_id: run_id(2), state: RunState::Loading };
    assert!(matches!(&refused, Err(StoreError::CannotResend(why)) if *why == resent), "{refused:?}");
    assert_eq!(subject.final_rows().await, 1);

    // A run that is given up lets go of its records.
    for number in [2, 4] {
        let fence = store.acquire_lease(run_id(number), "tester", LASTS, Claim::IfFree).await.unwrap();
        store.step(fence, RunEvent::Cancelled, None, entry(Some(run_id(number)), "cancelled")).await.unwrap();
    }
    store.open_run(&resending(&job, 5, &[7])).await.unwrap();
    let fence = store.acquire_lease(run_id(5), "tester", LASTS, Claim::IfFree).await.unwrap();
    store.step(fence, RunEvent::Cancelled, None, entry(Some(run_id(5)), "cancelled")).await.unwrap();
    first.back_out(1).await.unwrap();
}
