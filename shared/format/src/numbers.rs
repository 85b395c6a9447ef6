//! Numbers as people write them: grouped, with a decimal comma, a trailing sign, in parentheses, with a currency sign.
//! What is not written as the job says is no number.

use domain::amount::DIGITS_MAX;

/// How numbers are written, where it is not as SQL writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFormat {
    /// The character before the decimal places.
    pub decimal: char,
    /// The character between groups of three digits, which may be left out of a number altogether.
    pub grouping: Option<char>,
    /// The currency signs that may precede or follow the number.
    pub currencies: Vec<String>,
    /// Whether a sign may follow the number.
    pub trailing_sign: bool,
    /// Whether a number in parentheses is negative.
    pub parentheses: bool,
    /// The texts after a number that make it negative, such as `CR`; and those that say that it is not.
    pub negative: Vec<String>,
    /// The texts after a number that say that it is not negative.
    pub positive: Vec<String>,
    /// Whether a number may have a power of ten, `1.5E3`.
    pub exponent: bool,
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self {
            decimal: '.',
            grouping: None,
            currencies: Vec::new(),
            trailing_sign: false,
            parentheses: false,
            negative: Vec::new(),
            positive: Vec::new(),
            exponent: false,
        }
    }
}

/// Powers of ten beyond these leave no digit of any amount.
const EXPONENT_MAX: i32 = 2 * DIGITS_MAX as i32;

impl NumberFormat {
    /// The number as `-1234.56`; `None` when it is not written as the format says.
    pub(super) fn plain(&self, text: &str) -> Option<String> {
        let mut rest = text.trim_matches(' ');
        let mut signs = Vec::new();
        if self.parentheses
            && let Some(inner) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
        {
            signs.push(true);
            rest = inner.trim_matches(' ');
        }
        let marks = [(&self.negative, true), (&self.positive, false)];
        let mut marks = marks.iter().flat_map(|(texts, negative)| texts.iter().map(|text| (text, *negative)));
        if let Some((before, negative)) =
            marks.find_map(|(text, negative)| Some((rest.strip_suffix(text.as_str())?, negative)))
        {
            signs.push(negative);
            rest = before.trim_end_matches(' ');
        }
        if self.trailing_sign
            && let Some((before, negative)) = signed(rest.strip_suffix('-'), rest.strip_suffix('+'))
        {
            signs.push(negative);
            rest = before.trim_end_matches(' ');
        }
        // A sign stands before the currency sign or after it.
        for _ in 0..2 {
            if let Some((behind, negative)) = signed(rest.strip_prefix('-'), rest.strip_prefix('+')) {
                signs.push(negative);
                rest = behind.trim_start_matches(' ');
            }
            rest = self.without_currency(rest);
        }
        let is_negative = match signs[..] {
            [] => false,
            [negative] => negative,
            // Two signs say either the same twice or a contradiction.
            _ => return None,
        };
        let magnitude = self.magnitude(rest)?;
        Some(if is_negative { format!("-{magnitude}") } else { magnitude })
    }

    fn without_currency<'a>(&self, text: &'a str) -> &'a str {
        let strip = |currency: &String| {
            let before = text.strip_prefix(currency.as_str()).map(|rest| rest.trim_start_matches(' '));
            before.or_else(|| text.strip_suffix(currency.as_str()).map(|rest| rest.trim_end_matches(' ')))
        };
        self.currencies.iter().find_map(strip).unwrap_or(text)
    }

    fn magnitude(&self, text: &str) -> Option<String> {
        let (number, exponent) = match text.split_once(['e', 'E']).filter(|_| self.exponent) {
            Some((number, exponent)) => {
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                (number, exponent.parse::<i32>().ok().filter(|_| is_number)?)
            }
            None => (text, 0),
        };
        let (whole, places) = number.split_once(self.decimal).unwrap_or((number, ""));
        let mut digits = self.ungrouped(whole)?;
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(places) || digits.is_empty() && places.is_empty() {
            return None;
        }
        digits.push_str(places);
        let point = i32::try_from(digits.len() - places.len()).ok()?.checked_add(exponent)?;
        if exponent.abs() > EXPONENT_MAX {
            return None;
        }
        Some(match usize::try_from(point) {
            Ok(point) if point < digits.len() => {
                format!("{}.{}", or_zero(&digits[..point]), &digits[point..])
            }
            Ok(point) => digits.clone() + &"0".repeat(point - digits.len()),
            Err(_) => format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize)),
        })
    }

    /// The digits before the point, groups joined; `None` unless all groups are of three digits, the first of one to
    /// three.
    fn ungrouped(&self, whole: &str) -> Option<String> {
        let groups: Vec<&str> = match self.grouping {
            Some(grouping) => whole.split(grouping).collect(),
            None => vec![whole],
        };
        let is_grouped = groups.len() > 1;
        let fits = groups.iter().enumerate().all(|(at, group)| {
            group.bytes().all(|byte| byte.is_ascii_digit())
                && (!is_grouped || group.len() == 3 || at == 0 && (1..3).contains(&group.len()))
        });
        fits.then(|| groups.concat())
    }
}

fn signed<'a>(minus: Option<&'a str>, plus: Option<&'a str>) -> Option<(&'a str, bool)> {
    minus.map(|rest| (rest, true)).or(plus.map(|rest| (rest, false)))
}

fn or_zero(digits: &str) -> &str {
    if digits.is_empty() { "0" } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_format_says_and_no_others() {
        let us = NumberFormat {
            grouping: Some(','),
            currencies: vec!["$".into(), "USD".into()],
            trailing_sign: true,
            parentheses: true,
            negative: vec!["CR".into()],
            positive: vec!["DB".into()],
            exponent: true,
            ..NumberFormat::default()
        };
        let eu = NumberFormat { decimal: ',', grouping: Some('.'), ..NumberFormat::default() };
        let swiss = NumberFormat { grouping: Some('’'), ..NumberFormat::default() };
        for (format, text, plain) in [
            (&us, "1,234.56", Some("1234.56")),
            (&us, "$1,234.56", Some("1234.56")),
            (&us, "-$1,234.56", Some("-1234.56")),
            (&us, "$ -5", Some("-5")),
            (&us, "5 USD", Some("5")),
            (&us, "(250.00)", Some("-250.00")),
            (&us, "($250.00)", Some("-250.00")),
            (&us, "250.00-", Some("-250.00")),
            (&us, "250.00CR", Some("-250.00")),
            (&us, "250.00 DB", Some("250.00")),
            (&us, "1.5E3", Some("1500")),
            (&us, "1e-2", Some("0.01")),
            (&us, "12.34e1", Some("123.4")),
            (&us, ".50", Some("0.50")),
            (&us, "12.", Some("12")),
            (&us, "-(5)", None),
            (&us, "(-5)", None),
            (&us, "-5-", None),
            (&us, "1,23.00", None),
            (&us, "1234,567", None),
            (&us, ",123", None),
            (&us, "1,,234", None),
            (&us, "1.2.3", None),
            (&us, "1.234,5", None),
            (&us, ".", None),
            (&us, "$", None),
            (&us, "", None),
            (&us, "1e", None),
            (&us, "1e999", None),
            (&us, "NaN", None),
            (&us, "٣", None),
            (&eu, "1.234,56", Some("1234.56")),
            (&eu, "1.000", Some("1000")),
            (&eu, "-0,05", Some("-0.05")),
            (&eu, "1234,5", Some("1234.5")),
            (&eu, "1,234.56", None),
            (&eu, "10.00", None),
            (&eu, "5-", None),
            (&eu, "(5)", None),
            (&eu, "5€", None),
            (&eu, "1E3", None),
            (&swiss, "1’234.50", Some("1234.50")),
        ] {
            assert_eq!(format.plain(text).as_deref(), plain, "{text}");
        }
    }
}
