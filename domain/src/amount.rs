//! Exact amounts: an integer mantissa and a decimal scale, never a float, never rounded in silence.
//!
//! 38 digits hold, as in SQL's `NUMERIC(38, s)`; one more is an error. `rust_decimal` is not used for sums
//! because it rounds past 28 digits without saying so, even in its checked operations.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many decimal digits an amount's mantissa may have.
pub const DIGITS_MAX: u8 = 38;

/// The largest mantissa: 38 nines.
const MANTISSA_MAX: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// Why an amount could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AmountError {
    /// The text holds something other than a sign, digits and one decimal point.
    #[error("not a decimal number")]
    NotANumber,
    /// More digits than can be held exactly.
    #[error("more than {DIGITS_MAX} digits")]
    TooManyDigits,
    /// The amount has digits after the point that the target scale would cut off.
    #[error("more than {scale} decimal places")]
    WouldRound {
        /// Digits after the point that the target scale has room for.
        scale: u8,
    },
}

/// An exact decimal: `mantissa / 10^scale`.
///
/// Equality and order are numeric: `1.0 == 1.00`. The scale is kept for printing and for the column it goes to.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    mantissa: i128,
    scale: u8,
}

const fn power_of_ten(exponent: u8) -> Option<i128> {
    if exponent > DIGITS_MAX {
        return None;
    }
    let mut power = 1_i128;
    let mut i = 0;
    while i < exponent {
        power *= 10;
        i += 1;
    }
    Some(power)
}

const POWERS: [i128; 39] = {
    let mut powers = [1_i128; 39];
    let mut i = 1;
    while i < 39 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

impl Amount {
    /// The amount `mantissa / 10^scale`.
    ///
    /// # Errors
    /// [`AmountError::TooManyDigits`] when either is past 38.
    pub const fn new(mantissa: i128, scale: u8) -> Result<Self, AmountError> {
        if scale > DIGITS_MAX || mantissa > MANTISSA_MAX || mantissa < -MANTISSA_MAX {
            return Err(AmountError::TooManyDigits);
        }
        Ok(Self { mantissa, scale })
    }

    /// Zero, printed with `scale` digits after the point (38 at most).
    #[must_use]
    pub const fn zero(scale: u8) -> Self {
        Self { mantissa: 0, scale: if scale > DIGITS_MAX { DIGITS_MAX } else { scale } }
    }

    /// The integer that `10^scale` divides.
    #[must_use]
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// Digits after the decimal point, 0 to 38.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Whether nothing is there.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// How many digits the mantissa has, 0 for zero.
    #[must_use]
    pub fn digits(self) -> u8 {
        let magnitude = self.mantissa.unsigned_abs();
        let mut digits = 0;
        while digits < DIGITS_MAX && magnitude >= POWERS[usize::from(digits)].unsigned_abs() {
            digits += 1;
        }
        digits
    }

    /// The same amount with `scale` digits after the point.
    ///
    /// # Errors
    /// [`AmountError::WouldRound`] when digits other than zero would be cut off, [`AmountError::TooManyDigits`]
    /// when the longer form does not fit.
    pub fn rescale(self, scale: u8) -> Result<Self, AmountError> {
        match scale.cmp(&self.scale) {
            Ordering::Equal => Ok(self),
            Ordering::Greater => {
                let factor = power_of_ten(scale - self.scale).ok_or(AmountError::TooManyDigits)?;
                let mantissa = self.mantissa.checked_mul(factor).ok_or(AmountError::TooManyDigits)?;
                Self::new(mantissa, scale)
            }
            Ordering::Less => {
                let factor = POWERS[usize::from(self.scale - scale)];
                if self.mantissa % factor != 0 {
                    return Err(AmountError::WouldRound { scale });
                }
                Ok(Self { mantissa: self.mantissa / factor, scale })
            }
        }
    }

    /// The exact sum, at the larger of the two scales.
    ///
    /// # Errors
    /// [`AmountError::TooManyDigits`] past 38 digits.
    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.rescale(scale)?, other.rescale(scale)?);
        Self::new(a.mantissa.checked_add(b.mantissa).ok_or(AmountError::TooManyDigits)?, scale)
    }

    /// The exact difference, at the larger of the two scales.
    ///
    /// # Errors
    /// [`AmountError::TooManyDigits`] past 38 digits.
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountError> {
        self.checked_add(other.negated())
    }

    /// The exact product; its scale is the sum of the two.
    ///
    /// # Errors
    /// [`AmountError::TooManyDigits`] past 38 digits or 38 digits after the point.
    pub fn checked_mul(self, other: Self) -> Result<Self, AmountError> {
        let mantissa = self.mantissa.checked_mul(other.mantissa).ok_or(AmountError::TooManyDigits)?;
        Self::new(mantissa, self.scale + other.scale)
    }

    /// The amount with the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { mantissa: -self.mantissa, scale: self.scale }
    }

    /// The amount without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self { mantissa: self.mantissa.abs(), scale: self.scale }
    }

    /// Reads `[+-]digits[.digits]`, with at least one digit. Blanks, separators and exponents are refused.
    ///
    /// # Errors
    /// [`AmountError::NotANumber`] or [`AmountError::TooManyDigits`]; leading zeros do not count as digits.
    pub fn parse_bytes(text: &[u8]) -> Result<Self, AmountError> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            all => (false, all),
        };
        // Up to 18 digits fit an i64, which is several times faster than i128: most amounts are that short.
        if digits.len() <= 18 {
            return Self::parse_short(digits, negative);
        }
        let (mut mantissa, mut scale) = (0_i128, 0_u8);
        let (mut seen_digit, mut seen_point) = (false, false);
        for &byte in digits {
            match byte {
                b'0'..=b'9' => {
                    seen_digit = true;
                    // Before multiplying: ten times 38 digits may be more than an i128 holds.
                    if mantissa > MANTISSA_MAX / 10 {
                        return Err(well_formed_or(digits, AmountError::TooManyDigits));
                    }
                    mantissa = mantissa * 10 + i128::from(byte - b'0');
                    if seen_point {
                        scale += 1;
                        if scale > DIGITS_MAX {
                            return Err(well_formed_or(digits, AmountError::TooManyDigits));
                        }
                    }
                }
                b'.' if !seen_point => seen_point = true,
                _ => return Err(AmountError::NotANumber),
            }
        }
        if !seen_digit {
            return Err(AmountError::NotANumber);
        }
        Self::new(if negative { -mantissa } else { mantissa }, scale)
    }

    fn parse_short(digits: &[u8], negative: bool) -> Result<Self, AmountError> {
        let (mut mantissa, mut scale) = (0_i64, 0_u8);
        let (mut seen_digit, mut seen_point) = (false, false);
        for &byte in digits {
            match byte {
                b'0'..=b'9' => {
                    seen_digit = true;
                    mantissa = mantissa * 10 + i64::from(byte - b'0');
                    scale += u8::from(seen_point);
                }
                b'.' if !seen_point => seen_point = true,
                _ => return Err(AmountError::NotANumber),
            }
        }
        if !seen_digit {
            return Err(AmountError::NotANumber);
        }
        Ok(Self { mantissa: i128::from(if negative { -mantissa } else { mantissa }), scale })
    }

    /// Appends the plain form to `out`: a minus sign if below zero, digits, and `scale` digits after a point.
    pub fn write_to(self, out: &mut Vec<u8>) {
        // Right-aligned digits, already padded with the zeros that a small mantissa lacks.
        let mut digits = [b'0'; 40];
        let mut at = digits.len();
        let mut rest = self.mantissa.unsigned_abs();
        while rest > 0 {
            // Work through 64-bit pieces: dividing an i128 digit by digit is the slowest part of a load.
            let is_last = u64::try_from(rest).is_ok();
            #[allow(
                clippy::cast_possible_truncation,
                reason = "either fits 64 bits, or is a remainder that does"
            )]
            let mut piece = if is_last { rest as u64 } else { (rest % PIECE) as u64 };
            let below = at.saturating_sub(PIECE_DIGITS);
            while piece > 0 {
                at -= 1;
                #[allow(clippy::cast_possible_truncation, reason = "a digit")]
                let digit = (piece % 10) as u8;
                digits[at] = b'0' + digit;
                piece /= 10;
            }
            if is_last {
                break;
            }
            rest /= PIECE;
            at = below;
        }
        let point = digits.len() - usize::from(self.scale);
        if self.mantissa < 0 {
            out.push(b'-');
        }
        out.extend_from_slice(&digits[at.min(point - 1)..point]);
        if self.scale > 0 {
            out.push(b'.');
            out.extend_from_slice(&digits[point..]);
        }
    }
}

/// As many digits as a 64-bit integer surely holds.
const PIECE_DIGITS: usize = 19;
const PIECE: u128 = 10_000_000_000_000_000_000;

/// Returns `error` for a number that is too long, and another error for text that is not a number.
fn well_formed_or(digits: &[u8], error: AmountError) -> AmountError {
    let points = digits.iter().filter(|byte| **byte == b'.').count();
    if points <= 1 && digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        error
    } else {
        AmountError::NotANumber
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_bytes(text.as_bytes())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(41);
        self.write_to(&mut out);
        f.pad(&String::from_utf8_lossy(&out))
    }
}

impl From<i64> for Amount {
    fn from(integer: i64) -> Self {
        Self { mantissa: i128::from(integer), scale: 0 }
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Amount {}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale < other.scale {
            return other.cmp(self).reverse();
        }
        // `other` has the smaller scale and is brought up; if that overflows, its magnitude is the larger one.
        match other.mantissa.checked_mul(POWERS[usize::from(self.scale - other.scale)]) {
            Some(scaled) => self.mantissa.cmp(&scaled),
            None if other.mantissa > 0 => Ordering::Less,
            None => Ordering::Greater,
        }
    }
}

impl Serialize for Amount {
    /// A string: a JSON number would be read as a float.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An exact decimal number as text, with every digit that it has.",
            "type": "string",
            "pattern": r"^[+-]?[0-9]*(\.[0-9]*)?$",
        })
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
