//! From source to final: whatever the chunks and whoever the workers, the same numbers come out.

use domain::check::Stage;
use tests::fleet::{Bench, Setup};
use tests::jobs;
use tests::ledger::{AMOUNT, Ledger, QUANTITY};
use tests::proof::{self, plain};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunk_sizes_and_fleets_change_nothing_about_totals_and_fingerprint() {
    // GIVEN a ledger, and what must come of it, computed independently
    let ledger = Ledger::random(1, 2500);
    let leaves = ledger.leaves();
    let expected = (
        2500,
        vec![plain(proof::sum(&leaves, AMOUNT), 2), plain(proof::sum(&leaves, QUANTITY), 0)],
        proof::fingerprint(&leaves),
    );
    // WHEN it is loaded by fleets of all sizes in chunks of all sizes
    let table = [
        (4 << 20, 1000, 1, 1),
        (64 << 10, 0, 2, 2),
        (4 << 20, 0, 3, 1),
        (1000, 0, 1, 3),
        (4 << 20, 100, 3, 3),
    ];
    for (chunk_bytes, chunk_records, processors, writers) in table {
        let setup = Setup { processors, writers, chunk_bytes, chunk_records, ..Setup::default() };
        let bench = Bench::with(setup).await;
        let ended = bench.load(&jobs::ledger(), &ledger.csv()).await.promoted();
        // THEN source, staging and final all have the expected totals
        for stage in [Stage::Source, Stage::Staging, Stage::Final] {
            assert_eq!(ended.level(stage), expected, "{stage:?} {setup:?}");
        }
        assert_eq!(bench.final_rows(), 2500);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_of_one_record_each_gives_the_same_fingerprint() {
    let ledger = Ledger::random(2, 150);
    let bench = Bench::with(Setup { chunk_records: 1, processors: 3, writers: 2, ..Setup::default() }).await;
    let ended = bench.load(&jobs::ledger(), &ledger.csv()).await.promoted();
    assert_eq!(ended.report.source.chunks, 150);
    assert_eq!(ended.level(Stage::Final).2, proof::fingerprint(&ledger.leaves()));
}
