//! Fields that are made of columns are proved: the record's bytes come back, or the other form is counted by name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::sync::{Arc, LazyLock};

use domain::bytes::ByteClass;
use domain::constraint::ReasonCode;
use domain::ids::RecordNo;
use domain::record::{self, RawField, Tag};
use domain::round_trip::Equivalence;
use format::DecodeProof;
use job::Job;
use job::chunk::{ChunkDecoder, DecodedChunk, Start};
use proptest::collection::vec;
use proptest::prelude::*;

const FIELDS: &str = r#"
[[record.field]]
name = "id"
type = "integer"
[[record.field]]
name = "ccy"
type = "text(3)"
constant = "EUR"
[[record.field]]
name = "at"
type = "timestamp(%Y%m%d %H%M)"
concat = ["date", "time"]
separator = " "
[[record.field]]
name = "last"
type = "text(20)"
from = "who"
part = 1
separator = ";"
trim = "both"
[[record.field]]
name = "amount"
type = "decimal(9,2)"
from = "who"
part = 2
separator = ";"
missing_part = "null"
[[record.field]]
name = "branch"
type = "text(20)"
lookup = { file = "b", key = "code", value = "name", otherwise = "none" }
[[record.field]]
name = "fee"
type = "decimal(9,2)"
null_indicator = { column = "fee_ind", null = ["?", "N"], value = [""] }
null_content = "drop"
default = "0.00"
"#;

/// The columns: id, date, time, who, branch, fee, fee_ind.
fn text(source: &str, fields: &str) -> String {
    format!(
        "[job]\nname = \"any\"\n[source]\nformat = \"delimited\"\n{source}\n[[record]]\nname = \"one\"\n\
         staging = \"stg\"\nfinal = \"one\"\n{fields}\n\
         [lookups]\nb = \"code,name\\n1,Paris\\n2,Lyon\\n3,Paris\\n\"\n"
    )
}

static JOBS: LazyLock<Vec<Job>> = LazyLock::new(|| {
    let drops = FIELDS.replace("missing_part = \"null\"", "uncovered = \"drop\"");
    let places = FIELDS
        .replace("part = 1\nseparator = \";\"", "part = { start = 1, length = 3 }\nuncovered = \"drop\"")
        .replace("part = 2\nseparator = \";\"", "part = { start = 5 }");
    let texts = [
        text("", FIELDS),
        text("", &drops),
        text("trim = \"both\"\nnull = [\"\", \"-\"]", FIELDS),
        text("quote = \"\"\nescape = \"\\\\\"\nnull = \"\\\\N\"", FIELDS),
        text("encoding = \"windows-1252\"", &places),
        text("", &places),
    ];
    texts.iter().map(|text| Job::parse("any.toml", text).unwrap_or_else(|error| panic!("{error}"))).collect()
});

fn decode(job: &Job, bytes: &[u8]) -> Option<DecodedChunk> {
    let mut decoder = ChunkDecoder::new(&Arc::new(job.clone())).unwrap();
    let start = Start { first_record_no: RecordNo(1), offset: 0, parents: &[], ends_source: false };
    decoder.decode(start, bytes).ok()
}

const TEXTS: [&str; 30] = [
    "",
    "1",
    "2",
    "3",
    "9",
    "7",
    "-",
    "?",
    "N",
    " ?",
    "20240131",
    "2024 0131",
    "0930",
    "930",
    "Doe;12.5",
    "Doe;12.50",
    " Doe ;1",
    "Doe",
    ";",
    "Doe;1;x",
    "Doe;",
    ";5",
    "\"Doe;7\"",
    "\"1\"",
    "\"\"",
    "é€;1",
    "0.00",
    "12.50",
    "\\N",
    "\\;",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_way_in_and_the_proof_never_disagree(
        at in 0_usize..6,
        texts in vec(prop::sample::select(&TEXTS[..]), 6..8),
        moment in prop::sample::select(&[("20240131", "0930"), ("", ""), ("20240131", "")][..]),
        is_good in any::<bool>(),
    ) {
        let job = &JOBS[at];
        let mut texts = texts.clone();
        if is_good {
            (texts[0], texts[1], texts[2]) = ("7", moment.0, moment.1);
        }
        let line = format!("{}\n", texts.join(","));
        let bytes = if at == 4 { encoding_rs::WINDOWS_1252.encode(&line).0.to_vec() } else { line.clone().into_bytes() };
        if let Some(chunk) = decode(job, &bytes) {
            let reasons = chunk.rejects.iter().flat_map(|reject| &reject.reasons);
            let disputed: Vec<_> = reasons.filter(|reason| reason.code == ReasonCode::RoundTrip).collect();
            prop_assert!(disputed.is_empty(), "job {}: {:?} {:?}", at, line, disputed);
            prop_assert_eq!(chunk.bytes.round_trips.proved, chunk.accepted.records);
            prop_assert!(chunk.bytes.account_for(bytes.len() as u64), "job {}: {:?} {:?}", at, line, chunk.bytes);
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
fn a_row_that_is_not_what_the_columns_make_is_found_out() {
    let job = &JOBS[0];
    for record in ["7,20240131,0930,Doe;12.5,1,3.00,", "7,,,;,9,,?", "7,,,,,3.00,N"] {
        let chunk = decode(job, format!("{record}\n").as_bytes()).unwrap();
        assert_eq!(chunk.accepted.records, 1, "{:?}", chunk.rejects);
        let row = &chunk.rows[0];
        let mut proof = DecodeProof::new(&job.records[0].format, &job.records[0].own).unwrap();
        let mut objection =
            |record: &str, row: &[u8]| proof.prove(record.as_bytes(), record::fields_of(row)).err();
        assert_eq!(objection(record, row), None);
        let fields: Vec<RawField<'_>> = record::fields_of(row).collect();
        for (place, field) in fields.iter().enumerate() {
            let others: [(Tag, &[u8]); 9] = [
                (Tag::Null, b""),
                (Tag::Text, b""),
                (Tag::Text, b"USD"),
                (Tag::Text, b"Paris"),
                (Tag::Text, b"none"),
                (Tag::Timestamp, b"2024-01-31 09:31:00.000000"),
                (Tag::Decimal, b"12.51"),
                (Tag::Decimal, b"0.00"),
                (Tag::Integer, &[0, 0, 0, 0, 0, 0, 0, 8]),
            ];
            for (tag, content) in others.iter().filter(|other| (field.tag, field.content) != **other) {
                let row = with(row, place, *tag, content);
                let differs = objection(record, &row);
                let differs =
                    differs.unwrap_or_else(|| panic!("{record}, field {place}: {tag:?} {content:02x?}"));
                assert_eq!(differs.field, Some(place), "{differs:?}");
            }
        }
        // Another record with the same row.
        for (from, to) in [
            ("7,", "8,"),
            (",", ",x"),
            ("0131", "0130"),
            (";12.5", ";12.6"),
            (",1,", ",2,"),
            (",9,", ",1,"),
            (",?", ","),
        ] {
            let other = record.replacen(from, to, 1);
            if other != record {
                assert!(objection(&other, row).is_some(), "{record} and {other}");
            }
        }
        let lost = row[..row.len() - fields.last().unwrap().content.len() - 5].to_vec();
        assert!(objection(record, &lost).is_some());
    }
}

#[test]
fn what_the_row_alone_cannot_give_back_is_counted_by_name() {
    use Equivalence::{
        Default, Fill, Indicator, Missing, Notation, Padding, SharedCode, UnderNull, UnknownCode,
    };
    let counted = |job: &Job, record: &str| {
        let chunk = decode(job, format!("{record}\n").as_bytes()).unwrap();
        assert_eq!((chunk.accepted.records, chunk.bytes.round_trips.proved), (1, 1), "{:?}", chunk.rejects);
        let all = chunk.bytes.round_trips.equivalences.iter();
        let all: Vec<_> = all.map(|of| (of.field, of.kind, of.values)).collect();
        (all, chunk.bytes.classes().unwrap().of(ByteClass::LeftOut))
    };
    let plain = "7,20240131,0930,Doe;12.50,2,3.00,";
    for (record, expected) in [
        (plain, vec![]),
        ("7,20240131,0930, Doe ;12.5,2,3.00,", vec![(3, Padding, 1), (4, Notation, 1)]),
        ("7,20240131,0930,Doe,2,3.00,", vec![(4, Missing, 1)]),
        ("7,20240131,0930,Doe;1.00,1,3.00,", vec![(5, SharedCode, 1)]),
        ("7,20240131,0930,Doe;1.00,8,3.00,", vec![(5, UnknownCode, 1)]),
        ("7,20240131,0930,Doe;1.00,2,,", vec![(6, Default, 1)]),
        ("7,20240131,0930,Doe;1.00,2,,N", vec![(6, Indicator, 1)]),
        ("7,20240131,0930,Doe;1.00,2,0.00,?", vec![(6, Fill, 1)]),
        ("7,20240131,0930,Doe;1.00,2,3.00,?", vec![(6, UnderNull, 1)]),
    ] {
        assert_eq!(counted(&JOBS[0], record), (expected, 0), "{record}");
    }
    let (forms, left_out) = counted(&JOBS[1], "7,20240131,0930,Doe;12.50;Jr;x,2,3.00,");
    assert_eq!((forms, left_out), (vec![], 5), "two parts and their separators");
    assert_eq!(counted(&JOBS[5], "7,20240131,0930,Doe-12.50,2,3.00,"), (vec![], 1));
}

#[test]
fn an_edited_field_that_is_made_of_columns_is_refused_and_others_stay() {
    let job = &JOBS[0];
    let mut writer = format::FieldWriter::new(&job.records[0].format, &job.records[0].own).unwrap();
    let mut record = b"7,20240131,0930,Doe;12.50,2,3.00,".to_vec();
    let number = RawField { tag: Tag::Integer, content: &8_i64.to_be_bytes() };
    writer.write(&mut record, 0, number).unwrap();
    assert_eq!(record, b"8,20240131,0930,Doe;12.50,2,3.00,");
    for field in 1..7 {
        let error = writer.write(&mut record, field, number).unwrap_err();
        assert_eq!(error, format::CannotWrite::Computed, "{field}");
    }
}
