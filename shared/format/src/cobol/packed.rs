//! COMP-3 and COMP-6: two digits a byte.

use super::signs::{Sign, Signs};
use super::zoned::{SHORT_DIGITS_MAX, Wrong, signed};

/// Not a pair of digits.
const NO_PAIR: u8 = 0xFF;

/// The number that the two digits of a byte are.
const PAIRS: [u8; 256] = {
    let mut pairs = [NO_PAIR; 256];
    let mut tens = 0;
    while tens < 10 {
        let mut ones = 0;
        while ones < 10 {
            pairs[(tens << 4 | ones) as usize] = tens * 10 + ones;
            ones += 1;
        }
        tens += 1;
    }
    pairs
};

/// Reads packed numbers of one form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    /// `None`: COMP-6, which has no half byte for it.
    pub(super) signs: Option<Signs>,
    /// Whether the first half byte belongs to no digit.
    pub(super) has_unused: bool,
}

impl Packed {
    /// The digits as an integer, with their sign.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<i128, Wrong> {
        let Some((&last, front)) = bytes.split_last() else { return Err(Wrong::Digit(0)) };
        let unused = self.has_unused && bytes[0] > 0x0F;
        let Some(signs) = &self.signs else {
            let sum = pairs(bytes)?;
            return if unused { Err(Wrong::Unused) } else { signed(Some(sum), Sign::Plus, &NO_SIGNS) };
        };
        let sum = pairs(front)?;
        let digit = last >> 4;
        if digit > 9 {
            return Err(Wrong::Digit(front.len()));
        }
        let sign = signs.of(last);
        if sign == Sign::Neither {
            return Err(Wrong::Sign(front.len()));
        }
        if unused {
            return Err(Wrong::Unused);
        }
        let sum = sum.checked_mul(10).and_then(|sum| sum.checked_add(digit.into()));
        signed(sum, sign, signs)
    }
}

/// COMP-6 is never negative.
const NO_SIGNS: Signs = Signs::new(super::spec::SignRule::Usual, false);

fn pairs(bytes: &[u8]) -> Result<u128, Wrong> {
    if bytes.len() * 2 <= SHORT_DIGITS_MAX {
        let (mut sum, mut worst) = (0_u64, 0);
        for byte in bytes {
            let pair = PAIRS[usize::from(*byte)];
            worst = worst.max(pair);
            sum = sum.wrapping_mul(100).wrapping_add(u64::from(pair));
        }
        return if worst == NO_PAIR { Err(no_digit(bytes)) } else { Ok(sum.into()) };
    }
    let mut sum = 0_u128;
    for byte in bytes {
        let pair = PAIRS[usize::from(*byte)];
        if pair == NO_PAIR {
            return Err(no_digit(bytes));
        }
        sum = sum.checked_mul(100).and_then(|sum| sum.checked_add(pair.into())).ok_or(Wrong::TooLarge)?;
    }
    Ok(sum)
}

#[cold]
fn no_digit(bytes: &[u8]) -> Wrong {
    Wrong::Digit(bytes.iter().position(|byte| PAIRS[usize::from(*byte)] == NO_PAIR).unwrap_or(0))
}
