//! Chunks by reference: the coordinator sends places, and the processors read the source themselves, where they may.

use std::path::Path;

use broker::rabbitmq::{Rabbit, RabbitSettings};
use broker::{Broker as _, Queue};
use wire::Chunk;
use wire::seal::unverified;

use crate::desk::{Going, postings};
use crate::servers::{Fleet, PATIENCE, servers, until};

const RECORDS: u64 = 20_000;

const BY_REFERENCE: (&str, &str) = ("CROSSFOOT__FLEET__CHUNKS", "by-reference");

fn coordinator(fleet: &Fleet) -> Going {
    let going = fleet.start_with(&["coordinator"], &[BY_REFERENCE]);
    going.until_it_says("coordinator started");
    going
}

/// A processor that may read below `place`.
fn processor(fleet: &Fleet, name: &str, place: &Path) -> Going {
    let config = format!("{name}.toml");
    fleet.desk.put(&config, format!("[worker]\nsources = [{:?}]\n", place.display().to_string()));
    let line = ["worker", "--config", &config, "--role", "processor", "--slots", "1", "--name", name];
    let going = fleet.start(&line);
    going.until_it_says("started");
    going
}

fn submit(fleet: &Fleet, source: &str) -> Going {
    fleet.start(&["submit", "job.toml", "--source", source, "--chunk-bytes", "10000", "--wait"])
}

/// How long the longest of three messages is that wait for processors, all of which must be by reference.
async fn longest_of_three(fleet: &Fleet) -> usize {
    let prefix = fleet.prefix().to_owned();
    let settings = RabbitSettings { prefix, ..RabbitSettings::new(fleet.servers.amqp.as_str()) };
    let broker = Rabbit::connect(settings).await.unwrap();
    let mut consumer = broker.consume(Queue::Chunks, 3).await.unwrap();
    let mut longest = 0;
    let mut held = Vec::new();
    for _ in 0..3 {
        let delivery = tokio::time::timeout(PATIENCE, consumer.next()).await.unwrap().unwrap();
        let chunk = unverified::<Chunk>(&delivery.body).expect("a chunk").message;
        assert!(chunk.bytes.held().is_empty(), "it holds bytes of the source");
        longest = longest.max(delivery.body.len());
        held.push(delivery);
    }
    for delivery in held {
        delivery.retry_later().await;
    }
    broker.close().await;
    longest
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_by_reference_survives_a_killed_processor_and_proves_the_same() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = coordinator(&fleet);
    let submitted = submit(&fleet, "in.csv");
    // GIVEN messages that hold no byte of the source
    let longest = tokio::runtime::Runtime::new().unwrap().block_on(longest_of_three(&fleet));
    assert!(longest < 300, "{longest} bytes");
    // WHEN a processor dies in mid-run
    let place = fleet.desk.path("");
    let (first, _second) = (processor(&fleet, "p1", &place), processor(&fleet, "p2", &place));
    let _writer = fleet.worker("writer", "w1");
    let chunks = fleet.desk.path("in.csv").metadata().unwrap().len() / 10_000;
    until("some chunks are committed", || fleet.committed() > chunks / 4);
    first.kill();
    // THEN the run ends as one whose chunks travelled inline
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(RECORDS);
    assert_eq!(fleet.number("SELECT count(*) FROM crossfoot_chunk WHERE reason IS NOT NULL"), 0);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_source_that_changes_after_it_was_split_is_named_and_never_loaded() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = coordinator(&fleet);
    let submitted = submit(&fleet, "in.csv");
    until("chunks are cut", || fleet.number("SELECT count(*) FROM crossfoot_chunk") > 5);
    // GIVEN an amount that changes, at equal length, in a chunk that nobody has processed yet
    let sound = std::fs::read(fleet.desk.path("in.csv")).unwrap();
    let mut altered = sound.clone();
    let at = 25_000 + altered[25_000..].windows(3).position(|three| three == b".00").expect("an amount");
    altered[at + 1] = b'9';
    fleet.desk.put("in.csv", &altered);
    // WHEN the workers come
    let _processor = processor(&fleet, "p1", &fleet.desk.path(""));
    let _writer = fleet.worker("writer", "w1");
    // THEN the run ends by name, and none of its rows is in final
    let ended = submitted.end_within(PATIENCE).exits(3);
    ended.says(&["chunk 2", "the source changed after it was split", "redrive"]);
    assert_eq!(fleet.number("SELECT count(*) FROM crossfoot_chunk WHERE state = 'set-aside'"), 1);
    assert_eq!(fleet.number("SELECT count(*) FROM postings"), 0);
    // and with the source as it was, it goes through.
    fleet.desk.put("in.csv", &sound);
    fleet.run(&["redrive", "--yes", "--reason", "the file was restored"]).exits(0);
    until("the run is promoted", || fleet.value("SELECT state FROM crossfoot_run") == "promoted");
    fleet.is_sound(RECORDS);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_worker_that_cannot_read_the_source_hands_chunks_back_to_those_that_can() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _coordinator = coordinator(&fleet);
    // GIVEN one processor without any place, and one of another place
    let (without, _writer) = (fleet.worker("processor", "p0"), fleet.worker("writer", "w1"));
    let elsewhere = processor(&fleet, "p1", Path::new("/nowhere"));
    let submitted = submit(&fleet, "in.csv");
    let said = ["this worker cannot read the source", "[worker] sources", "processor p"];
    for worker in [&without, &elsewhere] {
        said.iter().for_each(|words| worker.until_it_says(words));
    }
    until("a chunk was handed back", || {
        fleet.number("SELECT count(*) FROM crossfoot_chunk WHERE reason LIKE 'processor p%'") > 0
    });
    // WHEN one comes that can read it
    let _reader = processor(&fleet, "p2", &fleet.desk.path(""));
    // THEN it does the others' work too, and no chunk is charged for them
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    fleet.is_sound(RECORDS);
    assert_eq!(fleet.number("SELECT count(*) FROM crossfoot_chunk WHERE reason IS NOT NULL"), 0);
    // A charge is taken back when the batch is handed on, and the run may be over before that.
    let charged = "SELECT count(*) FROM crossfoot_chunk WHERE processor_starts > 0";
    until("no start stays charged", || fleet.number(charged) == 0);
    assert_eq!(fleet.number("SELECT count(DISTINCT processor_id) FROM crossfoot_chunk"), 1);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_that_no_worker_can_read_ends_by_name_and_continues_when_one_can() {
    let fleet = Fleet::new(servers(), postings(2000));
    let _coordinator = coordinator(&fleet);
    // GIVEN a link that leads out of the place that one worker may read, and another worker without a place
    let allowed = fleet.desk.path("allowed");
    std::fs::create_dir(&allowed).unwrap();
    std::os::unix::fs::symlink("../in.csv", allowed.join("link.csv")).unwrap();
    let _writer = fleet.worker("writer", "w1");
    let bounded = processor(&fleet, "p1", &allowed);
    let _without = fleet.worker("processor", "p2");
    let submitted = submit(&fleet, "allowed/link.csv");
    bounded.until_it_says("leads out of the place");
    until("it is said what the run waits for", || {
        let shown = fleet.run(&["show"]).exits(0).out;
        shown.split_whitespace().collect::<Vec<_>>().join(" ").contains("make the source reachable")
    });
    // THEN the run ends within about a minute, and says why and what to do
    let ended = submitted.end_within(PATIENCE).exits(3);
    ended.says(&["no worker could read chunk", "nothing was loaded for 60 s", "[worker] sources", "resume"]);
    assert_eq!(fleet.committed(), 0);
    assert_eq!(fleet.number("SELECT count(*) FROM crossfoot_chunk WHERE state = 'set-aside'"), 0);
    let letters = fleet.run(&["dead-letters", "list", "--json"]).exits(0).json();
    assert_eq!(letters["dead_letters"].as_array().unwrap().len(), 0, "{letters}");
    // and WHEN a worker comes that can read it, an operator continues the run.
    let _reader = processor(&fleet, "p3", &fleet.desk.path(""));
    fleet.run(&["resume", "last"]).exits(0);
    until("the run is promoted", || fleet.value("SELECT state FROM crossfoot_run") == "promoted");
    fleet.is_sound(2000);
}
