//! Field types and the typed values that a record's fields decode to.

use std::fmt;

use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::hex;

/// What a field holds, apart from how it is written in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Up to `chars_max` Unicode scalar values.
    Text {
        /// The greatest length, in Unicode scalar values.
        chars_max: u32,
    },
    /// A 64-bit signed integer.
    Integer,
    /// An exact decimal of up to `precision` digits, `scale` of them after the point.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, at most `precision`.
        scale: u8,
    },
    /// A day of the Gregorian calendar.
    Date,
    /// A day and a time without a zone, exact to the microsecond.
    Timestamp,
    /// A point in time, exact to the microsecond.
    Instant,
    /// A boolean: true or false.
    Boolean,
    /// A string of uninterpreted bytes.
    Bytes,
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { chars_max } => write!(f, "text({chars_max})"),
            Self::Integer => f.write_str("integer"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Instant => f.write_str("timestamptz"),
            Self::Boolean => f.write_str("boolean"),
            Self::Bytes => f.write_str("bytes"),
        }
    }
}

/// One field of one record, decoded. Borrowed from the record's bytes, so that decoding allocates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// No value; distinct from empty text.
    Null,
    /// Text, a string of Unicode scalar values.
    Text(&'a str),
    /// A 64-bit signed integer.
    Integer(i64),
    /// Exact decimal, at the field's scale.
    Decimal(Amount),
    /// A day of the Gregorian calendar.
    Date(Date),
    /// A day and a time without a zone, to the microsecond.
    Timestamp(DateTime),
    /// A point in time, as day and time in UTC, to the microsecond.
    Instant(DateTime),
    /// A boolean: true or false.
    Boolean(bool),
    /// A string of uninterpreted bytes.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// Whether there is no value.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value as an amount, if it is a number.
    #[must_use]
    pub fn as_amount(&self) -> Option<Amount> {
        match self {
            Self::Decimal(amount) => Some(*amount),
            Self::Integer(integer) => Some(Amount::from(*integer)),
            _ => None,
        }
    }
}

/// The value as a person compares it: NULL bare, text quoted (so that `''`, `' '` and `'null'` differ to the eye).
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Text(text) => write!(f, "'{}'", text.escape_debug()),
            Self::Integer(integer) => integer.fmt(f),
            Self::Decimal(amount) => amount.fmt(f),
            Self::Date(date) => date.fmt(f),
            Self::Timestamp(at) => write!(f, "{}", at.strftime("%Y-%m-%d %H:%M:%S%.6f")),
            Self::Instant(at) => write!(f, "{}Z", at.strftime("%Y-%m-%d %H:%M:%S%.6f")),
            Self::Boolean(true) => f.write_str("true"),
            Self::Boolean(false) => f.write_str("false"),
            Self::Bytes(bytes) => write!(f, "x'{}'", hex::encode(bytes)),
        }
    }
}

/// A value that owns its content: what a job file states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// Text, a string of Unicode scalar values.
    Text(String),
    /// A 64-bit signed integer.
    Integer(i64),
    /// An exact decimal number.
    Decimal(Amount),
    /// A day of the Gregorian calendar.
    Date(Date),
    /// A day and a time without a zone, to the microsecond.
    Timestamp(DateTime),
    /// A point in time, as day and time in UTC, to the microsecond.
    Instant(DateTime),
    /// A boolean: true or false.
    Boolean(bool),
}

impl Literal {
    /// The literal as a value.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Decimal(amount) => Value::Decimal(*amount),
            Self::Date(date) => Value::Date(*date),
            Self::Timestamp(at) => Value::Timestamp(*at),
            Self::Instant(at) => Value::Instant(*at),
            Self::Boolean(truth) => Value::Boolean(*truth),
        }
    }
}

/// Compares two values of comparable types: numbers exactly, text by Unicode code point (not by a locale's
/// collation, so that every store agrees), a date with a timestamp as that day's midnight.
/// `None` when either is NULL or the types have no common order.
#[must_use]
pub fn compare(a: &Value<'_>, b: &Value<'_>) -> Option<std::cmp::Ordering> {
    Some(match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Timestamp(a), Value::Timestamp(b)) | (Value::Instant(a), Value::Instant(b)) => a.cmp(b),
        (Value::Date(a), Value::Timestamp(b)) => a.at(0, 0, 0, 0).cmp(b),
        (Value::Timestamp(a), Value::Date(b)) => a.cmp(&b.at(0, 0, 0, 0)),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        _ => a.as_amount()?.cmp(&b.as_amount()?),
    })
}
