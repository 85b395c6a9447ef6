//! COMP-1 and COMP-2: floating-point numbers, as text.
//!
//! A float is never an amount: most decimal fractions have no exact float, so that sums of floats depend on their
//! order. What is given is the shortest decimal that no other float of the form is nearer to; it reads back as the
//! same float, and two floats that differ never share one. It is written as ECMAScript writes numbers (ECMA-262,
//! Number::toString): `-118.625`, `1e+21`, `1e-7`. Minus zero is `0`; infinities and NaNs are rejects.

use std::fmt::Write;

use domain::constraint::ReasonCode;
use domain::value::FieldType;

use super::decoder::FieldValue;
use super::output::text;
use super::spec::{ByteOrder, FieldSpec, FloatForm};
use super::{Reject, hexfloat, quoted};

/// The digits of a number: `0.DDD` times ten to the power of `point`. No digits: zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shortest {
    pub(super) negative: bool,
    pub(super) digits: [u8; DIGITS_MAX],
    pub(super) length: usize,
    pub(super) point: i32,
}

/// As many digits as any of these forms needs: 17 for binary64, 18 for 56 bits in hexadecimal form.
pub(super) const DIGITS_MAX: usize = 20;

/// Reads the floats of one field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floats {
    form: FloatForm,
    chars_max: u32,
}

impl Floats {
    /// Fails, with a sentence for the layout's author, on a column that is not text, or a wrong number of bytes.
    pub(super) fn new(form: FloatForm, spec: &FieldSpec) -> Result<Self, String> {
        let FieldType::Text { chars_max } = spec.column else {
            return Err(format!(
                "a floating-point number cannot be an amount; make its column text instead of {}",
                spec.column
            ));
        };
        if ![4, 8].contains(&spec.bytes) {
            return Err(format!("a floating-point number takes 4 or 8 bytes, not {}", spec.bytes));
        }
        Ok(Self { form, chars_max })
    }

    /// Appends the field in canonical form.
    pub(super) fn put(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<FieldValue, Reject> {
        let shortest = match self.form {
            FloatForm::Hexadecimal => hexfloat::shortest(bytes),
            FloatForm::Ieee(order) => ieee(bytes, order),
        };
        let shortest = shortest.ok_or_else(|| {
            Reject::new(
                ReasonCode::Type,
                format!("{} is a floating-point value that is not a number", quoted(bytes)),
            )
        })?;
        text(out, self.chars_max, |out| shortest.write(out))
    }
}

/// The standard library writes the shortest digits that read back as the same number.
fn ieee(bytes: &[u8], order: ByteOrder) -> Option<Shortest> {
    let mut image = Image { chars: [0; 32], length: 0 };
    let is_little = order == ByteOrder::LittleEndian;
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        let float = if is_little { f32::from_le_bytes(bytes) } else { f32::from_be_bytes(bytes) };
        write!(image, "{:e}", Some(float).filter(|float| float.is_finite())?).ok()?;
    } else {
        let bytes = <[u8; 8]>::try_from(bytes).ok()?;
        let float = if is_little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) };
        write!(image, "{:e}", Some(float).filter(|float| float.is_finite())?).ok()?;
    }
    let chars = image.chars.get(..image.length)?;
    let e = chars.iter().position(|char| *char == b'e')?;
    let mut shortest = Shortest { negative: false, digits: [0; DIGITS_MAX], length: 0, point: 0 };
    for char in &chars[..e] {
        match char {
            b'-' => shortest.negative = true,
            b'.' => {}
            digit => shortest.push(digit - b'0')?,
        }
    }
    if shortest.digits[0] == 0 {
        shortest.length = 0;
    }
    shortest.point = std::str::from_utf8(&chars[e + 1..]).ok()?.parse::<i32>().ok()? + 1;
    Some(shortest)
}

/// Formatted without allocation: `-2.2250738585072014e-308` is the longest.
struct Image {
    chars: [u8; 32],
    length: usize,
}

impl Write for Image {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.chars.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

impl Shortest {
    /// Adds a digit; `None` when there is no room for it.
    pub(super) fn push(&mut self, digit: u8) -> Option<()> {
        *self.digits.get_mut(self.length)? = digit;
        self.length += 1;
        Some(())
    }

    fn write(&self, out: &mut Vec<u8>) {
        let digits = &self.digits[..self.length.min(DIGITS_MAX)];
        if digits.is_empty() {
            out.push(b'0');
            return;
        }
        if self.negative {
            out.push(b'-');
        }
        let put = |out: &mut Vec<u8>, digits: &[u8]| out.extend(digits.iter().map(|digit| b'0' + digit));
        let zeros = |out: &mut Vec<u8>, count: usize| out.resize(out.len() + count, b'0');
        match usize::try_from(self.point) {
            Ok(point @ 1..=21) if point >= digits.len() => {
                put(out, digits);
                zeros(out, point - digits.len());
            }
            Ok(point @ 1..=21) => {
                put(out, &digits[..point]);
                out.push(b'.');
                put(out, &digits[point..]);
            }
            _ if (-5..=0).contains(&self.point) => {
                out.extend_from_slice(b"0.");
                zeros(out, self.point.unsigned_abs() as usize);
                put(out, digits);
            }
            _ => {
                put(out, &digits[..1]);
                if digits.len() > 1 {
                    out.push(b'.');
                    put(out, &digits[1..]);
                }
                let exponent = self.point - 1;
                out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
                let exponent = exponent.unsigned_abs();
                let hundreds_down = [exponent / 100 % 10, exponent / 10 % 10, exponent % 10];
                let first = hundreds_down.iter().position(|digit| *digit != 0).unwrap_or(2);
                #[allow(clippy::cast_possible_truncation, reason = "digits")]
                out.extend(hundreds_down[first..].iter().map(|digit| b'0' + *digit as u8));
            }
        }
    }
}
