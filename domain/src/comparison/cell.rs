//! What a target's column holds, as its database says, and as a field of a record.

use std::io::Write as _;

use super::equality::{FLOAT, SINGLE};
use crate::record::{Tag, put_raw};
use crate::value::FieldType;

/// One value of a target's row, exactly as the database has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// Text, with every blank.
    Text(&'a str),
    /// A whole number of an integer column.
    Integer(i64),
    /// An exact number in plain notation, with all the digits of its fraction: `-12.50`.
    Number(&'a str),
    /// A binary floating point number of double precision.
    Float(f64),
    /// A binary floating point number of single precision.
    Single(f32),
    /// A day: `YYYY-MM-DD`.
    Date(&'a str),
    /// A time without a zone: `YYYY-MM-DD HH:MM:SS.ffffff`, or with nine digits if it has finer ones than microseconds.
    Timestamp(&'a str),
    /// A point in time in UTC: `YYYY-MM-DD HH:MM:SS.ffffffZ`, with nine digits as [`Self::Timestamp`].
    Instant(&'a str),
    /// True or false.
    Boolean(bool),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Anything else: its type and how it is written.
    Other(&'a str, &'a str),
}

/// Appends what a column holds as a field of a record whose type is `ty`.
///
/// Nothing is rounded, trimmed or filled up. A value of another type keeps its own tag, and an exact number its own
/// scale, so that it is the same as the source's only under an equality that says so. What no field can hold becomes
/// foreign and never equals anything, floats under [`super::Equality::NearestFloat`] excepted.
pub fn put_cell(out: &mut Vec<u8>, ty: &FieldType, cell: &Cell<'_>) {
    match (cell, ty) {
        (Cell::Null, _) => put_raw(out, Tag::Null, &[]),
        (Cell::Integer(integer), _) => integer_as(out, ty, *integer),
        (Cell::Number(text), _) => number_as(out, ty, text),
        (Cell::Text(text), _) => put_raw(out, Tag::Text, text.as_bytes()),
        (Cell::Date(text), _) => put_raw(out, Tag::Date, text.as_bytes()),
        (Cell::Timestamp(text), _) => put_raw(out, Tag::Timestamp, text.as_bytes()),
        (Cell::Instant(text), _) => put_raw(out, Tag::Instant, text.as_bytes()),
        (Cell::Boolean(truth), _) => put_raw(out, Tag::Boolean, &[u8::from(*truth)]),
        (Cell::Bytes(bytes), _) => put_raw(out, Tag::Bytes, bytes),
        (Cell::Float(float), _) => put_raw(out, Tag::Foreign, format!("{FLOAT}{float:?}").as_bytes()),
        (Cell::Single(float), _) => put_raw(out, Tag::Foreign, format!("{SINGLE}{float:?}").as_bytes()),
        (Cell::Other(name, text), _) => {
            let mut form = Vec::new();
            // Writing into memory does not fail.
            let _ = write!(form, "{name} {text}");
            put_raw(out, Tag::Foreign, &form);
        }
    }
}

/// A whole number. Of a field without a fraction it is the value, whatever the column's type is called.
fn integer_as(out: &mut Vec<u8>, ty: &FieldType, integer: i64) {
    match (ty, integer) {
        (FieldType::Decimal { .. }, _) => put_raw(out, Tag::Decimal, integer.to_string().as_bytes()),
        // Databases without a boolean type store one so.
        (FieldType::Boolean, 0 | 1) => put_raw(out, Tag::Boolean, &[u8::from(integer == 1)]),
        _ => put_raw(out, Tag::Integer, &integer.to_be_bytes()),
    }
}

fn number_as(out: &mut Vec<u8>, ty: &FieldType, text: &str) {
    match (ty, text.parse()) {
        (FieldType::Integer | FieldType::Boolean, Ok(integer)) => integer_as(out, ty, integer),
        _ => put_raw(out, Tag::Decimal, text.as_bytes()),
    }
}
