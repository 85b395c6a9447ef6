//! Numbers and nouns, for messages.

/// Groups digits by thousands: `1234567` as `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    grouped_digits(&number.to_string())
}

/// Groups a text of digits by thousands, whatever their number.
#[must_use]
pub fn grouped_digits(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number's text with its integer digits grouped by three; any other text as it is.
#[must_use]
pub fn grouped_number(text: &str) -> String {
    let unsigned = text.trim_start_matches(['+', '-']);
    let sign = &text[..text.len() - unsigned.len()];
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if sign.len() > 1 || whole.is_empty() || !digits(whole) || !digits(fraction) {
        return text.into();
    }
    format!("{sign}{}{}", grouped_digits(whole), &unsigned[whole.len()..])
}

/// `1 chunk`, `1,200 chunks`.
#[must_use]
pub fn plural(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1 chunk`, `1200 chunks`: as a check's side has it, which programs read, too.
#[must_use]
pub fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    match number.try_into() {
        Ok(1) => format!("1 {noun}"),
        Ok(number) => format!("{number} {noun}s"),
        Err(_) => format!("countless {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_thousands_are_grouped() {
        assert_eq!([plural(0, "chunk"), plural(1, "chunk")], ["0 chunks", "1 chunk"]);
        assert_eq!([plural(148_301, "byte"), grouped(999)], ["148,301 bytes", "999"]);
    }
}
