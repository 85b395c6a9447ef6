//! Records of every usage in every code page, by a seed: what is decoded is encoded to the same bytes, or to a form with a
//! name. `CROSSFOOT_RECORDS` says how many records.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use domain::record;
use domain::round_trip::Equivalence;
use fastrand::Rng;

use super::fields::FORMS;
use crate::cobol::tests::{edited, spec};
use crate::cobol::{FieldDecoder, FieldSpec, Kind};
use crate::codepage::CodePage;
use crate::encode::characters::PageBytes;
use crate::encode::cobol::FieldEncoder;

/// How many records the tests try unless a number is asked for.
const RECORDS: u64 = 2_000;

/// How many drafts a field gets before the first record.
const DRAFTS: usize = 3_000;

/// How many sources of a field are remembered.
const POOL: usize = 64;

/// Bytes that numbers, signs, fills and characters are made of, in EBCDIC and in ASCII.
const LIKELY: &[u8] =
    b"\x00\xFF\x40\xF0\xF1\xF5\xF9\xC1\xD1\xC0\xD0\x0C\x1D\x99\x12\x0F\x2B\x4B\x6B\x60 0159+-.,pA";

/// What a compiler printed by edited pictures: picture, number, print.
const PRINTED: &str = include_str!("../../cobol/tests/edited.txt");

struct Field {
    spec: FieldSpec,
    decoder: FieldDecoder,
    encoder: FieldEncoder,
    /// Sources that have a value.
    pool: Vec<Vec<u8>>,
}

impl Field {
    /// Bytes as another program may have written them: digits, packed digits, a day, a binary number, a text, a print.
    fn draft(&self, rng: &mut Rng) -> Vec<u8> {
        let (bytes, page) = (self.spec.bytes, self.spec.page);
        let day = format!("{:04}{:02}{:02}", rng.u16(1950..2050), rng.u8(1..=12), rng.u8(1..=28));
        let digits: String = (0..bytes * 2).map(|_| rng.digit(10)).collect();
        let sign = ['+', '-', '{', 'A', 'I', '}', 'J', 'R'][rng.usize(..8)];
        let text = |text: &str| {
            let mut out = Vec::new();
            page.encode_into(text, &mut out).map(|()| out).unwrap_or_default()
        };
        let packed = |digits: &str, sign: char| {
            let wanted = (bytes * 2).saturating_sub(1);
            let digits = &digits[digits.len().saturating_sub(wanted)..];
            domain::hex::decode(&format!("{digits:0>wanted$}{sign}")).unwrap_or_default()
        };
        match rng.u8(..9) {
            0 => text(&digits[..bytes.min(digits.len())]),
            1 => packed(&digits, ['c', 'd', 'f'][rng.usize(..3)]),
            2 => text(&day),
            3 => packed(&day[2..], 'c'),
            4 => vec![0; bytes - 1].into_iter().chain([rng.u8(..)]).collect(),
            5 => text(&(0..bytes).map(|_| rng.alphanumeric()).collect::<String>()),
            6 => text(&format!("{}{sign}", &digits[1..bytes])),
            7 => text(&format!("{sign}{}", &digits[1..bytes])),
            _ => (0..bytes).map(|_| rng.u8(..)).collect(),
        }
    }

    /// Puts a source into the pool if it has a value.
    fn keep(&mut self, source: &[u8], rng: &mut Rng) -> bool {
        let is_it = source.len() == self.spec.bytes && self.decoder.decode(source, &mut Vec::new()).is_ok();
        if is_it && self.pool.len() < POOL {
            self.pool.push(source.to_vec());
        } else if is_it {
            self.pool[rng.usize(..POOL)] = source.to_vec();
        }
        is_it
    }

    /// The source of the next record: one of the pool, mostly with a byte changed.
    fn next(&mut self, rng: &mut Rng) -> Option<Vec<u8>> {
        let mut source = self.pool.get(rng.usize(..self.pool.len().max(1)))?.clone();
        let before = source.clone();
        let at = rng.usize(..source.len());
        source[at] = if rng.u8(..4) == 0 { rng.u8(..) } else { LIKELY[rng.usize(..LIKELY.len())] };
        Some(if self.keep(&source, rng) { source } else { before })
    }
}

/// All forms of fields in one code page.
fn fields(page: &'static CodePage) -> Vec<Field> {
    let plain =
        FORMS.iter().filter(|form| !form.contains("PAGE=")).map(|form| FieldSpec { page, ..spec(form) });
    let bytes = Arc::new(PageBytes::new(page));
    let field = |spec: FieldSpec| Field {
        decoder: FieldDecoder::new(&spec).unwrap(),
        encoder: FieldEncoder::new(&spec, Arc::clone(&bytes)).unwrap(),
        spec,
        pool: Vec::new(),
    };
    let mut fields: Vec<_> = plain.map(field).collect();
    let mut by_picture: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    for line in PRINTED.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<_> = line.split('|').collect();
        let mut print = Vec::new();
        page.encode_into(parts[2], &mut print).unwrap();
        by_picture.entry(parts[0]).or_default().push(print);
    }
    let printed = by_picture.into_iter();
    fields.extend(printed.map(|(picture, pool)| Field { pool, ..field(edited::spec(picture, page)) }));
    fields
}

#[test]
fn many_records_of_every_usage_and_code_page_are_encoded_as_they_were() {
    let asked = std::env::var("CROSSFOOT_RECORDS").ok().map(|text| text.parse().unwrap());
    let records: u64 = asked.unwrap_or(RECORDS);
    let mut pages: Vec<_> = CodePage::all().map(fields).collect();
    let mut rng = Rng::with_seed(14);
    for field in pages.iter_mut().flatten() {
        for _ in 0..if field.pool.is_empty() { DRAFTS } else { 0 } {
            let draft = field.draft(&mut rng);
            field.keep(&draft, &mut rng);
            if field.pool.len() == POOL {
                break;
            }
        }
    }
    let (mut values, mut refused, mut rejects) = (0_u64, 0_u64, 0_u64);
    let mut forms = BTreeMap::new();
    let (mut value, mut again, mut room) = (Vec::new(), Vec::new(), Vec::new());
    for no in 0..records {
        let page = rng.usize(..pages.len());
        for field in &mut pages[page] {
            let Some(source) = field.next(&mut rng) else {
                refused += 1;
                continue;
            };
            value.clear();
            field.decoder.decode(&source, &mut value).unwrap();
            values += 1;
            let raw = record::encoded(&value).unwrap();
            let found = field.encoder.encode(raw, &source, &mut room);
            let Some(found) = found else {
                // A print that no compiler makes of its number is a reject, and no other form.
                assert!(
                    matches!(field.spec.kind, Kind::Edited(_)),
                    "record {no}: {:?} {source:02x?}",
                    field.spec
                );
                rejects += 1;
                continue;
            };
            for form in found.iter() {
                *forms.entry(format!("{form:?}")).or_insert(0_u64) += 1;
            }
            let mut written = Vec::new();
            let usual = field.encoder.write(raw, field.spec.bytes, &mut written);
            if usual.is_none() {
                // The usual notation of a number may be too long for the field: 9 digits, and ".00" is missing.
                let is_number = found.iter().any(|form| form == Equivalence::Notation);
                assert!(is_number, "record {no}: {:?} {source:02x?}", field.spec);
                continue;
            }
            again.clear();
            field.decoder.decode(&written, &mut again).unwrap();
            assert_eq!(again, value, "record {no}: {:?} {source:02x?} {written:02x?}", field.spec);
            // Without a name there is one form.
            assert!(!found.is_none() || written == source, "record {no}: {:?} {source:02x?}", field.spec);
        }
    }
    // Past the capture of tests' output: how many they were depends on what was asked for.
    let _ = writeln!(
        std::io::stderr(),
        "{records} records in {} code pages: {values} values, {rejects} rejects, other forms {forms:?}",
        pages.len()
    );
    assert_eq!(refused, 0, "fields without a value");
    assert!(rejects * 20 < values, "{rejects} of {values} values are rejects");
}
