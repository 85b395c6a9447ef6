//! One record at a time: from its bytes to its values, or to every reason why not.

mod decoded;
mod field;
mod laid_out;
mod made;
mod pieces;
mod reasons;
mod staged;

use std::sync::Arc;

use domain::bytes::ByteCounts;
use domain::constraint::{Reason, ReasonCode};
use domain::layout::Layout;
use domain::value::{FieldType, Value};
use domain::words::counted;

pub use self::decoded::Decoded;
pub use self::staged::Decoder;

use self::decoded::emptied;
use self::field::{FieldReader, trimmed};
use self::laid_out::{LaidOut, Room};
use self::pieces::{merge, move_to_scratch, of_charset, of_page, put_in_order};
use self::reasons::{judge, masked, reason};
use super::cobol::record::RecordDecoder;
use super::codepage::CodePage;
use super::delimited::{Piece, Place, SplitError, Splitter, State};
use super::encoding::Charset;
use super::fault::Fault;
use super::fixed::Cutter;
use super::groups;
use super::lines::{Around, Lines, Whole};
use super::spec::{Columns, Encoding, Form, FormatSpec};
use super::text::Reader;

#[derive(Debug, Clone)]
enum Shape {
    Delimited(Between),
    Fixed(Cutter),
    Copybook(LaidOut),
}

/// How to decode a record whose fields are between separators.
#[derive(Debug, Clone)]
struct Between {
    splitter: Splitter,
    separator: u8,
    null: Vec<u8>,
    /// The field that takes all that is left of the record.
    rest: Option<usize>,
    missing_is_null: bool,
    /// How many fields are written; the others are computed from them.
    written: usize,
    /// Where each field's column is, if they are not in the fields' order.
    columns: Option<Columns>,
}

/// Bytes of a record's text that are of no field.
#[derive(Debug, Clone, Copy, Default)]
struct Beside {
    /// Separators and quotes.
    framing: usize,
    /// Columns that become no field.
    left_out: usize,
}

/// Decodes the columns of one record at a time. What it needs for that is kept from record to record, so that a good
/// record costs no allocation.
#[derive(Debug, Clone)]
pub(crate) struct ColumnDecoder {
    layout: Arc<Layout>,
    shape: Shape,
    lines: Lines,
    /// A record whose lines had to be joined or filled up.
    joined: Vec<u8>,
    fields: Vec<FieldReader>,
    charset: Option<Charset>,
    page: Option<&'static CodePage>,
    /// The fields written as hexadecimal digits.
    hexadecimal: Vec<usize>,
    pieces: Vec<Piece>,
    /// The columns as they are found, where they are not in the fields' order.
    found: Vec<Piece>,
    scratch: Vec<u8>,
    /// Empty between records: only its memory is of interest.
    values: Vec<Value<'static>>,
    decoded: Vec<bool>,
    reasons: Vec<Reason>,
}

impl ColumnDecoder {
    /// A decoder for records whose columns are the fields of `layout`, written as `spec` says.
    ///
    /// # Errors
    /// A sentence for the job's author: a date form that cannot be read, a field without a position, and the like.
    pub(crate) fn new(spec: &FormatSpec, layout: Arc<Layout>) -> Result<Self, String> {
        // A copybook's fields have decoders of their own.
        let is_copybook = matches!(spec.form, Form::Copybook(_));
        if spec.fields.len() != layout.fields.len() && !is_copybook {
            return Err(format!(
                "the format has {} fields, but the layout has {}",
                spec.fields.len(),
                layout.fields.len()
            ));
        }
        let mut fields = Vec::with_capacity(layout.fields.len());
        for (index, (field, form)) in layout.fields.iter().zip(&spec.fields).enumerate() {
            let reader =
                Reader::new(&field.ty, form).map_err(|error| format!("field `{}`: {error}", field.name))?;
            let required = field.required || layout.key.contains(&index);
            let (sum_of, nulls, default) = (form.sum_of.clone(), form.nulls.clone(), form.default.clone());
            let read = FieldReader { reader, trim: form.trim, required, sum_of, nulls, default };
            read.check_default(field).map_err(|error| format!("field `{}`: {error}", field.name))?;
            fields.push(read);
        }
        let is_hexadecimal = |at: &usize| layout.fields[*at].ty == FieldType::Bytes;
        let (shape, hexadecimal) = match &spec.form {
            Form::Delimited(form) => (
                Shape::Delimited(Between {
                    splitter: Splitter::new(form),
                    separator: form.separator,
                    null: form.null.as_bytes().to_vec(),
                    rest: spec.fields.iter().position(|field| field.rest),
                    missing_is_null: form.missing_is_null,
                    columns: form.columns.clone(),
                    written: spec.fields.iter().take_while(|field| field.sum_of.is_none()).count(),
                }),
                (0..fields.len()).filter(is_hexadecimal).collect(),
            ),
            Form::Fixed(form) => (Shape::Fixed(Cutter::new(form, spec, &layout)?), Vec::new()),
            Form::Copybook(form) => {
                (Shape::Copybook(LaidOut::new(RecordDecoder::new(&form.record)?)), Vec::new())
            }
        };
        Ok(Self {
            charset: Charset::of(spec.encoding),
            page: if let Encoding::Page(page) = spec.encoding { Some(page) } else { None },
            hexadecimal,
            pieces: Vec::with_capacity(fields.len() + 1),
            found: Vec::new(),
            scratch: Vec::new(),
            values: Vec::with_capacity(fields.len()),
            decoded: Vec::with_capacity(fields.len()),
            reasons: Vec::new(),
            layout,
            lines: Lines::of(&spec.form),
            joined: Vec::new(),
            shape,
            fields,
        })
    }

    /// Decodes the record with this content (without its line end). All fields are tried, so that a reject comes
    /// with every reason; only when its fields cannot be told apart is that the one reason.
    pub(crate) fn decode<'a>(&'a mut self, record: &'a [u8]) -> Decoded<'a> {
        self.reasons.clear();
        self.decoded.clear();
        self.scratch.clear();
        self.pieces.clear();
        if let Shape::Copybook(ref mut laid_out) = self.shape {
            let room = Room {
                scratch: &mut self.scratch,
                home: &mut self.values,
                decoded: &mut self.decoded,
                reasons: &mut self.reasons,
            };
            return laid_out.decode(&self.layout, record, room);
        }
        let mut joined = std::mem::take(&mut self.joined);
        let (whole, around) = self.lines.whole(record, &mut joined);
        let text = match whole {
            Whole::Start(length) => &record[..length],
            Whole::Rewritten => &joined[..],
        };
        let told_apart = self.tell_apart(text);
        let source_bytes = record.len();
        if told_apart.is_ok() {
            self.rewrite(text);
        }
        self.joined = joined;
        let Self { layout, shape, fields, pieces, scratch, joined, values: home, decoded, reasons, .. } =
            self;
        let cut_at = if let (Whole::Rewritten, Lines::Padded(_)) = (whole, &self.lines) {
            Some(record.len())
        } else {
            None
        };
        let record: &'a [u8] = match whole {
            Whole::Start(length) => &record[..length],
            Whole::Rewritten => joined,
        };
        let scratch: &'a [u8] = scratch;
        let mut values: Vec<Value<'a>> = emptied(std::mem::take(home));
        let beside = match told_apart {
            Ok(beside) => beside,
            Err(fault) => {
                reasons.push(Reason { field: None, code: fault.code, detail: fault.detail });
                values.resize(fields.len(), Value::Null);
                decoded.resize(fields.len(), false);
                return Decoded::unaccounted(values, decoded, reasons, home);
            }
        };
        let mut field_bytes = 0;
        if let Shape::Fixed(cutter) = &*shape
            && let Some(Fault { code, detail }) = cutter.objection(record)
        {
            reasons.push(Reason { field: None, code, detail });
        }
        for ((field, form), piece) in layout.fields.iter().zip(fields.iter()).zip(pieces.iter()) {
            let value = match (&form.sum_of, shape.as_between()) {
                (Some(sum), Some(between)) => {
                    let groups = pieces.get(sum.of).map_or(&[][..], |piece| piece.bytes(record, scratch));
                    groups::sum(sum, groups, between.separator, &form.reader)
                }
                _ if cut_at.is_some_and(|at| form.is_cut(piece, at)) => {
                    Err(Fault::new(ReasonCode::FieldCount, "the line ends within the field"))
                }
                _ => form.value(piece, piece.bytes(record, scratch), shape),
            };
            match value {
                Ok(value) => {
                    judge(field, form.required, &value, &layout.masks, reasons);
                    values.push(value);
                    decoded.push(true);
                    field_bytes += piece.source_bytes;
                }
                Err(fault) => {
                    // A computed field has no bytes of its own.
                    let of = form.sum_of.as_ref().and_then(|sum| pieces.get(sum.of)).unwrap_or(piece);
                    let quoted = || of.bytes(record, scratch);
                    reasons.push(
                        masked(&layout.masks, field, fault.code, quoted)
                            .unwrap_or_else(|| reason(field, fault)),
                    );
                    values.push(Value::Null);
                    decoded.push(false);
                }
            }
        }
        let mut done = Decoded::unaccounted(values, decoded, reasons, home);
        if done.is_accepted() {
            (done.bytes, done.data_in_filler) = match shape {
                Shape::Fixed(cutter) => {
                    (cutter.bytes(done.decoded, source_bytes), cutter.data_in_gaps(record))
                }
                _ => (of_text(beside, field_bytes, around), None),
            };
        }
        done
    }

    /// Where the field at `index` of the layout is in the record, and its length; `None` where that is not a place of
    /// its own, or past the record's end. For showing.
    pub(crate) fn place(&mut self, record: &[u8], index: usize) -> Option<(usize, usize)> {
        match &mut self.shape {
            Shape::Delimited { .. } => None,
            Shape::Fixed(cutter) => cutter.place(index, record.len()),
            Shape::Copybook(LaidOut { record: fields, .. }) => {
                fields.locate(record).ok()?;
                fields.place(index, record)
            }
        }
    }

    /// What the field at `index` of the layout holds, whatever else may be wrong with the record; `None` when that
    /// cannot be told. By it a record's type is told before the record is decoded.
    pub(crate) fn peek<'a>(&'a mut self, record: &'a [u8], index: usize) -> Option<Value<'a>> {
        self.scratch.clear();
        self.pieces.clear();
        let record = match self.lines.whole(record, &mut self.joined).0 {
            Whole::Start(length) => &record[..length],
            Whole::Rewritten => &self.joined[..],
        };
        match &mut self.shape {
            Shape::Delimited(between) => {
                // A missing separator at the end, or a field too many, does not hide the field.
                let _ = between.splitter.split(record, &mut self.scratch, &mut self.pieces);
                if let Some(rest) = between.rest {
                    merge(&mut self.pieces, rest);
                }
            }
            Shape::Fixed(cutter) => cutter.cut(record.len(), &mut self.pieces),
            Shape::Copybook(LaidOut { record: fields, .. }) => {
                fields.locate(record).ok()?;
                let value = fields.decode(index, record, &mut self.scratch).ok()?;
                return value.value(&self.scratch);
            }
        }
        let columns = self.shape.as_between().and_then(|between| between.columns.as_ref());
        let column = columns.map_or(Some(index), |columns| columns.of_fields.get(index).copied())?;
        let mut piece = *self.pieces.get(column)?;
        if piece.place == Place::Record && piece.end > record.len() {
            return None;
        }
        if let Some(charset) = self.charset {
            of_charset(&mut piece, charset, record, &mut self.scratch);
        }
        if let Some(page) = self.page {
            of_page(&mut piece, page, record, &mut self.scratch);
        }
        let Self { fields, scratch, shape, .. } = self;
        fields.get(index)?.value(&piece, piece.bytes(record, scratch), shape).ok()
    }

    /// Finds which bytes are which field; returns how many bytes are of none.
    fn tell_apart(&mut self, record: &[u8]) -> Result<Beside, Fault> {
        let mut beside = Beside::default();
        match &self.shape {
            Shape::Delimited(between) => {
                beside.framing = between
                    .splitter
                    .split(record, &mut self.scratch, &mut self.pieces)
                    .map_err(|error| match error {
                        SplitError::Unclosed(at) => Fault::new(
                            ReasonCode::Quoting,
                            format!("the quote opened at byte {at} of the record does not close"),
                        ),
                        SplitError::TrailingSeparator => Fault::new(
                            ReasonCode::FieldCount,
                            "the record does not end with the separator, as every record should",
                        ),
                    })?;
                if let Some(rest) = between.rest {
                    let split = self.pieces.len();
                    merge(&mut self.pieces, rest);
                    // The separators in it are bytes of the field.
                    beside.framing = beside.framing.saturating_sub(split - self.pieces.len());
                }
                let expected = between.columns.as_ref().map_or(between.written, |columns| columns.count);
                let found = self.pieces.len();
                if found > expected || (found < expected && !between.missing_is_null) {
                    return Err(count_fault(found, expected));
                }
                let absent = Piece::of_record(record.len(), record.len(), State::Absent);
                if let Some(columns) = &between.columns {
                    self.pieces.resize(columns.count, absent);
                    beside.left_out = put_in_order(columns, &mut self.pieces, &mut self.found)?;
                }
                // Fields that are missing, and those that are computed.
                self.pieces.resize(self.fields.len(), absent);
            }
            Shape::Fixed(cutter) => {
                let (have, want) = (record.len(), cutter.record_bytes);
                if have < want || (have > want && !cutter.is_open) {
                    let least = if cutter.is_open { " at least" } else { "" };
                    return Err(Fault::new(
                        ReasonCode::FieldCount,
                        format!("the record has {}; expected{least} {want}", counted(have, "byte")),
                    ));
                }
                cutter.cut(have, &mut self.pieces);
            }
            // Has its own way: see `laid_out`.
            Shape::Copybook(_) => {}
        }
        Ok(beside)
    }

    /// Rewrites, into the scratch, the fields whose bytes do not stand for themselves.
    fn rewrite(&mut self, record: &[u8]) {
        if let Some(charset) = self.charset {
            for piece in &mut self.pieces {
                of_charset(piece, charset, record, &mut self.scratch);
            }
        }
        if let Some(page) = self.page {
            for piece in &mut self.pieces {
                of_page(piece, page, record, &mut self.scratch);
            }
        }
        for &at in &self.hexadecimal {
            let (piece, field) = (&mut self.pieces[at], &self.fields[at]);
            let may_be_bytes = match piece.state {
                State::Plain => !field.is_null(piece, piece.bytes(record, &self.scratch), &self.shape),
                state => state == State::Quoted,
            };
            if may_be_bytes
                && move_to_scratch(piece, record, &mut self.scratch, |digits, out| {
                    domain::hex::decode_into(trimmed(digits, field.trim), out)
                })
            {
                piece.state = State::Raw;
            }
        }
    }
}

impl Shape {
    const fn as_between(&self) -> Option<&Between> {
        match self {
            Self::Delimited(between) => Some(between),
            _ => None,
        }
    }
}

/// The bytes of a delimited record: those beside its fields, those of its fields, and those around its text.
fn of_text(beside: Beside, fields: usize, around: Around) -> ByteCounts {
    ByteCounts {
        framing: beside.framing.saturating_add(around.framing) as u64,
        fields: fields as u64,
        left_out: beside.left_out as u64,
        padding: around.blanks as u64,
        ..ByteCounts::default()
    }
}

#[cold]
fn count_fault(found: usize, expected: usize) -> Fault {
    Fault::new(ReasonCode::FieldCount, format!("{}; expected {expected}", counted(found, "field")))
}
