//! The records of a source and the rows of a target that have one key, brought together.

use std::collections::BTreeMap;

use super::equality::{EqualitySet, Sameness, same};
use super::plan::{ExtraRows, Plan};
use super::report::DifferenceKind;
use crate::amount::Amount;
use crate::record::{RawField, Tag};
use crate::totals::{Sums, TotalsError};

/// A record of the source, as an entry has it after its key.
#[derive(Debug, Clone, Copy)]
pub struct SourceRow<'a> {
    /// The compared fields.
    pub row: &'a [u8],
    /// The record's number in its source, from 1.
    pub record_no: u64,
    /// Where it begins in the source's content, in bytes.
    pub offset: u64,
}

impl<'a> SourceRow<'a> {
    /// The row that these bytes hold.
    #[must_use]
    pub fn of(rest: &'a [u8]) -> Option<Self> {
        let (rest, offset) = rest.split_last_chunk::<8>()?;
        let (row, record_no) = rest.split_last_chunk::<8>()?;
        Some(Self { row, record_no: u64::from_be_bytes(*record_no), offset: u64::from_be_bytes(*offset) })
    }
}

/// A row of the target, as an entry has it after its key.
#[derive(Debug, Clone, Copy)]
pub struct TargetRow<'a> {
    /// The compared fields.
    pub row: &'a [u8],
    /// The later writer that it is of, from 1; 0 for none.
    pub writer: u16,
}

impl<'a> TargetRow<'a> {
    /// The row that these bytes hold, of a table that is compared as `plan` says.
    #[must_use]
    pub fn of(plan: &Plan, rest: &'a [u8]) -> Option<Self> {
        if !plan.names_writer {
            return Some(Self { row: rest, writer: 0 });
        }
        let (row, writer) = rest.split_last_chunk::<2>()?;
        Some(Self { row, writer: u16::from_be_bytes(*writer) })
    }
}

/// How often a field's values differed, and by what they were equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldCounts {
    /// Values that differ.
    pub differing: u64,
    /// Values that are equal only under these declared equalities.
    pub under: BTreeMap<EqualitySet, u64>,
    /// Values that differ, and would be equal under these equalities, which are not declared.
    pub would_be: BTreeMap<EqualitySet, u64>,
}

/// What one record and one row differ in, or the one of them that has no other.
#[derive(Debug)]
pub struct Found<'a> {
    /// What is wrong.
    pub kind: DifferenceKind,
    /// The record, if there is one; of a doubled row, the first one with its key.
    pub source: Option<SourceRow<'a>>,
    /// The row, if there is one.
    pub target: Option<TargetRow<'a>>,
    /// The places, among the compared fields, of those that differ.
    pub fields: Vec<usize>,
}

/// What the groups that were brought together amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing {
    /// Records that take part: accepted ones of the type.
    pub records: u64,
    /// Of these, replaced by a later one with their key.
    pub merged: u64,
    /// Rows of the target that were read.
    pub rows: u64,
    /// Records and rows that are the same to the last digit and blank.
    pub exact: u64,
    /// Records and rows that are the same under declared equalities.
    pub equal: u64,
    /// Records whose row has another value in at least one field.
    pub differing: u64,
    /// Records without a row.
    pub missing: u64,
    /// Records whose key a later writer's row has, by the writer's number.
    pub replaced: BTreeMap<u16, u64>,
    /// Rows with the key of a record that has a row already.
    pub doubled: u64,
    /// Rows whose key no record has, where they should not be.
    pub extra: u64,
    /// Rows that are not compared: of later writers, and those whose key no record has, where the job allows them.
    pub allowed: u64,
    /// Records that are not settled, because the rows of their key changed while they were read.
    pub unstable_records: u64,
    /// Rows that are not settled.
    pub unstable_rows: u64,
    /// Records that repeat the key of another.
    pub repeated_in_source: u64,
    /// Rows that repeat the key of another.
    pub repeated_in_target: u64,
    /// Sums over the records that should have a row.
    pub source_sums: Sums,
    /// Sums over the rows that are not allowed extra ones.
    pub target_sums: Sums,
    /// For each amount, values of the target that are no exact number and are in no sum.
    pub not_summed: Vec<u64>,
    /// What became of each compared field's values.
    pub fields: Vec<FieldCounts>,
}

impl Pairing {
    /// What no groups amount to.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let sums = Sums::zero(&plan.layout.amount_scales());
        Self {
            records: 0,
            merged: 0,
            rows: 0,
            exact: 0,
            equal: 0,
            differing: 0,
            missing: 0,
            replaced: BTreeMap::new(),
            doubled: 0,
            extra: 0,
            allowed: 0,
            unstable_records: 0,
            unstable_rows: 0,
            repeated_in_source: 0,
            repeated_in_target: 0,
            not_summed: vec![0; sums.0.len()],
            target_sums: sums.clone(),
            source_sums: sums,
            fields: vec![FieldCounts::default(); plan.fields.len()],
        }
    }

    /// Records that should have a row.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.records - self.merged - self.replaced()
    }

    /// Records whose key a later writer's row has.
    #[must_use]
    pub fn replaced(&self) -> u64 {
        self.replaced.values().sum()
    }

    /// Adds what other groups amount to.
    ///
    /// # Errors
    /// [`TotalsError::Overflow`] past 38 digits.
    pub fn merge(&mut self, other: &Self) -> Result<(), TotalsError> {
        let counts = [
            (&mut self.records, other.records),
            (&mut self.merged, other.merged),
            (&mut self.rows, other.rows),
            (&mut self.exact, other.exact),
            (&mut self.equal, other.equal),
            (&mut self.differing, other.differing),
            (&mut self.missing, other.missing),
            (&mut self.doubled, other.doubled),
            (&mut self.extra, other.extra),
            (&mut self.allowed, other.allowed),
            (&mut self.unstable_records, other.unstable_records),
            (&mut self.unstable_rows, other.unstable_rows),
            (&mut self.repeated_in_source, other.repeated_in_source),
            (&mut self.repeated_in_target, other.repeated_in_target),
        ];
        counts.into_iter().for_each(|(sum, more)| *sum += more);
        self.not_summed.iter_mut().zip(&other.not_summed).for_each(|(sum, more)| *sum += more);
        for (writer, more) in &other.replaced {
            *self.replaced.entry(*writer).or_default() += more;
        }
        for (sum, more) in self.fields.iter_mut().zip(&other.fields) {
            sum.differing += more.differing;
            for (counts, more) in [(&mut sum.under, &more.under), (&mut sum.would_be, &more.would_be)] {
                more.iter().for_each(|(set, count)| *counts.entry(*set).or_default() += count);
            }
        }
        self.source_sums.merge(&other.source_sums)?;
        self.target_sums.merge(&other.target_sums)
    }

    /// Takes back what was found of one record or row, in these of the compared fields: a second look found other rows.
    pub fn unsettle(&mut self, kind: DifferenceKind, fields: impl IntoIterator<Item = usize>) {
        let (count, records, rows) = match kind {
            DifferenceKind::Differs => (&mut self.differing, 1, 1),
            DifferenceKind::Missing => (&mut self.missing, 1, 0),
            DifferenceKind::Doubled => (&mut self.doubled, 0, 1),
            DifferenceKind::Extra => (&mut self.extra, 0, 1),
            DifferenceKind::Unstable | DifferenceKind::Repeated => return,
        };
        *count -= 1;
        self.unstable_records += records;
        self.unstable_rows += rows;
        fields.into_iter().for_each(|at| self.fields[at].differing -= 1);
    }

    /// Brings together the records and the rows of one key, and hands on what is wrong. Of a key that very many have,
    /// several groups can be made where whole records are compared; `had_records` says that one before had records.
    ///
    /// # Errors
    /// [`TotalsError::Overflow`] when a sum passes 38 digits.
    pub fn group<'a>(
        &mut self,
        plan: &Plan,
        mut sources: Vec<SourceRow<'a>>,
        mut targets: Vec<TargetRow<'a>>,
        had_records: bool,
        found: &mut dyn FnMut(Found<'a>),
    ) -> Result<(), TotalsError> {
        self.records += sources.len() as u64;
        self.rows += targets.len() as u64;
        let had_records = had_records || !sources.is_empty();
        let later = self.later(plan, &mut targets);
        if !had_records && plan.extra == ExtraRows::Allowed {
            self.allowed += targets.len() as u64;
            return Ok(());
        }
        if plan.merges() && sources.len() > 1 {
            self.merged += sources.len() as u64 - 1;
            sources.sort_unstable_by_key(|row| row.record_no);
            sources.drain(..sources.len() - 1);
        }
        if plan.has_key() {
            self.repeated_in_source += sources.len().saturating_sub(1) as u64;
            self.repeated_in_target += targets.len().saturating_sub(1) as u64;
        }
        sources.sort_unstable_by_key(|row| row.record_no);
        let first = sources.first().copied();
        let repeated = if plan.has_key() { sources.iter().skip(1).copied().collect() } else { Vec::new() };
        // What is left without a row of its own was replaced by the later writer, if there is one.
        let replaced = later.map_or(0, |_| sources.len().saturating_sub(targets.len()));
        if let (Some(writer), true) = (later, replaced > 0) {
            self.replace(plan, writer, replaced, &mut sources, &targets);
        }
        for row in &sources {
            add(plan, row.row, &mut self.source_sums, None)?;
        }
        for row in &targets {
            add(plan, row.row, &mut self.target_sums, Some(&mut self.not_summed))?;
        }
        self.pair_equal(plan, &mut sources, &mut targets);
        for source in repeated {
            // One that has no equal row is told of below.
            if !sources.iter().any(|left| std::ptr::eq(left.row, source.row)) {
                let kind = DifferenceKind::Repeated;
                found(Found { kind, source: Some(source), target: None, fields: Vec::new() });
            }
        }
        let pairs = sources.len().min(targets.len());
        for (source, target) in sources.drain(..pairs).zip(targets.drain(..pairs)) {
            self.differing += 1;
            let fields = self.differences(plan, source.row, target.row);
            found(Found {
                kind: DifferenceKind::Differs,
                source: Some(source),
                target: Some(target),
                fields,
            });
        }
        for source in sources {
            self.missing += 1;
            found(Found {
                kind: DifferenceKind::Missing,
                source: Some(source),
                target: None,
                fields: Vec::new(),
            });
        }
        for target in targets {
            let (kind, count) = match had_records {
                true => (DifferenceKind::Doubled, &mut self.doubled),
                false => (DifferenceKind::Extra, &mut self.extra),
            };
            *count += 1;
            let source = first.filter(|_| kind == DifferenceKind::Doubled);
            found(Found { kind, source, target: Some(target), fields: Vec::new() });
        }
        Ok(())
    }

    /// Takes the rows of later writers out, and counts them. Returns the latest of the writers.
    fn later(&mut self, plan: &Plan, targets: &mut Vec<TargetRow<'_>>) -> Option<u16> {
        if !plan.names_writer {
            return None;
        }
        let latest = targets.iter().map(|row| row.writer).max().filter(|writer| *writer > 0);
        let before = targets.len();
        targets.retain(|row| row.writer == 0);
        self.allowed += (before - targets.len()) as u64;
        latest
    }

    /// Takes out so many records, which have no row of their own any more because `writer` replaced it: those that are
    /// equal to no row first.
    fn replace(
        &mut self,
        plan: &Plan,
        writer: u16,
        count: usize,
        sources: &mut Vec<SourceRow<'_>>,
        targets: &[TargetRow<'_>],
    ) {
        let mut left = count;
        sources.retain(|source| {
            let is_there = targets.iter().any(|target| equal_under(plan, source.row, target.row).is_some());
            let goes = left > 0 && !is_there;
            left -= usize::from(goes);
            !goes
        });
        // Records that are the same have rows that are the same: which of them was replaced does not matter.
        sources.truncate(sources.len() - left);
        *self.replaced.entry(writer).or_default() += count as u64;
    }

    /// Takes out the pairs that are equal: those that are the same first, so that no other is taken for them.
    fn pair_equal(
        &mut self,
        plan: &Plan,
        sources: &mut Vec<SourceRow<'_>>,
        targets: &mut Vec<TargetRow<'_>>,
    ) {
        if let ([source], [target]) = (&sources[..], &targets[..])
            && source.row == target.row
        {
            self.exact += 1;
            sources.clear();
            targets.clear();
            return;
        }
        sources.retain(|source| {
            let Some(at) = targets.iter().position(|target| target.row == source.row) else { return true };
            targets.remove(at);
            self.exact += 1;
            false
        });
        sources.retain(|source| {
            let under = |target: &TargetRow<'_>| equal_under(plan, source.row, target.row);
            let pair =
                targets.iter().enumerate().find_map(|(at, target)| under(target).map(|sets| (at, sets)));
            let Some((at, sets)) = pair else { return true };
            targets.remove(at);
            self.equal += 1;
            for (field, set) in sets {
                *self.fields[field].under.entry(set).or_default() += 1;
            }
            false
        });
    }

    /// The fields in which a record and a row differ, each counted.
    fn differences(&mut self, plan: &Plan, source: &[u8], target: &[u8]) -> Vec<usize> {
        let mut differing = Vec::new();
        for (at, (field, source, target)) in pairs(plan, source, target).enumerate() {
            let ty = &plan.layout.fields[field.at].ty;
            let counts = &mut self.fields[at];
            match same(ty, field.equal, &source, &target) {
                Sameness::Exact => {}
                Sameness::Under(set) => *counts.under.entry(set).or_default() += 1,
                Sameness::Different => {
                    counts.differing += 1;
                    if let Sameness::Under(set) = same(ty, EqualitySet::ALL, &source, &target) {
                        *counts.would_be.entry(set).or_default() += 1;
                    }
                    differing.push(at);
                }
            }
        }
        differing
    }
}

fn pairs<'a>(
    plan: &'a Plan,
    source: &'a [u8],
    target: &'a [u8],
) -> impl Iterator<Item = (&'a super::plan::FieldPlan, RawField<'a>, RawField<'a>)> {
    plan.fields
        .iter()
        .zip(plan.row(source))
        .zip(plan.row(target))
        .map(|((field, source), target)| (field, source, target))
}

/// The equalities under which a record and a row are equal, field by field; `None` if they are not.
fn equal_under(plan: &Plan, source: &[u8], target: &[u8]) -> Option<Vec<(usize, EqualitySet)>> {
    let mut used = Vec::new();
    for (at, (field, source, target)) in pairs(plan, source, target).enumerate() {
        match same(&plan.layout.fields[field.at].ty, field.equal, &source, &target) {
            Sameness::Exact => {}
            Sameness::Under(set) => used.push((at, set)),
            Sameness::Different => return None,
        }
    }
    Some(used)
}

/// Adds a row's amounts. What is no exact number is counted in `not_summed`.
fn add(
    plan: &Plan,
    row: &[u8],
    sums: &mut Sums,
    mut not_summed: Option<&mut Vec<u64>>,
) -> Result<(), TotalsError> {
    for (amount, place) in plan.amounts().enumerate() {
        let Some(raw) = place.and_then(|place| plan.row(row).nth(place)) else { continue };
        let number = match raw.tag {
            Tag::Null => continue,
            Tag::Decimal => Amount::parse_bytes(raw.content).ok(),
            Tag::Integer => raw.content.try_into().ok().map(|bytes| Amount::from(i64::from_be_bytes(bytes))),
            _ => None,
        };
        match (number, &mut not_summed) {
            (Some(number), _) => sums.add(amount, number)?,
            (None, Some(counts)) => counts[amount] += 1,
            (None, None) => {}
        }
    }
    Ok(())
}
