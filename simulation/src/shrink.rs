//! A failing plan made smaller: its parts are left out one at a time, as long as it still fails.

use crate::mutants::Mutant;
use crate::plan::Plan;
use crate::schedule::run;

/// The smallest plan that was found to fail still.
#[must_use]
pub fn shrink(plan: &Plan, mutant: Option<Mutant>) -> Plan {
    let mut smallest = plan.clone();
    let mut at = 0;
    while let Some(smaller) = smallest.without(at) {
        if run(&smaller, mutant).wrong.is_empty() {
            at += 1;
        } else {
            // What was kept before may be left out now.
            (smallest, at) = (smaller, 0);
        }
    }
    smallest
}
