//! What value a field's text spells. Nothing is rounded, cut or guessed: what does not fit exactly is a fault.

use domain::amount::{Amount, AmountError};
use domain::constraint::ReasonCode;
use domain::value::{FieldType, Value};
use memchr::memchr;

use super::fault::{Fault, bad_utf8, not_a, quoted};
use super::field::FieldForm;
use super::instant::Instants;
use super::numbers::NumberFormat;
use super::patterns::Patterns;

const TRUE_TEXTS: [&str; 5] = ["true", "t", "1", "yes", "y"];
const FALSE_TEXTS: [&str; 5] = ["false", "f", "0", "no", "n"];

/// Appends ISO 8859-1 text in UTF-8.
pub(super) fn latin1_to_utf8(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        let mut buffer = [0; 2];
        out.extend_from_slice(char::from(byte).encode_utf8(&mut buffer).as_bytes());
    }
}

impl FieldForm {
    /// Whether values of `ty` can be read as the form says.
    ///
    /// # Errors
    /// A sentence for the job's author: a date format without a year, with a time zone, and the like.
    pub fn check(&self, ty: &FieldType) -> Result<(), String> {
        Reader::new(ty, self).map(drop)
    }
}

/// Reads the text of one field.
#[derive(Debug, Clone)]
pub(super) enum Reader {
    Text {
        chars_max: u32,
    },
    Integer {
        numbers: Option<NumberFormat>,
    },
    Decimal {
        precision: u8,
        scale: u8,
        mantissa_end: i128,
        implied_point: bool,
        numbers: Option<NumberFormat>,
    },
    Date(Patterns),
    Timestamp(Patterns),
    Instant(Instants),
    Boolean {
        truths: Option<(Vec<String>, Vec<String>)>,
    },
    /// What is left to it are digits that the decoder found not to be hexadecimal.
    Bytes,
}

impl Reader {
    pub(super) fn new(ty: &FieldType, form: &FieldForm) -> Result<Self, String> {
        let patterns = |default: &str| Patterns::new(form, default);
        Ok(match *ty {
            FieldType::Text { chars_max } => Self::Text { chars_max },
            FieldType::Integer => Self::Integer { numbers: form.numbers.clone() },
            FieldType::Decimal { precision, scale } => {
                let mantissa_end = 10_i128.checked_pow(precision.into());
                match mantissa_end.filter(|_| scale <= precision) {
                    Some(mantissa_end) => Self::Decimal {
                        precision,
                        scale,
                        mantissa_end,
                        implied_point: form.implied_point,
                        numbers: form.numbers.clone(),
                    },
                    None => return Err(format!("{ty} does not fit 38 digits")),
                }
            }
            FieldType::Date => Self::Date(patterns("%Y-%m-%d")?),
            FieldType::Timestamp => Self::Timestamp(patterns("%Y-%m-%d %H:%M:%S%.f")?),
            FieldType::Instant => Self::Instant(Instants::new(form)?),
            FieldType::Boolean => Self::Boolean { truths: form.truths.clone() },
            FieldType::Bytes => Self::Bytes,
        })
    }

    pub(super) fn read<'a>(&self, text: &'a [u8]) -> Result<Value<'a>, Fault> {
        match self {
            Self::Text { chars_max } => read_text(text, *chars_max).map(Value::Text),
            Self::Integer { numbers: None } => read_integer(text).map(Value::Integer),
            Self::Integer { numbers: Some(format) } => {
                let plain = plain(text, format)?;
                // Decimal places of zeros are those of an integer.
                let whole =
                    plain.split_once('.').filter(|(_, places)| places.bytes().all(|byte| byte == b'0'));
                read_integer(whole.map_or(plain.as_str(), |(whole, _)| whole).as_bytes())
                    .map(Value::Integer)
                    .map_err(|_| not_a(text, "is not an integer"))
            }
            Self::Decimal { precision, scale, mantissa_end, implied_point: false, numbers } => {
                match numbers {
                    None => read_decimal(text, *precision, *scale, *mantissa_end).map(Value::Decimal),
                    Some(format) => {
                        let plain = plain(text, format)?;
                        read_decimal(plain.as_bytes(), *precision, *scale, *mantissa_end).map(Value::Decimal)
                    }
                }
            }
            Self::Decimal { precision, scale, mantissa_end, .. } => {
                if memchr(b'.', text).is_some() {
                    return Err(not_a(text, "has a decimal point, although its position is fixed"));
                }
                let whole = read_decimal(text, *precision, 0, *mantissa_end)?;
                let amount = Amount::new(whole.mantissa(), *scale);
                amount.map(Value::Decimal).map_err(|error| too_long(text, error))
            }
            Self::Date(patterns) => patterns.date(text).map(Value::Date),
            Self::Timestamp(patterns) => patterns.timestamp(text).map(Value::Timestamp),
            Self::Instant(instants) => instants.read(text).map(Value::Instant),
            Self::Boolean { truths } => match truth(text, truths.as_ref()) {
                Some(truth) => Ok(Value::Boolean(truth)),
                None => Err(not_a(text, "is not a boolean")),
            },
            Self::Bytes => Err(not_a(text, "is not an even number of hexadecimal digits")),
        }
    }
}

impl Reader {
    /// An amount that was computed, held to the type as if it had been read.
    pub(super) fn fits(&self, amount: Amount) -> Result<Value<'static>, Fault> {
        match self {
            Self::Integer { .. } => {
                match amount.rescale(0).ok().and_then(|whole| whole.mantissa().try_into().ok()) {
                    Some(integer) => Ok(Value::Integer(integer)),
                    None => Err(Fault::new(
                        ReasonCode::TooLong,
                        format!("{amount} does not fit a 64-bit integer"),
                    )),
                }
            }
            Self::Decimal { precision, scale, mantissa_end, .. } => match amount.rescale(*scale) {
                Ok(fit) if fit.mantissa() < *mantissa_end && fit.mantissa() > -mantissa_end => {
                    Ok(Value::Decimal(fit))
                }
                _ => {
                    let ty = FieldType::Decimal { precision: *precision, scale: *scale };
                    Err(Fault::new(ReasonCode::TooLong, format!("{amount} does not fit {ty}")))
                }
            },
            _ => Err(Fault::new(ReasonCode::Type, "a sum is a number")),
        }
    }
}

/// The number as SQL writes it.
fn plain(text: &[u8], format: &NumberFormat) -> Result<String, Fault> {
    let characters = std::str::from_utf8(text).map_err(|error| bad_utf8(&error))?;
    format.plain(characters).ok_or_else(|| not_a(text, "is not a number as `numbers` says it is written"))
}

#[cold]
fn too_long(text: &[u8], what: impl std::fmt::Display) -> Fault {
    Fault::new(ReasonCode::TooLong, format!("{} has {what}", quoted(text)))
}

fn read_text(bytes: &[u8], chars_max: u32) -> Result<&str, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| bad_utf8(&error))?;
    if let Some(at) = memchr(0, bytes) {
        return Err(Fault::new(
            ReasonCode::Encoding,
            format!("a NUL character at byte {at} of the field, which a text column cannot hold"),
        ));
    }
    let chars_max = chars_max as usize;
    // No text has more characters than bytes, so that most need no counting.
    if bytes.len() > chars_max {
        let chars = text.chars().count();
        if chars > chars_max {
            return Err(too_long(bytes, format_args!("{chars} characters; the maximum is {chars_max}")));
        }
    }
    Ok(text)
}

fn read_integer(text: &[u8]) -> Result<i64, Fault> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(not_a(text, "is not an integer"));
    }
    let value = |digit: &u8| i64::from(*digit - b'0');
    // Up to 18 digits cannot overflow.
    if digits.len() <= 18 {
        let magnitude = digits.iter().fold(0, |sum, digit| sum * 10 + value(digit));
        return Ok(if negative { -magnitude } else { magnitude });
    }
    // Summed below zero: that side reaches one further.
    let below = digits.iter().try_fold(0_i64, |sum, digit| sum.checked_mul(10)?.checked_sub(value(digit)));
    below
        .and_then(|below| if negative { Some(below) } else { below.checked_neg() })
        .ok_or_else(|| too_long(text, "more digits than a 64-bit integer can hold"))
}

fn read_decimal(text: &[u8], precision: u8, scale: u8, mantissa_end: i128) -> Result<Amount, Fault> {
    let too_many = || {
        let digits = precision - scale;
        too_long(text, format_args!("more than {digits} digits before the decimal point"))
    };
    let amount = Amount::parse_bytes(text).map_err(|error| match error {
        AmountError::NotANumber => not_a(text, "is not a decimal number"),
        other => too_long(text, other),
    })?;
    let amount = amount.rescale(scale).map_err(|error| match error {
        AmountError::WouldRound { .. } => too_long(text, error),
        _ => too_many(),
    })?;
    if amount.mantissa() >= mantissa_end || amount.mantissa() <= -mantissa_end {
        return Err(too_many());
    }
    Ok(amount)
}

fn truth(text: &[u8], truths: Option<&(Vec<String>, Vec<String>)>) -> Option<bool> {
    let (is_true, is_false) = match truths {
        Some((yes, no)) => {
            let among = |texts: &[String]| texts.iter().any(|one| one.as_bytes() == text);
            (among(yes), among(no))
        }
        None => {
            let among = |texts: &[&str]| texts.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(text));
            (among(&TRUE_TEXTS), among(&FALSE_TEXTS))
        }
    };
    if is_true { Some(true) } else { is_false.then_some(false) }
}
