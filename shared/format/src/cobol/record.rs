//! A whole record as a copybook lays it out: where each field is, and its decoding.

use std::sync::Arc;

use domain::bytes::{ByteClass, ByteCounts};
use domain::constraint::ReasonCode;
use domain::record::{self, Tag};
use domain::words::counted;

use super::account::Account;
use super::{FieldDecoder, FieldSpec, FieldValue, Reject};
use crate::codepage::CodePage;
use crate::copybook::plan::extent::ExtentError;
use crate::copybook::plan::{Extent, Field, Plan};
use crate::fault::Fault;
use crate::padding::Padding;

/// How one record type's fields lie in a record.
#[derive(Debug, Clone)]
pub struct RecordSpec {
    /// Where each field is in the record.
    pub plan: Arc<Plan>,
    /// How each of [`Plan::fields`] is read.
    pub fields: Vec<FieldSpec>,
    /// How each of [`Plan::counts`] is read.
    pub counts: Vec<FieldSpec>,
    /// For each of [`Plan::fields`], the number that says how many of its bytes are data; the rest of them is not read.
    pub lengths: Vec<Option<LengthSpec>>,
    /// What may be in bytes that the copybook assigns to no field.
    pub padding: Padding,
    /// The source's space: 0x40 in EBCDIC.
    pub space: u8,
}

/// A number that says how many bytes of a text are data.
#[derive(Debug, Clone)]
pub struct LengthSpec {
    /// The field that holds the number.
    pub field: Arc<Field>,
    /// How it is read.
    pub spec: FieldSpec,
}

/// The length before a text that is being read.
#[derive(Debug, Clone)]
struct Length {
    field: Arc<Field>,
    decoder: FieldDecoder,
}

/// Decodes records of one type. What it needs for that is kept from record to record.
#[derive(Debug, Clone)]
pub(crate) struct RecordDecoder {
    plan: Arc<Plan>,
    fields: Vec<FieldDecoder>,
    counts: Vec<FieldDecoder>,
    lengths: Vec<Option<Length>>,
    padding: Padding,
    space: u8,
    extent: Extent,
    number: Vec<u8>,
    account: Account,
    /// How many bytes of the record's fields were read, and how many are after the end of a text that has a length.
    read: u64,
    beyond: u64,
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
        let length = |of: &LengthSpec| {
            let decoder = FieldDecoder::new(&of.spec)
                .map_err(|error| format!("the length {}: {error}", of.field.path))?;
            Ok(Length { field: Arc::clone(&of.field), decoder })
        };
        let lengths = spec.lengths.iter().map(|of| of.as_ref().map(length).transpose());
        Ok(Self {
            lengths: lengths.collect::<Result<_, String>>()?,
            fields: decoders(&spec.fields, &spec.plan.fields)?,
            counts: decoders(&spec.counts, &spec.plan.counts)?,
            account: Account::new(&spec.plan, spec.space),
            plan: Arc::clone(&spec.plan),
            padding: spec.padding,
            space: spec.space,
            extent: Extent::default(),
            number: Vec::new(),
            read: 0,
            beyond: 0,
        })
    }

    /// How many fields a record has.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Finds where the fields of `record` are.
    pub(crate) fn locate(&mut self, record: &[u8]) -> Result<(), Reject> {
        (self.read, self.beyond) = (0, 0);
        let Self { plan, counts, extent, number, .. } = self;
        found(plan, counts, record, (extent, number)).map_err(|error| occurrences(plan, error))?;
        let end = self.extent.offset(self.plan.end);
        if record.len() > end && !self.padding.is_open() && record.len() != self.plan.length_max {
            let (have, want) = (record.len(), end);
            let detail = format!("the record has {}, but its layout ends at {want}", counted(have, "byte"));
            return Err(Reject::new(ReasonCode::FieldCount, detail));
        }
        Ok(())
    }

    /// How long the record is that `bytes` begin with; they may go on after it, and may end before it does.
    pub(crate) fn measured(&self, bytes: &[u8], extent: &mut Extent) -> Result<usize, CountError> {
        let Self { plan, counts, .. } = self;
        found(plan, counts, bytes, (extent, &mut Vec::new())).map_err(|error| {
            let (ExtentError::Unread { table, .. } | ExtentError::OutOfBounds { table, .. }) = &error;
            let field = plan.tables.get(*table).and_then(|table| plan.counts.get(table.count));
            CountError {
                field: field.map(|field| field.path.clone()).unwrap_or_default(),
                at: field.map_or(0, |field| extent.offset(field.offset)),
                detail: occurrences(plan, error).detail,
            }
        })?;
        Ok(extent.offset(plan.end))
    }

    /// What is wrong with the bytes of a located record that belong to no item: those after its last item, and with
    /// [`Following::Stay`](crate::copybook::plan::Following) the room of occurrences that are not there.
    pub(crate) fn padding(&self, record: &[u8]) -> Option<Fault> {
        let Self { plan, extent, padding, space, .. } = self;
        let rooms = plan.tables.iter().zip(extent.counts()).filter(|(table, count)| {
            let has_room = plan.closing.is_empty() && **count < table.max && !table.in_rows;
            has_room && extent.holds(table.within)
        });
        let in_rooms = rooms.filter_map(|(table, count)| {
            let start = extent.offset(table.offset);
            let room = (start + count * table.stride, start + table.max * table.stride);
            padding.objection(record, room, *space, || {
                format!("after the {count} occurrences of {} that its count covers", table.path)
            })
        });
        let after = (extent.offset(plan.end), record.len());
        let at_end =
            || padding.objection(record, after, *space, || "after the record's last item".to_owned());
        in_rooms.into_iter().next().or_else(at_end)
    }

    /// Decodes the field at `index` of a record that was located; see [`FieldDecoder::decode`].
    pub(crate) fn decode(
        &mut self,
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
        let length = match self.lengths.get(index) {
            Some(Some(length)) => self.length(length, field, record, out)?,
            _ => field.length,
        };
        let (bytes, beyond) = (record.get(start..start + length), field.length - length);
        // Counted from what is handed to the field's decoder, and from nothing else: see `bytes`.
        self.read += bytes.map_or(0, <[u8]>::len) as u64;
        self.beyond += beyond as u64;
        match bytes {
            Some(bytes) if beyond > 0 => decoder.decode_part(bytes, out),
            Some(bytes) => decoder.decode(bytes, out),
            None => Err(short(record.len(), start + length, &field.column)),
        }
    }

    /// Of which class the bytes of a record are whose fields were all decoded. The fields are those that were read; all
    /// else comes from the places that the plan names, so that they add up only if both are right.
    pub(crate) fn bytes(&self, record: &[u8]) -> ByteCounts {
        let Self { plan, extent, .. } = self;
        let mut counts = self.account.unread(plan, extent, record.len());
        let own = plan.own_counts.iter().filter_map(|at| plan.counts.get(*at));
        let own = own.filter(|count| extent.holds(count.within)).map(|count| count.length as u64);
        let read = own.fold(self.read, u64::saturating_add);
        // What does not fit is left out, and the record does not add up.
        let _ = counts.add(ByteClass::Fields, read);
        let _ = counts.add(ByteClass::Filler, self.beyond);
        counts
    }

    /// Where FILLER of a located record holds data; see [`Account::data_in_filler`].
    pub(crate) fn data_in_filler(&self, record: &[u8]) -> Option<usize> {
        self.account.data_in_filler(&self.plan, &self.extent, record)
    }

    /// How many bytes of `text` its length says are data. `scratch` is left as it was.
    fn length(
        &self,
        length: &Length,
        text: &Field,
        record: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Result<usize, Reject> {
        let of = &length.field;
        let start = self.extent.offset(of.offset);
        let Some(bytes) = record.get(start..start + of.length) else {
            return Err(short(record.len(), start + of.length, &of.path));
        };
        let value = whole(&length.decoder, bytes, scratch)?;
        let length = value.and_then(|value| usize::try_from(value).ok());
        length.filter(|length| *length <= text.length).ok_or_else(|| {
            let value = value.map_or("missing".to_owned(), |value| value.to_string());
            let detail = format!("{} is {value}; the text has 0 to {} characters", of.path, text.length);
            Reject::new(ReasonCode::Range, detail)
        })
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

/// A number of occurrences for which a record's length is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CountError {
    /// The number's field, with its groups.
    pub(crate) field: String,
    /// Where it is in the record.
    pub(crate) at: usize,
    /// What is wrong with it.
    pub(crate) detail: String,
}

/// Finds the extent of the record that `bytes` begin with.
pub(super) fn found(
    plan: &Plan,
    counts: &[FieldDecoder],
    bytes: &[u8],
    (extent, number): (&mut Extent, &mut Vec<u8>),
) -> Result<(), ExtentError<Reject>> {
    let read = |count: usize, offset: usize| {
        let (field, counter) = (&plan.counts[count], &counts[count]);
        let Some(own) = bytes.get(offset..offset + field.length) else {
            return Err(short(bytes.len(), offset + field.length, &field.path));
        };
        let missing = || Reject::new(ReasonCode::Type, "the number of occurrences is missing");
        whole(counter, own, number)?.ok_or_else(missing)
    };
    if plan.tables.is_empty() { Ok(()) } else { plan.extent(extent, read) }
}

/// The whole number that a field holds; `None` if it holds none. `scratch` is left as it was.
fn whole(decoder: &FieldDecoder, bytes: &[u8], scratch: &mut Vec<u8>) -> Result<Option<i128>, Reject> {
    let start = scratch.len();
    let amount = decoder.decode(bytes, scratch)?.as_amount();
    scratch.truncate(start);
    Ok(amount.and_then(|amount| amount.rescale(0).ok()).map(|amount| amount.mantissa()))
}

#[cold]
fn short(have: usize, want: usize, field: &str) -> Reject {
    Reject::new(
        ReasonCode::FieldCount,
        format!("the record has {}, but `{field}` ends at {want}", counted(have, "byte")),
    )
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
        let lengths = |spec: &Self| {
            spec.lengths.iter().map(|of| of.as_ref().map(|of| Arc::clone(&of.field))).collect::<Vec<_>>()
        };
        self.plan == other.plan
            && lengths(self) == lengths(other)
            && self.padding == other.padding
            && pages(self) == pages(other)
    }
}

impl Eq for RecordSpec {}
