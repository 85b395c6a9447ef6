//! Records of fields at fixed positions, encoded field by field.

use domain::record::{RawField, Tag};
use domain::round_trip::{Equivalence, Equivalences};

use super::characters::Characters;
use super::written::Written;
use super::{Counts, Differs, stripped};
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
            Ok(Column { start, length, trim: of.trim, written, nulls })
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
            let forms = source.and_then(|source| column.prove(value, source, characters, text, room));
            let found = source.map(|source| (column.start, source, room.as_slice()));
            counts.settle(index, value, forms, found)?;
        }
        if known == columns.len() { Ok(()) } else { Err(Differs::of_record("the number of fields")) }
    }
}

impl Column {
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
