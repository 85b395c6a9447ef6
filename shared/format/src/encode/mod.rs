//! What was decoded, encoded again, is the record (INV-14): from the values that are loaded back to the source's bytes.
//!
//! ```text
//! source bytes ─ decode ─► canonical row ─ encode ─► bytes ─ compare ─► the source's bytes
//! ```
//!
//! The encoder is written from the standards (each module names its own). It shares with the decoder what describes
//! the format (the job, a copybook's plan, the tables of code pages) and how continued lines are joined, but nothing
//! that reads a value: a mistake in one of them is not repeated in the other. It starts from the canonical row, which
//! is what is loaded, and not from what the decoder remembers.
//!
//! Every value has a usual form. Where a source writes another form that means the same, that is an
//! [`Equivalence`](domain::round_trip::Equivalence), which is counted; any other difference is a reject.

mod characters;
mod cobol;
mod delimited;
mod edit;
mod fixed;
mod laid_out;
mod made;
mod moments;
mod notation;
mod written;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::layout::Layout;
use domain::record::{RawField, Tag};
use domain::round_trip::{Equivalence, Equivalences};
use thiserror::Error;

pub use self::edit::FieldWriter;

use self::characters::PageBytes;
use self::cobol::FieldEncoder;
use self::delimited::DelimitedEncoder;
use self::fixed::FixedEncoder;
use self::laid_out::LaidOutEncoder;
use self::made::StageProof;
use self::written::Written;
use crate::cobol::FieldSpec;
use crate::copybook::plan::Element;
use crate::field::Trim;
use crate::spec::{Form, FormatSpec};

/// How many bytes of a field a difference shows.
const SHOWN_BYTES_MAX: usize = 32;

/// Proves the decoding of one record type: encodes each of its rows, and compares with the record.
#[derive(Debug, Clone)]
pub struct DecodeProof {
    shape: Shape,
    room: Vec<u8>,
    counts: Counts,
    /// What is made of the source's columns, which are then what is encoded.
    stage: Option<Box<StageProof>>,
}

#[derive(Debug, Clone)]
enum Shape {
    Delimited(Box<DelimitedEncoder>),
    Fixed(Box<FixedEncoder>),
    Copybook(Box<LaidOutEncoder>),
}

/// How many values of each field were written in each form but the usual one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(Vec<[u64; Equivalence::ALL.len()]>);

impl Counts {
    /// Counts the forms that a value was found in; `None` is a difference. `found`: see [`Differs::of_field`].
    fn settle(
        &mut self,
        field: usize,
        value: RawField<'_>,
        forms: Option<Equivalences>,
        found: Option<(usize, &[u8], &[u8])>,
    ) -> Result<(), Differs> {
        match forms {
            Some(Equivalences::NONE) => Ok(()),
            Some(forms) => {
                self.add(field, forms);
                Ok(())
            }
            None => Err(Differs::of_field(field, value, found)),
        }
    }

    #[cold]
    fn add(&mut self, field: usize, forms: Equivalences) {
        if self.0.len() <= field {
            self.0.resize(field + 1, [0; Equivalence::ALL.len()]);
        }
        if let Some(counts) = self.0.get_mut(field) {
            for form in forms.iter() {
                if let Some(count) = counts.get_mut(form as usize) {
                    *count = count.saturating_add(1);
                }
            }
        }
    }

    /// Moves what is counted to `other`, where the counts of each field are those of the field that `fields` says.
    fn move_to(&mut self, other: &mut Self, fields: &[usize]) {
        for (of, counts) in self.0.drain(..).enumerate() {
            let Some(field) = fields.get(of).filter(|_| counts.iter().any(|count| *count > 0)) else {
                continue;
            };
            if other.0.len() <= *field {
                other.0.resize(field + 1, [0; Equivalence::ALL.len()]);
            }
            if let Some(sums) = other.0.get_mut(*field) {
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum = sum.saturating_add(count);
                }
            }
        }
    }
}

/// Why a row is not the record that it was decoded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs {
    /// The field's place in the layout; `None` where it is no single field.
    pub field: Option<usize>,
    /// What is wrong, with the value and both forms. Quotes the record.
    pub detail: String,
    /// The bytes that the record holds where the field is; empty where it is no single field.
    pub found: Vec<u8>,
}

/// Why a field cannot be written into a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CannotWrite {
    /// Where the field would be is not told.
    #[error("the record has no such field: its fields cannot be told apart, or it ends before the field")]
    NoPlace,
    /// The record had to be put together from several lines.
    #[error("the record stands on several lines, which are not written anew field by field")]
    SeveralLines,
    /// The field is a sum over another, or the job makes it of columns.
    #[error("the field is computed from another one; change that one")]
    Computed,
    /// The field has no form for the value.
    #[error("the field cannot hold the value: it does not fit, or the source has no way to write it")]
    NoForm,
}

impl Differs {
    #[cold]
    fn of_record(what: &str) -> Self {
        let detail = format!("{what} cannot be made again from what was decoded");
        Self { field: None, detail, found: Vec::new() }
    }

    /// A field that is made of columns, and is not what they are.
    #[cold]
    fn of_made(field: usize, value: RawField<'_>, what: &str, found: &[u8]) -> Self {
        let Self { detail, .. } = Self::of_field(field, value, None);
        let detail = detail.replace("but the record has no such field", what);
        Self { field: Some(field), detail, found: found.to_vec() }
    }

    /// `found`: the offset in the record, the bytes there, and the usual form of the value.
    #[cold]
    fn of_field(field: usize, value: RawField<'_>, found: Option<(usize, &[u8], &[u8])>) -> Self {
        let shown = match value.tag {
            Tag::Text if value.content.len() > SHOWN_BYTES_MAX => {
                format!("a text of {} bytes", value.content.len())
            }
            _ => value.display(),
        };
        match found {
            Some((offset, source, [])) => Self {
                field: Some(field),
                detail: format!(
                    "decoded as {shown}, which cannot be written in this field; the record holds {} at offset {offset}",
                    hex(source)
                ),
                found: source.to_vec(),
            },
            Some((offset, source, usual)) => Self {
                field: Some(field),
                detail: format!(
                    "decoded as {shown}, which is written {}, but the record holds {} at offset {offset}",
                    hex(usual),
                    hex(source)
                ),
                found: source.to_vec(),
            },
            None => Self {
                field: Some(field),
                detail: format!("decoded as {shown}, but the record has no such field"),
                found: Vec::new(),
            },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let more = if bytes.len() > SHOWN_BYTES_MAX { "…" } else { "" };
    format!("x'{}{more}'", domain::hex::encode(&bytes[..bytes.len().min(SHOWN_BYTES_MAX)]))
}

impl DecodeProof {
    /// For records of `layout` that are written as `spec` says.
    ///
    /// # Errors
    /// A sentence for the job's author.
    pub fn new(spec: &FormatSpec, layout: &Layout) -> Result<Self, String> {
        let stage = spec.stage.as_ref().map(|stage| StageProof::new(stage, spec, layout).map(Box::new));
        let columns = spec.stage.as_ref().map_or(layout, |stage| &*stage.columns);
        let shape = Shape::new(spec, columns)?;
        Ok(Self { shape, room: Vec::new(), counts: Counts::default(), stage: stage.transpose()? })
    }

    /// Encodes a row, given by its fields in canonical form, and compares it with the record's content. Counts the
    /// values that are written in another form than the usual one.
    ///
    /// # Errors
    /// [`Differs`] at the first field that is not what the record holds.
    pub fn prove<'a>(
        &mut self,
        record: &[u8],
        row: impl Iterator<Item = RawField<'a>>,
    ) -> Result<(), Differs> {
        let Self { shape, room, counts, stage } = self;
        match stage {
            None => shape.prove(record, row, room, counts),
            Some(stage) => stage.prove(record, row, counts, |columns, count, counts| {
                shape.prove(record, domain::record::fields_in(columns, count), room, counts)
            }),
        }
    }

    /// Compares the elements of a record that are records of their own with those that its own counts say it has: they
    /// are read here by themselves.
    ///
    /// # Errors
    /// [`Differs`] if they are others.
    pub fn prove_elements(&mut self, record: &[u8], elements: &[Element]) -> Result<(), Differs> {
        let are_same = match &mut self.shape {
            Shape::Copybook(encoder) => encoder.has_elements(record, elements),
            Shape::Delimited(_) | Shape::Fixed(_) => elements.is_empty(),
        };
        if are_same { Ok(()) } else { Err(Differs::of_record("the elements of the record's tables")) }
    }

    /// How many values of which field were written in which form since the last call, by field and form.
    pub fn take(&mut self) -> Vec<(usize, Equivalence, u64)> {
        if let Some(stage) = &mut self.stage {
            stage.settle(&mut self.counts);
        }
        let mut all = Vec::new();
        for (field, counts) in self.counts.0.iter_mut().enumerate() {
            for (form, count) in Equivalence::ALL.iter().zip(counts) {
                if *count > 0 {
                    all.push((field, *form, std::mem::take(count)));
                }
            }
        }
        all
    }
}

impl Shape {
    /// `layout`: what is encoded, which are a record's fields or the source's columns.
    fn new(spec: &FormatSpec, layout: &Layout) -> Result<Self, String> {
        Ok(match &spec.form {
            Form::Delimited(form) => Self::Delimited(Box::new(DelimitedEncoder::new(form, spec, layout)?)),
            Form::Fixed(form) => Self::Fixed(Box::new(FixedEncoder::new(form, spec, layout)?)),
            Form::Copybook(form) => Self::Copybook(Box::new(LaidOutEncoder::new(&form.record)?)),
        })
    }

    fn prove<'a>(
        &mut self,
        record: &[u8],
        row: impl Iterator<Item = RawField<'a>>,
        room: &mut Vec<u8>,
        counts: &mut Counts,
    ) -> Result<(), Differs> {
        match self {
            Self::Delimited(encoder) => encoder.prove(record, row, room, counts),
            Self::Fixed(encoder) => encoder.prove(record, row, room, counts),
            Self::Copybook(encoder) => encoder.prove(record, row, room, counts),
        }
    }
}

/// The encoder of one field that a copybook lays out.
fn field_encoder(spec: &FieldSpec) -> Result<FieldEncoder, String> {
    FieldEncoder::new(spec, Arc::new(PageBytes::new(spec.page)))
}

/// The bytes without the blanks that are padding.
fn stripped(bytes: &[u8], trim: Trim, space: u8) -> &[u8] {
    let mut rest = bytes;
    if trim != Trim::None {
        while let [front @ .., last] = rest
            && *last == space
        {
            rest = front;
        }
    }
    if trim == Trim::Both {
        while let [first, back @ ..] = rest
            && *first == space
        {
            rest = back;
        }
    }
    rest
}
