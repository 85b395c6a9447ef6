//! The log, the checks, the findings, the rejects, and what purging leaves of them.

use std::sync::Arc;

use domain::check::{self, CheckResult, Stage};
use domain::constraint::ReasonCode;
use domain::event::{ChainWalk, GENESIS, Head};
use domain::finding::{Difference, Finding};
use domain::ids::{ChunkNo, RecordNo, WorkerId};
use domain::invariants::Invariant;
use domain::lifecycle::RunEvent;
use domain::retention::Parts;
use store::model::{FindingPage, KeptChecks, NewRun};
use store::rules::Keys;
use store::{Store, StoreError};
use wire::RejectReason;

use super::fixture::{APPEND, KEYLESS, Loading, Record, entry, job, kept_checks, new_run, row, run_id};
use super::{NOW_MS, Subject, soon};

/// The whole log, each event linked to the one before it.
async fn walk(store: &dyn Store) -> Vec<domain::event::Event> {
    let events = store.events(0, 10_000).await.unwrap();
    let mut walk = ChainWalk::default();
    for event in &events {
        walk.step(event).unwrap();
    }
    let head = store.log_head().await.unwrap();
    assert_eq!(head.unwrap_or(Head { seq: 0, hash: GENESIS }), walk.head());
    events
}

pub(crate) async fn events_are_chained_and_paged(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    assert_eq!((store.log_head().await.unwrap(), walk(&**store).await), (None, Vec::new()));
    let mut sealed = Vec::new();
    for at in 0..25 {
        let run = (at % 2 == 0).then(|| run_id(at));
        sealed.push(store.log(entry(run, &format!("event {at}"))).await.unwrap());
    }
    assert_eq!(sealed[0].previous, GENESIS);
    assert_eq!(walk(&**store).await, sealed);
    assert_eq!(walk(&*subject.again().await).await, sealed);
    assert_eq!(store.events(0, 10).await.unwrap(), sealed[..10]);
    assert_eq!(store.events(10, 10).await.unwrap(), sealed[10..20]);
    assert_eq!(store.events(20, 10).await.unwrap(), sealed[20..]);
    assert_eq!(store.events(25, 10).await.unwrap(), []);
    assert_eq!(store.events(u64::MAX, 10).await.unwrap(), []);
    for at in 0..25 {
        let first = (at % 2 == 0).then_some(u64::from(at) + 1);
        assert_eq!(store.first_event(run_id(at)).await.unwrap(), first);
    }
    store.log(entry(Some(run_id(4)), "again")).await.unwrap();
    assert_eq!(store.first_event(run_id(4)).await.unwrap(), Some(5));
}

pub(crate) async fn concurrent_events_leave_no_gap(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let other = subject.again().await;
    let mut tasks = Vec::new();
    for task in 0..32 {
        let store = Arc::clone(if task % 4 == 0 { &other } else { &subject.store });
        tasks.push(tokio::spawn(async move {
            for at in 0..4 {
                store.log(entry(None, &format!("{task}.{at}"))).await.unwrap();
            }
        }));
    }
    for task in tasks {
        soon(task).await.unwrap();
    }
    let events = walk(&*subject.store).await;
    assert_eq!(events.last().map(|event| event.seq), Some(128));
    for task in 0..32 {
        let prefix = format!("{task}.");
        let own = events.iter().map(|event| &event.entry.kind).filter(|kind| kind.starts_with(&prefix));
        assert!(
            own.eq([0, 1, 2, 3].map(|at| format!("{task}.{at}")).iter()),
            "each task's own are in its order"
        );
    }
}

pub(crate) async fn a_runs_events_are_asked_for_by_themselves(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let store = &subject.store;
    let mut own = Vec::new();
    for at in 0..20 {
        let run = [Some(run_id(1)), Some(run_id(2)), None][at % 3];
        let event = store.log(entry(run, &format!("event {at}"))).await.unwrap();
        own.extend((at % 3 == 0).then_some(event));
    }
    assert_eq!(store.run_events(run_id(1), 0, 100).await.unwrap(), own);
    assert_eq!(store.run_events(run_id(1), 0, 2).await.unwrap(), own[..2]);
    assert_eq!(store.run_events(run_id(1), own[1].seq, 100).await.unwrap(), own[2..]);
    assert_eq!(store.run_events(run_id(1), u64::MAX, 100).await.unwrap(), []);
    assert_eq!(store.run_events(run_id(3), 0, 100).await.unwrap(), []);
}

pub(crate) async fn the_log_cannot_be_changed(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    for kind in ["opened", "promoted"] {
        subject.store.log(entry(None, kind)).await.unwrap();
    }
    let before = walk(&*subject.store).await;
    for sql in [
        "UPDATE crossfoot_event SET actor = 'nobody' WHERE seq = 1",
        "UPDATE crossfoot_event SET kind = kind",
        "DELETE FROM crossfoot_event WHERE seq = 2",
        "DELETE FROM crossfoot_event",
    ] {
        assert!(subject.database.execute(sql).await.is_err(), "{sql}");
        assert_eq!(walk(&*subject.store).await, before);
    }
}

fn checks(names: &[&str]) -> Vec<CheckResult> {
    (0..)
        .zip(names)
        .map(|(at, name)| {
            let subject = check::Subject::new(Stage::Staging, Invariant::RecordsAccounted, *name);
            check::count(subject, 3, 3 + at, "so many „ä“", NOW_MS)
        })
        .collect()
}

pub(crate) async fn checks_are_those_of_the_last_reconciliation(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let other = Loading::begin(&subject.store, &job(APPEND, ""), 2).await;
    let store = &loading.store;
    assert_eq!(store.checks(loading.run_id).await.unwrap(), KeptChecks::default());
    let (first, second) = (checks(&["z", "a", "m"]), checks(&["b", "c"]));
    store.keep_checks(loading.fence, &first, "{\"n\":1}").await.unwrap();
    store.keep_checks(other.fence, &second, "{\"other\":1}").await.unwrap();
    assert_eq!(store.checks(loading.run_id).await.unwrap(), kept_checks(first, "{\"n\":1}"));
    store.keep_checks(loading.fence, &second, "{\"n\": 2}").await.unwrap();
    assert_eq!(store.checks(loading.run_id).await.unwrap(), kept_checks(second.clone(), "{\"n\": 2}"));
    store.keep_checks(loading.fence, &[], "").await.unwrap();
    assert_eq!(store.checks(loading.run_id).await.unwrap(), kept_checks(Vec::new(), ""));
    assert_eq!(store.checks(other.run_id).await.unwrap(), kept_checks(second, "{\"other\":1}"));
}

fn finding(number: u64) -> Finding {
    Finding {
        stage: Stage::Staging,
        difference: Difference::Field,
        chunk_no: ChunkNo(number / 4),
        record_no: RecordNo(number),
        byte_offset: number.is_multiple_of(2).then_some(number * 10),
        field: Some("amt".into()),
        expected: Some("'a\u{0}b'".into()),
        actual: None,
        worker_id: Some(WorkerId(3)),
    }
}

pub(crate) async fn findings_are_paged_and_counted(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let other = Loading::begin(&subject.store, &job(APPEND, ""), 2).await;
    let (store, run_id) = (&loading.store, loading.run_id);
    assert_eq!(store.findings(run_id, 0, 10).await.unwrap(), FindingPage::default());
    // In the order of keeping, whatever the records' order.
    let all: Vec<_> = (0..25).rev().map(finding).collect();
    store.keep_findings(loading.fence, &all[..7]).await.unwrap();
    store.keep_findings(other.fence, &all[..2]).await.unwrap();
    store.keep_findings(loading.fence, &all[7..]).await.unwrap();
    for (from, to) in [(0, 10), (10, 20), (20, 25), (25, 25)] {
        let page = store.findings(run_id, from as u64, 10).await.unwrap();
        assert_eq!(page, FindingPage { findings: all[from..to].to_vec(), total: 25 });
    }
    store.clear_findings(loading.fence).await.unwrap();
    assert_eq!(store.findings(run_id, 0, 10).await.unwrap(), FindingPage::default());
    assert_eq!(store.findings(other.run_id, 0, 10).await.unwrap().total, 2);
    store.keep_findings(loading.fence, &all[..1]).await.unwrap();
    assert_eq!(
        store.findings(run_id, 0, 10).await.unwrap(),
        FindingPage { findings: all[..1].to_vec(), total: 1 }
    );
}

pub(crate) async fn breaches_are_paged_and_counted(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"once\"\nunique = [\"account\"]\non_breach = \"warn\"";
    let loading = Loading::begin(&subject.store, &job(APPEND, rule), 1).await;
    let records: Vec<_> = (0..25).map(|at| row(at % 20, "same", "1.00")).collect();
    loading.load(&[records[..10].to_vec(), records[10..].to_vec()]).await;
    loading.store.apply_rules(loading.fence, &loading.job, Keys::Count).await.unwrap();
    let page = async |from| loading.store.breaches(loading.run_id, &loading.job, from, 12).await.unwrap();
    let mut found = Vec::new();
    for (from, length) in [(0, 12), (12, 12), (24, 6), (30, 0)] {
        let part = page(from).await;
        assert_eq!((part.findings.len(), part.total), (length, 30));
        found.extend(part.findings);
    }
    let of = |difference| {
        found.iter().filter(|one| one.difference == difference).map(|one| one.record_no.0).collect()
    };
    let (rules, keys): (Vec<_>, Vec<_>) = (of(Difference::Rule), of(Difference::DuplicateKey));
    assert_eq!((rules, keys), ((1..=25).collect(), (21..=25).collect()));
    assert!(found.iter().all(|one| one.worker_id == Some(loading.writer)));
}

/// 25 records, of which every one with an odd number is a reject.
fn half_rejected() -> Vec<Vec<Record<'static>>> {
    let record = |at| if at % 2 == 1 { Record::Reject(b"\0raw\xff") } else { row(at, "a", "1.00") };
    [1..11, 11..26].map(|numbers| numbers.map(record).collect()).to_vec()
}

pub(crate) async fn rejects_are_kept_whole_and_paged(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let (store, run_id) = (&loading.store, loading.run_id);
    loading.load(&half_rejected()).await;
    Loading::begin(store, &loading.job, 2).await.load(&[vec![Record::Reject(b"other")]]).await;
    let mut found = Vec::new();
    for (after, length) in [(0, 5), (9, 5), (19, 3), (25, 0)] {
        let page = store.rejects(run_id, after, 5).await.unwrap();
        assert_eq!(page.len(), length, "after {after}");
        found.extend(page);
    }
    for (record_no, reject) in (1..).step_by(2).zip(&found) {
        assert_eq!((reject.record_no.0, reject.chunk_no.0), (record_no, u64::from(record_no > 10)));
        assert_eq!((reject.offset, reject.worker_id), ((record_no - 1) * 10, loading.processor));
        assert_eq!(reject.raw, b"\0raw\xff");
        let reasons: Vec<_> =
            reject.reasons.iter().map(|one| (one.field.as_deref(), one.code, one.detail.as_str())).collect();
        assert_eq!(
            reasons,
            [
                (Some("amt"), ReasonCode::Type, "'x' is not a decimal"),
                (None, ReasonCode::FieldCount, "4 fields instead of 3"),
            ]
        );
    }
}

pub(crate) async fn rejects_are_grouped_by_field_and_fault(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks = half_rejected();
    let cuts = super::fixture::cuts(&chunks);
    loading.store.add_chunks(loading.fence, &cuts).await.unwrap();
    for (cut, records) in cuts.iter().zip(&chunks) {
        let mut batch = loading.batch(cut, records);
        for reject in &mut batch.rejects {
            if reject.record_no > 11 {
                reject.reasons.truncate(1);
            }
            // The same fault twice in one record is one record.
            reject.reasons.push(reject.reasons[0].clone());
            let detail = if reject.record_no > 5 { "`kind` is 'X'" } else { "`kind` is 'Y'" }.to_owned();
            reject.reasons.push(RejectReason {
                field: None,
                code: ReasonCode::RecordType.name().into(),
                detail,
            });
        }
        loading.commit(batch).await.unwrap();
    }
    let mut groups = loading.store.reject_groups(loading.run_id).await.unwrap();
    // What is said of a record's type is counted; any other is named if it is the same for all.
    let typed = groups.remove(0);
    assert_eq!((typed.code, typed.records, typed.detail), (ReasonCode::RecordType, 13, None));
    let examples: Vec<_> = typed.examples.iter().map(|one| (one.detail.as_str(), one.records)).collect();
    assert_eq!(examples, [("`kind` is 'X'", 10), ("`kind` is 'Y'", 3)]);
    assert_eq!((groups[0].detail.as_deref(), groups[0].examples.len()), (Some("'x' is not a decimal"), 0));
    let groups: Vec<_> = groups
        .iter()
        .map(|group| (group.field.as_deref(), group.code, group.records, group.first_record_no))
        .collect();
    assert_eq!(groups, [(Some("amt"), ReasonCode::Type, 13, 1), (None, ReasonCode::FieldCount, 6, 1)]);
    assert!(loading.store.reject_groups(run_id(9)).await.unwrap().is_empty());
}

pub(crate) async fn purging_removes_the_rows_of_one_run_and_no_evidence(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"once\"\nunique = [\"account\"]\non_breach = \"hold\"";
    let job = job(KEYLESS, rule);
    let (purged, other) =
        (Loading::begin(&subject.store, &job, 1).await, Loading::begin(&subject.store, &job, 2).await);
    let store = &subject.store;
    for loading in [&purged, &other] {
        loading.load(&half_rejected()).await;
        store.apply_rules(loading.fence, &job, Keys::Count).await.unwrap();
        store.keep_checks(loading.fence, &checks(&["a", "b"]), "{}").await.unwrap();
        store.keep_findings(loading.fence, &[finding(1), finding(2)]).await.unwrap();
        loading.step(RunEvent::Cancelled).await;
    }
    let rows = async |loading: &Loading| {
        let breaches = store.breaches(loading.run_id, &job, 0, 100).await.unwrap();
        let findings = store.findings(loading.run_id, 0, 100).await.unwrap();
        let rejects = store.rejects(loading.run_id, 0, 100).await.unwrap();
        let groups = store.reject_groups(loading.run_id).await.unwrap();
        (loading.staging().await, breaches, findings, rejects, groups)
    };
    let evidence = async |loading: &Loading| {
        let chunks = store.chunks(loading.run_id, 0, 100).await.unwrap();
        (chunks, store.checks(loading.run_id).await.unwrap(), store.job_text(&job.digest).await.unwrap())
    };
    let kept = (rows(&other).await, evidence(&other).await, evidence(&purged).await);
    let events = walk(&**store).await;
    let removed = store
        .remove(purged.fence, Parts::ROWS, &["stg_entries".into()], entry(Some(purged.run_id), "purged"))
        .await
        .unwrap();
    assert!(removed >= 25, "12 rows and 13 rejects at least: {removed}");
    let (staging, breaches, findings, rejects, groups) = rows(&purged).await;
    assert_eq!(
        (staging, breaches.total, findings.total, rejects, groups),
        (Vec::new(), 0, 0, Vec::new(), Vec::new())
    );
    assert_eq!((rows(&other).await, evidence(&other).await, evidence(&purged).await), kept);
    assert!(store.run(purged.run_id).await.unwrap().purged);
    assert!(!store.run(other.run_id).await.unwrap().purged);
    let after = walk(&**store).await;
    assert_eq!(after[..events.len()], events);
    assert_eq!(after.last().map(|event| event.entry.kind.as_str()), Some("purged"));
    // Purging can be repeated, and so it must when it was interrupted.
    let again = store
        .remove(purged.fence, Parts::ROWS, &["stg_entries".into()], entry(Some(purged.run_id), "purged"))
        .await
        .unwrap();
    assert_eq!(again, 0);
}

pub(crate) async fn a_run_whose_tables_are_gone_can_be_purged(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    loading.load(&half_rejected()).await;
    subject.execute("DROP TABLE stg_entries").await;
    loading
        .store
        .remove(loading.fence, Parts::ROWS, &["stg_entries".into()], entry(None, "purged"))
        .await
        .unwrap();
    assert!(loading.store.run(loading.run_id).await.unwrap().purged);
    assert!(loading.store.rejects(loading.run_id, 0, 9).await.unwrap().is_empty());
}

pub(crate) async fn opening_a_run_is_logged_with_it(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, job) = (&subject.store, job(APPEND, ""));
    store.open_run(&new_run(&job, 1)).await.unwrap();
    let events = walk(&**store).await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].entry.kind.as_str(), events[0].entry.at_ms), ("opened", NOW_MS));
    assert_eq!(events[0].entry.run_id, Some(run_id(1).to_string()));
    // A run that cannot be opened is not logged either: its number is taken.
    let refused = store.open_run(&NewRun { again: true, ..new_run(&job, 1) }).await;
    assert!(matches!(refused, Err(StoreError::Database { .. })), "{refused:?}");
    assert_eq!(walk(&**store).await, events);
}

pub(crate) async fn the_store_has_one_identity_and_two_valid_keys(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let (store, other) = (&subject.store, subject.again().await);
    let (one, two) = tokio::join!(store.identity(), other.identity());
    assert_eq!(one.unwrap(), two.unwrap());
    let (one, two) = tokio::join!(store.message_keys(), other.message_keys());
    let first = one.unwrap();
    assert_eq!(first, two.unwrap(), "the process that comes second gets the first one's");
    assert_eq!(first.previous, None);

    let id = store.rotate_message_key(NOW_MS, 60_000).await.unwrap();
    let second = other.message_keys().await.unwrap();
    assert_eq!((second.current.id(), second.previous.as_ref()), (id, Some(&first.current)));
    let young = other.rotate_message_key(NOW_MS + 59_999, 60_000).await.unwrap_err();
    assert!(matches!(young, StoreError::KeyTooYoung { age_s: 59, settled_s: 60 }), "{young}");
    other.rotate_message_key(NOW_MS + 60_000, 60_000).await.unwrap();
    let third = store.message_keys().await.unwrap();
    assert_eq!(third.previous, Some(second.current));
    assert_eq!(third.find(first.current.id()), None, "the oldest is not valid any more");
}

pub(crate) async fn the_masking_key_is_made_once_for_all_processes(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let stores = [Arc::clone(&subject.store), subject.again().await, subject.again().await];
    let asked = stores.iter().map(|store| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.masking_key().await.unwrap() })
    });
    let mut keys = Vec::new();
    for asked in asked.collect::<Vec<_>>() {
        keys.push(asked.await.unwrap());
    }
    assert!(keys.iter().all(|key| *key == keys[0]), "whoever comes first makes it");
    assert_eq!(subject.count("SELECT count(*) FROM crossfoot_masking").await, 1);
    // A key that the store did not make is not in it, and nothing else is taken for it.
    subject.execute("UPDATE crossfoot_masking SET key = NULL").await;
    let other = subject.again().await.masking_key().await;
    assert!(matches!(other, Err(StoreError::OtherKey { .. })), "{other:?}");
}
