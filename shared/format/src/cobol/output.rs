//! From an integer to the column's value: where the decimal point goes, and what does not fit.

use domain::amount::{Amount, AmountError, DIGITS_MAX};
use domain::constraint::ReasonCode;
use domain::record::{self, Tag};
use domain::value::{FieldType, Value};

use super::Reject;
use super::decoder::FieldValue;

/// What the numbers of one field become.
#[derive(Debug, Clone, Copy)]
pub(super) enum Output {
    Integer {
        /// The value of the last stored digit.
        factor: i128,
    },
    Decimal {
        /// How many of the column's units the last stored digit is.
        factor: i128,
        /// The column's digits after the point, and in all.
        scale: u8,
        precision: u8,
        /// The first magnitude that does not fit.
        end: i128,
    },
    /// All digits of the picture, so that the zeros of a number that merely names something are kept.
    Text {
        factor: i128,
        scale: u8,
        /// Digits before the point.
        whole: usize,
        chars_max: u32,
    },
}

impl Output {
    /// Fails, with a sentence for the layout's author, where a column cannot hold what the picture may.
    pub(super) fn new(digits: u8, picture_scale: i8, column: &FieldType) -> Result<Self, String> {
        let behind = u8::try_from(picture_scale).unwrap_or(0);
        let factor = |behind: u8| {
            let exponent = i16::from(behind) - i16::from(picture_scale);
            u32::try_from(exponent).ok().and_then(|exponent| 10_i128.checked_pow(exponent))
        };
        match *column {
            FieldType::Integer if behind == 0 => factor(0)
                .map(|factor| Self::Integer { factor })
                .ok_or_else(|| "more digits than a number can have".to_owned()),
            FieldType::Integer => Err(format!("an integer column would lose {behind} decimal places")),
            FieldType::Decimal { precision, scale } => {
                let end =
                    10_i128.checked_pow(precision.into()).filter(|_| (1..=DIGITS_MAX).contains(&precision));
                let (Some(end), true) = (end, scale <= precision) else {
                    return Err(format!("{column} does not fit {DIGITS_MAX} digits"));
                };
                if scale < behind {
                    return Err(format!("{column} would lose some of the {behind} decimal places"));
                }
                let factor = factor(scale).ok_or_else(|| format!("{column} is too small for the picture"))?;
                Ok(Self::Decimal { factor, scale, precision, end })
            }
            FieldType::Text { chars_max } => {
                let factor = factor(behind).ok_or_else(|| "more digits than a number can have".to_owned())?;
                let whole = i16::from(digits) - i16::from(picture_scale);
                Ok(Self::Text {
                    factor,
                    scale: behind,
                    whole: usize::try_from(whole).unwrap_or(0),
                    chars_max,
                })
            }
            FieldType::Date | FieldType::Timestamp => {
                Err(format!("a {column} column needs a date format for the number's digits; name it"))
            }
            FieldType::Instant => {
                Err("a timestamptz column needs text with an offset from UTC, not a number".to_owned())
            }
            FieldType::Boolean => {
                Err("a boolean column needs text, not a number; read the field as text".to_owned())
            }
            FieldType::Bytes => Err("a bytes column takes the field unchanged".to_owned()),
        }
    }

    /// Appends the field in canonical form.
    pub(super) fn put(&self, integer: i128, out: &mut Vec<u8>) -> Result<FieldValue, Reject> {
        match *self {
            Self::Integer { factor } => {
                let value = times(integer, factor).and_then(|value| i64::try_from(value).ok());
                let value = value.ok_or_else(|| {
                    Reject::new(ReasonCode::TooLong, format!("{integer} does not fit a 64-bit integer"))
                })?;
                record::put(out, &Value::Integer(value));
                Ok(FieldValue::Integer(value))
            }
            Self::Decimal { factor, scale, precision, end } => {
                let mantissa = times(integer, factor).filter(|mantissa| *mantissa < end && *mantissa > -end);
                let amount = mantissa.and_then(|mantissa| Amount::new(mantissa, scale).ok());
                let amount = amount.ok_or_else(|| {
                    Reject::new(
                        ReasonCode::TooLong,
                        format!("the digits {integer} do not fit a decimal({precision},{scale})"),
                    )
                })?;
                record::put(out, &Value::Decimal(amount));
                Ok(FieldValue::Decimal(amount))
            }
            Self::Text { factor, scale, whole, chars_max } => {
                let amount = times(integer, factor)
                    .ok_or(AmountError::TooManyDigits)
                    .and_then(|mantissa| Amount::new(mantissa, scale))
                    .map_err(|error| Reject::new(ReasonCode::TooLong, format!("{integer}: {error}")))?;
                text(out, chars_max, |out| write_padded(amount, whole, out))
            }
        }
    }
}

fn times(integer: i128, factor: i128) -> Option<i128> {
    if factor == 1 { Some(integer) } else { integer.checked_mul(factor) }
}

/// Zeros in front up to `whole` digits before the point, and the sign before them.
fn write_padded(amount: Amount, whole: usize, out: &mut Vec<u8>) {
    if amount.mantissa() < 0 {
        out.push(b'-');
    }
    // At least one digit is written in any case.
    let present = usize::from(amount.digits().saturating_sub(amount.scale()).max(1));
    out.resize(out.len() + whole.saturating_sub(present), b'0');
    amount.abs().write_to(out);
}

/// Appends a field of text that `write` writes in ASCII.
pub(super) fn text(
    out: &mut Vec<u8>,
    chars_max: u32,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<FieldValue, Reject> {
    let start = open_text(out);
    write(out);
    let chars = out.len() - start;
    if chars > chars_max as usize {
        return Err(too_long(chars, chars_max));
    }
    Ok(close_text(out, start))
}

#[cold]
pub(super) fn too_long(chars: usize, chars_max: u32) -> Reject {
    Reject::new(ReasonCode::TooLong, format!("{chars} characters; the maximum is {chars_max}"))
}

/// Appends the beginning of a field of text whose length is not known yet; returns where its content begins.
pub(super) fn open_text(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[Tag::Text as u8, 0, 0, 0, 0]);
    out.len()
}

/// Sets the length of the field of text whose content begins at `start`.
pub(super) fn close_text(out: &mut [u8], start: usize) -> FieldValue {
    let end = out.len();
    // A field is a part of a record, which is bounded far below 4 GiB, and no byte becomes more than three.
    #[allow(clippy::cast_possible_truncation, reason = "bounded by record_bytes_max")]
    let length = (end - start) as u32;
    out[start - 4..start].copy_from_slice(&length.to_be_bytes());
    FieldValue::Text { start, end }
}
