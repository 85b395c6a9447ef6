//! Records of every usage in every code page, by a seed: what is decoded is encoded to the same bytes, or to a form with a
//! name. `CROSSFOOT_RECORDS` says how many records.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use domain::record;
use fastrand::Rng;

use super::fields::FORMS;
use crate::cobol::tests::{edited, spec};
use crate::cobol::{FieldDecoder, FieldSpec};
use crate::codepage::CodePage;
use crate::encode::characters::PageBytes;
use crate::encode::cobol::FieldEncoder;

/// How many records the tests try unless a number is asked for.
const RECORDS: u64 = 2_000;

/// How often bytes are drawn for a field until they have a value.
const DRAWS: u32 = 40;

/// Bytes that numbers, signs, fills and characters are made of, in EBCDIC and in ASCII.
const LIKELY: &[u8] =
    b"\x00\xFF\x40\xF0\xF1\xF5\xF9\xC1\xD1\xC0\xD0\x0C\x1D\x99\x12\x0F\x2B\x4B\x6B\x60 0159+-.,pA";

/// Pictures that print numbers.
const PICTURES: [&str; 6] = ["-Z,ZZ9.99", "Z(6)9.99CR", "$$,$$9.99-", "9(5).99DB", "+++9", "***9.9"];

struct Field {
    spec: FieldSpec,
    decoder: FieldDecoder,
    encoder: FieldEncoder,
}

/// All forms of fields in one code page.
fn fields(page: &'static CodePage) -> Vec<Field> {
    let plain =
        FORMS.iter().filter(|form| !form.contains("PAGE=")).map(|form| FieldSpec { page, ..spec(form) });
    let printed = PICTURES.iter().map(|picture| edited::spec(picture, page));
    let bytes = Arc::new(PageBytes::new(page));
    plain
        .chain(printed)
        .map(|spec| Field {
            decoder: FieldDecoder::new(&spec).unwrap(),
            encoder: FieldEncoder::new(&spec, Arc::clone(&bytes)).unwrap(),
            spec,
        })
        .collect()
}

#[test]
fn many_records_of_every_usage_and_code_page_are_encoded_as_they_were() {
    let asked = std::env::var("CROSSFOOT_RECORDS").ok().map(|text| text.parse().unwrap());
    let records: u64 = asked.unwrap_or(RECORDS);
    let pages: Vec<_> = CodePage::all().map(fields).collect();
    let mut rng = Rng::with_seed(14);
    let (mut values, mut refused) = (0_u64, 0_u64);
    let mut forms = BTreeMap::new();
    let (mut source, mut value, mut again, mut room) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for no in 0..records {
        let page = &pages[rng.usize(..pages.len())];
        for field in page {
            // What another program wrote: often the usual form, which is drawn by way of another value.
            value.clear();
            let has_value = (0..DRAWS).any(|_| {
                source.clear();
                source.extend((0..field.spec.bytes).map(|_| match rng.u8(..8) {
                    0 => rng.u8(..),
                    _ => LIKELY[rng.usize(..LIKELY.len())],
                }));
                field.decoder.decode(&source, &mut value).is_ok()
            });
            if !has_value {
                refused += 1;
                continue;
            }
            values += 1;
            let raw = record::encoded(&value).unwrap();
            let found = field.encoder.encode(raw, &source, &mut room);
            let found = found.unwrap_or_else(|| panic!("record {no}: {:?} {source:02x?}", field.spec));
            for form in found.iter() {
                *forms.entry(format!("{form:?}")).or_insert(0_u64) += 1;
            }
            let mut written = Vec::new();
            let usual = field.encoder.write(raw, field.spec.bytes, &mut written);
            assert!(usual.is_some(), "record {no}: {:?} {source:02x?}", field.spec);
            again.clear();
            field.decoder.decode(&written, &mut again).unwrap();
            assert_eq!(again, value, "record {no}: {:?} {source:02x?} {written:02x?}", field.spec);
            assert_eq!(found.is_none(), written == source, "record {no}: {:?} {source:02x?}", field.spec);
        }
    }
    // Past the capture of tests' output: how many they were depends on what was asked for.
    let _ = writeln!(
        std::io::stderr(),
        "{records} records in {} code pages: {values} values, {refused} fields without one, other forms {forms:?}",
        pages.len()
    );
    assert!(values > refused * 20, "{values} values, {refused} fields without one");
}
