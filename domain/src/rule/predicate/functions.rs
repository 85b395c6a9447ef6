//! What the functions do. Unless its entry says otherwise, NULL among the arguments makes the result NULL.

use std::cmp::Ordering;
use std::ops::Range;

use jiff::civil::DateTime;

use super::eval::{Datum, Evaluated, foreign, order};
use super::expr::{Ends, Function, Part, Scalar};
use super::{Place, PredicateError};
use crate::amount::Amount;
use crate::value::Value;

pub(super) fn call<'a>(
    function: Function,
    arguments: &'a [Scalar],
    place: Place,
    row: &'a [Value<'a>],
) -> Evaluated<'a> {
    // The first argument decides most of it: no list of values needs to be built.
    let Some((first, rest)) = arguments.split_first() else { return Err(foreign()) };
    let datum = first.value(row)?;
    match function {
        Function::Coalesce => return coalesce(datum, rest, row),
        Function::Greatest => return extreme(datum, rest, Ordering::Greater, row),
        Function::Least => return extreme(datum, rest, Ordering::Less, row),
        Function::Nullif => return nullif(datum, rest, row),
        _ => {}
    }
    let second = rest.first().map(|scalar| scalar.value(row)).transpose()?;
    let third = rest.get(1).map(|scalar| scalar.value(row)).transpose()?;
    if datum.is_null() || [&second, &third].into_iter().flatten().any(Datum::is_null) {
        return Ok(Datum::NULL);
    }
    let value = datum.value();
    Ok(match function {
        Function::Abs => match value {
            Value::Integer(integer) if integer != i64::MIN => Datum::Plain(Value::Integer(integer.abs())),
            _ => number(&value)?.abs().into(),
        },
        Function::Sign => integer(i64::from(number(&value)?.mantissa().cmp(&0) as i8)),
        Function::Length => match value {
            Value::Bytes(bytes) => count(bytes.len()),
            _ => count(text(&value)?.chars().count()),
        },
        Function::OctetLength => match value {
            Value::Bytes(bytes) => count(bytes.len()),
            _ => count(text(&value)?.len()),
        },
        Function::Upper => Datum::Text(text(&value)?.to_uppercase()),
        Function::Lower => Datum::Text(text(&value)?.to_lowercase()),
        Function::Trim(ends) => {
            let what = match &second {
                None => ' ',
                Some(what) => one_character(what, place)?,
            };
            let range = trimmed(text(&value)?, what, ends);
            part_of(datum, range)
        }
        Function::Substring => {
            let start = whole(required(&second)?)?;
            let length = third.as_ref().map(whole).transpose()?;
            let range = substring(text(&value)?, start, length, place)?;
            part_of(datum, range)
        }
        Function::Left | Function::Right => {
            let wanted = whole(required(&second)?)?;
            if wanted < 0 {
                return Err(place.error(format!("cannot take {wanted} characters")));
            }
            let text = text(&value)?;
            let range = if function == Function::Left {
                0..after(text, wanted)
            } else {
                let all = i128::try_from(text.chars().count()).unwrap_or(i128::MAX);
                after(text, all - wanted)..text.len()
            };
            part_of(datum, range)
        }
        Function::StartsWith => {
            let prefix = required(&second)?.value();
            Datum::Plain(Value::Boolean(text(&value)?.starts_with(text(&prefix)?)))
        }
        Function::Position => {
            let (text, needle) = (text(&value)?, required(&second)?.value());
            match text.find(self::text(&needle)?) {
                Some(at) => count(text[..at].chars().count() + 1),
                None => integer(0),
            }
        }
        Function::Extract(part) => match value {
            Value::Date(date) => extract(part, date.at(0, 0, 0, 0))?,
            Value::Timestamp(at) => extract(part, at)?,
            _ => return Err(foreign()),
        },
        Function::Coalesce | Function::Greatest | Function::Least | Function::Nullif => {
            return Err(foreign());
        }
    })
}

/// The first that is not NULL; what follows it is not evaluated.
fn coalesce<'a>(first: Datum<'a>, rest: &'a [Scalar], row: &'a [Value<'a>]) -> Evaluated<'a> {
    let mut datum = first;
    for scalar in rest {
        if !datum.is_null() {
            break;
        }
        datum = scalar.value(row)?;
    }
    Ok(datum)
}

/// The greatest or least; NULL if any is NULL.
fn extreme<'a>(
    first: Datum<'a>,
    rest: &'a [Scalar],
    wanted: Ordering,
    row: &'a [Value<'a>],
) -> Evaluated<'a> {
    let mut best = first;
    for scalar in rest {
        let datum = scalar.value(row)?;
        match order(&datum.value(), &best.value())? {
            None => best = Datum::NULL,
            Some(order) if order == wanted => best = datum,
            Some(_) => {}
        }
    }
    Ok(best)
}

/// NULL if both are equal, or else the first.
fn nullif<'a>(first: Datum<'a>, rest: &'a [Scalar], row: &'a [Value<'a>]) -> Evaluated<'a> {
    let Some(second) = rest.first() else { return Err(foreign()) };
    let equal = order(&first.value(), &second.value(row)?.value())? == Some(Ordering::Equal);
    Ok(if equal { Datum::NULL } else { first })
}

fn text<'v>(value: &Value<'v>) -> Result<&'v str, PredicateError> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(foreign()),
    }
}

fn number(value: &Value<'_>) -> Result<Amount, PredicateError> {
    value.as_amount().ok_or_else(foreign)
}

/// A whole number, which may be longer than 64 bits.
fn whole(datum: &Datum<'_>) -> Result<i128, PredicateError> {
    let amount = number(&datum.value())?.rescale(0).map_err(|_| foreign())?;
    Ok(amount.mantissa())
}

fn required<'d, 'a>(datum: &'d Option<Datum<'a>>) -> Result<&'d Datum<'a>, PredicateError> {
    datum.as_ref().ok_or_else(foreign)
}

const fn integer(integer: i64) -> Datum<'static> {
    Datum::Plain(Value::Integer(integer))
}

fn count(count: usize) -> Datum<'static> {
    integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// That range of the text, borrowed if the text is.
fn part_of(datum: Datum<'_>, range: Range<usize>) -> Datum<'_> {
    match datum {
        Datum::Plain(Value::Text(text)) => Datum::Plain(Value::Text(&text[range])),
        Datum::Text(mut text) => {
            text.truncate(range.end);
            text.drain(..range.start);
            Datum::Text(text)
        }
        other => other,
    }
}

/// Where the first `chars` characters end.
fn after(text: &str, chars: i128) -> usize {
    match usize::try_from(chars.max(0)) {
        Ok(chars) => text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at),
        Err(_) => text.len(),
    }
}

/// The characters from `start` (from 1) on, `length` of them or all.
fn substring(
    text: &str,
    start: i128,
    length: Option<i128>,
    place: Place,
) -> Result<Range<usize>, PredicateError> {
    let from = after(text, start - 1);
    let to = match length {
        None => text.len(),
        Some(length) if length < 0 => {
            return Err(place.error(format!("a substring cannot be {length} characters long")));
        }
        Some(length) => after(text, (start - 1).saturating_add(length)),
    };
    Ok(from..to.max(from))
}

fn one_character(what: &Datum<'_>, place: Place) -> Result<char, PredicateError> {
    let value = what.value();
    let mut chars = text(&value)?.chars();
    match (chars.next(), chars.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(place.error(format!("trim removes exactly one character, not {value}"))),
    }
}

fn trimmed(text: &str, what: char, ends: Ends) -> Range<usize> {
    let start = if ends.leading { text.len() - text.trim_start_matches(what).len() } else { 0 };
    let end = if ends.trailing { text.trim_end_matches(what).len() } else { text.len() };
    // Of text that is all blanks both ends would take the whole.
    start..end.max(start)
}

fn extract(part: Part, at: DateTime) -> Result<Datum<'static>, PredicateError> {
    Ok(integer(match part {
        Part::Year => i64::from(at.year()),
        Part::Month => i64::from(at.month()),
        Part::Day => i64::from(at.day()),
        Part::Hour => i64::from(at.hour()),
        Part::Minute => i64::from(at.minute()),
        Part::Second => {
            let micros = i128::from(at.second()) * 1_000_000 + i128::from(at.subsec_nanosecond() / 1_000);
            return Amount::new(micros, 6).map(Datum::from).map_err(|_| foreign());
        }
    }))
}
