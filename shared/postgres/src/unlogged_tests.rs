//! Staging that a crash of the server empties. What the crash does to both tables is done by hand here; a server that
//! crashes is among the tests of the fleet.

use std::sync::Arc;

use conformance::{Loading, Record, Subject, job, row};
use domain::ids::ChunkNo;
use job::Job;
use store::model::ChunkCut;
use wire::Batch;

use super::tests::make;

fn unlogged() -> Arc<Job> {
    let text = job("key = [\"id\"]", "").text.replacen(
        "[[record]]",
        "[staging]\ndurability = \"redrive\"\n[[record]]",
        1,
    );
    Arc::new(Job::parse("entries.toml", &text).unwrap())
}

fn records() -> Vec<Vec<Record<'static>>> {
    vec![
        vec![row(1, "a", "1.00"), Record::Reject(b"x,y"), row(2, "b", "2.00")],
        vec![Record::Reject(b"nothing that is accepted")],
        vec![row(3, "c", "3.00")],
    ]
}

async fn count(subject: &Subject, sql: &str) -> u64 {
    subject.database.count(sql).await.unwrap()
}

/// What is left of unlogged tables after a crash of the server.
async fn crash(subject: &Subject) {
    for sql in ["TRUNCATE stg_entries", "TRUNCATE crossfoot_unlogged"] {
        subject.database.execute(sql).await.unwrap();
    }
}

/// A run that is loaded, and has lost what it had staged; and how its source was cut.
async fn crashed(subject: &Subject) -> (Loading, Vec<ChunkCut>) {
    let loading = Loading::begin(&subject.store, &unlogged(), 1).await;
    let cuts = loading.load(&records()).await;
    crash(subject).await;
    (loading, cuts)
}

async fn is_lost(loading: &Loading) -> bool {
    loading.store.is_staging_lost(&loading.job, loading.run_id).await.unwrap()
}

async fn gaps(loading: &Loading, max: u32) -> Vec<u64> {
    let gaps = loading.store.staging_gaps(loading.fence, &loading.job, max).await.unwrap();
    gaps.into_iter().map(|ChunkNo(number)| number).collect()
}

fn batch(loading: &Loading, cuts: &[ChunkCut], place: usize) -> Batch {
    loading.batch(&cuts[place], &records()[place])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn only_a_job_that_says_so_has_unlogged_staging() {
    let subject = make().await;
    for (job, number, unlogged) in [(job("key = [\"id\"]", ""), 1, 0), (unlogged(), 2, 1)] {
        let loading = Loading::begin(&subject.store, &job, number).await;
        loading.load(&records()).await;
        let sql = format!(
            "SELECT count(*) FROM pg_class WHERE relpersistence = 'u' AND relname LIKE 'stg_entries%{}'",
            loading.run_id.to_string().replace('-', "")
        );
        assert_eq!(count(&subject, &sql).await, unlogged);
        assert!(!is_lost(&loading).await);
        assert_eq!(gaps(&loading, 10).await, [0; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn what_a_crash_took_is_named_and_put_back_as_it_was() {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &unlogged(), 1).await;
    let cuts = loading.load(&records()).await;
    let before = loading.staging().await;
    crash(&subject).await;
    assert!(is_lost(&loading).await);
    assert_eq!(gaps(&loading, 10).await, [0, 2], "a chunk without accepted records lost nothing");
    assert_eq!(gaps(&loading, 1).await, [0]);
    for place in [0, 2] {
        let batch = batch(&loading, &cuts, place);
        loading.store.restage(loading.fence, &loading.job, batch, loading.writer).await.unwrap();
        assert!(is_lost(&loading).await, "not yet whole");
    }
    assert_eq!(gaps(&loading, 10).await, [0; 0]);
    assert!(!is_lost(&loading).await);
    assert_eq!(loading.staging().await, before, "rows and rejects");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_second_crash_while_rows_are_put_back_is_seen() {
    let subject = make().await;
    let (loading, cuts) = crashed(&subject).await;
    assert_eq!(gaps(&loading, 10).await, [0, 2]);
    let first = batch(&loading, &cuts, 0);
    loading.store.restage(loading.fence, &loading.job, first, loading.writer).await.unwrap();
    crash(&subject).await;
    let last = batch(&loading, &cuts, 2);
    loading.store.restage(loading.fence, &loading.job, last, loading.writer).await.unwrap();
    assert_eq!(gaps(&loading, 10).await, [0]);
    assert!(is_lost(&loading).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn who_lost_the_run_puts_nothing_back() {
    let subject = make().await;
    let (loading, cuts) = crashed(&subject).await;
    let old = store::Fence { epoch: loading.fence.epoch + 1, ..loading.fence };
    let refused = loading.store.staging_gaps(old, &loading.job, 10).await.unwrap_err();
    assert!(matches!(refused, store::StoreError::Fenced { .. }), "{refused}");
    let batch = batch(&loading, &cuts, 0);
    let refused = loading.store.restage(old, &loading.job, batch, loading.writer).await.unwrap_err();
    assert!(matches!(refused, store::StoreError::Fenced { .. }), "{refused}");
    assert_eq!(count(&subject, "SELECT count(*) FROM stg_entries").await, 0);
}
