//! Somebody with every right on the broker and none in the store.

use std::time::Duration;

use broker::rabbitmq::{Rabbit, RabbitSettings};
use broker::{Broker, Queue};
use bytes::Bytes;
use domain::counts::Role;
use domain::ids::WorkerId;
use wire::seal::{COVER_BYTES, Travels, unverified};
use wire::{Chunk, ChunkCounts, Range, Work, WorkerReport, codec};

use crate::desk::postings;
use crate::servers::{Fleet, PATIENCE, servers, until};

const RECORDS: u64 = 4000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// The intruder's own way to the queues of `fleet`.
async fn intruder(fleet: &Fleet) -> Rabbit {
    let settings = RabbitSettings {
        prefix: fleet.prefix().to_owned(),
        ..RabbitSettings::new(fleet.servers.amqp.as_str())
    };
    Rabbit::connect(settings).await.unwrap()
}

/// `message` under the cover of a genuine one: everything in it is made to fit but the seal.
fn forged<M: Travels>(genuine: &Bytes, message: &M) -> Bytes {
    [&genuine[..COVER_BYTES], &codec::encode(message).unwrap()].concat().into()
}

/// Takes every chunk out of its queue, moves 300,000 in each from one place to another at equal length, and puts it
/// back; and adds a message of every kind that nobody sent. Returns how many chunks there were.
async fn embezzle(fleet: &Fleet) -> u64 {
    let broker = intruder(fleet).await;
    let mut consumer = broker.consume(Queue::Chunks, 500).await.unwrap();
    let (mut altered, mut genuine) = (Vec::new(), None);
    while let Ok(Some(delivery)) = tokio::time::timeout(Duration::from_secs(3), consumer.next()).await {
        let mut chunk = unverified::<Chunk>(&delivery.body).expect("a chunk").message;
        let bytes = chunk.bytes.held_mut().expect("chunks are inline");
        let digit = bytes.iter().rposition(u8::is_ascii_digit).expect("an amount");
        bytes[digit] = if bytes[digit] == b'9' { b'1' } else { b'9' };
        altered.push(forged(&delivery.body, &chunk));
        genuine.get_or_insert((delivery.body.clone(), chunk));
        assert!(delivery.done().await);
    }
    drop(consumer);
    let taken = altered.len() as u64;
    for body in altered {
        broker.publish(Queue::Chunks, body).await.unwrap();
    }
    let (body, chunk) = genuine.expect("chunks waited");
    let worker = WorkerId(1);
    let counts = ChunkCounts { records: 1, accepted: 1, ..ChunkCounts::default() };
    for chunk_no in 0..taken {
        for work in [
            Work::Failed { role: Role::Writer, reason: "made up".into() },
            Work::Written { processor: worker, counts },
        ] {
            let report = WorkerReport { run_id: chunk.run_id, chunk_no, worker, work };
            broker.publish(Queue::Counts, forged(&body, &report)).await.unwrap();
        }
    }
    let poison = Chunk { chunk_no: u64::MAX, ..chunk.clone() };
    broker.publish(Queue::Chunks, forged(&body, &poison)).await.unwrap();
    for run_id in [chunk.run_id, [7; 16]] {
        let range = Range { run_id, pass: 2, first: 0, end: 1 };
        broker.publish(Queue::Ranges, forged(&body, &range)).await.unwrap();
    }
    broker.publish(Queue::Counts, Bytes::from_static(b"garbage")).await.unwrap();
    broker.close().await;
    taken
}

fn nothing_comes_of(settings: &[(&str, &str)], named: &str) {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let coordinator = fleet.start_with(&["coordinator"], settings);
    coordinator.until_it_says("coordinator started");
    // GIVEN chunks that wait, and an intruder who gets at them first
    fleet.run(&["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "8000"]).exits(0);
    until("chunks are handed out", || fleet.number("SELECT count(*) FROM crossfoot_chunk") > 5);
    assert!(runtime().block_on(embezzle(&fleet)) > 5);
    // WHEN the workers come
    let workers: Vec<_> = ["processor", "writer"]
        .iter()
        .map(|role| {
            let going = fleet.start_with(&["worker", "--role", role, "--slots", "1"], settings);
            going.until_it_says("started");
            going
        })
        .collect();
    // THEN the chunks are handed out again, and the run ends as if nothing had happened
    let began = std::time::Instant::now();
    until("the run is promoted", || {
        fleet.number("SELECT count(*) FROM crossfoot_run WHERE state = 'promoted'") == 1
    });
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    fleet.is_sound(RECORDS);
    // and what was refused is named
    let log = fleet.run(&["audit", "log"]).exits(0);
    log.prints(&["message-refused"]);
    assert!(
        fleet.number(&format!(
            "SELECT count(*) FROM crossfoot_event WHERE kind = 'message-refused' AND detail LIKE '%{named}%'"
        )) > 0,
        "nothing is named {named}"
    );
    fleet.run(&["doctor"]).prints(&["dead letters"]);
    drop((workers, coordinator));
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn an_intruder_on_the_bus_changes_no_row_no_count_and_no_verdict() {
    nothing_comes_of(&[], "seal is invalid");
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn without_seals_the_ledger_still_refuses_bytes_that_it_did_not_book() {
    nothing_comes_of(&[("CROSSFOOT__BROKER__AUTHENTICATE", "false")], "SHA-256 in the ledger");
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn two_stores_on_the_same_queues_are_told_apart_at_the_start() {
    let servers = servers();
    let (first, second) = (Fleet::new(servers.clone(), postings(50)), Fleet::new(servers, postings(50)));
    let worker = first.worker("processor,writer", "w");
    let prefix = [("CROSSFOOT__BROKER__PREFIX", first.prefix())];
    let ours = first.value("SELECT store_id FROM crossfoot_store");
    for line in
        [&["worker", "--role", "writer"][..], &["coordinator"], &["run", "job.toml", "--source", "in.csv"]]
    {
        let ended = second.start_with(line, &prefix).end_within(PATIENCE).exits(2);
        ended.says(&["another store", &ours, "prefix"]);
    }
    let doctor = second.start_with(&["doctor"], &prefix).end_within(PATIENCE).exits(3);
    doctor.prints(&["✗ store of the queues", &ours]);
    first.run(&["run", "job.toml", "--source", "in.csv"]).exits(0);
    drop(worker);
    // The first store is gone for good: the second takes its queues.
    second
        .start_with(&["doctor", "--take-queues"], &prefix)
        .end_within(PATIENCE)
        .prints(&["✓ store of the queues"]);
    first.run(&["doctor"]).exits(3).prints(&["✗ store of the queues"]);
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_key_is_replaced_under_a_running_fleet() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let _workers = fleet.workers();
    fleet.run(&["run", "job.toml", "--source", "in.csv"]).exits(0);
    let replaced = fleet.run(&["rotate-key"]).exits(0);
    replaced.prints(&["sealed with key", "stays valid"]);
    // Workers that still seal with the old one are believed, and understand the new one.
    let again = ["run", "job.toml", "--source", "in.csv", "--again", "--chunk-bytes", "8000"];
    fleet.value("TRUNCATE postings");
    fleet.run(&again).exits(0);
    fleet.run(&["rotate-key"]).exits(2).says(&["wait until it is 60 s old"]);
    assert_eq!(fleet.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'message-refused'"), 0);
    assert_eq!(fleet.number("SELECT count(*) FROM crossfoot_event WHERE kind = 'message-key-replaced'"), 1);
}
