//! The usual form of the fields that nearly every record consists of, compared without being written: numbers of up to
//! 16 digits in 16 bytes at once, text byte by byte. It only ever says yes; whatever it does not recognise is for
//! [`FieldEncoder`](super::FieldEncoder) to encode and to judge.

use domain::record::{RawField, Tag};
use domain::value::FieldType;

use super::super::characters::PageBytes;
use crate::cobol::{ByteOrder, FieldSpec, Kind, MomentForm, NumberForm, SignPlace, TextForm, Usage};
use crate::field::Trim;

/// The most digits that are compared at once.
const DIGITS_MAX: usize = 16;

/// Sixteen characters 0.
const ZEROS: u128 = 0x3030_3030_3030_3030_3030_3030_3030_3030;

/// How a field's usual form is compared.
#[derive(Debug, Clone)]
pub(super) enum Quick {
    /// Never at once.
    No,
    /// Text in a page that has all of ASCII, at the field's start, blanks after it.
    Text(Box<[u8; 128]>, u8),
    /// A number whose last `places` digits are after the point.
    Number { places: usize, count: usize, form: Form },
    /// A date of eight digits, year first, in EBCDIC or ASCII.
    Date { zone: u8 },
}

/// How a number's digits are stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// With this zone; a sign in the last digit's zone, if there is one.
    Zoned {
        zone: u8,
        signed: bool,
    },
    Packed {
        signed: bool,
    },
    Binary {
        signed: bool,
    },
}

impl Quick {
    pub(super) fn new(spec: &FieldSpec, page: &PageBytes) -> Self {
        match &spec.kind {
            Kind::Text(form) if matches!(spec.column, FieldType::Text { .. }) => Self::text(form, page),
            Kind::Number(form) => Self::number(form, spec).unwrap_or(Self::No),
            Kind::Moment { form: MomentForm::YyyyMmDd, digits, .. }
                if digits.digits == 8 && digits.usage == Usage::Zoned(SignPlace::Unsigned) =>
            {
                Self::Date { zone: if spec.page.is_ebcdic() { 0xF0 } else { 0x30 } }
            }
            _ => Self::No,
        }
    }

    fn text(form: &TextForm, page: &PageBytes) -> Self {
        match page.ascii() {
            Some(table) if !form.justified && form.trim != Trim::None => {
                Self::Text(Box::new(*table), page.space)
            }
            _ => Self::No,
        }
    }

    /// `None` for a number that is not compared at once.
    fn number(form: &NumberForm, spec: &FieldSpec) -> Option<Self> {
        let places = match spec.column {
            FieldType::Integer => 0,
            FieldType::Decimal { scale, .. } => usize::from(scale),
            _ => return None,
        };
        // The column has the picture's decimal places.
        let has_same_places = usize::try_from(form.scale) == Ok(places);
        let count = usize::from(form.digits);
        let stored = match form.usage {
            Usage::Zoned(SignPlace::Unsigned) => {
                Form::Zoned { zone: if spec.page.is_ebcdic() { 0xF0 } else { 0x30 }, signed: false }
            }
            Usage::Zoned(SignPlace::Trailing(_)) if spec.page.is_ebcdic() => {
                Form::Zoned { zone: 0xF0, signed: true }
            }
            // The sign takes the place of a digit.
            Usage::Packed { signed } if count < DIGITS_MAX => Form::Packed { signed },
            Usage::Binary { signed, order: ByteOrder::BigEndian, .. } if spec.bytes <= 8 => {
                Form::Binary { signed }
            }
            _ => return None,
        };
        let count = if matches!(stored, Form::Binary { .. }) { DIGITS_MAX } else { count };
        (has_same_places && (1..=DIGITS_MAX).contains(&count)).then_some(Self::Number {
            places,
            count,
            form: stored,
        })
    }

    /// Whether `source` is the usual form of the value. No: it may be all the same.
    #[inline]
    pub(super) fn proves(&self, value: RawField<'_>, source: &[u8]) -> bool {
        match self {
            Self::No => false,
            Self::Text(table, space) => value.tag == Tag::Text && text(table, *space, value.content, source),
            Self::Number { places, count, form } => {
                number(value, *places, *count, *form, source).unwrap_or(false)
            }
            Self::Date { zone } => value.tag == Tag::Date && date(*zone, value.content, source),
        }
    }
}

fn text(table: &[u8; 128], space: u8, content: &[u8], source: &[u8]) -> bool {
    let Some((held, padding)) = source.split_at_checked(content.len()) else { return false };
    let Some(last) = held.last() else { return false };
    // Padding that was left in the text, at its end or at its start, is for the encoder to judge.
    let has_padding = matches!(*last, 0)
        || *last == space
        || matches!(held.first(), Some(0))
        || held.first() == Some(&space);
    let mut differs = 0;
    for (char, byte) in content.iter().zip(held) {
        // A character beyond ASCII differs by its first bit.
        differs |= (table[usize::from(*char & 0x7F)] ^ byte) | (*char & 0x80);
    }
    for byte in padding {
        differs |= *byte ^ space;
    }
    differs == 0 && !has_padding
}

/// The last 16 bytes at most, as a number with the first byte the highest; `None` if there are more.
#[inline]
fn right_aligned(bytes: &[u8]) -> Option<u128> {
    // Two words that overlap where there are fewer bytes: they agree there.
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let (first, last) = (u64::from_be_bytes(*first), u64::from_be_bytes(*last));
        let above = bytes.len() - 8;
        return (above <= 8).then(|| u128::from(first) << (8 * above) | u128::from(last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (first, last) = (u32::from_be_bytes(*first), u32::from_be_bytes(*last));
        return Some(u128::from(u64::from(first) << (8 * (bytes.len() - 4)) | u64::from(last)));
    }
    Some(bytes.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte)))
}

/// Ones in the lowest `bytes` bytes.
const fn low(bytes: usize) -> u128 {
    if bytes >= 16 { u128::MAX } else { (1 << (8 * bytes)) - 1 }
}

/// The digits of a canonical number in ASCII, the last one lowest, zeros before them; and whether it is negative.
fn digits(value: RawField<'_>, places: usize) -> Option<(u128, bool)> {
    let (is_negative, text) = match value.content {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let all = right_aligned(text)?;
    let (digits, count) = if places == 0 {
        (all, text.len())
    } else {
        let point = 8 * places;
        if all >> point & 0xFF != u128::from(b'.') || text.len() < places + 2 {
            return None;
        }
        (all >> 8 & !low(places) | all & low(places), text.len() - 1)
    };
    let filled = digits | ZEROS & !low(count);
    // Every byte is 0x30 to 0x39: none leaves that row, and none reaches the next when six is added.
    let is_number = (filled ^ ZEROS) & 0xF0F0_F0F0_F0F0_F0F0_F0F0_F0F0_F0F0_F0F0 == 0
        && (filled.wrapping_add(0x0606_0606_0606_0606_0606_0606_0606_0606) ^ ZEROS)
            & 0xF0F0_F0F0_F0F0_F0F0_F0F0_F0F0_F0F0_F0F0
            == 0;
    is_number.then_some((filled, is_negative))
}

/// The ASCII digits of an integer below ten to the power of 16.
fn of_integer(magnitude: u64) -> Option<u128> {
    let (high, low) = (magnitude / 100_000_000, magnitude % 100_000_000);
    let eight = |number: u64| {
        // Four, two, then one digit at a time in each part of the word.
        let fours = (number / 10_000) | (number % 10_000) << 32;
        let hundreds = ((fours * 10_486) >> 20) & 0x7F_0000_007F;
        let twos = hundreds | (fours - 100 * hundreds) << 16;
        let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
        let ones = tens | (twos - 10 * tens) << 8;
        u128::from(ones.swap_bytes())
    };
    (high < 100_000_000).then(|| eight(high) << 64 | eight(low) | ZEROS)
}

fn number(value: RawField<'_>, places: usize, count: usize, form: Form, source: &[u8]) -> Option<bool> {
    let stored = right_aligned(source)?;
    if let (Form::Binary { signed }, Tag::Integer) = (form, value.tag) {
        let integer = i64::from_be_bytes(value.content.try_into().ok()?);
        return Some(is_binary(integer, signed, source.len(), stored));
    }
    let (digits, is_negative) = match value.tag {
        Tag::Integer => {
            let integer = i64::from_be_bytes(value.content.try_into().ok()?);
            (of_integer(integer.unsigned_abs())?, integer < 0)
        }
        Tag::Decimal => digits(value, places)?,
        _ => return None,
    };
    if (digits ^ ZEROS) & !low(count) != 0 {
        return None;
    }
    match form {
        Form::Zoned { zone, signed } => {
            let zones = u128::from_be_bytes([zone; DIGITS_MAX]);
            let sign = match (signed, is_negative) {
                (false, false) => u128::from(zone),
                (false, true) => return None,
                (true, false) => 0xC0,
                (true, true) => 0xD0,
            };
            let usual = (digits & !ZEROS | zones) & low(count) & !0xF0 | sign;
            Some(source.len() == count && usual == stored)
        }
        Form::Packed { signed } => {
            let sign = match (signed, is_negative) {
                (true, false) => 0xC,
                (true, true) => 0xD,
                (false, false) => 0xF,
                (false, true) => return None,
            };
            let half_bytes =
                u128::from(packed((digits >> 64) as u64)) << 32 | u128::from(packed(digits as u64));
            Some(source.len() == count / 2 + 1 && half_bytes << 4 | sign == stored)
        }
        Form::Binary { signed } => {
            let half_bytes = [packed((digits >> 64) as u64), packed(digits as u64)];
            let magnitude = half_bytes.iter().try_fold(0_u64, |sum, eight| {
                sum.checked_mul(100_000_000)?.checked_add(u64::from(decimal(*eight)))
            })?;
            let magnitude = i64::try_from(magnitude).ok()?;
            Some(is_binary(if is_negative { -magnitude } else { magnitude }, signed, source.len(), stored))
        }
    }
}

/// Eight ASCII digits as half bytes.
#[allow(clippy::cast_possible_truncation, reason = "the upper half is empty by then")]
const fn packed(digits: u64) -> u32 {
    let halves = digits & 0x0F0F_0F0F_0F0F_0F0F;
    let bytes = (halves | halves >> 4) & 0x00FF_00FF_00FF_00FF;
    let pairs = (bytes | bytes >> 8) & 0x0000_FFFF_0000_FFFF;
    (pairs | pairs >> 16) as u32
}

/// The number that eight half bytes are.
const fn decimal(halves: u32) -> u32 {
    let twos = (halves >> 4 & 0x0F0F_0F0F) * 10 + (halves & 0x0F0F_0F0F);
    let fours = (twos >> 8 & 0x00FF_00FF) * 100 + (twos & 0x00FF_00FF);
    (fours >> 16) * 10_000 + (fours & 0xFFFF)
}

/// Whether `stored` is the integer in `bytes` bytes, 8 at most.
fn is_binary(integer: i64, signed: bool, bytes: usize, stored: u128) -> bool {
    let bits = 8 * bytes;
    let fits = match (signed, bits) {
        (false, _) if integer < 0 => false,
        (_, 64..) => true,
        (false, bits) => integer >> bits == 0,
        (true, bits) => matches!(integer >> (bits - 1), 0 | -1),
    };
    fits && bytes > 0 && i128::from(integer).cast_unsigned() & low(bytes) == stored
}

/// `YYYY-MM-DD` against eight digits in zones.
fn date(zone: u8, content: &[u8], source: &[u8]) -> bool {
    let ([a, b, c, d, b'-', e, f, b'-', g, h], Ok(stored)) = (content, <[u8; 8]>::try_from(source)) else {
        return false;
    };
    let digits = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
    let usual = digits & 0x0F0F_0F0F_0F0F_0F0F | u64::from_be_bytes([zone; 8]);
    let is_number = digits & 0xF0F0_F0F0_F0F0_F0F0 == 0x3030_3030_3030_3030
        && digits.wrapping_add(0x0606_0606_0606_0606) & 0xF0F0_F0F0_F0F0_F0F0 == 0x3030_3030_3030_3030;
    is_number && usual == u64::from_be_bytes(stored)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sixteen_digits_are_those_of_the_integer(number in prop_oneof![0_u64..10_000_000_000_000_000, 0_u64..10_000]) {
            let digits = of_integer(number).unwrap().to_be_bytes();
            prop_assert_eq!(std::str::from_utf8(&digits).unwrap(), format!("{number:016}"));
            let value = RawField { tag: Tag::Decimal, content: format!("{number}").as_bytes().to_vec().leak() };
            prop_assert_eq!(super::digits(value, 0).unwrap().0.to_be_bytes(), digits);
            let eight = u64::from_be_bytes(*digits.last_chunk::<8>().unwrap());
            prop_assert_eq!(u64::from(decimal(packed(eight))), number % 100_000_000);
        }
    }

    #[test]
    fn up_to_sixteen_bytes_are_one_number() {
        let all: Vec<u8> = (1..=17).collect();
        for length in 0..=16 {
            let expected = all[..length].iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
            assert_eq!(right_aligned(&all[..length]), Some(expected));
        }
        assert_eq!(right_aligned(&all), None);
    }

    #[test]
    fn what_is_no_digit_is_no_number() {
        for text in ["12a", "1/3", "1:3", "1.2.3", "", " 12", "1-2", "--1"] {
            let value = RawField { tag: Tag::Decimal, content: text.as_bytes() };
            let found = digits(value, 0);
            assert!(found.is_none() || text.is_empty(), "{text}");
        }
        let value = |content| RawField { tag: Tag::Decimal, content };
        assert_eq!(digits(value(b".12"), 2), None);
        assert_eq!(digits(value(b"1.234"), 2), None);
        assert_eq!(digits(value(b"-1.23"), 2).unwrap().0.to_be_bytes(), *b"0000000000000123");
    }
}
