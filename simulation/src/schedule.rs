//! One schedule from its beginning to its end, and what must be so then.

use std::sync::Arc;
use std::time::Duration;

use platform::inline::Simulated;
use rusqlite::Connection;
use tokio::time::Instant;

use crate::clock::VirtualClock;
use crate::fixture::Fixture;
use crate::last::{Last, charged, last};
use crate::mutants::Mutant;
use crate::plan::Plan;
use crate::process::{LOOK, PLACES, start};
use crate::world::{Step, Struck, World};

/// A run ends within this, in virtual time, whatever struck it.
pub(crate) const ENDS_WITHIN: Duration = Duration::from_secs(20 * 60);

/// After its end, workers are idle within this: one of them may have been stopped several times, one after the other.
const SETTLES_WITHIN: Duration = Duration::from_secs(10 * 60);

/// How a schedule went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was found wrong; empty if everything held.
    pub wrong: Vec<String>,
    /// The steps, in order.
    pub trace: Vec<Step>,
    /// What struck.
    pub struck: Struck,
    /// How the run ended, in virtual milliseconds.
    pub ended_ms: u64,
    /// What the run came to.
    pub last: Last,
}

/// Runs one schedule, with a defect in the fleet if one is named.
#[must_use]
pub fn run(plan: &Plan, mutant: Option<Mutant>) -> Outcome {
    let mut outcome = go(plan, mutant);
    if outcome.wrong.is_empty() {
        outcome.wrong = outcome.last.faults(plan.case, outcome.struck);
    }
    outcome
}

/// As [`run`], but for what must be so at the end.
pub(crate) fn go(plan: &Plan, mutant: Option<Mutant>) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (clock, _simulated) = {
        let _inside = runtime.enter();
        let clock = VirtualClock::start();
        (clock, Simulated::enter(Arc::new(clock), plan.seed))
    };
    let database = Fixture::shared().database(plan.case);
    let (world, outcome) = runtime.block_on(async {
        let (world, mut restarts) = World::new(plan, mutant, clock, &database);
        let file = &database.store;
        world.look(|connection| world.watch.begins(connection));
        let mut incarnations = [0; PLACES.len()];
        for place in 0..PLACES.len() {
            start(&world, file, place, 0);
        }
        let mut waiting: Vec<(Instant, usize)> = Vec::new();
        let ended = loop {
            let now = Instant::now();
            let next = waiting.iter().map(|(at, _)| *at).min().unwrap_or(now + LOOK).min(now + LOOK);
            tokio::select! {
                biased;
                Some((place, after_ms)) = restarts.recv() => {
                    waiting.push((Instant::now() + Duration::from_millis(after_ms), place));
                }
                () = tokio::time::sleep_until(next) => {
                    for (_, place) in waiting.extract_if(.., |(at, _)| *at <= next).collect::<Vec<_>>() {
                        incarnations[place] += 1;
                        start(&world, file, place, incarnations[place]);
                    }
                }
            }
            if !world.is_well() || world.look(is_over) {
                break true;
            }
            if clock.elapsed() > ENDS_WITHIN {
                break false;
            }
        };
        // Workers that are not done yet with what nobody waits for any more take their charges back.
        for _ in 0..SETTLES_WITHIN.as_secs() {
            if !world.is_well() || world.look(charged) <= world.struck().charges_max() {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        let last = world.look(last);
        if !ended {
            world.is_wrong(format!("the run has not ended after {} s: {last:?}", ENDS_WITHIN.as_secs()));
        }
        let outcome = Outcome {
            wrong: Vec::new(),
            trace: world.trace(),
            struck: world.struck(),
            ended_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
            last,
        };
        (world, outcome)
    });
    drop(runtime);
    let wrong = world.wrong();
    drop(world);
    if wrong.is_empty() {
        Fixture::shared().give_back(plan.case, database);
    }
    Outcome { wrong, ..outcome }
}

/// Whether the run has ended, or is left to an operator.
fn is_over(ledger: &Connection) -> rusqlite::Result<bool> {
    ledger
        .prepare_cached("SELECT state NOT IN ('loading', 'staged') OR parked FROM crossfoot_run")?
        .query_row([], |row| row.get(0))
}
