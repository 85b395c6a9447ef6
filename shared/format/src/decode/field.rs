//! One field of a delimited or fixed record: from the bytes that are its own to its value.

use domain::constraint::{ReasonCode, violations};
use domain::layout::Field;
use domain::value::Value;

use super::{Between, Shape};
use crate::delimited::{Piece, State};
use crate::fault::{Fault, quoted};
use crate::spec::{GroupSum, Trim};
use crate::text::Reader;

#[derive(Debug, Clone)]
pub(super) struct FieldReader {
    pub(super) reader: Reader,
    pub(super) trim: Trim,
    pub(super) required: bool,
    pub(super) sum_of: Option<GroupSum>,
    /// What stands for NULL, in place of what does so in the source.
    pub(super) nulls: Option<Vec<String>>,
    /// The text of the value that stands where the source has NULL.
    pub(super) default: Option<String>,
}

impl FieldReader {
    /// Whether a line that ends at `at` ends within the field. Text that is cut lost its blanks; of anything else
    /// there is no telling what it lost.
    pub(super) fn is_cut(&self, piece: &Piece, at: usize) -> bool {
        piece.start < at && at < piece.end && !matches!(self.reader, Reader::Text { .. })
    }

    pub(super) fn is_null(&self, piece: &Piece, bytes: &[u8], shape: &Shape) -> bool {
        let is_among = |nulls: &[String]| {
            let trimmed = trimmed(bytes, self.trim);
            nulls.iter().any(|null| bytes == null.as_bytes() || trimmed == null.as_bytes())
        };
        match (shape, &self.nulls) {
            (Shape::Delimited(_), Some(nulls)) => piece.state == State::Plain && is_among(nulls),
            (Shape::Fixed(_), Some(nulls)) => trimmed(bytes, self.trim).is_empty() || is_among(nulls),
            (Shape::Delimited(Between { null, .. }), None) => {
                piece.state == State::Plain && (bytes == null || trimmed(bytes, self.trim) == null)
            }
            (Shape::Fixed(_), None) | (Shape::Copybook(_), _) => trimmed(bytes, self.trim).is_empty(),
        }
    }

    pub(super) fn value<'a>(
        &'a self,
        piece: &Piece,
        bytes: &'a [u8],
        shape: &Shape,
    ) -> Result<Value<'a>, Fault> {
        match piece.state {
            State::Raw => Ok(Value::Bytes(bytes)),
            State::Absent => self.of_nothing(),
            State::Undecodable => Err(Fault::new(
                ReasonCode::Encoding,
                "a byte of the field is not a character of the source's encoding",
            )),
            State::Control => Err(control(bytes)),
            State::Misescaped => Err(Fault::new(
                ReasonCode::Quoting,
                format!("{} holds an escape that stands for nothing known", quoted(bytes)),
            )),
            State::Misquoted => Err(Fault::new(
                ReasonCode::Quoting,
                format!("{} continues after its closing quote", quoted(bytes)),
            )),
            State::Plain | State::Quoted if self.is_null(piece, bytes, shape) => self.of_nothing(),
            State::Plain | State::Quoted => self.reader.read(trimmed(bytes, self.trim)),
        }
    }
}

impl FieldReader {
    /// The value where the source has NULL.
    pub(super) fn of_nothing(&self) -> Result<Value<'_>, Fault> {
        match &self.default {
            None => Ok(Value::Null),
            Some(text) => self.reader.read(text.as_bytes()),
        }
    }

    /// Refuses a default that the field itself could not hold.
    pub(super) fn check_default(&self, field: &Field) -> Result<(), String> {
        let Some(text) = &self.default else { return Ok(()) };
        let value = self.of_nothing().map_err(|fault| format!("default `{text}`: {}", fault.detail))?;
        let mut broken = Vec::new();
        violations(&field.name, &field.constraints, &value, None, &mut broken);
        broken.pop().map_or(Ok(()), |reason| Err(format!("default `{text}`: {}", reason.detail)))
    }
}

#[cold]
fn control(bytes: &[u8]) -> Fault {
    let found = bytes.iter().position(|byte| (0x80..0xA0).contains(byte)).unwrap_or(0);
    Fault::new(
        ReasonCode::Encoding,
        format!(
            "byte {found} of the field (x'{:02x}') is a control character in the source's encoding; in windows-1252 \
             and its kin it is a letter or a sign: set `encoding` to what the file is, or `control_characters` to keep",
            bytes.get(found).copied().unwrap_or_default()
        ),
    )
}

/// Only spaces are blanks: a tab or a no-break space is data.
pub(super) fn trimmed(bytes: &[u8], trim: Trim) -> &[u8] {
    if trim == Trim::None {
        return bytes;
    }
    let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    let start = match trim {
        Trim::Both => bytes[..end].iter().position(|byte| *byte != b' ').unwrap_or(end),
        _ => 0,
    };
    &bytes[start..end]
}
