//! One chunk's footing, made record by record.

use std::sync::Arc;

use super::FootingError;
use super::measured::{Measured, Sparse, Wide, taken};
use super::plan::{FootingPlan, Part, What};
use super::sequence::{self, Sequence};
use crate::amount::Amount;
use crate::ids::RecordNo;
use crate::rule::Truth;
use crate::value::Value;

/// The longest text that a control is compared by, in bytes; a longer one cannot be read.
pub(super) const SAID_BYTES_MAX: usize = 256;

/// What a control's field says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DeclaredValue {
    /// The field holds NULL: nothing is declared.
    Nothing,
    /// It could not be decoded, or is too long to be compared.
    Unreadable,
    /// A number, exact: from an integer or decimal field.
    Number(Amount),
    /// Text, or another value as it is written.
    Text(String),
}

impl DeclaredValue {
    fn of(value: &Value<'_>, is_decoded: bool) -> Self {
        match value {
            _ if !is_decoded => Self::Unreadable,
            Value::Null => Self::Nothing,
            Value::Integer(integer) => Self::Number((*integer).into()),
            Value::Decimal(amount) => Self::Number(*amount),
            Value::Text(text) if text.len() > SAID_BYTES_MAX => Self::Unreadable,
            Value::Text(text) => Self::Text((*text).to_owned()),
            Value::Bytes(bytes) if bytes.len() > SAID_BYTES_MAX / 4 => Self::Unreadable,
            other => Self::Text(other.to_string()),
        }
    }
}

/// A record that opens a scope or declares something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// The record's type, by its place among the job's record types.
    pub(super) record: usize,
    /// The record's number in its source, from 1.
    pub(super) record_no: RecordNo,
    /// What was measured since the event before it, itself left out.
    pub(super) before: Sparse,
    /// What is measured of itself: it may belong to the scope that ends, or to the one that begins.
    pub(super) own: Sparse,
    /// What it declares, in the order of the plan's fields.
    pub(super) said: Vec<DeclaredValue>,
}

/// The measures and events of one chunk, in record order. Its size is bounded by the chunk's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footing {
    /// The number of the chunk's first record, from 1.
    pub(super) first: RecordNo,
    /// How many records the chunk has, rejects included.
    pub(super) records: u64,
    pub(super) events: Vec<Event>,
    /// What was measured since the last event.
    pub(super) rest: Sparse,
    /// The chunk's part of each of the plan's sequences.
    pub(super) sequences: Vec<sequence::Part>,
}

impl Footing {
    /// The number of the chunk's first record.
    #[must_use]
    pub const fn first(&self) -> RecordNo {
        self.first
    }

    /// How many records the chunk has, rejects included.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }
}

/// Records, and the lines that they stand on.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    records: u64,
    lines: u64,
}

/// Makes one chunk's [`Footing`].
#[derive(Debug, Clone)]
pub struct FootingBuilder {
    plan: Arc<FootingPlan>,
    first: RecordNo,
    next: RecordNo,
    since: Vec<Measured>,
    /// Records and lines since the last event, for the measures over all records.
    all: Passed,
    events: Vec<Event>,
    sequences: Vec<sequence::Part>,
}

impl FootingBuilder {
    /// Begins a chunk whose first record has number `first`.
    #[must_use]
    pub fn new(plan: &Arc<FootingPlan>, first: RecordNo) -> Self {
        Self {
            since: vec![Measured::default(); plan.kept.len()],
            sequences: vec![sequence::Part::default(); plan.sequences.len()],
            plan: Arc::clone(plan),
            first,
            next: first,
            all: Passed::default(),
            events: Vec::new(),
        }
    }

    /// Adds the next record. `record` is the place of its type, `None` if it has none; `lines` is how many lines it has
    /// (1, unless [`FootingPlan::counts_lines`] asks), 0 for an element of another record's table: among all records it
    /// is not counted, only where its type is named; `values` are its values in layout order, and `is_decoded` says
    /// which of them could be read. Rejects are added like other records: they were sent.
    ///
    /// # Errors
    /// [`FootingError::Order`] if it is not the next; [`FootingError::Overflow`] past 2^64 lines.
    pub fn record(
        &mut self,
        record: Option<usize>,
        record_no: RecordNo,
        lines: u64,
        values: &[Value<'_>],
        is_decoded: impl Fn(usize) -> bool,
    ) -> Result<(), FootingError> {
        if record_no != self.next {
            return Err(FootingError::Order { want: self.next, got: record_no });
        }
        self.next = RecordNo(record_no.0.checked_add(1).ok_or(FootingError::Overflow)?);
        let Self { plan, since, all, events, sequences, .. } = self;
        for (sequence, part) in plan.sequences.iter().zip(sequences.iter_mut()) {
            let Some(record) = record else { break };
            let read =
                |field: usize| values.get(field).filter(|_| is_decoded(field)).and_then(Sequence::number);
            part.record(sequence, record, record_no, read);
        }
        let Some((at, of_type)) = record.and_then(|at| plan.types.get(at).map(|of_type| (at, of_type)))
        else {
            return all.count(lines);
        };
        let before = if of_type.is_event { Some(flushed(plan, since, all)?) } else { None };
        all.count(lines)?;
        for (place, part) in &of_type.parts {
            let kept = &plan.kept[*place];
            add(&mut since[*place], kept.measure.what, kept.scale, part, lines, values, &is_decoded)?;
        }
        if let Some(before) = before {
            let own = flushed(plan, since, all)?;
            let said = of_type.declares.iter().map(|field| {
                values
                    .get(*field)
                    .map_or(DeclaredValue::Unreadable, |value| DeclaredValue::of(value, is_decoded(*field)))
            });
            let said = said.collect();
            events.push(Event { record: at, record_no, before, own, said });
        }
        Ok(())
    }

    /// What the chunk's records declare.
    ///
    /// # Errors
    /// [`FootingError::Overflow`] past 2^64 records.
    pub fn finish(mut self) -> Result<Footing, FootingError> {
        let rest = flushed(&self.plan, &mut self.since, &mut self.all)?;
        let records = self.next.0 - self.first.0;
        let Self { first, events, sequences, .. } = self;
        Ok(Footing { first, records, events, rest, sequences })
    }
}

impl Passed {
    fn count(&mut self, lines: u64) -> Result<(), FootingError> {
        self.records += u64::from(lines > 0);
        self.lines = self.lines.checked_add(lines).ok_or(FootingError::Overflow)?;
        Ok(())
    }
}

/// What was measured since the last call.
fn flushed(plan: &FootingPlan, since: &mut [Measured], all: &mut Passed) -> Result<Sparse, FootingError> {
    let Passed { records, lines } = std::mem::take(all);
    for place in &plan.of_all {
        let mut sum = Wide::default();
        if plan.kept[*place].measure.what == What::Lines {
            sum.add(lines.into())?;
        }
        since[*place].merge(&Measured { records, unreadable: 0, sum })?;
    }
    Ok(taken(since))
}

/// Adds one record to one measure, in which its type has this part.
fn add(
    measured: &mut Measured,
    what: What,
    scale: u8,
    part: &Part,
    lines: u64,
    values: &[Value<'_>],
    is_decoded: &impl Fn(usize) -> bool,
) -> Result<(), FootingError> {
    let takes_part = match &part.only {
        None => Some(true),
        Some(only) if !only.fields().iter().all(|field| is_decoded(*field)) => None,
        Some(only) => only.evaluate(values).ok().map(|truth| truth == Truth::True),
    };
    match takes_part {
        Some(false) => return Ok(()),
        Some(true) => measured.records += 1,
        None => {
            measured.records += 1;
            measured.unreadable += 1;
            return Ok(());
        }
    }
    match (what, part.field) {
        (What::Records, _) => Ok(()),
        (What::Lines, _) => measured.sum.add(lines.into()),
        (What::Sum { .. }, Some(field)) if !is_decoded(field) => {
            measured.unreadable += 1;
            Ok(())
        }
        (What::Sum { absolute }, field) => {
            let value = field.and_then(|field| values.get(field));
            // NULL adds nothing, as in SQL.
            let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(()) };
            match value.as_amount().map(|amount| amount.rescale(scale)) {
                Some(Ok(amount)) => measured.sum.add(if absolute { amount.abs() } else { amount }.mantissa()),
                _ => {
                    measured.unreadable += 1;
                    Ok(())
                }
            }
        }
    }
}
