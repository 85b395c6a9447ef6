//! Thousands of schedules, each decided by a seed. `CROSSFOOT_SCHEDULES` says how many, `CROSSFOOT_SEED` runs one alone and
//! shows its steps, with `CROSSFOOT_SMALL` those of the smallest plan that still fails.

#![allow(clippy::panic, reason = "a test's helpers stop as tests do")]

use std::time::Instant;

use simulation::{Plan, cases, many, run, shrink};

/// How many schedules the tests run.
const SCHEDULES: u64 = 5000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn fail(plan: &Plan, wrong: &[String]) -> ! {
    let small = shrink(plan, None);
    let left = run(&small, None).wrong;
    panic!(
        "{plan}{wrong:#?}\nsmallest plan that still fails:\n{small}{left:#?}\nrun it again with CROSSFOOT_SEED={} \
         cargo test -p simulation --test schedules",
        plan.seed
    );
}

#[test]
fn no_schedule_loses_doubles_or_miscounts_and_every_run_ends() {
    if let Some(seed) = number("CROSSFOOT_SEED") {
        let mut plan = Plan::of(seed, cases());
        if std::env::var_os("CROSSFOOT_SMALL").is_some() {
            plan = shrink(&plan, None);
        }
        let outcome = run(&plan, None);
        for (at, step) in outcome.trace.iter().enumerate() {
            println!("{:5} {:7} ms {}.{} {}", at + 1, step.at_ms, step.place, step.incarnation, step.point);
        }
        println!("{plan}{:#?}\n{:?}, ended after {} ms", outcome.last, outcome.struck, outcome.ended_ms);
        if !outcome.wrong.is_empty() {
            fail(&plan, &outcome.wrong);
        }
        return;
    }
    let began = Instant::now();
    let all = many(0..number("CROSSFOOT_SCHEDULES").unwrap_or(SCHEDULES), None);
    println!(
        "{} schedules in {:.1} s: {} steps, {} processes killed, {} runs promoted",
        all.schedules,
        began.elapsed().as_secs_f64(),
        all.steps,
        all.kills,
        all.promoted
    );
    if let Some((plan, wrong)) = &all.wrong {
        fail(plan, wrong);
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in [1, 7, 11, 42, 99] {
        let plan = Plan::of(seed, cases());
        assert_eq!(run(&plan, None), run(&plan, None), "{plan}");
    }
}

#[test]
fn undisturbed_every_run_is_promoted() {
    for case in 0..cases() {
        let outcome = run(&Plan::undisturbed(case), None);
        assert_eq!((outcome.wrong, outcome.last.state.as_str()), (Vec::new(), "promoted"));
    }
}
