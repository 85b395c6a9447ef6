//! Footing: comparing what header and trailer records say of the source with what was counted.
//!
//! A *control* is a record type that declares totals of a *scope*: the whole source, or the records from an
//! opening record up to the control itself. Scopes nest (file > batch, file > group > account), and a control that
//! sums its children's declared values is a sum like any other.
//!
//! ```text
//! records of a chunk ─ FootingBuilder ─► Footing ─ bytes ─► … ─ Fold, in chunk order ─► Outcome ─► checks, findings
//! ```
//!
//! A processor sees one chunk and knows nothing of what stands before it, so it evaluates nothing: its [`Footing`]
//! is what was measured between one event (a record that opens or closes a scope) and the next. The [`Fold`] goes
//! through the footings in order, in memory that does not grow with the source. How the source was cut makes no
//! difference to what comes out. Records that are numbered one after the other ([`Sequence`]) are checked likewise.

mod builder;
mod bytes;
mod fold;
mod measured;
mod outcome;
mod plan;
mod sequence;
mod tally;
#[cfg(test)]
mod tests;

use thiserror::Error;

pub use builder::{Footing, FootingBuilder};
pub use fold::{Fold, Given};
pub use outcome::{FootingFinding, Outcome};
pub use plan::{
    Control, Cover, Demand, Expected, FootingPlan, Measure, Outside, Part, PlanError, Total, Wanted, What,
};
pub use sequence::Sequence;

use crate::ids::RecordNo;

/// Why a footing could not be made, read or folded. None of these is the sender's fault: what the sender declared
/// wrongly is a failed check.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FootingError {
    /// Records did not come in order.
    #[error("got record {got}, expected record {want}: records are counted once and in order")]
    Order {
        /// The record that was due.
        want: RecordNo,
        /// The record that was given.
        got: RecordNo,
    },
    /// The bytes are not a footing of this plan.
    #[error("cannot read the stored footing: {0}; decode the chunk again")]
    Damaged(&'static str),
    /// More than a counter holds: only damaged footings have so much.
    #[error("a counter of the footing overflows; decode the chunk again")]
    Overflow,
}
