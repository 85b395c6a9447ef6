//! Numbers and dates in whatever notation: whether two of them mean the same. What the notation may be is the decoder's
//! affair, and a reject; here only the meaning counts.

use crate::numbers::NumberFormat;

/// A number taken apart: its sign, its digits without zeros at either end, and where its point is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    is_negative: bool,
    digits: Vec<u8>,
    /// The power of ten of the last digit.
    power: i64,
}

impl Number {
    /// Reads a number whose last `implied` digits are after a point that is not written. `None` where the text holds
    /// something that is no part of a number.
    pub(super) fn of(text: &str, format: &NumberFormat, implied: u8) -> Option<Self> {
        let mut minus = 0;
        let mut rest = text.to_owned();
        for mark in &format.currencies {
            rest = rest.replace(mark.as_str(), "");
        }
        let mut marks = |texts: &[String]| {
            for mark in texts {
                if let Some(found) = rest.find(mark.as_str()) {
                    rest.replace_range(found..found + mark.len(), "");
                    return 1;
                }
            }
            0
        };
        minus += marks(&format.negative);
        marks(&format.positive);
        let (number, exponent) = match rest.split_once(['e', 'E']).filter(|_| format.exponent) {
            Some((number, exponent)) => (number.to_owned(), exponent.trim().parse::<i64>().ok()?),
            None => (rest.clone(), 0),
        };
        let (mut digits, mut places) = (Vec::new(), None);
        for char in number.chars() {
            match char {
                '0'..='9' => {
                    digits.push(u8::try_from(char).ok()?);
                    places = places.map(|places: i64| places + 1);
                }
                '-' | '(' => minus += 1,
                '+' | ')' | ' ' => {}
                char if char == format.decimal && places.is_none() => places = Some(0),
                char if Some(char) == format.grouping => {}
                _ => return None,
            }
        }
        if digits.is_empty() || minus > 1 {
            return None;
        }
        let mut power = exponent - places.unwrap_or(0) - i64::from(implied);
        while digits.last() == Some(&b'0') {
            digits.pop();
            power += 1;
        }
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        if digits.is_empty() {
            power = 0;
        }
        Some(Self { is_negative: minus == 1, digits, power })
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let is_zero = self.digits.is_empty();
        self.digits == other.digits
            && self.power == other.power
            && (is_zero || self.is_negative == other.is_negative)
    }

    pub(super) const fn is_negative_zero(&self) -> bool {
        self.digits.is_empty() && self.is_negative
    }
}

/// A part of a date: a number without its leading zeros, or anything else in small letters.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut is_number = false;
    for char in text.chars() {
        if char.is_ascii_digit() {
            match parts.last_mut().filter(|_| is_number) {
                Some(number) if number == "0" => *number = char.to_string(),
                Some(number) => number.push(char),
                None => parts.push(char.to_string()),
            }
            is_number = true;
        } else {
            is_number = false;
            if char != ' ' {
                parts.push(char.to_lowercase().to_string());
            }
        }
    }
    parts
}

/// Whether two texts in the same form spell the same day or time: numbers may have other leading zeros, fractions of a
/// second other zeros at the end (or be left out), words other capitals.
pub(super) fn alike_moments(one: &[u8], other: &[u8]) -> bool {
    let split = |text: &[u8]| {
        let text = std::str::from_utf8(text).ok()?;
        // The fraction is what digits follow the last point or comma that seconds precede.
        let at = text.rfind(['.', ',']).filter(|at| text[..*at].contains(':'));
        let (text, rest) = at.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, after) = rest.split_at(digits);
        Some((parts(text), fraction.trim_end_matches('0').to_owned(), parts(after)))
    };
    let Some(of_one) = split(one) else { return false };
    // A fraction of zeros says nothing, whatever separates hours and minutes.
    let digits = other.iter().rev().take_while(|byte| **byte == b'0').count();
    let whole = other.get(..other.len() - digits).and_then(|rest| rest.strip_suffix(b"."));
    let is_fraction = |whole: &&[u8]| digits > 0 && whole.last().is_some_and(u8::is_ascii_digit);
    split(other).as_ref() == Some(&of_one)
        || whole.filter(is_fraction).is_some_and(|whole| split(whole) == Some(of_one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mean_the_same_in_any_notation_or_they_do_not() {
        let format = NumberFormat {
            decimal: ',',
            grouping: Some('.'),
            currencies: vec!["EUR".into()],
            trailing_sign: true,
            parentheses: true,
            negative: vec!["CR".into()],
            positive: vec!["DB".into()],
            exponent: true,
        };
        for (usual, text, is_same) in [
            ("1234.50", "1.234,5", true),
            ("1234.50", "EUR 1234,500", true),
            ("1234.50", "1234,6", false),
            ("-250.00", "(250)", true),
            ("-250.00", "250,00-", true),
            ("-250.00", "250,00CR", true),
            ("-250.00", "250,00DB", false),
            ("250.00", "250,00DB", true),
            ("250.00", "-250", false),
            ("1500.00", "1,5E3", true),
            ("1500.00", "1,5", false),
            ("1.00", "1.000", false),
            ("0.00", "-0", true),
            ("0.05", ",05", true),
            ("0.05", "0,50", false),
        ] {
            let usual = Number::of(usual, &NumberFormat::default(), 0).unwrap();
            let found = Number::of(text, &format, 0);
            assert_eq!(found.is_some_and(|found| usual.is_same(&found)), is_same, "{text}");
        }
        let implied = Number::of("000123", &NumberFormat::default(), 2).unwrap();
        assert!(implied.is_same(&Number::of("1.23", &NumberFormat::default(), 0).unwrap()));
        assert_eq!(Number::of("12a", &NumberFormat::default(), 0), None);
    }

    #[test]
    fn dates_mean_the_same_but_for_zeros_and_capitals() {
        for (one, other, is_same) in [
            ("2024-02-09", "2024-2-9", true),
            ("2024-02-09", "2024-02-08", false),
            ("2024-02-09", "2024-09-02", false),
            ("09 Feb 2024", "9 FEB 2024", true),
            ("2024-02-09 10:00:00", "2024-02-09 10:00:00.000", true),
            ("2024-02-09 10:00:00.12", "2024-02-09 10:00:00.120", true),
            ("2024-02-09 10:00:00.12", "2024-02-09 10:00:00.012", false),
            ("2024-02-09 10:00:00.12", "2024-02-09 10:00:00", false),
            ("01.02.2024", "1.2.2024", true),
            ("01.02.2024", "1.20.24", false),
            ("10:00:00.5 AM", "10:00:00.5 pm", false),
            ("2024-02-28-24.00.00", "2024-02-28-24.00.00.000000", true),
            ("2024-02-28-24.00.00", "2024-02-28-24.00.00.000001", false),
            ("2024-02-28-24.00.00", "2024-02-28-24.00", false),
        ] {
            assert_eq!(alike_moments(one.as_bytes(), other.as_bytes()), is_same, "{one}, {other}");
        }
    }
}
