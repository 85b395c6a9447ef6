//! What an operator sees of a fleet before the first commit, and does with messages that could not be handled.

use std::os::unix::fs::PermissionsExt;

use broker::rabbitmq::{Rabbit, RabbitSettings};
use broker::{Broker, Queue};
use bytes::Bytes;
use serde_json::Value;

use crate::desk::postings;
use crate::servers::{Fleet, servers, until};

/// Makes one genuine chunk a dead letter, and publishes a message that nobody sealed.
async fn bury_a_chunk(fleet: &Fleet) {
    let settings = RabbitSettings {
        prefix: fleet.prefix().to_owned(),
        ..RabbitSettings::new(fleet.servers.amqp.as_str())
    };
    let broker = Rabbit::connect(settings).await.unwrap();
    let mut consumer = broker.consume(Queue::Chunks, 1).await.unwrap();
    assert!(consumer.next().await.unwrap().dead_letter("buried by the test").await);
    broker.publish(Queue::Counts, Bytes::from_static(b"garbage")).await.unwrap();
    drop(consumer);
    broker.close().await;
}

fn listed(fleet: &Fleet) -> Vec<Value> {
    let list = fleet.run(&["dead-letters", "list", "--json"]).exits(0).json();
    list["dead_letters"].as_array().unwrap().clone()
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_fleet_is_listed_and_its_dead_letters_are_read_replayed_and_cleared() {
    let fleet = Fleet::new(servers(), postings(5000));
    let _coordinator = fleet.coordinator();
    fleet.run(&["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "10000"]).exits(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(bury_a_chunk(&fleet));
    until("both are dead letters", || listed(&fleet).len() == 2);

    // Before anything is committed the coordinator is seen with its run, and who is missing.
    let seen = fleet.run(&["fleet", "--json"]).exits(0).json();
    let run_id = fleet.value("SELECT run_id FROM crossfoot_run");
    let member = &seen["members"][0];
    assert_eq!(
        (&member["role"], &member["version"]),
        (&"coordinator-service".into(), &env!("CARGO_PKG_VERSION").into())
    );
    assert_eq!(member["holds"][0]["run_id"], run_id.as_str(), "{seen:#}");
    assert!(
        member["pid"].is_u64() && member["since"].is_string() && member["last_seen_ms"].is_u64(),
        "{seen:#}"
    );
    assert_eq!((&seen["missing"]["coordinator"], &seen["missing"]["writers"]), (&false.into(), &true.into()));
    fleet.run(&["fleet"]).exits(0).prints(&["coordinator service", &run_id, "no writer is running"]);
    // It is the coordinator's run: nobody is told to resume it.
    let told = fleet.run(&["resume"]).exits(3).says(&["is being driven by", "@", "pid", "since"]);
    assert!(!told.err.contains("crossfoot resume"), "{told}");
    fleet.run(&["show"]).exits(0).prints(&["driver   "]);
    let report = fleet.run(&["report"]).exits(0).prints(&["is driving the run", "crossfoot show"]);
    assert!(!report.out.contains("crossfoot resume"), "{report}");

    let letters = listed(&fleet);
    let of = |is_genuine: bool| letters.iter().find(|one| one["is_genuine"] == is_genuine).unwrap();
    let (genuine, foreign) = (of(true), of(false));
    assert_eq!(
        (&genuine["queue"], &genuine["run_id"]),
        (&"crossfoot.chunks".into(), &run_id.as_str().into())
    );
    assert_eq!(
        (&genuine["chunk_state"], &genuine["reason"]),
        (&"split".into(), &"buried by the test".into())
    );
    assert_eq!((&foreign["queue"], &foreign["run_id"]), (&"crossfoot.counts".into(), &Value::Null));
    let id = genuine["id"].as_str().unwrap();
    fleet
        .run(&["dead-letters", "show", &id[..6], "-o", "letter.bin"])
        .exits(0)
        .prints(&["buried by the test", "split"]);
    let file = fleet.desk.path("letter.bin");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(file.metadata().unwrap().len(), genuine["bytes"].as_u64().unwrap());
    // A script names them or says that it means all.
    fleet.run(&["dead-letters", "clear", "--all"]).exits(2).says(&["2 dead letters", "--yes"]);
    fleet.run(&["dead-letters", "replay", "00ff00ff00ff"]).exits(2).says(&["there is no dead letter"]);
    assert_eq!(listed(&fleet).len(), 2);
    fleet
        .run(&["dead-letters", "replay", id, "--reason", "looked at"])
        .exits(0)
        .prints(&["replayed 1 dead letter"]);
    let _workers = (fleet.worker("processor", "p1"), fleet.worker("writer", "w1"));
    until("the run is promoted", || fleet.value("SELECT state FROM crossfoot_run") == "promoted");
    fleet.is_sound(5000);
    fleet
        .run(&["dead-letters", "clear", "--all", "--yes", "--reason", "garbage"])
        .exits(0)
        .prints(&["cleared 1"]);
    assert_eq!(listed(&fleet), Vec::<Value>::new());
    let events = fleet.run(&["audit", "log", "--json"]).exits(0).json();
    let events = events.as_array().unwrap();
    for (kind, reason) in [("dead-letters-replayed", "looked at"), ("dead-letters-cleared", "garbage")] {
        let event = events.iter().find(|event| event["kind"] == kind).unwrap_or_else(|| panic!("{kind}"));
        assert_eq!((&event["detail"]["reason"], &event["detail"]["messages"]), (&reason.into(), &1.into()));
        assert!(event["actor"].as_str().unwrap().contains('@'), "{event:#}");
    }
    assert!(events.iter().any(|event| event["kind"] == "dead-letter-written"));
}
