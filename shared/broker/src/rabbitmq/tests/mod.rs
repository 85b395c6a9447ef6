//! Against a real server: `CROSSFOOT_TEST_AMQP` is its URL (`tests/servers` starts one). Every test has queues of its
//! own, by a prefix of their names, and deletes them afterwards.

mod faults;
mod proxy;
mod refusals;
mod server;

use std::time::Duration;

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use platform::health::Verdict;

use super::*;
use crate::Delivery;
use crate::conformance::{Subject, Wish, broker_conformance, soon};

const QUIET: Duration = Duration::from_millis(300);

fn url() -> String {
    std::env::var("CROSSFOOT_TEST_AMQP").expect("CROSSFOOT_TEST_AMQP is the URL of a RabbitMQ")
}

/// Settings with a prefix that nobody else has.
fn settings() -> RabbitSettings {
    RabbitSettings { prefix: format!("test.{}.", uuid::Uuid::now_v7()), ..RabbitSettings::new(url()) }
}

/// Deletes what was declared with its settings.
struct Cleanup(RabbitSettings);

impl Drop for Cleanup {
    fn drop(&mut self) {
        let settings = RabbitSettings { url: url().into(), ..self.0.clone() };
        // Dropping cannot wait inside the test's runtime.
        let delete = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let target = settings.target().unwrap();
                let dialed = connection::dial(&settings, &target, "cleanup").await.unwrap();
                let channel = dialed.connection.create_channel().await.unwrap();
                for queue in Queue::ALL {
                    let name = settings.name(queue).into();
                    channel.queue_delete(name, QueueDeleteOptions::default()).await.unwrap();
                }
                let exchange = topology::counts_exchange(&settings).into();
                channel.exchange_delete(exchange, ExchangeDeleteOptions::default()).await.unwrap();
                topology::release_store(&settings, &target, &channel).await.unwrap();
                dialed.connection.close(200, "done".into()).await.unwrap();
            });
        };
        let done = std::thread::spawn(delete).join();
        assert!(done.is_ok() || std::thread::panicking(), "the queues were not deleted");
    }
}

async fn next(consumer: &mut Box<dyn Consumer>) -> Delivery {
    soon(consumer.next()).await.expect("the broker is open")
}

fn body(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

fn number(delivery: &Delivery) -> u64 {
    u64::from_be_bytes(delivery.body[..].try_into().unwrap())
}

async fn make(wish: Wish) -> Subject {
    let messages_max = u32::try_from(wish.messages).unwrap();
    let settings = RabbitSettings { messages_max, delivery_limit: wish.delivery_limit, ..settings() };
    let broker = Arc::new(Rabbit::connect(settings.clone()).await.unwrap());
    // What is published before a quorum queue notices that it is full.
    let bound_slack = Some(8);
    Subject { broker, bound_slack, quiet: QUIET, _cleanup: Some(Box::new(Cleanup(settings))) }
}

broker_conformance!(make, ignore = "needs RabbitMQ: run ./test");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn a_message_of_sixteen_mebibytes_passes_and_a_larger_one_is_refused() {
    let settings = settings();
    let _cleanup = Cleanup(settings.clone());
    let broker = Rabbit::connect(settings).await.unwrap();
    let largest = Bytes::from(vec![7; MESSAGE_BYTES_MAX]);
    soon(broker.publish(Queue::Ranges, largest.clone())).await.unwrap();
    let mut consumer = broker.consume(Queue::Ranges, 1).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert!(delivery.body == largest);
    assert!(delivery.done().await);
    let error = broker.publish(Queue::Ranges, vec![7; MESSAGE_BYTES_MAX + 1].into()).await.unwrap_err();
    assert!(matches!(error, BrokerError::TooLarge { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn returns_add_up_over_both_ways_of_returning_and_a_dead_letter_says_where_it_comes_from() {
    let settings = RabbitSettings { delivery_limit: 4, ..settings() };
    let _cleanup = Cleanup(settings.clone());
    let broker = Rabbit::connect(settings).await.unwrap();
    broker.publish(Queue::Chunks, body(1)).await.unwrap();
    let mut consumer = broker.consume(Queue::Chunks, 1).await.unwrap();
    for redeliveries in 0..5 {
        let delivery = next(&mut consumer).await;
        assert_eq!(delivery.redeliveries, redeliveries);
        if redeliveries % 2 == 0 {
            assert!(delivery.retry_later().await);
        } else {
            drop(delivery);
        }
    }
    let mut dead_letters = broker.consume(Queue::DeadLetters, 1).await.unwrap();
    let reason = next(&mut dead_letters).await.reason().map(str::to_owned);
    assert_eq!(reason.as_deref(), Some("returned 5 times; the delivery limit is 4"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn what_returns_to_a_full_queue_does_not_wait_for_itself() {
    let settings = RabbitSettings { messages_max: 2, ..settings() };
    let _cleanup = Cleanup(settings.clone());
    let broker = Rabbit::connect(settings).await.unwrap();
    let mut consumer = broker.consume(Queue::Chunks, 1).await.unwrap();
    broker.publish(Queue::Chunks, body(0)).await.unwrap();
    let held = next(&mut consumer).await;
    let mut published = 1;
    // Until one waits for room.
    while let Ok(confirmed) =
        tokio::time::timeout(QUIET, broker.publish(Queue::Chunks, body(published))).await
    {
        confirmed.unwrap();
        published += 1;
    }
    assert!(soon(held.retry_later()).await);
    let mut found = Vec::new();
    while found.len() < published as usize {
        let delivery = next(&mut consumer).await;
        found.push(number(&delivery));
        assert!(delivery.done().await);
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, (0..published).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn others_can_listen_to_counts() {
    let settings = settings();
    let _cleanup = Cleanup(settings.clone());
    let broker = Rabbit::connect(settings.clone()).await.unwrap();
    let target = settings.target().unwrap();
    let dialed = connection::dial(&settings, &target, "listener").await.unwrap();
    let channel = dialed.connection.create_channel().await.unwrap();
    let exclusive = lapin::options::QueueDeclareOptions { exclusive: true, ..Default::default() };
    let queue = channel.queue_declare("".into(), exclusive, Default::default()).await.unwrap();
    let exchange = topology::counts_exchange(&settings).into();
    channel
        .queue_bind(queue.name().clone(), exchange, "".into(), Default::default(), Default::default())
        .await
        .unwrap();
    broker.publish(Queue::Counts, body(5)).await.unwrap();
    let heard = channel.basic_get(queue.name().clone(), Default::default()).await.unwrap().unwrap();
    assert_eq!(heard.delivery.data, body(5));
    let mut consumer = broker.consume(Queue::Counts, 1).await.unwrap();
    assert!(next(&mut consumer).await.done().await);
    dialed.connection.close(200, "done".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn what_is_in_hand_can_be_done_with_after_closing() {
    let settings = settings();
    let _cleanup = Cleanup(settings.clone());
    let broker = Rabbit::connect(settings.clone()).await.unwrap();
    broker.publish(Queue::Chunks, body(1)).await.unwrap();
    broker.publish(Queue::Chunks, body(2)).await.unwrap();
    let mut consumer = broker.consume(Queue::Chunks, 2).await.unwrap();
    let (first, second) = (next(&mut consumer).await, next(&mut consumer).await);
    soon(broker.close()).await;
    assert!(soon(consumer.next()).await.is_none());
    assert!(soon(first.done()).await);
    drop(second);
    let broker = Rabbit::connect(settings).await.unwrap();
    let mut consumer = broker.consume(Queue::Chunks, 2).await.unwrap();
    let again = next(&mut consumer).await;
    assert_eq!((number(&again), again.redeliveries), (2, 1));
    assert!(tokio::time::timeout(QUIET, consumer.next()).await.is_err());
}
