//! Literals as they are written in SQL, read exactly.

use jiff::civil::{Date, DateTime};
use sqlparser::ast::{DataType, TimezoneInfo, TypedString, Value as Written};

use super::expr::{Kind, Scalar};
use super::{Place, PredicateError};
use crate::amount::Amount;
use crate::value::Literal;

pub(super) fn plain(value: &Written, place: Place) -> Result<(Scalar, Kind), PredicateError> {
    Ok(match value {
        Written::Number(text, false) => number(text, place)?,
        Written::SingleQuotedString(text) => (Scalar::Literal(Literal::Text(text.clone())), Kind::Text),
        Written::Boolean(truth) => (Scalar::Literal(Literal::Boolean(*truth)), Kind::Boolean),
        Written::Null => (Scalar::Null, Kind::Null),
        Written::Placeholder(name) => {
            return Err(place.error(format!("the placeholder {name} is not supported in rules")));
        }
        Written::HexStringLiteral(_) => {
            return Err(place.error("hexadecimal literals are not supported in rules"));
        }
        other => {
            return Err(place.error(format!("the literal {other} is not supported; write '...' for text")));
        }
    })
}

fn number(text: &str, place: Place) -> Result<(Scalar, Kind), PredicateError> {
    if text.contains(['e', 'E']) {
        return Err(place.error(format!("the exponent in {text} is not supported; write the number out")));
    }
    let amount: Amount = text.parse().map_err(|e| place.error(format!("the number {text}: {e}")))?;
    Ok(match i64::try_from(amount.mantissa()) {
        _ if text.contains('.') => (Scalar::Literal(Literal::Decimal(amount)), Kind::Decimal),
        Ok(integer) => (Scalar::Literal(Literal::Integer(integer)), Kind::Integer),
        // Whole, but longer than 64 bits.
        Err(_) => (Scalar::Literal(Literal::Decimal(amount)), Kind::Integer),
    })
}

/// `DATE '...'`, `TIMESTAMP '...'` and `TIMESTAMPTZ '...'`.
pub(super) fn typed(typed: &TypedString, place: Place) -> Result<(Scalar, Kind), PredicateError> {
    let Written::SingleQuotedString(text) = &typed.value.value else {
        return Err(place.error(format!("{} must be followed by '...'", typed.data_type)));
    };
    match &typed.data_type {
        DataType::Date => match date(text) {
            Some(date) => Ok((Scalar::Literal(Literal::Date(date)), Kind::Date)),
            None => Err(place.error(format!("'{text}' is not a date: write DATE 'YYYY-MM-DD'"))),
        },
        DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            match timestamp(text) {
                Some(at) => Ok((Scalar::Literal(Literal::Timestamp(at)), Kind::Timestamp)),
                None => Err(place.error(format!(
                    "'{text}' is not a timestamp: write TIMESTAMP 'YYYY-MM-DD HH:MM:SS' with at most six \
                     fractional digits in the seconds"
                ))),
            }
        }
        DataType::Timestamp(None, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
            match crate::instant::parse(text.as_bytes()).filter(|at| at.subsec_nanosecond() % 1000 == 0) {
                Some(at) => Ok((Scalar::Literal(Literal::Instant(at)), Kind::Instant)),
                None => Err(place.error(format!(
                    "'{text}' is not an instant: write TIMESTAMPTZ 'YYYY-MM-DD HH:MM:SSZ', or an offset in place of \
                     the Z, with at most six fractional digits in the seconds"
                ))),
            }
        }
        other => Err(place.error(format!("literals of type {other} are not supported in rules"))),
    }
}

fn date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?);
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn timestamp(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once(' ')?;
    let (date, time) = (date(day)?, time.as_bytes());
    if time.len() < 8 || time[2] != b':' || time[5] != b':' {
        return None;
    }
    let part = |at: usize| i8::try_from(digits(&time[at..at + 2])?).ok();
    let nanos = match &time[8..] {
        [] => 0,
        [b'.', fraction @ ..] if (1..=6).contains(&fraction.len()) => {
            let missing = u32::try_from(9 - fraction.len()).ok()?;
            digits(fraction)? * 10_i32.pow(missing)
        }
        _ => return None,
    };
    let (hour, minute, second) = (part(0)?, part(3)?, part(6)?);
    DateTime::new(date.year(), date.month(), date.day(), hour, minute, second, nanos).ok()
}

/// The number that up to nine digits make; `None` if anything else is among them.
fn digits(text: &[u8]) -> Option<i32> {
    text.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i32::from(byte - b'0')))
}
