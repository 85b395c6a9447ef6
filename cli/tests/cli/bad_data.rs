//! Bad data: it ends with exit code 1, the reject says where and why, and final stays empty.

use serde_json::Value;

use super::desk::{CONTENT, Desk, csv};

const GOOD: &str = "1,2024-02-29,10.00,IBAN-DE-4711";

/// Loads `bytes`, and returns the rejects.
fn rejects_of(bytes: impl AsRef<[u8]>) -> (Desk, Vec<Value>) {
    let desk = Desk::with(bytes);
    desk.load().exits(1).prints(&["NOT RECONCILED", "none of this run's rows are in final"]);
    assert_eq!(desk.final_rows(), 0);
    let rejects = desk.run(&["rejects", "--json"]).exits(0).json();
    (desk, rejects.as_array().unwrap().clone())
}

#[test]
fn a_reject_names_record_byte_offset_field_and_reason() {
    let digits = format!("2,2024-02-29,{},IBAN-DE-4711", "9".repeat(40));
    for (row, field, code, detail) in [
        ("2,2024-02-29,1.00", None, "field-count", "3 fields; expected 4"),
        ("2,2024-02-29,1.00,IBAN-DE-4711,x", None, "field-count", "5 fields; expected 4"),
        ("", None, "field-count", "expected 4"),
        (&digits, Some("amount"), "too-long", "more than 38 digits"),
        // 2 to the 128th, and one more: what a sum that wraps would take for 1.
        (
            "2,2024-02-29,340282366920938463463374607431768211457,IBAN-DE-4711",
            Some("amount"),
            "too-long",
            "more than 38 digits",
        ),
        ("2,2024-02-29,1.001,IBAN-DE-4711", Some("amount"), "too-long", "more than 2 decimal places"),
        ("2,2024-02-29,1e3,IBAN-DE-4711", Some("amount"), "type", "1e3"),
        ("2,2024-02-29,,IBAN-DE-4711", Some("amount"), "required", ""),
        ("2,2024-02-30,1.00,IBAN-DE-4711", Some("booked_on"), "type", "2024-02-30"),
        ("2,29.02.2024,1.00,IBAN-DE-4711", Some("booked_on"), "type", "29.02.2024"),
        ("two,2024-02-29,1.00,IBAN-DE-4711", Some("id"), "type", "two"),
        ("2,2024-02-29,1.00,\"IBAN-DE-4711\"x", Some("text"), "quoting", ""),
    ] {
        let (desk, rejects) = rejects_of(csv(&[GOOD, row]));
        let [reject] = rejects.as_slice() else { panic!("one is rejected: {rejects:#?}") };
        assert_eq!((&reject["record_no"], &reject["byte_offset"]), (&2.into(), &57.into()), "{reject}");
        let reason = &reject["reasons"][0];
        assert_eq!(reason["field"].as_str(), field, "{reject}");
        assert_eq!(reason["code"], code, "{reject}");
        assert!(reason["detail"].as_str().unwrap().contains(detail), "{reject}");
        let text = desk.run(&["rejects"]).exits(0).prints(&["record 2, byte 57", code]);
        assert!(text.out.contains(field.unwrap_or("(the record)")), "{text}");
    }
}

#[test]
fn a_record_that_is_wrong_in_several_fields_gives_all_reasons() {
    let (_, rejects) = rejects_of(csv(&["two,2024-02-30,much,IBAN-DE-4711"]));
    let fields: Vec<_> = rejects[0]["reasons"].as_array().unwrap().iter().map(|r| &r["field"]).collect();
    assert_eq!(fields, ["id", "booked_on", "amount"]);
}

#[test]
fn bytes_that_are_no_utf_8_are_named_with_their_place() {
    let mut bytes = csv(&[GOOD]);
    bytes.extend_from_slice(b"2,2024-02-29,1.00,IBAN-DE-4711\xFF\n");
    let (desk, rejects) = rejects_of(&bytes);
    assert_eq!(rejects.len(), 1);
    assert_eq!((&rejects[0]["record_no"], &rejects[0]["byte_offset"]), (&2.into(), &57.into()));
    let reason = &rejects[0]["reasons"][0];
    assert_eq!((&reason["field"], &reason["code"]), (&"text".into(), &"encoding".into()));
    assert!(reason["detail"].as_str().unwrap().contains("byte 12"), "{reason}");
    // Kept whole, to the last byte, behind the header row that the job asks for.
    desk.run(&["rejects", "--raw", "raw"]).exits(0);
    let header = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    assert_eq!(std::fs::read(desk.path("raw")).unwrap(), [&bytes[..header], &bytes[57..]].concat());
}

#[test]
fn an_empty_source_is_a_finding_and_not_a_success() {
    for bytes in [Vec::new(), csv(&[])] {
        let (desk, rejects) = rejects_of(bytes);
        assert!(rejects.is_empty());
        desk.run(&["report"]).exits(0).prints(&["the source holds records", "if this is correct, set"]);
    }
    // Unless it is declared to be empty.
    let desk = Desk::with(csv(&[]));
    desk.put_job("job.toml", &[("[limits]", "[declared]\nrecords = 0\n\n[limits]")]);
    desk.load().exits(0);
}

#[test]
fn binary_garbage_is_rejected_record_by_record_and_breaks_nothing() {
    let mut noise = fastrand::Rng::with_seed(7);
    let mut bytes = csv(&[GOOD]);
    let lines_before = 2;
    bytes.extend((0..50_000).map(|_| noise.u8(..)));
    bytes.push(b'\n');
    let lines = bytes.split(|byte| *byte == b'\n').count() - 1 - lines_before;
    let desk = Desk::with(&bytes);
    // No field begins with a quote in a layout without quotes.
    desk.put_job("job.toml", &[("header = true", "header = true\nquote = \"\"")]);
    desk.load().exits(1).prints(&["NOT RECONCILED"]);
    let rejects = desk.run(&["rejects", "--json", "--limit", "100000"]).exits(0).json();
    assert_eq!(rejects.as_array().unwrap().len(), lines, "each line of garbage is a reject");
    assert_eq!(desk.final_rows(), 0);
    desk.run(&["report"]).exits(0);
    desk.run(&["report", "--format", "html"]).exits(0);
}

#[test]
fn a_duplicate_key_names_the_later_record() {
    let desk = Desk::with(csv(&[GOOD, "2,2024-02-29,1.00,b", "1,2024-02-29,2.00,IBAN-DE-4711"]));
    desk.load().exits(1).prints(&["key is unique", "duplicate key"]);
    assert_eq!(desk.final_rows(), 0);
    let found = desk.run(&["explain", "--json"]).exits(0).json();
    assert_eq!(found["findings_total"], 1);
    let first = &found["findings"][0];
    assert_eq!((&first["record_no"], &first["field"]), (&3.into(), &"id".into()), "{first}");
    assert_eq!(first["difference"], "duplicate-key");
}

#[test]
fn logs_hold_no_content_of_records_however_much_they_say() {
    let rows = [
        GOOD,
        "two,2024-02-30,1.00,IBAN-DE-4711",
        "3,2024-02-29,9999.00,IBAN-DE-4711",
        "1,2024-02-29,1.00,IBAN-DE-4711",
    ];
    let desk = Desk::with(csv(&rows));
    for level in ["trace", "debug"] {
        for line in [&["run", "job.toml", "--source", "in.csv"][..], &["report"], &["explain"]] {
            let mut command = desk.command(line);
            let output = command.env("CROSSFOOT_LOG", level).output().unwrap();
            let err = String::from_utf8_lossy(&output.stderr);
            for content in [CONTENT, "2024-02-30", "9999.00"] {
                assert!(!err.contains(content), "`{content}` is in the log of {line:?} at {level}:\n{err}");
            }
        }
    }
}
