//! Comparing a source with a table that another program loaded: what counts as equal, and what two sides amount to.
//!
//! Pure. A source's record and a target's row are brought together by key; each pair is compared field by field. Two
//! values are equal when they are the same to the last digit and blank, or when the job declares an [`Equality`] under
//! which they are: none is assumed, and each one that was needed is counted.

mod cell;
mod chain;
mod content;
mod equality;
mod evidence;
mod pairing;
mod plan;
mod report;
#[cfg(test)]
mod tests;
mod totals;

pub use cell::{Cell, put_cell};
pub use chain::{ChainReport, HopReport, TakenHop, apart, handover};
pub use content::{ContentLook, CopyRows, content_checks, put_value};
pub use equality::{Equality, EqualitySet, Sameness, is_number, same};
pub use evidence::{LoadEvidence, TypeComparison, no_source_rows, not_compared, reconcile_load};
pub use pairing::{FieldCounts, Found, Pairing, SourceRow, TargetRow};
pub use plan::{Entry, ExtraRows, FieldPlan, Plan};
pub use report::{
    ComparedTable, Difference, DifferenceKind, EqualityUse, FieldDifference, LoadAmount, LoadBalance,
    LoadOutcome, LoadReport, LoadWorker, ReadPhase, TargetSummary,
};
pub use totals::{
    ColumnTotals, NOT_SEEN, QuickOutcome, QuickReport, QuickTable, TableTotals, compare_totals, is_ordered,
    is_summed, refused,
};
