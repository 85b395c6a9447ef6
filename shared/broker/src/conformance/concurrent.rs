//! The part of the contract that shows when several consumers and producers work at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Subject, Wish, body, number, soon};
use crate::{BrokerError, Queue};

pub(crate) async fn consumers_share_a_queue(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    let mut consumers = Vec::new();
    for _ in 0..4 {
        consumers.push(subject.consume(Queue::Chunks, 1).await);
    }
    subject.publish(Queue::Chunks, 0..400).await;
    let left = &AtomicUsize::new(400);
    let broker = &subject.broker;
    // One task for all four, so that their shares are the broker's doing and not the scheduler's.
    let shares = join_all(consumers.into_iter().map(|mut consumer| async move {
        let mut share = 0;
        while let Some(delivery) = consumer.next().await {
            tokio::task::yield_now().await;
            assert!(delivery.done().await);
            share += 1;
            if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                broker.close().await;
            }
        }
        share
    }));
    let shares: Vec<u32> = soon(shares).await;
    assert_eq!(shares.iter().sum::<u32>(), 400);
    assert!(shares.iter().all(|share| *share >= 50), "{shares:?}");
}

pub(crate) async fn dropping_a_pending_next_loses_nothing(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    let mut consumer = subject.consume(Queue::Chunks, 2).await;
    let mut found = Vec::new();
    let publish = subject.publish(Queue::Chunks, 0..200);
    let receive = async {
        while found.len() < 200 {
            // Gives up at every other chance, at whatever point the delivery has got to.
            tokio::select! {
                biased;
                () = tokio::task::yield_now() => {}
                delivery = consumer.next() => {
                    let delivery = delivery.unwrap();
                    found.push(number(&delivery.body));
                    assert!(delivery.done().await);
                }
            }
        }
    };
    soon(async { tokio::join!(publish, receive) }).await;
    assert_eq!(found, (0..200).collect::<Vec<_>>());
}

/// 10,000 messages, 4 producers, 4 consumers that drop, put off and abandon what they were given.
pub(crate) async fn under_stress_every_message_arrives_at_least_once(make: &impl AsyncFn(Wish) -> Subject) {
    const EACH: u64 = 2500;
    let subject = make(Wish { messages: 64, delivery_limit: 1000 }).await;
    let seen = Arc::new(Mutex::new(HashMap::<u64, u32>::new()));
    let mut tasks = JoinSet::new();
    for worker in 0..4 {
        let broker = Arc::clone(&subject.broker);
        tasks.spawn(async move {
            for n in 0..EACH {
                // Not known whether it arrived: again, as every publisher must.
                while let Err(BrokerError::Unconfirmed { .. }) =
                    broker.publish(Queue::Chunks, body(worker * EACH + n)).await
                {}
            }
        });
        let (broker, seen) = (Arc::clone(&subject.broker), Arc::clone(&seen));
        tasks.spawn(async move {
            let mut turn = worker;
            while let Ok(mut consumer) = broker.consume(Queue::Chunks, 3).await {
                // A consumer lives for some deliveries; the last one is still in hand when it goes.
                for _ in 0..97 {
                    turn += 1;
                    let Some(delivery) = consumer.next().await else { return };
                    match turn % 10 {
                        0 => drop(delivery),
                        1 => drop(delivery.retry_later().await),
                        2 => drop(timeout(Duration::ZERO, consumer.next()).await),
                        _ => {
                            let n = number(&delivery.body);
                            delivery.done().await;
                            let complete = {
                                let mut seen = seen.lock().unwrap();
                                *seen.entry(n).or_default() += 1;
                                seen.len() as u64 == 4 * EACH
                            };
                            if complete {
                                broker.close().await;
                            }
                        }
                    }
                }
                let in_hand = timeout(Duration::ZERO, consumer.next()).await;
                drop(consumer);
                drop(in_hand);
            }
        });
    }
    soon(tasks.join_all()).await;
    assert_eq!(seen.lock().unwrap().len() as u64, 4 * EACH);
}
