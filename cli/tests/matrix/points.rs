//! Faults at the places that are named in the code (`shared/fault`).

use std::time::Instant;

use super::ground::{Ground, Outcome, Who, let_pass, look_again};
use super::pairs::{Pair, Servers};
use crate::servers::PATIENCE;

/// A step, and the n-th time at which it is struck: the first ones are of the start.
type Steps = &'static [(&'static str, u32)];

const COORDINATOR: Steps = &[
    ("service.claim", 2),
    ("runs.waiting", 2),
    ("lease.acquire", 1),
    ("lease.renew", 1),
    ("tables.prepare", 1),
    ("readbacks.clear", 1),
    ("chunks.record", 1),
    ("publish.chunks", 3),
    ("reports.keep", 2),
    ("chunks.look", 2),
    ("split.finish", 1),
    ("step.staged", 1),
    ("findings.clear", 1),
    ("rules.apply", 1),
    ("publish.ranges", 1),
    ("readbacks.fetch", 1),
    ("promotion.begin", 1),
    ("promotion.insert", 1),
    ("promotion.commit", 1),
    ("ledger.commit", 6),
    ("lease.release", 1),
];
const PROCESSOR: Steps = &[
    ("register", 1),
    ("heartbeat", 1),
    ("charge", 3),
    ("publish.counts", 3),
    ("publish.batches", 3),
    ("refund", 3),
    ("ledger.commit", 5),
];
const WRITER: Steps = &[
    ("register", 1),
    ("heartbeat", 1),
    ("charge", 3),
    ("commit", 3),
    ("publish.counts", 3),
    ("ledger.commit", 5),
];

/// Places between two steps.
const AT: &[(Who, &str, u32)] = &[
    (Who::Coordinator, "confirm.chunks.before", 3),
    (Who::Coordinator, "confirm.ranges.before", 1),
    (Who::Coordinator, "ack.counts.before", 2),
    (Who::Coordinator, "ack.counts.after", 2),
    (Who::Coordinator, "promotion.verified.after", 1),
    (Who::Coordinator, "event.before", 1),
    (Who::Coordinator, "event.after", 2),
    (Who::Processor, "decode.after", 3),
    (Who::Processor, "confirm.batches.before", 3),
    (Who::Processor, "confirm.counts.before", 3),
    (Who::Processor, "ack.chunks.before", 3),
    (Who::Processor, "ack.chunks.after", 3),
    (Who::Writer, "commit.rows.after", 3),
    (Who::Writer, "commit.recorded.after", 3),
    (Who::Writer, "confirm.counts.before", 3),
    (Who::Writer, "ack.batches.before", 3),
    (Who::Writer, "ack.batches.after", 3),
];

/// What any worker does when a range is read back.
const READBACK: &[&str] = &["readback.before", "ack.ranges.before", "ack.ranges.after"];

/// Where a process is frozen, and woken when another has taken its place.
const FROZEN: &[(Who, &str, u32)] = &[
    (Who::Coordinator, "service.claim.after", 2),
    (Who::Coordinator, "lease.acquire.after", 1),
    (Who::Coordinator, "chunks.record.before", 1),
    (Who::Coordinator, "publish.chunks.before", 3),
    (Who::Coordinator, "reports.keep.before", 2),
    (Who::Coordinator, "step.staged.before", 1),
    (Who::Coordinator, "publish.ranges.before", 1),
    (Who::Coordinator, "promotion.begin.before", 1),
    (Who::Coordinator, "promotion.insert.after", 1),
    (Who::Coordinator, "promotion.verified.after", 1),
    (Who::Coordinator, "promotion.commit.before", 1),
    (Who::Coordinator, "promotion.commit.after", 1),
    (Who::Processor, "charge.after", 3),
    (Who::Processor, "publish.batches.before", 3),
    (Who::Processor, "publish.batches.after", 3),
    (Who::Processor, "ack.chunks.before", 3),
    (Who::Writer, "charge.after", 3),
    (Who::Writer, "commit.before", 3),
    (Who::Writer, "commit.rows.after", 3),
    (Who::Writer, "commit.recorded.after", 3),
    (Who::Writer, "commit.after", 3),
    (Who::Writer, "ack.batches.before", 3),
];

const SLOW: &[(Who, &str, u32)] = &[
    (Who::Coordinator, "publish.chunks.before", 3),
    (Who::Coordinator, "chunks.record.after", 1),
    (Who::Coordinator, "promotion.insert.after", 1),
    (Who::Coordinator, "promotion.commit.before", 1),
    (Who::Processor, "publish.batches.before", 3),
    (Who::Processor, "charge.after", 3),
    (Who::Writer, "commit.rows.after", 3),
    (Who::Writer, "commit.after", 3),
];

/// In `./test`: one of each kind, each process once.
const SUBSET: &[&str] = &[
    "coordinator publish.chunks@3 twice",
    "coordinator promotion.commit.after@1 die",
    "coordinator promotion.commit@1 lose-reply",
    "coordinator chunks.record.after@1 die",
    "coordinator promotion.commit.before@1 hang",
    "processor publish.batches.after@3 die",
    "processor charge@3 fail",
    "writer commit.recorded.after@3 die",
    "writer commit@3 lose-reply",
    "writer commit.rows.after@3 slow",
    "submitter open.after@1 die",
];

/// Every pair.
pub(crate) fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut at = |who: Who, place: String, action: &'static str| {
        let fault = format!("{place}={action}");
        let subset = SUBSET.contains(&format!("{} {place} {action}", who.word()).as_str());
        pairs.push(Pair {
            kind: kind(action),
            place: format!("{}: {}", who.word(), shown(&place)),
            in_subset: subset,
            servers: Servers::Shared,
            strike: Box::new(move |lab| struck(Ground::on(lab.servers()), &[who], &fault)),
        });
    };
    for (who, steps) in [(Who::Coordinator, COORDINATOR), (Who::Processor, PROCESSOR), (Who::Writer, WRITER)]
    {
        for (step, nth) in steps {
            at(who, format!("{step}.before@{nth}"), "die");
            at(who, format!("{step}.after@{nth}"), "die");
            at(who, format!("{step}@{nth}"), "fail");
            at(who, format!("{step}@{nth}"), "lose-reply");
            // These no caller repeats: rows that come in twice are refused by final's key, and a step that the run has
            // taken by its state.
            if !["promotion.insert", "step.staged"].contains(step) {
                at(who, format!("{step}@{nth}"), "twice");
            }
        }
    }
    for (who, place, nth) in AT {
        at(*who, format!("{place}@{nth}"), "die");
    }
    for (who, place, nth) in FROZEN {
        at(*who, format!("{place}@{nth}"), "hang");
    }
    for (who, place, nth) in SLOW {
        at(*who, format!("{place}@{nth}"), "slow");
    }
    let mut readback = |place: String, action: &'static str| {
        let fault = format!("{place}={action}");
        pairs.push(Pair {
            kind: kind(action),
            place: format!("worker: {}", shown(&place)),
            in_subset: false,
            servers: Servers::Shared,
            strike: Box::new(move |lab| {
                struck(Ground::on(lab.servers()), &[Who::Processor, Who::Writer], &fault)
            }),
        });
    };
    for place in READBACK {
        readback((*place).to_owned(), "die");
    }
    for action in ["fail", "lose-reply", "twice"] {
        readback("readback.keep".into(), action);
    }
    for place in ["readback.keep.before", "readback.keep.after"] {
        readback(place.into(), "die");
        readback(place.into(), "hang");
    }
    for (place, action) in
        [("open.before", "die"), ("open.after", "die"), ("open", "fail"), ("open", "lose-reply")]
    {
        let fault = format!("{place}@1={action}");
        pairs.push(Pair {
            kind: kind(action),
            place: format!("submitter: {place}"),
            in_subset: SUBSET.contains(&format!("submitter {place}@1 {action}").as_str()),
            servers: Servers::Shared,
            strike: Box::new(move |lab| submitter(Ground::on(lab.servers()), &fault)),
        });
    }
    for place in ["resumed.before", "resumed.after", "lease.acquire.after", "chunks.record.after"] {
        pairs.push(Pair {
            kind: kind("die"),
            place: format!("standby that has taken over: {place}"),
            in_subset: false,
            servers: Servers::Shared,
            strike: Box::new(move |lab| second(Ground::on(lab.servers()), place)),
        });
    }
    pairs
}

fn kind(action: &str) -> &'static str {
    match action {
        "die" => "kill -9",
        "fail" => "fails",
        "lose-reply" => "reply lost",
        "twice" => "done twice",
        "hang" => "frozen, woken later",
        _ => "slow",
    }
}

/// Without the number of times.
fn shown(place: &str) -> &str {
    place.split('@').next().unwrap()
}

/// What a struck process is told.
pub(crate) fn armed(ground: &Ground, fault: &str) -> Vec<(String, String)> {
    let log = ground.fleet.desk.path("struck.log").display().to_string();
    vec![("CROSSFOOT_FAULT".into(), fault.into()), ("CROSSFOOT_FAULT_LOG".into(), log)]
}

/// How many faults have struck, and that none was misspelled.
pub(crate) fn strikes(ground: &Ground) -> usize {
    let log = std::fs::read_to_string(ground.fleet.desk.path("struck.log")).unwrap_or_default();
    assert!(!log.contains("cannot read"), "{log}");
    log.lines().count()
}

/// Waits until the fault has struck.
pub(crate) fn until_struck(ground: &mut Ground, times: usize) {
    let began = Instant::now();
    while strikes(ground) < times {
        assert!(began.elapsed() < PATIENCE, "no process came to the place, the run is {:?}", ground.state());
        look_again();
    }
    ground.strikes();
}

/// The fleet with a standby, in which each of `whom` is struck at its place.
fn struck(mut ground: Ground, whom: &[Who], fault: &str) -> Outcome {
    for who in Who::ALL {
        let settings = if whom.contains(&who) { armed(&ground, fault) } else { Vec::new() };
        ground.launch(who, settings);
        // The first is the one that serves; the second stands by.
        if who == Who::Coordinator {
            ground.until("a coordinator serves", |ground| {
                ground.number("SELECT count(*) FROM crossfoot_service") == 1 || strikes(ground) > 0
            });
            if whom.contains(&who) {
                ground.launch(who, Vec::new());
            }
        }
    }
    ground.submit();
    until_struck(&mut ground, 1);
    let is_down = fault.ends_with("=die") || fault.ends_with("=hang");
    if let (&[who], true) = (whom, is_down) {
        ground.strikes_down(who);
    }
    let outcome = if fault.ends_with("=hang") { zombie(&mut ground) } else { ground.goes_on() };
    ground.ends_sound();
    outcome
}

/// What was frozen is woken as soon as another does its work, and both believe that it is theirs.
fn zombie(ground: &mut Ground) -> Outcome {
    ground.until("another takes its place", |ground| {
        ground.is_over()
            || ground.number("SELECT max(epoch) FROM crossfoot_run") > 1
            || ground
                .number("SELECT count(*) FROM crossfoot_chunk WHERE processor_starts + writer_starts > 2")
                > 0
    });
    ground.wake();
    ground.goes_on()
}

/// The process that opens the run is struck, and started again if it did not open one.
fn submitter(mut ground: Ground, fault: &str) -> Outcome {
    for who in Who::ALL {
        ground.start(who, Vec::new());
    }
    let settings = armed(&ground, fault);
    let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    ground.submit_with(&settings);
    until_struck(&mut ground, 1);
    let first = ground.submitted.take().unwrap();
    ground.until("the submitter ends", |_| first.ends_within(std::time::Duration::ZERO));
    let_pass(std::time::Duration::from_millis(300));
    if ground.number("SELECT count(*) FROM crossfoot_run") == 0 {
        ground.submit();
    }
    let outcome = ground.goes_on();
    ground.ends_sound();
    outcome
}

/// The coordinator dies, and so does the one that takes over.
fn second(mut ground: Ground, place: &str) -> Outcome {
    let fault = format!("{place}=die");
    let first = ground.start(Who::Coordinator, Vec::new());
    ground
        .until("a coordinator serves", |ground| ground.number("SELECT count(*) FROM crossfoot_service") == 1);
    let settings = armed(&ground, &fault);
    ground.start(Who::Coordinator, settings);
    ground.start(Who::Processor, Vec::new());
    ground.submit();
    ground.until("the run is driven", |ground| ground.number("SELECT count(*) FROM crossfoot_chunk") > 0);
    // Not replaced: the standby is to take over.
    ground.members.remove(first).going.kill();
    until_struck(&mut ground, 1);
    ground.start(Who::Writer, Vec::new());
    ground.reconciles()
}
