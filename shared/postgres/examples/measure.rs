//! How long 1,000,000 rows of six columns take, through the store's own contract. In an empty database of a server:
//! `cargo run --release -p postgres --example measure -- postgres://USER:PASSWORD@HOST/DATABASE`.
//!
//! Beside it the bare figures (ARCHITECTURE's yardstick, two cores): binary COPY over two connections 1.2 s, promotion
//! in key order 2.7 s, staging read back 0.9 s, final joined with staging 1.9 s.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "it stops at the first surprise"
)]

use std::sync::Arc;
use std::time::Instant;

use conformance::{Loading, Record, entry};
use domain::value::Value;
use job::Job;
use postgres::{PostgresSettings, PostgresStore};
use store::model::ChunkRange;
use store::rules::Keys;
use store::{Blocks, Store};

const ROWS: i64 = 1_000_000;
const CHUNK: i64 = 6_000;

fn six_columns() -> Arc<Job> {
    let text = r#"[job]
name = "six"
[source]
format = "delimited"
header = true
[[record]]
name = "six"
key = ["id"]
amounts = ["amt"]
staging = "stg_six"
final = "six"
[[record.field]]
name = "account"
type = "text(20)"
[[record.field]]
name = "product"
type = "text(20)"
[[record.field]]
name = "amt"
type = "decimal(18,2)"
[[record.field]]
name = "day"
type = "date"
[[record.field]]
name = "id"
type = "text(40)"
[[record.field]]
name = "note"
type = "text(40)"
"#;
    Arc::new(Job::parse("six.toml", text).unwrap())
}

/// Rows from number `first` on; their keys are in no order.
fn chunk(first: i64, keys: &[String]) -> Vec<Record<'_>> {
    (first..)
        .zip(keys)
        .map(|(nth, id)| {
            Record::Row(vec![
                Value::Text("DE0012345678"),
                Value::Text(["savings", "current", "card"][usize::try_from(nth % 3).unwrap()]),
                Value::Decimal(domain::amount::Amount::new(i128::from(nth) * 37 - 9_000_000, 2).unwrap()),
                Value::Date(jiff::civil::date(2024, 1 + i8::try_from(nth % 12).unwrap(), 15)),
                Value::Text(id),
                Value::Text("a text of some thirty characters"),
            ])
        })
        .collect()
}

async fn count(mut blocks: Blocks) -> usize {
    let mut rows = 0;
    while let Some(block) = blocks.recv().await {
        rows += block.unwrap().entries.len();
    }
    rows
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let url = std::env::args().nth(1).expect("the database's URL is the argument");
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&PostgresSettings::of_url(&url)).await.unwrap());
    let loading = Loading::begin(&store, &six_columns(), 1).await;
    let mix = |n: i64| n.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (mut cuts, mut batches) = (Vec::new(), Vec::new());
    for (number, first) in (0..ROWS).step_by(usize::try_from(CHUNK).unwrap()).enumerate() {
        let keys: Vec<_> =
            (first..ROWS.min(first + CHUNK)).map(|n| format!("{:016x}{:016x}", mix(n), mix(n + 7))).collect();
        let records = chunk(first, &keys);
        let cut = conformance::cut(number as u64, first.unsigned_abs() + 1, records.len() as u64);
        let mut cut = cut;
        cut.bytes = 512 << 10;
        batches.push(loading.batch(&cut, &records));
        cuts.push(cut);
    }
    let bytes: usize = batches.iter().flat_map(|batch| &batch.rows).map(|rows| rows.len()).sum();
    loading.store.add_chunks(loading.fence, &cuts).await.unwrap();
    let began = Instant::now();
    let second = batches.split_off(batches.len() / 2);
    let writers: Vec<_> = [batches, second]
        .into_iter()
        .map(|half| {
            let loading = loading.clone();
            tokio::spawn(async move {
                for batch in half {
                    loading.commit(batch).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let committed = began.elapsed();
    let began = Instant::now();
    let staged = loading.store.read_staging(loading.run_id, loading.layout(), ChunkRange::ALL).await;
    assert_eq!(count(staged).await, usize::try_from(ROWS).unwrap());
    let read = began.elapsed();
    loading.step(domain::lifecycle::RunEvent::AllCommitted).await;
    let began = Instant::now();
    loading.store.apply_rules(loading.fence, &loading.job, Keys::Count).await.unwrap();
    let ruled = began.elapsed();
    let permit = loading.permit().await;
    let mut promotion = loading.store.begin_promotion(loading.fence, &permit, &loading.job).await.unwrap();
    let began = Instant::now();
    assert_eq!(promotion.insert().await.unwrap(), ROWS.unsigned_abs());
    let inserted = began.elapsed();
    let began = Instant::now();
    assert_eq!(count(promotion.read_final(0).await).await, usize::try_from(ROWS).unwrap());
    let read_final = began.elapsed();
    let began = Instant::now();
    promotion.commit(&[], "{}", entry(Some(loading.run_id), "promoted")).await.unwrap();
    println!(
        "{} rows, {} MB: commit by two writers {committed:.1?}, staging read back {read:.1?}, rules {ruled:.1?}, \
         promotion inserted {inserted:.1?}, final read back {read_final:.1?}, committed {:.1?}",
        ROWS,
        bytes / 1_000_000,
        began.elapsed()
    );
}
