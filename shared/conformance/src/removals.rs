//! What is removed of a run, part by part, and runs that are removed.

use domain::event_kind::EventKind;
use domain::lifecycle::{RunEvent, RunState};
use domain::retention::{Part, Parts};
use domain::table::TableName;
use store::StoreError;

use super::Subject;
use super::fixture::{APPEND, Loading, Record, entry, job, row, run_id};

fn staging() -> [TableName; 1] {
    ["stg_entries".into()]
}

fn chunks() -> [Vec<Record<'static>>; 2] {
    [vec![row(1, "a", "1.00"), Record::Reject(b"x")], vec![row(3, "b", "2.00"), Record::Reject(b"y")]]
}

pub(crate) async fn parts_of_a_run_are_removed_one_by_one(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    let loading = Loading::begin(store, &job(APPEND, ""), 1).await;
    loading.promote(&chunks()).await;
    let run_id = loading.run_id;
    let fence = loading.fence;
    let counted = async || store.counted(run_id).await.unwrap();
    let (totals, progress) = (counted().await.totals, store.progress(run_id).await.unwrap());
    let job_totals = store.job_totals().await.unwrap();
    let removed = async |part: Part| {
        let parts = Parts::NONE.with(part);
        let log = entry(Some(run_id), EventKind::PartsRemoved.name());
        store.remove(fence, parts, &staging(), log).await.unwrap()
    };
    assert_eq!(counted().await.run.removed, Parts::NONE);
    // Rejects go, the rest stays.
    assert_eq!(removed(Part::Rejects).await, 6, "two rejects with two reasons each");
    assert!(store.rejects(run_id, 0, 9).await.unwrap().is_empty());
    assert_eq!((loading.staging().await.len(), store.chunks(run_id, 0, 9).await.unwrap().len()), (2, 2));
    let run = store.run(run_id).await.unwrap();
    assert_eq!((run.removed, run.purged), (Parts::NONE.with(Part::Rejects), false));
    // With the last of its rows it is purged.
    assert_eq!(removed(Part::Staging).await, 2);
    assert_eq!(removed(Part::Reports).await, 0);
    let run = store.run(run_id).await.unwrap();
    assert_eq!((run.removed, run.purged, run.state), (Parts::ROWS, true, RunState::Promoted));
    // Chunks go, and what was counted of them is known still, as often as it is asked for.
    for chunks in [2, 0] {
        assert!(removed(Part::Runs).await >= chunks);
        assert!(store.chunks(run_id, 0, 9).await.unwrap().is_empty());
        assert_eq!(counted().await.totals, totals);
        assert_eq!(store.progress(run_id).await.unwrap(), progress);
        assert_eq!(store.job_totals().await.unwrap(), job_totals);
        assert_eq!(counted().await.run.removed, Parts::ALL);
    }
    assert_eq!(subject.count("SELECT count(*) FROM entries").await, 2, "final is not touched");
    let kinds = store.run_events(run_id, 0, 99).await.unwrap();
    assert_eq!(kinds.iter().filter(|event| event.entry.kind == "parts-removed").count(), 5);
}

pub(crate) async fn a_run_with_nothing_in_final_is_removed_and_the_log_names_it(
    make: &impl AsyncFn() -> Subject,
) {
    let subject = make().await;
    let store = &subject.store;
    let job = job(APPEND, "");
    let (gone, other) = (Loading::begin(store, &job, 1).await, Loading::begin(store, &job, 2).await);
    gone.load(&chunks()).await;
    other.stage(&chunks()).await;
    gone.step(RunEvent::Cancelled).await;
    let forget = async |loading: &Loading| {
        let mut log = entry(Some(loading.run_id), EventKind::RunRemoved.name());
        log.detail = r#"{"job":"entries","state":"cancelled"}"#.into();
        store.forget(loading.fence, &staging(), log).await
    };
    assert!(store.forgotten(9).await.unwrap().is_empty());
    // One that is not over stays, and so does one whose rows are in final.
    assert!(matches!(forget(&other).await, Err(StoreError::Kept { state: RunState::Staged, .. })));
    let before = store.run_events(gone.run_id, 0, 99).await.unwrap();
    assert!(forget(&gone).await.unwrap() >= 2 + 6 + 2, "rows, rejects and chunks");
    for table in
        ["run", "chunk", "report", "reject", "reject_reason", "finding", "breach", "check", "readback"]
    {
        let sql = format!("SELECT count(*) FROM crossfoot_{table} WHERE run_id = '{}'", gone.run_id);
        assert_eq!(subject.count(&sql).await, 0, "{table}");
    }
    assert_eq!(other.staging().await.len(), 4, "rows and rejects");
    assert_eq!(store.chunks(other.run_id, 0, 9).await.unwrap().len(), 2);
    // Whoever asks for it is told what became of it.
    for error in [store.run(gone.run_id).await.unwrap_err(), store.counted(gone.run_id).await.unwrap_err()] {
        let StoreError::RunRemoved { run_id, job, state, .. } = &error else { panic!("{error}") };
        assert_eq!((*run_id, job.as_str(), state.as_str()), (gone.run_id, "entries", "cancelled"));
    }
    assert!(matches!(store.run(run_id(9)).await, Err(StoreError::NoSuchRun { .. })));
    let events = store.run_events(gone.run_id, 0, 99).await.unwrap();
    assert_eq!(events[..before.len()], before);
    assert_eq!(store.forgotten(9).await.unwrap(), events[before.len()..]);
    // Its fence is good for nothing any more.
    assert!(matches!(forget(&gone).await, Err(StoreError::Fenced { .. })));

    other.promote_staged().await;
    assert!(matches!(forget(&other).await, Err(StoreError::Kept { state: RunState::Promoted, .. })));
    assert_eq!(other.staging().await.len(), 4, "rows and rejects");
}
