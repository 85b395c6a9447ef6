//! The windows in which a long run is read back.

use conformance::{APPEND, Database as _, Loading, job, row};
use store::model::ChunkRange;

use super::connect::PostgresStore;
use super::read_back::windows;
use super::tests::own;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_window_has_as_many_chunks_as_its_bytes_allow_and_not_one_each() {
    let own = own().await;
    let store = PostgresStore::open(&own.settings()).await.unwrap();
    let loading = Loading::begin(&own.open().await.unwrap(), &job(APPEND, ""), 1).await;
    loading.load(&[1, 2, 3, 4, 5].map(|id| vec![row(id, "a", "1.00")])).await;
    let mut connection = store.pool.acquire().await.unwrap();
    // The chunks' bytes in units of 256 KiB, and the last chunk of each window but the last.
    for (units, ends) in [(1, vec![]), (6, vec![1]), (9, vec![0, 2]), (20, vec![0, 1, 2, 3])] {
        own.execute(&format!("UPDATE crossfoot_chunk SET bytes = {units} * 262144")).await.unwrap();
        let found = windows(&mut connection, loading.run_id, ChunkRange::ALL).await.unwrap();
        assert_eq!(found, ends, "{units} units");
    }
}
