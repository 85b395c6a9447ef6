//! The way in: from the columns of a record to its fields, or to every reason why not.

mod text;

use std::ops::Range;
use std::sync::Arc;

use domain::bytes::ByteCounts;
use domain::constraint::{Reason, ReasonCode};
use domain::layout::{Field, Layout};
use domain::value::Value;

use self::text::{put_text, text_of, uncovered};
use super::{Decoded, emptied, judge, masked, reason, trimmed};
use crate::cobol::{FieldDecoder, FieldValue};
use crate::fault::{Fault, quoted};
use crate::stage::{Code, FromText, Gate, Origin, Part, Stage, TextColumn, TextSource};
use crate::text::Reader;

/// How one field is read, once its columns are.
#[derive(Debug, Clone)]
enum Reading {
    /// It is a column.
    Column,
    Text(Reader),
    Cell(FieldDecoder),
}

/// What is known of a field before its value is made.
#[derive(Debug)]
enum Found {
    Column(usize),
    /// No value: that of the field for NULL.
    Nothing,
    /// NULL, because an indicator says so.
    Null,
    /// A text, at this place of the room.
    Text(Range<usize>),
    Constant,
    Cell(FieldValue),
    Fault(Fault),
    /// A column that it is made of could not be read, which was said.
    Untold,
}

/// Makes the fields of one record at a time. What it needs for that is kept from record to record.
#[derive(Debug, Clone)]
pub(super) struct StageReader {
    stage: Arc<Stage>,
    layout: Arc<Layout>,
    readings: Vec<Reading>,
    /// The columns that are taken apart: which parts are some field's, and whether the others are left out.
    parted: Vec<(usize, TextColumn, Vec<Part>, bool)>,
    required: Vec<bool>,
    room: String,
    cells: Vec<u8>,
    home: Vec<Value<'static>>,
    decoded: Vec<bool>,
    reasons: Vec<Reason>,
}

impl StageReader {
    /// For records of `layout`.
    ///
    /// # Errors
    /// A sentence for the job's author.
    pub(super) fn new(stage: &Arc<Stage>, layout: &Arc<Layout>) -> Result<Self, String> {
        if stage.fields.len() != layout.fields.len() {
            let (made, fields) = (stage.fields.len(), layout.fields.len());
            return Err(format!("the job makes {made} fields, but the layout has {fields}"));
        }
        let mut readings = Vec::new();
        for (made, field) in stage.fields.iter().zip(&layout.fields) {
            let reading = match &made.origin {
                Origin::Column(_) => Ok(Reading::Column),
                Origin::Text(from) => checked(from, field).map(Reading::Text),
                Origin::Cell(_, spec) => FieldDecoder::new(spec).map(Reading::Cell),
            };
            readings.push(reading.map_err(|error| format!("field `{}`: {error}", field.name))?);
        }
        let mut parted = Vec::new();
        for (at, made) in stage.fields.iter().enumerate() {
            if let Origin::Text(from) = &made.origin
                && let TextSource::Part { column, .. } = &from.text
                && let Some((parts, drops)) = stage.parts_of(column.column)
                && !parted.iter().any(|(_, of, _, _): &(usize, TextColumn, _, _)| of.column == column.column)
            {
                parted.push((at, *column, parts.into_iter().cloned().collect(), drops));
            }
        }
        let required = layout.fields.iter().enumerate();
        let required = required.map(|(at, field)| field.required || layout.key.contains(&at)).collect();
        Ok(Self {
            stage: Arc::clone(stage),
            layout: Arc::clone(layout),
            readings,
            parted,
            required,
            room: String::new(),
            cells: Vec::new(),
            home: Vec::new(),
            decoded: Vec::new(),
            reasons: Vec::new(),
        })
    }

    /// Makes the fields of a record whose columns were decoded.
    pub(super) fn apply<'a>(&'a mut self, columns: Decoded<'a>) -> Decoded<'a> {
        let Self { stage, layout, readings, parted, required, room, cells, home, decoded, reasons } = self;
        reasons.clear();
        decoded.clear();
        room.clear();
        cells.clear();
        reasons.extend_from_slice(columns.reasons());
        let mut left_out = 0;
        if columns.is_accepted() {
            for (at, column, parts, drops) in &*parted {
                let start = room.len();
                if let Some(true) = put_text(*column, &columns, room) {
                    match uncovered(&room[start..], parts, stage.in_utf8) {
                        0 => {}
                        bytes if *drops => left_out += bytes,
                        _ => {
                            let fault = Fault::new(
                                ReasonCode::FieldCount,
                                "a part of the column becomes no field, and `uncovered` does not say that it is dropped",
                            );
                            let field = &layout.fields[*at];
                            let masked =
                                masked(&layout.masks, field, fault.code, || &room.as_bytes()[start..]);
                            reasons.push(masked.unwrap_or_else(|| reason(field, fault)));
                        }
                    }
                }
                room.truncate(start);
            }
        }
        let mut found = Vec::with_capacity(readings.len());
        for (reading, made) in readings.iter().zip(&stage.fields) {
            let is_told = |of: &[usize]| of.iter().all(|column| columns.is_decoded(*column));
            let gate = made.gate.as_ref();
            found.push(match gate.map(|gate| gate.is_null(columns.values().get(gate.column))) {
                _ if gate.is_some_and(|gate| !is_told(&[gate.column])) => Found::Untold,
                _ if !is_told(&made.columns()) => Found::Untold,
                Some(None) => Found::Fault(gate.map_or_else(nothing_known, |gate| gate.unknown(&columns))),
                Some(Some(true)) => {
                    let content = made.columns().first().and_then(|column| columns.values().get(*column));
                    match gate.zip(content) {
                        Some((gate, content)) if !gate.drops_content && !gate.is_nothing(content, reading) => {
                            Found::Fault(Fault::new(
                                ReasonCode::Padding,
                                "the indicator says NULL, but the field has content, and `null_content` does not say \
                                 that it is dropped",
                            ))
                        }
                        _ => Found::Null,
                    }
                }
                Some(Some(false)) | None => match (&made.origin, reading) {
                    (Origin::Column(column), _) => Found::Column(*column),
                    (Origin::Text(from), _) => {
                        text_of(from, &columns, room).unwrap_or_else(Found::Fault)
                    }
                    (Origin::Cell(column, _), Reading::Cell(decoder)) => match columns.values().get(*column) {
                        Some(Value::Bytes(bytes)) => match decoder.decode_part(bytes, cells) {
                            Ok(value) => Found::Cell(value),
                            Err(reject) => Found::Fault(Fault::new(reject.code, reject.detail)),
                        },
                        // A part of the record that this one has not.
                        _ => Found::Null,
                    },
                    (Origin::Cell(..), _) => Found::Untold,
                },
            });
        }
        let (room, cells): (&'a str, &'a [u8]) = (room, cells);
        let mut values: Vec<Value<'a>> = emptied(std::mem::take(home));
        for (at, found) in found.into_iter().enumerate() {
            let (field, made, reading) = (&layout.fields[at], &stage.fields[at], &readings[at]);
            let value = match found {
                Found::Column(column) => {
                    values.push(columns.values().get(column).copied().unwrap_or(Value::Null));
                    decoded.push(columns.is_decoded(column));
                    continue;
                }
                Found::Untold => None,
                Found::Null => Some(Ok(Value::Null)),
                Found::Cell(value) => value.value(cells).map(Ok),
                Found::Fault(fault) => Some(Err(fault)),
                Found::Nothing | Found::Text(_) | Found::Constant => match (&made.origin, reading) {
                    (Origin::Text(from), Reading::Text(reader)) => Some(match found {
                        Found::Text(place) => from.value(&room[place], reader),
                        Found::Constant => from.constant(reader),
                        _ => from.nothing(reader),
                    }),
                    _ => None,
                },
            };
            match value {
                Some(Ok(value)) => {
                    judge(field, required[at], &value, &layout.masks, reasons);
                    values.push(value);
                    decoded.push(true);
                }
                Some(Err(fault)) => {
                    let bytes = || made.columns().first().and_then(|of| bytes_of(columns.values().get(*of)));
                    let masked = masked(&layout.masks, field, fault.code, || bytes().unwrap_or_default());
                    reasons.push(masked.unwrap_or_else(|| reason(field, fault)));
                    values.push(Value::Null);
                    decoded.push(false);
                }
                None => {
                    values.push(Value::Null);
                    decoded.push(false);
                }
            }
        }
        let (bytes, filler) = (columns.bytes, columns.data_in_filler);
        let mut done = Decoded::unaccounted(values, decoded, reasons, home);
        if done.is_accepted() {
            let moved = bytes.fields.min(left_out);
            done.bytes = ByteCounts {
                fields: bytes.fields - moved,
                left_out: bytes.left_out.saturating_add(moved),
                ..bytes
            };
            done.data_in_filler = filler;
        }
        done
    }
}

#[cold]
fn nothing_known() -> Fault {
    Fault::new(ReasonCode::NotAllowed, "the indicator is not known")
}

fn bytes_of<'a>(value: Option<&Value<'a>>) -> Option<&'a [u8]> {
    match value? {
        Value::Text(text) => Some(text.as_bytes()),
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// The reader of a field, whose constant, default and looked-up texts it must be able to read.
fn checked(from: &FromText, field: &Field) -> Result<Reader, String> {
    let reader = Reader::new(&field.ty, &from.form)?;
    let mut texts: Vec<(String, &str)> = Vec::new();
    if let TextSource::Constant(text) = &from.text {
        texts.push((format!("constant `{text}`"), text));
    }
    if let Some(text) = &from.form.default {
        texts.push((format!("default `{text}`"), text));
    }
    if let Some(lookup) = &from.lookup {
        texts.extend(lookup.texts().map(|(code, text)| (format!("code `{code}` stands for `{text}`"), text)));
        texts.extend(lookup.otherwise().map(|text| (format!("otherwise `{text}`"), text)));
    }
    for (what, text) in texts {
        let value = reader.read(text.as_bytes()).map_err(|fault| format!("{what}: {}", fault.detail))?;
        let mut broken = Vec::new();
        domain::constraint::violations(&field.name, &field.constraints, &value, None, &mut broken);
        if let Some(reason) = broken.pop() {
            return Err(format!("{what}: {}", reason.detail));
        }
    }
    Ok(reader)
}

impl FromText {
    fn nothing<'a>(&'a self, reader: &Reader) -> Result<Value<'a>, Fault> {
        match &self.form.default {
            None => Ok(Value::Null),
            Some(text) => reader.read(text.as_bytes()),
        }
    }

    fn constant<'a>(&'a self, reader: &Reader) -> Result<Value<'a>, Fault> {
        match &self.text {
            TextSource::Constant(text) => reader.read(text.as_bytes()),
            _ => Ok(Value::Null),
        }
    }

    fn value<'a>(&'a self, text: &'a str, reader: &Reader) -> Result<Value<'a>, Fault> {
        let core = trimmed(text.as_bytes(), self.form.trim);
        let mut nulls = self.form.nulls.iter().flatten();
        let is_empty_part = matches!(self.text, TextSource::Part { .. }) && core.is_empty();
        if is_empty_part || nulls.any(|null| text == null || core == null.as_bytes()) {
            return self.nothing(reader);
        }
        let Some(lookup) = &self.lookup else { return reader.read(core) };
        let entry = std::str::from_utf8(core).ok().and_then(|code| lookup.get(code));
        match entry.map(|entry| entry.text.as_str()).or(lookup.otherwise()) {
            Some(text) => reader.read(text.as_bytes()),
            None => Err(Fault::new(
                ReasonCode::NotAllowed,
                format!("{} is no code of the lookup table", quoted(core)),
            )),
        }
    }
}

impl Gate {
    /// Whether an indicator says NULL; `None` where it says nothing known.
    fn is_null(&self, indicator: Option<&Value<'_>>) -> Option<bool> {
        let indicator = indicator?;
        let is = |codes: &[Code]| codes.iter().any(|code| code.is(indicator));
        if is(&self.nulls) {
            return Some(true);
        }
        is(&self.values).then_some(false)
    }

    #[cold]
    fn unknown(&self, columns: &Decoded<'_>) -> Fault {
        let shown = match columns.values().get(self.column) {
            Some(Value::Text(text)) => quoted(text.as_bytes()),
            Some(Value::Bytes(bytes)) => format!("x'{}'", domain::hex::encode(&bytes[..bytes.len().min(8)])),
            Some(other) => other.to_string(),
            None => "nothing".into(),
        };
        Fault::new(ReasonCode::NotAllowed, format!("the indicator {shown} means neither NULL nor a value"))
    }

    /// Whether the content of a field that is NULL is none: blanks, low-values, zero.
    fn is_nothing(&self, content: &Value<'_>, reading: &Reading) -> bool {
        match content {
            Value::Null => true,
            Value::Text(text) => {
                text.chars().all(|char| matches!(char, ' ' | '\0' | '0' | '.' | ',' | '+' | '-'))
            }
            Value::Bytes(bytes) => {
                let is_filled =
                    bytes.iter().all(|byte| *byte == 0) || bytes.iter().all(|byte| *byte == self.space);
                is_filled
                    || match reading {
                        Reading::Cell(decoder) => match decoder.decode_part(bytes, &mut Vec::new()) {
                            Ok(FieldValue::Null | FieldValue::Integer(0)) => true,
                            Ok(FieldValue::Decimal(amount)) => amount.mantissa() == 0,
                            Ok(FieldValue::Text { start, end }) => start == end,
                            _ => false,
                        },
                        _ => false,
                    }
            }
            _ => false,
        }
    }
}

impl Code {
    fn is(&self, indicator: &Value<'_>) -> bool {
        match (self, indicator) {
            (Self::Text(code), Value::Null) => code.is_empty(),
            (Self::Text(code), Value::Text(text)) => code == text.trim_matches(' '),
            (Self::Bytes(code), Value::Bytes(bytes)) => code == bytes,
            (Self::Integer(code), Value::Integer(number)) => code == number,
            _ => false,
        }
    }
}
