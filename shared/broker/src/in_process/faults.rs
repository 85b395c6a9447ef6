//! Faults on request: what real brokers do now and then, done often.

/// How often the broker misbehaves, each in per mille of the occasions. The same seed and the same sequence of
/// calls give the same faults; each queue has a sequence of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Where the pseudo-random sequence begins.
    pub seed: u64,
    /// A published message is delivered twice.
    pub duplicate: u32,
    /// A delivery that was settled as done comes again, once.
    pub redeliver: u32,
    /// A message swaps places with a later one before it is delivered.
    pub reorder: u32,
    /// A message is held back until a few others were delivered, or nothing else waits.
    pub delay: u32,
    /// A message arrives, but its publisher gets [`Unconfirmed`](crate::BrokerError::Unconfirmed).
    pub lose_confirm: u32,
}

/// What chooses the occasions.
#[derive(Debug)]
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Whether the fault happens this time.
    pub(super) fn happens(&mut self, per_mille: u32) -> bool {
        self.0.u32(..1000) < per_mille
    }

    /// A number from 1 to `max`.
    pub(super) fn up_to(&mut self, max: u8) -> u8 {
        self.0.u8(1..=max.max(1))
    }
}
