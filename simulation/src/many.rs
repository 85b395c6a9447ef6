//! Many schedules, on as many threads as there are cores.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::mutants::Mutant;
use crate::plan::Plan;
use crate::schedule::{Outcome, run};

/// What many schedules came to.
#[derive(Debug, Default)]
pub struct Many {
    /// How many were run.
    pub schedules: u64,
    /// How many steps they had together.
    pub steps: u64,
    /// How many runs were promoted; the others failed by name.
    pub promoted: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// The first plan, by its seed, of which something was wrong, and what.
    pub wrong: Option<(Plan, Vec<String>)>,
}

impl Many {
    fn add(&mut self, plan: &Plan, outcome: Outcome) {
        self.schedules += 1;
        self.steps += outcome.trace.len() as u64;
        self.promoted += u64::from(outcome.last.state == "promoted");
        self.kills += u64::from(outcome.struck.kills);
        let is_first = self.wrong.as_ref().is_none_or(|(first, _)| plan.seed < first.seed);
        if !outcome.wrong.is_empty() && is_first {
            self.wrong = Some((plan.clone(), outcome.wrong));
        }
    }
}

/// Runs the schedules of these seeds, and ends early when one of them fails or the time is over.
///
/// # Panics
/// When a thread does.
#[must_use]
pub fn many(seeds: std::ops::Range<u64>, mutant: Option<Mutant>, at_most: Duration) -> Many {
    let until = Instant::now() + at_most;
    let cases = crate::cases();
    let (next, failed, all) =
        (AtomicU64::new(seeds.start), AtomicBool::new(false), Mutex::new(Many::default()));
    let work = || {
        while !failed.load(Ordering::Relaxed) && Instant::now() < until {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let plan = Plan::of(seed, cases);
            let outcome = run(&plan, mutant);
            failed.fetch_or(!outcome.wrong.is_empty(), Ordering::Relaxed);
            all.lock().unwrap_or_else(PoisonError::into_inner).add(&plan, outcome);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}
