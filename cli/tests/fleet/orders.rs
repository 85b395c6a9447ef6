//! What an operator orders while a run loads: a pause, another window, workers that end.

use serde_json::json;

use crate::desk::postings;
use crate::servers::{Fleet, servers, try_psql, until};

const RECORDS: u64 = 12_000;

/// Small chunks: more of them than the window of 64 holds.
const CHUNKS: &str = "4000";

fn submitted(fleet: &Fleet) -> String {
    let submit = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", CHUNKS, "--json"];
    fleet.run(&submit).exits(0).json()["run_id"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_paused_run_stands_still_until_it_is_resumed_while_others_go_on() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = fleet.coordinator();
    let run = submitted(&fleet);
    until("chunks are in flight", || fleet.number("SELECT count(*) FROM crossfoot_chunk") > 60);
    let pause = ["pause", &run, "--reason", "the database is being backed up"];
    fleet.run(&pause).exits(0).prints(&["paused run", "crossfoot resume"]);
    fleet.run(&pause).exits(2).says(&["waits for an operator already"]);
    let shown = fleet.run(&["show", &run]).exits(0);
    shown.prints(&["unfinished", "paused by", "the database is being backed up"]);
    // Its chunks are in the queue, and nobody begins them; a run beside it is loaded.
    let _workers = fleet.workers();
    let other = format!("{}7,2024-02-29,10.00,rent\n", String::from_utf8(postings(0)).unwrap());
    fleet.desk.put("other.csv", other);
    fleet.desk.put_job(
        "other.toml",
        &[
            ("\"postings\"", "\"other\""),
            ("\"stg_postings\"", "\"stg_other\""),
            ("final = \"postings\"", "final = \"others\""),
        ],
    );
    fleet.run(&["submit", "other.toml", "--source", "other.csv", "--wait"]).exits(0).prints(&["RECONCILED"]);
    let committed =
        format!("SELECT count(*) FROM crossfoot_chunk WHERE run_id = '{run}' AND state = 'committed'");
    assert_eq!(fleet.number(&committed), 0);
    fleet.run(&["resume", &run]).exits(0).prints(&["RECONCILED"]);
    fleet.run(&pause).exits(2).says(&["only a run that loads"]);
    let log = fleet.run(&["audit", "log", &run, "--json"]).exits(0).json();
    let kinds: Vec<_> = log.as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["opened", "paused-by-operator", "resumed", "staged", "promoted"]);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_window_is_widened_while_it_is_full() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = fleet.coordinator();
    let run = submitted(&fleet);
    let booked = || fleet.number("SELECT count(*) FROM crossfoot_chunk");
    until("the window is full", || booked() > 64);
    fleet.run(&["window", &run]).exits(2).says(&["--chunks"]);
    fleet.run(&["window", &run, "--chunks", "0"]).exits(2).says(&["1..=100000"]);
    let wide =
        fleet.run(&["window", &run, "--chunks", "90", "--reason", "at night", "--json"]).exits(0).json();
    assert_eq!(wide, json!({ "run_id": run, "window_chunks": 90 }));
    until("more chunks are in flight", || booked() > 90);
    fleet.run(&["window", &run, "--reset"]).exits(0).prints(&["share of the coordinator's window"]);
    let _workers = fleet.workers();
    until("it reconciles", || fleet.value("SELECT state FROM crossfoot_run") == "promoted");
    fleet.is_sound(RECORDS);
    fleet.run(&["window", &run, "--reset"]).exits(2).says(&["only a run that loads"]);
    fleet.run(&["audit", "log", &run]).exits(0).prints(&["window-changed", "at night"]);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_drained_worker_ends_by_itself_and_the_others_do_the_rest() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = fleet.coordinator();
    let gone = fleet.worker("processor", "p1");
    let several = fleet.start(&["worker", "--role", "processor,writer", "--slots", "1", "--name", "both"]);
    several.until_it_says("2 workers");
    let host = fleet.value("SELECT max(host) FROM crossfoot_worker");
    let drained =
        fleet.run(&["drain", "p1", "--reason", "kernel update", "--wait", "60", "--json"]).exits(0).json();
    assert_eq!(
        (&drained["workers"][0]["name"], &drained["workers"][0]["ended"]),
        (&json!("p1"), &json!(true))
    );
    gone.end().exits(0).says(&["drained by an operator"]);
    fleet.run(&["drain", "p1"]).exits(2).says(&["no living worker is called `p1`"]);
    // One of two workers of a process ends, and the process goes on.
    fleet.run(&["drain", &format!("both-processor-1@{host}"), "--wait", "60"]).exits(0).prints(&["ended"]);
    fleet.run(&["doctor"]).exits(0).prints(&["no processor is running"]);
    let _rest = [fleet.worker("processor", "p2"), fleet.worker("processor", "p3")];
    let submit = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", CHUNKS, "--wait"];
    fleet.run(&submit).exits(0).prints(&["RECONCILED", "p2", "p3", "both-writer-1"]);
    fleet.is_sound(RECORDS);
    fleet.run(&["drain", "--host", &host, "--wait", "60"]).exits(0);
    several.end().exits(0).says(&["every worker of this process was drained"]);
    let working = "SELECT count(*) FROM crossfoot_worker WHERE stopped_at_ms IS NULL";
    assert_eq!(fleet.number(working), 0);
    fleet.run(&["audit", "log"]).exits(0).prints(&["drain-asked", "kernel update"]);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_in_the_foreground_ends_when_it_is_paused_and_is_continued_by_resume() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let running = fleet.start(&["run", "job.toml", "--source", "in.csv", "--chunk-bytes", CHUNKS]);
    until("chunks are in flight", || {
        try_psql(&fleet.store(), "SELECT count(*) > 60 FROM crossfoot_chunk").as_deref() == Some("t")
    });
    fleet.run(&["pause", "last"]).exits(2).says(&["--yes"]);
    // A worker that is a part of that process, as those of an embedded fleet are.
    let host = fleet.value("SELECT split_part(split_part(lease_owner, '@', 2), ' ', 1) FROM crossfoot_run");
    fleet.value(&format!(
        "INSERT INTO crossfoot_worker (name, role, host, pid, version, started_at_ms, seen_at_ms) SELECT 'inside', \
         'writer', '{host}', {}, '0', 0, (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
        running.pid()
    ));
    fleet
        .run(&["drain", "inside"])
        .exits(2)
        .says(&["a part of the process that drives run", "crossfoot pause"]);
    fleet.run(&["pause", "last", "--yes", "--reason", "backup"]).exits(0).prints(&["paused run"]);
    running.end().exits(3).says(&["paused by", "backup", "crossfoot resume"]);
    let _workers = fleet.workers();
    fleet.run(&["resume", "last"]).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(RECORDS);
}
