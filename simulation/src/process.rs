//! The fleet: a coordinator, one on standby, two processors and two writers, each a process that can die.

use std::sync::Arc;
use std::time::Duration;

use coordinator::CoordinatorBuilder;
use coordinator::load::window::WindowLimits;
use coordinator::service::Service;
use post::{Post, PostSettings};
use sqlite::SqliteStore;
use tokio::sync::Semaphore;
use wire::BodyCompression;
use worker::{Identity, Jobs, WorkerContext};

use crate::life::Life;
use crate::world::World;
use crate::{broker, gate};

/// The processes by their places.
pub(crate) const PLACES: [&str; 6] =
    ["coordinator-1", "coordinator-2", "processor-1", "processor-2", "writer-1", "writer-2"];

/// How long after a process ended by itself it is started again.
const AGAIN_MS: u64 = 1000;

/// Whether a coordinator runs at this place.
pub(crate) const fn coordinates(place: usize) -> bool {
    place < 2
}

/// Starts the process at `place`.
pub(crate) fn start(world: &Arc<World>, file: &SqliteStore, place: usize, incarnation: u32) {
    let host = format!("{}.{incarnation}", PLACES[place]);
    let actor = format!("operator@{host}");
    let life = Life::new(place, incarnation, format!("{actor} "));
    world.born(&life);
    let store = gate::store(world, &life, file);
    let mail = broker::Mail::of(world, &life);
    let settings = PostSettings { sealing: None, compression: BodyCompression::Plain };
    let post = Post::new(mail, store, Arc::new(world.clock), settings, &actor);
    let world = Arc::clone(world);
    tokio::spawn(async move {
        let done = tokio::spawn(async move {
            if coordinates(place) {
                // A small window, so that chunks wait for each other.
                let window = WindowLimits { chunks_max: 3, ..WindowLimits::default() };
                let coordinator = CoordinatorBuilder::new(post, actor).window(window).build();
                let service = Service { coordinator, runs_max: 4, told: |_, _| {}, keeps: None };
                Box::pin(service.run()).await.map_err(|error| error.to_string())
            } else {
                let with = WorkerContext { reading: Arc::new(Semaphore::new(2)), ..WorkerContext::new(post) };
                let beating = with.clone();
                tokio::spawn(async move { beating.give_signs_of_life().await });
                let identity = Identity { name: PLACES[place].into(), host };
                let jobs = Jobs::default();
                if place < 4 {
                    let done = Box::pin(worker::processor::run(&with, &identity, &jobs)).await;
                    done.map(drop).map_err(|error| error.to_string())
                } else {
                    let done = Box::pin(worker::writer::run(&with, &identity, &jobs)).await;
                    done.map(drop).map_err(|error| error.to_string())
                }
            }
        });
        match done.await {
            // It could not begin, or went on no longer: whoever supervises it starts it again.
            Ok(_) => {
                life.die();
                world.restart(place, AGAIN_MS);
            }
            Err(error) => world.is_wrong(format!("{} panicked: {error}", PLACES[place])),
        }
    });
}

/// How often it is looked whether the run has ended.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
