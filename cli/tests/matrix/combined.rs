//! Two faults in one run, drawn by a seed.

use super::ground::{Ground, Outcome, Who};
use super::pairs::{Lab, Pair, Servers};
use super::points::{armed, until_struck};

/// What can strike each process, any two of different processes in one run.
const FAULTS: &[(Who, &str)] = &[
    (Who::Coordinator, "publish.chunks.after@4=die"),
    (Who::Coordinator, "chunks.record@1=lose-reply"),
    (Who::Coordinator, "reports.keep@2=fail"),
    (Who::Coordinator, "step.staged.after=die"),
    (Who::Coordinator, "promotion.insert.after=die"),
    (Who::Coordinator, "promotion.commit=lose-reply"),
    (Who::Coordinator, "promotion.commit.after=die"),
    (Who::Coordinator, "publish.ranges=twice"),
    (Who::Processor, "charge.after@4=die"),
    (Who::Processor, "publish.batches.after@3=die"),
    (Who::Processor, "publish.batches@3=lose-reply"),
    (Who::Processor, "publish.counts.after@2=die"),
    (Who::Processor, "ack.chunks.before@5=die"),
    (Who::Processor, "refund@2=fail"),
    (Who::Writer, "commit.after@3=die"),
    (Who::Writer, "commit.recorded.after@4=die"),
    (Who::Writer, "commit@3=lose-reply"),
    (Who::Writer, "commit@2=twice"),
    (Who::Writer, "publish.counts.before@4=die"),
    (Who::Writer, "ack.batches.before@2=die"),
];

const SEEDS: u64 = 16;

pub(crate) fn pairs() -> Vec<Pair> {
    (1..=SEEDS)
        .map(|seed| {
            let (first, second) = drawn(seed);
            let word = |(who, fault): (Who, &str)| format!("{} {fault}", who.word());
            Pair {
                kind: "two faults in one run",
                place: format!("{}; {} (seed {seed})", word(first), word(second)),
                in_subset: seed == 1,
                servers: Servers::Shared,
                strike: Box::new(move |lab| both(lab, first, second)),
            }
        })
        .collect()
}

fn drawn(seed: u64) -> ((Who, &'static str), (Who, &'static str)) {
    let mut random = fastrand::Rng::with_seed(seed);
    loop {
        let (first, second) = (FAULTS[random.usize(..FAULTS.len())], FAULTS[random.usize(..FAULTS.len())]);
        if first.0 != second.0 {
            return (first, second);
        }
    }
}

fn both(lab: &Lab, first: (Who, &str), second: (Who, &str)) -> Outcome {
    let mut ground = Ground::on(lab.servers());
    for who in Who::ALL {
        let faults: Vec<_> = [first, second].into_iter().filter(|of| of.0 == who).map(|of| of.1).collect();
        let settings = if faults.is_empty() { Vec::new() } else { armed(&ground, &faults.join(",")) };
        ground.launch(who, settings);
        if who == Who::Coordinator {
            ground.until("a coordinator serves", |ground| {
                ground.number("SELECT count(*) FROM crossfoot_service") == 1
            });
            ground.launch(who, Vec::new());
        }
    }
    ground.submit();
    until_struck(&mut ground, 1);
    ground.reconciles()
}
