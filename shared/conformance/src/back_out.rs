//! Backing out: a promoted run's rows taken out of final again.

use domain::back_out::CannotBackOut;
use domain::lifecycle::RunState;
use store::StoreError;
use store::promotion::Undo;

use super::Subject;
use super::fixture::{APPEND, KEYLESS, Loading, Record, UPSERT, entry, job, row};

impl Loading {
    /// Backs the run out, of which final must hold `promoted` rows.
    pub async fn back_out(&self, promoted: u64) -> Result<(), StoreError> {
        let undo = Undo { note: "wrong file".into(), log: entry(Some(self.run_id), "backed-out") };
        self.store.back_out(self.fence, &self.job, promoted, undo).await
    }
}

fn three() -> Vec<Vec<Record<'static>>> {
    vec![vec![row(1, "a", "1.00"), row(2, "b", "2.00")], vec![row(3, "c", "3.00")]]
}

pub(crate) async fn a_run_that_is_backed_out_is_gone_from_final_and_still_in_staging(
    make: &impl AsyncFn() -> Subject,
) {
    let subject = make().await;
    for (number, key) in [(1, APPEND), (3, KEYLESS)] {
        let job = job(key, "");
        let kept = Loading::begin(&subject.store, &job, number).await;
        kept.promote(&[vec![row(9, "z", "9.00")]]).await;
        let backed_out = Loading::begin(&subject.store, &job, number + 1).await;
        backed_out.promote(&three()).await;
        assert_eq!(subject.final_rows().await, 4);
        let (store, run_id) = (&backed_out.store, backed_out.run_id);
        let before = (store.run(run_id).await.unwrap(), backed_out.staging().await);
        let last = store.log_head().await.unwrap().unwrap().seq;
        backed_out.back_out(3).await.unwrap();
        assert_eq!(subject.final_rows().await, 1, "the other run's row");
        let run = store.run(run_id).await.unwrap();
        assert_eq!((run.state, run.note.as_deref()), (RunState::BackedOut, Some("wrong file")));
        assert_eq!(run.ended_at_ms, before.0.ended_at_ms);
        assert_eq!(backed_out.staging().await, before.1);
        let events = store.events(last, 10).await.unwrap();
        assert_eq!(events.iter().map(|event| event.entry.kind.as_str()).collect::<Vec<_>>(), ["backed-out"]);
        // Once.
        assert!(matches!(
            backed_out.back_out(3).await,
            Err(StoreError::Step(_) | StoreError::CannotBackOut(_))
        ));
        // Its keys are free again.
        let again = Loading::begin(&subject.store, &job, number + 10).await;
        again.promote(&three()).await;
        assert_eq!(subject.final_rows().await, 4);
        subject.execute("DROP TABLE entries").await;
    }
}

pub(crate) async fn a_run_that_final_does_not_hold_whole_is_not_backed_out(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    loading.promote(&three()).await;
    subject.execute("DELETE FROM entries WHERE id = 2").await;
    let refused = loading.back_out(3).await;
    let differs = CannotBackOut::Differs { promoted: 3, found: 2 };
    assert!(matches!(&refused, Err(StoreError::CannotBackOut(why)) if *why == differs), "{refused:?}");
    assert_eq!(subject.final_rows().await, 2);
    assert_eq!(loading.store.run(loading.run_id).await.unwrap().state, RunState::Promoted);
}

pub(crate) async fn rows_that_replaced_others_are_not_backed_out(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(UPSERT, ""), 1).await;
    loading.promote(&three()).await;
    let refused = loading.back_out(3).await;
    assert!(matches!(refused, Err(StoreError::CannotBackOut(CannotBackOut::Replaced { .. }))), "{refused:?}");
    assert_eq!(subject.final_rows().await, 3);
}

pub(crate) async fn only_a_promoted_run_is_backed_out(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    loading.stage(&three()).await;
    assert!(matches!(loading.back_out(0).await, Err(StoreError::Step(_))));
    assert_eq!(loading.store.run(loading.run_id).await.unwrap().state, RunState::Staged);
}
