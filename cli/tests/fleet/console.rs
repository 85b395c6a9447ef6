//! The console of a fleet: the same numbers on PostgreSQL, the broker's queues, workers that fall silent, and an
//! approval that the coordinator's own process carries out.

use crate::browser::Console;
use crate::desk::postings;
use crate::servers::{Fleet, servers};

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_fleet_is_watched_and_a_run_approved_at_the_coordinators_console() {
    let fleet = Fleet::new(servers(), postings(2000));
    fleet.desk.put_job("job.toml", &[("[limits]", "[approval]\nfour_eyes = true\n\n[limits]")]);
    let coordinator = fleet.start(&["coordinator", "--console=127.0.0.1:0", "--operator", "ben"]);
    coordinator.until_it_says("coordinator started");
    let console = Console::of(coordinator);
    let mut workers = fleet.workers();
    let mut stream = console.watch(None);
    let submit = ["submit", "job.toml", "--source", "in.csv", "--operator", "anna"];
    fleet.run(&[&submit[..], &["--wait", "--patience", "100"]].concat()).exits(3);
    let told = stream.until(|news| news.kind == "run" && news.data["state"] == "awaiting-approval");
    let run = told.data["run_id"].as_str().unwrap().to_owned();
    for (key, query) in [
        ("records_split", "SELECT sum(records) FROM crossfoot_chunk"),
        ("records_processed", "SELECT sum(records_in) FROM crossfoot_chunk WHERE state = 'committed'"),
        ("records_written", "SELECT count(*) FROM stg_postings"),
        ("chunks_committed", "SELECT count(*) FROM crossfoot_chunk WHERE state = 'committed'"),
        ("bytes_committed", "SELECT sum(bytes) FROM crossfoot_chunk WHERE state = 'committed'"),
    ] {
        assert_eq!(told.data[key], fleet.number(query), "{key}: {}", told.data);
    }
    let shown = console.get(&format!("/runs/{run}/workers"));
    assert_eq!(shown["agree"], true, "{shown}");
    for worker in shown["workers"].as_array().unwrap().iter().filter(|worker| worker["role"] == "writer") {
        let query = format!("SELECT count(*) FROM stg_postings WHERE worker_id = {}", worker["worker_id"]);
        assert_eq!(worker["table"], fleet.number(&query), "{worker}");
    }
    let queues = console.get("/queues");
    assert_eq!(
        (queues["queues"].as_array().unwrap().len(), &queues["dead_letters"]),
        (8, &0.into()),
        "{queues}"
    );
    // A worker that dies is told apart from one that waits.
    workers.remove(0).kill();
    console.until("/fleet", |fleet| {
        fleet["members"].as_array().unwrap().iter().filter(|member| member["is_alive"] == false).count() == 1
    });
    let metrics = console.ask("GET", "/metrics", &[], "").body;
    assert!(metrics.contains("crossfoot_workers{role=\"processor\",state=\"stale\"} 1\n"), "{metrics}");
    // Anna submitted it, and Ben approves.
    let done = console.act(&run, "approve", Some("totals agree"));
    assert_eq!(done.status, 200, "{done:?}");
    console.until(&format!("/runs/{run}"), |run| run["state"] == "promoted");
    fleet.is_sound(2000);
    let log = console.get(&format!("/runs/{run}/log"));
    let approved = log["items"].as_array().unwrap().iter().find(|event| event["kind"] == "approved").unwrap();
    assert!(approved["actor"].as_str().unwrap().starts_with("ben@"), "{approved}");
    // The stream ends with the coordinator.
    console.going.signal("TERM");
    while stream.next().is_some() {}
    console.going.end().exits(0);
}
