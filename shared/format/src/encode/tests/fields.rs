//! COBOL fields: the tables of the decoder's tests, and any bytes.

use std::collections::HashMap;
use std::sync::Arc;

use domain::record;
use domain::round_trip::{Equivalence, Equivalences};
use domain::value::Value;
use jiff::civil::date;
use proptest::collection::vec;
use proptest::prelude::*;

use super::prove;
use crate::cobol::tests::{edited, spec};
use crate::cobol::{FieldDecoder, FieldSpec};
use crate::codepage::CodePage;
use crate::encode::characters::PageBytes;
use crate::encode::cobol::FieldEncoder;

/// A value in canonical form, and the bytes that it was decoded from.
type Field = (Vec<u8>, Vec<u8>);

/// The value that the bytes are decoded to, in canonical form.
fn decoded(spec: &FieldSpec, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    FieldDecoder::new(spec).unwrap().decode(bytes, &mut out).ok()?;
    Some(out)
}

fn proved(spec: &FieldSpec, value: &[u8], source: &[u8]) -> Option<Equivalences> {
    prove(spec, record::encoded(value).unwrap(), source)
}

#[test]
fn every_field_that_is_decoded_is_encoded_to_its_bytes_and_no_other_value_is() {
    let mut by_form: HashMap<String, Vec<Field>> = HashMap::new();
    for line in include_str!("../../cobol/tests/fields.txt").lines() {
        let parts: Vec<_> = line.split('|').map(str::trim).collect();
        let [form, bytes, expected] = parts[..] else { continue };
        if form.starts_with('#') || expected.starts_with('!') {
            continue;
        }
        let form = form.split_whitespace().collect::<Vec<_>>().join(" ");
        let source = domain::hex::decode(&bytes.replace(' ', "")).unwrap();
        let spec = spec(&form);
        let value = decoded(&spec, &source).unwrap_or_else(|| panic!("{line}"));
        assert!(proved(&spec, &value, &source).is_some(), "{line}");
        by_form.entry(form).or_default().push((value, source));
    }
    let mut pairs = 0;
    for (form, fields) in &by_form {
        let spec = spec(form);
        for (value, source) in fields {
            for (other, _) in fields.iter().filter(|(other, _)| other != value) {
                assert_eq!(proved(&spec, other, source), None, "{form} {source:02x?}");
                pairs += 1;
            }
        }
    }
    assert!(pairs > 100, "{pairs}");
}

/// The printed numbers are a compiler's (see the table): the encoder prints every one of them character by character.
#[test]
fn an_edited_picture_prints_every_number_as_a_compiler_did() {
    let mut lines = 0;
    for line in include_str!("../../cobol/tests/edited.txt").lines().filter(|line| !line.starts_with('#')) {
        let [picture, number, printed, ""] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        for page in ["ascii", "037"].map(|name| CodePage::by_name(name).unwrap()) {
            let spec = edited::spec(picture, page);
            let mut source = Vec::new();
            page.encode_into(printed, &mut source).unwrap();
            let value = decoded(&spec, &source).unwrap();
            assert_eq!(
                proved(&spec, &value, &source),
                Some(Equivalences::NONE),
                "{picture} {number} {printed:?}"
            );
        }
        lines += 1;
    }
    assert!(lines > 490);
}

#[test]
fn each_other_form_has_its_name() {
    use Equivalence::{Date, Fill, Float, NegativeZero, Notation, Padding, Sign};
    for (form, bytes, forms) in [
        ("S9(3)", "f1f2c3", &[][..]),
        ("S9(3)", "f1f2f3", &[Sign]),
        ("S9(3)", "f0f0d0", &[NegativeZero]),
        ("9(3) ALT", "f1f2a3", &[Sign]),
        ("S9(3) COMP-3", "123f", &[Sign]),
        ("S9(3) COMP-3", "000d", &[NegativeZero]),
        ("S9(3) PAGE=ascii", "313233", &[Sign]),
        ("9(3) SPACES=ZERO", "404040", &[Fill]),
        ("9(3) LOW=NULL", "000000", &[Fill]),
        ("X(4)", "c1c24040", &[]),
        ("X(4) BOTH", "40c1c240", &[Padding]),
        ("X(4) LOW=PAD", "c1c20000", &[Padding]),
        ("X(4) JUST", "4040c1c2", &[]),
        ("X(6) BOTH AS=9.2", "f0f14bf54040", &[Notation]),
        ("X(6) BOTH AS=9.2", "40f14bf5f040", &[Padding]),
        ("9(8) FORM=YYYYMMDD ZEROS=NULL", "f0f0f0f0f0f0f0f0", &[Date]),
        ("S9(9) COMP FORM=LILIAN", "000275ba", &[]),
        ("9(14) FORM=YYYYMMDDHHMMSS HOUR24", "f2f0f2f4f0f2f2f9f2f4f0f0f0f0", &[Date]),
        ("9(14) FORM=YYYYMMDDHHMMSS HOUR24", "f2f0f2f4f0f2f2f9f0f0f0f0f0f0", &[]),
        ("FLOAT4", "41100000", &[]),
        ("FLOAT4", "42010000", &[Float]),
        ("FLOAT4 IEEE", "80000000", &[NegativeZero]),
        ("FLOAT8", "c276a00000000000", &[]),
    ] {
        let spec = spec(form);
        let source = domain::hex::decode(bytes).unwrap();
        let value = decoded(&spec, &source).unwrap_or_else(|| panic!("{form} {bytes}"));
        let found = proved(&spec, &value, &source).unwrap_or_else(|| panic!("{form} {bytes}"));
        assert_eq!(found.iter().collect::<Vec<_>>(), forms, "{form} {bytes}");
    }
}

/// The usual form of a value, as it is written into a record.
fn written(spec: &FieldSpec, value: &[u8]) -> Option<Vec<u8>> {
    let encoder = FieldEncoder::new(spec, Arc::new(PageBytes::new(spec.page))).unwrap();
    let mut room = Vec::new();
    encoder.write(record::encoded(value).unwrap(), spec.bytes, &mut room)?;
    Some(room)
}

#[test]
fn each_value_has_one_form_in_which_it_is_written() {
    for (form, value, bytes) in [
        ("X(6)", Value::Text("Aé"), "c1514040 4040"),
        ("X(4) JUST", Value::Text("AB"), "4040c1c2"),
        ("X(2)", Value::Null, "4040"),
        ("X(2) LOW=NULL EMPTY", Value::Null, "0000"),
        ("X(2)", Value::Text("ABC"), ""),
        ("X(2)", Value::Text("€"), ""),
        ("S9(5)V99", amount("-12.50"), "f0f0f0f1f2f5d0"),
        ("9(5)V99", amount("-12.50"), ""),
        ("9(3)", amount("1000"), ""),
        ("S9(5)V99 COMP-3", amount("12.50"), "0001250c"),
        ("S9(5)V99 COMP-3 SPACES=NULL", Value::Null, "40404040"),
        ("S9(5)V99 COMP-3", Value::Null, ""),
        ("9(5)V99 COMP-3", amount("12.50"), "0001250f"),
        ("S9(4) COMP", amount("-2"), "fffe"),
        ("S9(4) COMP-5 LE", amount("258"), "0201"),
        ("S9(3) LEADING-SEPARATE PAGE=ascii", amount("-7"), "2d303037"),
        ("9(8) FORM=YYYYMMDD", Value::Date(date(2024, 2, 29)), "f2f0f2f4f0f2f2f9"),
        ("9(8) FORM=YYYYMMDD ZEROS=NULL", Value::Null, "f0f0f0f0f0f0f0f0"),
        ("S9(7) COMP-3 FORM=CYYMMDD", Value::Date(date(2024, 2, 29)), "1240229c"),
        ("9(6) FORM=YYMMDD", Value::Date(date(1949, 1, 1)), ""),
        ("X(8) BOTH AS=9.2", amount("12.50"), "f1f24bf5f0404040"),
    ] {
        let spec = spec(form);
        let mut field = Vec::new();
        record::put(&mut field, &value);
        let expected = domain::hex::decode(&bytes.replace(' ', "")).filter(|bytes| !bytes.is_empty());
        assert_eq!(written(&spec, &field), expected, "{form} {value}");
    }
    for page in ["ascii", "037"].map(|name| CodePage::by_name(name).unwrap()) {
        let spec = edited::spec("-Z,ZZ9.99", page);
        let mut field = Vec::new();
        record::put(&mut field, &amount("-1234.50"));
        let bytes = written(&spec, &field).unwrap();
        let mut printed = Vec::new();
        page.encode_into("-1,234.50", &mut printed).unwrap();
        assert_eq!(bytes, printed);
    }
}

fn amount(text: &str) -> Value<'static> {
    Value::Decimal(text.parse().unwrap())
}

/// One field of each usage and form.
pub(super) const FORMS: [&str; 40] = [
    "S9(7)V99",
    "9(3)V99 PAGE=ascii",
    "S9(9)V99 COMP-3",
    "9(14)V9 COMP-3",
    "S9(16)V99 COMP",
    "9(5)V99 COMP-5",
    "S9(5)",
    "S9(5) ALT",
    "S9(5) PFD",
    "9(5)",
    "9(5) ALT",
    "S9(5) LEADING",
    "S9(4) TRAILING-SEPARATE",
    "S9(4) LEADING-SEPARATE",
    "S9(5) PAGE=ascii",
    "S9(5) PAGE=ascii MF",
    "S9(3)V99 AS=12.4",
    "S9(5) AS=text",
    "S9(3)V99 AS=text",
    "S9(3)PP AS=12.0",
    "VPP99 AS=12.6",
    "S9(9) COMP-3",
    "S9(9) COMP-3 ALT SPACES=NULL LOW=ZERO",
    "9(8) COMP-3",
    "9(9) COMP-6",
    "S9(4) COMP",
    "S9(9) COMP-5",
    "9(9) COMP-5 LE SPACES=NULL",
    "S9(18) COMP-5 AS=text",
    "X(5)",
    "X(5) LOW=PAD KEEP",
    "X(5) JUST LOW=NULL HIGH=NULL",
    "X(5) BOTH EMPTY",
    "X(9) BOTH AS=9.2",
    "FLOAT4",
    "FLOAT8",
    "FLOAT4 IEEE",
    "FLOAT8 IEEE-LE",
    "9(8) FORM=YYYYMMDD",
    "S9(7) COMP-3 FORM=CYYMMDD",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Whatever bytes are decoded are those that the value is encoded to; and a value of other bytes is not.
    #[test]
    fn any_bytes_that_decode_encode_back(
        form in prop::sample::select(&FORMS[..]),
        one in vec(prop_oneof![6 => prop::sample::select(&b"\x00\xFF\x40\xF0\xF1\xF9\xC1\xD1\xC0\xD0\x0C\x1D\x99\x12\x0F\x2B\x7Bp1A"[..]), 1 => any::<u8>()], 26),
        other in vec(prop_oneof![6 => prop::sample::select(&b"\x00\xFF\x40\xF0\xF1\xF9\xC1\xD1\xC0\xD0\x0C\x1D\x99\x12\x0F\x2B\x7Bp1A"[..]), 1 => any::<u8>()], 26),
    ) {
        let spec = spec(form);
        let (one, other) = (&one[..spec.bytes], &other[..spec.bytes]);
        let Some(value) = decoded(&spec, one) else { return Ok(()) };
        prop_assert!(proved(&spec, &value, one).is_some(), "{} {:02x?} {:?}", form, one, record::encoded(&value).unwrap().display());
        if let Some(second) = decoded(&spec, other).filter(|second| *second != value) {
            prop_assert_eq!(proved(&spec, &second, one), None, "{} {:02x?}", form, one);
        }
    }

    /// Whatever is decoded can be written into a field of any content, and is read there.
    #[test]
    fn what_was_decoded_is_written_and_read_again(
        form in prop::sample::select(&FORMS[..]),
        bytes in vec(prop_oneof![6 => prop::sample::select(&b"\x00\xFF\x40\xF0\xF1\xF9\xC1\xD1\xC0\xD0\x0C\x1D\x99\x12\x0F\x2B\x7Bp1A"[..]), 1 => any::<u8>()], 26),
    ) {
        let spec = spec(form);
        let Some(value) = decoded(&spec, &bytes[..spec.bytes]) else { return Ok(()) };
        let written = written(&spec, &value);
        let shown = record::encoded(&value).unwrap().display();
        prop_assert!(written.is_some(), "{} {:02x?} {}", form, bytes, shown);
        prop_assert_eq!(decoded(&spec, &written.unwrap()), Some(value), "{} {:02x?} {}", form, bytes, shown);
    }

    /// One changed bit of a field is a reject, another value, or a form with a name: never the usual form again.
    #[test]
    fn no_two_fields_are_the_usual_form_of_one_value(
        form in prop::sample::select(&FORMS[..]),
        bytes in vec(prop::sample::select(&b"\x00\xFF\x40\xF0\xF1\xF9\xC1\xD1\x0C\x1D\x99\x12"[..]), 26),
        at in 0_usize..26, bit in 0_u8..8,
    ) {
        let spec = spec(form);
        let bytes = &bytes[..spec.bytes];
        let mut changed = bytes.to_vec();
        changed[at % spec.bytes] ^= 1 << bit;
        let Some(value) = decoded(&spec, bytes) else { return Ok(()) };
        if proved(&spec, &value, bytes) == Some(Equivalences::NONE) {
            prop_assert_ne!(proved(&spec, &value, &changed), Some(Equivalences::NONE), "{} {:02x?} {:02x?}", form, bytes, changed);
        }
    }
}
