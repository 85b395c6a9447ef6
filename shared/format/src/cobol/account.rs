//! The bytes of a record that a copybook lays out and no decoder reads: of which class they are, and whether FILLER
//! holds data.

use domain::bytes::{ByteClass, ByteCounts};

use crate::copybook::plan::{Extent, Plan, Table, Unread, Why};
use crate::padding::Blanks;

/// What is known of a plan's bytes before any record is seen.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// The bytes that no decoder reads and that are in every record of full length.
    always: ByteCounts,
    /// Those of one occurrence of each of [`Plan::tables`].
    each: Vec<ByteCounts>,
    /// Which of [`Plan::unread`] are FILLER.
    filler: Vec<usize>,
    blanks: Blanks,
}

/// The class of bytes of which no column is made.
const fn class(why: Why) -> ByteClass {
    match why {
        Why::Filler | Why::PackedFiller | Why::Slack => ByteClass::Filler,
        Why::View => ByteClass::UnusedViews,
        Why::LeftOut => ByteClass::LeftOut,
    }
}

/// Counts that a record's bytes cannot exceed: a record has at most a few gigabytes, and a layout far fewer.
fn add(counts: &mut ByteCounts, class: ByteClass, bytes: usize) {
    // What does not fit is left out, and the record does not add up.
    let _ = counts.add(class, bytes as u64);
}

impl Account {
    pub(super) fn new(plan: &Plan, space: u8) -> Self {
        let mut always = ByteCounts::default();
        let mut each = vec![ByteCounts::default(); plan.tables.len()];
        for bytes in &plan.unread {
            match bytes.within {
                None => add(&mut always, class(bytes.why), bytes.length),
                // Every occurrence of a table has the same layout.
                Some(within) if within.occurrence == 1 => {
                    if let Some(of_one) = each.get_mut(within.table) {
                        add(of_one, class(bytes.why), bytes.length);
                    }
                }
                Some(_) => {}
            }
        }
        let is_filler = |(_, bytes): &(usize, &Unread)| matches!(bytes.why, Why::Filler | Why::PackedFiller);
        let filler: Vec<_> = plan.unread.iter().enumerate().filter(is_filler).map(|(at, _)| at).collect();
        let longest = filler.iter().map(|at| plan.unread[*at].length).max().unwrap_or(0);
        Self { always, each, filler, blanks: Blanks::new(space, longest) }
    }

    /// The classes of the bytes that no decoder reads in a located record that has `length` bytes. The record's padding
    /// is what comes after the layout's end, and the room of occurrences that are not there.
    pub(super) fn unread(&self, plan: &Plan, extent: &Extent, length: usize) -> ByteCounts {
        let end = extent.offset(plan.end);
        if length < end {
            return cut_short(plan, extent, length);
        }
        let mut counts = self.always;
        add(&mut counts, ByteClass::Padding, length - end);
        for ((table, of_one), count) in plan.tables.iter().zip(&self.each).zip(extent.counts()) {
            // As in `add`: what does not fit does not add up.
            let _ = counts.add_times(of_one, *count as u64);
            let (start, end) = room(plan, extent, table, *count);
            add(&mut counts, ByteClass::Padding, end - start);
        }
        counts
    }

    /// Where FILLER of a located record holds something else than blanks, zeros or low-values: the first such byte.
    pub(super) fn data_in_filler(&self, plan: &Plan, extent: &Extent, record: &[u8]) -> Option<usize> {
        self.filler.iter().find_map(|at| {
            let bytes = plan.unread.get(*at).filter(|bytes| extent.holds(bytes.within))?;
            let start = extent.offset(bytes.offset);
            let held = record.get(start..(start + bytes.length).min(record.len()))?;
            let found = self.blanks.data_in(held, bytes.why == Why::PackedFiller)?;
            Some(start + found)
        })
    }
}

/// The room of a table's occurrences that are not there: of no length where what follows them moves up.
fn room(plan: &Plan, extent: &Extent, table: &Table, count: usize) -> (usize, usize) {
    let start = extent.offset(table.offset);
    if !plan.closing.is_empty() || count >= table.max || table.in_rows || !extent.holds(table.within) {
        return (start, start);
    }
    (start + count * table.stride, start + table.max * table.stride)
}

/// The same where the record ends before its layout: its last bytes are FILLER, or of a view that is not taken.
#[cold]
fn cut_short(plan: &Plan, extent: &Extent, length: usize) -> ByteCounts {
    let mut counts = ByteCounts::default();
    let within = |start: usize, end: usize| end.min(length).saturating_sub(start);
    for bytes in plan.unread.iter().filter(|bytes| extent.holds(bytes.within)) {
        let start = extent.offset(bytes.offset);
        add(&mut counts, class(bytes.why), within(start, start + bytes.length));
    }
    for (table, count) in plan.tables.iter().zip(extent.counts()) {
        let (start, end) = room(plan, extent, table, *count);
        add(&mut counts, ByteClass::Padding, within(start, end));
    }
    counts
}
