//! One field's decoder: made once for a field, run for each record.

use domain::amount::Amount;
use domain::constraint::ReasonCode;
use domain::record::{self, Tag};
use domain::value::{FieldType, Value};
use domain::words::counted;
use jiff::civil::{Date, DateTime};

use super::Reject;
use super::edited::EditedNumbers;
use super::float::Floats;
use super::moment::{Db2Timestamps, Moments};
use super::number::Numbers;
use super::output::Output;
use super::spec::{FieldSpec, Kind};
use super::text::{Texts, null};

/// Decodes one field of each record.
#[derive(Debug, Clone)]
pub struct FieldDecoder {
    bytes: usize,
    reader: Reader,
}

#[derive(Debug, Clone)]
enum Reader {
    Raw,
    Text(Texts),
    Number(Numbers, Output),
    Edited(EditedNumbers, Output),
    Moment(Numbers, Moments),
    Db2Timestamp(Db2Timestamps),
    Float(Floats),
}

/// The value that a field was decoded to. Text and bytes are in the buffer that it was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldValue {
    /// The field has no value: NULL.
    Null,
    /// Text, at these places of the buffer.
    Text {
        /// The place of its first byte in the buffer.
        start: usize,
        /// The place after its last byte.
        end: usize,
    },
    /// An integer, for integer columns.
    Integer(i64),
    /// Exact decimal, at the column's scale.
    Decimal(Amount),
    /// A calendar date without a time.
    Date(Date),
    /// A date with a time of day, without a zone.
    Timestamp(DateTime),
    /// A point in time, as day and time in UTC.
    Instant(DateTime),
    /// A truth value, for boolean columns.
    Boolean(bool),
    /// Bytes, at these places of the buffer.
    Bytes {
        /// The place of the first byte in the buffer.
        start: usize,
        /// The place after the last byte.
        end: usize,
    },
}

impl FieldValue {
    /// The value, out of the buffer that [`FieldDecoder::decode`] wrote it to; `None` when it is not in that one.
    #[must_use]
    pub fn value<'a>(&self, out: &'a [u8]) -> Option<Value<'a>> {
        Some(match *self {
            Self::Null => Value::Null,
            Self::Text { start, end } => Value::Text(std::str::from_utf8(out.get(start..end)?).ok()?),
            Self::Integer(integer) => Value::Integer(integer),
            Self::Decimal(amount) => Value::Decimal(amount),
            Self::Date(date) => Value::Date(date),
            Self::Timestamp(at) => Value::Timestamp(at),
            Self::Instant(at) => Value::Instant(at),
            Self::Boolean(truth) => Value::Boolean(truth),
            Self::Bytes { start, end } => Value::Bytes(out.get(start..end)?),
        })
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

impl FieldDecoder {
    /// A decoder for the field.
    ///
    /// # Errors
    /// A sentence for the layout's author: a picture that does not fill its bytes, a column that would lose digits,
    /// a float that was to be an amount, and the like.
    pub fn new(spec: &FieldSpec) -> Result<Self, String> {
        let reader = match &spec.kind {
            _ if spec.column == FieldType::Bytes => Reader::Raw,
            Kind::Text(form) => Reader::Text(Texts::new(form, spec)?),
            Kind::Number(form) => {
                Reader::Number(Numbers::new(form, spec)?, Output::new(form.digits, form.scale, &spec.column)?)
            }
            Kind::Edited(form) => Reader::Edited(
                EditedNumbers::new(form, spec)?,
                Output::new(form.digits, form.scale, &spec.column)?,
            ),
            Kind::Moment { form, digits, zeros, nines, hour_24 } => {
                let moments = Moments::new(*form, digits, (*zeros, *nines), *hour_24, &spec.column)?;
                Reader::Moment(Numbers::new(digits, spec)?, moments)
            }
            Kind::Db2Timestamp { fills, hour_24 } => {
                Reader::Db2Timestamp(Db2Timestamps::new(*fills, *hour_24, spec)?)
            }
            Kind::Float(form) => Reader::Float(Floats::new(*form, spec)?),
        };
        Ok(Self { bytes: spec.bytes, reader })
    }

    /// How many bytes the field takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends the field to `out` in the form that it has in a canonical record: tag, length, content.
    ///
    /// # Errors
    /// [`Reject`], with `out` left as it was.
    pub fn decode(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<FieldValue, Reject> {
        if bytes.len() != self.bytes {
            return Err(wrong_length(bytes.len(), self.bytes));
        }
        self.decode_part(bytes, out)
    }

    /// As [`Self::decode`], of the part of a field that is data.
    pub(crate) fn decode_part(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<FieldValue, Reject> {
        let start = out.len();
        let decoded = match &self.reader {
            Reader::Raw => {
                record::put_raw(out, Tag::Bytes, bytes);
                Ok(FieldValue::Bytes { start: out.len() - bytes.len(), end: out.len() })
            }
            Reader::Text(texts) => texts.put(bytes, out),
            Reader::Number(numbers, output) => {
                numbers.read(bytes).and_then(|read| put(read, out, |integer, out| output.put(integer, out)))
            }
            Reader::Edited(numbers, output) => numbers
                .read(bytes, out)
                .and_then(|read| put(read, out, |integer, out| output.put(integer, out))),
            Reader::Moment(numbers, moments) => {
                numbers.read(bytes).and_then(|read| put(read, out, |integer, out| moments.put(integer, out)))
            }
            Reader::Db2Timestamp(timestamps) => timestamps.put(bytes, out),
            Reader::Float(floats) => floats.put(bytes, out),
        };
        if decoded.is_err() {
            out.truncate(start);
        }
        decoded
    }
}

/// Appends what `write` makes of the integer that was read, or NULL.
fn put(
    read: Option<i128>,
    out: &mut Vec<u8>,
    write: impl FnOnce(i128, &mut Vec<u8>) -> Result<FieldValue, Reject>,
) -> Result<FieldValue, Reject> {
    match read {
        Some(integer) => write(integer, out),
        None => Ok(null(out)),
    }
}

#[cold]
fn wrong_length(have: usize, want: usize) -> Reject {
    Reject::new(ReasonCode::FieldCount, format!("the field has {}; expected {want}", counted(have, "byte")))
}
