//! The elements of a record's tables that are records of their own: where each is, and whether it holds nothing.

use std::sync::Arc;

use domain::amount::DIGITS_MAX;
use domain::value::FieldType;

use super::record::found;
use super::{FieldDecoder, FieldSpec, Kind, RecordSpec};
use crate::copybook::plan::{Element, Extent, Plan, Why};
use crate::padding::Blanks;

/// Finds the elements of one record type's tables that are records of their own.
#[derive(Debug, Clone)]
pub struct ElementFinder {
    plan: Arc<Plan>,
    counts: Vec<FieldDecoder>,
    extent: Extent,
    number: Vec<u8>,
}

/// An element that ends after its record does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutShort {
    /// The element's table, with its groups.
    pub table: String,
    /// The element.
    pub element: Element,
}

impl ElementFinder {
    /// For records that are laid out so.
    ///
    /// # Errors
    /// A sentence for the layout's author.
    pub fn new(spec: &RecordSpec) -> Result<Self, String> {
        let counts = spec.counts.iter().zip(&spec.plan.counts);
        let counter = counts.map(|(spec, of)| {
            FieldDecoder::new(spec).map_err(|error| format!("field `{}`: {error}", of.path))
        });
        Ok(Self {
            counts: counter.collect::<Result<_, _>>()?,
            plan: Arc::clone(&spec.plan),
            extent: Extent::default(),
            number: Vec::new(),
        })
    }

    /// Puts the elements of `record` into `out`, in the order of their bytes; none where a number of occurrences cannot
    /// be: then decoding the record says why.
    ///
    /// # Errors
    /// [`CutShort`]: the record ends before one of them does. `out` is then empty.
    pub fn find(&mut self, record: &[u8], out: &mut Vec<Element>) -> Result<(), CutShort> {
        out.clear();
        let Self { plan, counts, extent, number } = self;
        if plan.elements.is_empty() || found(plan, counts, record, (extent, number)).is_err() {
            return Ok(());
        }
        out.extend(plan.elements_in(extent));
        let Some(element) = out.iter().find(|element| element.end > record.len()).copied() else {
            return Ok(());
        };
        out.clear();
        let table = plan.elements.iter().find(|all| all.of == element.of).map(|all| all.path.clone());
        Err(CutShort { table: table.unwrap_or_default(), element })
    }
}

/// Tells whether an element holds nothing: blanks in its texts, zero in its numbers, and nothing in what is no column.
#[derive(Debug, Clone)]
pub struct Emptiness {
    plan: Arc<Plan>,
    counts: Vec<FieldDecoder>,
    fields: Vec<Nothing>,
    space: u8,
    blanks: Blanks,
    extent: Extent,
    scratch: Vec<u8>,
}

/// What a field is that holds nothing.
#[derive(Debug, Clone)]
enum Nothing {
    /// Spaces or low-values.
    Blank,
    /// Low-values: other bytes are a number.
    LowValues,
    /// The number zero, or blanks where these are no number.
    Zero(FieldDecoder),
}

impl Nothing {
    fn of(spec: &FieldSpec) -> Result<Self, String> {
        let (kind, behind) = match &spec.kind {
            Kind::Number(form) | Kind::Moment { digits: form, .. } => {
                (Kind::Number(form.clone()), form.scale)
            }
            Kind::Edited(form) => (spec.kind.clone(), form.scale),
            Kind::Float(_) => return Ok(Self::LowValues),
            Kind::Text(_) | Kind::Db2Timestamp { .. } => return Ok(Self::Blank),
        };
        let column = FieldType::Decimal { precision: DIGITS_MAX, scale: u8::try_from(behind).unwrap_or(0) };
        Ok(Self::Zero(FieldDecoder::new(&FieldSpec { kind, column, ..spec.clone() })?))
    }

    fn is(&self, bytes: &[u8], space: u8, scratch: &mut Vec<u8>) -> bool {
        match self {
            Self::Blank => is_blank(bytes, space),
            Self::LowValues => is_blank(bytes, 0),
            Self::Zero(number) => is_zero(number, bytes, space, scratch),
        }
    }
}

fn is_blank(bytes: &[u8], space: u8) -> bool {
    bytes.iter().all(|byte| *byte == space || *byte == 0)
}

fn is_zero(number: &FieldDecoder, bytes: &[u8], space: u8, scratch: &mut Vec<u8>) -> bool {
    let start = scratch.len();
    let value = number.decode(bytes, scratch);
    scratch.truncate(start);
    match value.map(|value| value.as_amount()) {
        Ok(Some(amount)) => amount.mantissa() == 0,
        Ok(None) | Err(_) => is_blank(bytes, space),
    }
}

impl Emptiness {
    /// For elements that are laid out so.
    ///
    /// # Errors
    /// A sentence for the layout's author.
    pub fn new(spec: &RecordSpec) -> Result<Self, String> {
        let finder = ElementFinder::new(spec)?;
        let longest = spec.plan.unread.iter().map(|bytes| bytes.length).max().unwrap_or(0);
        Ok(Self {
            fields: spec.fields.iter().map(Nothing::of).collect::<Result<_, _>>()?,
            space: spec.space,
            blanks: Blanks::new(spec.space, longest),
            plan: finder.plan,
            counts: finder.counts,
            extent: finder.extent,
            scratch: finder.number,
        })
    }

    /// Whether `element` holds nothing.
    pub fn is_empty(&mut self, element: &[u8]) -> bool {
        let Self { plan, counts, fields, space, blanks, extent, scratch } = self;
        let space = *space;
        if !plan.tables.is_empty() && found(plan, counts, element, (extent, scratch)).is_err() {
            return false;
        }
        let at = |offset, length: usize| {
            let start = extent.offset(offset);
            element.get(start..start + length)
        };
        let are_empty = plan.fields.iter().zip(fields).filter(|(field, _)| extent.holds(field.within)).all(
            |(field, nothing)| {
                at(field.offset, field.length).is_some_and(|bytes| nothing.is(bytes, space, scratch))
            },
        );
        let own = plan.own_counts.iter().filter_map(|at| plan.counts.get(*at).zip(counts.get(*at)));
        let mut own = own.filter(|(count, _)| extent.holds(count.within));
        let mut unread = plan.unread.iter().filter(|bytes| extent.holds(bytes.within));
        are_empty
            && own.all(|(count, number)| {
                at(count.offset, count.length).is_some_and(|bytes| is_zero(number, bytes, space, scratch))
            })
            && unread.all(|bytes| {
                at(bytes.offset, bytes.length).is_some_and(|held| match bytes.why {
                    Why::LeftOut | Why::View => is_blank(held, space),
                    why => blanks.data_in(held, why == Why::PackedFiller).is_none(),
                })
            })
    }
}
