//! What is accumulated: a number of records, and a sum that cannot overflow on the way.

use super::FootingError;
use crate::amount::{Amount, AmountError};

/// 10^19: what the low part of a sum counts up to.
const STEP: i128 = 10_000_000_000_000_000_000;

/// A sum in two parts, `high * 10^19 + low`. Each part of an amount of 38 digits is below 2^64, so that 2^63 of
/// them can be added before either overflows: whether a sum fits 38 digits is asked of the total alone, and does not
/// depend on the order or the chunks in which it came together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wide {
    pub(super) high: i128,
    pub(super) low: i128,
}

impl Wide {
    pub(super) fn add(&mut self, mantissa: i128) -> Result<(), FootingError> {
        // Dividing an i128 is slow, and most amounts fit 64 bits.
        let (high, low) = match i64::try_from(mantissa) {
            Ok(_) => (0, mantissa),
            Err(_) => (mantissa / STEP, mantissa % STEP),
        };
        self.merge(Self { high, low })
    }

    pub(super) fn merge(&mut self, other: Self) -> Result<(), FootingError> {
        self.high = self.high.checked_add(other.high).ok_or(FootingError::Overflow)?;
        self.low = self.low.checked_add(other.low).ok_or(FootingError::Overflow)?;
        Ok(())
    }

    pub(super) fn total(self, scale: u8) -> Result<Amount, AmountError> {
        // The low part's carry goes up first: high and low may differ in sign.
        let high = self.high.checked_add(self.low / STEP).ok_or(AmountError::TooManyDigits)?;
        let total = high.checked_mul(STEP).and_then(|high| high.checked_add(self.low % STEP));
        Amount::new(total.ok_or(AmountError::TooManyDigits)?, scale)
    }
}

/// One measure over some records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Measured {
    /// Records that take part.
    pub(super) records: u64,
    /// Of these, records whose part in the measure is unknown, because a field could not be decoded.
    pub(super) unreadable: u64,
    /// The sum: of a field, or of lines. Not used when records are counted.
    pub(super) sum: Wide,
}

impl Measured {
    pub(super) fn merge(&mut self, other: &Self) -> Result<(), FootingError> {
        self.records = self.records.checked_add(other.records).ok_or(FootingError::Overflow)?;
        self.unreadable = self.unreadable.checked_add(other.unreadable).ok_or(FootingError::Overflow)?;
        self.sum.merge(other.sum)
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Some measures, by their place in the plan; those of which there is nothing are left out.
pub(super) type Sparse = Vec<(usize, Measured)>;

/// Takes what is there, and leaves nothing.
pub(super) fn taken(dense: &mut [Measured]) -> Sparse {
    let there = dense.iter_mut().enumerate().filter(|(_, measured)| !measured.is_empty());
    there.map(|(at, measured)| (at, std::mem::take(measured))).collect()
}
