use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::conformance::{Subject, Wish, broker_conformance};

const QUIET: Duration = Duration::from_millis(20);

#[allow(clippy::unused_async, reason = "the suite sets up adapters that have to connect first")]
async fn make(wish: Wish) -> Subject {
    let limits = Limits { messages: wish.messages, delivery_limit: wish.delivery_limit, ..Limits::default() };
    Subject { broker: Arc::new(InProcess::new(limits)), bound_slack: Some(0), quiet: QUIET, _cleanup: None }
}

broker_conformance!(make);

fn text(body: &str) -> Bytes {
    Bytes::copy_from_slice(body.as_bytes())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// The body of the next message, which is settled.
async fn take(consumer: &mut Box<dyn Consumer>) -> Bytes {
    let delivery = consumer.next().await.unwrap();
    let body = delivery.body.clone();
    assert!(delivery.done().await);
    body
}

async fn waits<T>(future: impl Future<Output = T> + Unpin) -> bool {
    tokio::time::timeout(QUIET, future).await.is_err()
}

#[tokio::test]
async fn a_queue_is_bounded_in_bytes_and_a_large_message_is_not_overtaken() {
    let broker = InProcess::new(Limits { bytes: 10, ..Limits::default() });
    broker.publish(Queue::Chunks, text("12345678")).await.unwrap();
    let mut large = broker.publish(Queue::Chunks, text("abcde"));
    assert!(waits(large.as_mut()).await);
    let mut small = broker.publish(Queue::Chunks, text("x"));
    assert!(waits(small.as_mut()).await, "it would fit, but it came later");
    let mut consumer = broker.consume(Queue::Chunks, 9).await.unwrap();
    for expected in ["12345678", "abcde", "x"] {
        assert_eq!(take(&mut consumer).await, expected);
    }
    large.await.unwrap();
    small.await.unwrap();
}

#[tokio::test]
async fn a_message_larger_than_a_queue_is_refused() {
    let broker = InProcess::new(Limits { bytes: 10, ..Limits::default() });
    let error = broker.publish(Queue::Chunks, Bytes::from(vec![0; 11])).await.unwrap_err();
    assert_eq!(error.to_string(), "a message of 11 bytes exceeds the broker's limit of 10 bytes");
}

#[tokio::test]
async fn a_publisher_that_gave_up_leaves_no_trace() {
    let broker = InProcess::new(Limits { messages: 1, ..Limits::default() });
    broker.publish(Queue::Chunks, text("first")).await.unwrap();
    assert!(waits(broker.publish(Queue::Chunks, text("given up"))).await);
    let mut third = broker.publish(Queue::Chunks, text("third"));
    assert!(waits(third.as_mut()).await);
    let mut consumer = broker.consume(Queue::Chunks, 9).await.unwrap();
    assert_eq!(take(&mut consumer).await, "first");
    assert_eq!(take(&mut consumer).await, "third");
    third.await.unwrap();
}

#[tokio::test]
async fn closing_refuses_those_who_wait_to_publish() {
    let broker = InProcess::new(Limits { messages: 1, ..Limits::default() });
    broker.publish(Queue::Chunks, text("first")).await.unwrap();
    let mut second = broker.publish(Queue::Chunks, text("second"));
    assert!(waits(second.as_mut()).await);
    broker.close().await;
    assert!(matches!(second.await, Err(BrokerError::Closed)));
}

#[tokio::test]
async fn dropping_the_broker_ends_its_consumers() {
    let broker = InProcess::new(Limits::default());
    let mut consumer = broker.consume(Queue::Chunks, 1).await.unwrap();
    drop(broker);
    assert!(consumer.next().await.is_none());
}

#[tokio::test]
async fn dropped_deliveries_come_again_in_their_old_order() {
    let broker = InProcess::new(Limits::default());
    for body in ["a", "b", "c", "d"] {
        broker.publish(Queue::Chunks, text(body)).await.unwrap();
    }
    let mut first = broker.consume(Queue::Chunks, 3).await.unwrap();
    let mut second = broker.consume(Queue::Chunks, 9).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(first.next().await.unwrap());
    }
    drop(first);
    for (body, redeliveries) in [("a", 1), ("b", 1), ("c", 1), ("d", 0)] {
        let delivery = second.next().await.unwrap();
        assert_eq!((&delivery.body[..], delivery.redeliveries), (body.as_bytes(), redeliveries));
        assert!(delivery.done().await);
    }
    for late in held {
        assert!(!late.done().await);
    }
}

#[tokio::test]
async fn a_pending_next_that_is_dropped_is_not_counted_as_a_delivery() {
    let broker = InProcess::new(Limits::default());
    let mut consumer = broker.consume(Queue::Chunks, 1).await.unwrap();
    let mut pending = consumer.next();
    assert!(waits(pending.as_mut()).await);
    // The message is on its way to `pending`, which is never polled again.
    broker.publish(Queue::Chunks, text("a")).await.unwrap();
    drop(pending);
    assert_eq!(broker.depth(Queue::Chunks).await.unwrap(), 1);
    assert_eq!(consumer.next().await.unwrap().redeliveries, 0);
}

#[tokio::test]
async fn the_delivery_limit_is_named_in_the_dead_letter() {
    let broker = InProcess::new(Limits { delivery_limit: 1, ..Limits::default() });
    broker.publish(Queue::Batches, text("a")).await.unwrap();
    let mut consumer = broker.consume(Queue::Batches, 1).await.unwrap();
    assert!(consumer.next().await.unwrap().retry_later().await);
    drop(consumer.next().await.unwrap());
    let dead_letter = broker.consume(Queue::DeadLetters, 1).await.unwrap().next().await.unwrap();
    assert_eq!(dead_letter.reason(), Some("returned 2 times; the delivery limit is 1"));
}

#[tokio::test]
async fn the_oldest_of_too_many_dead_letters_is_discarded_and_counted() {
    let broker = InProcess::new(Limits { dead_letters: 2, messages: 1, ..Limits::default() });
    let mut consumer = broker.consume(Queue::Chunks, 1).await.unwrap();
    for body in ["a", "b", "c"] {
        broker.publish(Queue::Chunks, text(body)).await.unwrap();
        assert!(consumer.next().await.unwrap().dead_letter("no").await);
    }
    broker.publish(Queue::DeadLetters, text("d")).await.unwrap();
    assert_eq!(broker.dead_letters_discarded(), 2);
    let mut dead_letters = broker.consume(Queue::DeadLetters, 2).await.unwrap();
    assert_eq!(take(&mut dead_letters).await, "c");
    assert_eq!(take(&mut dead_letters).await, "d");
}

#[derive(Debug, PartialEq, Eq)]
struct Trace {
    unconfirmed: u32,
    /// Message and how often it was delivered before, in the order of arrival.
    arrivals: Vec<(u64, u32)>,
}

/// Publishes 200 messages in tens, and takes what comes after each ten until nothing waits.
async fn trace(faults: Faults) -> Trace {
    let broker = InProcess::with_faults(Limits::default(), faults);
    let mut consumer = broker.consume(Queue::Chunks, 3).await.unwrap();
    let mut trace = Trace { unconfirmed: 0, arrivals: Vec::new() };
    for n in 0..200_u64 {
        let confirmed = broker.publish(Queue::Chunks, Bytes::copy_from_slice(&n.to_be_bytes())).await;
        trace.unconfirmed += u32::from(matches!(confirmed, Err(BrokerError::Unconfirmed { .. })));
        while n % 10 == 9 && broker.depth(Queue::Chunks).await.unwrap() > 0 {
            let delivery = consumer.next().await.unwrap();
            let n = u64::from_be_bytes(delivery.body[..].try_into().unwrap());
            trace.arrivals.push((n, delivery.redeliveries));
            assert!(delivery.done().await);
        }
    }
    trace
}

fn arrivals_by_message(trace: &Trace) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for (n, _) in &trace.arrivals {
        *counts.entry(*n).or_default() += 1;
    }
    counts
}

#[test]
fn each_fault_happens_when_it_is_asked_for_and_alone() {
    let run = |faults| runtime().block_on(trace(faults));
    let plain = run(Faults::default());
    assert_eq!(plain.arrivals, (0..200).map(|n| (n, 0)).collect::<Vec<_>>());
    assert_eq!(plain.unconfirmed, 0);

    let always = 1000;
    let duplicated = run(Faults { duplicate: always, ..Faults::default() });
    assert!(arrivals_by_message(&duplicated).values().all(|times| *times == 2));
    assert!(duplicated.arrivals.iter().all(|(_, redeliveries)| *redeliveries == 0));

    let redelivered = run(Faults { redeliver: always, ..Faults::default() });
    assert!(arrivals_by_message(&redelivered).values().all(|times| *times == 2));
    assert_eq!(redelivered.arrivals.iter().filter(|(_, redeliveries)| *redeliveries == 1).count(), 200);

    for faults in [Faults { reorder: 500, ..Faults::default() }, Faults { delay: 500, ..Faults::default() }] {
        let disordered = run(faults);
        assert!(!disordered.arrivals.is_sorted(), "{faults:?}");
        assert_eq!(arrivals_by_message(&disordered).len(), 200);
        assert_eq!(disordered.arrivals.len(), 200);
    }

    let unconfirmed = run(Faults { lose_confirm: always, ..Faults::default() });
    assert_eq!(unconfirmed.unconfirmed, 200);
    assert_eq!(unconfirmed.arrivals, plain.arrivals);
}

proptest! {
    #[test]
    fn faults_lose_no_message_and_follow_from_the_seed(
        seed: u64,
        [duplicate, redeliver, reorder, delay, lose_confirm] in prop::array::uniform5(0..=1000_u32),
    ) {
        let faults = Faults { seed, duplicate, redeliver, reorder, delay, lose_confirm };
        let first = runtime().block_on(trace(faults));
        prop_assert_eq!(arrivals_by_message(&first).len(), 200);
        prop_assert_eq!(first, runtime().block_on(trace(faults)));
    }
}

/// The contract's stress test, on a broker that does everything that the contract allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_stress_and_faults_every_message_arrives_at_least_once() {
    #[allow(clippy::unused_async, reason = "the suite sets up adapters that have to connect first")]
    async fn make_faulty(wish: Wish) -> Subject {
        let limits =
            Limits { messages: wish.messages, delivery_limit: wish.delivery_limit, ..Limits::default() };
        let faults =
            Faults { seed: 7, duplicate: 100, redeliver: 100, reorder: 200, delay: 200, lose_confirm: 100 };
        let broker = Arc::new(InProcess::with_faults(limits, faults));
        Subject { broker, bound_slack: Some(0), quiet: QUIET, _cleanup: None }
    }
    crate::conformance::under_stress_every_message_arrives_at_least_once(&make_faulty).await;
}
