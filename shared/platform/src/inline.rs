//! Work that may block: on a thread of its own. In a simulation there is one thread, so it is done there, in its turn
//! among the tasks; time and chance are then the simulation's too, and everything follows from its seed.
//!
//! Only builds with the feature `simulation` can be simulated, and in them only a thread that enters `Simulated`.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How many values wait in a channel whose sender must not block.
const ROOM: usize = 4096;

#[cfg(feature = "simulation")]
pub use simulated::{Simulated, clock};

#[cfg(feature = "simulation")]
mod simulated {
    use std::cell::{Cell, RefCell};
    use std::sync::Arc;

    use crate::clock::Clock;

    thread_local! {
        static CLOCK: RefCell<Option<Arc<dyn Clock>>> = const { RefCell::new(None) };
        static CHANCE: Cell<u64> = const { Cell::new(0) };
    }

    /// While this lives, its thread is simulated: nothing blocks on other threads, the database's clock is the given
    /// one, and chance follows from the seed.
    #[derive(Debug)]
    pub struct Simulated(());

    impl Simulated {
        /// Makes this thread a simulated one.
        #[must_use]
        pub fn enter(clock: Arc<dyn Clock>, seed: u64) -> Self {
            CLOCK.set(Some(clock));
            CHANCE.set(seed);
            Self(())
        }
    }

    impl Drop for Simulated {
        fn drop(&mut self) {
            CLOCK.set(None);
        }
    }

    /// The clock of everything on this thread, if it is simulated.
    #[must_use]
    pub fn clock() -> Option<Arc<dyn Clock>> {
        CLOCK.with_borrow(Clone::clone)
    }

    /// The next number of the seed's sequence (SplitMix64).
    pub(super) fn chance() -> Option<u64> {
        clock()?;
        let state = CHANCE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        CHANCE.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ (mixed >> 31))
    }
}

/// Whether this thread is simulated.
#[must_use]
pub fn is_simulated() -> bool {
    #[cfg(feature = "simulation")]
    return clock().is_some();
    #[cfg(not(feature = "simulation"))]
    false
}

/// A number that follows from the simulation's seed; `None` outside of simulations.
pub(crate) fn chance() -> Option<u64> {
    #[cfg(feature = "simulation")]
    return simulated::chance();
    #[cfg(not(feature = "simulation"))]
    None
}

/// Runs `work` where it may block.
pub fn run<T, F>(work: F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    // What is logged there is of what is being done here.
    let span = tracing::Span::current();
    let work = move || span.in_scope(work);
    if is_simulated() { tokio::spawn(async move { work() }) } else { tokio::task::spawn_blocking(work) }
}

/// A channel from work that may block, with room for `room` values.
#[must_use]
pub fn channel<T>(room: usize) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    mpsc::channel(if is_simulated() { ROOM } else { room })
}

/// Sends from work that may block. `false`: the receiver is gone.
pub fn send<T>(sender: &mpsc::Sender<T>, value: T) -> bool {
    if is_simulated() { sender.try_send(value).is_ok() } else { sender.blocking_send(value).is_ok() }
}
