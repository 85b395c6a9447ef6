//! Decimal numbers of any usage: from a field's bytes to an integer, before the decimal point is set.

use domain::constraint::ReasonCode;

use super::binary::Binary;
use super::packed::Packed;
use super::signs::Signs;
use super::spec::{BinaryRange, FieldSpec, Fill, Fills, NumberForm, SignPlace, SignRule, Usage};
use super::zoned::{Wrong, Zoned};
use super::{Reject, quoted};
use domain::amount::DIGITS_MAX;

#[derive(Debug, Clone, Copy)]
enum Digits {
    Zoned(Zoned),
    Packed(Packed),
    Binary {
        binary: Binary,
        /// The first magnitude with more digits than the picture, where that is a fault.
        end: Option<i128>,
    },
}

/// Reads the numbers of one field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    digits: Digits,
    blanks: Blanks,
    /// Whether spaces are what the job says, although they are a number too: in a binary field that may hold any.
    spaces_decide: bool,
    /// For what a reject says.
    expected: Expected,
}

#[derive(Debug, Clone, Copy)]
struct Expected {
    usage: Usage,
    rule: SignRule,
    digits: u8,
}

/// What a field is that holds no value at all, and which byte a space is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blanks {
    fills: Fills,
    space: u8,
}

impl Blanks {
    pub(super) const fn new(fills: Fills, space: u8) -> Self {
        Self { fills, space }
    }

    /// Whether the field holds nothing but spaces.
    fn are_spaces(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| *byte == self.space)
    }

    /// What fills the field, if it is one byte over and over, with its name.
    pub(super) fn of(&self, bytes: &[u8]) -> Option<(Fill, &'static str)> {
        let (first, rest) = bytes.split_first()?;
        if rest.iter().any(|byte| byte != first) {
            return None;
        }
        Some(match *first {
            0x00 => (self.fills.low_values, "low-values (x'00')"),
            0xFF => (self.fills.high_values, "high-values (x'ff')"),
            byte if byte == self.space => (self.fills.spaces, "spaces"),
            _ => return None,
        })
    }
}

impl Numbers {
    /// Fails, with a sentence for the layout's author, on a picture that cannot be.
    pub(super) fn new(form: &NumberForm, spec: &FieldSpec) -> Result<Self, String> {
        if !(1..=DIGITS_MAX).contains(&form.digits) {
            return Err(format!("a picture of {} digits; 1 to {DIGITS_MAX} are supported", form.digits));
        }
        let zeros = u8::try_from(-i16::from(form.scale)).unwrap_or(0);
        if form.scale > DIGITS_MAX.cast_signed() || form.digits.saturating_add(zeros) > DIGITS_MAX {
            return Err(format!(
                "{} digits with a scale of {}; at most {DIGITS_MAX} digits are supported",
                form.digits, form.scale
            ));
        }
        let digits = match form.usage {
            Usage::Binary { signed, order, range } => {
                let end = 10_i128.checked_pow(form.digits.into()).filter(|_| range == BinaryRange::Picture);
                check_binary(form, spec.bytes, signed, end)?;
                Digits::Binary { binary: Binary { signed, order }, end }
            }
            _ if form.usual_bytes() != spec.bytes => {
                return Err(format!(
                    "{} digits take {} bytes in this usage, not {}",
                    form.digits,
                    form.usual_bytes(),
                    spec.bytes
                ));
            }
            Usage::Zoned(place) => {
                let signs = Signs::new(form.signs, place != SignPlace::Unsigned);
                Digits::Zoned(Zoned::new(place, signs, spec.page.is_ebcdic()))
            }
            Usage::Packed { signed } => Digits::Packed(Packed {
                signs: Some(Signs::new(form.signs, signed)),
                has_unused: form.digits.is_multiple_of(2),
            }),
            Usage::PackedUnsigned => {
                Digits::Packed(Packed { signs: None, has_unused: !form.digits.is_multiple_of(2) })
            }
        };
        let fills =
            if form.blank_when_zero { Fills { spaces: Fill::Zero, ..form.fills } } else { form.fills };
        Ok(Self {
            spaces_decide: matches!(digits, Digits::Binary { end: None, .. }) && fills.spaces != Fill::Reject,
            digits,
            blanks: Blanks::new(fills, spec.page.space()),
            expected: Expected { usage: form.usage, rule: form.signs, digits: form.digits },
        })
    }

    /// The integer that the digits are; `None`: NULL.
    pub(super) fn read(&self, bytes: &[u8]) -> Result<Option<i128>, Reject> {
        if self.spaces_decide && self.blanks.are_spaces(bytes) {
            return self.blank_or(bytes, Wrong::TooLarge);
        }
        let read = match &self.digits {
            Digits::Zoned(zoned) => zoned.read(bytes),
            Digits::Packed(packed) => packed.read(bytes),
            Digits::Binary { binary, end } => binary.read(bytes).and_then(|value| match end {
                Some(end) if value >= *end || value <= -*end => Err(Wrong::TooLarge),
                _ => Ok(value),
            }),
        };
        match read {
            Ok(value) => Ok(Some(value)),
            Err(wrong) => self.blank_or(bytes, wrong),
        }
    }

    /// A field without digits is what its fills say. Any that has them was read before coming here. Of a binary field,
    /// only spaces can be more than its picture holds.
    #[cold]
    fn blank_or(&self, bytes: &[u8], wrong: Wrong) -> Result<Option<i128>, Reject> {
        let is_binary = matches!(self.digits, Digits::Binary { .. });
        match self.blanks.of(bytes).filter(|_| !is_binary || self.blanks.are_spaces(bytes)) {
            Some((Fill::Null, _)) => Ok(None),
            Some((Fill::Zero, _)) => Ok(Some(0)),
            Some((Fill::Reject, what)) => {
                Err(Reject::new(ReasonCode::Type, format!("only {what} where a number is expected")))
            }
            None => Err(self.expected.reject(bytes, wrong)),
        }
    }
}

/// A binary field must have room for its picture.
fn check_binary(form: &NumberForm, bytes: usize, signed: bool, end: Option<i128>) -> Result<(), String> {
    if !(1..=16).contains(&bytes) {
        return Err(format!("a binary number of {bytes} bytes; 1 to 16 are supported"));
    }
    let bits = 8 * bytes - usize::from(signed);
    let largest = if bits >= 127 { i128::MAX } else { (1 << bits) - 1 };
    match end {
        Some(end) if end - 1 > largest => {
            Err(format!("{bytes} bytes cannot hold every binary number of {} digits", form.digits))
        }
        _ => Ok(()),
    }
}

impl Expected {
    #[cold]
    fn reject(&self, bytes: &[u8], wrong: Wrong) -> Reject {
        let all = quoted(bytes);
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let detail = match wrong {
            Wrong::Digit(at) => format!("{all}: byte {at} (x'{:02x}') is not a digit", byte(at)),
            Wrong::Sign(at) => {
                format!("{all}: byte {at} (x'{:02x}') has an invalid sign, {}", byte(at), self.signs())
            }
            Wrong::Unused => {
                format!("{all}: the first half byte is not zero, although the picture has no digit there")
            }
            Wrong::NegativeZero => format!("{all}: minus zero, which NUMPROC(PFD) does not allow"),
            Wrong::TooLarge => {
                let most = match self.usage {
                    Usage::Binary { range: BinaryRange::Native, .. } => DIGITS_MAX,
                    _ => self.digits,
                };
                return Reject::new(ReasonCode::TooLong, format!("{all} has more than {most} digits"));
            }
        };
        Reject::new(ReasonCode::Type, detail)
    }

    const fn signs(&self) -> &'static str {
        match (self.usage, self.rule) {
            (Usage::Zoned(SignPlace::TrailingSeparate | SignPlace::LeadingSeparate), _) => {
                "which is a plus or a minus"
            }
            (Usage::Zoned(SignPlace::Unsigned) | Usage::Packed { signed: false }, SignRule::Any) => {
                "which is A, C, E or F in an unsigned field"
            }
            (Usage::Zoned(SignPlace::Unsigned) | Usage::Packed { signed: false }, _) => {
                "which is F in an unsigned field"
            }
            (_, SignRule::Preferred) => "which is C or D (in ASCII, its overpunch)",
            (_, SignRule::Usual) => "which is C, D or F (in ASCII, its overpunch)",
            (_, SignRule::Any) => "which is A to F (in ASCII, its overpunch)",
        }
    }
}
