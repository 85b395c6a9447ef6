//! Lost connections, lost answers.

use std::collections::HashMap;
use std::pin::pin;

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::proxy::{Proxy, Weather};
use super::*;

/// A broker behind a proxy, quick to give up.
async fn behind(proxy: &Proxy, settings: &RabbitSettings) -> Rabbit {
    let quick = RabbitSettings {
        confirm_timeout: Duration::from_secs(2),
        connect_timeout: Duration::from_secs(2),
        ..proxy.before(settings)
    };
    soon(Rabbit::connect(quick)).await.unwrap()
}

/// Publishes until it is confirmed, as every publisher must; how often it was not.
pub(super) async fn publish(broker: &Rabbit, queue: Queue, number: u64) -> u32 {
    let mut unconfirmed = 0;
    loop {
        match soon(broker.publish(queue, body(number))).await {
            Ok(()) => return unconfirmed,
            Err(BrokerError::Unconfirmed { .. }) => unconfirmed += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn publisher_and_consumer_survive_a_cut() {
    let (settings, proxy) = (settings(), Proxy::start().await);
    let _cleanup = Cleanup(settings.clone());
    let broker = behind(&proxy, &settings).await;
    let mut consumer = broker.consume(Queue::Chunks, 2).await.unwrap();
    for n in 0..10 {
        publish(&broker, Queue::Chunks, n).await;
        // What was sent, and lost on its way, in the moment of the cut: a publication that is not confirmed is
        // published
        // again, an acknowledgement makes its message come again. Both are known already.
        loop {
            let delivery = next(&mut consumer).await;
            assert!(number(&delivery) <= n);
            let is_new = number(&delivery) == n;
            if is_new {
                proxy.cut();
            }
            if soon(delivery.done()).await && is_new {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn a_delivery_whose_channel_is_gone_is_not_settled_and_comes_again() {
    let (settings, proxy) = (settings(), Proxy::start().await);
    let _cleanup = Cleanup(settings.clone());
    let broker = behind(&proxy, &settings).await;
    let mut consumer = broker.consume(Queue::Chunks, 1).await.unwrap();
    for n in 0..3 {
        publish(&broker, Queue::Chunks, n).await;
    }
    let lost = next(&mut consumer).await;
    proxy.weather(Weather::Down);
    // Nothing else can come while the old delivery is there and the connection is not.
    assert!(tokio::time::timeout(QUIET, consumer.next()).await.is_err());
    assert!(!soon(lost.done()).await);
    proxy.weather(Weather::Fine);
    for n in 0..3 {
        let delivery = next(&mut consumer).await;
        assert_eq!((number(&delivery), delivery.redeliveries), (n, u32::from(n == 0)));
        assert!(delivery.done().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn a_lost_confirmation_is_unknown_and_the_message_is_there() {
    let (settings, proxy) = (settings(), Proxy::start().await);
    let _cleanup = Cleanup(settings.clone());
    let broker = behind(&proxy, &settings).await;
    proxy.weather(Weather::NoAnswers);
    let error = soon(broker.publish(Queue::Batches, body(1))).await.unwrap_err();
    assert!(
        matches!(&error, BrokerError::Unconfirmed { reason } if reason.contains("within 2 s")),
        "{error}"
    );
    proxy.weather(Weather::Fine);
    assert_eq!(publish(&broker, Queue::Batches, 1).await, 0);
    let mut consumer = broker.consume(Queue::Batches, 2).await.unwrap();
    for _ in 0..2 {
        assert!(next(&mut consumer).await.done().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn publishing_waits_for_the_connection_but_not_for_ever() {
    let (settings, proxy) = (settings(), Proxy::start().await);
    let _cleanup = Cleanup(settings.clone());
    let settings = RabbitSettings { reconnect_timeout: Duration::from_secs(1), ..settings };
    let broker = behind(&proxy, &settings).await;
    proxy.weather(Weather::Down);
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(soon(broker.publish(Queue::Chunks, body(1))).await.unwrap_err().to_string());
    }
    assert!(told[1].contains("not connected"), "{told:?}");
    proxy.weather(Weather::Fine);
    publish(&broker, Queue::Chunks, 1).await;
    let delivery = next(&mut broker.consume(Queue::Chunks, 1).await.unwrap()).await;
    assert_eq!(number(&delivery), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn closing_does_not_wait_for_a_stalled_server() {
    let (settings, proxy) = (settings(), Proxy::start().await);
    let _cleanup = Cleanup(settings.clone());
    let broker = Arc::new(behind(&proxy, &settings).await);
    let mut consumer = broker.consume(Queue::Chunks, 1).await.unwrap();
    proxy.weather(Weather::Stalled);
    let publishing = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.publish(Queue::Chunks, body(1)).await }
    });
    tokio::time::timeout(Duration::from_secs(10), broker.close()).await.unwrap();
    assert!(soon(consumer.next()).await.is_none());
    assert!(soon(publishing).await.unwrap().is_err());
    assert!(matches!(broker.publish(Queue::Chunks, body(1)).await, Err(BrokerError::Closed)));
    proxy.weather(Weather::Fine);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn a_queue_that_was_deleted_is_made_again_and_nothing_is_confirmed_in_between() {
    let settings = settings();
    let _cleanup = Cleanup(settings.clone());
    let broker = Rabbit::connect(settings.clone()).await.unwrap();
    let mut consumer = broker.consume(Queue::Chunks, 1).await.unwrap();
    let target = settings.target().unwrap();
    let dialed = connection::dial(&settings, &target, "vandal").await.unwrap();
    let channel = dialed.connection.create_channel().await.unwrap();
    for queue in [Queue::Chunks, Queue::Batches] {
        channel.queue_delete(settings.name(queue).into(), QueueDeleteOptions::default()).await.unwrap();
    }
    dialed.connection.close(200, "done".into()).await.unwrap();
    // Nobody consumes this one, so that only its publisher can notice.
    let error = soon(broker.publish(Queue::Batches, body(1))).await.unwrap_err();
    assert!(error.to_string().contains("no longer exists"), "{error}");
    assert_eq!(publish(&broker, Queue::Batches, 1).await, 0);
    publish(&broker, Queue::Chunks, 1).await;
    assert_eq!(number(&next(&mut consumer).await), 1);
}

/// Publishes and consumes through a link that is cut again and again.
async fn at_least_once(cuts_after: Vec<u8>, messages: u64) {
    let (settings, proxy) = (RabbitSettings { messages_max: 16, ..settings() }, Proxy::start().await);
    let _cleanup = Cleanup(settings.clone());
    let broker = Arc::new(behind(&proxy, &settings).await);
    let (seen, mut came) = tokio::sync::mpsc::channel(1);
    let (mut publishers, mut tasks) = (JoinSet::new(), JoinSet::new());
    for half in 0..2 {
        let publisher = Arc::clone(&broker);
        publishers.spawn(async move {
            for n in 0..messages / 2 {
                publish(&publisher, Queue::Chunks, n * 2 + half).await;
            }
        });
        let (broker, seen) = (Arc::clone(&broker), seen.clone());
        tasks.spawn(async move {
            let mut consumer = broker.consume(Queue::Chunks, 4).await.unwrap();
            let mut turn = half;
            while let Some(delivery) = consumer.next().await {
                turn += 1;
                let n = number(&delivery);
                let is_done = match turn % 7 {
                    0 => false,
                    1 => {
                        delivery.retry_later().await;
                        false
                    }
                    _ => delivery.done().await,
                };
                if seen.send((n, is_done)).await.is_err() {
                    return;
                }
            }
        });
    }
    let mut cuts = cuts_after.into_iter();
    let mut until_cut = cuts.next();
    let mut done = HashMap::<u64, u32>::new();
    // The last confirmation may come after the message, and consuming must go on until it does.
    let mut published = pin!(publishers.join_all());
    let mut is_published = false;
    while (done.len() as u64) < messages || !is_published {
        let arrival = tokio::select! {
            _ = published.as_mut(), if !is_published => {
                is_published = true;
                continue;
            }
            arrival = soon(came.recv()) => arrival,
        };
        let (n, is_done) = arrival.unwrap();
        if is_done {
            *done.entry(n).or_default() += 1;
        }
        until_cut = match until_cut {
            Some(0) => {
                proxy.cut();
                cuts.next()
            }
            other => other.map(|left| left - 1),
        };
    }
    broker.close().await;
    drop(came);
    soon(tasks.join_all()).await;
    assert!(done.keys().all(|n| *n < messages));
}

proptest! {
    // Each takes seconds, on a real server.
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, ..ProptestConfig::default() })]
    #[test]
    #[ignore = "needs RabbitMQ: run ./test"]
    fn every_message_is_done_at_least_once_wherever_the_link_is_cut(
        cuts_after in prop::collection::vec(0..40_u8, 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(at_least_once(cuts_after, 200));
    }
}
