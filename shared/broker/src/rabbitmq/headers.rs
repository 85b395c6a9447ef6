//! What a message carries besides its body.

use domain::traceparent::TraceParent;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use crate::Death;

/// How often the message was returned before it was last published.
const RETURNS: &str = "x-crossfoot-returns";
/// Why it is a dead letter.
const REASON: &str = "x-crossfoot-reason";
/// The queue that a dead letter comes from.
const QUEUE: &str = "x-crossfoot-queue";
/// When it became a dead letter.
const AT: &str = "x-crossfoot-at";
/// How often a dead letter was delivered before it became one.
const REDELIVERIES: &str = "x-crossfoot-redeliveries";

/// How a queue counts what came back to it: RabbitMQ sets this on quorum queues, from the second delivery on.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// RabbitMQ 4 counts there what came back without a failure, too.
const ACQUIRED_COUNT: &str = "x-acquired-count";
/// What the broker says of its own dead-lettering: newest first.
const DEATHS: &str = "x-death";

/// The span that the message was sent in, as the W3C names it.
const TRACE: &str = "traceparent";

/// A reason is cut there: all headers have to fit one frame (131,072 bytes, unless the server wants less).
const REASON_BYTES_MAX: usize = 4096;

/// What is known of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Headers {
    /// Returned in former lives: each time it was published again with this.
    pub(super) returns: u32,
    /// Returned since it was last published, as the queue counts.
    pub(super) returned_since: u32,
    /// Set for dead letters.
    pub(super) death: Option<Death>,
    /// The span that it was sent in.
    pub(super) trace: Option<TraceParent>,
}

impl Headers {
    /// Those of a message that is sent here and now.
    pub(super) fn here() -> Self {
        Self { trace: platform::trace::current(), ..Self::default() }
    }

    /// How often the message was delivered before.
    pub(super) fn redeliveries(&self) -> u32 {
        self.returns.saturating_add(self.returned_since)
    }

    /// Reads them from a delivery.
    pub(super) fn read(properties: &BasicProperties, redelivered: bool) -> Self {
        let Some(table) = properties.headers() else {
            return Self { returned_since: u32::from(redelivered), ..Self::default() };
        };
        let counted = number(table, DELIVERY_COUNT).max(number(table, ACQUIRED_COUNT));
        let death = match text(table, REASON) {
            Some(reason) => Some(Death {
                reason,
                queue: text(table, QUEUE).unwrap_or_default(),
                at: text(table, AT).unwrap_or_default(),
                redeliveries: number(table, REDELIVERIES).unwrap_or_default(),
            }),
            None => broker_death(table),
        };
        Self {
            returns: number(table, RETURNS).unwrap_or_default(),
            returned_since: counted.unwrap_or_default().max(u32::from(redelivered)),
            death,
            // Anyone who reaches the broker can write it: what is not exactly one is none.
            trace: text(table, TRACE).and_then(|text| TraceParent::parse(&text)),
        }
    }

    /// Properties to publish a message with: durable, and with what is known of it. What a queue counted is forgotten
    /// by publishing again, so whoever does adds it to `returns` first.
    pub(super) fn properties(&self) -> BasicProperties {
        let mut table = FieldTable::default();
        let mut put = |key: &str, value| {
            table.insert(key.into(), value);
        };
        if self.returns > 0 {
            put(RETURNS, AMQPValue::LongLongInt(self.returns.into()));
        }
        if let Some(trace) = &self.trace {
            put(TRACE, AMQPValue::LongString(trace.to_string().into()));
        }
        if let Some(death) = &self.death {
            put(REASON, AMQPValue::LongString(cut(&death.reason).into()));
            put(QUEUE, AMQPValue::LongString(death.queue.as_str().into()));
            put(AT, AMQPValue::LongString(death.at.as_str().into()));
            put(REDELIVERIES, AMQPValue::LongLongInt(death.redeliveries.into()));
        }
        // AMQP 0-9-1: delivery mode 2 is persistent. Quorum queues persist everything; say so all the same.
        let properties = BasicProperties::default().with_delivery_mode(2);
        if table.inner().is_empty() { properties } else { properties.with_headers(table) }
    }
}

/// The broker dead-lettered it, and says why in a list of tables.
fn broker_death(table: &FieldTable) -> Option<Death> {
    let AMQPValue::FieldArray(deaths) = table.inner().get(DEATHS)? else { return None };
    let AMQPValue::FieldTable(newest) = deaths.as_slice().first()? else { return None };
    let queue = text(newest, "queue").unwrap_or_else(|| "its queue".into());
    let reason = match text(newest, "reason").as_deref() {
        Some("delivery_limit") => format!("returned to {queue} more often than its delivery limit allows"),
        Some("rejected") => format!("rejected by a consumer of {queue} without a reason"),
        Some(other) => format!("moved from {queue} to the dead letters by the broker: {other}"),
        None => format!("moved from {queue} to the dead letters by the broker"),
    };
    let at = match newest.inner().get("time") {
        Some(AMQPValue::Timestamp(seconds)) => {
            platform::clock::iso(i64::try_from(*seconds).unwrap_or_default().saturating_mul(1000))
        }
        _ => String::new(),
    };
    Some(Death { reason, queue, at, redeliveries: number(table, DELIVERY_COUNT).unwrap_or_default() })
}

fn text(table: &FieldTable, key: &str) -> Option<String> {
    match table.inner().get(key)? {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn number(table: &FieldTable, key: &str) -> Option<u32> {
    let number = match table.inner().get(key)? {
        AMQPValue::ShortShortInt(n) => i64::from(*n),
        AMQPValue::ShortShortUInt(n) => i64::from(*n),
        AMQPValue::ShortInt(n) => i64::from(*n),
        AMQPValue::ShortUInt(n) => i64::from(*n),
        AMQPValue::LongInt(n) => i64::from(*n),
        AMQPValue::LongUInt(n) => i64::from(*n),
        AMQPValue::LongLongInt(n) => *n,
        _ => return None,
    };
    Some(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

fn cut(reason: &str) -> &str {
    if reason.len() <= REASON_BYTES_MAX {
        return reason;
    }
    &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let death = Death { reason: "no: ä".into(), queue: "q".into(), at: "now".into(), redeliveries: 7 };
        let trace = TraceParent { trace: [10; 16], span: [11; 8] };
        let headers = Headers { returns: 3, returned_since: 0, death: Some(death), trace: Some(trace) };
        assert_eq!(Headers::read(&headers.properties(), false), headers);
        assert_eq!(Headers::read(&Headers::default().properties(), false), Headers::default());
        assert_eq!(Headers::default().properties().delivery_mode(), &Some(2));
    }

    #[test]
    fn what_is_no_traceparent_is_ignored_and_so_is_one_of_another_type() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (value, is_read) in [
            (AMQPValue::LongString(good.into()), true),
            (AMQPValue::ShortString(good.into()), true),
            (AMQPValue::LongString(format!("{good}\n").into()), false),
            (AMQPValue::LongString("\u{1b}[2J".into()), false),
            (AMQPValue::LongString("x".repeat(100_000).into()), false),
            (AMQPValue::Boolean(true), false),
        ] {
            let mut table = FieldTable::default();
            table.insert(TRACE.into(), value);
            let read = Headers::read(&BasicProperties::default().with_headers(table), false);
            assert_eq!(read.trace.is_some(), is_read);
        }
    }

    #[test]
    fn a_delivery_that_is_not_the_first_counts_though_nobody_counted() {
        assert_eq!(Headers::read(&BasicProperties::default(), true).redeliveries(), 1);
    }

    #[test]
    fn a_reason_that_would_not_fit_a_frame_is_cut_between_characters() {
        let reason = "ä".repeat(100_000);
        let death = Death { reason, queue: String::new(), at: String::new(), redeliveries: 0 };
        let headers = Headers { death: Some(death), ..Headers::default() };
        let read = Headers::read(&headers.properties(), false).death.unwrap().reason;
        assert_eq!(read, "ä".repeat(REASON_BYTES_MAX / 2));
    }

    #[test]
    fn the_brokers_own_dead_letters_have_their_reason_from_it() {
        let mut newest = FieldTable::default();
        newest.insert("reason".into(), AMQPValue::LongString("delivery_limit".into()));
        newest.insert("queue".into(), AMQPValue::LongString("crossfoot.chunks".into()));
        newest.insert("time".into(), AMQPValue::Timestamp(1_709_214_300));
        let mut table = FieldTable::default();
        table.insert(DEATHS.into(), AMQPValue::FieldArray(vec![AMQPValue::FieldTable(newest)].into()));
        let death = Headers::read(&BasicProperties::default().with_headers(table), false).death.unwrap();
        assert_eq!(death.reason, "returned to crossfoot.chunks more often than its delivery limit allows");
        assert_eq!(death.at, "2024-02-29T13:45:00.000Z");
    }
}
