//! DISPLAY numbers: a digit a byte.

use super::signs::{Sign, Signs, overpunched};
use super::spec::{AsciiSigns, SignPlace};

/// Up to this many digits fit a 64-bit integer, which is several times faster than one of 128 bits.
pub(super) const SHORT_DIGITS_MAX: usize = 18;

/// What is wrong with a field's bytes, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The byte at this place has no digit.
    Digit(usize),
    /// The byte at this place has no sign that is accepted.
    Sign(usize),
    /// The half byte that no digit uses is not zero.
    Unused,
    /// A minus sign on zero, where that is refused.
    NegativeZero,
    /// More digits than the picture has, or than can be held.
    TooLarge,
}

/// Reads zoned numbers of one form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zoned {
    place: SignPlace,
    signs: Signs,
    is_ebcdic: bool,
}

impl Zoned {
    pub(super) const fn new(place: SignPlace, signs: Signs, is_ebcdic: bool) -> Self {
        Self { place, signs, is_ebcdic }
    }

    /// The digits as an integer, with their sign.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<i128, Wrong> {
        match (self.place, bytes) {
            (SignPlace::Unsigned, _) => self.unsigned(bytes),
            (SignPlace::Trailing(form), [front @ .., last]) => self.trailing(front, *last, form),
            (SignPlace::Leading(form), [first, rest @ ..]) => {
                let (digit, sign) = self.punched(*first, form, 0)?;
                signed(Some(self.digits(digit, rest, 1)?), sign, &self.signs)
            }
            (SignPlace::TrailingSeparate, [front @ .., last]) => {
                let sign = self.separate(*last, front.len())?;
                signed(Some(self.digits(0, front, 0)?), sign, &self.signs)
            }
            (SignPlace::LeadingSeparate, [first, rest @ ..]) => {
                let sign = self.separate(*first, 0)?;
                signed(Some(self.digits(0, rest, 1)?), sign, &self.signs)
            }
            (_, []) => Err(Wrong::Digit(0)),
        }
    }

    const fn zone(&self) -> u8 {
        if self.is_ebcdic { 0xF0 } else { 0x30 }
    }

    fn unsigned(&self, bytes: &[u8]) -> Result<i128, Wrong> {
        // In the zone of its last digit an unsigned field may have a sign, where the rule says so.
        match bytes {
            [front @ .., last] if self.is_ebcdic && *last < 0xF0 => {
                self.trailing(front, *last, AsciiSigns::Translated)
            }
            _ => signed(Some(self.digits(0, bytes, 0)?), Sign::Plus, &self.signs),
        }
    }

    fn trailing(&self, front: &[u8], last: u8, form: AsciiSigns) -> Result<i128, Wrong> {
        let high = self.digits(0, front, 0)?;
        let (digit, sign) = self.punched(last, form, front.len())?;
        let sum = high.checked_mul(10).and_then(|sum| sum.checked_add(digit.into()));
        signed(sum, sign, &self.signs)
    }

    /// The number that `first` and the digits of `bytes`, which begin at `start` in the field, make.
    fn digits(&self, first: u8, bytes: &[u8], start: usize) -> Result<u128, Wrong> {
        let zone = self.zone();
        if bytes.len() < SHORT_DIGITS_MAX {
            let (mut sum, mut worst) = (u64::from(first), 0);
            for byte in bytes {
                let digit = byte ^ zone;
                worst = worst.max(digit);
                sum = sum.wrapping_mul(10).wrapping_add(u64::from(digit));
            }
            return if worst <= 9 { Ok(sum.into()) } else { Err(self.no_digit(bytes, start)) };
        }
        let mut sum = u128::from(first);
        for byte in bytes {
            let digit = byte ^ zone;
            if digit > 9 {
                return Err(self.no_digit(bytes, start));
            }
            sum = sum.checked_mul(10).and_then(|sum| sum.checked_add(digit.into())).ok_or(Wrong::TooLarge)?;
        }
        Ok(sum)
    }

    #[cold]
    fn no_digit(&self, bytes: &[u8], start: usize) -> Wrong {
        let at = bytes.iter().position(|byte| byte ^ self.zone() > 9);
        Wrong::Digit(start + at.unwrap_or(0))
    }

    /// The digit and the sign of a byte with both.
    fn punched(&self, byte: u8, form: AsciiSigns, at: usize) -> Result<(u8, Sign), Wrong> {
        if !self.is_ebcdic {
            return overpunched(byte, form, &self.signs).ok_or(Wrong::Sign(at));
        }
        let digit = byte & 0x0F;
        if digit > 9 {
            return Err(Wrong::Digit(at));
        }
        match self.signs.of(byte >> 4) {
            Sign::Neither => Err(Wrong::Sign(at)),
            sign => Ok((digit, sign)),
        }
    }

    const fn separate(&self, byte: u8, at: usize) -> Result<Sign, Wrong> {
        match (self.is_ebcdic, byte) {
            (true, 0x4E) | (false, b'+') => Ok(Sign::Plus),
            (true, 0x60) | (false, b'-') => Ok(Sign::Minus),
            _ => Err(Wrong::Sign(at)),
        }
    }
}

/// The magnitude, which is none where it did not fit, with its sign.
pub(super) fn signed(magnitude: Option<u128>, sign: Sign, signs: &Signs) -> Result<i128, Wrong> {
    let magnitude = magnitude.and_then(|sum| i128::try_from(sum).ok()).ok_or(Wrong::TooLarge)?;
    if sign != Sign::Minus {
        return Ok(magnitude);
    }
    if magnitude == 0 && !signs.negative_zero() {
        return Err(Wrong::NegativeZero);
    }
    Ok(-magnitude)
}
