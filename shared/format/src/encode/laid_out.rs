//! Records that a copybook lays out, encoded field by field at the places that the copybook gives them.

use std::ops::Range;
use std::sync::Arc;

use domain::record::{RawField, Tag};

use super::characters::PageBytes;
use super::cobol::{FieldEncoder, whole};
use super::{CannotWrite, Counts, Differs};
use crate::cobol::{FieldSpec, RecordSpec};
use crate::codepage::CodePage;
use crate::copybook::plan::{Element, Extent, Field, Plan};

/// Encodes the records of one type.
#[derive(Debug, Clone)]
pub(super) struct LaidOutEncoder {
    plan: Arc<Plan>,
    fields: Vec<FieldEncoder>,
    counts: Vec<FieldSpec>,
    lengths: Vec<Option<(Arc<Field>, FieldSpec)>>,
    extent: Extent,
}

impl LaidOutEncoder {
    pub(super) fn new(spec: &RecordSpec) -> Result<Self, String> {
        // Most records are of one page.
        let mut pages: Vec<(&CodePage, Arc<PageBytes>)> = Vec::new();
        let fields = spec.fields.iter().zip(&spec.plan.fields).map(|(spec, field)| {
            let page = match pages.iter().find(|(of, _)| *of == spec.page) {
                Some((_, page)) => Arc::clone(page),
                None => {
                    let page = Arc::new(PageBytes::new(spec.page));
                    pages.push((spec.page, Arc::clone(&page)));
                    page
                }
            };
            FieldEncoder::new(spec, page).map_err(|error| format!("field `{}`: {error}", field.column))
        });
        let lengths = spec
            .lengths
            .iter()
            .map(|of| of.as_ref().map(|length| (Arc::clone(&length.field), length.spec.clone())));
        let mut encoder = Self {
            fields: fields.collect::<Result<_, String>>()?,
            counts: spec.counts.clone(),
            lengths: lengths.collect(),
            extent: Extent::default(),
            plan: Arc::clone(&spec.plan),
        };
        // Without tables of varying length, every record's extent is the same.
        encoder.find(&[]);
        Ok(encoder)
    }

    /// Finds where the fields of a record are, from its own counts.
    fn find(&mut self, record: &[u8]) -> Option<()> {
        let Self { plan, counts, extent, .. } = self;
        let read = |count: usize, offset: usize| {
            let (field, spec) = (plan.counts.get(count).ok_or(())?, counts.get(count).ok_or(())?);
            let bytes = record.get(offset..offset + field.length).ok_or(())?;
            whole(spec, bytes).ok_or(())
        };
        plan.extent(extent, read).ok()
    }

    /// How many bytes a field has in this record; `None` where a length of the record is no number, or too great.
    fn length(&self, index: usize, field: &Field, record: &[u8]) -> Option<usize> {
        match self.lengths.get(index) {
            Some(Some((of, spec))) => {
                let at = self.extent.offset(of.offset);
                let number = record.get(at..at + of.length).and_then(|bytes| whole(spec, bytes));
                number.and_then(|number| usize::try_from(number).ok()).filter(|of| *of <= field.length)
            }
            _ => Some(field.length),
        }
    }

    /// Puts the usual form of a value into `room`; returns which bytes of the record are the field's at `index`.
    pub(super) fn form_of(
        &mut self,
        record: &[u8],
        index: usize,
        value: RawField<'_>,
        room: &mut Vec<u8>,
    ) -> Result<Range<usize>, CannotWrite> {
        if !self.plan.tables.is_empty() {
            self.find(record).ok_or(CannotWrite::NoPlace)?;
        }
        let known = self.plan.fields.get(index).zip(self.fields.get(index));
        let (field, encoder) = known.ok_or(CannotWrite::NoPlace)?;
        if !self.extent.holds(field.within) {
            return Err(CannotWrite::NoPlace);
        }
        let start = self.extent.offset(field.offset);
        let length = self.length(index, field, record).ok_or(CannotWrite::NoPlace)?;
        record.get(start..start + length).ok_or(CannotWrite::NoPlace)?;
        encoder.write(value, length, room).ok_or(CannotWrite::NoForm)?;
        Ok(start..start + length)
    }

    /// Whether the elements of a record that are records of their own are these, by the record's own counts.
    pub(super) fn has_elements(&mut self, record: &[u8], elements: &[Element]) -> bool {
        let is_known = self.plan.tables.is_empty() || self.find(record).is_some();
        is_known && self.plan.elements_in(&self.extent).eq(elements.iter().copied())
    }

    pub(super) fn prove<'a>(
        &mut self,
        record: &[u8],
        values: impl Iterator<Item = RawField<'a>>,
        room: &mut Vec<u8>,
        counts: &mut Counts,
    ) -> Result<(), Differs> {
        if !self.plan.tables.is_empty() && self.find(record).is_none() {
            return Err(Differs::of_record("the record's numbers of occurrences"));
        }
        let mut known = 0;
        for (index, value) in values.enumerate() {
            let (Some(field), Some(encoder)) = (self.plan.fields.get(index), self.fields.get(index)) else {
                break;
            };
            known += 1;
            if !self.extent.holds(field.within) {
                if value.tag != Tag::Null {
                    return Err(Differs::of_field(index, value, None));
                }
                continue;
            }
            let start = self.extent.offset(field.offset);
            let length = self.length(index, field, record);
            let source = length.and_then(|length| record.get(start..start + length));
            let forms = source.and_then(|source| encoder.prove(value, source, room));
            let found = source.map(|source| (start, source, room.as_slice()));
            counts.settle(index, value, forms, found)?;
        }
        if known == self.fields.len() { Ok(()) } else { Err(Differs::of_record("the number of fields")) }
    }
}
