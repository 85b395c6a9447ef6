//! A whole record as a copybook lays it out: where each field is, and its decoding.

use std::sync::Arc;

use domain::constraint::ReasonCode;
use domain::record::{self, Tag};

use super::{FieldDecoder, FieldSpec, FieldValue, Reject};
use crate::codepage::CodePage;
use crate::copybook::plan::extent::ExtentError;
use crate::copybook::plan::{Extent, Field, Plan};

/// How one record type's fields lie in a record.
#[derive(Debug, Clone)]
pub struct RecordSpec {
    /// Where they are.
    pub plan: Arc<Plan>,
    /// How each of [`Plan::fields`] is read.
    pub fields: Vec<FieldSpec>,
    /// How each of [`Plan::counts`] is read.
    pub counts: Vec<FieldSpec>,
    /// What may stand behind the last field.
    pub rest: Rest,
}

/// What may stand behind a record's last field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// What the copybook says: `FILLER`, or nothing.
    AsLaidOut,
    /// Anything: records are cut by their length, which the job says, or the job leaves the rest out.
    Anything,
}

/// Decodes records of one type. What it needs for that is kept from record to record.
#[derive(Debug, Clone)]
pub(crate) struct RecordDecoder {
    plan: Arc<Plan>,
    fields: Vec<FieldDecoder>,
    counts: Vec<FieldDecoder>,
    rest: Rest,
    extent: Extent,
    number: Vec<u8>,
}

impl RecordDecoder {
    /// # Errors
    /// A sentence for the layout's author.
    pub(crate) fn new(spec: &RecordSpec) -> Result<Self, String> {
        let decoders = |specs: &[FieldSpec], of: &[Field]| {
            let pairs = specs.iter().zip(of);
            let decoder = |(spec, field): (&FieldSpec, &Field)| {
                FieldDecoder::new(spec).map_err(|error| format!("field `{}`: {error}", field.column))
            };
            pairs.map(decoder).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            fields: decoders(&spec.fields, &spec.plan.fields)?,
            counts: decoders(&spec.counts, &spec.plan.counts)?,
            plan: Arc::clone(&spec.plan),
            rest: spec.rest,
            extent: Extent::default(),
            number: Vec::new(),
        })
    }

    /// How many fields a record has.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Finds where the fields of `record` are.
    pub(crate) fn locate(&mut self, record: &[u8]) -> Result<(), Reject> {
        let Self { plan, counts, extent, number, .. } = self;
        let read = |count: usize, offset: usize| {
            let (field, counter) = (&plan.counts[count], &counts[count]);
            let Some(bytes) = record.get(offset..offset + field.length) else {
                return Err(short(record.len(), offset + field.length, &field.column));
            };
            number.clear();
            match counter.decode(bytes, number)?.as_amount().and_then(|amount| amount.rescale(0).ok()) {
                Some(count) => Ok(count.mantissa()),
                None => Err(Reject::new(ReasonCode::Type, "the number of occurrences is missing")),
            }
        };
        if !plan.tables.is_empty() {
            plan.extent(extent, read).map_err(|error| occurrences(plan, error))?;
        }
        let end = self.extent.offset(self.plan.end);
        if self.rest == Rest::AsLaidOut && record.len() > end && record.len() != self.plan.length_max {
            let (have, want) = (record.len(), end);
            let detail = format!("the record has {have} bytes, but its layout ends at {want}");
            return Err(Reject::new(ReasonCode::FieldCount, detail));
        }
        Ok(())
    }

    /// Decodes the field at `index` of a record that was located; see [`FieldDecoder::decode`].
    pub(crate) fn decode(
        &self,
        index: usize,
        record: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<FieldValue, Reject> {
        let (field, decoder) = (&self.plan.fields[index], &self.fields[index]);
        if !self.extent.holds(field.within) {
            record::put_raw(out, Tag::Null, &[]);
            return Ok(FieldValue::Null);
        }
        let start = self.extent.offset(field.offset);
        match record.get(start..start + field.length) {
            Some(bytes) => decoder.decode(bytes, out),
            None => Err(short(record.len(), start + field.length, &field.column)),
        }
    }

    /// Where the field at `index` of a record that was located is; `None` where it is in an occurrence that is not
    /// there, or past the record's end.
    pub(crate) fn place(&self, index: usize, record: &[u8]) -> Option<(usize, usize)> {
        let field = self.plan.fields.get(index)?;
        let start = self.extent.offset(field.offset);
        (self.extent.holds(field.within) && start + field.length <= record.len())
            .then_some((start, field.length))
    }
}

#[cold]
fn short(have: usize, want: usize, field: &str) -> Reject {
    Reject::new(ReasonCode::FieldCount, format!("the record has {have} bytes, but `{field}` ends at {want}"))
}

#[cold]
fn occurrences(plan: &Plan, error: ExtentError<Reject>) -> Reject {
    match error {
        ExtentError::Unread { table, error } => Reject {
            code: error.code,
            detail: format!("the number of occurrences of {}: {}", plan.tables[table].path, error.detail),
        },
        ExtentError::OutOfBounds { table, count } => {
            let table = &plan.tables[table];
            let detail =
                format!("{} occurs {count} times; allowed are {} to {}", table.path, table.min, table.max);
            Reject { code: ReasonCode::Range, detail }
        }
    }
}

/// Two specifications are of the same form when they lay records out alike.
impl PartialEq for RecordSpec {
    fn eq(&self, other: &Self) -> bool {
        let pages = |spec: &Self| spec.fields.iter().map(|field| field.page).collect::<Vec<&CodePage>>();
        self.plan == other.plan && self.rest == other.rest && pages(self) == pages(other)
    }
}

impl Eq for RecordSpec {}
