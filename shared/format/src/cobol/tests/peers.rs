//! Real files that nobody in this project wrote: `CROSSFOOT_PEER_DATA` names their folder. Without it the tests say
//! so and pass, unless `CROSSFOOT_INSIST` is set.

use std::io::Write;
use std::path::PathBuf;

use super::{decode, decoder};
use crate::cobol::FieldDecoder;
use domain::amount::Amount;

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("CROSSFOOT_PEER_DATA").map(PathBuf::from);
    let folder = named.filter(|path| path.is_dir());
    if folder.is_none() {
        assert!(
            std::env::var_os("CROSSFOOT_INSIST").is_none(),
            "CROSSFOOT_PEER_DATA must name a folder here"
        );
        // Past the test runner, which keeps what passing tests print to itself.
        drop(std::io::stderr().write_all(b"SKIPPED: CROSSFOOT_PEER_DATA names no folder\n"));
    }
    folder
}

/// Decoders side by side, of the same fields in another page.
fn plan(pictures: &[&str], page: &str) -> Vec<FieldDecoder> {
    pictures.iter().map(|picture| decoder(&format!("{picture} PAGE={page}"))).collect()
}

fn fields(plan: &[FieldDecoder], record: &[u8]) -> Vec<String> {
    let mut start = 0;
    let fields = plan.iter().map(|field| {
        let bytes = &record[start..start + field.bytes()];
        start += field.bytes();
        decode(field, bytes).unwrap_or_else(|reject| panic!("byte {start}: {}", reject.detail))
    });
    fields.collect()
}

const DALYTRAN: &[&str] = &[
    "X(16)", "X(2)", "9(4)", "X(10)", "X(100)", "S9(9)V99", "9(9)", "X(50)", "X(50)", "X(10)", "X(16)",
    "X(26)", "X(26)",
];

#[test]
fn ebcdic_files_hold_field_by_field_what_their_ascii_twins_hold() {
    let Some(folder) = folder() else { return };
    // file, bytes of a record, records, fields
    let files: [(&str, usize, usize, &[&str]); 5] = [
        ("DALYTRAN", 350, 300, DALYTRAN),
        ("CARDDATA", 150, 50, &["X(16)", "9(11)", "9(3)", "X(50)", "X(10)", "X(1)", "X(59)"]),
        ("CARDXREF", 50, 50, &["X(16)", "9(9)", "9(11)"]),
        (
            "CUSTDATA",
            500,
            50,
            &[
                "9(9)", "X(25)", "X(25)", "X(25)", "X(50)", "X(50)", "X(50)", "X(2)", "X(3)", "X(10)",
                "X(15)", "X(15)", "9(9)", "X(20)", "X(10)", "X(10)", "X(1)", "9(3)", "X(168)",
            ],
        ),
        ("TRANCATG", 60, 18, &["X(2)", "9(4)", "X(50)", "X(4)"]),
    ];
    for (file, length, records, pictures) in files {
        let ebcdic = std::fs::read(folder.join(format!("carddemo/{file}.ebcdic"))).unwrap();
        let ascii = std::fs::read(folder.join(format!("carddemo/{file}.ascii"))).unwrap();
        let lines: Vec<&[u8]> = ascii.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        assert_eq!((ebcdic.len(), lines.len()), (length * records, records), "{file}");
        let (one, other) = (plan(pictures, "037"), plan(pictures, "ascii"));
        for (record, line) in ebcdic.chunks(length).zip(lines) {
            assert_eq!(fields(&one, record), fields(&other, line), "{file}");
        }
    }
}

#[test]
fn the_amounts_of_real_transactions_sum_to_the_known_total() {
    let Some(folder) = folder() else { return };
    let bytes = std::fs::read(folder.join("carddemo/DALYTRAN.ebcdic")).unwrap();
    let plan = plan(DALYTRAN, "037");
    let mut sum = Amount::zero(2);
    for record in bytes.chunks(350) {
        sum = sum.checked_add(fields(&plan, record)[5].parse().unwrap()).unwrap();
    }
    assert_eq!(sum.to_string(), "104801.54");
}

#[test]
fn binary_amounts_of_real_transactions_are_those_of_another_program() {
    let Some(folder) = folder() else { return };
    let bytes = std::fs::read(folder.join("cobrix/transdata.fixed45.ebcdic")).unwrap();
    let expected = std::fs::read_to_string(folder.join("cobrix/transdata.expected.jsonl")).unwrap();
    let pictures = ["X(3)", "X(8)", "X(15) LOW=PAD", "X(10) LOW=PAD", "9(1)", "S9(9)V99 COMP"];
    let plan = plan(&pictures, "037");
    let records: Vec<_> = bytes.chunks(45).map(|record| fields(&plan, record)).collect();
    assert_eq!(records.len(), 1000);
    assert_eq!(records[0][5], "988.91");
    let mut lines = 0;
    for (record, line) in records.iter().zip(expected.lines()) {
        let after = |key: &str| line.split_once(&format!("\"{key}\":")).unwrap().1;
        let text = |key: &str| after(key).trim_start_matches('"').split_once('"').unwrap().0;
        let number = |key: &str| after(key).split_once([',', '}']).unwrap().0.parse::<Amount>().unwrap();
        for (at, key) in ["CURRENCY", "SIGNATURE", "COMPANY_NAME", "COMPANY_ID"].iter().enumerate() {
            assert_eq!(record[at].trim_matches('\''), text(key));
        }
        assert_eq!(record[4].parse::<Amount>().unwrap(), number("WEALTH_QFY"));
        assert_eq!(record[5].parse::<Amount>().unwrap(), number("AMOUNT"));
        lines += 1;
    }
    assert_eq!(lines, 60);
}
