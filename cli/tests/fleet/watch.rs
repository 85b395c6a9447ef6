//! Watchers of a fleet: they submit what arrives, and one that dies loses no file.

use crate::desk::postings;
use crate::servers::{Fleet, servers, until};

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn files_are_submitted_once_and_moved_though_a_watcher_dies() {
    const RECORDS: u64 = 20_000;
    let servers = servers();
    let fleet = Fleet::new(servers, postings(RECORDS));
    let inbox = fleet.desk.path("in");
    std::fs::create_dir(&inbox).unwrap();
    std::fs::write(inbox.join("a.csv"), postings(RECORDS)).unwrap();
    let line = [
        "watch",
        "in",
        "--job",
        "job.toml",
        "--match",
        "*.csv",
        "--settle",
        "0s",
        "--every",
        "200ms",
        "--done",
        "done",
        "--failed",
        "failed",
        "--chunk-bytes",
        "8000",
    ];
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    let first = fleet.start(&line);
    until("the file is under way", || fleet.committed() > 3);
    first.kill();
    let second = fleet.start(&line);
    until("the file is moved", || fleet.desk.path("done/a.csv").exists());
    // The same bytes again are refused, with the reason beside them.
    std::fs::write(inbox.join("b.csv"), postings(RECORDS)).unwrap();
    until("the duplicate is refused", || fleet.desk.path("failed/b.csv.why.txt").exists());
    second.signal("TERM");
    second.end().exits(0).prints(&["a.csv", "reconciled and promoted", "b.csv", "refused"]);
    assert_eq!(fleet.number("SELECT count(*) FROM crossfoot_run"), 1);
    fleet.is_sound(RECORDS);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn files_that_are_submitted_without_waiting_are_moved_when_their_verdicts_are_there() {
    let servers = servers();
    let fleet = Fleet::new(servers, postings(500));
    let inbox = fleet.desk.path("in");
    std::fs::create_dir(&inbox).unwrap();
    std::fs::write(inbox.join("a.csv"), postings(500)).unwrap();
    let line =
        ["watch", "in", "--job", "job.toml", "--settle", "0s", "--done", "done", "--once", "--no-wait"];
    fleet.run(&line).exits(0).prints(&["submitted"]);
    assert!(inbox.join("a.csv").exists(), "the coordinator reads it here");
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    until("the run is promoted", || {
        fleet.number("SELECT count(*) FROM crossfoot_run WHERE state = 'promoted'") == 1
    });
    fleet.run(&line).exits(0).prints(&["reconciled and promoted"]);
    assert!(fleet.desk.path("done/a.csv").exists());
    fleet.is_sound(500);
}
