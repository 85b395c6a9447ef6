//! Trying pairs, several at a time where they are not in each other's way.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::ground::Outcome;
use super::page;
use super::pairs::{Lab, Pair, Servers, all};
use crate::own::Own;

/// A process that is killed has been replaced in its work within this, at default settings.
const REPLACED: Duration = Duration::from_secs(15);

/// When a server is back, work goes on within this.
const BACK: Duration = Duration::from_secs(10);

/// Faults of which a server comes back.
const OF_SERVERS: [&str; 6] = [
    "connections refused for 5 s",
    "connections refused for a minute",
    "every connection closed",
    "every session ended",
    "reset, with all messages and queues gone",
    "restarted",
];

/// A pair that was tried.
pub(crate) struct Tried {
    pub(crate) kind: &'static str,
    pub(crate) place: String,
    pub(crate) outcome: Result<Outcome, String>,
}

/// Which pairs are tried.
enum Chosen {
    Subset,
    All,
    Named(String),
}

impl Chosen {
    fn here() -> Self {
        match std::env::var("CROSSFOOT_MATRIX").as_deref() {
            Err(_) | Ok("") => Self::Subset,
            Ok("all") => Self::All,
            Ok(text) => Self::Named(text.to_owned()),
        }
    }

    fn has(&self, pair: &Pair) -> bool {
        match self {
            Self::Subset => pair.in_subset,
            Self::All => true,
            Self::Named(text) => name(pair).contains(text.as_str()),
        }
    }
}

fn name(pair: &Pair) -> String {
    format!("{}: {}", pair.kind, pair.place)
}

/// Holds a pair to what the documents promise; a part of the matrix, which runs beside other tests, to twice as much.
fn in_time(pair: &Pair, outcome: Outcome) -> Outcome {
    let recovered = outcome.recovered;
    let bound = match pair.kind {
        "kill -9" if pair.servers == Servers::Shared => Some(REPLACED),
        kind if OF_SERVERS.contains(&kind) => Some(BACK),
        _ => None,
    };
    let times = if matches!(Chosen::here(), Chosen::Subset) { 2 } else { 1 };
    let is_late = bound.is_some_and(|bound| recovered > bound * times);
    assert!(!is_late, "it took {recovered:?} until the work went on");
    outcome
}

/// Tries one pair, and says what came of it.
fn tried(pair: &Pair, lab: &Lab) -> Tried {
    let outcome = catch_unwind(AssertUnwindSafe(|| in_time(pair, (pair.strike)(lab)))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
    });
    match &outcome {
        Ok(Outcome { recovered, ended, .. }) => eprintln!(
            "{}: next step after {:.1} s, verdict after {:.1} s",
            name(pair),
            recovered.as_secs_f64(),
            ended.as_secs_f64()
        ),
        Err(why) => eprintln!("FAILED {}: {why}", name(pair)),
    }
    Tried { kind: pair.kind, place: pair.place.clone(), outcome }
}

/// Tries pairs one after the other, on instances that may be wrecked, and are replaced when they are.
fn on_own(pairs: &[&Pair], all: &Mutex<Vec<Tried>>) {
    let mut lab = None;
    for pair in pairs {
        let one = tried(pair, lab.get_or_insert_with(|| Lab { own: Some(Own::start()) }));
        if one.outcome.is_err() {
            lab = None;
        }
        all.lock().unwrap().push(one);
    }
}

/// Tries pairs on the same servers, `at_once` at a time.
fn on(lab: &Lab, pairs: &[&Pair], at_once: usize, all: &Mutex<Vec<Tried>>) {
    let next = Mutex::new(pairs.iter());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let Some(pair) = next.lock().unwrap().next() else { return };
                    let one = tried(pair, lab);
                    all.lock().unwrap().push(one);
                }
            });
        }
    });
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn every_fault_at_every_place_ends_as_if_it_had_not_been() {
    let (chosen, began) = (Chosen::here(), Instant::now());
    let pairs = all();
    let (own, shared): (Vec<_>, Vec<_>) =
        pairs.iter().filter(|pair| chosen.has(pair)).partition(|pair| pair.servers == Servers::Own);
    let at_once =
        std::env::var("CROSSFOOT_MATRIX_AT_ONCE").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let tries = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| on_own(&own, &tries));
        on(&Lab { own: None }, &shared, at_once, &tries);
    });
    let tries = tries.into_inner().unwrap();
    if matches!(chosen, Chosen::All) {
        page::write(&tries, began.elapsed());
    }
    let failed: Vec<_> = tries
        .iter()
        .filter_map(|one| Some(format!("{}: {}: {}", one.kind, one.place, one.outcome.as_ref().err()?)))
        .collect();
    assert!(!tries.is_empty(), "no pair has this in its name");
    assert!(failed.is_empty(), "{} of {} pairs failed:\n{}", failed.len(), tries.len(), failed.join("\n"));
}

#[test]
fn there_are_as_many_pairs_as_are_promised_and_no_two_are_the_same() {
    let pairs = all();
    let names: BTreeSet<_> = pairs.iter().map(name).collect();
    assert_eq!(names.len(), pairs.len());
    assert!(names.len() >= 150, "{}", names.len());
    let in_subset: BTreeSet<_> = pairs.iter().filter(|pair| pair.in_subset).map(|pair| pair.kind).collect();
    assert!(in_subset.len() >= 12, "{in_subset:?}");
    let kinds: BTreeSet<_> = pairs.iter().map(|pair| pair.kind).collect();
    for kind in OF_SERVERS {
        assert!(kinds.contains(kind), "{kind}");
    }
}
