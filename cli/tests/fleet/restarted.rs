//! RabbitMQ and PostgreSQL restarted in mid-run, and what the console shows then. Servers of the test's own, which it
//! stops at its end.

use crate::browser::Console;
use crate::desk::postings;
use crate::numbers::{every_number_is_sqls, with_bad_dates};
use crate::own::Own;
use crate::servers::{Fleet, PATIENCE, until};

const SUBMIT: [&str; 7] = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000", "--wait"];

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn rabbitmq_and_postgresql_are_restarted_and_the_run_reconciles() {
    const RECORDS: u64 = 60_000;
    let own = Own::start();
    let fleet = Fleet::new(own.urls(), postings(RECORDS));
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    let submitted = fleet.start(&SUBMIT);
    let chunks = fleet.desk.path("in.csv").metadata().unwrap().len() / 8000;
    until("some chunks are committed", || fleet.committed() > chunks / 8);
    own.servers("restart", &["rabbitmq"]);
    until("more chunks are committed", || fleet.committed() > chunks / 3);
    own.servers("restart", &["postgres"]);
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(RECORDS);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn unlogged_staging_that_a_crash_of_postgresql_empties_is_loaded_again() {
    const RECORDS: u64 = 20_000;
    let own = Own::start();
    let fleet = Fleet::new(own.urls(), postings(RECORDS));
    fleet.desk.put_job("job.toml", &[("[limits]", "[staging]\ndurability = \"redrive\"\n[limits]")]);
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    let restored =
        || fleet.numbers("SELECT count(*) FROM crossfoot_event WHERE kind = 'staging-restored'")[0];
    // While it loads: some ranges are read back already then.
    let submitted = fleet.start(&[&SUBMIT[..], &["--pause-after", "staged"]].concat());
    let chunks = fleet.desk.path("in.csv").metadata().unwrap().len() / 8000;
    until("half of the chunks are committed", || fleet.committed() > chunks / 2);
    own.servers("crash", &["postgres"]);
    submitted.end_within(PATIENCE).prints(&["approve"]);
    assert_eq!(restored(), 1);
    assert_eq!(fleet.number("SELECT count(*) FROM stg_postings"), RECORDS);
    // While it waits for approval.
    own.servers("crash", &["postgres"]);
    assert_eq!(fleet.number("SELECT count(*) FROM stg_postings"), 0);
    fleet.run(&["approve", "--yes"]).exits(0).prints(&["RECONCILED"]);
    assert_eq!(restored(), 2);
    fleet.is_sound(RECORDS);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn every_number_of_the_console_is_sqls_whatever_was_restarted() {
    const RECORDS: u64 = 20_000;
    let own = Own::start();
    let fleet = Fleet::new(own.urls(), with_bad_dates(RECORDS));
    fleet.desk.put_job("job.toml", &[("rejects = 0", "rejects = \"10%\"")]);
    let coordinator = || {
        let going = fleet.start(&["coordinator", "--console=127.0.0.1:0"]);
        going.until_it_says("coordinator started");
        Console::of(going)
    };
    let compare = |console: &Console| every_number_is_sqls(console, &|query| fleet.numbers(query));
    let (console, _workers) = (coordinator(), fleet.workers());
    let submitted = fleet.start(&SUBMIT);
    until("some chunks are committed", || fleet.committed() > 10);
    // Both are restarted while it loads; chunks are then handed out again, and counts come twice.
    own.servers("restart", &["rabbitmq"]);
    own.servers("restart", &["postgres"]);
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    let shown = compare(&console);
    assert_eq!(shown[""]["outcome"], "reconciled");

    own.servers("restart", &["rabbitmq"]);
    assert_eq!(compare(&console), shown, "after the broker");
    own.servers("restart", &["postgres"]);
    // Its connections of a moment ago are gone; one answer may say so (503).
    until("the console reaches the database again", || {
        console.ask("GET", "/api/v1/runs", &[], "").status == 200
    });
    assert_eq!(compare(&console), shown, "after the database");
    console.going.kill();
    assert_eq!(compare(&coordinator()), shown, "after the coordinator");
}
