//! Several record types in one source: which of them a record is, and its decoding as such.

use std::sync::Arc;

use domain::constraint::{Reason, ReasonCode};
use domain::value::Value;
use format::{Decoded, Decoder};

use crate::{Job, Position, When};

/// How many characters of a value a reason quotes.
const QUOTED_CHARS_MAX: usize = 40;

/// How many bytes of a field that cannot be read a reason quotes.
const QUOTED_BYTES_MAX: usize = 16;

/// A value of a further field is quoted if it is no longer than this.
const SHORT_CHARS_MAX: usize = 12;

/// How many fields, and how many expected values of each, a reason names.
const NAMED_MAX: usize = 5;

/// One record type's decoder, and what its records hold.
#[derive(Debug, Clone)]
struct Typed {
    decoder: Decoder,
    when: Vec<When>,
    position: Option<Position>,
    /// Whether its records are elements of a table, which no record is matched with.
    is_element: bool,
}

/// Whether a record is the first or the last of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// It is the source's first record.
    pub is_first: bool,
    /// It is the source's last record.
    pub is_last: bool,
}

impl Standing {
    /// Whether a record that stands so is at `position`.
    const fn is_at(self, position: Position) -> bool {
        match position {
            Position::First => self.is_first,
            Position::Last => self.is_last,
        }
    }
}

/// Determines each record's type, and decodes the record.
#[derive(Debug, Clone)]
pub struct Selector {
    types: Vec<Typed>,
}

impl Selector {
    /// For the records of `job`.
    ///
    /// # Errors
    /// In words, when the job's formats cannot be used.
    pub fn new(job: &Job) -> Result<Self, String> {
        let types = job.records.iter().map(|record| {
            let decoder = Decoder::new(&record.format, Arc::clone(&record.own))?;
            let (when, position, is_element) = (record.when.clone(), record.position, record.rows.is_some());
            Ok(Typed { decoder, when, position, is_element })
        });
        Ok(Self { types: types.collect::<Result<_, String>>()? })
    }

    /// The place, among the job's record types, of the first that the record is of; `None`: it is of none. Types that
    /// are told by their position come first.
    #[must_use]
    pub fn type_of(&mut self, record: &[u8], standing: Standing) -> Option<usize> {
        let is_end = standing.is_first || standing.is_last;
        let by_position = is_end.then(|| self.first_of(record, |at| at.is_some_and(|at| standing.is_at(at))));
        by_position.flatten().or_else(|| self.first_of(record, |at| at.is_none()))
    }

    fn first_of(&mut self, record: &[u8], may_be: impl Fn(Option<Position>) -> bool) -> Option<usize> {
        self.types.iter_mut().position(|Typed { decoder, when, position, is_element }| {
            let mut when = when.iter();
            !*is_element
                && may_be(*position)
                && when.all(|when| decoder.peek(record, when.field).is_some_and(|value| when.holds(&value)))
        })
    }

    /// Says against a record that it is of none of the types of `job`: which values its type was looked for in, and
    /// which were expected. In a job with sensitive fields a value is a mask, whichever field it is: what is wrong with
    /// the record may be that its fields are not where they should be.
    #[cold]
    pub fn of_no_type(&mut self, job: &Job, record: &[u8]) -> Reason {
        let mut found: Vec<Looked> = Vec::new();
        for (Typed { decoder, when, position, is_element }, of) in self.types.iter_mut().zip(&job.records) {
            if position.is_some() || *is_element {
                // Its fields say nothing of a record that stands elsewhere.
                continue;
            }
            for when in when {
                let Some(field) = of.own.fields.get(when.field) else { continue };
                let value = decoder.peek(record, when.field);
                if value.as_ref().is_some_and(|value| when.holds(value)) {
                    continue;
                }
                let shown = match value {
                    Some(value) if job.masks.are_needed() => job.masks.value(&field.name, &value),
                    Some(value) => short(&value),
                    None => {
                        let place = decoder.place(record, when.field);
                        let bytes =
                            place.and_then(|(start, length)| record.get(start..start.checked_add(length)?));
                        match bytes {
                            Some(bytes) if job.masks.are_needed() => job.masks.bytes(&field.name, bytes),
                            Some(bytes) => format!("x'{}', which cannot be read", hex_start(bytes)),
                            None => "missing or cannot be read".into(),
                        }
                    }
                };
                let literals = when.one_of.iter().take(NAMED_MAX).map(|one| short(&one.value()));
                let more = if when.one_of.len() > NAMED_MAX { ", …" } else { "" };
                let literals = literals.collect::<Vec<_>>().join(" or ");
                let expected = format!("{literals}{more} for {}", of.layout.record);
                match found.iter_mut().find(|one| one.field == field.name && one.shown == shown) {
                    Some(one) => one.expected.push(expected),
                    None => found.push(Looked { field: field.name.clone(), shown, expected: vec![expected] }),
                }
                // The first condition that fails decides.
                break;
            }
        }
        // The field that most types look at comes first: it is the one that tells types apart.
        found.sort_by_key(|one| std::cmp::Reverse(one.expected.len()));
        let mut all: Vec<_> =
            found.iter().take(NAMED_MAX).enumerate().map(|(at, one)| one.said(at == 0)).collect();
        all.extend((found.len() > NAMED_MAX).then(|| "…".to_owned()));
        let looked = if all.is_empty() { String::new() } else { format!(": {}", all.join("; ")) };
        let detail = format!("the record matches none of the job's record types{looked}");
        Reason { field: None, code: ReasonCode::RecordType, detail }
    }

    /// Where the field at `index` of a record of the type at `place` is, and its length; see [`Decoder::place`].
    pub fn field_place(&mut self, place: usize, record: &[u8], index: usize) -> Option<(usize, usize)> {
        self.types.get_mut(place)?.decoder.place(record, index)
    }

    /// Decodes a record of the type at `place`.
    pub fn decode<'a>(&'a mut self, place: usize, record: &'a [u8]) -> Option<Decoded<'a>> {
        self.types.get_mut(place).map(|typed| typed.decoder.decode(record))
    }
}

/// Tells record types apart, and decodes records.
pub trait RecordDecoder: std::fmt::Debug + Send {
    /// The place, among the job's record types, of the first that the record is of; `None`: it is of none.
    /// `standing`: whether it is the source's first or last.
    fn type_of(&mut self, record: &[u8], standing: Standing) -> Option<usize>;

    /// What is said against a record that is of none of the types of `job`.
    fn of_no_type(&mut self, job: &Job, record: &[u8]) -> Reason;

    /// Decodes a record of the type at `place`.
    fn decode<'a>(&'a mut self, place: usize, record: &'a [u8]) -> Option<Decoded<'a>>;
}

impl RecordDecoder for Selector {
    fn type_of(&mut self, record: &[u8], standing: Standing) -> Option<usize> {
        Self::type_of(self, record, standing)
    }

    fn of_no_type(&mut self, job: &Job, record: &[u8]) -> Reason {
        Self::of_no_type(self, job, record)
    }

    fn decode<'a>(&'a mut self, place: usize, record: &'a [u8]) -> Option<Decoded<'a>> {
        Self::decode(self, place, record)
    }
}

/// A field that record types are told by: what a record has in it, and what each type expects.
struct Looked {
    field: String,
    shown: String,
    expected: Vec<String>,
}

impl Looked {
    /// A long value of a field that comes after the first is left out: it would differ from record to record, and
    /// equal causes would not be seen to be equal.
    fn said(&self, is_first: bool) -> String {
        let more = if self.expected.len() > NAMED_MAX { ", …" } else { "" };
        let expected: Vec<_> = self.expected.iter().take(NAMED_MAX).map(String::as_str).collect();
        let expected = format!("{}{more}", expected.join(", "));
        if is_first || self.shown.chars().count() <= SHORT_CHARS_MAX {
            format!("`{}` is {}, expected {expected}", self.field, self.shown)
        } else {
            format!("`{}` is not {expected}", self.field)
        }
    }
}

/// A value as a reason quotes it.
fn short(value: &Value<'_>) -> String {
    match value {
        // Cut before it is escaped: the text may be a whole record.
        Value::Text(text) => match text.char_indices().nth(QUOTED_CHARS_MAX) {
            Some((end, _)) => format!("'{}…'", text[..end].escape_debug()),
            None => value.to_string(),
        },
        Value::Bytes(bytes) => format!("x'{}'", hex_start(bytes)),
        other => other.to_string(),
    }
}

/// The first bytes in hexadecimal digits.
fn hex_start(bytes: &[u8]) -> String {
    let more = if bytes.len() > QUOTED_BYTES_MAX { "…" } else { "" };
    format!("{}{more}", domain::hex::encode(&bytes[..bytes.len().min(QUOTED_BYTES_MAX)]))
}
