//! `crossfoot reconcile --fleet` and `attest --fleet`: processors decode the source and writers read the target, whatever
//! becomes of them, and the report is the one of a single process.

use serde_json::Value;

use super::reconcile::loaded;
use crate::desk::{Going, postings};
use crate::servers::{Fleet, PATIENCE, psql, servers, until};

const RECORDS: u64 = 150_000;

/// What a comparison came to, without who did it, when, and the event that names it.
fn result(mut report: Value) -> Value {
    for part in ["workers", "started_at_ms", "elapsed_ms", "log_head"] {
        report.as_object_mut().unwrap().remove(part).unwrap();
    }
    for check in report["checks"].as_array_mut().unwrap() {
        check.as_object_mut().unwrap().remove("at_ms").unwrap();
    }
    report
}

/// How many records or rows workers whose names begin so decoded or read.
fn records(report: &Value, worker: &str) -> u64 {
    let workers = report["workers"].as_array().unwrap().iter();
    let of = workers.filter(|one| one["name"].as_str().unwrap().starts_with(worker));
    of.map(|one| one["records"].as_u64().unwrap()).sum()
}

fn line(more: &[&'static str]) -> Vec<&'static str> {
    [&["reconcile", "job.toml", "--source", "in.csv", "--json"][..], more].concat()
}

const DAMAGE: &str =
    "UPDATE ledger SET amount = amount + 0.01 WHERE id = 77; DELETE FROM ledger WHERE id = 78;
                      INSERT INTO ledger SELECT * FROM ledger WHERE id = 79";

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn workers_decode_and_read_and_find_what_one_process_finds() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    loaded(&fleet);
    let _workers = fleet.workers();
    let report = fleet.run(&line(&["--fleet", "--readers", "2"])).exits(0).json();
    for (worker, of) in [("decoder p", RECORDS), ("reader w", RECORDS), ("decoder 1", 0), ("reader 1", 0)] {
        assert_eq!(records(&report, worker), of, "{worker}: {}", report["workers"]);
    }
    psql(&fleet.store(), DAMAGE);
    let alone = fleet.run(&line(&[])).exits(1).json();
    assert_eq!(alone["differences"], 3);
    let report = fleet.run(&line(&["--fleet"])).exits(1).json();
    assert_eq!(result(report), result(alone));
    assert_eq!(fleet.value("SELECT count(*) FROM crossfoot_comparison"), "0", "the fleet is free again");
    // Two processes at once: one of them is told.
    let first = fleet.start(&line(&["--fleet", "--rows-per-second", "20000"]));
    until("it has the fleet", || fleet.number("SELECT count(*) FROM crossfoot_comparison") == 1);
    fleet.run(&line(&["--fleet"])).exits(3).says(&["the fleet works for another comparison"]);
    first.end_within(PATIENCE).exits(1);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_processor_and_a_writer_die_and_messages_come_twice() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let fleet = Fleet::new(servers(), postings(RECORDS));
    loaded(&fleet);
    psql(&fleet.store(), DAMAGE);
    let alone = fleet.run(&line(&[])).exits(1).json();
    let start = |role: &str, name: &str, settings: &[(&str, &str)]| -> Going {
        let going = fleet.start_with(&["worker", "--role", role, "--slots", "1", "--name", name], settings);
        going.until_it_says("started");
        going
    };
    let mortal = [
        start("processor", "p1", &[("CROSSFOOT_FAULT", "publish.compared.before@5=die")]),
        start("writer", "w1", &[("CROSSFOOT_FAULT", "publish.compared.after@2=die")]),
    ];
    let comparing = fleet.start(&line(&["--fleet", "--readers", "4"]));
    for one in &mortal {
        assert!(one.ends_within(PATIENCE), "{}", one.said());
    }
    let doubles = [("CROSSFOOT_TEST_DOUBLES_MESSAGES", "1")];
    let _survivors = [start("processor", "p2", &doubles), start("writer", "w2", &doubles)];
    let report = comparing.end_within(PATIENCE).exits(1).json();
    assert_eq!(records(&report, "decoder p"), RECORDS, "{}", report["workers"]);
    assert_eq!(result(report), result(alone));
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_is_attested_by_the_fleet_that_loaded_it() {
    let fleet = Fleet::new(servers(), postings(20_000));
    let _coordinator = fleet.coordinator();
    let _workers = fleet.workers();
    fleet.run(&["submit", "job.toml", "--source", "in.csv", "--wait"]).exits(0);
    let report = fleet.run(&["attest", "last", "--fleet", "--json"]).exits(0).json();
    assert_eq!(
        (records(&report, "decoder p"), records(&report, "reader w")),
        (20_000, 20_000),
        "{}",
        report["workers"]
    );
    psql(&fleet.store(), "UPDATE postings SET amount = amount + 0.01 WHERE id = 7");
    let report = fleet.run(&["attest", "last", "--fleet", "--json"]).exits(1).json();
    assert_eq!(report["differences"], 1);
    // A worker that reads another database refuses, instead of comparing that.
    let elsewhere = fleet.store().replace(fleet.prefix().trim_end_matches('.'), "postgres");
    drop(_workers);
    let others = [("CROSSFOOT__RECONCILE__TARGET", elsewhere.as_str())];
    let worker = ["worker", "--role", "processor", "--role", "writer", "--slots", "1"];
    let going = fleet.start_with(&worker, &others);
    going.until_it_says("started");
    let refused = fleet.run(&["attest", "last", "--fleet"]).exits(3);
    refused.says(&["reads another database than the one that is compared"]);
}
