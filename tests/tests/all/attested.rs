//! Attestations that are overdue or failed: each lapse is logged and told once, by whichever coordinator looks.

use std::sync::Arc;

use coordinator::ops::attestations::{Attestations, standings};
use domain::event::Entry;
use domain::event_kind::EventKind;
use domain::ids::RunId;
use platform::clock::ManualClock;
use serde_json::json;
use tests::fleet::Bench;
use tests::jobs::{JobText, ledger};
use tests::ledger::Ledger;

use super::missing::{DAY_MS, coordinator, told};

/// 2026-11-27, 02:00:10 UTC.
const LOADED_MS: i64 = 1_795_744_810_000;

fn weekly() -> JobText {
    ledger().record("key = [\"id\"]\nmode = \"upsert\"").and("[attest]\nwithin = \"8d\"")
}

async fn bench() -> (Bench, Arc<ManualClock>, RunId) {
    let clock = Arc::new(ManualClock::at(LOADED_MS));
    let mut bench = Bench::new().await;
    bench.clock = clock.clone();
    let run_id = load(&bench, 71).await;
    (bench, clock, run_id)
}

async fn load(bench: &Bench, seed: u64) -> RunId {
    bench.load(&weekly(), &Ledger::random(seed, 30).csv()).await.promoted().run_id
}

/// Notes an attestation as `crossfoot attest` does.
async fn attest(bench: &Bench, run_id: RunId, outcome: &str) {
    let detail = json!({
        "run": run_id, "outcome": outcome, "target": { "location": "here" }, "tables": [],
        "differences": u8::from(outcome != "reconciled"),
    });
    let entry = Entry {
        run_id: None,
        at_ms: bench.clock.now_ms(),
        kind: EventKind::Attested.name().to_owned(),
        actor: "auditor@host".into(),
        detail: detail.to_string(),
    };
    bench.store.log(entry).await.unwrap();
}

/// What another process's coordinator, which knows nothing yet, finds to tell.
async fn look(bench: &Bench) -> usize {
    coordinator(bench).tell_lapsed(&mut Attestations::default()).await.unwrap()
}

fn noted(bench: &Bench) -> i64 {
    bench.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'attestation-lapsed'")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attestation_that_is_overdue_is_told_once_for_each_lapse() {
    let (bench, clock, first) = bench().await;
    let mut known = Attestations::default();
    clock.advance_ms(8 * DAY_MS - 1000);
    assert_eq!((look(&bench).await, noted(&bench)), (0, 0), "it may still come");
    clock.advance_ms(2000);
    assert_eq!(coordinator(&bench).tell_lapsed(&mut known).await.unwrap(), 1);
    assert_eq!((look(&bench).await, noted(&bench)), (0, 1), "whoever looks");
    assert_eq!(coordinator(&bench).tell_lapsed(&mut known).await.unwrap(), 0);
    assert_eq!(told(&bench), [format!("not-attested ledger {first}")]);
    let json = std::fs::read_to_string(bench.path("told.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let due = json["expected_at_ms"].as_i64().unwrap();
    assert!((0..1000).contains(&(due - LOADED_MS - 8 * DAY_MS)), "{json}");
    assert_eq!(json["next_step"].as_str(), Some(&*format!("crossfoot attest {first}")));

    // WHEN another run is promoted while it is overdue, THEN that is the same lapse.
    let second = load(&bench, 72).await;
    assert_eq!((look(&bench).await, noted(&bench)), (0, 1));
    // WHEN the newest is attested, THEN the next one is due from there, and told again when it is missed.
    attest(&bench, second, "reconciled").await;
    clock.advance_ms(8 * DAY_MS - 1000);
    assert_eq!(coordinator(&bench).tell_lapsed(&mut known).await.unwrap(), 0);
    let standing = standings(&*bench.store, &mut known).await.unwrap().pop().unwrap();
    assert_eq!((standing.of.run_id, standing.of.job.as_str()), (second, "ledger"));
    clock.advance_ms(2000);
    assert_eq!(coordinator(&bench).tell_lapsed(&mut known).await.unwrap(), 1);
    assert_eq!((look(&bench).await, noted(&bench)), (0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attestation_of_an_older_run_is_none_of_a_newest_run_that_is_old_itself() {
    let (bench, clock, first) = bench().await;
    clock.advance_ms(DAY_MS);
    let second = load(&bench, 72).await;
    clock.advance_ms(7 * DAY_MS);
    attest(&bench, first, "reconciled").await;
    assert_eq!(look(&bench).await, 0);
    clock.advance_ms(DAY_MS + 1000);
    assert_eq!((look(&bench).await, told(&bench)), (1, vec![format!("not-attested ledger {second}")]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attestation_that_failed_is_told_at_once_and_once() {
    let (bench, clock, first) = bench().await;
    attest(&bench, first, "not-reconciled").await;
    assert_eq!((look(&bench).await, look(&bench).await, noted(&bench)), (1, 0, 1));
    assert_eq!(told(&bench), [format!("not-attested ledger {first}")]);
    // Another that fails is another one; one that reconciles ends it.
    attest(&bench, first, "not-reconciled").await;
    assert_eq!((look(&bench).await, noted(&bench)), (1, 2));
    attest(&bench, first, "reconciled").await;
    clock.advance_ms(8 * DAY_MS - 1000);
    assert_eq!((look(&bench).await, noted(&bench)), (0, 2));
    // What another store's pack attests is none of this job's runs.
    let stranger: RunId = "01a21d31-0000-7000-8000-000000000001".parse().unwrap();
    attest(&bench, stranger, "reconciled").await;
    clock.advance_ms(2000);
    assert_eq!((look(&bench).await, noted(&bench)), (1, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_does_not_ask_is_never_told_of() {
    let clock = Arc::new(ManualClock::at(LOADED_MS));
    let mut bench = Bench::new().await;
    bench.clock = clock.clone();
    let run_id = bench.load(&ledger(), &Ledger::random(71, 30).csv()).await.promoted().run_id;
    attest(&bench, run_id, "not-reconciled").await;
    clock.advance_ms(99 * DAY_MS);
    assert_eq!((look(&bench).await, noted(&bench)), (0, 0));
}
