//! The span that a message was sent in.

use domain::ids::RunId;
use domain::traceparent::TraceParent;
use platform::trace::{self, Kind};

use super::{Subject, Wish, body, next, soon};
use crate::Queue;

pub(crate) async fn a_message_carries_the_span_it_was_sent_in_through_returns_and_as_a_dead_letter(
    make: &impl AsyncFn(Wish) -> Subject,
) {
    let subject = make(Wish::default()).await;
    let told = TraceParent { trace: [7; 16], span: [9; 8] };
    subject.publish(Queue::Chunks, [1]).await;
    // Nobody exports spans here, so that what came with a message is passed on.
    trace::scope(Some(told), async {
        trace::begin("test", Kind::Internal, RunId::from_bytes([7; 16]));
        soon(subject.broker.publish(Queue::Chunks, body(2))).await.unwrap();
    })
    .await;
    let mut consumer = subject.consume(Queue::Chunks, 1).await;
    let first = next(&mut consumer).await;
    assert_eq!(first.trace, None);
    assert!(first.done().await);
    let second = next(&mut consumer).await;
    assert_eq!(second.trace, Some(told));
    assert!(second.retry_later().await);
    let again = next(&mut consumer).await;
    assert_eq!((again.trace, again.redeliveries), (Some(told), 1));
    assert!(again.dead_letter("no").await);
    let mut dead_letters = subject.consume(Queue::DeadLetters, 1).await;
    assert_eq!(next(&mut dead_letters).await.trace, Some(told));
}
