//! Records of fields at fixed positions, encoded field by field.

use std::ops::Range;

use domain::record::{RawField, Tag};
use domain::round_trip::{Equivalence, Equivalences};

use super::characters::Characters;
use super::written::Written;
use super::{CannotWrite, Counts, Differs, stripped};
use crate::field::{REST, Trim};
use crate::spec::{Fixed, FormatSpec};
use domain::layout::Layout;

#[derive(Debug, Clone)]
struct Column {
    start: usize,
    length: usize,
    trim: Trim,
    written: Written,
    /// The texts, in the source's encoding, that stand for NULL besides blanks.
    nulls: Vec<Vec<u8>>,
    /// The text of the value that stands where the source has NULL.
    default: Option<String>,
}

/// Encodes the records of one type.
#[derive(Debug, Clone)]
pub(super) struct FixedEncoder {
    columns: Vec<Column>,
    characters: Characters,
    /// Up to how many bytes blanks fill up a record.
    pads_to: usize,
    filled: Vec<u8>,
    text: Vec<u8>,
}

impl FixedEncoder {
    pub(super) fn new(form: &Fixed, spec: &FormatSpec, layout: &Layout) -> Result<Self, String> {
        let characters = Characters::new(spec.encoding);
        let columns = layout.fields.iter().zip(&spec.fields).map(|(field, of)| {
            let (start, length) = of.span.ok_or_else(|| format!("field `{}` has no position", field.name))?;
            let written =
                Written::new(&field.ty, of).map_err(|error| format!("field `{}`: {error}", field.name))?;
            let nulls = characters.nulls(of.nulls.as_deref().unwrap_or_default());
            Ok(Column { start, length, trim: of.trim, written, nulls, default: of.default.clone() })
        });
        Ok(Self {
            columns: columns.collect::<Result<_, String>>()?,
            characters,
            pads_to: if form.pads { form.record_bytes } else { 0 },
            filled: Vec::new(),
            text: Vec::new(),
        })
    }

    pub(super) fn prove<'a>(
        &mut self,
        record: &[u8],
        values: impl Iterator<Item = RawField<'a>>,
        room: &mut Vec<u8>,
        counts: &mut Counts,
    ) -> Result<(), Differs> {
        let Self { columns, characters, pads_to, filled, text } = self;
        let record = if record.len() < *pads_to {
            filled.clear();
            filled.extend_from_slice(record);
            filled.resize(*pads_to, b' ');
            filled
        } else {
            record
        };
        let mut known = 0;
        for (index, value) in values.enumerate() {
            let Some(column) = columns.get(index) else { break };
            known += 1;
            let end = match column.length {
                REST => record.len().max(column.start),
                length => column.start + length,
            };
            let source = record.get(column.start..end);
            let mut forms = source.and_then(|source| column.prove(value, source, characters, text, room));
            if value.tag == Tag::Null && column.default.is_some() {
                forms = None;
            }
            if forms.is_none() && column.is_default(value) {
                let null = RawField { tag: Tag::Null, content: &[] };
                let of_null = source.and_then(|source| column.prove(null, source, characters, text, room));
                forms = of_null.map(|forms| forms.and(Equivalence::Default));
            }
            let found = source.map(|source| (column.start, source, room.as_slice()));
            counts.settle(index, value, forms, found)?;
        }
        if known == columns.len() { Ok(()) } else { Err(Differs::of_record("the number of fields")) }
    }
}

impl FixedEncoder {
    /// Puts the usual form of a value into `room`; returns which bytes of the record are the field's at `index`.
    pub(super) fn form_of(
        &mut self,
        record: &mut Vec<u8>,
        index: usize,
        value: RawField<'_>,
        room: &mut Vec<u8>,
    ) -> Result<Range<usize>, CannotWrite> {
        let Self { columns, characters, pads_to, text, .. } = self;
        let column = columns.get(index).ok_or(CannotWrite::NoPlace)?;
        let end = match column.length {
            REST => record.len().max(column.start),
            length => column.start + length,
        };
        if column.start > record.len().max(*pads_to) || end > record.len().max(*pads_to) {
            return Err(CannotWrite::NoPlace);
        }
        let width = (column.length != REST).then_some(column.length);
        column.usual(value, width, characters, text, room).ok_or(CannotWrite::NoForm)?;
        if record.len() < end {
            // A short line stands for one that blanks fill up.
            record.resize(end, b' ');
        }
        Ok(column.start..end)
    }
}

impl Column {
    /// Whether the value may stand for a NULL in the source.
    fn is_default(&self, value: RawField<'_>) -> bool {
        self.default.as_deref().is_some_and(|text| self.written.means(value, text))
    }

    /// Puts the usual form of a value into `room`, `width` bytes of it; `None` where it does not fit. Numbers without
    /// a point are filled up with zeros, others with blanks in front where these are padding; all else with blanks
    /// behind.
    fn usual(
        &self,
        value: RawField<'_>,
        width: Option<usize>,
        characters: &Characters,
        text: &mut Vec<u8>,
        room: &mut Vec<u8>,
    ) -> Option<()> {
        room.clear();
        if matches!(self.written, Written::Bytes) {
            room.extend_from_slice(value.content);
            return (value.tag == Tag::Bytes && width.is_none_or(|width| width == room.len())).then_some(());
        }
        if value.tag == Tag::Null {
            if self.trim == Trim::None {
                // Blanks are data: only a marker of the field's own length stands for NULL.
                let marker = self.nulls.iter().find(|null| width.is_none_or(|width| null.len() == width));
                room.extend_from_slice(marker?);
            } else {
                room.resize(width.unwrap_or(0), characters.space());
            }
            return Some(());
        }
        text.clear();
        if let Written::Text = self.written {
            (value.tag == Tag::Text).then_some(())?;
            text.extend_from_slice(value.content);
        } else {
            self.written.write(value, text)?;
        }
        let is_number = matches!(self.written, Written::Integer(_) | Written::Decimal { .. });
        let is_implied = matches!(self.written, Written::Decimal { is_implied: true, .. });
        if let Some(width) = width.filter(|_| is_number && (is_implied || self.trim == Trim::None)) {
            let sign = usize::from(text.first() == Some(&b'-'));
            let zeros = width.checked_sub(text.len())?;
            text.splice(sign..sign, std::iter::repeat_n(b'0', zeros));
        }
        characters.append(text, room)?;
        if self.trim != Trim::None && room.is_empty() {
            // Nothing but padding is NULL.
            return None;
        }
        let Some(width) = width else { return Some(()) };
        let pads = width.checked_sub(room.len()).filter(|pads| *pads == 0 || self.trim != Trim::None)?;
        let at = if is_number && self.trim == Trim::Both { 0 } else { room.len() };
        room.splice(at..at, std::iter::repeat_n(characters.space(), pads));
        Some(())
    }

    fn prove(
        &self,
        value: RawField<'_>,
        source: &[u8],
        characters: &Characters,
        text: &mut Vec<u8>,
        room: &mut Vec<u8>,
    ) -> Option<Equivalences> {
        room.clear();
        if matches!(self.written, Written::Bytes) {
            room.extend_from_slice(value.content);
            return (value.tag == Tag::Bytes && room == source).then_some(Equivalences::NONE);
        }
        let space = characters.space();
        let held = stripped(source, self.trim, space);
        if value.tag == Tag::Null && held.is_empty() {
            return Some(Equivalences::NONE);
        }
        let is_marker = self.nulls.iter().any(|null| source == null || held == null);
        if value.tag == Tag::Null || is_marker {
            return (value.tag == Tag::Null && is_marker).then_some(Equivalences::only(Equivalence::Fill));
        }
        if let Written::Text = self.written {
            characters.append(value.content, room).filter(|()| value.tag == Tag::Text)?;
        } else {
            text.clear();
            self.written.write(value, text)?;
            characters.append(text, room)?;
        }
        // A field of nothing but padding is NULL, and no padding is left in a value.
        if held.is_empty() || stripped(room, self.trim, space).len() != room.len() {
            return None;
        }
        let pads = if source.starts_with(held) {
            Equivalences::NONE
        } else {
            Equivalences::only(Equivalence::Padding)
        };
        if held == room {
            return Some(pads);
        }
        let forms = match self.written {
            Written::Text => characters.other_codes(value.content, held)?,
            _ => self.written.other_notation(value, characters.text(held)?.as_bytes())?,
        };
        Some(forms.with(pads))
    }
}
