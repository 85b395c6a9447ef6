//! A field's value as a person types it into a table of corrected records, and as that table shows it.
//!
//! | cell | value |
//! |---|---|
//! | nothing | none: the field cannot be read |
//! | `\N` | NULL |
//! | `\E` | text or bytes of no length |
//! | `\\…` | text that begins with a backslash |
//! | anything else | the value, in its one notation |
//!
//! There is one notation for each type, whatever the source writes: `-12.50`, `2024-02-29`,
//! `2024-02-29 12:30:00.000000` (with `Z` where it is a point in time), `true`, hexadecimal digits.

use thiserror::Error;

use crate::amount::Amount;
use crate::hex;
use crate::record::put;
use crate::value::{FieldType, Value};

/// The cell of a field that is NULL.
pub const NULL: &str = "\\N";

/// The cell of text, or of bytes, that has no length.
pub const EMPTY: &str = "\\E";

/// Why what was typed is not a value of the field's type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TypedError {
    /// Nothing is in the cell.
    #[error("the cell is empty; write \\N for NULL, or \\E for empty text")]
    Nothing,
    /// A backslash that stands for nothing.
    #[error(
        "the cell begins with a backslash that stands for nothing; a text that begins with one is written with two"
    )]
    Backslash,
    /// Not in the notation of the type.
    #[error("it is not written as a value of type {ty}; expected {expected}")]
    Notation {
        /// The field's type, as a job file writes it.
        ty: String,
        /// What such a value looks like.
        expected: &'static str,
    },
}

/// The cell that shows a value.
#[must_use]
pub fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Null => NULL.into(),
        Value::Text("") | Value::Bytes([]) => EMPTY.into(),
        Value::Text(text) if text.starts_with('\\') => format!("\\{text}"),
        Value::Text(text) => (*text).to_owned(),
        Value::Bytes(bytes) => hex::encode(bytes),
        other => other.to_string(),
    }
}

/// The value that was typed, as a field in canonical form (see [`crate::record::encoded`]). Strict: what another
/// notation means is not guessed.
///
/// # Errors
/// [`TypedError`], which does not quote what was typed.
pub fn parsed(cell: &str, ty: &FieldType) -> Result<Vec<u8>, TypedError> {
    let mut out = Vec::new();
    let wrong = || TypedError::Notation { ty: ty.to_string(), expected: notation(ty) };
    match (cell, ty) {
        ("", _) => return Err(TypedError::Nothing),
        (NULL, _) => put(&mut out, &Value::Null),
        (EMPTY, FieldType::Text { .. }) => put(&mut out, &Value::Text("")),
        (EMPTY, FieldType::Bytes) => put(&mut out, &Value::Bytes(&[])),
        (cell, FieldType::Text { .. }) => match cell.strip_prefix('\\') {
            Some(rest) if rest.starts_with('\\') => put(&mut out, &Value::Text(rest)),
            Some(_) => return Err(TypedError::Backslash),
            None => put(&mut out, &Value::Text(cell)),
        },
        (cell, FieldType::Bytes) => put(&mut out, &Value::Bytes(&hex::decode(cell).ok_or_else(wrong)?)),
        (cell, FieldType::Integer) => {
            let integer = cell.parse::<i64>().ok().filter(|integer| integer.to_string() == cell);
            put(&mut out, &Value::Integer(integer.ok_or_else(wrong)?));
        }
        (cell, FieldType::Decimal { scale, .. }) => {
            put(&mut out, &Value::Decimal(decimal(cell, *scale).ok_or_else(wrong)?));
        }
        (cell, FieldType::Date) => {
            let date = cell.parse::<jiff::civil::Date>().ok().filter(|date| date.to_string() == cell);
            put(&mut out, &Value::Date(date.ok_or_else(wrong)?));
        }
        (cell, FieldType::Timestamp) => {
            put(&mut out, &Value::Timestamp(moment(cell).ok_or_else(wrong)?));
        }
        (cell, FieldType::Instant) => {
            let at = cell.strip_suffix('Z').and_then(moment);
            put(&mut out, &Value::Instant(at.ok_or_else(wrong)?));
        }
        ("true", FieldType::Boolean) => put(&mut out, &Value::Boolean(true)),
        ("false", FieldType::Boolean) => put(&mut out, &Value::Boolean(false)),
        (_, FieldType::Boolean) => return Err(wrong()),
    }
    Ok(out)
}

const fn notation(ty: &FieldType) -> &'static str {
    match ty {
        FieldType::Text { .. } => "text",
        FieldType::Integer => "digits, such as -42",
        FieldType::Decimal { .. } => {
            "digits and a point, such as -12.50, with no more decimal places than the type"
        }
        FieldType::Date => "YYYY-MM-DD",
        FieldType::Timestamp => "YYYY-MM-DD HH:MM:SS, with up to six more digits after a point",
        FieldType::Instant => "YYYY-MM-DD HH:MM:SSZ in UTC, with up to six digits after a point before the Z",
        FieldType::Boolean => "true or false",
        FieldType::Bytes => "pairs of hexadecimal digits",
    }
}

/// A number with at most the type's decimal places; none of its digits can be left out but those after the point.
fn decimal(cell: &str, scale: u8) -> Option<Amount> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = whole == "0" || !whole.starts_with('0');
    if !is_digits(whole) || !is_digits(fraction) || !is_plain {
        return None;
    }
    cell.parse::<Amount>().ok()?.rescale(scale).ok()
}

/// A day and a time, perhaps with fewer digits of a second than it is shown with.
fn moment(cell: &str) -> Option<jiff::civil::DateTime> {
    let mut full = cell.to_owned();
    if full.len() == 19 {
        full.push('.');
    }
    if !full.is_ascii() || full.len() > 26 || full.len() < 20 || cell.ends_with('.') {
        return None;
    }
    while full.len() < 26 {
        full.push('0');
    }
    let at: jiff::civil::DateTime = full.parse().ok()?;
    (Value::Timestamp(at).to_string() == full).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::encoded;

    const DECIMAL: FieldType = FieldType::Decimal { precision: 9, scale: 2 };
    const TEXT: FieldType = FieldType::Text { chars_max: 9 };

    #[test]
    fn a_cell_is_the_value_that_it_shows() {
        for (ty, cell, shows) in [
            (TEXT, "a, \"b\"", "a, \"b\""),
            (TEXT, " a ", " a "),
            (TEXT, "NULL", "NULL"),
            (TEXT, "\\N", "\\N"),
            (TEXT, "\\E", "\\E"),
            (TEXT, "\\\\N", "\\\\N"),
            (TEXT, "\\\\", "\\\\"),
            (FieldType::Integer, "-42", "-42"),
            (FieldType::Integer, "\\N", "\\N"),
            (DECIMAL, "12.5", "12.50"),
            (DECIMAL, "-0.05", "-0.05"),
            (DECIMAL, "7", "7.00"),
            (FieldType::Date, "2024-02-29", "2024-02-29"),
            (FieldType::Timestamp, "2024-02-29 01:02:03", "2024-02-29 01:02:03.000000"),
            (FieldType::Timestamp, "2024-02-29 01:02:03.5", "2024-02-29 01:02:03.500000"),
            (FieldType::Instant, "2024-02-29 01:02:03.000004Z", "2024-02-29 01:02:03.000004Z"),
            (FieldType::Boolean, "true", "true"),
            (FieldType::Bytes, "00ff", "00ff"),
            (FieldType::Bytes, "\\E", "\\E"),
        ] {
            let bytes = parsed(cell, &ty).unwrap_or_else(|error| panic!("{cell}: {error}"));
            let value = encoded(&bytes).and_then(|raw| raw.value(&ty)).unwrap();
            assert_eq!(shown(&value), shows, "{cell}");
        }
    }

    #[test]
    fn what_another_notation_means_is_not_guessed() {
        for (ty, cell) in [
            (TEXT, ""),
            (TEXT, "\\x"),
            (FieldType::Integer, ""),
            (FieldType::Integer, "+4"),
            (FieldType::Integer, "04"),
            (FieldType::Integer, "4.0"),
            (FieldType::Integer, " 4"),
            (FieldType::Integer, "9223372036854775808"),
            (FieldType::Integer, "\\E"),
            (DECIMAL, "1.234"),
            (DECIMAL, "1,5"),
            (DECIMAL, "1.234,50"),
            (DECIMAL, ".5"),
            (DECIMAL, "5."),
            (DECIMAL, "01.50"),
            (DECIMAL, "1e3"),
            (FieldType::Date, "29.02.2024"),
            (FieldType::Date, "20240229"),
            (FieldType::Date, "2023-02-29"),
            (FieldType::Timestamp, "2024-02-29"),
            (FieldType::Timestamp, "2024-02-29T01:02:03"),
            (FieldType::Timestamp, "2024-02-29 01:02:03."),
            (FieldType::Timestamp, "2024-02-29 01:02:03.0000001"),
            (FieldType::Instant, "2024-02-29 01:02:03"),
            (FieldType::Boolean, "TRUE"),
            (FieldType::Boolean, "1"),
            (FieldType::Bytes, "0"),
            (FieldType::Bytes, "zz"),
        ] {
            assert!(parsed(cell, &ty).is_err(), "{ty} {cell}");
        }
    }
}
