//! Runs schedules by hand: `schedules FIRST COUNT`, or `schedules SEED` with its trace.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example prints")]

use std::time::Instant;

use simulation::{Plan, cases, run};

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    if let [seed] = numbers[..] {
        let plan = Plan::of(seed, cases());
        let outcome = run(&plan, None);
        for (at, step) in outcome.trace.iter().enumerate() {
            println!("{:5} {:7} {}.{} {}", at + 1, step.at_ms, step.place, step.incarnation, step.point);
        }
        println!(
            "{plan}\n{:?}\n{:#?}\n{:?}\nended at {} ms",
            outcome.wrong, outcome.last, outcome.struck, outcome.ended_ms
        );
        return;
    }
    let plain = run(&Plan::undisturbed(0), None);
    println!("undisturbed: {:?} {} steps", plain.wrong, plain.trace.len());
    let began = Instant::now();
    let (mut steps, mut virtual_ms, mut bad) = (0, 0, 0);
    for seed in numbers[0]..numbers[0] + numbers[1] {
        let plan = Plan::of(seed, cases());
        let before = Instant::now();
        let outcome = run(&plan, None);
        steps += outcome.trace.len();
        virtual_ms += outcome.ended_ms;
        if before.elapsed().as_millis() > 200 {
            println!(
                "seed {seed}: {:?}, {} ms virtual, {} steps",
                before.elapsed(),
                outcome.ended_ms,
                outcome.trace.len()
            );
        }
        if !outcome.wrong.is_empty() {
            bad += 1;
            println!("{plan}{:#?}", outcome.wrong);
        }
    }
    println!(
        "{} schedules in {:?}, {steps} steps, {} s virtual, {bad} bad",
        numbers[1],
        began.elapsed(),
        virtual_ms / 1000
    );
}
