//! IBM's hexadecimal floating point, exactly: a sign, an exponent of sixteen (excess 64) and a fraction of 24 or 56
//! bits (z/Architecture Principles of Operation, "Hexadecimal-Floating-Point Instructions").
//!
//! Binary64 has not room for 56 bits, so its shortest digits would be another number's. They are generated here
//! from exact integers, after Steele & White and Dragon4 as given by Burger & Dybvig, "Printing Floating-Point
//! Numbers Quickly and Accurately" (1996), figure 1, with both bounds left out.

use std::cmp::Ordering;

use super::float::{DIGITS_MAX, Shortest};

/// An integer of up to 512 bits. The largest here is below 2 to the power of 330: a fraction of 56 bits times
/// 16 to the power of 63, or ten to the power of 79, and a few bits for doubling and the next digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Big([u64; 8]);

impl Big {
    const fn from(small: u64) -> Self {
        Self([small, 0, 0, 0, 0, 0, 0, 0])
    }

    fn times(mut self, factor: u64) -> Self {
        let mut carry = 0_u128;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(factor) + carry;
            #[allow(clippy::cast_possible_truncation, reason = "the low half")]
            {
                *limb = product as u64;
            }
            carry = product >> 64;
        }
        debug_assert_eq!(carry, 0, "past 512 bits");
        self
    }

    fn doubled(mut self, times: u32) -> Self {
        for _ in 0..times / 32 {
            self = self.times(1 << 32);
        }
        self.times(1 << (times % 32))
    }

    fn plus(mut self, other: &Self) -> Self {
        let mut carry = false;
        for (limb, add) in self.0.iter_mut().zip(&other.0) {
            let (sum, over) = limb.overflowing_add(*add);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || again;
        }
        debug_assert!(!carry, "past 512 bits");
        self
    }

    /// The difference; `other` is not larger.
    fn minus(mut self, other: &Self) -> Self {
        let mut borrow = false;
        for (limb, take) in self.0.iter_mut().zip(&other.0) {
            let (rest, under) = limb.overflowing_sub(*take);
            let (rest, again) = rest.overflowing_sub(u64::from(borrow));
            *limb = rest;
            borrow = under || again;
        }
        debug_assert!(!borrow, "below zero");
        self
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

/// The shortest digits of a short (4 bytes) or long (8 bytes) number. Every such number has a value.
pub(super) fn shortest(bytes: &[u8]) -> Option<Shortest> {
    let (first, fraction) = bytes.split_first()?;
    let mut f = fraction.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let bits = u32::try_from(8 * fraction.len()).ok()?;
    let mut shortest = Shortest { negative: *first >= 0x80, digits: [0; DIGITS_MAX], length: 0, point: 0 };
    if f == 0 {
        return Some(shortest);
    }
    // Neighbours are those of the normalised number, whose first hexadecimal digit is not zero; where the exponent
    // leaves no room for that, those of the number as it is.
    let mut exponent = u32::from(first & 0x7F);
    while exponent > 0 && f >> (bits - 4) == 0 {
        f <<= 4;
        exponent -= 1;
    }
    // The value is f times 2 to the power of this.
    let power = 4 * (exponent.cast_signed() - 64) - bits.cast_signed();
    // At a power of sixteen the next number below is sixteen times as near as the one above.
    let is_edge = exponent > 0 && f == 1 << (bits - 4);
    let (up, down) = (power.max(0).unsigned_abs(), power.min(0).unsigned_abs());
    let edge = if is_edge { 16 } else { 1 };
    // r / s is the value, below / s and above / s the halves of the distances to its neighbours.
    let mut r = Big::from(f).doubled(up + 1).times(edge);
    let mut s = Big::from(1).doubled(down + 1).times(edge);
    let mut below = Big::from(1).doubled(up);
    let mut above = below.times(edge);
    while r.plus(&above) > s {
        s = s.times(10);
        shortest.point += 1;
    }
    while r.plus(&above).times(10) <= s {
        (r, below, above) = (r.times(10), below.times(10), above.times(10));
        shortest.point -= 1;
    }
    loop {
        (r, below, above) = (r.times(10), below.times(10), above.times(10));
        let mut digit = 0;
        while r >= s {
            r = r.minus(&s);
            digit += 1;
        }
        let (low, high) = (r < below, r.plus(&above) > s);
        let is_nearer_above = high && (!low || r.plus(&r) >= s);
        shortest.push(digit + u8::from(is_nearer_above))?;
        if low || high {
            return Some(shortest);
        }
    }
}
