//! Decimals between their plain form (`-12.50`) and PostgreSQL's binary NUMERIC.
//!
//! The form (`numeric_send` in the server's source): number of digits, weight of the first, sign and display scale, two
//! bytes each and big-endian, then the digits to base 10,000, two bytes each; neither leading nor trailing digits are
//! 0.

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITE: u16 = 0xd000;
const MINUS_INFINITE: u16 = 0xf000;

/// Digits in a digit to base 10,000.
const GROUP: usize = 4;

/// Appends the binary form of `text`, with as many digits after the point as it has. `None`: it is no decimal.
pub(crate) fn encode(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let (whole, fraction) = (&text[..point], text.get(point + 1..).unwrap_or_default());
    if whole.is_empty() || (point < text.len() && fraction.is_empty()) {
        return None;
    }
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    let mut weight = i16::try_from(whole.len().div_ceil(GROUP)).ok()? - 1;
    let (first, rest) = whole.split_at(whole.len() % GROUP);
    let groups = Some(first).filter(|first| !first.is_empty()).into_iter().chain(rest.chunks(GROUP));
    let (mut digits, mut kept) = (0_i16, out.len());
    for (group, missing) in
        groups.map(|group| (group, 0)).chain(fraction.chunks(GROUP).map(|group| (group, GROUP - group.len())))
    {
        let mut value = 0_u16;
        for byte in group {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + u16::from(digit);
        }
        for _ in 0..missing {
            value *= 10;
        }
        if value == 0 && digits == 0 {
            weight -= 1;
            continue;
        }
        out.extend_from_slice(&value.to_be_bytes());
        digits += 1;
        if value != 0 {
            kept = out.len();
        }
    }
    out.truncate(kept);
    let digits = u16::try_from((kept - start - 8) / 2).ok()?;
    let (weight, sign) = if digits == 0 { (0, 0) } else { (weight, if negative { NEGATIVE } else { 0 }) };
    let header = [digits, weight.cast_unsigned(), sign, u16::try_from(fraction.len()).ok()?];
    for (at, part) in header.iter().enumerate() {
        out[start + at * 2..start + at * 2 + 2].copy_from_slice(&part.to_be_bytes());
    }
    Some(())
}

/// What a binary NUMERIC holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A number; its plain form was appended.
    Number {
        /// Digits after the point.
        scale: u16,
    },
    /// No number: how it is called.
    Other(&'static str),
}

/// Appends the plain form of the number that `bytes` are. `None`: they are no NUMERIC.
pub(crate) fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Option<Decoded> {
    let part = |at: usize| bytes.get(at * 2..at * 2 + 2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let (count, weight, sign, scale) = (part(0)?, part(1)?.cast_signed(), part(2)?, part(3)?);
    match sign {
        0 => {}
        NEGATIVE => out.push(b'-'),
        NAN => return Some(Decoded::Other("NaN")),
        INFINITE => return Some(Decoded::Other("Infinity")),
        MINUS_INFINITE => return Some(Decoded::Other("-Infinity")),
        _ => return None,
    }
    if bytes.len() != 8 + usize::from(count) * 2 {
        return None;
    }
    // The digit that stands for 10,000 to the power of `power`.
    let digit = |power: i32| {
        let at = i32::from(weight) - power;
        usize::try_from(at)
            .ok()
            .filter(|at| *at < usize::from(count))
            .and_then(|at| part(at + 4))
            .unwrap_or(0)
    };
    let mut power = i32::from(weight).max(0);
    let start = out.len();
    while power >= 0 {
        push_group(digit(power), out);
        power -= 1;
    }
    let zeros = out[start..].iter().take_while(|byte| **byte == b'0').count().min(out.len() - start - 1);
    out.drain(start..start + zeros);
    if scale > 0 {
        out.push(b'.');
        let point = out.len();
        while out.len() - point < usize::from(scale) {
            push_group(digit(power), out);
            power -= 1;
        }
        out.truncate(point + usize::from(scale));
    }
    Some(Decoded::Number { scale })
}

fn push_group(group: u16, out: &mut Vec<u8>) {
    for divisor in [1000, 100, 10, 1] {
        #[allow(clippy::cast_possible_truncation, reason = "a digit")]
        out.push(b'0' + (group / divisor % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(text: &str) -> String {
        let (mut binary, mut back) = (Vec::new(), Vec::new());
        encode(text.as_bytes(), &mut binary).unwrap();
        let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let scale = u16::try_from(scale).unwrap();
        assert_eq!(decode(&binary, &mut back), Some(Decoded::Number { scale }));
        String::from_utf8(back).unwrap()
    }

    #[test]
    fn the_binary_form_is_the_servers() {
        // As `numeric_send` gives them; the property test of the adapter asks the server itself.
        for (text, parts) in [
            ("0", vec![0, 0, 0, 0]),
            ("0.00", vec![0, 0, 0, 2]),
            ("1", vec![1, 0, 0, 0, 1]),
            ("-12345.50", vec![3, 1, 0x4000, 2, 1, 2345, 5000]),
            ("10000", vec![1, 1, 0, 0, 1]),
            ("0.0001", vec![1, 0xffff, 0, 4, 1]),
            ("0.000012", vec![1, 0xfffe, 0, 6, 1200]),
            ("100000000.10", vec![4, 2, 0, 2, 1, 0, 0, 1000]),
        ] {
            let mut out = Vec::new();
            encode(text.as_bytes(), &mut out).unwrap();
            let found: Vec<_> =
                out.chunks(2).map(|pair| u16::from_be_bytes(pair.try_into().unwrap())).collect();
            assert_eq!(found, parts, "{text}");
            assert_eq!(there_and_back(text), text);
        }
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in ["", "-", ".", "1.", ".5", "1e3", "+1", "1,0", "1.2.3", "--1", " 1", "NaN"] {
            assert_eq!(encode(text.as_bytes(), &mut Vec::new()), None, "{text}");
        }
        for bytes in [&[][..], &[0; 7], &[0, 1, 0, 0, 0, 0, 0, 0], &[0, 0, 0, 0, 0x12, 0, 0, 0]] {
            assert_eq!(decode(bytes, &mut Vec::new()), None);
        }
        let nan = [0, 0, 0, 0, 0xc0, 0, 0, 0];
        assert_eq!(decode(&nan, &mut Vec::new()), Some(Decoded::Other("NaN")));
    }

    proptest! {
        #[test]
        fn up_to_38_digits_come_back(mantissa in -(10_i128.pow(38) - 1)..10_i128.pow(38), scale in 0_u8..=38, cut in 0_u32..38) {
            let amount = domain::amount::Amount::new(mantissa / 10_i128.pow(cut), scale).unwrap();
            prop_assert_eq!(there_and_back(&amount.to_string()), amount.to_string());
        }
    }
}
