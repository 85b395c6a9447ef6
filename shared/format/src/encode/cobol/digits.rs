//! Numbers as COBOL stores them: from the digits of a canonical value to zoned, packed and binary bytes.
//!
//! After the IBM Enterprise COBOL for z/OS Language Reference, "USAGE clause" and "SIGN clause", and the z/Architecture
//! Principles of Operation, "Decimal-number formats": a zoned digit is zone F and the digit, the sign is the zone of
//! one of them; a packed number has two digits a byte and the sign in the last half byte; C is plus, D minus, F
//! unsigned.

use domain::amount::DIGITS_MAX;
use domain::record::{RawField, Tag};
use domain::round_trip::{Equivalence, Equivalences};
use domain::value::FieldType;

use crate::cobol::{AsciiSigns, ByteOrder, NumberForm, SignPlace, SignRule, Usage};

/// Room for the digits of any number, and those of a 64-bit integer beside zeros.
const ROOM: usize = 40;

/// The two digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// A number as a field stores it: the picture's digits and a sign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    pub(super) is_negative: bool,
    /// ASCII digits, at the end.
    room: [u8; ROOM],
    first: usize,
}

impl Stored {
    const fn zero(digits: usize) -> Self {
        Self { is_negative: false, room: [b'0'; ROOM], first: ROOM - digits }
    }

    /// Its digits in ASCII, as many as the picture has.
    pub(super) fn digits(&self) -> &[u8] {
        &self.room[self.first..]
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits().iter().all(|digit| *digit == b'0')
    }

    /// Zeros, or nines: what stands for no date.
    pub(super) fn of_one_digit(digit: u8, count: usize, digits: usize) -> Option<Self> {
        let mut stored = Self::zero(digits.min(ROOM));
        stored.room.get_mut(ROOM.checked_sub(count)?..)?.fill(digit);
        (count <= digits).then_some(stored)
    }

    /// From digits that are perhaps fewer than the field has.
    pub(super) fn of_spelling(digits: &[u8], count: usize) -> Option<Self> {
        Self::of_text(digits, 0, 0, count)
    }

    /// From digits, the last of which is the number's last.
    fn of_digits(digits: impl DoubleEndedIterator<Item = u8>, count: usize) -> Option<Self> {
        let mut stored = Self::zero(count.min(ROOM));
        let mut at = ROOM;
        for digit in digits.rev() {
            if !digit.is_ascii_digit() {
                return None;
            }
            if at > stored.first {
                at -= 1;
                stored.room[at] = digit;
            } else if digit != b'0' {
                return None;
            }
        }
        Some(stored)
    }

    /// From the decimal text of a canonical value with `places` digits after its point, of which the last `drop` are
    /// not stored, and must be zeros.
    fn of_text(text: &[u8], places: usize, drop: usize, count: usize) -> Option<Self> {
        let (is_negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            all => (false, all),
        };
        let (whole, fraction) = match places {
            0 => (text, &[][..]),
            _ => {
                let (whole, rest) = text.split_at_checked(text.len().checked_sub(places + 1)?)?;
                (whole, rest.strip_prefix(b".")?)
            }
        };
        if whole.is_empty() {
            return None;
        }
        let dropped_of_fraction = drop.min(fraction.len());
        let (fraction, cut) = fraction.split_at(fraction.len() - dropped_of_fraction);
        let dropped_of_whole = (drop - dropped_of_fraction).min(whole.len());
        let (whole, cut_whole) = whole.split_at(whole.len() - dropped_of_whole);
        if cut.iter().chain(cut_whole).any(|digit| *digit != b'0') {
            return None;
        }
        let length = whole.len() + fraction.len();
        if length <= count && count <= ROOM {
            // Nearly every number: copied as it stands.
            let mut stored = Self { is_negative, ..Self::zero(count) };
            let (start, point) = (ROOM - length, ROOM - fraction.len());
            stored.room[start..point].copy_from_slice(whole);
            stored.room[point..].copy_from_slice(fraction);
            return stored.room[start..].iter().all(u8::is_ascii_digit).then_some(stored);
        }
        let stored = Self::of_digits(whole.iter().chain(fraction).copied(), count)?;
        Some(Self { is_negative, ..stored })
    }

    fn of_integer(integer: i64, drop: usize, count: usize) -> Option<Self> {
        let divisor = 10_u64.checked_pow(u32::try_from(drop).ok()?)?;
        let mut rest = integer.unsigned_abs();
        if !rest.is_multiple_of(divisor) {
            return None;
        }
        rest /= divisor;
        let mut stored = Self { is_negative: integer < 0, ..Self::zero(count.min(ROOM)) };
        let mut at = ROOM;
        while rest > 0 {
            #[allow(clippy::cast_possible_truncation, reason = "below 100")]
            let pair = PAIRS[(rest % 100) as usize];
            stored.room[at - 2..at].copy_from_slice(&pair);
            at -= 2;
            rest /= 100;
        }
        let fits = stored.room[..stored.first].iter().all(|digit| *digit == b'0');
        fits.then_some(stored)
    }

    fn magnitude(&self) -> Option<u128> {
        let digits = self.digits();
        let first = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
        let digits = &digits[first..];
        if digits.len() <= 18 {
            let sum = digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit & 0x0F));
            return Some(sum.into());
        }
        // 38 digits are below 2 to the power of 127.
        digits.iter().try_fold(0_u128, |sum, digit| sum.checked_mul(10)?.checked_add((digit & 0x0F).into()))
    }
}

/// How the value of a column becomes what the field stores.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToStored {
    /// The picture's digits.
    count: usize,
    from: From,
    /// Whether there may be more digits than the picture has.
    is_open: bool,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Integer {
        drop: usize,
    },
    Decimal {
        places: usize,
        drop: usize,
    },
    /// All of the picture's digits as text.
    Text {
        whole: usize,
        places: usize,
        drop: usize,
    },
}

impl ToStored {
    /// `None` for a column that no number becomes. `usage`: in binary form a number may have more digits than its
    /// picture; whether it fits is then its bytes' affair.
    pub(super) fn new(digits: u8, scale: i8, usage: Option<Usage>, column: &FieldType) -> Option<Self> {
        let scale = isize::from(scale);
        let drop_from = |places: isize| usize::try_from(places - scale).ok();
        let from = match *column {
            FieldType::Integer => From::Integer { drop: drop_from(0)? },
            FieldType::Decimal { scale: places, .. } => {
                From::Decimal { places: places.into(), drop: drop_from(places.cast_signed().into())? }
            }
            FieldType::Text { .. } => {
                let places = scale.max(0);
                let whole = usize::try_from(isize::from(digits.cast_signed()) - scale).unwrap_or(0).max(1);
                From::Text { whole, places: places.unsigned_abs(), drop: drop_from(places)? }
            }
            _ => return None,
        };
        let is_open = matches!(usage, Some(Usage::Binary { .. }));
        let count = if is_open { DIGITS_MAX.into() } else { digits.into() };
        Some(Self { count, from, is_open })
    }

    /// What the field stores for a value; `None` where that is not possible.
    pub(super) fn stored(&self, value: RawField<'_>) -> Option<Stored> {
        match (self.from, value.tag) {
            (From::Integer { drop }, Tag::Integer) => {
                Stored::of_integer(i64::from_be_bytes(value.content.try_into().ok()?), drop, self.count)
            }
            (From::Decimal { places, drop }, Tag::Decimal) => {
                Stored::of_text(value.content, places, drop, self.count)
            }
            (From::Text { whole, places, drop }, Tag::Text) => {
                // No digit of the picture may be missing: the text may be a number that merely names something.
                let unsigned = value.content.strip_prefix(b"-").unwrap_or(value.content);
                let length = whole + if places > 0 { places + 1 } else { 0 };
                let is_longer = self.is_open && unsigned.len() > length && unsigned.first() != Some(&b'0');
                (unsigned.len() == length || is_longer)
                    .then(|| Stored::of_text(value.content, places, drop, self.count))
                    .flatten()
            }
            _ => None,
        }
    }
}

/// How a number's digits become bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digits {
    usage: Usage,
    signs: SignRule,
    is_ebcdic: bool,
    bytes: usize,
}

/// What a sign byte or half byte says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

impl Digits {
    pub(super) const fn new(form: &NumberForm, is_ebcdic: bool, bytes: usize) -> Self {
        Self { usage: form.usage, signs: form.signs, is_ebcdic, bytes }
    }

    /// Whether low-values, high-values and spaces are numbers: then they stand for nothing else.
    pub(super) const fn is_number(&self, filled_with: u8) -> bool {
        match self.usage {
            // Spaces are left: see `spaces` of the job file.
            Usage::Binary { .. } => filled_with == 0 || filled_with == 0xFF,
            Usage::PackedUnsigned => filled_with != 0xFF,
            _ => false,
        }
    }

    /// Appends the usual form; `None` where the field cannot hold the number.
    pub(super) fn append(&self, number: &Stored, out: &mut Vec<u8>) -> Option<()> {
        let digits = number.digits();
        match self.usage {
            Usage::Zoned(place) => self.zoned(number, place, out),
            Usage::Packed { signed } => {
                let sign = match (signed, number.is_negative) {
                    (true, true) => 0x0D,
                    (true, false) => 0x0C,
                    (false, false) => 0x0F,
                    (false, true) => return None,
                };
                let (front, last) = digits.split_at(digits.len().checked_sub(1)?);
                packed(front, out);
                out.push((last[0] & 0x0F) << 4 | sign);
                Some(())
            }
            Usage::PackedUnsigned => {
                packed(digits, out);
                (!number.is_negative).then_some(())
            }
            Usage::Binary { signed, order, .. } => self.binary(number, signed, order, out),
        }
    }

    fn zoned(&self, number: &Stored, place: SignPlace, out: &mut Vec<u8>) -> Option<()> {
        let zone = if self.is_ebcdic { 0xF0 } else { 0x30 };
        let separate = match (self.is_ebcdic, number.is_negative) {
            (true, false) => 0x4E,
            (true, true) => 0x60,
            (false, false) => b'+',
            (false, true) => b'-',
        };
        if place == SignPlace::LeadingSeparate {
            out.push(separate);
        }
        let start = out.len();
        out.extend(number.digits().iter().map(|digit| zone | (digit & 0x0F)));
        match place {
            SignPlace::Unsigned if number.is_negative => return None,
            SignPlace::Unsigned | SignPlace::LeadingSeparate => {}
            SignPlace::TrailingSeparate => out.push(separate),
            SignPlace::Trailing(form) => {
                let last = out.last_mut()?;
                *last = self.punched(*last & 0x0F, number.is_negative, form);
            }
            SignPlace::Leading(form) => {
                let first = out.get_mut(start)?;
                *first = self.punched(*first & 0x0F, number.is_negative, form);
            }
        }
        Some(())
    }

    /// The byte of a digit and the sign.
    const fn punched(&self, digit: u8, is_negative: bool, form: AsciiSigns) -> u8 {
        match (self.is_ebcdic, form, is_negative) {
            (true, _, false) => 0xC0 | digit,
            (true, _, true) => 0xD0 | digit,
            (false, AsciiSigns::Translated, false) => b"{ABCDEFGHI"[digit as usize % 10],
            (false, AsciiSigns::Translated, true) => b"}JKLMNOPQR"[digit as usize % 10],
            (false, AsciiSigns::MicroFocus, false) => b'0' + digit,
            (false, AsciiSigns::MicroFocus, true) => b'p' + digit,
        }
    }

    fn binary(&self, number: &Stored, signed: bool, order: ByteOrder, out: &mut Vec<u8>) -> Option<()> {
        let magnitude = i128::try_from(number.magnitude()?).ok()?;
        let value = if number.is_negative { -magnitude } else { magnitude };
        let bits = u32::try_from(8 * self.bytes).ok()?;
        let fits = match (signed, bits) {
            (false, _) if value < 0 => false,
            (_, 128..) => true,
            (false, bits) => value >> bits == 0,
            (true, bits) => matches!(value >> (bits - 1), 0 | -1),
        };
        if !fits {
            return None;
        }
        let all = value.to_be_bytes();
        let held = all.get(all.len().checked_sub(self.bytes)?..)?;
        match order {
            ByteOrder::BigEndian => out.extend_from_slice(held),
            ByteOrder::LittleEndian => out.extend(held.iter().rev()),
        }
        Some(())
    }

    /// Whether `source` is the number that `usual` is, with another sign code.
    pub(super) fn other_sign(&self, number: &Stored, usual: &[u8], source: &[u8]) -> Option<Equivalences> {
        if usual.len() != source.len() || usual.is_empty() {
            return None;
        }
        let last = usual.len() - 1;
        let (at, said) = match self.usage {
            Usage::Zoned(SignPlace::TrailingSeparate) => (last, self.separate(source[last])?),
            Usage::Zoned(SignPlace::LeadingSeparate) => (0, self.separate(source[0])?),
            Usage::Zoned(SignPlace::Unsigned) => {
                (last, self.zone(source[last], *number.digits().last()?, AsciiSigns::Translated, false)?)
            }
            Usage::Zoned(SignPlace::Trailing(form)) => {
                (last, self.zone(source[last], *number.digits().last()?, form, true)?)
            }
            Usage::Zoned(SignPlace::Leading(form)) => {
                (0, self.zone(source[0], *number.digits().first()?, form, true)?)
            }
            Usage::Packed { signed } => {
                let is_digit = source[last] >> 4 == usual[last] >> 4;
                (last, self.half_byte(source[last] & 0x0F, signed).filter(|_| is_digit)?)
            }
            Usage::PackedUnsigned | Usage::Binary { .. } => return None,
        };
        let alike = usual[..at] == source[..at] && usual[at + 1..] == source[at + 1..];
        let forms = match (said, number.is_negative) {
            (Sign::Plus, false) | (Sign::Minus, true) => Equivalences::only(Equivalence::Sign),
            (Sign::Minus, false) if number.is_zero() && self.signs != SignRule::Preferred => {
                Equivalences::only(Equivalence::NegativeZero)
            }
            _ => return None,
        };
        alike.then_some(forms)
    }

    const fn separate(&self, byte: u8) -> Option<Sign> {
        match (self.is_ebcdic, byte) {
            (true, 0x4E) | (false, b'+') => Some(Sign::Plus),
            (true, 0x60) | (false, b'-') => Some(Sign::Minus),
            _ => None,
        }
    }

    /// The sign in the zone of a byte that is the ASCII digit `digit` beside it.
    fn zone(&self, byte: u8, digit: u8, form: AsciiSigns, signed: bool) -> Option<Sign> {
        let digit = digit & 0x0F;
        if self.is_ebcdic {
            return self.half_byte(byte >> 4, signed).filter(|_| byte & 0x0F == digit);
        }
        let is_plain = byte == b'0' + digit;
        match form {
            _ if !signed => is_plain.then_some(Sign::Plus),
            AsciiSigns::MicroFocus if is_plain => Some(Sign::Plus),
            AsciiSigns::MicroFocus => (byte == b'p' + digit).then_some(Sign::Minus),
            AsciiSigns::Translated if byte == self.punched(digit, false, form) => Some(Sign::Plus),
            AsciiSigns::Translated if byte == self.punched(digit, true, form) => Some(Sign::Minus),
            // The character of zone F.
            AsciiSigns::Translated => (is_plain && self.signs != SignRule::Preferred).then_some(Sign::Plus),
        }
    }

    /// The sign that a half byte is, by the table at [`SignRule`].
    const fn half_byte(&self, half: u8, signed: bool) -> Option<Sign> {
        match (half, signed, self.signs) {
            (0xC, true, _) | (0xF, false, _) => Some(Sign::Plus),
            (0xD, true, _) => Some(Sign::Minus),
            (0xF, true, SignRule::Usual | SignRule::Any) => Some(Sign::Plus),
            (0xA | 0xE, true, SignRule::Any) | (0xA | 0xC | 0xE, false, SignRule::Any) => Some(Sign::Plus),
            (0xB, true, SignRule::Any) => Some(Sign::Minus),
            _ => None,
        }
    }
}

/// Two digits a byte; of an odd number the first half byte is zero.
fn packed(digits: &[u8], out: &mut Vec<u8>) {
    let (odd, pairs) = digits.split_at(digits.len() % 2);
    out.extend(odd.iter().map(|digit| digit & 0x0F));
    out.extend(pairs.chunks_exact(2).map(|pair| (pair[0] & 0x0F) << 4 | (pair[1] & 0x0F)));
}
