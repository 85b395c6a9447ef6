//! Text: what is padding, what is missing, and which characters the rest is.

use domain::constraint::ReasonCode;
use domain::record;
use domain::value::{FieldType, Value};
use memchr::memchr;

use super::decoder::FieldValue;
use super::output::{close_text, open_text, too_long};
use super::spec::{Empty, FieldSpec, HighValues, LowValues, TextForm};
use super::{Reject, quoted};
use crate::codepage::CodePage;
use crate::field::{FieldForm, Trim};
use crate::text::Reader;

/// Reads the text of one field.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    page: &'static CodePage,
    pads: Pads,
    empty: Empty,
    low_values: LowValues,
    high_values: HighValues,
    target: Target,
}

#[derive(Debug, Clone)]
enum Target {
    Text {
        chars_max: u32,
    },
    /// What the text spells.
    Other(Reader),
}

/// Where padding is, and of which bytes.
#[derive(Debug, Clone, Copy)]
struct Pads {
    start: bool,
    end: bool,
    space: Option<u8>,
    low_values: bool,
}

impl Pads {
    fn is_pad(self, byte: u8) -> bool {
        Some(byte) == self.space || (byte == 0 && self.low_values)
    }

    fn strip(self, bytes: &[u8]) -> &[u8] {
        let mut rest = bytes;
        if self.end {
            while let [front @ .., last] = rest
                && self.is_pad(*last)
            {
                rest = front;
            }
        }
        if self.start {
            while let [first, back @ ..] = rest
                && self.is_pad(*first)
            {
                rest = back;
            }
        }
        rest
    }
}

impl Texts {
    /// Fails, with a sentence for the layout's author, on a form that the column cannot be read with.
    pub(super) fn new(form: &TextForm, spec: &FieldSpec) -> Result<Self, String> {
        let target = match spec.column {
            FieldType::Text { chars_max } => Target::Text { chars_max },
            ref other => {
                let field = FieldForm {
                    trim: form.trim,
                    pattern: form.pattern.clone(),
                    truths: form.truths.clone(),
                    ..FieldForm::default()
                };
                Target::Other(Reader::new(other, &field)?)
            }
        };
        let both = form.trim == Trim::Both;
        Ok(Self {
            page: spec.page,
            pads: Pads {
                start: both || form.justified,
                end: both || !form.justified,
                space: (form.trim != Trim::None).then(|| spec.page.space()),
                low_values: form.low_values == LowValues::Padding,
            },
            empty: form.empty,
            low_values: form.low_values,
            high_values: form.high_values,
            target,
        })
    }

    /// Appends the field in canonical form.
    pub(super) fn put(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<FieldValue, Reject> {
        if let Some(0x00 | 0xFF) = bytes.first()
            && let Some(is_null) = self.filled(bytes)
        {
            return is_null.map(|()| null(out));
        }
        let text = self.pads.strip(bytes);
        if text.is_empty() && (self.empty == Empty::Null || !matches!(self.target, Target::Text { .. })) {
            return Ok(null(out));
        }
        if memchr(0, text).is_some() {
            return Err(nul(bytes));
        }
        match &self.target {
            Target::Text { chars_max } => {
                // Each byte is one character.
                if text.len() > *chars_max as usize {
                    return Err(too_long(text.len(), *chars_max));
                }
                let start = open_text(out);
                self.decode(text, out)?;
                Ok(close_text(out, start))
            }
            Target::Other(reader) => {
                let start = out.len();
                self.decode(text, out)?;
                let (value, written) = owned(reader.read(&out[start..])?)?;
                out.truncate(start);
                record::put(out, &value);
                Ok(written)
            }
        }
    }

    /// Whether the field is all low-values or all high-values and that decides: for NULL, or for a reject.
    fn filled(&self, bytes: &[u8]) -> Option<Result<(), Reject>> {
        let first = bytes.first()?;
        if bytes.iter().any(|byte| byte != first) {
            return None;
        }
        let what = match (first, self.low_values, self.high_values) {
            (0x00, LowValues::Null, _) | (0xFF, _, HighValues::Null) => return Some(Ok(())),
            (0x00, LowValues::Reject, _) => "low-values (x'00')",
            (0xFF, _, HighValues::Reject) => "high-values (x'ff')",
            _ => return None,
        };
        Some(Err(Reject::new(ReasonCode::Encoding, format!("only {what} where text is expected"))))
    }

    fn decode(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Reject> {
        self.page.decode_into(text, out).map_err(|error| {
            Reject::new(ReasonCode::Encoding, format!("{}: {error} {}", quoted(text), self.page.name()))
        })
    }
}

#[cold]
fn nul(bytes: &[u8]) -> Reject {
    Reject::new(
        ReasonCode::Encoding,
        format!(
            "{}: a low-value (x'00') among the characters, which a text column cannot hold",
            quoted(bytes)
        ),
    )
}

/// Appends NULL to the record's canonical form in `out`.
pub(super) fn null(out: &mut Vec<u8>) -> FieldValue {
    record::put(out, &Value::Null);
    FieldValue::Null
}

/// The value, twice, which must not borrow from the text it was read from: none but text and bytes do.
fn owned(value: Value<'_>) -> Result<(Value<'static>, FieldValue), Reject> {
    Ok(match value {
        Value::Null => (Value::Null, FieldValue::Null),
        Value::Integer(integer) => (Value::Integer(integer), FieldValue::Integer(integer)),
        Value::Decimal(amount) => (Value::Decimal(amount), FieldValue::Decimal(amount)),
        Value::Date(date) => (Value::Date(date), FieldValue::Date(date)),
        Value::Timestamp(at) => (Value::Timestamp(at), FieldValue::Timestamp(at)),
        Value::Instant(at) => (Value::Instant(at), FieldValue::Instant(at)),
        Value::Boolean(truth) => (Value::Boolean(truth), FieldValue::Boolean(truth)),
        Value::Text(_) | Value::Bytes(_) => {
            return Err(Reject::new(ReasonCode::Type, "the column's type cannot be read from text"));
        }
    })
}
