//! Dead letters: what they say of themselves, and looking at them.

use super::{Subject, Wish, next, number, soon};
use crate::{DeadLetters, Death, Queue};

pub(crate) async fn a_dead_letter_says_where_it_comes_from_and_when(make: &impl AsyncFn(Wish) -> Subject) {
    let subject = make(Wish::default()).await;
    subject.publish(Queue::Ranges, [1]).await;
    let mut consumer = subject.consume(Queue::Ranges, 1).await;
    drop(next(&mut consumer).await);
    let again = next(&mut consumer).await;
    assert_eq!(again.redeliveries, 1);
    assert!(again.dead_letter("no").await);
    let mut dead_letters = subject.consume(Queue::DeadLetters, 1).await;
    let death = next(&mut dead_letters).await.death.unwrap();
    assert_eq!((death.reason.as_str(), death.origin(), death.redeliveries), ("no", Some(Queue::Ranges), 1));
    assert!(death.at.len() == 24 && death.at.ends_with('Z'), "{death:?}");
    assert_eq!(Death { queue: Queue::DeadLetters.name().into(), ..death }.origin(), None);
}

pub(crate) async fn dead_letters_that_are_looked_at_stay_and_those_that_are_done_are_gone(
    make: &impl AsyncFn(Wish) -> Subject,
) {
    let subject = make(Wish::default()).await;
    assert!(soon(DeadLetters::hold(&*subject.broker, 10)).await.unwrap().letters.is_empty());
    subject.publish(Queue::Batches, 0..5).await;
    let mut consumer = subject.consume(Queue::Batches, 5).await;
    for _ in 0..5 {
        assert!(next(&mut consumer).await.dead_letter("no").await);
    }
    let is_waiting = async |count: usize| {
        // Some brokers count with a delay.
        soon(async {
            while subject.broker.depth(Queue::DeadLetters).await.unwrap() != count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    // Looking leaves them where they are, however often.
    for _ in 0..3 {
        is_waiting(5).await;
        let held = soon(DeadLetters::hold(&*subject.broker, 10)).await.unwrap();
        let mut numbers: Vec<_> = held.letters.iter().map(|letter| number(&letter.body)).collect();
        numbers.sort_unstable();
        assert_eq!((numbers, held.others), (vec![0, 1, 2, 3, 4], 0));
    }
    is_waiting(5).await;
    let mut held = soon(DeadLetters::hold(&*subject.broker, 3)).await.unwrap();
    assert_eq!((held.letters.len(), held.others), (3, 2));
    let gone = number(&held.letters[1].body);
    assert!(held.letters.remove(1).done().await);
    drop(held);
    is_waiting(4).await;
    let held = soon(DeadLetters::hold(&*subject.broker, 10)).await.unwrap();
    assert_eq!(held.letters.len(), 4);
    assert!(held.letters.iter().all(|letter| number(&letter.body) != gone));
}
