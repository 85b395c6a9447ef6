//! The model's whole state space, and its mutants.

use simulation::Mutant;
use simulation::model::{Protocol, explore};

#[test]
fn in_every_state_of_the_model_every_property_holds_and_the_run_can_end() {
    // Another scope by hand: `CROSSFOOT_MODEL=CHUNKS,ATTEMPTS,STARTS`.
    let asked = std::env::var("CROSSFOOT_MODEL").ok();
    let scope = asked.map_or(Protocol::SCOPE, |text| {
        let numbers: Vec<u8> = text.split(',').map(|number| number.parse().unwrap()).collect();
        Protocol { chunks: numbers[0].into(), attempts: numbers[1], starts: numbers[2], mutant: None }
    });
    let began = std::time::Instant::now();
    let explored = explore(scope);
    println!("{scope:?}: {} states, depth {}, {:?}", explored.states, explored.depth, began.elapsed());
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
