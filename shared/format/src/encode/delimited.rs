//! Records of fields between separators, encoded from their first byte to the last: separators, quotes and escapes as
//! well.
//!
//! After RFC 4180, section 2 (a field that holds a separator, a quote or a line end is quoted, and its quotes are
//! doubled); PostgreSQL, COPY, "Text Format", and MySQL, LOAD DATA, "FIELDS ESCAPED BY" (escapes without quotes).

mod replaced;

use domain::layout::Layout;
use domain::record::{RawField, Tag};
use domain::round_trip::{Equivalence, Equivalences};

use super::characters::Characters;
use super::written::Written;
use super::{Counts, Differs, stripped};
use crate::field::Trim;
use crate::lines::{Lines, Whole};
use crate::spec::{Delimited, FormatSpec};

#[derive(Debug, Clone)]
struct Column {
    trim: Trim,
    written: Written,
    /// Whether it takes all that is left of the record.
    is_rest: bool,
    /// The texts that stand for NULL, the usual one first.
    nulls: Vec<Vec<u8>>,
    /// The text of the value that stands where the source has NULL.
    default: Option<String>,
}

impl Column {
    /// Whether the value may stand for a NULL in the source.
    fn is_default(&self, value: RawField<'_>) -> bool {
        self.default.as_deref().is_some_and(|text| self.written.means(value, text))
    }
}

/// A NULL.
const NULL: RawField<'static> = RawField { tag: Tag::Null, content: &[] };

/// Encodes the records of one type.
#[derive(Debug, Clone)]
pub(super) struct DelimitedEncoder {
    /// The fields that are written; others are computed from them.
    columns: Vec<Column>,
    /// For each column of the source its field, if it has one; `None`: the columns are the fields, in their order.
    order: Option<Vec<Option<usize>>>,
    form: Form,
    lines: Lines,
    joined: Vec<u8>,
    text: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Form {
    separator: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    ends_with_separator: bool,
    missing_is_null: bool,
    characters: Characters,
}

/// A field as it stands in the record.
#[derive(Debug, Clone, Copy)]
struct Held<'a> {
    /// Its bytes, without its quotes.
    bytes: &'a [u8],
    is_quoted: bool,
}

impl DelimitedEncoder {
    pub(super) fn new(form: &Delimited, spec: &FormatSpec, layout: &Layout) -> Result<Self, String> {
        let characters = Characters::new(spec.encoding);
        let written = spec.fields.iter().take_while(|field| field.sum_of.is_none());
        let columns = layout.fields.iter().zip(written).map(|(field, of)| {
            let written =
                Written::new(&field.ty, of).map_err(|error| format!("field `{}`: {error}", field.name))?;
            let nulls = of.nulls.as_deref().unwrap_or(std::slice::from_ref(&form.null));
            let default = of.default.clone();
            Ok(Column { trim: of.trim, written, is_rest: of.rest, nulls: characters.nulls(nulls), default })
        });
        let columns = columns.collect::<Result<_, String>>()?;
        let order = form.columns.as_ref().map(|found| {
            let mut order = vec![None; found.count];
            for (field, at) in found.of_fields.iter().enumerate() {
                if let Some(column) = order.get_mut(*at) {
                    *column = Some(field);
                }
            }
            order
        });
        Ok(Self {
            columns,
            order,
            form: Form {
                separator: form.separator,
                quote: form.quote,
                escape: form.escape.filter(|escape| Some(*escape) != form.quote),
                ends_with_separator: form.trailing_separator,
                missing_is_null: form.missing_is_null,
                characters,
            },
            lines: Lines::of(&spec.form),
            joined: Vec::new(),
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
        let Self { columns, order, form, lines, joined, text } = self;
        let record = match lines.whole(record, joined).0 {
            Whole::Start(length) => record.get(..length).unwrap_or(record),
            Whole::Rewritten => joined,
        };
        let record = match record.split_last() {
            Some((last, rest)) if form.ends_with_separator && *last == form.separator => rest,
            _ if form.ends_with_separator => {
                return Err(Differs::of_record("the separator at the record's end"));
            }
            _ => record,
        };
        let mut walk = Walk { form, record, at: Some(0), text, room, counts };
        let mut known = 0;
        match order {
            None => {
                for (index, (value, column)) in values.zip(columns.iter()).enumerate() {
                    walk.field(index, column, value)?;
                    known += 1;
                }
            }
            Some(order) => {
                let row: Vec<RawField<'a>> = values.collect();
                for place in order {
                    match place.and_then(|field| Some((field, columns.get(field)?, row.get(field)?))) {
                        Some((field, column, value)) => {
                            walk.field(field, column, *value)?;
                            known += 1;
                        }
                        None => walk.left_out()?,
                    }
                }
            }
        }
        if known != columns.len() {
            return Err(Differs::of_record("the number of fields"));
        }
        match walk.at {
            None => Ok(()),
            // A record of no fields but computed ones is empty.
            Some(0) if columns.is_empty() && record.is_empty() => Ok(()),
            Some(_) => Err(Differs::of_record("what follows the last field")),
        }
    }
}

/// The way through a record, field by field.
struct Walk<'a> {
    form: &'a Form,
    record: &'a [u8],
    /// Where the next field begins; `None` after the last.
    at: Option<usize>,
    text: &'a mut Vec<u8>,
    room: &'a mut Vec<u8>,
    counts: &'a mut Counts,
}

impl Walk<'_> {
    /// Holds the next field of the record to the value of the field at `index` of the layout.
    fn field(&mut self, index: usize, column: &Column, value: RawField<'_>) -> Result<(), Differs> {
        if value.tag == Tag::Null && column.default.is_some() {
            return Err(Differs::of_field(index, value, None));
        }
        let Self { form, record, at, text, room, counts } = self;
        let Some(start) = *at else {
            if value.tag == Tag::Null && form.missing_is_null {
                counts.add(index, Equivalences::only(Equivalence::Missing));
                return Ok(());
            }
            if form.missing_is_null && column.is_default(value) {
                counts.add(index, Equivalences::only(Equivalence::Missing).and(Equivalence::Default));
                return Ok(());
            }
            return Err(Differs::of_field(index, value, None));
        };
        let rest = record.get(start..).unwrap_or_default();
        let usual = form.usual(column, value, text, room);
        // Quick: the usual form, and a separator after it.
        let length = room.len();
        let is_usual = !column.is_rest && usual.is_some() && rest.starts_with(room);
        if is_usual && (rest.len() == length || rest.get(length) == Some(&form.separator)) {
            *at = (rest.len() > length).then_some(start + length + 1);
            return Ok(());
        }
        let Some((held, length)) = form.held(rest, column.is_rest) else {
            return Err(Differs::of_record("the quotes of a field"));
        };
        let mut forms = usual.and_then(|()| form.same(column, value, held, text, room));
        if forms.is_none() && column.is_default(value) {
            let of_null = form.same(column, NULL, held, text, &mut []);
            forms = of_null.map(|forms| forms.and(Equivalence::Default));
        }
        counts.settle(index, value, forms, Some((start, held.bytes, room)))?;
        *at = (rest.len() > length).then_some(start + length + 1);
        Ok(())
    }

    /// Passes a column that becomes no field.
    fn left_out(&mut self) -> Result<(), Differs> {
        let Some(start) = self.at else {
            let is_missing = self.form.missing_is_null;
            return if is_missing { Ok(()) } else { Err(Differs::of_record("a column that is left out")) };
        };
        let rest = self.record.get(start..).unwrap_or_default();
        let (_, length) =
            self.form.held(rest, false).ok_or_else(|| Differs::of_record("the quotes of a column"))?;
        self.at = (rest.len() > length).then_some(start + length + 1);
        Ok(())
    }
}

impl Form {
    /// Puts the usual form of a value into `room`: with quotes or escapes where they are needed. `None` where it has
    /// none. The value's text in the source's encoding is put into `text`.
    fn usual(
        &self,
        column: &Column,
        value: RawField<'_>,
        text: &mut Vec<u8>,
        room: &mut Vec<u8>,
    ) -> Option<()> {
        text.clear();
        room.clear();
        if value.tag == Tag::Null {
            // Where nothing stands for NULL, only a missing field is.
            room.extend_from_slice(column.nulls.first()?);
            return Some(());
        }
        match column.written {
            Written::Text if value.tag == Tag::Text => self.characters.append(value.content, text)?,
            Written::Text => return None,
            ref written => {
                // In ASCII, whatever the encoding; then in the encoding.
                written.write(value, room)?;
                self.characters.append(room, text)?;
                room.clear();
            }
        }
        if stripped(text, column.trim, self.characters.space()).len() != text.len() {
            return None;
        }
        let is_null = column.nulls.contains(text);
        let needs = |byte: &u8| {
            *byte == self.separator || matches!(*byte, b'\n' | b'\r') || Some(*byte) == self.quote
        };
        match (self.quote, self.escape) {
            (Some(quote), _) if is_null || text.iter().any(needs) => {
                room.push(quote);
                for byte in &*text {
                    if *byte == quote || Some(*byte) == self.escape {
                        room.push(self.escape.unwrap_or(quote));
                    }
                    room.push(*byte);
                }
                room.push(quote);
            }
            (None, Some(escape)) => {
                for byte in &*text {
                    if *byte == escape || *byte == self.separator || matches!(*byte, b'\n' | b'\r') {
                        room.push(escape);
                    }
                    room.push(match *byte {
                        b'\n' if escape == b'\\' => b'n',
                        b'\r' if escape == b'\\' => b'r',
                        byte => byte,
                    });
                }
            }
            // Without quotes and escapes nothing can stand for the marker's own text.
            (None, None) if is_null => return None,
            _ => room.extend_from_slice(text),
        }
        Some(())
    }

    /// The field that begins `rest`, and how many bytes of it are the field with its quotes. `None` where its quote
    /// does not close before a separator.
    fn held<'a>(&self, rest: &'a [u8], is_rest: bool) -> Option<(Held<'a>, usize)> {
        if is_rest {
            return Some((Held { bytes: rest, is_quoted: false }, rest.len()));
        }
        if let Some(quote) = self.quote.filter(|quote| rest.first() == Some(quote)) {
            let mut at = 1;
            loop {
                let (byte, next) = (*rest.get(at)?, rest.get(at + 1).copied());
                let is_pair = (byte == quote && next == Some(quote))
                    || (Some(byte) == self.escape && (next == Some(quote) || next == self.escape));
                if is_pair {
                    at += 2;
                } else if byte == quote {
                    let ends = next.is_none_or(|next| next == self.separator);
                    return ends.then_some((Held { bytes: &rest[1..at], is_quoted: true }, at + 1));
                } else {
                    at += 1;
                }
            }
        }
        let mut at = 0;
        while let Some(byte) = rest.get(at) {
            if *byte == self.separator {
                break;
            }
            at += if self.quote.is_none() && Some(*byte) == self.escape { 2 } else { 1 };
        }
        let end = at.min(rest.len());
        Some((Held { bytes: &rest[..end], is_quoted: false }, end))
    }

    /// Whether the field in the record is the value in another form than the usual one. `text`: the value's text.
    fn same(
        &self,
        column: &Column,
        value: RawField<'_>,
        held: Held<'_>,
        text: &[u8],
        room: &mut [u8],
    ) -> Option<Equivalences> {
        let space = self.characters.space();
        let trimmed = stripped(held.bytes, column.trim, space);
        let only = Equivalences::only;
        let pads =
            if trimmed.len() == held.bytes.len() { Equivalences::NONE } else { only(Equivalence::Padding) };
        let marker = column.nulls.iter().position(|null| held.bytes == null || trimmed == null);
        let marker = marker.filter(|_| !held.is_quoted);
        if value.tag == Tag::Null || marker.is_some() {
            let forms = if marker == Some(0) { pads } else { pads.and(Equivalence::Fill) };
            return (value.tag == Tag::Null && marker.is_some()).then_some(forms);
        }
        // What the quotes or escapes hide.
        let (bytes, forms) = if held.is_quoted {
            let bytes = self.unquoted(held.bytes);
            // Quotes that the usual form has as well are not worth a word.
            let needed = self.quote.is_some_and(|quote| room.first() == Some(&quote));
            // Text that is the same once it is unquoted was escaped in another way.
            let is_escaped = stripped(&bytes, column.trim, space) == text
                && room.get(1..room.len().saturating_sub(1)) != Some(held.bytes);
            let forms = match (needed, is_escaped) {
                (false, _) => only(Equivalence::Quotes),
                (true, false) => Equivalences::NONE,
                (true, true) => only(Equivalence::Escape),
            };
            (bytes, forms)
        } else if self.quote.is_none() && self.escape.is_some() {
            return self.same_escaped(column, value, (held.bytes, trimmed), text, pads);
        } else {
            let is_bare = column.is_rest || self.quote.is_none() || !room.starts_with(self.quote.as_slice());
            (held.bytes.to_vec(), if is_bare { Equivalences::NONE } else { only(Equivalence::Quotes) })
        };
        let trimmed = stripped(&bytes, column.trim, space);
        let pads = if trimmed.len() == bytes.len() { Equivalences::NONE } else { only(Equivalence::Padding) };
        let forms = forms.with(pads);
        if trimmed == text {
            return Some(forms);
        }
        let other = match column.written {
            Written::Text => self.characters.other_codes(value.content, trimmed)?,
            ref written => written.other_notation(value, self.characters.text(trimmed)?.as_bytes())?,
        };
        Some(forms.with(other))
    }

    fn unquoted(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut bytes = bytes.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            let next = bytes.peek().copied();
            let hides = (Some(byte) == self.quote && next == self.quote)
                || (Some(byte) == self.escape && (next == self.quote || next == self.escape));
            out.push(if hides { bytes.next().unwrap_or(byte) } else { byte });
        }
        out
    }

    /// The same for escapes without quotes: every byte of the text stands for itself, or is escaped.
    fn same_escaped(
        &self,
        column: &Column,
        value: RawField<'_>,
        (held, trimmed): (&[u8], &[u8]),
        text: &[u8],
        pads: Equivalences,
    ) -> Option<Equivalences> {
        if let (Written::Text, Some(escape)) = (&column.written, self.escape) {
            return self
                .walks(text, held, escape)
                .then_some(Equivalences::only(Equivalence::Escape))
                .or_else(|| self.walks(text, trimmed, escape).then(|| pads.and(Equivalence::Escape)))
                .or_else(|| Some(self.characters.other_codes(value.content, trimmed)?.with(pads)));
        }
        if trimmed == text {
            return Some(pads);
        }
        Some(column.written.other_notation(value, self.characters.text(trimmed)?.as_bytes())?.with(pads))
    }

    /// Whether `held` spells `text`, byte by byte.
    fn walks(&self, text: &[u8], held: &[u8], escape: u8) -> bool {
        let mut held = held.iter().copied();
        for byte in text {
            let is_same = match held.next() {
                Some(found) if found == escape => held.next().is_some_and(|escaped| {
                    let letter = match byte {
                        0x08 => Some(b'b'),
                        b'\t' => Some(b't'),
                        b'\n' => Some(b'n'),
                        0x0B => Some(b'v'),
                        0x0C => Some(b'f'),
                        b'\r' => Some(b'r'),
                        0x1A => Some(b'Z'),
                        _ => None,
                    };
                    let is_itself = escaped == *byte
                        && (*byte == escape
                            || *byte == self.separator
                            || matches!(*byte, b'\n' | b'\r' | b'"' | b'\''));
                    is_itself || (escape == b'\\' && letter == Some(escaped))
                }),
                Some(found) => found == *byte && found != self.separator,
                None => false,
            };
            if !is_same {
                return false;
            }
        }
        held.next().is_none()
    }
}
