//! A run whose partition becomes one of final, from the file to the table and back.

use std::fs;

use crate::desk::{Going, postings};
use crate::servers::{Fleet, psql, servers, until};

const SUBMIT: [&str; 6] = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000"];

/// A fleet whose final is partitioned by run.
fn fleet() -> Fleet {
    let fleet = Fleet::new(servers(), postings(3000));
    fleet.desk.put_job("job.toml", &[("[[record]]", "[[record]]\npromotion = \"attach\"")]);
    fleet
}

/// A coordinator that stops at `place`, and has come there.
fn stopped_at(fleet: &Fleet, place: &str) -> Going {
    let (fault, struck) = (format!("{place}=hang"), fleet.desk.path("struck"));
    let settings = [("CROSSFOOT_FAULT", fault.as_str()), ("CROSSFOOT_FAULT_LOG", struck.to_str().unwrap())];
    let coordinator = fleet.start_with(&["coordinator"], &settings);
    fleet.run(&SUBMIT).exits(0);
    until("the coordinator is stopped", || {
        fs::read_to_string(&struck).is_ok_and(|text| text.contains(place))
    });
    coordinator
}

fn verdict(fleet: &Fleet) -> String {
    let state = || psql(&fleet.store(), "SELECT state FROM crossfoot_run");
    until("the run has its verdict", || !["loading", "staged"].contains(&state().as_str()));
    state()
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn what_is_changed_after_staging_was_proven_is_found_by_the_workers_that_read_final() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let fleet = fleet();
    let _workers = fleet.workers();
    let coordinator = stopped_at(&fleet, "promotion.begin.before");
    // One value; and one row that now stands under another writer, which no sum tells.
    psql(
        &fleet.store(),
        "UPDATE stg_postings SET amount = amount + 0.01 WHERE record_no = 17;
         UPDATE stg_postings SET worker_id = worker_id + 100 WHERE record_no = 2900",
    );
    coordinator.signal("CONT");
    assert_eq!(verdict(&fleet), "not-reconciled");
    let report = fleet.run(&["report", "last"]).exits(0);
    report.prints(&["chunks of final as committed", "17.18", "3 of 28 checks failed"]);
    assert_eq!(psql(&fleet.store(), "SELECT count(*) FROM postings"), "0");
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn workers_that_die_before_they_read_final_leave_it_to_the_coordinator() {
    if !cfg!(feature = "fault-points") {
        return;
    }
    let fleet = fleet();
    let workers = fleet.workers();
    let coordinator = stopped_at(&fleet, "promotion.begin.after");
    drop(workers);
    coordinator.signal("CONT");
    assert_eq!(verdict(&fleet), "promoted");
    assert!(coordinator.said().contains("the workers did not read final back"), "{}", coordinator.said());
    assert_eq!(psql(&fleet.store(), "SELECT count(*) FROM postings"), "3000");
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_fleet_promotes_by_attaching_and_backs_out_again() {
    let fleet = fleet();
    let _coordinator = fleet.start(&["coordinator"]);
    let _processor = fleet.start(&["worker", "--role", "processor"]);
    let _writer = fleet.start(&["worker", "--role", "writer"]);
    let submit = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000", "--wait"];
    fleet.run(&submit).exits(0).prints(&["RECONCILED"]);
    fleet.run(&["report", "last"]).exits(0).prints(&["chunks of final as committed"]);
    let of_final = |what: &str| psql(&fleet.store(), &format!("SELECT {what} FROM postings"));
    assert_eq!(of_final("count(*), count(DISTINCT record_no), max(record_no)"), "3000|3000|3000");
    assert_eq!(psql(&fleet.store(), "SELECT count(*) FROM stg_postings"), "0");
    // Everything that is asked of staging later is answered from final.
    let workers = fleet.run(&["workers", "last"]).exits(0);
    workers.prints(&["3,000"]);
    fleet.run(&["attest", "last", "--source", "in.csv"]).exits(0);
    fleet.run(&["audit", "keygen", "-o", "me"]).exits(0);
    fleet.run(&["audit", "export", "last", "-o", "run.tar", "--key", "me.key"]).exits(0);
    fleet.run(&["audit", "verify", "run.tar", "--key", "me.pub"]).exits(0).prints(&["VERIFIED"]);
    fleet.run(&["prove", "last", "--record", "17", "-o", "proof.json", "--key", "me.key"]).exits(0);
    fleet.run(&submit).exits(2).says(&["--again"]);
    // The same keys in another file: the run fails, and names the records.
    fleet.desk.put("other.csv", [&postings(3001)[..]].concat());
    let other = ["submit", "job.toml", "--source", "other.csv", "--wait"];
    fleet.run(&other).exits(1).prints(&["NOT RECONCILED", "in final"]);
    assert_eq!(of_final("count(*)"), "3000");
    // And back.
    let first = psql(&fleet.store(), "SELECT run_id FROM crossfoot_run WHERE state = 'promoted'");
    fleet.run(&["back-out", &first, "--reason", "wrong file"]).exits(0).prints(&["3,000 rows taken out"]);
    assert_eq!(of_final("count(*)"), "0");
    fleet.run(&other).exits(0).prints(&["RECONCILED"]);
    assert_eq!(of_final("count(*)"), "3001");
    fleet.run(&["purge", &first, "--reason", "done"]).exits(0);
    assert_eq!(of_final("count(*)"), "3001");
    assert_eq!(psql(&fleet.store(), "SELECT count(*) FROM stg_postings"), "3001");
}
