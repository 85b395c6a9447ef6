//! What was decoded is encoded to the record's bytes (INV-14), whatever the job; and no other row is.

use std::sync::LazyLock;

use domain::constraint::ReasonCode;
use domain::ids::RecordNo;
use domain::record::{self, RawField, Tag};
use domain::round_trip::Equivalence;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::chunk::{ChunkDecoder, DecodedChunk, Start};
use crate::proof::Proofs;

fn job(source: &str, fields: &str) -> Job {
    let text = format!(
        "[job]\nname = \"any\"\n[source]\n{source}\n[[record]]\nname = \"one\"\nstaging = \"stg\"\nfinal = \"one\"\n{fields}"
    );
    Job::parse("any.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn field(name: &str, ty: &str, more: &str) -> String {
    format!("[[record.field]]\nname = \"{name}\"\ntype = \"{ty}\"\n{more}\n")
}

pub(super) static JOBS: LazyLock<Vec<Job>> = LazyLock::new(jobs);

/// Jobs of every delimited and fixed kind.
fn jobs() -> Vec<Job> {
    let fields = [
        field("a", "text(20)", ""),
        field("b", "decimal(9,2)", ""),
        field("c", "date(%Y-%m-%d)", ""),
        field("d", "boolean", ""),
        field("e", "integer", ""),
        field("f", "bytes", ""),
        field("g", "text(20)", ""),
    ]
    .concat();
    let defaults = [
        field("a", "text(20)", "default = \"none\""),
        field("b", "decimal(9,2)", "default = \"0.00\""),
        field("c", "date(%Y-%m-%d)", "default = \"1970-01-01\""),
        field("d", "boolean", "default = \"no\""),
        field("e", "integer", "default = \"1\""),
        field("f", "bytes", ""),
        field("g", "text(20)", "default = \"\""),
    ]
    .concat();
    let delimited = |more: &str| job(&format!("format = \"delimited\"\nheader = false\n{more}"), &fields);
    let at = |start: usize, length: usize| format!("start = {start}\nwidth = {length}");
    let fixed = [
        field("a", "text(6)", &at(1, 6)),
        field("b", "decimal(5,2)", &at(7, 6)),
        field("c", "date(%Y%m%d)", &at(13, 8)),
        field("d", "boolean", &at(21, 1)),
        field("e", "bytes", &at(22, 2)),
    ]
    .concat();
    let fixed_defaults = [
        field("a", "text(6)", &at(1, 6)),
        field("b", "decimal(5,2)", &format!("{}\ndefault = \"-1.00\"", at(7, 6))),
        field("c", "date(%Y%m%d)", &format!("{}\ndefault = \"19700101\"", at(13, 8))),
        field("d", "boolean", &format!("{}\ndefault = \"t\"", at(21, 1))),
        field("e", "bytes", &at(22, 2)),
    ]
    .concat();
    let fixed = |more: &str| job(&format!("format = \"fixed\"\nrecord_bytes = 24\n{more}"), &fixed);
    vec![
        delimited(""),
        delimited("null = \"\\\\N\""),
        delimited("quote = \"\"\nescape = \"\\\\\"\nnull = \"\\\\N\""),
        delimited("escape = \"\\\\\""),
        delimited("quote = \"\"\nseparator = \"|\""),
        delimited("trim = \"both\"\nencoding = \"windows-1252\""),
        delimited("trim = \"none\"\nencoding = \"latin-1\""),
        delimited("encoding = \"shift_jis\""),
        delimited("trailing_separator = true"),
        fixed(""),
        fixed("trim = \"both\""),
        fixed("trim = \"none\"\nframing = \"fixed\""),
        fixed("encoding = \"cp037\"\nframing = \"fixed\"\ntrim = \"both\""),
        job("format = \"delimited\"\nheader = false\nnull = [\"\", \"\\\\N\"]", &defaults),
        job("format = \"fixed\"\nrecord_bytes = 24\ntrim = \"both\"", &fixed_defaults),
    ]
}

fn decode(job: &Job, bytes: &[u8]) -> Option<DecodedChunk> {
    let mut decoder = ChunkDecoder::new(&Arc::new(job.clone())).unwrap();
    decoder
        .decode(Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: false }, bytes)
        .ok()
}

const TEXTS: [&str; 36] = [
    "",
    "a",
    "text",
    " ",
    "  ",
    "\"",
    "\"\"",
    "\"a,b\"",
    "\"x\"\"y\"",
    "5\" pipe",
    "\\N",
    "\\,",
    "\\\\",
    "\\n",
    "\\\"",
    "1",
    "-1",
    "+007",
    "12.5",
    "12.50",
    "-0",
    "0.00",
    "1e3",
    "2024-02-29",
    "2024-2-9",
    "20240229",
    "true",
    "T",
    "no",
    "0aFF",
    "zz",
    "é",
    "\u{20ac}",
    "|",
    "\"12.5\"",
    "\"\\\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn decoder_and_encoder_never_disagree(
        at in 0_usize..15,
        texts in vec(prop::sample::select(&TEXTS[..]), 7..15),
        separator in prop::sample::select(&[b',', b'|', b' ', b'0'][..]),
        ends in any::<bool>(),
    ) {
        let job = &JOBS[at];
        let mut bytes = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            if place > 0 {
                bytes.push(separator);
            }
            match at {
                5 | 6 => bytes.extend(text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(0x80))),
                7 => bytes.extend(encoding_rs::SHIFT_JIS.encode(text).0.iter()),
                _ => bytes.extend(text.bytes()),
            }
        }
        if ends {
            bytes.push(separator);
        }
        if matches!(at, 11 | 12) {
            bytes.resize(24, if at == 12 { 0x40 } else { b' ' });
        } else {
            bytes.push(b'\n');
        }
        if let Some(chunk) = decode(job, &bytes) {
            let reasons = chunk.rejects.iter().flat_map(|reject| &reject.reasons);
            let disputed: Vec<_> = reasons.filter(|reason| reason.code == ReasonCode::RoundTrip).collect();
            prop_assert!(disputed.is_empty(), "job {}: {:?} {:?}", at, String::from_utf8_lossy(&bytes), disputed);
            prop_assert_eq!(chunk.bytes.round_trips.proved, chunk.accepted.records);
        }
    }
}

/// A row with one field exchanged.
fn with(row: &[u8], at: usize, tag: Tag, content: &[u8]) -> Vec<u8> {
    let mut out = row[..8].to_vec();
    for (place, field) in record::fields_of(row).enumerate() {
        let field = if place == at { RawField { tag, content } } else { field };
        record::put_raw(&mut out, field.tag, field.content);
    }
    out
}

#[test]
fn a_row_that_is_not_the_record_is_found_out() {
    let long = "x".repeat(200);
    for (at, record) in [
        (0, "abc,12.50,2024-02-29,true,7,0aff,\"a,b\""),
        (1, "\\N,12.50,2024-02-29,true,7,0aff,x"),
        (2, "a\\,b,12.50,2024-02-29,true,7,0aff,\\N"),
        (5, " caf\u{e9} ,12.50,2024-02-29,true,7,0aff,x"),
        (9, "abc    12.5020240229t01"),
        (13, ",,,,,0aff,"),
        (13, "none,0.00,1970-01-01,no,1,0aff,x"),
        (14, "abc                  01"),
    ] {
        let job = &JOBS[at];
        let record: Vec<u8> = match at {
            5 => record.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect(),
            9 | 14 => format!("{record:24}").into_bytes(),
            _ => record.as_bytes().to_vec(),
        };
        let chunk = decode(job, &[&record[..], b"\n"].concat()).unwrap();
        assert_eq!(chunk.accepted.records, 1, "{:?}", chunk.rejects);
        let row = &chunk.rows[0];
        let mut proofs = Proofs::new(job).unwrap();
        assert_eq!(proofs.objection(job, 0, &record, row), None);
        let fields: Vec<RawField<'_>> = record::fields_of(row).collect();
        let mut tried = 0;
        for (place, field) in fields.iter().enumerate() {
            let others: &[(Tag, &[u8])] = match field.tag {
                Tag::Text => &[
                    (Tag::Null, b""),
                    (Tag::Text, b""),
                    (Tag::Text, b"other"),
                    (Tag::Text, b"ABC"),
                    (Tag::Text, b"a,b,c"),
                    (Tag::Text, b"a\\,b"),
                    (Tag::Text, long.as_bytes()),
                    (Tag::Integer, &[0; 8]),
                ],
                Tag::Null => &[(Tag::Text, b""), (Tag::Text, b"\\N"), (Tag::Text, b"N")],
                Tag::Decimal => &[
                    (Tag::Null, b""),
                    (Tag::Decimal, b"-12.50"),
                    (Tag::Decimal, b"1250.00"),
                    (Tag::Decimal, b"12.5"),
                    (Tag::Decimal, b"12.51"),
                    (Tag::Decimal, b"12.5000"),
                    (Tag::Decimal, b"1.25"),
                ],
                Tag::Date => &[(Tag::Null, b""), (Tag::Date, b"2024-02-28"), (Tag::Date, b"1924-02-29")],
                Tag::Boolean => &[(Tag::Null, b""), (Tag::Boolean, &[0])],
                Tag::Integer => &[(Tag::Integer, &[0, 0, 0, 0, 0, 0, 0, 8]), (Tag::Integer, &[0xFF; 8])],
                Tag::Bytes => &[(Tag::Bytes, &[0x0A]), (Tag::Bytes, &[0x0A, 0xFE]), (Tag::Bytes, b"")],
                _ => &[],
            };
            for (tag, content) in others.iter().filter(|other| (field.tag, field.content) != **other) {
                let row = with(row, place, *tag, content);
                let reason = proofs.objection(job, 0, &record, &row);
                let reason =
                    reason.unwrap_or_else(|| panic!("job {at}, field {place}: {tag:?} {content:02x?}"));
                assert_eq!(reason.code, ReasonCode::RoundTrip);
                tried += 1;
            }
        }
        assert!(tried > 10);
        // A field lost, or one too many.
        let lost = row[..row.len() - fields.last().unwrap().content.len() - 5].to_vec();
        assert!(proofs.objection(job, 0, &record, &lost).is_some());
    }
}

/// The first of the jobs, with decimal commas.
fn job_with_comma() -> Job {
    let text = JOBS[0].text.replace("[[record]]", "[source.numbers]\ndecimal = \",\"\n[[record]]");
    Job::parse("comma.toml", &text).unwrap()
}

#[test]
fn other_notations_are_counted_by_field() {
    let job = &JOBS[0];
    let source = "x,12.5,2024-02-29,T,+7,0AFF,\"y\"\nx,12.50,2024-02-29,true,7,0aff,y\n";
    let chunk = decode(job, source.as_bytes()).unwrap();
    let trips = &chunk.bytes.round_trips;
    assert_eq!((trips.proved, trips.unproved), (2, 0));
    let found: Vec<_> = trips.equivalences.iter().map(|of| (of.field, of.kind, of.values)).collect();
    use Equivalence::{Hexadecimal, Notation, Quotes, Truth};
    assert_eq!(
        found,
        [(1, Notation, 1), (3, Truth, 1), (4, Notation, 1), (5, Hexadecimal, 1), (6, Quotes, 1)]
    );
    let quoted = "\"a,b\",\"12,5\",2024-02-29,true,7,0aff,\"x\"\"y\"\n";
    let comma = job_with_comma();
    let trips = decode(&comma, quoted.as_bytes()).unwrap().bytes.round_trips;
    let found: Vec<_> = trips.equivalences.iter().map(|of| (of.field, of.kind, of.values)).collect();
    assert_eq!(found, [(1, Notation, 1)], "quotes that are needed are the usual form");
    let mut off = job.clone();
    off.decode_proof = false;
    let trips = decode(&off, source.as_bytes()).unwrap().bytes.round_trips;
    assert_eq!((trips.proved, trips.unproved, trips.equivalences.len()), (0, 2, 0));
}
