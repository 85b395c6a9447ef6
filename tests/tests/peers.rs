//! Files that nobody in this project wrote, with what is known of them; and TPC-H, summed independently.
//!
//! `CROSSFOOT_PEER_DATA` names the folder of the former, `CROSSFOOT_TPCH` that of `lineitem.tbl` and `orders.tbl`.
//! Without them the tests say so and pass, unless `CROSSFOOT_INSIST` is set.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::path::PathBuf;
use std::sync::Arc;

use coordinator::run::Ending;
use domain::check::Stage;
use job::Job;
use tests::fleet::{Bench, Ended, Setup};
use tests::peers::folder;

async fn load(bench: &Bench, job: &str, source: PathBuf) -> Ended {
    let job = Arc::new(Job::parse("job.toml", job).unwrap_or_else(|error| panic!("{error}")));
    tests::peers::load(bench, job, &source).await
}

fn example(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The exact sum of column `at`, in units of its second decimal: written for this test, from the file's own text.
fn hundredths(text: &str, at: usize) -> i128 {
    let cells = text.lines().map(|line| line.split('|').nth(at).unwrap());
    cells
        .map(|cell| {
            let (whole, part) = cell.split_once('.').unwrap_or((cell, "00"));
            let part = format!("{part:0<2}");
            let magnitude =
                whole.trim_start_matches('-').parse::<i128>().unwrap() * 100 + part.parse::<i128>().unwrap();
            if whole.starts_with('-') { -magnitude } else { magnitude }
        })
        .sum()
}

fn written(hundredths: i128) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

async fn tpch(table: &str, columns: &[usize]) {
    let Some(folder) = folder("CROSSFOOT_TPCH") else { return };
    let source = folder.join(format!("{table}.tbl"));
    let text = std::fs::read_to_string(&source).unwrap();
    let expected: Vec<_> = columns.iter().map(|at| written(hundredths(&text, *at))).collect();
    let mut fingerprints = Vec::new();
    for (chunk_bytes, chunk_records) in [(1 << 20, 0), (4 << 20, 1_000), (64 << 10, 0)] {
        let bench = Bench::with(Setup { chunk_bytes, chunk_records, ..Setup::default() }).await;
        let ended = load(&bench, &example(&format!("tpch/{table}.toml")), source.clone()).await.promoted();
        for stage in [Stage::Source, Stage::Staging, Stage::Final] {
            let (records, sums, fingerprint) = ended.level(stage);
            assert_eq!(records, text.lines().count() as u64);
            assert_eq!(sums[..expected.len()], expected);
            fingerprints.push(fingerprint);
        }
    }
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 1, "the fingerprint depends on the records alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tpch_orders_are_loaded_with_the_sums_of_an_independent_program() {
    tpch("orders", &[3]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tpch_line_items_are_loaded_with_the_sums_of_an_independent_program() {
    tpch("lineitem", &[4, 5]).await;
}

const CARDS: &str = r#"
[job]
name = "cards"
[source]
format = "fixed"
record_bytes = 150
[[record]]
name = "card"
key = ["num"]
staging = "stg_cards"
final = "cards"
[[record.field]]
name = "num"
type = "text(16)"
start = 1
width = 16
[[record.field]]
name = "acct_id"
type = "integer"
start = 17
width = 11
[[record.field]]
name = "cvv"
type = "integer"
start = 28
width = 3
[[record.field]]
name = "embossed_name"
type = "text(50)"
start = 31
width = 50
[[record.field]]
name = "expires_on"
type = "date"
required = true
start = 81
width = 10
[[record.field]]
name = "active"
type = "boolean"
start = 91
width = 1
[[rule]]
name = "accounts are positive"
holds = "acct_id > 0 AND active"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_fixed_width_file_of_cards_is_loaded_whole() {
    let Some(folder) = folder("CROSSFOOT_PEER_DATA") else { return };
    let bench = Bench::new().await;
    let ended = load(&bench, CARDS, folder.join("carddemo/CARDDATA.ascii")).await.promoted();
    assert_eq!(ended.level(Stage::Final).0, 50);
    let name: String = bench
        .sql()
        .query_row("SELECT embossed_name FROM cards WHERE num = '0500024453765740'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(name, "Aniya Von");
}

const ACH_LINES: &str = r#"
[job]
name = "ach-lines"
[source]
format = "fixed"
record_bytes = 94
[[record]]
name = "line"
staging = "stg_ach"
final = "ach"
[[record.field]]
name = "kind"
type = "text(1)"
required = true
allowed = ["1", "5", "6", "7", "8", "9"]
start = 1
width = 1
[[record.field]]
name = "code"
type = "text(2)"
start = 2
width = 2
[[record.field]]
name = "cents"
type = "text(10)"
start = 30
width = 10
[[record.field]]
name = "rest"
type = "text(55)"
trim = "none"
start = 40
width = 55
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_payments_file_comes_out_of_its_gzip_with_every_entry_and_every_cent() {
    let Some(folder) = folder("CROSSFOOT_PEER_DATA") else { return };
    let bench = Bench::with(Setup { chunk_bytes: 256 << 10, chunk_records: 0, ..Setup::default() }).await;
    let source = folder.join("ach/PPD-200-batches-100000-entries.ach.gz");
    let ended = load(&bench, ACH_LINES, source).await;
    assert_eq!(ended.ending, Ending::Promoted, "{:#?}", ended.failed());
    assert_eq!(bench.number("SELECT count(*) FROM ach WHERE kind = '6'"), 100_199);
    assert_eq!(bench.number("SELECT count(*) FROM ach WHERE kind = '5'"), 200);
    // Codes whose last digit is 1 to 4 are credits.
    let credits = "SELECT sum(CAST(cents AS INTEGER)) FROM ach WHERE kind = '6' AND substr(code, 2) BETWEEN '1' AND '4'";
    assert_eq!(bench.number(credits), 20_123_398_766);
}
