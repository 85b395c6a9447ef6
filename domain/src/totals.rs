//! Control totals: how many, how much, and what exactly, at one level.

use thiserror::Error;

use crate::amount::{Amount, AmountError};
use crate::fingerprint::{Hash, RangeError};
use crate::forest::Forest;
use crate::ids::RecordNo;
use crate::layout::Layout;
use crate::record::{self, RawRecord, Tag};
use crate::value::Value;

/// Why totals could not be added up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TotalsError {
    /// A sum has more digits than can be held exactly.
    #[error("the sum of field {field} does not fit {} digits", crate::amount::DIGITS_MAX)]
    Overflow {
        /// The amount field's place among the amounts.
        field: usize,
    },
    /// The two do not follow each other.
    #[error(transparent)]
    Range(#[from] RangeError),
}

/// Exact sums, one for each amount field of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums(pub Vec<Amount>);

impl Sums {
    /// Nothing yet, printed with the given scales.
    #[must_use]
    pub fn zero(scales: &[u8]) -> Self {
        Self(scales.iter().map(|scale| Amount::zero(*scale)).collect())
    }

    /// Adds one amount to one sum.
    ///
    /// # Errors
    /// [`TotalsError::Overflow`] past 38 digits; the sum is then unchanged.
    pub fn add(&mut self, field: usize, amount: Amount) -> Result<(), TotalsError> {
        let overflow = |_: AmountError| TotalsError::Overflow { field };
        if let Some(sum) = self.0.get_mut(field) {
            *sum = sum.checked_add(amount).map_err(overflow)?;
        }
        Ok(())
    }

    /// Adds all sums of `other`.
    ///
    /// # Errors
    /// [`TotalsError::Overflow`] past 38 digits.
    pub fn merge(&mut self, other: &Self) -> Result<(), TotalsError> {
        other.0.iter().enumerate().try_for_each(|(field, amount)| self.add(field, *amount))
    }
}

/// Count, exact sums and content of a run of records at one level.
///
/// Of one record type, or of several side by side: then each has its own count, its own sums and its own tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlTotals {
    /// How many records are at this level.
    pub records: u64,
    /// How many of each record type.
    pub by_type: Vec<u64>,
    /// The sum of each amount field over them, type by type. NULL adds nothing.
    pub sums: Sums,
    /// Their content, type by type: one leaf for every source record, also for those that are not at this level.
    pub tree: Forest,
}

impl ControlTotals {
    /// Nothing yet; the next record is that of leaf `begin`.
    #[must_use]
    pub fn starting_at(begin: u64, layout: &Layout) -> Self {
        Self {
            records: 0,
            by_type: vec![0],
            sums: Sums::zero(&layout.amount_scales()),
            tree: Forest::starting_at(begin),
        }
    }

    /// Nothing yet, of several record types.
    #[must_use]
    pub fn of_types<'a>(begin: u64, layouts: impl IntoIterator<Item = &'a Layout>) -> Self {
        let (mut by_type, mut sums) = (Vec::new(), Vec::new());
        for layout in layouts {
            by_type.push(0);
            sums.extend(Sums::zero(&layout.amount_scales()).0);
        }
        let tree = Forest::of_types(begin, by_type.len());
        Self { records: 0, by_type, sums: Sums(sums), tree }
    }

    /// These totals and, side by side with them, those of the next record type over the same records.
    ///
    /// # Errors
    /// [`TotalsError::Range`] when they are not over the same records.
    pub fn beside(mut self, next: Self) -> Result<Self, TotalsError> {
        self.tree = self.tree.beside(next.tree)?;
        self.records += next.records;
        self.by_type.extend(next.by_type);
        self.sums.0.extend(next.sums.0);
        Ok(self)
    }

    fn one_more(&mut self) {
        self.records += 1;
        if let Some(first) = self.by_type.first_mut() {
            *first += 1;
        }
    }

    /// Counts, sums and hashes one record in its canonical form.
    ///
    /// # Errors
    /// [`TotalsError::Overflow`] past 38 digits.
    pub fn accept(&mut self, layout: &Layout, record: &RawRecord<'_>) -> Result<(), TotalsError> {
        self.count(layout, record)?;
        if let Some(tree) = self.tree.first() {
            record::push_accepted(tree, record, &layout.hashed);
        }
        Ok(())
    }

    /// Counts and sums a record that has no leaf of its own: one that should not be at this level.
    ///
    /// # Errors
    /// [`TotalsError::Overflow`] past 38 digits.
    pub fn count(&mut self, layout: &Layout, record: &RawRecord<'_>) -> Result<(), TotalsError> {
        self.one_more();
        if layout.amounts.is_empty() {
            return Ok(());
        }
        for (index, field) in record.fields().enumerate() {
            // A field may be summed under one name only, so the first match is the only one.
            let Some(place) = layout.amounts.iter().position(|at| *at == index) else { continue };
            let amount = match field.tag {
                Tag::Decimal => Amount::parse_bytes(field.content).ok(),
                Tag::Integer => {
                    field.content.try_into().ok().map(|bytes| Amount::from(i64::from_be_bytes(bytes)))
                }
                // NULL adds nothing; a foreign value cannot be summed and is caught by its hash.
                _ => None,
            };
            if let Some(amount) = amount {
                self.sums.add(place, amount)?;
            }
        }
        Ok(())
    }

    /// Counts, sums and hashes one record that is already decoded; `canonical` is its canonical form.
    ///
    /// # Errors
    /// [`TotalsError::Overflow`] past 38 digits.
    pub fn accept_decoded(
        &mut self,
        layout: &Layout,
        values: &[Value<'_>],
        canonical: &[u8],
    ) -> Result<(), TotalsError> {
        self.one_more();
        for (place, field) in layout.amounts.iter().enumerate() {
            if let Some(amount) = values.get(*field).and_then(Value::as_amount) {
                self.sums.add(place, amount)?;
            }
        }
        for record in record::records(canonical, layout.fields.len()).flatten() {
            if let Some(tree) = self.tree.first() {
                record::push_accepted(tree, &record, &layout.hashed);
            }
        }
        Ok(())
    }

    /// Hashes a reject: it is in the source, but not among this level's records.
    pub fn reject(&mut self, record_no: RecordNo, raw: &[u8]) {
        if let Some(tree) = self.tree.first() {
            record::push_rejected(tree, record_no, raw);
        }
    }

    /// Hashes the absence of a record from this level.
    pub fn absent(&mut self, record_no: RecordNo) {
        if let Some(tree) = self.tree.first() {
            record::push_absent(tree, record_no);
        }
    }

    /// Hashes that a record is of another type, or is none that this type's tree has: a reject belongs to the tree of
    /// the first type.
    pub fn other(&mut self) {
        if let Some(tree) = self.tree.first() {
            tree.push_other();
        }
    }

    /// Hashes a record that was not seen: it is absent, or where there are several record types of another.
    pub fn unseen(&mut self, layout: &Layout, record_no: RecordNo) {
        if layout.among.is_alone() { self.absent(record_no) } else { self.other() }
    }

    /// Adds the totals of the records that follow.
    ///
    /// # Errors
    /// [`TotalsError`] when a sum overflows or `next` does not begin where these totals end.
    pub fn merge(&mut self, next: &Self) -> Result<(), TotalsError> {
        self.tree.append(&next.tree)?;
        self.sums.merge(&next.sums)?;
        self.records += next.records;
        self.by_type.iter_mut().zip(&next.by_type).for_each(|(sum, next)| *sum += next);
        Ok(())
    }

    /// The fingerprint, when these totals begin at the first record.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Hash> {
        self.tree.root()
    }
}
