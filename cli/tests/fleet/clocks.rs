//! Hosts whose clocks are wrong. The clock is shifted under a process by libfaketime, without which `./test` skips
//! these tests.

use std::time::{Duration, Instant};

use crate::desk::postings;
use crate::servers::{Fleet, servers, until};

const RECORDS: u64 = 20_000;

/// Where Debian's package puts the library.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

/// What shifts the wall clock of a process, and leaves its monotonic one alone, as a wrong clock does.
fn shifted(by: &'static str) -> [(&'static str, &'static str); 3] {
    let library = LIBRARIES.into_iter().find(|path| std::path::Path::new(path).exists());
    let library = library.expect("libfaketime is not installed");
    [("LD_PRELOAD", library), ("FAKETIME", by), ("DONT_FAKE_MONOTONIC", "1")]
}

#[test]
#[ignore = "needs RabbitMQ, PostgreSQL and libfaketime: run ./test"]
fn a_coordinator_an_hour_ahead_that_dies_is_followed_as_soon_as_any_other() {
    let (servers, ahead) = (servers(), shifted("+3600s"));
    let fleet = Fleet::new(servers, postings(RECORDS));
    // GIVEN a coordinator whose host is an hour ahead, at work
    let first = fleet.start_with(&["coordinator"], &ahead);
    first.until_it_says("coordinator started");
    let _workers = fleet.workers();
    fleet.run(&["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000"]).exits(0);
    until("chunks are committed", || fleet.committed() > 3);
    // WHEN it dies, and another stands by
    first.kill();
    let second = fleet.coordinator();
    let began = Instant::now();
    // THEN its leases end by the database's clock: 20 s, not an hour
    until("the run is promoted", || {
        fleet.number("SELECT count(*) FROM crossfoot_run WHERE state = 'promoted'") == 1
    });
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    fleet.is_sound(RECORDS);
    drop(second);
}

#[test]
#[ignore = "needs RabbitMQ, PostgreSQL and libfaketime: run ./test"]
fn a_worker_an_hour_behind_is_alive_and_the_difference_is_named() {
    let (servers, behind) = (servers(), shifted("-3600s"));
    let fleet = Fleet::new(servers, postings(500));
    let worker = fleet.start_with(&["worker", "--role", "processor,writer", "--slots", "1"], &behind);
    worker.until_it_says("differs from the database server's");
    worker.until_it_says("started");
    fleet.run(&["run", "job.toml", "--source", "in.csv"]).exits(0);
    fleet.run(&["doctor"]).prints(&["processors", "1 running"]);
    fleet
        .start_with(&["doctor"], &behind)
        .end_within(crate::servers::PATIENCE)
        .prints(&["! clock", "behind"]);
}
