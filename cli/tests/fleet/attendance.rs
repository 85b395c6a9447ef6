//! Nobody there to do the work: said within seconds, with what to start, and no longer waited for than the caller
//! wants.

use std::fs::OpenOptions;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::desk::postings;
use crate::servers::{Fleet, servers};

const RUN: [&str; 4] = ["run", "job.toml", "--source", "in.csv"];

/// Said within seconds; a machine that tests share is not always quick.
const SOON: Duration = Duration::from_secs(20);

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_without_workers_says_whom_to_start_and_goes_on_when_they_come() {
    let servers = servers();
    let fleet = Fleet::new(servers, postings(2000));
    let began = Instant::now();
    let going = fleet.start(&RUN);
    going.until_it_says("no processor is running: start one with `crossfoot worker --role processor`");
    going.until_it_says("no writer is running: start one with `crossfoot worker --role writer`");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let _processor = fleet.worker("processor", "p1");
    going.until_it_says("the run is waiting: no writer is running");
    let _writer = fleet.worker("writer", "w1");
    going.end_within(crate::servers::PATIENCE).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(2000);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn patience_ends_with_what_is_missing_and_the_run_can_be_resumed() {
    let fleet = Fleet::new(servers(), postings(2000));
    let impatient = ["--patience", "5"];
    let ended = fleet.start(&[&RUN[..], &impatient].concat()).end_within(SOON).exits(3);
    ended.says(&[
        "no progress for 5 s",
        "no processor is running",
        "no writer is running",
        "crossfoot resume",
    ]);
    let ended = fleet.start(&[&["resume"], &impatient[..]].concat()).end_within(SOON).exits(3);
    ended.says(&["no progress for 5 s"]);
    fleet.run(&["show"]).exits(0).prints(&["(loading)"]);
    fleet.run(&["doctor"]).exits(0).prints(&[
        "no coordinator service is running",
        "crossfoot coordinator",
        "no processor is running",
        "no writer is running",
    ]);
    let _workers = fleet.workers();
    fleet.run(&["resume", "--patience", "100"]).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(2000);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_that_is_submitted_to_nobody_says_so() {
    let servers = servers();
    let fleet = Fleet::new(servers, postings(2000));
    let line = ["submit", "job.toml", "--source", "in.csv", "--wait", "--patience", "6"];
    let ended = fleet.start(&line).end_within(SOON).exits(3);
    let ended = ended.says(&[
        "no coordinator service is running: start one with `crossfoot coordinator`",
        "no processor is running",
        "no progress for 6 s",
        "remains submitted",
    ]);
    assert!(!ended.err.contains("in final"), "{ended}");
    let (_coordinator, _workers) = (fleet.coordinator(), fleet.workers());
    // Whoever waits for it now sees it end.
    crate::servers::until("the run is promoted", || {
        fleet.value("SELECT state FROM crossfoot_run") == "promoted"
    });
    fleet.is_sound(2000);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_worker_whose_log_cannot_be_written_works_on() {
    let fleet = Fleet::new(servers(), postings(2000));
    // It has much to say, and nowhere to say it.
    let settings = [("CROSSFOOT_LOG", "trace")];
    let mut workers: Vec<_> = ["processor", "writer"]
        .iter()
        .map(|role| {
            let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
            fleet
                .command_with(&["worker", "--role", role, "--slots", "1"], &settings)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(full)
                .spawn()
                .unwrap()
        })
        .collect();
    let ended = fleet.run(&[&RUN[..], &["--patience", "60"]].concat());
    let alive = workers.iter_mut().all(|worker| worker.try_wait().unwrap().is_none());
    for worker in &mut workers {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    ended.exits(0).prints(&["RECONCILED"]);
    assert!(alive, "a worker is gone");
}
