//! The text that a field is made of: a column's, several columns', a part of one; and what of a column no part has.

use std::ops::Range;

use domain::constraint::ReasonCode;
use domain::value::Value;
use domain::words::counted;

use super::Found;
use crate::decode::Decoded;
use crate::fault::Fault;
use crate::stage::{FromText, Part, TextColumn, TextSource};

/// The text that a field is made of.
pub(super) fn text_of(from: &FromText, columns: &Decoded<'_>, room: &mut String) -> Result<Found, Fault> {
    let start = room.len();
    match &from.text {
        TextSource::Constant(_) => Ok(Found::Constant),
        TextSource::Column(column) => match put_text(*column, columns, room) {
            Some(true) => Ok(Found::Text(start..room.len())),
            Some(false) => Ok(Found::Nothing),
            None => Err(no_text()),
        },
        TextSource::Concat { columns: parts, separator } => {
            let mut missing = Vec::new();
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    room.push_str(separator);
                }
                let begin = room.len();
                match put_text(*part, columns, room) {
                    Some(true) => {}
                    Some(false) => missing.push(at + 1),
                    None => return Err(no_text()),
                }
                let has = room[begin..].chars().count();
                if separator.is_empty() && has > 0 && part.fixed_length() != Some(has) {
                    return Err(Fault::new(
                        ReasonCode::FieldCount,
                        format!("column {} of `concat` is not as long as its picture says", at + 1),
                    ));
                }
                let is_last = at + 1 == parts.len();
                if !separator.is_empty() && !is_last && room[begin..].contains(separator.as_str()) {
                    return Err(Fault::new(
                        ReasonCode::FieldCount,
                        format!("column {} of `concat` contains the separator", at + 1),
                    ));
                }
            }
            match missing.first() {
                None => Ok(Found::Text(start..room.len())),
                Some(_) if missing.len() == parts.len() => Ok(Found::Nothing),
                Some(at) => Err(Fault::new(
                    ReasonCode::Required,
                    format!("column {at} of `concat` is NULL, but not all of them are"),
                )),
            }
        }
        TextSource::Part { column, part, missing_is_null, .. } => {
            match put_text(*column, columns, room) {
                Some(true) => {}
                Some(false) => return Ok(Found::Nothing),
                None => return Err(no_text()),
            }
            match part.of(&room[start..]) {
                Some(place) => Ok(Found::Text(start + place.start..start + place.end)),
                None if *missing_is_null && part.is_absent(&room[start..]) => Ok(Found::Nothing),
                None => Err(Fault::new(ReasonCode::FieldCount, part.missing(&room[start..]))),
            }
        }
    }
}

#[cold]
fn no_text() -> Fault {
    Fault::new(ReasonCode::Type, "the column has no text that a field can be made of")
}

/// Appends the text of a column; false: it is NULL. `None`: it has none.
pub(super) fn put_text(of: TextColumn, columns: &Decoded<'_>, room: &mut String) -> Option<bool> {
    let start = room.len();
    match columns.values().get(of.column)? {
        Value::Null => return Some(false),
        Value::Text(text) => room.push_str(text),
        Value::Integer(number) => {
            let digits = number.unsigned_abs().to_string();
            put_digits(*number < 0, &digits, of.digits?, room);
        }
        Value::Decimal(amount) if amount.scale() == 0 => {
            let text = amount.to_string();
            put_digits(text.starts_with('-'), text.trim_start_matches('-'), of.digits?, room);
        }
        _ => return None,
    }
    if let Some(width) = of.width {
        let chars = room[start..].chars().count();
        room.extend(std::iter::repeat_n(' ', width.saturating_sub(chars)));
    }
    Some(true)
}

fn put_digits(is_negative: bool, digits: &str, width: usize, room: &mut String) {
    if is_negative {
        room.push('-');
    }
    room.extend(std::iter::repeat_n('0', width.saturating_sub(digits.len())));
    room.push_str(digits);
}

impl Part {
    /// Where the part is in a text, in bytes; `None` where the text does not have it.
    fn of(&self, text: &str) -> Option<Range<usize>> {
        match self {
            Self::Number { separator, number } => {
                let part = text.split(separator.as_str()).nth(*number)?;
                let start = part.as_ptr() as usize - text.as_ptr() as usize;
                Some(start..start + part.len())
            }
            Self::Chars { start, length } => {
                let place = |at: usize| match text.char_indices().nth(at) {
                    Some((place, _)) => Some(place),
                    None => (text.chars().count() == at).then_some(text.len()),
                };
                let first = place(*start)?;
                let end = match length {
                    None => text.len(),
                    Some(length) => place(start.checked_add(*length)?)?,
                };
                Some(first..end)
            }
        }
    }

    /// Whether nothing of the part is in the text.
    fn is_absent(&self, text: &str) -> bool {
        match self {
            Self::Number { .. } => true,
            Self::Chars { start, .. } => text.chars().count() <= *start,
        }
    }

    #[cold]
    fn missing(&self, text: &str) -> String {
        match self {
            Self::Number { separator, number } => {
                let parts = text.split(separator.as_str()).count();
                format!("the column has {}, and the field is part {}", counted(parts, "part"), number + 1)
            }
            Self::Chars { start, length } => {
                let chars = counted(text.chars().count(), "character");
                let end = start + length.unwrap_or(0);
                format!("the column has {chars}, and the field is characters {} to {end}", start + 1)
            }
        }
    }
}

/// How many bytes of a column are of no part, separators among them.
pub(super) fn uncovered(text: &str, parts: &[Part], in_utf8: bool) -> u64 {
    let size = |text: &str| if in_utf8 { text.len() } else { text.chars().count() } as u64;
    if let Some(Part::Number { separator, .. }) = parts.first() {
        let is_some_field =
            |at: usize| parts.iter().any(|part| matches!(part, Part::Number { number, .. } if *number == at));
        let all = text.split(separator.as_str()).enumerate();
        let (mut others, mut bytes, mut separators) = (0, 0, 0);
        for (at, part) in all {
            separators += u64::from(at > 0);
            if !is_some_field(at) {
                others += 1;
                bytes += size(part);
            }
        }
        return bytes + size(separator) * separators.min(others);
    }
    let is_some_field = |at: usize| {
        parts.iter().any(|part| match part {
            Part::Chars { start, length } => {
                *start <= at && length.is_none_or(|length| at < start.saturating_add(length))
            }
            Part::Number { .. } => false,
        })
    };
    let others = text.chars().enumerate().filter(|(at, _)| !is_some_field(*at));
    others.map(|(_, char)| if in_utf8 { char.len_utf8() as u64 } else { 1 }).sum()
}
