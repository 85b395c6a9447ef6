//! What is in the broker: quorum queues, an exchange with its binding, and an exchange that says whose the queues are.
//!
//! Messages go to the queues through the default exchange, which routes by the queue's name, always exists, and has no
//! binding that could be lost. Counts alone go through the fanout exchange `crossfoot.counts`, so that others can
//! listen by binding a queue of their own. The broker itself sends what exceeds the delivery limit to the dead letters
//! by the default exchange too.

use domain::ids::StoreId;
use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use tokio::time::timeout;

use super::errors::{Stage, explain_declaration};
use super::settings::{RabbitSettings, Target};
use crate::{BrokerError, Queue};

/// Where counts are published to; before it comes the prefix.
pub(super) const COUNTS_EXCHANGE: &str = "crossfoot.counts";

/// Dead letters are delivered as often as anyone likes. Without a limit of their own, RabbitMQ 4 would delete them
/// after 20 deliveries; it knows a number for "unlimited", but 3.x refuses that.
const DEAD_LETTER_DELIVERIES: i64 = 1_000_000_000;

/// How each queue is declared. A queue that exists must have been declared the same way.
pub(super) fn arguments(settings: &RabbitSettings, queue: Queue) -> FieldTable {
    let mut table = FieldTable::default();
    let mut put = |key: &str, value: AMQPValue| {
        table.insert(key.into(), value);
    };
    let text = |text: &str| AMQPValue::LongString(text.into());
    put("x-queue-type", text("quorum"));
    let bytes_max = i64::try_from(settings.bytes_max).unwrap_or(i64::MAX / 2);
    if queue == Queue::DeadLetters {
        put("x-delivery-limit", AMQPValue::LongLongInt(DEAD_LETTER_DELIVERIES));
        put("x-max-length", AMQPValue::LongLongInt(settings.dead_letters_max.into()));
        put("x-max-length-bytes", AMQPValue::LongLongInt(bytes_max * 2));
        // Dead letters never make anyone wait: a run must come to its end, and its ledger has each failed chunk.
        put("x-overflow", text("drop-head"));
    } else {
        put("x-delivery-limit", AMQPValue::LongLongInt(settings.delivery_limit.into()));
        put("x-max-length", AMQPValue::LongLongInt(settings.messages_max.into()));
        put("x-max-length-bytes", AMQPValue::LongLongInt(bytes_max));
        // Both back-pressure, and what at-least-once dead-lettering demands.
        put("x-overflow", text("reject-publish"));
        put("x-dead-letter-exchange", text(""));
        put("x-dead-letter-routing-key", text(&settings.name(Queue::DeadLetters)));
        put("x-dead-letter-strategy", text("at-least-once"));
    }
    table
}

/// The counts exchange's name in this broker.
pub(super) fn counts_exchange(settings: &RabbitSettings) -> String {
    format!("{}{COUNTS_EXCHANGE}", settings.prefix)
}

/// Declares everything. `connection` is not to be used after an error.
pub(super) async fn declare(
    settings: &RabbitSettings,
    target: &Target,
    connection: &lapin::Connection,
) -> Result<(), BrokerError> {
    let channel = &open_channel(settings, target, connection).await?;
    // Dead letters first: whoever refers to them finds them.
    for queue in Queue::ALL.into_iter().rev() {
        declare_queue(settings, target, channel, queue).await?;
    }
    bind_to_store(settings, target, channel).await?;
    let exchange = counts_exchange(settings);
    let queue = settings.name(Queue::Counts);
    let make = async {
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let (name, table) = (ShortString::from(exchange.clone()), FieldTable::default());
        channel.exchange_declare(name.clone(), ExchangeKind::Fanout, durable, table.clone()).await?;
        channel.queue_bind(queue.into(), name, "".into(), QueueBindOptions::default(), table).await
    };
    within(settings, target, make).await?.map_err(|error| explain_declaration(target, &exchange, &error))
}

/// Finds everything that [`declare`] makes, for users that may not make it. Looking takes no permission. A user may
/// still have to declare the exchange of the store, by which alone it is compared.
pub(super) async fn find(
    settings: &RabbitSettings,
    target: &Target,
    connection: &lapin::Connection,
    refused: BrokerError,
) -> Result<(), BrokerError> {
    let channel = open_channel(settings, target, connection).await?;
    for queue in Queue::ALL {
        if look_at(settings, target, &channel, queue).await?.is_none() {
            // Who may make it has not come yet.
            return Err(refused);
        }
    }
    bind_to_store(settings, target, &channel).await
}

/// The exchange that says which store the queues are of; nothing is ever published to it. After the prefix.
const STORE_EXCHANGE: &str = "crossfoot.store";

/// The exchange's name in this broker.
fn store_exchange(settings: &RabbitSettings) -> String {
    format!("{}{STORE_EXCHANGE}", settings.prefix)
}

/// Binds the queues to the store, or finds that they are another's.
///
/// RabbitMQ keeps nothing of ours with a queue, and compares few of a queue's arguments. Of an exchange it compares the
/// alternate exchange, whose name may be any (`rabbit_exchange:assert_equivalence`): it holds the store's identity.
/// The first declaration wins, and every other one gets an error with the name that is there.
pub(super) async fn bind_to_store(
    settings: &RabbitSettings,
    target: &Target,
    channel: &Channel,
) -> Result<(), BrokerError> {
    let Some(own) = settings.store else { return Ok(()) };
    let exchange = store_exchange(settings);
    let mut table = FieldTable::default();
    let of = format!("{}{}", bound_to(settings), own.to_string().replace('-', ""));
    table.insert("alternate-exchange".into(), AMQPValue::LongString(of.into()));
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let declared = channel.exchange_declare(exchange.clone().into(), ExchangeKind::Fanout, durable, table);
    match within(settings, target, declared).await? {
        Ok(()) => Ok(()),
        Err(error) => Err(match explain_declaration(target, &exchange, &error) {
            BrokerError::Differs { reason, .. } => BrokerError::OtherStore {
                url: target.url.clone(),
                prefix: settings.prefix.clone(),
                own,
                found: other_store(&reason, &bound_to(settings)),
            },
            other => other,
        }),
    }
}

/// Whether the queues are bound to any store. After `false`, `channel` cannot be used.
pub(super) async fn is_bound(
    settings: &RabbitSettings,
    target: &Target,
    channel: &Channel,
) -> Result<bool, BrokerError> {
    let exchange = store_exchange(settings);
    let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let looked = channel.exchange_declare(
        exchange.clone().into(),
        ExchangeKind::Fanout,
        passive,
        FieldTable::default(),
    );
    match within(settings, target, looked).await? {
        Ok(()) => Ok(true),
        Err(error) if super::errors::is_not_found(&error) => Ok(false),
        Err(error) => Err(explain_declaration(target, &exchange, &error)),
    }
}

/// The prefix of the store's identity. Short, because the broker's words are cut at 255 bytes.
fn bound_to(settings: &RabbitSettings) -> String {
    format!("{}cf.", settings.prefix)
}

/// The store in `…: received … but current is 'cf.ID'`; `None` where that is cut off.
fn other_store(reason: &str, before: &str) -> Option<StoreId> {
    let (_, current) = reason.split_once("current is")?;
    let (_, id) = current.split_once(before)?;
    id.get(..32)?.parse().ok()
}

/// Makes the queues free for a store: the next that declares them has them.
pub(super) async fn release_store(
    settings: &RabbitSettings,
    target: &Target,
    channel: &Channel,
) -> Result<(), BrokerError> {
    let exchange = store_exchange(settings);
    let deleted = channel.exchange_delete(exchange.clone().into(), ExchangeDeleteOptions::default());
    within(settings, target, deleted).await?.map_err(|error| explain_declaration(target, &exchange, &error))
}

/// Declares one queue; does nothing if it exists with the same arguments.
pub(super) async fn declare_queue(
    settings: &RabbitSettings,
    target: &Target,
    channel: &Channel,
    queue: Queue,
) -> Result<(), BrokerError> {
    let name = settings.name(queue);
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(name.clone().into(), durable, arguments(settings, queue));
    match within(settings, target, declared).await? {
        Ok(_) => Ok(()),
        Err(error) => Err(explain_declaration(target, &name, &error)),
    }
}

/// A queue as the broker has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueueCounts {
    /// Messages that are ready for delivery; those being worked on do not count.
    pub(super) messages: u32,
    /// Consumers that are registered on the queue.
    pub(super) consumers: u32,
}

/// How many messages wait in a queue and how many consumers it has; `None` if it does not exist, and then, as after any
/// error, `channel` cannot be used.
pub(super) async fn look_at(
    settings: &RabbitSettings,
    target: &Target,
    channel: &Channel,
    queue: Queue,
) -> Result<Option<QueueCounts>, BrokerError> {
    let name = settings.name(queue);
    let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
    let looked = channel.queue_declare(name.clone().into(), passive, FieldTable::default());
    match within(settings, target, looked).await? {
        Ok(found) => {
            Ok(Some(QueueCounts { messages: found.message_count(), consumers: found.consumer_count() }))
        }
        Err(error) if super::errors::is_not_found(&error) => Ok(None),
        Err(error) => Err(explain_declaration(target, &name, &error)),
    }
}

/// Every answer is waited for within `confirm_timeout`.
pub(super) async fn within<T>(
    settings: &RabbitSettings,
    target: &Target,
    answer: impl Future<Output = T>,
) -> Result<T, BrokerError> {
    let reason = || format!("no answer within {} s", settings.confirm_timeout.as_secs_f32());
    let late = |_| BrokerError::Unreachable { url: target.url.clone(), reason: reason() };
    timeout(settings.confirm_timeout, answer).await.map_err(late)
}

/// Opens a channel of `connection`, within the time for confirms.
pub(super) async fn open_channel(
    settings: &RabbitSettings,
    target: &Target,
    connection: &lapin::Connection,
) -> Result<Channel, BrokerError> {
    let opened = within(settings, target, connection.create_channel()).await?;
    opened.map_err(|error| super::errors::explain(target, Stage::Working, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_store_is_read_from_the_brokers_words() {
        let said = |current: &str| {
            format!(
                "PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'a.crossfoot.store' in vhost '/': \
                 received 'a.cf.11111111111141118111111111111111' but current is {current}"
            )
        };
        let found = other_store(&said("'a.cf.22222222222242228222222222222222'"), "a.cf.").unwrap();
        assert_eq!(found.to_string(), "22222222-2222-4222-8222-222222222222");
        assert_eq!(other_store(&said("'a.cf.2222222222..."), "a.cf."), None);
        assert_eq!(other_store("something else", "a.cf."), None);
    }
}
