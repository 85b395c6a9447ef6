//! Fields as their users see them: tables of pictures, bytes and values, and properties that hold for all of them.

pub(crate) mod edited;
mod peers;
mod properties;
mod table;

use domain::value::FieldType;

use super::{
    AsciiSigns, BinaryRange, ByteOrder, Empty, FieldDecoder, FieldSpec, Fill, Fills, FloatForm, HighValues,
    Kind, LowValues, MomentForm, NumberForm, OnDate, Reject, SignPlace, SignRule, TextForm, Usage,
};
use crate::codepage::CodePage;
use crate::spec::Trim;

/// A picture such as `S9(5)V99` or `VPP99`: signed, digits, scale.
fn picture(text: &str) -> (bool, u8, i8) {
    let (signed, mut rest) = text.strip_prefix('S').map_or((false, text), |rest| (true, rest));
    let (mut nines, mut behind, mut ps, mut leading_ps, mut point) = (0_u8, 0_i8, 0_i8, 0_i8, false);
    while let Some(symbol) = rest.chars().next() {
        rest = &rest[1..];
        let count = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            Some((count, after)) => {
                rest = after;
                count.parse().unwrap()
            }
            None => 1_i8,
        };
        match symbol {
            '9' => {
                nines += count.unsigned_abs();
                behind += if point { count } else { 0 };
            }
            'V' => point = true,
            'P' if nines == 0 => leading_ps += count,
            'P' => ps += count,
            other => panic!("{other} in {text}"),
        }
    }
    let scale = if leading_ps > 0 { nines.cast_signed() + leading_ps } else { behind - ps };
    (signed, nines, scale)
}

/// What words behind a picture say, such as `COMP-3 PFD SPACES=NULL`.
pub(crate) fn spec(text: &str) -> FieldSpec {
    let mut words = text.split(' ');
    let first = words.next().unwrap();
    let words: Vec<_> = words.collect();
    let has = |word: &str| words.contains(&word);
    let after = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
    let page = CodePage::by_name(after("PAGE=").unwrap_or("037")).unwrap();
    let fill = |key| match after(key) {
        Some("NULL") => Fill::Null,
        Some("ZERO") => Fill::Zero,
        _ => Fill::Reject,
    };
    let fills = Fills { spaces: fill("SPACES="), low_values: fill("LOW="), high_values: fill("HIGH=") };
    let column = |otherwise| match after("AS=") {
        Some("integer") => FieldType::Integer,
        Some("date") => FieldType::Date,
        Some("timestamp") => FieldType::Timestamp,
        Some("instant") => FieldType::Instant,
        Some("boolean") => FieldType::Boolean,
        Some("bytes") => FieldType::Bytes,
        Some("text") => FieldType::Text { chars_max: 40 },
        Some(decimal) => {
            let (precision, scale) = decimal.split_once('.').unwrap();
            FieldType::Decimal { precision: precision.parse().unwrap(), scale: scale.parse().unwrap() }
        }
        None => otherwise,
    };
    let on_date = |key| if after(key) == Some("NULL") { OnDate::Null } else { OnDate::Reject };
    let any_text = FieldType::Text { chars_max: 200 };
    if first.starts_with('X') || first.starts_with('Z') {
        let bytes = first[1..].trim_matches(['(', ')']).parse().unwrap_or(1);
        let form = TextForm {
            trim: if has("KEEP") {
                Trim::None
            } else if has("BOTH") {
                Trim::Both
            } else {
                Trim::Right
            },
            justified: has("JUST"),
            empty: if has("EMPTY") { Empty::Keep } else { Empty::Null },
            low_values: match after("LOW=") {
                Some("NULL") => LowValues::Null,
                Some("PAD") => LowValues::Padding,
                _ => LowValues::Reject,
            },
            high_values: match after("HIGH=") {
                Some("NULL") => HighValues::Null,
                Some("KEEP") => HighValues::Keep,
                _ => HighValues::Reject,
            },
            ..TextForm::default()
        };
        let kind =
            if has("DB2") { Kind::Db2Timestamp { fills, hour_24: has("HOUR24") } } else { Kind::Text(form) };
        return FieldSpec { kind, bytes, page, column: column(any_text) };
    }
    if let Some(bytes) = first.strip_prefix("FLOAT") {
        let form = match () {
            () if has("IEEE") => FloatForm::Ieee(ByteOrder::BigEndian),
            () if has("IEEE-LE") => FloatForm::Ieee(ByteOrder::LittleEndian),
            () => FloatForm::Hexadecimal,
        };
        return FieldSpec {
            kind: Kind::Float(form),
            bytes: bytes.parse().unwrap(),
            page,
            column: column(any_text),
        };
    }
    let (signed, digits, scale) = picture(first);
    let ascii = if has("MF") { AsciiSigns::MicroFocus } else { AsciiSigns::Translated };
    let order = if has("LE") { ByteOrder::LittleEndian } else { ByteOrder::BigEndian };
    let usage = if has("COMP-3") {
        Usage::Packed { signed }
    } else if has("COMP-6") {
        Usage::PackedUnsigned
    } else if has("COMP") {
        Usage::Binary { signed, order, range: BinaryRange::Picture }
    } else if has("COMP-5") {
        Usage::Binary { signed, order, range: BinaryRange::Native }
    } else {
        Usage::Zoned(match () {
            () if !signed => SignPlace::Unsigned,
            () if has("TRAILING-SEPARATE") => SignPlace::TrailingSeparate,
            () if has("LEADING-SEPARATE") => SignPlace::LeadingSeparate,
            () if has("LEADING") => SignPlace::Leading(ascii),
            () => SignPlace::Trailing(ascii),
        })
    };
    let signs = match () {
        () if has("PFD") => SignRule::Preferred,
        () if has("ALT") => SignRule::Any,
        () => SignRule::Usual,
    };
    let number = NumberForm {
        signs,
        fills,
        blank_when_zero: has("BLANK-ZERO"),
        ..NumberForm::new(usage, digits, scale)
    };
    let bytes = after("BYTES=").map_or_else(|| number.usual_bytes(), |bytes| bytes.parse().unwrap());
    let window_start = 1950;
    let form = after("FORM=").map(|name| match name {
        "YYYYMMDD" => MomentForm::YyyyMmDd,
        "YYMMDD" => MomentForm::YyMmDd { window_start },
        "YYYYDDD" => MomentForm::YyyyDdd,
        "YYDDD" => MomentForm::YyDdd { window_start },
        "CYYMMDD" => MomentForm::CyyMmDd,
        "CYYDDD" => MomentForm::CyyDdd,
        "DDMMYYYY" => MomentForm::DdMmYyyy,
        "DDMMYY" => MomentForm::DdMmYy { window_start },
        "MMDDYYYY" => MomentForm::MmDdYyyy,
        "MMDDYY" => MomentForm::MmDdYy { window_start },
        "LILIAN" => MomentForm::Lilian,
        "YYYYMMDDHHMMSS" => MomentForm::YyyyMmDdHhMmSs,
        "HHMMSS" => MomentForm::HhMmSs,
        "HHMMSSHH" => MomentForm::HhMmSsHh,
        other => panic!("{other}"),
    });
    let decimal = FieldType::Decimal { precision: 38, scale: u8::try_from(scale).unwrap_or(0) };
    match form {
        Some(form) => {
            let otherwise = match form {
                MomentForm::HhMmSs | MomentForm::HhMmSsHh => any_text,
                MomentForm::YyyyMmDdHhMmSs => FieldType::Timestamp,
                _ => FieldType::Date,
            };
            let (zeros, nines) = (on_date("ZEROS="), on_date("NINES="));
            FieldSpec {
                kind: Kind::Moment { form, digits: number, zeros, nines, hour_24: has("HOUR24") },
                bytes,
                page,
                column: column(otherwise),
            }
        }
        None => FieldSpec { kind: Kind::Number(number), bytes, page, column: column(decimal) },
    }
}

fn decoder(text: &str) -> FieldDecoder {
    FieldDecoder::new(&spec(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The value as a person reads it. What was written is checked to be the canonical form of just that value.
fn decode(decoder: &FieldDecoder, bytes: &[u8]) -> Result<String, Reject> {
    let mut out = b"before".to_vec();
    let decoded = decoder.decode(bytes, &mut out);
    match decoded {
        Ok(found) => {
            let value = found.value(&out).unwrap();
            let mut canonical = b"before".to_vec();
            domain::record::put(&mut canonical, &value);
            assert_eq!(out, canonical, "{found:?}");
            Ok(value.to_string())
        }
        Err(reject) => {
            assert_eq!(out, b"before", "a reject leaves nothing behind");
            Err(reject)
        }
    }
}
