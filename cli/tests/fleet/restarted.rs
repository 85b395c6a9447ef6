//! RabbitMQ and PostgreSQL restarted in mid-run. Servers of the test's own, which it stops at its end.

use crate::desk::postings;
use crate::own::Own;
use crate::servers::{Fleet, PATIENCE, until};

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn rabbitmq_and_postgresql_are_restarted_and_the_run_reconciles() {
    const RECORDS: u64 = 60_000;
    let own = Own::start();
    let fleet = Fleet::new(own.urls(), postings(RECORDS));
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    let submit = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000", "--wait"];
    let submitted = fleet.start(&submit);
    let chunks = fleet.desk.path("in.csv").metadata().unwrap().len() / 8000;
    until("some chunks are committed", || fleet.committed() > chunks / 8);
    own.servers("restart", &["rabbitmq"]);
    until("more chunks are committed", || fleet.committed() > chunks / 3);
    own.servers("restart", &["postgres"]);
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(RECORDS);
}
