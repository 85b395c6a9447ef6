//! Floating-point numbers from their decimal text: the number of the form that is nearest to it.

use num_bigint::BigUint;

use crate::cobol::{ByteOrder, FloatForm};

/// Appends the number in `bytes` bytes; `None` where the text is no number, or the form has none so large.
pub(super) fn append(text: &[u8], form: FloatForm, bytes: usize, out: &mut Vec<u8>) -> Option<()> {
    let text = std::str::from_utf8(text).ok()?;
    match (form, bytes) {
        (FloatForm::Ieee(order), 4) => {
            let float: f32 = text.parse().ok().filter(|float: &f32| float.is_finite())?;
            match order {
                ByteOrder::BigEndian => out.extend_from_slice(&float.to_be_bytes()),
                ByteOrder::LittleEndian => out.extend_from_slice(&float.to_le_bytes()),
            }
        }
        (FloatForm::Ieee(order), 8) => {
            let float: f64 = text.parse().ok().filter(|float: &f64| float.is_finite())?;
            match order {
                ByteOrder::BigEndian => out.extend_from_slice(&float.to_be_bytes()),
                ByteOrder::LittleEndian => out.extend_from_slice(&float.to_le_bytes()),
            }
        }
        (FloatForm::Hexadecimal, 4 | 8) => {
            let (is_negative, exponent, fraction) = hexadecimal(text, 8 * (bytes - 1))?;
            out.push(exponent | if is_negative { 0x80 } else { 0 });
            out.extend_from_slice(fraction.to_be_bytes().get(9 - bytes..)?);
        }
        _ => return None,
    }
    Some(())
}

/// The nearest hexadecimal float with a fraction of `bits` bits: sign, exponent (excess 64), fraction.
fn hexadecimal(text: &str, bits: usize) -> Option<(bool, u8, u64)> {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (number, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, places) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{places}");
    let power = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(places.len()).ok()?)?;
    let mut above = BigUint::parse_bytes(digits.as_bytes(), 10)?;
    if above == BigUint::ZERO {
        return Some((false, 0, 0));
    }
    if power.unsigned_abs() > 200 {
        return None;
    }
    // The value is above / below.
    let mut below = BigUint::from(1_u8);
    if power >= 0 {
        above *= BigUint::from(10_u8).pow(power.unsigned_abs());
    } else {
        below *= BigUint::from(10_u8).pow(power.unsigned_abs());
    }
    // The least exponent of sixteen with which the fraction is below one; and zero for the numbers below all others.
    let mut exponent = 0_i32;
    let (scaled_above, mut scaled_below) = (above << 256_u32, below);
    while exponent < 127 && scaled_above >= scaled_below {
        scaled_below <<= 4_u32;
        exponent += 1;
    }
    let rounded = |above: &BigUint, below: &BigUint| {
        let twice = (above << (bits + 1)) + below;
        let divisor: BigUint = below << 1_u32;
        u64::try_from(twice / divisor).ok()
    };
    let mut fraction = rounded(&scaled_above, &scaled_below)?;
    if fraction >> bits != 0 {
        // Rounded up to one.
        scaled_below <<= 4_u32;
        fraction = rounded(&scaled_above, &scaled_below)?;
        exponent += 1;
    }
    Some((is_negative, u8::try_from(exponent).ok().filter(|exponent| *exponent < 128)?, fraction))
}

/// Whether two hexadecimal floats are the same number, one of them not normalised; zeros are zero with any exponent.
pub(super) fn same_hexadecimal(one: &[u8], other: &[u8]) -> bool {
    let value = |bytes: &[u8]| {
        let (first, rest) = bytes.split_first()?;
        let mut fraction = rest.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let mut exponent = i32::from(first & 0x7F);
        if fraction == 0 {
            return Some((false, 0, 0));
        }
        let top = 8 * rest.len() - 4;
        while fraction >> top == 0 {
            fraction <<= 4;
            exponent -= 1;
        }
        Some((*first >= 0x80, exponent, fraction))
    };
    value(one).is_some_and(|one| value(other) == Some(one))
}
