//! Values as text spells them: the usual notation of each, and whether another one means the same.

use domain::record::{RawField, Tag};
use domain::round_trip::{Equivalence, Equivalences};
use domain::value::FieldType;

use super::moments::Moments;
use super::notation::Number;
use crate::field::FieldForm;
use crate::numbers::NumberFormat;

/// The texts for true and false where the job names none; capitals mean the same.
const TRUTHS: ([&str; 5], [&str; 5]) = (["true", "t", "1", "yes", "y"], ["false", "f", "0", "no", "n"]);

/// How values of one field are written as text.
#[derive(Debug, Clone)]
pub(super) enum Written {
    Text,
    Integer(NumberFormat),
    Decimal {
        format: NumberFormat,
        scale: u8,
        /// The point is not written.
        is_implied: bool,
    },
    Date(Moments),
    Timestamp(Moments),
    Instant(Moments),
    Boolean {
        truths: Option<(Vec<String>, Vec<String>)>,
    },
    Bytes,
}

impl Written {
    pub(super) fn new(ty: &FieldType, form: &FieldForm) -> Result<Self, String> {
        let format = || form.numbers.clone().unwrap_or_default();
        Ok(match *ty {
            FieldType::Text { .. } => Self::Text,
            FieldType::Integer => Self::Integer(format()),
            FieldType::Decimal { scale, .. } => {
                Self::Decimal { format: format(), scale, is_implied: form.implied_point }
            }
            FieldType::Date => Self::Date(Moments::new(form)),
            FieldType::Timestamp => Self::Timestamp(Moments::new(form)),
            FieldType::Instant => Self::Instant(Moments::new(form)),
            FieldType::Boolean => Self::Boolean { truths: form.truths.clone() },
            FieldType::Bytes => Self::Bytes,
        })
    }

    /// Appends the usual notation of a value that is not NULL; `None` where the value is not of the field's type.
    pub(super) fn write(&self, value: RawField<'_>, out: &mut Vec<u8>) -> Option<()> {
        match (self, value.tag) {
            (Self::Text, Tag::Text) => out.extend_from_slice(value.content),
            (Self::Integer(_), Tag::Integer) => {
                integer(i64::from_be_bytes(value.content.try_into().ok()?), out)
            }
            (Self::Decimal { format, scale, is_implied }, Tag::Decimal) => {
                let places = usize::from(*scale);
                let point = value.content.len().checked_sub(places + 1);
                match (places, is_implied) {
                    (0, _) => out.extend_from_slice(value.content),
                    (_, true) => {
                        out.extend_from_slice(value.content.get(..point?)?);
                        out.extend_from_slice(value.content.get(point? + 1..)?);
                    }
                    (_, false) => {
                        (value.content.get(point?) == Some(&b'.')).then_some(())?;
                        let start = out.len();
                        out.extend_from_slice(value.content);
                        if format.decimal != '.' {
                            out.truncate(start + point?);
                            out.extend_from_slice(format.decimal.encode_utf8(&mut [0; 4]).as_bytes());
                            out.extend_from_slice(value.content.get(point? + 1..)?);
                        }
                    }
                }
            }
            (Self::Date(moments), Tag::Date)
            | (Self::Timestamp(moments), Tag::Timestamp)
            | (Self::Instant(moments), Tag::Instant) => moments.write(value.tag, value.content, out)?,
            (Self::Boolean { truths }, Tag::Boolean) => {
                let is_true = value.content == [1];
                let text = match truths {
                    Some((yes, no)) => (if is_true { yes } else { no }).first()?.as_str(),
                    None => (if is_true { TRUTHS.0 } else { TRUTHS.1 })[0],
                };
                out.extend_from_slice(text.as_bytes());
            }
            (Self::Bytes, Tag::Bytes) => out.extend_from_slice(domain::hex::encode(value.content).as_bytes()),
            _ => return None,
        }
        Some(())
    }

    /// Whether `text`, in any notation, is a value that is not NULL.
    pub(super) fn means(&self, value: RawField<'_>, text: &str) -> bool {
        let mut usual = Vec::new();
        match self {
            Self::Text => value.tag == Tag::Text && value.content == text.as_bytes(),
            _ if value.tag == Tag::Null => false,
            _ if self.write(value, &mut usual).is_some_and(|()| usual == text.as_bytes()) => true,
            _ => self.other_notation(value, text.as_bytes()).is_some(),
        }
    }

    /// Whether `text`, which is not the usual notation, means the value all the same.
    pub(super) fn other_notation(&self, value: RawField<'_>, text: &[u8]) -> Option<Equivalences> {
        let only = |one: Equivalence, is_same: bool| is_same.then_some(Equivalences::only(one));
        match (self, value.tag) {
            (Self::Integer(format), Tag::Integer) => {
                let mut usual = Vec::with_capacity(20);
                integer(i64::from_be_bytes(value.content.try_into().ok()?), &mut usual);
                numbers(&usual, text, format, None)
            }
            (Self::Decimal { format, scale, is_implied }, Tag::Decimal) => {
                numbers(value.content, text, format, is_implied.then_some(*scale))
            }
            (Self::Date(moments), Tag::Date) | (Self::Timestamp(moments), Tag::Timestamp) => {
                only(Equivalence::Date, moments.is_other(value.tag, value.content, text))
            }
            (Self::Instant(moments), Tag::Instant) => {
                only(Equivalence::Date, moments.is_instant(value.content, text))
            }
            (Self::Boolean { truths }, Tag::Boolean) => {
                let is_true = value.content == [1];
                let is_same = match truths {
                    Some((yes, no)) => {
                        (if is_true { yes } else { no }).iter().any(|one| one.as_bytes() == text)
                    }
                    None => (if is_true { TRUTHS.0 } else { TRUTHS.1 })
                        .iter()
                        .any(|one| one.as_bytes().eq_ignore_ascii_case(text)),
                };
                only(Equivalence::Truth, is_same)
            }
            (Self::Bytes, Tag::Bytes) => {
                let digits = domain::hex::encode(value.content);
                only(Equivalence::Hexadecimal, digits.as_bytes().eq_ignore_ascii_case(text))
            }
            _ => None,
        }
    }
}

/// Whether both texts are the same number: the first as SQL writes it, the second in `format`, or without its point.
fn numbers(usual: &[u8], text: &[u8], format: &NumberFormat, implied: Option<u8>) -> Option<Equivalences> {
    let wanted = Number::of(std::str::from_utf8(usual).ok()?, &NumberFormat::default(), 0)?;
    let found = Number::of(std::str::from_utf8(text).ok()?, format, implied.unwrap_or(0))?;
    if !wanted.is_same(&found) {
        return None;
    }
    let notation = Equivalences::only(Equivalence::Notation);
    Some(if found.is_negative_zero() { notation.and(Equivalence::NegativeZero) } else { notation })
}

/// Appends an integer in decimal digits.
fn integer(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        #[allow(clippy::cast_possible_truncation, reason = "a digit")]
        let digit = (rest % 10) as u8;
        digits[at] = b'0' + digit;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}
