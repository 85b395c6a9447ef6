//! Where the fields of one record are, given how often its tables of varying length occur.

use super::{Offset, Plan, Table, Within};

/// The numbers of occurrences of one record, and what follows from them. Its memory is kept from record to record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    /// How often each of [`Plan::tables`] occurs; 0 for a table in an occurrence that is not there.
    counts: Vec<usize>,
    /// By how much the first entries of [`Plan::closing`] move what follows, by the number of entries.
    moves: Vec<usize>,
}

/// Why a record's extent is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtentError<E> {
    /// The field that holds the number, an index of [`Plan::counts`], could not be read.
    Unread {
        /// The table, an index of [`Plan::tables`].
        table: usize,
        /// Why the field could not be read.
        error: E,
    },
    /// The number is not between the table's bounds.
    OutOfBounds {
        /// The table, an index of [`Plan::tables`].
        table: usize,
        /// The number that the field holds.
        count: i128,
    },
}

impl Plan {
    /// Finds the extent of one record. `read` reads the whole number that one of [`Plan::counts`], told by its place
    /// among them, holds at an offset of the record (it must check that the record reaches that far).
    ///
    /// # Errors
    /// The first number that cannot be read or is out of its table's bounds.
    pub fn extent<E>(
        &self,
        extent: &mut Extent,
        mut read: impl FnMut(usize, usize) -> Result<i128, E>,
    ) -> Result<(), ExtentError<E>> {
        extent.counts.clear();
        extent.moves.clear();
        extent.moves.push(0);
        let mut closed = 0;
        for (at, table) in self.tables.iter().enumerate() {
            let field = &self.counts[table.count];
            // A count stands before its table, and so do the tables that move it: all their counts are known.
            while closed < field.offset.after {
                extent.close(self, closed);
                closed += 1;
            }
            if !extent.holds(table.within) {
                extent.counts.push(0);
                continue;
            }
            let offset = extent.offset(field.offset);
            let count =
                read(table.count, offset).map_err(|error| ExtentError::Unread { table: at, error })?;
            match usize::try_from(count) {
                Ok(times) if (table.min..=table.max).contains(&times) => extent.counts.push(times),
                _ => return Err(ExtentError::OutOfBounds { table: at, count }),
            }
        }
        while closed < self.closing.len() {
            extent.close(self, closed);
            closed += 1;
        }
        Ok(())
    }
}

impl Extent {
    /// The extent of a record in which each table that is there occurs `times`.
    pub(super) fn with(plan: &Plan, times: impl Fn(&Table) -> usize) -> Self {
        let mut extent = Self { counts: Vec::with_capacity(plan.tables.len()), moves: vec![0] };
        for table in &plan.tables {
            let count = if extent.holds(table.within) { times(table) } else { 0 };
            extent.counts.push(count);
        }
        for at in 0..plan.closing.len() {
            extent.close(plan, at);
        }
        extent
    }

    fn close(&mut self, plan: &Plan, at: usize) {
        let table = plan.closing[at];
        let moved = self.moves.last().copied().unwrap_or(0);
        self.moves.push(moved + self.counts[table] * plan.tables[table].stride);
    }

    /// Where a field or the record's end is. It must be of the plan that the extent was found with.
    #[must_use]
    pub fn offset(&self, offset: Offset) -> usize {
        offset.base + self.moves.get(offset.after).copied().unwrap_or(0)
    }

    /// Whether the occurrence that a field is in is there.
    #[must_use]
    pub fn holds(&self, within: Option<Within>) -> bool {
        within.is_none_or(|within| {
            self.counts.get(within.table).is_some_and(|count| within.occurrence <= *count)
        })
    }

    /// How often each of [`Plan::tables`] occurs.
    #[must_use]
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }
}
