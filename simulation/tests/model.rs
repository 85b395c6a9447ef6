//! The model's whole state space, and its mutants.

#![allow(clippy::unwrap_used, reason = "a test's helpers stop as tests do")]

use std::io::Write as _;
use std::path::Path;

use simulation::Mutant;
use simulation::model::{Protocol, explore};

/// Distinct states in the usual scope. Another number means that the model was changed; docs/simulation.md names it.
const STATES: usize = 288_719;

#[test]
fn in_every_state_of_the_model_every_property_holds_and_the_run_can_end() {
    // Another scope by hand: `CROSSFOOT_MODEL=CHUNKS,ATTEMPTS,STARTS`.
    let asked = std::env::var("CROSSFOOT_MODEL").ok();
    let is_usual = asked.is_none();
    let scope = asked.map_or(Protocol::SCOPE, |text| {
        let numbers: Vec<u8> = text.split(',').map(|number| number.parse().unwrap()).collect();
        Protocol { chunks: numbers[0].into(), attempts: numbers[1], starts: numbers[2], mutant: None }
    });
    let began = std::time::Instant::now();
    let explored = explore(scope);
    let _ = writeln!(
        std::io::stderr(),
        "{scope:?}: {} states, depth {}, {:?}",
        explored.states,
        explored.depth,
        began.elapsed()
    );
    if is_usual {
        assert_eq!(explored.states, STATES);
    }
    assert_eq!(explored.violated, []);
    assert_eq!(explored.endless, 0, "states without an end");
}

#[test]
fn each_mutant_violates_the_model() {
    for mutant in Mutant::ALL {
        let explored = explore(Protocol { mutant: Some(*mutant), ..Protocol::SCOPE });
        println!(
            "{}: {} states, {:?}, {} endless",
            mutant.name(),
            explored.states,
            explored.violated,
            explored.endless
        );
        assert!(!explored.violated.is_empty() || explored.endless > 0, "{} violates nothing", mutant.name());
    }
}

/// The actions that the product's code takes; the others happen to it.
const TAKEN: [&str; 18] = [
    "AcquireLease",
    "LeaseEnds",
    "HandOut",
    "TakeChunk",
    "StartChunk",
    "PublishBatch",
    "AckChunk",
    "TakeBatch",
    "CommitBatch",
    "AckBatch",
    "KeepCounts",
    "Recount",
    "Stage",
    "Fail",
    "HandOutRange",
    "ReadBack",
    "Reconcile",
    "BeginPromotion",
];

fn cited(folder: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            cited(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let cites = text.split("// Model: `").skip(1);
            into.extend(cites.map(|rest| rest.split('`').next().unwrap().to_owned()));
        }
    }
}

#[test]
fn the_code_names_every_action_that_it_takes_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut names = Vec::new();
    for folder in ["coordinator/src", "worker/src", "shared/store/src"] {
        cited(&root.join(folder), &mut names);
    }
    let known = |name: &str| TAKEN.contains(&name) || ["CommitPromotion", "Fenced"].contains(&name);
    let unknown: Vec<_> = names.iter().filter(|name| !known(name)).collect();
    assert_eq!(unknown, [""; 0]);
    let missing: Vec<_> = TAKEN.iter().filter(|name| !names.iter().any(|one| one == *name)).collect();
    assert_eq!(missing, [&""; 0]);
}
