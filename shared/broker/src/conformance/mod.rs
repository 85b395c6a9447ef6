//! The contract of [`super`] as tests, one for each sentence of it, for every adapter alike.
//!
//! An adapter's test module has an `async fn make(wish: Wish) -> Subject` that sets up empty queues of its own, and
//! says `broker_conformance!(make);`, or `broker_conformance!(make, ignore = "needs ...");` where it takes a server.

mod concurrent;
mod dead_letters;
mod traces;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::{Broker, BrokerError, Consumer, Death, Delivery, Queue};
pub(crate) use concurrent::*;
pub(crate) use dead_letters::*;
pub(crate) use traces::*;

/// What a test asks of the broker that it is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// How many messages may wait in a queue before publishing does.
    pub(crate) messages: usize,
    /// How often a message may be returned.
    pub(crate) delivery_limit: u32,
}

impl Default for Wish {
    fn default() -> Self {
        Self { messages: 1000, delivery_limit: 20 }
    }
}

/// A broker under test, and what it can be held to.
pub(crate) struct Subject {
    /// The broker, its queues empty.
    pub(crate) broker: Arc<dyn Broker>,
    /// By how many messages a queue may exceed its bound before publishing waits; `None`: it has no bound.
    pub(crate) bound_slack: Option<usize>,
    /// When nothing arrived for this long, nothing will.
    pub(crate) quiet: Duration,
    /// Dropped after the test, and so cleans up.
    pub(crate) _cleanup: Option<Box<dyn Send + Sync>>,
}

/// Whatever a broker does, it does within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Declares every test of the contract for the adapter that `$make` sets up.
macro_rules! broker_conformance {
    ($make:ident) => {
        broker_conformance! { $make, cfg(test) }
    };
    ($make:ident, $attribute:meta) => {
        broker_conformance! { $make, $attribute =>
            a_published_message_is_confirmed_and_delivered
            one_consumer_gets_messages_in_the_order_of_publishing
            queues_do_not_mix
            depth_counts_what_waits_and_not_what_is_in_hand
            a_done_message_does_not_come_again
            a_dropped_delivery_comes_again
            a_dropped_consumer_leaves_its_deliveries_to_others
            settling_after_the_consumer_is_gone_tells_the_truth
            a_message_to_retry_goes_behind_what_waits
            a_dead_letter_keeps_its_body_and_its_reason
            a_dead_letter_that_is_dropped_stays_one
            a_message_returned_too_often_becomes_a_dead_letter
            a_dead_letter_says_where_it_comes_from_and_when
            dead_letters_that_are_looked_at_stay_and_those_that_are_done_are_gone
            publishing_to_a_full_queue_waits_and_then_goes_through
            a_consumer_holds_no_more_than_its_prefetch
            a_slow_consumer_does_not_hold_up_the_others
            consumers_share_a_queue
            dropping_a_pending_next_loses_nothing
            closing_ends_consumers_and_refuses_publishing
            under_stress_every_message_arrives_at_least_once
            a_message_carries_the_span_it_was_sent_in_through_returns_and_as_a_dead_letter
        }
    };
    ($make:ident, $attribute:meta => $($name:ident)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[$attribute]
        async fn $name() {
            $crate::conformance::$name(&$make).await;
        }
    )+ };
}
pub(crate) use broker_conformance;

fn body(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

fn number(body: &[u8]) -> u64 {
    u64::from_be_bytes(body.try_into().unwrap())
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("the broker does not answer")
}

async fn next(consumer: &mut Box<dyn Consumer>) -> Delivery {
    soon(consumer.next()).await.expect("the broker is open")
}

impl Subject {
    async fn publish(&self, queue: Queue, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            soon(self.broker.publish(queue, body(number))).await.unwrap();
        }
    }

    async fn consume(&self, queue: Queue, prefetch: usize) -> Box<dyn Consumer> {
        soon(self.broker.consume(queue, prefetch)).await.unwrap()
    }

    async fn nothing_comes(&self, consumer: &mut Box<dyn Consumer>) {
        if let Ok(delivery) = timeout(self.quiet, consumer.next()).await {
            panic!("{:?} came", delivery.map(|delivery| number(&delivery.body)));
        }
    }
}

pub(crate) async fn a_published_message_is_confirmed_and_delivered(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    let mut consumer = subject.consume(Queue::Chunks, 1).await;
    for length in [0, 1, 100_000, 4 << 20] {
        let sent = Bytes::from(vec![7; length]);
        soon(subject.broker.publish(Queue::Chunks, sent.clone())).await.unwrap();
        let delivery = next(&mut consumer).await;
        assert!(delivery.body == sent, "{length} bytes");
        assert_eq!((delivery.redeliveries, &delivery.death), (0, &None));
        assert!(delivery.done().await);
    }
}

pub(crate) async fn one_consumer_gets_messages_in_the_order_of_publishing(
    make: &impl AsyncFn(Wish) -> Subject,
) {
    let subject = make(Wish::default()).await;
    subject.publish(Queue::Chunks, 0..100).await;
    let mut consumer = subject.consume(Queue::Chunks, 10).await;
    for expected in 0..100 {
        let delivery = next(&mut consumer).await;
        assert_eq!(number(&delivery.body), expected);
        assert!(delivery.done().await);
    }
}

pub(crate) async fn queues_do_not_mix(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    for (queue, n) in Queue::ALL.into_iter().zip(0..) {
        subject.publish(queue, [n]).await;
    }
    for (queue, n) in Queue::ALL.into_iter().zip(0..) {
        let mut consumer = subject.consume(queue, 5).await;
        let delivery = next(&mut consumer).await;
        assert_eq!(number(&delivery.body), n);
        assert!(delivery.done().await);
        subject.nothing_comes(&mut consumer).await;
    }
}

pub(crate) async fn depth_counts_what_waits_and_not_what_is_in_hand(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    subject.publish(Queue::Chunks, 0..3).await;
    let mut consumer = subject.consume(Queue::Chunks, 1).await;
    let delivery = next(&mut consumer).await;
    // Some brokers count with a delay.
    soon(async {
        while subject.broker.depth(Queue::Chunks).await.unwrap() != 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(delivery);
}

pub(crate) async fn a_done_message_does_not_come_again(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    subject.publish(Queue::Chunks, [1]).await;
    let mut consumer = subject.consume(Queue::Chunks, 5).await;
    assert!(next(&mut consumer).await.done().await);
    subject.nothing_comes(&mut consumer).await;
    drop(consumer);
    let mut other = subject.consume(Queue::Chunks, 5).await;
    subject.nothing_comes(&mut other).await;
}

pub(crate) async fn a_dropped_delivery_comes_again(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    subject.publish(Queue::Chunks, [1]).await;
    let mut consumer = subject.consume(Queue::Chunks, 5).await;
    for redeliveries in 0..5 {
        let delivery = next(&mut consumer).await;
        assert_eq!((number(&delivery.body), delivery.redeliveries), (1, redeliveries));
    }
    assert!(next(&mut consumer).await.done().await);
    subject.nothing_comes(&mut consumer).await;
}

pub(crate) async fn a_dropped_consumer_leaves_its_deliveries_to_others(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    subject.publish(Queue::Chunks, 0..4).await;
    let mut first = subject.consume(Queue::Chunks, 4).await;
    let held = [next(&mut first).await, next(&mut first).await];
    drop(first);
    drop(held);
    let mut second = subject.consume(Queue::Chunks, 4).await;
    let mut found = Vec::new();
    for _ in 0..4 {
        let delivery = next(&mut second).await;
        found.push(number(&delivery.body));
        assert!(delivery.done().await);
    }
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 3]);
}

pub(crate) async fn settling_after_the_consumer_is_gone_tells_the_truth(
    make: &impl AsyncFn(Wish) -> Subject,
) {
    let subject = make(Wish::default()).await;
    subject.publish(Queue::Chunks, [1]).await;
    let mut first = subject.consume(Queue::Chunks, 1).await;
    let delivery = next(&mut first).await;
    drop(first);
    let settled = delivery.done().await;
    let mut second = subject.consume(Queue::Chunks, 1).await;
    if settled {
        subject.nothing_comes(&mut second).await;
    } else {
        assert_eq!(next(&mut second).await.redeliveries, 1);
    }
}

pub(crate) async fn a_message_to_retry_goes_behind_what_waits(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    subject.publish(Queue::Chunks, 0..3).await;
    let mut consumer = subject.consume(Queue::Chunks, 1).await;
    assert!(next(&mut consumer).await.retry_later().await);
    for expected in [1, 2, 0] {
        let delivery = next(&mut consumer).await;
        assert_eq!((number(&delivery.body), delivery.redeliveries), (expected, u32::from(expected == 0)));
        assert!(delivery.done().await);
    }
}

pub(crate) async fn a_dead_letter_keeps_its_body_and_its_reason(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    subject.publish(Queue::Batches, [1]).await;
    let mut consumer = subject.consume(Queue::Batches, 1).await;
    assert!(next(&mut consumer).await.dead_letter("the layout is unknown: \u{201e}ä\u{201c}").await);
    subject.nothing_comes(&mut consumer).await;
    let mut dead_letters = subject.consume(Queue::DeadLetters, 1).await;
    let delivery = next(&mut dead_letters).await;
    assert_eq!(number(&delivery.body), 1);
    assert_eq!(delivery.reason(), Some("the layout is unknown: \u{201e}ä\u{201c}"));
    assert!(delivery.done().await);
}

pub(crate) async fn a_dead_letter_that_is_dropped_stays_one(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish { delivery_limit: 2, ..Wish::default() }).await;
    subject.publish(Queue::Chunks, [1]).await;
    let mut consumer = subject.consume(Queue::Chunks, 1).await;
    assert!(next(&mut consumer).await.dead_letter("no").await);
    let mut dead_letters = subject.consume(Queue::DeadLetters, 1).await;
    for _ in 0..6 {
        assert_eq!(next(&mut dead_letters).await.reason(), Some("no"));
    }
}

pub(crate) async fn a_message_returned_too_often_becomes_a_dead_letter(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish { delivery_limit: 3, ..Wish::default() }).await;
    subject.publish(Queue::Chunks, [1]).await;
    let mut consumer = subject.consume(Queue::Chunks, 1).await;
    let mut dead_letters = subject.consume(Queue::DeadLetters, 1).await;
    for _ in 0..4 {
        assert_eq!(number(&next(&mut consumer).await.body), 1);
    }
    let delivery = next(&mut dead_letters).await;
    assert_eq!(number(&delivery.body), 1);
    assert!(delivery.reason().is_some_and(|reason| !reason.is_empty()));
    assert_eq!(delivery.death.as_ref().and_then(Death::origin), Some(Queue::Chunks));
    subject.nothing_comes(&mut consumer).await;
}

pub(crate) async fn publishing_to_a_full_queue_waits_and_then_goes_through(
    make: &impl AsyncFn(Wish) -> Subject,
) {
    let wish = Wish { messages: 4, ..Wish::default() };
    let subject = make(wish).await;
    let Some(slack) = subject.bound_slack else { return };
    let mut published = 0;
    // One more than fits: the loop ends with a publish that waits, and goes on with the same one below.
    let mut waiting = pin!(loop {
        assert!(published <= wish.messages + slack, "the queue has no bound");
        let mut publish = Box::pin(subject.broker.publish(Queue::Chunks, body(published as u64)));
        match timeout(subject.quiet, publish.as_mut()).await {
            Ok(confirmed) => confirmed.unwrap(),
            Err(_) => break publish,
        }
        published += 1;
    });
    assert!(published >= wish.messages);
    let mut consumer = subject.consume(Queue::Chunks, 1).await;
    let drain = async {
        for expected in 0..=published as u64 {
            let delivery = next(&mut consumer).await;
            assert_eq!(number(&delivery.body), expected);
            assert!(delivery.done().await);
        }
    };
    let (confirmed, ()) = soon(async { tokio::join!(waiting.as_mut(), drain) }).await;
    confirmed.unwrap();
}

pub(crate) async fn a_consumer_holds_no_more_than_its_prefetch(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    subject.publish(Queue::Chunks, 0..5).await;
    let mut consumer = subject.consume(Queue::Chunks, 2).await;
    let (first, second) = (next(&mut consumer).await, next(&mut consumer).await);
    subject.nothing_comes(&mut consumer).await;
    assert!(first.done().await);
    let third = next(&mut consumer).await;
    subject.nothing_comes(&mut consumer).await;
    drop((second, third));
}

pub(crate) async fn a_slow_consumer_does_not_hold_up_the_others(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    let mut slow = subject.consume(Queue::Chunks, 1).await;
    let mut quick = subject.consume(Queue::Chunks, 1).await;
    subject.publish(Queue::Chunks, 0..20).await;
    let held = next(&mut slow).await;
    for _ in 0..19 {
        assert!(next(&mut quick).await.done().await);
    }
    assert!(held.done().await);
}

pub(crate) async fn closing_ends_consumers_and_refuses_publishing(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish { messages: 4, ..Wish::default() }).await;
    let mut consumer = subject.consume(Queue::Chunks, 1).await;
    let close = async {
        tokio::task::yield_now().await;
        subject.broker.close().await;
    };
    let (delivery, ()) = soon(async { tokio::join!(consumer.next(), close) }).await;
    assert!(delivery.is_none());
    assert!(soon(consumer.next()).await.is_none());
    assert!(matches!(soon(subject.broker.publish(Queue::Chunks, body(1))).await, Err(BrokerError::Closed)));
    assert!(matches!(soon(subject.broker.consume(Queue::Chunks, 1)).await.err(), Some(BrokerError::Closed)));
    assert!(matches!(soon(subject.broker.depth(Queue::Chunks)).await, Err(BrokerError::Closed)));
    soon(subject.broker.close()).await;
}
