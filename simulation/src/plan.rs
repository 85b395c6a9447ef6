//! What happens to the fleet in one schedule: it follows from the seed, and is a list of which parts can be left out.

use std::fmt;

use broker::Queue;
use broker::in_process::Faults;
use fastrand::Rng;

/// Points that faults aim at by name, beside those that they meet by chance: what is asked of the store, by the name of
/// the function that asks, and what is done with messages.
const POINTS: [&str; 18] = [
    "start_chunk",
    "forgive_start",
    "sqlite::staging",
    "acquire_lease",
    "renew",
    "claim_service",
    "keep_reports",
    "keep_readback",
    "finish_split",
    "::step",
    "add_chunks",
    "log_under",
    "promotion: begin",
    "promotion: insert",
    "promotion: commit",
    "broker: publish",
    "broker: settle",
    "sqlite::connect",
];

/// Points at which a coordinator acts by its lease.
const LEASED: [&str; 4] = ["promotion: begin", "promotion: insert", "promotion: commit", "::step"];

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At this step of the whole schedule.
    Step(u32),
    /// When a point whose name contains this is passed for the n-th time.
    Nth(&'static str, u32),
}

/// What strikes. Times are virtual milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// What is asked for is not done, or is done and its answer is lost: whichever side the point is on.
    Fail,
    /// It is done twice, where the contract permits that.
    Twice,
    /// The process dies, and is started again later.
    Kill(u64),
    /// The process stops, and goes on later.
    Pause(u64),
    /// This step takes long.
    Slow(u64),
    /// The store refuses everybody.
    StoreDown(u64),
    /// The broker takes and delivers nothing.
    BrokerDown(u64),
    /// What waits in a queue is removed.
    Purge(Queue),
    /// The broker loses all messages.
    Reset,
}

/// A fault of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// When it strikes.
    pub when: When,
    /// What strikes.
    pub what: What,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::Step(step) => write!(f, "at step {step}: ")?,
            When::Nth(point, nth) => write!(f, "at pass {nth} of `{point}`: ")?,
        }
        match self.what {
            What::Fail => write!(f, "it fails, or its answer is lost"),
            What::Twice => write!(f, "it is done twice"),
            What::Kill(ms) => write!(f, "the process dies, and starts again after {ms} ms"),
            What::Pause(ms) => write!(f, "the process stops for {ms} ms"),
            What::Slow(ms) => write!(f, "it takes {ms} ms"),
            What::StoreDown(ms) => write!(f, "the store refuses everybody for {ms} ms"),
            What::BrokerDown(ms) => write!(f, "the broker takes and delivers nothing for {ms} ms"),
            What::Purge(queue) => write!(f, "{} is purged", queue.name()),
            What::Reset => write!(f, "the broker loses all messages"),
        }
    }
}

/// A schedule's whole plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Decides the order of everything that is not a fault.
    pub seed: u64,
    /// Which of the prepared runs is driven.
    pub case: usize,
    /// How the broker treats each message.
    pub mail: Faults,
    /// What else happens.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, case {}, {:?}", self.seed, self.case, self.mail)?;
        self.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}

impl Plan {
    /// Nothing happens but what must.
    #[must_use]
    pub fn undisturbed(case: usize) -> Self {
        Self { seed: 0, case, mail: Faults::default(), faults: Vec::new() }
    }

    /// What the seed says.
    #[must_use]
    pub fn of(seed: u64, cases: usize) -> Self {
        let mut random = Rng::with_seed(seed ^ 0x05ee_d0fa_11f0_0175);
        let case = random.usize(..cases);
        // One schedule in four has a well-behaved broker: faults of processes show better then.
        let mail = if random.u8(..4) == 0 {
            Faults { seed, ..Faults::default() }
        } else {
            let mut chance = |max: u32| if random.bool() { random.u32(..=max) } else { 0 };
            Faults {
                seed,
                duplicate: chance(300),
                redeliver: chance(300),
                reorder: chance(500),
                delay: chance(500),
                lose_confirm: chance(300),
            }
        };
        let mut faults: Vec<_> = (0..random.usize(..=5)).map(|_| fault(&mut random)).collect();
        // Who holds a lease, and what a permit is good for, shows only when a coordinator stops for longer than its
        // lease at the few steps that need it: chance alone seldom meets them.
        if random.u8(..6) == 0 {
            let when = When::Nth(LEASED[random.usize(..LEASED.len())], 1);
            faults.push(Fault { when, what: What::Pause(random.u64(13_000..40_000)) });
        }
        Self { seed, case, mail, faults }
    }

    /// The plan without its `at`-th part; `None` when it has no such part. The broker's faults are the last part.
    #[must_use]
    pub fn without(&self, at: usize) -> Option<Self> {
        let mut plan = self.clone();
        let quiet = Faults { seed: self.mail.seed, ..Faults::default() };
        if at < plan.faults.len() {
            plan.faults.remove(at);
        } else if at == plan.faults.len() && plan.mail != quiet {
            plan.mail = quiet;
        } else {
            return None;
        }
        Some(plan)
    }
}

fn fault(random: &mut Rng) -> Fault {
    let when = if random.bool() {
        When::Step(random.u32(1..700))
    } else {
        // Early passes are likelier: the later ones may not come.
        let reach = random.u32(1..=24);
        When::Nth(POINTS[random.usize(..POINTS.len())], random.u32(1..=reach))
    };
    // Some outlast a lease or the patience with a chunk, most do not.
    let long = |random: &mut Rng| match random.u8(..6) {
        0 => random.u64(20_000..90_000),
        1 => random.u64(3_000..20_000),
        _ => random.u64(1..3_000),
    };
    let what = match random.u8(..100) {
        0..22 => What::Fail,
        22..30 => What::Twice,
        30..54 => What::Kill(long(random)),
        54..70 => What::Pause(long(random)),
        70..76 => What::Slow(long(random)),
        76..82 => What::StoreDown(long(random)),
        82..88 => What::BrokerDown(long(random)),
        88..95 => What::Purge(Queue::ALL[random.usize(..4)]),
        _ => What::Reset,
    };
    Fault { when, what }
}
