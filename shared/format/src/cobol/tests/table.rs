//! Every rule by example: picture and usage, bytes, and the value or what the reject says.

use super::{decode, decoder, spec};
use crate::cobol::FieldDecoder;

#[test]
fn each_field_is_its_value_or_says_why_not() {
    // Generous with blanks, so that it can be read; `!` begins a part of what the reject says.
    let table = include_str!("fields.txt");
    let mut count = 0;
    for line in table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let parts: Vec<_> = line.split('|').map(str::trim).collect();
        let [form, bytes, expected] = parts[..] else { panic!("{line}") };
        let bytes = domain::hex::decode(&bytes.replace(' ', "")).unwrap_or_else(|| panic!("{line}"));
        let found = decode(&decoder(&form.split_whitespace().collect::<Vec<_>>().join(" ")), &bytes);
        match (expected.strip_prefix('!').map(str::trim), found) {
            (None, Ok(value)) => assert_eq!(value, expected, "{line}"),
            (Some(expected), Err(reject)) => {
                let (code, detail) = (reject.code.name(), &reject.detail);
                assert!(format!("{code}: {detail}").contains(expected), "{line}\n{code}: {detail}");
            }
            (_, found) => panic!("{line}\n{found:?}"),
        }
        count += 1;
    }
    assert!(count >= 150, "{count} cases");
}

#[test]
fn a_field_that_cannot_be_is_refused_before_any_record() {
    for (form, why) in [
        ("9(39)", "1 to 38"),
        ("9(30)P(9)", "at most 38 digits"),
        ("S9(5) COMP-3 BYTES=4", "take 3 bytes"),
        ("S9(5) COMP BYTES=2", "cannot hold every"),
        ("S9(5) COMP BYTES=17", "1 to 16"),
        ("9(5)V99 AS=integer", "would lose"),
        ("9(5)V99 AS=10.1", "would lose"),
        ("9(5)V99 AS=40.2", "does not fit 38 digits"),
        ("9(8) AS=date", "needs a date format"),
        ("9(1) AS=boolean", "read the field as text"),
        ("FLOAT4 AS=9.2", "cannot be an amount"),
        ("FLOAT8 AS=integer", "cannot be an amount"),
        ("FLOAT6", "4 or 8 bytes"),
        ("9(6) FORM=YYYYMMDD", "the picture has only 6"),
        ("9(6)V99 FORM=YYYYMMDD", "whole numbers"),
        ("9(8) FORM=YYYYMMDD AS=timestamp", "is read as a date"),
        ("9(6) FORM=HHMMSS AS=timestamp", "is read as text"),
        ("X(26) DB2", "is read as a timestamp"),
        ("X(26) DB2 AS=timestamp SPACES=ZERO", "cannot be zero"),
    ] {
        let error = FieldDecoder::new(&spec(form)).expect_err(form);
        assert!(error.contains(why), "{form}: {error}");
    }
}
