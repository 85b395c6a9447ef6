//! A chunk is committed whole, and once.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::fingerprint::Hash;
use domain::ids::ChunkNo;
use domain::lifecycle::{ChunkState, RunEvent};
use domain::rule::RuleOutcome;
use store::StoreError;
use store::model::{ChunkCut, CommitOutcome, FindingPage};
use wire::{Batch, Breach, RuleCounts};

use super::account::shares;
use super::fixture::{APPEND, Loading, Record, UPSERT, canonical, cut, cuts, job, new_worker, row, run_id};
use super::{Subject, soon};

/// What a run holds: its ledger, its staging, its rejects, and how long the log is.
async fn state(loading: &Loading) -> String {
    let store = &loading.store;
    let chunks = store.chunks(loading.run_id, 0, 100).await.unwrap();
    let (staging, rejects) = (loading.staging().await, store.rejects(loading.run_id, 0, 100).await.unwrap());
    let breaches = store.breaches(loading.run_id, &loading.job, 0, 100).await.unwrap();
    format!("{chunks:?} {staging:?} {rejects:?} {breaches:?} {:?}", store.log_head().await.unwrap())
}

pub(crate) async fn a_commit_books_the_chunk_its_rows_its_rejects_and_its_breaches(
    make: &impl AsyncFn() -> Subject,
) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"positive\"\nholds = \"amt > 0\"\non_breach = \"warn\"";
    let loading = Loading::begin(&subject.store, &job(APPEND, rule), 1).await;
    let records = [row(1, "a", "1.00"), Record::Reject(b"x\0y"), row(3, "b", "-0.50")];
    let cut = cut(0, 1, 3);
    loading.store.add_chunks(loading.fence, std::slice::from_ref(&cut)).await.unwrap();
    let mut batch = loading.batch(&cut, &records);
    (batch.rules, batch.breaches) =
        (vec![RuleCounts { examined: 2, breached: 1 }], vec![Breach { record_no: 3, rule: 0 }]);
    let sent = batch.clone();
    assert_eq!(loading.commit(batch).await.unwrap(), CommitOutcome::Committed);

    let chunks = loading.store.chunks(loading.run_id, 0, 10).await.unwrap();
    assert_eq!((chunks.len(), &chunks[0].cut, chunks[0].state), (1, &cut, ChunkState::Committed));
    let committed = chunks[0].committed.as_ref().unwrap();
    assert_eq!((committed.processor, committed.writer), (loading.processor, loading.writer));
    assert_eq!((committed.bytes_in, committed.records_in), (30, 3));
    assert_eq!((committed.accepted, committed.rejected), (2, 1));
    assert_eq!(committed.sums.0, ["0.50".parse().unwrap()]);
    assert_eq!(
        (committed.tree.to_bytes(), &committed.rules),
        (sent.tree, &vec![RuleOutcome { examined: 2, breached: 1 }])
    );
    assert_eq!(loading.staging().await.len(), 3);
    let FindingPage { findings: breaches, total } =
        loading.store.breaches(loading.run_id, &loading.job, 0, 10).await.unwrap();
    assert_eq!((breaches.len(), total, breaches[0].record_no.0), (1, 1, 3));
    assert_eq!(breaches[0].field.as_deref(), Some("positive"));
    let progress = loading.store.progress(loading.run_id).await.unwrap();
    assert_eq!((progress.split, progress.committed, progress.set_aside, progress.records), (1, 1, 0, 3));
}

pub(crate) async fn a_batch_of_other_bytes_is_not_committed(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let records = [row(1, "a", "1.00")];
    let cut = ChunkCut { decoded: Some(Hash::of(b"decoded")), ..cut(0, 1, 1) };
    loading.store.add_chunks(loading.fence, std::slice::from_ref(&cut)).await.unwrap();
    let before = state(&loading).await;
    let batch = || loading.batch(&cut, &records);
    for other in [
        Batch { sha256: [7; 32], ..batch() },
        Batch { bytes_in: 11, ..batch() },
        Batch { first_record_no: 2, ..batch() },
    ] {
        assert_eq!(loading.commit(other).await.unwrap(), CommitOutcome::OtherBytes);
        assert_eq!(state(&loading).await, before, "nothing was done");
    }
    let content = batch().content();
    assert_eq!(loading.commit(batch()).await.unwrap(), CommitOutcome::Committed);
    let chunk = loading.store.chunks(loading.run_id, 0, 1).await.unwrap().remove(0);
    assert_eq!(chunk.cut, cut, "with what the coordinator decoded");
    let committed = chunk.committed.unwrap();
    assert_eq!((committed.content, committed.bytes), (Some(content), Some(shares(&chunk.cut))));
}

pub(crate) async fn a_second_commit_of_a_chunk_changes_nothing(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let records = vec![row(1, "a", "1.00"), Record::Reject(b"x"), row(3, "b", "2.00")];
    let cuts = loading.load(std::slice::from_ref(&records)).await;
    let before = state(&loading).await;
    assert_eq!(loading.commit(loading.batch(&cuts[0], &records)).await.unwrap(), CommitOutcome::AlreadyThere);
    // Not even when it says something else, from another writer through another connection.
    let other_writer = new_worker(domain::counts::Role::Writer, "other");
    let writer = subject.store.register_worker(&other_writer).await.unwrap();
    let other = Loading { store: subject.again().await, writer, ..loading.clone() };
    let batch = other.batch(&cuts[0], &[row(7, "z", "9.99")]);
    assert_eq!(other.commit(batch).await.unwrap(), CommitOutcome::AlreadyThere);
    assert_eq!(state(&loading).await, before);
    // Once the run has moved on, too.
    loading.step(RunEvent::AllCommitted).await;
    assert_eq!(loading.commit(loading.batch(&cuts[0], &records)).await.unwrap(), CommitOutcome::AlreadyThere);
}

pub(crate) async fn a_run_that_no_longer_loads_takes_no_batch(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(APPEND, "");
    for (number, event) in [(1, RunEvent::Cancelled), (2, RunEvent::AllCommitted)] {
        let loading = Loading::begin(&subject.store, &job, number).await;
        let cut = cut(0, 1, 1);
        loading.store.add_chunks(loading.fence, std::slice::from_ref(&cut)).await.unwrap();
        loading.step(event).await;
        let before = state(&loading).await;
        let batch = loading.batch(&cut, &[row(1, "a", "1.00")]);
        assert_eq!(loading.commit(batch).await.unwrap(), CommitOutcome::RunClosed, "{event}");
        assert_eq!(state(&loading).await, before, "{event}");
    }
}

pub(crate) async fn an_unknown_run_or_chunk_takes_no_batch(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let records = [row(1, "a", "1.00"), Record::Reject(b"x")];
    let unknown = Loading { run_id: run_id(9), ..loading.clone() };
    for stranger in [&unknown, &loading] {
        let batch = stranger.batch(&cut(0, 1, 2), &records);
        assert_eq!(stranger.commit(batch).await.unwrap(), CommitOutcome::RunClosed);
        assert_eq!(stranger.staging().await, []);
        assert!(stranger.store.rejects(stranger.run_id, 0, 10).await.unwrap().is_empty());
        assert!(stranger.store.chunks(stranger.run_id, 0, 10).await.unwrap().is_empty());
    }
}

pub(crate) async fn a_commit_that_fails_leaves_nothing(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let cut = cut(0, 1, 3);
    loading.store.add_chunks(loading.fence, std::slice::from_ref(&cut)).await.unwrap();
    let before = state(&loading).await;
    let good = loading.batch(&cut, &[row(1, "a", "1.00"), row(2, "b", "2.00"), Record::Reject(b"x")]);

    let mut more_rows_than_said = good.clone();
    (more_rows_than_said.accepted, more_rows_than_said.by_type) = (1, vec![1]);
    let mut fewer_rows_than_said = good.clone();
    (fewer_rows_than_said.accepted, fewer_rows_than_said.by_type) = (3, vec![3]);
    let mut cut_short = good.clone();
    cut_short.rows[0].pop();
    let mut a_record_twice = good.clone();
    let first = canonical(1, &[domain::value::Value::Null; 3]);
    a_record_twice.rows[0].extend(first);
    (a_record_twice.accepted, a_record_twice.by_type) = (3, vec![3]);
    let mut a_reject_twice = good.clone();
    a_reject_twice.rejects.push(good.rejects[0].clone());
    let mut a_breach_twice = good.clone();
    a_breach_twice.breaches = vec![Breach { record_no: 1, rule: 0 }; 2];
    for (what, bad) in [
        ("more rows than said", more_rows_than_said),
        ("fewer rows than said", fewer_rows_than_said),
        ("cut short", cut_short),
        ("a record twice", a_record_twice),
        ("a reject twice", a_reject_twice),
        ("a breach twice", a_breach_twice),
    ] {
        let refused = loading.commit(bad).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Damaged { .. } | StoreError::Database { .. }),
            "{what}: {refused}"
        );
        assert_eq!(state(&loading).await, before, "{what}");
    }
    assert_eq!(loading.commit(good).await.unwrap(), CommitOutcome::Committed);
}

pub(crate) async fn of_concurrent_commits_each_chunk_takes_one(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let account = |chunk: i64| format!("chunk {chunk}");
    let chunks: Vec<Vec<_>> = (0..12).map(|chunk| vec![account(chunk); 5]).collect();
    let chunks: Vec<Vec<_>> = (0_i64..)
        .zip(&chunks)
        .map(|(chunk, texts)| {
            let rows = (0_i64..).zip(texts).map(|(at, text)| row(chunk * 5 + at, text, "1.00"));
            rows.chain([Record::Reject(b"bad")]).collect()
        })
        .collect();
    let cuts = cuts(&chunks);
    loading.store.add_chunks(loading.fence, &cuts).await.unwrap();
    let mut tasks = Vec::new();
    for task in 0..4 {
        let store = if task % 2 == 0 { Arc::clone(&subject.store) } else { subject.again().await };
        let name = format!("writer {task}");
        let writer = store.register_worker(&new_worker(domain::counts::Role::Writer, &name)).await.unwrap();
        let one = Loading { store, writer, ..loading.clone() };
        let mut batches: Vec<_> =
            cuts.iter().zip(&chunks).map(|(cut, records)| one.batch(cut, records)).collect();
        batches.rotate_left(task * 2);
        tasks.push(tokio::spawn(async move {
            let mut won = Vec::new();
            for batch in batches {
                let chunk_no = batch.chunk_no;
                match one.commit(batch).await.unwrap() {
                    CommitOutcome::Committed => won.push((chunk_no, one.writer)),
                    CommitOutcome::AlreadyThere => {}
                    CommitOutcome::RunClosed | CommitOutcome::OtherBytes => panic!("the run is open"),
                }
            }
            won
        }));
    }
    let mut winners = BTreeMap::new();
    for task in tasks {
        for (chunk_no, writer) in soon(task).await.unwrap() {
            assert_eq!(winners.insert(chunk_no, writer), None, "chunk {chunk_no} was committed twice");
        }
    }
    assert_eq!(winners.len(), 12);
    let found = loading.staging().await;
    assert_eq!(found.len(), 72);
    for (record_no, one) in (1..).zip(&found) {
        assert_eq!((one.record_no, one.chunk_no), (record_no, (record_no - 1) / 6));
        let expected = if record_no % 6 == 0 { loading.processor } else { winners[&one.chunk_no] };
        assert_eq!(one.worker_id, expected.0);
    }
    for chunk in loading.store.chunks(loading.run_id, 0, 100).await.unwrap() {
        assert_eq!(chunk.committed.unwrap().writer, winners[&chunk.cut.chunk_no.0]);
    }
}

pub(crate) async fn a_commit_that_nobody_waits_for_is_whole_or_not_there(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks: Vec<Vec<_>> = (0..20).map(|id| vec![row(id, "a", "1.00"), Record::Reject(b"x")]).collect();
    let cuts = cuts(&chunks);
    loading.store.add_chunks(loading.fence, &cuts).await.unwrap();
    for (cut, records) in cuts.iter().zip(&chunks) {
        let (one, batch) = (loading.clone(), loading.batch(cut, records));
        let task = tokio::spawn(async move { one.commit(batch).await });
        tokio::task::yield_now().await;
        task.abort();
        let _ = task.await;
        let outcome = soon(loading.commit(loading.batch(cut, records))).await.unwrap();
        assert_ne!(outcome, CommitOutcome::RunClosed);
    }
    let numbers: Vec<_> = loading.staging().await.iter().map(|one| one.record_no).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
}

pub(crate) async fn a_chunk_that_was_set_aside_may_still_be_committed(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(UPSERT, ""), 1).await;
    let chunks = [vec![row(1, "a", "1.00")], vec![row(2, "b", "1.00")], vec![row(3, "c", "1.00")]];
    let cuts = cuts(&chunks);
    let (store, fence) = (&loading.store, loading.fence);
    store.add_chunks(fence, &cuts).await.unwrap();
    for chunk_no in [0, 1] {
        store.set_aside(loading.run_id, ChunkNo(chunk_no), "it failed three times").await.unwrap();
    }
    let chunk = &store.chunks(loading.run_id, 0, 1).await.unwrap()[0];
    assert_eq!((chunk.state, chunk.reason.as_deref()), (ChunkState::SetAside, Some("it failed three times")));
    assert_eq!(store.progress(loading.run_id).await.unwrap().set_aside, 2);
    assert_eq!(loading.commit(loading.batch(&cuts[0], &chunks[0])).await.unwrap(), CommitOutcome::Committed);
    // What is committed is not set aside any more, and stays committed.
    store.set_aside(loading.run_id, ChunkNo(0), "too late").await.unwrap();
    assert_eq!(store.requeue(fence).await.unwrap(), 1);
    let found: Vec<_> = store
        .chunks(loading.run_id, 0, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|chunk| (chunk.state, chunk.reason))
        .collect();
    assert_eq!(found, [(ChunkState::Committed, None), (ChunkState::Split, None), (ChunkState::Split, None)]);
}
