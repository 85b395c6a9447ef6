//! A model of how chunks are delivered and a run is promoted, small enough to look at every state that it can reach: a
//! coordinator and one on standby, two processors, two writers, queues that lose messages and deliver them again, and
//! processes that crash anywhere. The product's code names the actions at the places that they stand for.

mod actions;
mod state;

use std::collections::HashMap;

use stateright::{Checker as _, HasDiscoveries, Model, Property, StateRecorder};

pub use actions::Action;
pub use state::State;

use crate::mutants::Mutant;
use state::{ChunkState, Processor, Run};

/// The model, and what bounds it.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// How many chunks the run has: 1 or 2.
    pub chunks: usize,
    /// How often the run may be taken up: 1 to 3.
    pub attempts: u8,
    /// How often a chunk may be started before it is set aside.
    pub starts: u8,
    /// Its defect, if it has one.
    pub mutant: Option<Mutant>,
}

impl Protocol {
    /// The scope that the tests explore whole.
    pub const SCOPE: Self = Self { chunks: 1, attempts: 2, starts: 2, mutant: None };

    fn has(self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::begin(self.chunks)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        self.act(&mut state, action);
        state.sort();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no row is there twice", |_, state: &State| {
                state.chunks.iter().all(|chunk| chunk.rows <= 1) && state.in_final as usize <= state::CHUNKS
            }),
            Property::always("none is lost, and all is counted once", |_, state: &State| {
                state.run != Run::Promoted
                    || state.in_final as usize == state::CHUNKS
                        && state.chunks.iter().all(|chunk| {
                            (chunk.state, chunk.rows, chunk.counted) == (ChunkState::Committed, 1, 1)
                        })
            }),
            Property::always("final holds nothing of a run that is not promoted", |_, state: &State| {
                state.run == Run::Promoted || state.in_final == 0
            }),
            Property::always("nothing is promoted without a permit", |_, state: &State| {
                !state.violated.no_permit
            }),
            Property::always("a fenced coordinator changes nothing", |_, state: &State| {
                !state.violated.fenced_change
            }),
            Property::always("what is acknowledged is durable", |_, state: &State| !state.violated.early_ack),
            Property::always("what is read back is committed", |_, state: &State| !state.violated.early_read),
            Property::always("counts are never added twice", |_, state: &State| {
                state.chunks.iter().all(|chunk| chunk.counted <= 1)
            }),
            Property::always("charges are taken back", |_, state: &State| {
                state.crashed
                    || state.processors != [Processor::Idle; 2]
                    || state.chunks.iter().all(|chunk| chunk.charged == 0)
            }),
        ]
    }
}

/// What exploring came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explored {
    /// Distinct states.
    pub states: usize,
    /// The longest of the shortest ways to a state.
    pub depth: usize,
    /// The properties that do not hold, each with the actions that lead there.
    pub violated: Vec<(String, Vec<Action>)>,
    /// States from which the run cannot end any more.
    pub endless: usize,
}

/// Explores every state of the model, or until a property is violated.
///
/// # Panics
/// When a thread does.
#[must_use]
pub fn explore(model: Protocol) -> Explored {
    let (recorder, states) = StateRecorder::new_with_accessor();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let builder = model.checker().threads(threads).visitor(recorder);
    let checked = builder.finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let mut violated: Vec<_> = checked
        .discoveries()
        .into_iter()
        .map(|(name, path)| (name.to_owned(), path.into_actions()))
        .collect();
    violated.sort_by(|(one, _), (other, _)| one.cmp(other));
    let endless = if violated.is_empty() { endless(model, &states()) } else { 0 };
    Explored { states: checked.unique_state_count(), depth: checked.max_depth(), violated, endless }
}

/// How many of the states lead to no end of the run.
fn endless(model: Protocol, states: &[State]) -> usize {
    let places: HashMap<&State, usize> = states.iter().enumerate().map(|(at, state)| (state, at)).collect();
    let mut into: Vec<Vec<u32>> = vec![Vec::new(); states.len()];
    for (at, state) in states.iter().enumerate() {
        for next in model.next_states(state) {
            if let (Some(to), Ok(at)) = (places.get(&next), u32::try_from(at)) {
                into[*to].push(at);
            }
        }
    }
    let mut ends: Vec<bool> = states.iter().map(State::is_over).collect();
    let mut waiting: Vec<usize> = (0..states.len()).filter(|at| ends[*at]).collect();
    while let Some(at) = waiting.pop() {
        for from in &into[at] {
            if !std::mem::replace(&mut ends[*from as usize], true) {
                waiting.push(*from as usize);
            }
        }
    }
    ends.iter().filter(|ends| !**ends).count()
}
