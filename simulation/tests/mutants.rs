//! Fleets with a defect: the simulation catches each within 1,000 seeds.

#![allow(clippy::panic, reason = "a test's helpers stop as tests do")]

use std::time::Duration;

use simulation::{Mutant, many, run, shrink};

/// Within how many seeds each must be caught.
const SEEDS: u64 = 1000;

#[test]
fn each_mutant_is_caught_within_a_thousand_seeds() {
    let mut uncaught = Vec::new();
    for mutant in Mutant::ALL {
        let all = many(0..SEEDS, Some(*mutant), Duration::from_secs(1 << 32));
        match all.wrong {
            Some((plan, wrong)) => {
                let small = shrink(&plan, Some(*mutant));
                let left = run(&small, Some(*mutant)).wrong;
                assert!(!left.is_empty());
                let first = wrong[0].split(": ").next().unwrap_or_default();
                println!(
                    "{} | {} | {} faults left of {} | {first}",
                    mutant.name(),
                    plan.seed,
                    small.faults.len(),
                    plan.faults.len()
                );
            }
            None => uncaught.push(mutant.name()),
        }
    }
    assert_eq!(uncaught, [""; 0], "not caught within {SEEDS} seeds");
}
