//! `kill -9` of each kind of process in mid-run: what was killed is started anew, and nobody does anything else.

use crate::desk::postings;
use crate::servers::{Fleet, PATIENCE, servers, until};

const RECORDS: u64 = 40_000;

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_processor_a_writer_and_the_coordinator_are_killed_and_the_run_reconciles() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let mut coordinator = fleet.coordinator();
    let mut workers = fleet.workers();
    let submit = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "10000", "--wait"];
    let submitted = fleet.start(&submit);
    let chunks = fleet.desk.path("in.csv").metadata().unwrap().len() / 10_000;
    until("some chunks are committed", || fleet.committed() > chunks / 8);
    workers.remove(0).kill();
    workers.push(fleet.worker("processor", "p3"));
    until("more chunks are committed", || fleet.committed() > chunks / 4);
    workers.remove(2).kill();
    workers.push(fleet.worker("writer", "w3"));
    until("half of the chunks are committed", || fleet.committed() > chunks / 2);
    coordinator.kill();
    coordinator = fleet.coordinator();
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(RECORDS);
    drop((coordinator, workers));
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_chunk_that_kills_its_workers_is_set_aside_and_its_neighbours_are_not_charged() {
    let fleet = Fleet::new(servers(), postings(5000));
    let (_coordinator, _writer) = (fleet.coordinator(), fleet.worker("writer", "w1"));
    let dies = [("CROSSFOOT_TEST_DIES_AT_CHUNK", "3")];
    let mortal = || {
        let going = fleet.start_with(&["worker", "--role", "processor", "--slots", "1"], &dies);
        going.until_it_says("started");
        going
    };
    let submitted =
        fleet.start(&["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "10000", "--wait"]);
    // As an orchestrator does: whoever dies is started anew.
    let mut deaths = 0;
    let mut going = mortal();
    until("the submitter is told", || {
        if going.ends_within(std::time::Duration::from_millis(50)) {
            deaths += 1;
            going = mortal();
        }
        submitted.ends_within(std::time::Duration::from_millis(1))
    });
    let told = submitted.end().exits(3);
    told.says(&["chunk 3", "started 3 times", "redrive"]);
    assert_eq!(deaths, 3, "three starts, three deaths");
    let chunks = fleet.number("SELECT count(*) FROM crossfoot_chunk");
    assert_eq!(fleet.committed(), chunks - 1, "its neighbours are committed");
    assert_eq!(fleet.number("SELECT count(*) FROM crossfoot_chunk WHERE state = 'set-aside'"), 1);
    fleet.run(&["show"]).exits(0).prints(&["1 set aside", "chunk 3"]);
    // With processors that do not die of it, it goes through.
    going.kill();
    let _processor = fleet.worker("processor", "p1");
    fleet.run(&["redrive", "--yes", "--reason", "the processor was mended"]).exits(0);
    until("the run is promoted", || fleet.value("SELECT state FROM crossfoot_run") == "promoted");
    fleet.is_sound(5000);
}
