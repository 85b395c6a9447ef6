//! A fleet at work.

use crate::desk::postings;
use crate::servers::{Fleet, servers};

const RECORDS: u64 = 30_000;

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_fleet_of_processes_loads_what_one_process_loads() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    let submitted =
        fleet.run(&["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "40000", "--wait"]).exits(0);
    submitted.prints(&["RECONCILED", "p1", "p2", "w1", "w2"]);
    fleet.is_sound(RECORDS);
    let of_workers = fleet.run(&["workers"]).exits(0);
    of_workers.prints(&["processor", "writer", "✓"]);
    fleet.run(&["doctor"]).exits(0).prints(&["processors", "2 running", "no problems found"]);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_in_the_foreground_has_its_work_done_by_the_fleet() {
    let fleet = Fleet::new(servers(), postings(5000));
    let worker = fleet.start(&["worker", "--role", "processor,writer", "--slots", "2"]);
    worker.until_it_says("4 workers");
    fleet
        .run(&["run", "job.toml", "--source", "in.csv", "--chunk-bytes", "20000"])
        .exits(0)
        .prints(&["RECONCILED"]);
    fleet.is_sound(5000);
    // Told to stop, it finishes what it has, and says goodbye in the register.
    worker.signal("TERM");
    worker.end().exits(0);
    assert_eq!(fleet.number("SELECT count(*) FROM crossfoot_worker WHERE stopped_at_ms IS NOT NULL"), 4);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn messages_that_all_come_twice_change_nothing() {
    let servers = servers();
    let fleet = Fleet::new(servers, postings(RECORDS));
    let twice = [("CROSSFOOT_TEST_DOUBLES_MESSAGES", "true")];
    let workers: Vec<_> = [("processor", "p1"), ("processor", "p2"), ("writer", "w1"), ("writer", "w2")]
        .iter()
        .map(|(role, name)| {
            let line = ["worker", "--role", role, "--slots", "1", "--name", name];
            let going = fleet.start_with(&line, &twice);
            going.until_it_says("started");
            going
        })
        .collect();
    fleet
        .start_with(&["run", "job.toml", "--source", "in.csv", "--chunk-bytes", "20000"], &twice)
        .end_within(crate::servers::PATIENCE)
        .exits(0);
    fleet.is_sound(RECORDS);
    drop(workers);
}
