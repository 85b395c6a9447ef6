//! The canonical record: the one byte form in which a record is hashed, sent to a writer and read back.
//!
//! | part | bytes |
//! |---|---|
//! | record number | 8, big-endian |
//! | each field in layout order | tag (1), length (4, big-endian), content |
//!
//! | tag | type | content |
//! |---|---|---|
//! | 0 | NULL of any type | nothing |
//! | 1 | text | UTF-8 |
//! | 2 | integer | 8, big-endian two's complement |
//! | 3 | decimal | ASCII, plain form with exactly the field's scale |
//! | 4 | date | ASCII `YYYY-MM-DD` |
//! | 5 | timestamp | ASCII `YYYY-MM-DD HH:MM:SS.ffffff` |
//! | 6 | boolean | one byte, 0 or 1 |
//! | 7 | bytes | as they are |
//! | 8 | timestamptz | ASCII `YYYY-MM-DD HH:MM:SS.ffffffZ`, in UTC |
//! | 255 | a value that the column's type cannot have | the store's own form, so that it never equals a real one |
//!
//! Tag and length make the encoding prefix-free: no two different records share one.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime};
use thiserror::Error;

use crate::amount::Amount;
use crate::fingerprint::{LeafKind, TreeRange};
use crate::hex;
use crate::ids::RecordNo;
use crate::value::{FieldType, Value};

/// What a field's content is, as the first byte of its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the table at the top of the module says it")]
pub enum Tag {
    Null = 0,
    Text = 1,
    Integer = 2,
    Decimal = 3,
    Date = 4,
    Timestamp = 5,
    Boolean = 6,
    Bytes = 7,
    Instant = 8,
    Foreign = 255,
}

impl Tag {
    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Null,
            1 => Self::Text,
            2 => Self::Integer,
            3 => Self::Decimal,
            4 => Self::Date,
            5 => Self::Timestamp,
            6 => Self::Boolean,
            7 => Self::Bytes,
            8 => Self::Instant,
            255 => Self::Foreign,
            _ => return None,
        })
    }

    /// The tag of a value, other than NULL, that a field of this type has.
    #[must_use]
    pub const fn of(ty: &FieldType) -> Self {
        match ty {
            FieldType::Text { .. } => Self::Text,
            FieldType::Integer => Self::Integer,
            FieldType::Decimal { .. } => Self::Decimal,
            FieldType::Date => Self::Date,
            FieldType::Timestamp => Self::Timestamp,
            FieldType::Instant => Self::Instant,
            FieldType::Boolean => Self::Boolean,
            FieldType::Bytes => Self::Bytes,
        }
    }
}

/// The bytes are not those of a canonical record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the bytes at {offset} do not encode a record of this layout")]
pub struct RecordError {
    /// Offset in the block of records.
    pub offset: usize,
}

/// Begins a record in `out`.
pub fn begin(out: &mut Vec<u8>, record_no: RecordNo) {
    out.extend_from_slice(&record_no.0.to_be_bytes());
}

/// Appends a field given by tag and content. The caller answers for the content being canonical.
pub fn put_raw(out: &mut Vec<u8>, tag: Tag, content: &[u8]) {
    out.push(tag as u8);
    // A field is a part of a record, and a record is bounded far below 4 GiB by `source.record_bytes_max`.
    #[allow(clippy::cast_possible_truncation, reason = "bounded by record_bytes_max")]
    out.extend_from_slice(&(content.len() as u32).to_be_bytes());
    out.extend_from_slice(content);
}

/// Appends a field to the record.
pub fn put(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => put_raw(out, Tag::Null, &[]),
        Value::Text(text) => put_raw(out, Tag::Text, text.as_bytes()),
        Value::Integer(integer) => put_raw(out, Tag::Integer, &integer.to_be_bytes()),
        Value::Decimal(amount) => {
            let mut lengthless = LengthLater::open(out, Tag::Decimal);
            amount.write_to(lengthless.content());
            lengthless.close();
        }
        Value::Date(date) => put_raw(out, Tag::Date, &date_text(*date)),
        Value::Timestamp(at) => put_raw(out, Tag::Timestamp, &timestamp_text(*at)),
        Value::Instant(at) => {
            let mut text = [b'Z'; 27];
            text[..26].copy_from_slice(&timestamp_text(*at));
            put_raw(out, Tag::Instant, &text);
        }
        Value::Boolean(truth) => put_raw(out, Tag::Boolean, &[u8::from(*truth)]),
        Value::Bytes(bytes) => put_raw(out, Tag::Bytes, bytes),
    }
}

struct LengthLater<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> LengthLater<'a> {
    fn open(out: &'a mut Vec<u8>, tag: Tag) -> Self {
        out.extend_from_slice(&[tag as u8, 0, 0, 0, 0]);
        let start = out.len();
        Self { out, start }
    }

    fn content(&mut self) -> &mut Vec<u8> {
        self.out
    }

    fn close(self) {
        #[allow(clippy::cast_possible_truncation, reason = "an amount has at most 41 bytes")]
        let length = (self.out.len() - self.start) as u32;
        self.out[self.start - 4..self.start].copy_from_slice(&length.to_be_bytes());
    }
}

fn two_digits(out: &mut [u8], number: i8) {
    let number = number.unsigned_abs();
    out[0] = b'0' + number / 10;
    out[1] = b'0' + number % 10;
}

/// `YYYY-MM-DD`. Years before 0 are refused by the decoders, so that the form has a fixed width.
fn date_text(date: Date) -> [u8; 10] {
    let mut out = *b"0000-00-00";
    let year = date.year().unsigned_abs();
    for (at, divisor) in [1000, 100, 10, 1].into_iter().enumerate() {
        #[allow(clippy::cast_possible_truncation, reason = "a digit")]
        let digit = (year / divisor % 10) as u8;
        out[at] = b'0' + digit;
    }
    two_digits(&mut out[5..7], date.month());
    two_digits(&mut out[8..10], date.day());
    out
}

/// Formats a timestamp as `YYYY-MM-DD HH:MM:SS.ffffff`, 26 ASCII bytes.
fn timestamp_text(at: DateTime) -> [u8; 26] {
    let mut out = *b"0000-00-00 00:00:00.000000";
    out[..10].copy_from_slice(&date_text(at.date()));
    two_digits(&mut out[11..13], at.hour());
    two_digits(&mut out[14..16], at.minute());
    two_digits(&mut out[17..19], at.second());
    let mut micros = at.subsec_nanosecond() / 1000;
    for digit in out[20..26].iter_mut().rev() {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a digit")]
        let last = (micros % 10) as u8;
        *digit = b'0' + last;
        micros /= 10;
    }
    out
}

/// One field as encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawField<'a> {
    /// What the content is.
    pub tag: Tag,
    /// The content's bytes, encoded as the tag says; empty for NULL.
    pub content: &'a [u8],
}

impl<'a> RawField<'a> {
    /// The value that a field of type `ty` has; `None` when it cannot have this one.
    #[must_use]
    pub fn value(&self, ty: &FieldType) -> Option<Value<'a>> {
        if self.tag == Tag::Null {
            return Some(Value::Null);
        }
        if self.tag != Tag::of(ty) {
            return None;
        }
        let text = || std::str::from_utf8(self.content).ok();
        Some(match ty {
            FieldType::Text { .. } => Value::Text(text()?),
            FieldType::Integer => Value::Integer(i64::from_be_bytes(self.content.try_into().ok()?)),
            FieldType::Decimal { scale, .. } => {
                Value::Decimal(Amount::parse_bytes(self.content).ok()?.rescale(*scale).ok()?)
            }
            FieldType::Date => Value::Date(text()?.parse().ok()?),
            FieldType::Timestamp => Value::Timestamp(text()?.parse().ok()?),
            FieldType::Instant => Value::Instant(text()?.strip_suffix('Z')?.parse().ok()?),
            FieldType::Boolean => Value::Boolean(self.content == [1]),
            FieldType::Bytes => Value::Bytes(self.content),
        })
    }

    /// The field as a person compares it; see [`Value`]'s `Display`.
    #[must_use]
    pub fn display(&self) -> String {
        let text = || String::from_utf8_lossy(self.content);
        match self.tag {
            Tag::Null => "NULL".into(),
            Tag::Text => format!("'{}'", text().escape_debug()),
            Tag::Integer => match self.content.try_into() {
                Ok(bytes) => i64::from_be_bytes(bytes).to_string(),
                Err(_) => format!("x'{}'", hex::encode(self.content)),
            },
            Tag::Decimal | Tag::Date | Tag::Timestamp | Tag::Instant => text().escape_debug().to_string(),
            Tag::Boolean => (self.content == [1]).to_string(),
            Tag::Bytes => format!("x'{}'", hex::encode(self.content)),
            Tag::Foreign => format!("{} (not of the column's type)", text().escape_debug()),
        }
    }
}

/// One record in a block: its number, its fields, and the bytes that hold both.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// The record's number in its source, from 1.
    pub record_no: RecordNo,
    bytes: &'a [u8],
    fields: usize,
}

impl<'a> RawRecord<'a> {
    /// The whole encoding: number and fields.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The fields in layout order.
    pub fn fields(&self) -> impl Iterator<Item = RawField<'a>> + use<'a> {
        let bytes = self.bytes;
        let mut at = 8;
        (0..self.fields).map_while(move |_| {
            let (tag, content, next) = field_at(bytes, at)?;
            at = next;
            Some(RawField { tag, content })
        })
    }

    /// The bytes that the fingerprint covers: all of them, or the number and the `hashed` fields.
    #[must_use]
    pub fn hashed_bytes(&self, hashed: &[usize]) -> Cow<'a, [u8]> {
        if hashed.len() == self.fields {
            return Cow::Borrowed(self.bytes);
        }
        let mut out = self.bytes[..8].to_vec();
        for (index, field) in self.fields().enumerate() {
            if hashed.binary_search(&index).is_ok() {
                put_raw(&mut out, field.tag, field.content);
            }
        }
        Cow::Owned(out)
    }
}

fn field_at(bytes: &[u8], at: usize) -> Option<(Tag, &[u8], usize)> {
    let header = bytes.get(at..at + 5)?;
    let length = u32::from_be_bytes(header[1..5].try_into().ok()?) as usize;
    let content = bytes.get(at + 5..at.checked_add(5)?.checked_add(length)?)?;
    Some((Tag::from_byte(header[0])?, content, at + 5 + length))
}

/// A single field as [`put`] or [`put_raw`] encoded it.
#[must_use]
pub fn encoded(bytes: &[u8]) -> Option<RawField<'_>> {
    field_at(bytes, 0).map(|(tag, content, _)| RawField { tag, content })
}

/// The fields of a record as [`begin`] and [`put`] encoded it, up to where the bytes are no field.
pub fn fields_of(record: &[u8]) -> impl Iterator<Item = RawField<'_>> {
    let mut at = 8;
    std::iter::from_fn(move || {
        let (tag, content, next) = field_at(record, at)?;
        at = next;
        Some(RawField { tag, content })
    })
}

/// The first `count` fields of `bytes`, which hold fields without a record's number before them.
pub fn fields_in(bytes: &[u8], count: usize) -> impl Iterator<Item = RawField<'_>> + use<'_> {
    let mut at = 0;
    (0..count).map_while(move |_| {
        let (tag, content, next) = field_at(bytes, at)?;
        at = next;
        Some(RawField { tag, content })
    })
}

/// Walks the records of `block`, each of `fields` fields.
pub fn records(block: &[u8], fields: usize) -> impl Iterator<Item = Result<RawRecord<'_>, RecordError>> {
    let mut start = 0;
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken || start == block.len() {
            return None;
        }
        let fail = RecordError { offset: start };
        let Some(number) = block.get(start..start + 8).and_then(|n| n.try_into().ok()) else {
            broken = true;
            return Some(Err(fail));
        };
        let mut at = start + 8;
        for _ in 0..fields {
            let Some((_, _, next)) = field_at(block, at) else {
                broken = true;
                return Some(Err(fail));
            };
            at = next;
        }
        let record =
            RawRecord { record_no: RecordNo(u64::from_be_bytes(number)), bytes: &block[start..at], fields };
        start = at;
        Some(Ok(record))
    })
}

/// Adds the leaf of an accepted record.
pub fn push_accepted(range: &mut TreeRange, record: &RawRecord<'_>, hashed: &[usize]) {
    range.push(&[&[LeafKind::Accepted as u8], &record.hashed_bytes(hashed)]);
}

/// Adds the leaf of a reject.
pub fn push_rejected(range: &mut TreeRange, record_no: RecordNo, raw: &[u8]) {
    range.push(&[&[LeafKind::Rejected as u8], &record_no.0.to_be_bytes(), raw]);
}

/// Adds the leaf of a record that is not at this level.
pub fn push_absent(range: &mut TreeRange, record_no: RecordNo) {
    range.push(&[&[LeafKind::Absent as u8], &record_no.0.to_be_bytes()]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, datetime};
    use proptest::prelude::*;

    fn encode(values: &[Value<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        begin(&mut out, RecordNo(7));
        values.iter().for_each(|value| put(&mut out, value));
        out
    }

    #[test]
    fn a_record_has_one_byte_form_and_it_is_the_documented_one() {
        let bytes = encode(&[
            Value::Null,
            Value::Text("a|b"),
            Value::Integer(-2),
            Value::Decimal("-0.50".parse().unwrap()),
            Value::Date(date(2024, 2, 29)),
            Value::Timestamp(datetime(2024, 2, 29, 1, 2, 3, 4_005_000)),
            Value::Boolean(true),
            Value::Bytes(&[0, 255]),
            Value::Instant(datetime(2024, 2, 29, 1, 2, 3, 4_005_000)),
        ]);
        let expected = [
            "0000000000000007",
            "0000000000",
            "0100000003617c62",
            "0200000008fffffffffffffffe",
            "03000000052d302e3530",
            "040000000a323032342d30322d3239",
            "050000001a323032342d30322d32392030313a30323a30332e303034303035",
            "060000000101",
            "070000000200ff",
            "080000001b323032342d30322d32392030313a30323a30332e3030343030355a",
        ];
        assert_eq!(hex::encode(&bytes), expected.concat());
    }

    #[test]
    fn different_records_never_share_an_encoding() {
        let pairs: [(&[Value<'_>], &[Value<'_>]); 6] = [
            (&[Value::Text("12"), Value::Text("3")], &[Value::Text("1"), Value::Text("23")]),
            (&[Value::Text("a|b"), Value::Text("c")], &[Value::Text("a"), Value::Text("b|c")]),
            (&[Value::Null], &[Value::Text("")]),
            (&[Value::Null], &[Value::Text("null")]),
            (&[Value::Text("a")], &[Value::Text("a ")]),
            (&[Value::Text("e\u{301}")], &[Value::Text("\u{e9}")]),
        ];
        for (one, other) in pairs {
            assert_ne!(encode(one), encode(other));
        }
    }

    #[test]
    fn a_broken_block_is_an_error_and_not_a_shorter_block() {
        let mut block = encode(&[Value::Text("abc")]);
        block.extend(encode(&[Value::Text("def")]));
        assert_eq!(records(&block, 1).filter(Result::is_ok).count(), 2);
        let cut = &block[..block.len() - 1];
        assert_eq!(records(cut, 1).last().unwrap().unwrap_err(), RecordError { offset: 16 });
    }

    proptest! {
        #[test]
        fn values_come_back_from_their_encoding(text in ".*", integer: i64, mantissa in -10_i128.pow(20)..10_i128.pow(20), bytes: Vec<u8>, truth: bool) {
            let types = [FieldType::Text { chars_max: 9 }, FieldType::Integer, FieldType::Decimal { precision: 38, scale: 4 }, FieldType::Bytes, FieldType::Boolean];
            let values = [Value::Text(&text), Value::Integer(integer), Value::Decimal(Amount::new(mantissa, 4).unwrap()), Value::Bytes(&bytes), Value::Boolean(truth)];
            let block = encode(&values);
            let record = records(&block, types.len()).next().unwrap().unwrap();
            prop_assert_eq!(record.record_no, RecordNo(7));
            let back: Vec<_> = record.fields().zip(&types).map(|(field, ty)| field.value(ty).unwrap()).collect();
            prop_assert_eq!(back, values);
        }
    }
}
