//! Several runs at once.

use crate::desk::postings;
use crate::servers::{Fleet, servers, until};

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_small_run_is_not_kept_waiting_by_a_large_one_and_neither_counts_the_others_chunks() {
    let servers = servers();
    let fleet = Fleet::new(servers, postings(40_000));
    fleet.desk.put_job(
        "small.toml",
        &[
            ("name = \"postings\"", "name = \"small\""),
            ("stg_postings", "stg_small"),
            ("final = \"postings\"", "final = \"small\""),
        ],
    );
    fleet.desk.put("small.csv", postings(2000));
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    let large =
        fleet.start(&["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "16000", "--wait"]);
    until("the large run is under way", || fleet.committed() > 3);
    let small =
        fleet.start(&["submit", "small.toml", "--source", "small.csv", "--chunk-bytes", "16000", "--wait"]);
    small.end_within(crate::servers::PATIENCE).exits(0);
    let ended = |job: &str| format!("SELECT ended_at_ms FROM crossfoot_run WHERE job = '{job}'");
    large.end_within(crate::servers::PATIENCE).exits(0);
    let (small, large) = (fleet.number(&ended("small")), fleet.number(&ended("postings")));
    assert!(small < large, "the small run ended {} ms after the large one", small.saturating_sub(large));
    let of = |job: &str, table: &str| {
        let run = format!("(SELECT run_id FROM crossfoot_run WHERE job = '{job}')");
        fleet.number(&format!("SELECT count(*) FROM {table} WHERE run_id = {run}"))
    };
    assert_eq!((of("small", "stg_small"), of("postings", "stg_postings")), (2000, 40_000));
    let records = |job: &str| {
        fleet.number(&format!(
            "SELECT sum(records) FROM crossfoot_report r JOIN crossfoot_run USING (run_id) WHERE job = '{job}' AND role = 'writer'"
        ))
    };
    assert_eq!((records("small"), records("postings")), (2000, 40_000));
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_second_coordinator_stands_by_and_takes_over() {
    let servers = servers();
    let fleet = Fleet::new(servers, postings(20_000));
    let first = fleet.coordinator();
    until("the first is the service", || fleet.number("SELECT count(*) FROM crossfoot_service") == 1);
    let (_second, _workers) = (fleet.coordinator(), fleet.workers());
    let submitted =
        fleet.start(&["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000", "--wait"]);
    until("some chunks are committed", || fleet.committed() > 5);
    first.kill();
    submitted.end_within(crate::servers::PATIENCE).exits(0);
    fleet.is_sound(20_000);
}
