//! What holds for every value and for any bytes. The encoder is the tests' own, written from the manuals.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{decode, decoder, spec};
use crate::cobol::FieldDecoder;

const USAGES: [&str; 14] = [
    "",
    "LEADING",
    "TRAILING-SEPARATE",
    "LEADING-SEPARATE",
    "PAGE=ascii",
    "PAGE=ascii MF",
    "PAGE=ascii LEADING",
    "PAGE=ascii TRAILING-SEPARATE",
    "COMP-3",
    "COMP-6",
    "COMP",
    "COMP-5",
    "COMP-5 LE",
    "COMP-3 PFD",
];

/// The bytes that a COBOL program would have written.
fn encode(usage: &str, signed: bool, digits: usize, bytes: usize, value: i128) -> Vec<u8> {
    let text = format!("{:0digits$}", value.unsigned_abs());
    let minus = value < 0;
    let values: Vec<u8> = text.bytes().map(|digit| digit - b'0').collect();
    if usage.starts_with("COMP-3") || usage == "COMP-6" {
        let mut nibbles = values;
        if usage != "COMP-6" {
            nibbles.push(if !signed {
                0xF
            } else if minus {
                0xD
            } else {
                0xC
            });
        }
        if nibbles.len() % 2 == 1 {
            nibbles.insert(0, 0);
        }
        return nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    }
    if usage.starts_with("COMP") {
        let mut all = value.to_be_bytes()[16 - bytes..].to_vec();
        if usage.ends_with("LE") {
            all.reverse();
        }
        return all;
    }
    let ascii = usage.contains("ascii");
    let mut all: Vec<u8> = values.iter().map(|digit| digit | if ascii { 0x30 } else { 0xF0 }).collect();
    if !signed {
        return all;
    }
    let separate = match (ascii, minus) {
        (true, true) => b'-',
        (true, false) => b'+',
        (false, true) => 0x60,
        (false, false) => 0x4E,
    };
    let at = if usage.contains("LEADING") { 0 } else { all.len() - 1 };
    if usage.contains("TRAILING-SEPARATE") {
        all.push(separate);
    } else if usage.contains("LEADING-SEPARATE") {
        all.insert(0, separate);
    } else {
        let digit = values[at];
        all[at] = match (ascii, usage.contains("MF"), minus) {
            (false, _, true) => 0xD0 | digit,
            (false, _, false) => 0xC0 | digit,
            (true, true, true) => 0x70 | digit,
            (true, true, false) => 0x30 | digit,
            (true, false, true) => b"}JKLMNOPQR"[usize::from(digit)],
            (true, false, false) => b"{ABCDEFGHI"[usize::from(digit)],
        };
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_value_that_fits_its_picture_comes_back(
        usage in prop::sample::select(&USAGES[..]), signed: bool, digits in 1_u8..=38, behind in 0_u8..=38,
        seed: u128, minus: bool, shorter in 0_u8..=38,
    ) {
        let signed = signed && usage != "COMP-6";
        let behind = behind.min(digits);
        let length = digits - shorter.min(digits);
        let magnitude = i128::try_from(seed % 10_u128.pow(u32::from(length))).unwrap();
        // Minus zero is for the table.
        let value = if signed && minus { -magnitude } else { magnitude };
        let sign = if signed { "S" } else { "" };
        let picture = match behind {
            0 => format!("{sign}9({digits})"),
            all if all == digits => format!("{sign}V9({all})"),
            some => format!("{sign}9({})V9({some})", digits - some),
        };
        let form = format!("{picture} {usage}");
        let form = form.trim_end();
        let spec = spec(form);
        let decoder = FieldDecoder::new(&spec).unwrap();
        let bytes = encode(usage, signed, digits.into(), spec.bytes, value);
        let expected = domain::amount::Amount::new(value, behind).unwrap().to_string();
        prop_assert_eq!(decode(&decoder, &bytes).map_err(|reject| reject.detail), Ok(expected), "{}", form);
    }

    #[test]
    fn no_bytes_make_a_field_panic_or_leave_anything_behind(
        bytes in vec(prop_oneof![4 => prop::sample::select(&b"\x00\xFF\x40\xF0\xF9\xC1\xD1\x0C\x1D\x99"[..]), 1 => any::<u8>()], 26),
        digits in 1_u8..=20,
    ) {
        let numbers = USAGES.iter().filter(|usage| **usage != "COMP-6").map(|usage| format!("S9({digits}) {usage}"));
        let others = [
            "9(4) COMP-6", "X(5)", "X(5) LOW=PAD KEEP", "X(9) BOTH AS=9.2", "X(7) AS=date PAGE=ascii", "FLOAT4", "FLOAT8",
            "FLOAT4 IEEE", "FLOAT8 IEEE-LE", "9(8) FORM=YYYYMMDD", "S9(7) COMP-3 FORM=CYYMMDD", "S9(9) COMP-5 FORM=YYDDD",
            "S9(9) COMP-5 FORM=HHMMSS", "S9(18) COMP-5 FORM=YYYYMMDDHHMMSS", "X(26) DB2 AS=timestamp", "9(8) FORM=MMDDYY",
        ];
        for form in numbers.chain(others.iter().map(ToString::to_string)) {
            let decoder = decoder(form.trim_end());
            let _ = decode(&decoder, &bytes[..decoder.bytes()]);
            let _ = decode(&decoder, &bytes);
        }
    }

    #[test]
    fn a_short_decimal_is_found_again_in_the_hexadecimal_float_nearest_to_it(
        mantissa in 1_u64..999_999_999_999_999, places in 0_u32..=12, short: bool,
    ) {
        let mantissa = if short { mantissa % 999_999 + 1 } else { mantissa };
        let bits: i32 = if short { 24 } else { 56 };
        // The nearest fraction of `bits` bits at the one exponent where its first hexadecimal digit is not zero.
        let (divisor, whole) = (10_u128.pow(places), u128::from(mantissa));
        let mut found = None;
        for exponent in -10_i32..=14 {
            let shift = bits - 4 * exponent;
            let (top, bottom) = if shift >= 0 {
                let Some(top) = whole.checked_shl(shift as u32).filter(|top| top >> shift == whole) else { continue };
                (top, divisor)
            } else {
                (whole, divisor << -shift)
            };
            let fraction = (top + bottom / 2) / bottom;
            if (1 << (bits - 4)..1 << bits).contains(&fraction) {
                found = Some((exponent, fraction as u64));
                break;
            }
        }
        let Some((exponent, fraction)) = found else { return Ok(()) };
        let mut bytes = vec![u8::try_from(exponent + 64).unwrap()];
        bytes.extend(&fraction.to_be_bytes()[8 - bits as usize / 8..]);
        let text = decode(&decoder(if short { "FLOAT4" } else { "FLOAT8" }), &bytes).unwrap();
        let text = text.trim_matches('\'');
        let expected: f64 = format!("{mantissa}e-{places}").parse().unwrap();
        prop_assert_eq!(text.parse::<f64>().unwrap(), expected, "{}", text);
        prop_assert!(text.bytes().filter(u8::is_ascii_digit).count() <= 30);
    }
}
