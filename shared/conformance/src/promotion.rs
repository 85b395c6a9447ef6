//! Promotion: all of it or nothing, and invisible until it is committed.

use domain::check::{self, Stage};
use domain::invariants::Invariant;
use domain::lifecycle::{RunEvent, RunState};
use store::model::{EntryKind, Exclusion, NewRun};
use store::{Claim, Promotion, Store, StoreError};

use super::fixture::{
    APPEND, Found, KEYLESS, LASTS, Loading, NULL, Record, UPSERT, canonical, collect, entry, job,
    kept_checks, new_run, row,
};
use super::{NOW_MS, Subject, soon};

fn records() -> [Vec<Record<'static>>; 2] {
    [
        vec![row(3, "c", "3.00"), Record::Reject(b"x"), row(1, "a", "1.00")],
        vec![row(2, NULL, NULL), Record::Reject(b"y")],
    ]
}

async fn begin(loading: &Loading) -> Box<dyn Promotion> {
    let permit = loading.permit().await;
    soon(loading.store.begin_promotion(loading.fence, &permit, &loading.job)).await.unwrap()
}

/// A run of which everything but the promotion is done.
async fn staged(subject: &Subject) -> Loading {
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    loading.stage(&records()).await;
    loading
}

async fn read(promotion: &mut Box<dyn Promotion>) -> Vec<Found> {
    collect(promotion.read_final(0).await).await.unwrap()
}

/// That `store` can be written to.
async fn writes(store: &dyn Store) {
    soon(store.log(entry(None, "written"))).await.unwrap();
}

pub(crate) async fn a_promotion_makes_rows_visible_with_their_run(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = staged(&subject).await;
    let (store, run_id) = (&loading.store, loading.run_id);
    let last = store.log_head().await.unwrap().unwrap().seq;
    let mut promotion = begin(&loading).await;
    assert_eq!(promotion.insert().await.unwrap(), 3);
    let found = read(&mut promotion).await;
    let expected: Vec<_> =
        [(0, 1, row(3, "c", "3.00")), (0, 3, row(1, "a", "1.00")), (1, 4, row(2, NULL, NULL))]
            .into_iter()
            .map(|(chunk_no, record_no, record)| {
                let Record::Row(values) = record else { panic!("a reject") };
                let (kind, bytes) = (EntryKind::Row, canonical(record_no, &values));
                Found { kind, chunk_no, record_no, worker_id: loading.writer.0, excluded: None, bytes }
            })
            .collect();
    assert_eq!(found, expected);
    let subject_of = check::Subject::new(Stage::Final, Invariant::FinalBalances, "final rows");
    let checks = [check::count(subject_of, 3, 3, "three", NOW_MS)];
    let mut log = entry(Some(run_id), "promoted");
    log.at_ms += 5;
    promotion.commit(&checks, "{\"final\":3}", log.clone()).await.unwrap();
    let promoted = loading.store.promoted_jobs().await.unwrap();
    let run = loading.store.run(run_id).await.unwrap();
    assert_eq!(promoted.len(), 1);
    assert_eq!(
        (&promoted[0].job, promoted[0].run_id, promoted[0].job_digest),
        (&run.job, run_id, run.job_digest)
    );
    assert_eq!(promoted[0].opened_at_ms, run.opened_at_ms);
    let ended = (Some(promoted[0].promoted_at_ms), Some(promoted[0].first_promoted_at_ms));
    assert_eq!(ended, (run.ended_at_ms, run.ended_at_ms));

    assert_eq!(subject.final_rows().await, 3);
    let of_run = format!("SELECT count(*) FROM entries WHERE last_run_id = '{run_id}'");
    assert_eq!(subject.count(&of_run).await, 3);
    let run = store.run(run_id).await.unwrap();
    assert_eq!((run.state, run.ended_at_ms), (RunState::Promoted, Some(NOW_MS + 5)));
    assert_eq!(store.checks(run_id).await.unwrap(), kept_checks(checks.to_vec(), "{\"final\":3}"));
    let events = store.events(last, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| &event.entry).collect::<Vec<_>>(), [&log]);
    assert_eq!(loading.staging().await.len(), 5, "staging stays");
}

pub(crate) async fn nobody_sees_a_promotion_before_it_is_committed(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = staged(&subject).await;
    let other = subject.again().await;
    let before = (other.run(loading.run_id).await.unwrap(), other.log_head().await.unwrap());
    let mut promotion = begin(&loading).await;
    promotion.insert().await.unwrap();
    assert_eq!(read(&mut promotion).await.len(), 3);
    // Readers, in this process and others, neither see it nor wait for it.
    assert_eq!(soon(subject.final_rows()).await, 0);
    for store in [&loading.store, &other] {
        let seen = (soon(store.run(loading.run_id)).await.unwrap(), store.log_head().await.unwrap());
        assert_eq!(seen, before);
    }
    promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await.unwrap();
    assert_eq!(subject.final_rows().await, 3);
    assert_eq!(other.run(loading.run_id).await.unwrap().state, RunState::Promoted);
}

pub(crate) async fn a_promotion_that_is_left_leaves_nothing(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = staged(&subject).await;
    let other = subject.again().await;
    let run = loading.store.run(loading.run_id).await.unwrap();
    for way in ["before inserting", "after inserting", "while reading", "after reading", "rolled back"] {
        let mut promotion = begin(&loading).await;
        if way != "before inserting" {
            assert_eq!(promotion.insert().await.unwrap(), 3);
        }
        match way {
            "while reading" => drop(promotion.read_final(0).await),
            "after reading" => assert_eq!(read(&mut promotion).await.len(), 3),
            _ => {}
        }
        if way == "rolled back" {
            soon(promotion.rollback()).await.unwrap();
        } else {
            drop(promotion);
        }
        writes(&*loading.store).await;
        writes(&*other).await;
        assert_eq!(subject.final_rows().await, 0, "{way}");
        assert_eq!(loading.store.run(loading.run_id).await.unwrap(), run, "{way}");
    }
    // And it can be begun again.
    let mut promotion = begin(&loading).await;
    assert_eq!(promotion.insert().await.unwrap(), 3);
    promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await.unwrap();
    assert_eq!(subject.final_rows().await, 3);
}

pub(crate) async fn nobody_else_writes_while_a_promotion_is_under_way(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = staged(&subject).await;
    let mut promotion = begin(&loading).await;
    promotion.insert().await.unwrap();
    let (store, run_id) = (subject.again().await, loading.run_id);
    let evict =
        tokio::spawn(async move { store.acquire_lease(run_id, "operator", LASTS, Claim::Evict).await });
    tokio::task::yield_now().await;
    // Whoever evicts comes before the commit, where the promotion can be ended, or after it: nothing is done by half.
    let committed = promotion.commit(&[], "{}", entry(Some(run_id), "promoted")).await.is_ok();
    let evicted = soon(evict).await.unwrap();
    let run = loading.store.run(run_id).await.unwrap();
    if committed {
        let is_over = matches!(evicted, Err(StoreError::Over { state: RunState::Promoted, .. }));
        assert!(is_over, "{evicted:?}");
        assert_eq!((run.state, subject.final_rows().await), (RunState::Promoted, 3));
    } else {
        assert_eq!(evicted.unwrap().epoch, loading.fence.epoch + 1);
        assert_eq!((run.state, subject.final_rows().await), (RunState::Staged, 0));
    }
}

pub(crate) async fn a_run_that_cannot_become_promoted_is_not(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(APPEND, "");
    let loading = Loading::begin(&subject.store, &job, 1).await;
    loading.load(&records()).await;
    for event in [None, Some(RunEvent::Cancelled)] {
        if let Some(event) = event {
            loading.step(event).await;
        }
        let before =
            (loading.store.run(loading.run_id).await.unwrap(), loading.store.log_head().await.unwrap());
        let mut promotion = begin(&loading).await;
        assert_eq!(promotion.insert().await.unwrap(), 3);
        let refused = promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await;
        assert!(matches!(refused, Err(StoreError::Step(_))), "{refused:?}");
        writes(&*subject.again().await).await;
        assert_eq!(subject.final_rows().await, 0);
        assert_eq!(loading.store.run(loading.run_id).await.unwrap(), before.0);
        let last = before.1.unwrap().seq;
        let kinds: Vec<_> =
            loading.store.events(last, 10).await.unwrap().into_iter().map(|event| event.entry.kind).collect();
        assert_eq!(kinds, ["written"]);
    }
}

pub(crate) async fn a_row_that_final_refuses_is_named_as_such(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(APPEND, "");
    // By its key, and by a constraint of the operator's own.
    let duplicates = Loading::begin(&subject.store, &job, 1).await;
    duplicates.stage(&[vec![row(1, "a", "1.00"), row(1, "b", "1.00")]]).await;
    let shared = Loading::begin(&subject.store, &job, 2).await;
    subject.execute("CREATE UNIQUE INDEX one_account ON entries (account)").await;
    shared.stage(&[vec![row(5, "same", "1.00"), row(6, "same", "1.00")]]).await;
    for loading in [duplicates, shared] {
        let mut promotion = begin(&loading).await;
        let refused = promotion.insert().await;
        assert!(matches!(refused, Err(StoreError::FinalRefused { .. })), "{refused:?}");
        promotion.rollback().await.unwrap();
        writes(&*loading.store).await;
        assert_eq!(subject.final_rows().await, 0);
        assert_eq!(loading.store.run(loading.run_id).await.unwrap().state, RunState::Staged);
    }
}

pub(crate) async fn the_same_bytes_are_promoted_once(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, job) = (&subject.store, job(KEYLESS, ""));
    let chunks = [vec![row(1, "a", "1.00")]];
    let first = Loading::begin(store, &job, 1).await;
    let second = Loading::begin(store, &job, 2).await;
    // The third insists on it.
    let again = NewRun { again: true, ..new_run(&job, 3) };
    let run_id = store.open_run(&again).await.unwrap().run_id;
    let fence = store.acquire_lease(run_id, "coordinator", LASTS, Claim::IfFree).await.unwrap();
    let third = Loading { run_id, fence, ..first.clone() };
    let mut split = None;
    for loading in [&first, &second, &third] {
        loading.stage(&chunks).await;
        let same = *split.get_or_insert(store.run(first.run_id).await.unwrap().split.unwrap());
        store.finish_split(loading.fence, &same).await.unwrap();
    }
    for (loading, is_promoted) in [(&first, true), (&second, false), (&third, true)] {
        let mut promotion = begin(loading).await;
        match promotion.insert().await {
            Ok(rows) => {
                assert_eq!((rows, is_promoted), (1, true));
                let log = entry(Some(loading.run_id), "promoted");
                promotion.commit(&[], "{}", log).await.unwrap();
            }
            Err(StoreError::LoadedMeanwhile { run_id }) => {
                assert_eq!((run_id, is_promoted), (first.run_id, false));
                promotion.rollback().await.unwrap();
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(subject.final_rows().await, 2);
}

pub(crate) async fn rows_without_a_key_are_all_promoted(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(KEYLESS, "");
    let same = || vec![row(1, "a", "1.00"), row(1, "a", "1.00")];
    for (number, promoted) in [(1, 3), (2, 6)] {
        let loading = Loading::begin(&subject.store, &job, number).await;
        loading.stage(&[same(), same()[..1].to_vec()]).await;
        let mut promotion = begin(&loading).await;
        assert_eq!(promotion.insert().await.unwrap(), 3);
        let numbers: Vec<_> =
            read(&mut promotion).await.iter().map(|one| (one.kind, one.record_no)).collect();
        assert_eq!(numbers, [(EntryKind::Row, 1), (EntryKind::Row, 2), (EntryKind::Row, 3)]);
        promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await.unwrap();
        assert_eq!(subject.final_rows().await, promoted);
    }
    assert_eq!(subject.count("SELECT count(DISTINCT last_run_id) FROM entries").await, 2);
    assert_eq!(subject.count("SELECT max(last_record_no) FROM entries").await, 3);
}

pub(crate) async fn upserting_replaces_the_rows_of_an_earlier_run(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(UPSERT, "");
    let earlier = Loading::begin(&subject.store, &job, 1).await;
    earlier.promote(&[vec![row(1, "old", "1.00"), row(2, "old", "2.00"), row(3, "old", "3.00")]]).await;
    let later = Loading::begin(&subject.store, &job, 2).await;
    let last = row(2, NULL, "7.00");
    later
        .stage(&[vec![row(2, "x", "5.00"), row(4, "new", "4.00")], vec![last.clone(), row(3, "old", "3.00")]])
        .await;
    let mut promotion = begin(&later).await;
    assert_eq!(promotion.insert().await.unwrap(), 3);
    let found = read(&mut promotion).await;
    let flags: Vec<_> = found.iter().map(|one| (one.record_no, one.excluded)).collect();
    assert_eq!(flags, [(1, Some(Exclusion::Merged)), (2, None), (3, None), (4, None)]);
    let Record::Row(values) = last else { panic!("a reject") };
    assert_eq!((found[2].kind, &found[2].bytes), (EntryKind::Row, &canonical(3, &values)));
    promotion.commit(&[], "{}", entry(Some(later.run_id), "promoted")).await.unwrap();
    assert_eq!(subject.final_rows().await, 4);
    for (condition, rows) in [
        (format!("last_run_id = '{}' AND account = 'old'", earlier.run_id), 1),
        (format!("last_run_id = '{}'", later.run_id), 3),
        ("id = 2 AND account IS NULL AND amt = '7.00'".into(), 1),
    ] {
        let sql = format!("SELECT count(*) FROM entries WHERE {condition}");
        assert_eq!(subject.count(&sql).await, rows, "{condition}");
    }
}

pub(crate) async fn what_a_rule_holds_stays_out_of_final(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"once\"\nunique = [\"account\"]\non_breach = \"hold\"";
    let loading = Loading::begin(&subject.store, &job(APPEND, rule), 1).await;
    loading.stage(&[vec![row(1, "x", "1.00"), row(2, "a", "1.00")], vec![row(3, "x", "1.00")]]).await;
    let mut promotion = begin(&loading).await;
    assert_eq!(promotion.insert().await.unwrap(), 1);
    let found: Vec<_> =
        read(&mut promotion).await.iter().map(|one| (one.kind, one.record_no, one.excluded)).collect();
    let held = Some(Exclusion::Held);
    assert_eq!(
        found,
        [(EntryKind::Absent, 1, held), (EntryKind::Row, 2, None), (EntryKind::Absent, 3, held)]
    );
    promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await.unwrap();
    assert_eq!(subject.count("SELECT count(*) FROM entries WHERE id = 2").await, 1);
    assert_eq!(subject.final_rows().await, 1);
}

pub(crate) async fn a_row_that_is_not_in_final_reads_back_as_absent(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = staged(&subject).await;
    let mut promotion = begin(&loading).await;
    // Nothing is inserted yet.
    let found = read(&mut promotion).await;
    assert_eq!(found.iter().map(|one| one.record_no).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(found.iter().all(|one| one.kind == EntryKind::Absent && one.bytes.is_empty()));
    // What another run brought into final is not this run's.
    promotion.rollback().await.unwrap();
    let foreign = format!(
        "INSERT INTO entries (id, account, amt, last_run_id) VALUES (3, 'c', '3.00', '{}')",
        super::fixture::run_id(8)
    );
    subject.execute(&foreign).await;
    let mut promotion = begin(&loading).await;
    assert!(read(&mut promotion).await.iter().all(|one| one.kind == EntryKind::Absent));
    promotion.rollback().await.unwrap();
}
