//! The catalogue of defects: what may go wrong between a source and its final table, which check must catch it, and how
//! closely it must be located. `crossfoot drill` injects each of them and holds the controls to what is defined here.

mod catalogue;
mod model;
mod outcome;
mod result;

pub use catalogue::{CATALOGUE, Defect, DefectId};
pub use model::{Catch, Group, Located, Strikes, matches};
pub use outcome::{Evidence, Judgement, Seen, judge};
pub use result::{DRILL_VERSION, DrillReport, Struck, Undamaged};
