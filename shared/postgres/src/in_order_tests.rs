//! Rows paired with the keys that were sorted beside them: where that may be believed, and where it is given up.

use conformance::{APPEND, Database as _, KEYLESS, Loading, Record, canonical, job, row};
use sqlx::Executor as _;
use store::model::EntryKind;
use tokio::sync::mpsc;

use super::connect::PostgresStore;
use super::final_table::Shape;
use super::in_order::read_in_order;
use super::tests::own;

/// What is done to final behind the run's back, or nothing; and whether rows and keys go together then.
const CASES: [(&str, Option<&str>, bool); 9] = [
    (APPEND, None, true),
    (KEYLESS, None, true),
    // A row moves to the end: an update writes it anew.
    (APPEND, Some("UPDATE entries SET account = 'other' WHERE id = -5"), false),
    (APPEND, Some("UPDATE entries SET id = 41000 WHERE id = 40000"), false),
    (APPEND, Some("DELETE FROM entries WHERE id = 40000"), false),
    (
        APPEND,
        Some("INSERT INTO entries SELECT 50000, account, amt, last_run_id FROM entries WHERE id = 7"),
        false,
    ),
    (KEYLESS, Some("UPDATE entries SET last_record_no = 9 WHERE last_record_no = 4"), false),
    (KEYLESS, Some("DELETE FROM entries WHERE last_record_no = 2"), false),
    (APPEND, Some("UPDATE entries SET last_run_id = '00000000-0000-0000-0000-000000000000'"), false),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn rows_are_paired_with_the_keys_in_whose_order_they_are_stored_or_not_at_all() {
    for (nth, (key, change, agrees)) in CASES.into_iter().enumerate() {
        let own = own().await;
        let store = PostgresStore::open(&own.settings()).await.unwrap();
        let loading = Loading::begin(&own.open().await.unwrap(), &job(key, ""), 1).await;
        let records: Vec<_> = [(40_000, "1.00"), (-5, "2.00"), (7, "3.00"), (30_000, "4.00")]
            .map(|(id, amt)| row(id, "new", amt))
            .into();
        loading.promote(&[records[..2].to_vec(), records[2..].to_vec()]).await;
        if let Some(change) = change {
            own.execute(change).await.unwrap();
        }

        let layout = loading.layout();
        let keys = store.sort_keys(loading.run_id, layout);
        let shape = Shape::default();
        let as_made = (&**layout, &shape);
        let (sender, mut receiver) = mpsc::channel(16);
        let mut connection = store.pool.acquire().await.unwrap();
        let watch = connection.watch();
        connection.execute("BEGIN").await.unwrap();
        let read =
            read_in_order(&mut connection, &watch, loading.run_id, as_made, (0, 4), keys, &sender).await;
        drop(sender);
        let Ok(read) = read else { panic!("case {nth} failed") };
        assert_eq!(read, agrees, "case {nth}");
        // Whatever was read, the transaction goes on.
        connection.execute("SELECT 1").await.unwrap();
        let mut found = Vec::new();
        while let Some(block) = receiver.recv().await {
            let block = block.unwrap();
            for (entry, bytes) in block.iter() {
                found.push((entry.kind, entry.record_no, entry.chunk_no, bytes.to_vec()));
            }
        }
        let expected = (1..).zip(&records).map(|(record_no, record)| {
            let Record::Row(values) = record else { unreachable!() };
            (EntryKind::Row, record_no, (record_no - 1) / 2, canonical(record_no, values))
        });
        let expected: Vec<_> = if agrees { expected.collect() } else { Vec::new() };
        assert_eq!(found, expected, "case {nth}");
    }
}
