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
    /// A message arrives, but its publisher is told [`Unconfirmed`](crate::BrokerError::Unconfirmed).
    pub lose_confirm: u32,
}

/// splitmix64 (Steele, Lea, Flood 2014): small, and good enough to choose faults by.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Whether the fault happens this time.
    pub(super) fn happens(&mut self, per_mille: u32) -> bool {
        self.next() % 1000 < u64::from(per_mille)
    }

    /// A number from 1 to `max`.
    pub(super) fn up_to(&mut self, max: u8) -> u8 {
        (self.next() % u64::from(max.max(1))) as u8 + 1
    }
}
