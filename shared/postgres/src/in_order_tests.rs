//! Rows paired with their records, by the numbers that they name or by keys that were sorted beside them: where that
//! may be believed, and where it is given up.

use conformance::{APPEND, Database as _, KEYLESS, Loading, Record, canonical, job, row};
use sqlx::Executor as _;
use store::lineage::Lineage;
use store::model::EntryKind;
use tokio::sync::mpsc;

use super::connect::PostgresStore;
use super::final_table::Shape;
use super::in_order::{By, read_in_order};
use super::ledger::Ledger;
use super::tests::own;

/// What becomes of reading final in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// It is read, and is what the records are.
    Same,
    /// It is read, and something is found to differ.
    Other,
    /// It is left to the server.
    Left,
}
use Read::{Left, Other, Same};

/// What is done to final behind the run's back, or nothing; what becomes of it by the records' numbers, and by keys.
const CASES: [(&str, Option<&str>, Read, Option<Read>); 10] = [
    (APPEND, None, Same, Some(Same)),
    (KEYLESS, None, Same, None),
    // A row moves to the end: an update writes it anew.
    (APPEND, Some("UPDATE entries SET account = 'other' WHERE id = -5"), Other, Some(Left)),
    (APPEND, Some("UPDATE entries SET id = 41000 WHERE id = 40000"), Other, Some(Left)),
    (APPEND, Some("DELETE FROM entries WHERE id = 40000"), Left, Some(Left)),
    (
        APPEND,
        Some("INSERT INTO entries SELECT 50000, account, amt, last_run_id, 3 FROM entries WHERE id = 7"),
        Left,
        Some(Left),
    ),
    (APPEND, Some("UPDATE entries SET last_record_no = 5 - last_record_no"), Other, Some(Same)),
    (KEYLESS, Some("UPDATE entries SET last_record_no = 9 WHERE last_record_no = 4"), Left, None),
    (KEYLESS, Some("DELETE FROM entries WHERE last_record_no = 2"), Left, None),
    (
        APPEND,
        Some("UPDATE entries SET last_run_id = '00000000-0000-0000-0000-000000000000'"),
        Left,
        Some(Left),
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn rows_are_paired_with_their_records_or_left_to_the_server() {
    for (nth, (key, change, by_number, by_key)) in CASES.into_iter().enumerate() {
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
        assert_eq!(read(&store, &loading, &records, true).await, by_number, "case {nth}, by number");
        if let Some(by_key) = by_key {
            assert_eq!(read(&store, &loading, &records, false).await, by_key, "case {nth}, by key");
        }
    }
}

async fn read(store: &PostgresStore, loading: &Loading, records: &[Record<'_>], by_number: bool) -> Read {
    let layout = loading.layout();
    let mut connection = store.pool.acquire().await.unwrap();
    connection.execute("BEGIN").await.unwrap();
    let mut shape = Shape::default();
    shape.lineage = by_number.then(|| "last_record_no".to_owned());
    let by = match by_number {
        true => By::Lineage(Lineage::of(&mut Ledger(&mut connection), loading.run_id).await.unwrap()),
        false => By::Keys(store.sort_keys(loading.run_id, layout)),
    };
    let (sender, mut receiver) = mpsc::channel(16);
    let watch = connection.watch();
    let of = (&**layout, &shape);
    let Ok(is_read) = read_in_order(
        &mut connection,
        &watch,
        loading.run_id,
        of,
        (&loading.layout().final_table.name, 0, 4),
        by,
        &sender,
    )
    .await
    else {
        panic!("it cannot be read");
    };
    drop(sender);
    // Whatever was read, the transaction goes on.
    connection.execute("SELECT 1").await.unwrap();
    let mut found = Vec::new();
    while let Some(block) = receiver.recv().await {
        let block = block.unwrap();
        for (entry, bytes) in block.iter() {
            found.push((entry.kind, entry.record_no, entry.chunk_no, bytes.to_vec()));
        }
    }
    if !is_read {
        assert!(found.is_empty(), "nothing was handed on");
        return Left;
    }
    let expected = (1..).zip(records).map(|(record_no, record)| {
        let Record::Row(values) = record else { unreachable!() };
        (EntryKind::Row, record_no, (record_no - 1) / 2, canonical(record_no, values))
    });
    if found == expected.collect::<Vec<_>>() { Same } else { Other }
}
