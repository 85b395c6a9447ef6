//! Records on several lines, records that end early, groups of values that repeat, points that are not written.

use domain::constraint::ReasonCode;
use domain::value::FieldType;

use super::{csv, delimited, field, fixed, layout, plain};
use crate::spec::{Extra, GroupSum, LinePrefix};
use crate::{Decoder, Delimited, FieldForm, FixedFraming, FormatSpec, FrameError, Framer, frames, lines};

const TEXT: FieldType = FieldType::Text { chars_max: 60 };
const WHOLE: FieldType = FieldType::Decimal { precision: 6, scale: 0 };

fn bai2() -> Delimited {
    Delimited {
        quote: None,
        terminator: Some(b'/'),
        continuation: LinePrefix::new(b"88,"),
        missing_is_null: true,
        columns: None,
        lead_lines: 0,
        skips: crate::spec::Skips::default(),
        ..csv()
    }
}

/// A code, a name, the rest, and the sum of the second of each group of three in it.
fn spec(form: Delimited) -> FormatSpec {
    let mut spec = delimited(form, 4);
    spec.fields[2].rest = true;
    spec.fields[3].sum_of = Some(GroupSum {
        of: 2,
        group: 3,
        amount: 1,
        extra: vec![("S".into(), Extra::Values(2)), ("D".into(), Extra::Times(2))],
    });
    spec
}

fn decoded(spec: &FormatSpec, record: &str) -> Result<Vec<String>, Vec<(Option<String>, ReasonCode)>> {
    let fields = vec![field("code", TEXT), field("name", TEXT), field("rest", TEXT), field("sum", WHOLE)];
    let mut decoder = Decoder::new(spec, layout(fields)).unwrap();
    let decoded = decoder.decode(record.as_bytes());
    if decoded.is_accepted() {
        return Ok(decoded.values().iter().map(ToString::to_string).collect());
    }
    Err(decoded.reasons().iter().map(|reason| (reason.field.clone(), reason.code)).collect())
}

#[test]
fn a_line_that_begins_with_the_continuation_belongs_to_the_record_before_it() {
    let table: &[(&str, &[&str], u64)] = &[
        ("a/\nb/\n", &["a/", "b/"], 2),
        ("a/\n88,b/\nc/\n", &["a/\n88,b/", "c/"], 3),
        ("a/\r\n88,b/\r\n88,c/\r\nd", &["a/\r\n88,b/\r\n88,c/", "d"], 4),
        ("a\n88,b", &["a\n88,b"], 2),
        // Neither of these is one.
        ("a\n88b\n888,\n", &["a", "88b", "888,"], 3),
        ("a\n8", &["a", "8"], 2),
        ("a\n88", &["a", "88"], 2),
        // Nothing stands before it.
        ("88,a\n88,b\nc", &["88,a\n88,b", "c"], 3),
        ("\n88,\n\n", &["\n88,", ""], 3),
    ];
    let framer = Framer::new(&delimited(bai2(), 1));
    for (bytes, expected, count) in table {
        let found: Vec<_> = frames(&framer, bytes.as_bytes()).map(|frame| frame.unwrap().1).collect();
        let shown: Vec<_> = found.iter().map(|content| std::str::from_utf8(content).unwrap()).collect();
        assert_eq!(shown, *expected, "{bytes:?}");
        assert_eq!(found.iter().map(|content| lines(content)).sum::<u64>(), *count, "{bytes:?}");
    }
}

#[test]
fn a_record_does_not_end_before_the_line_behind_it_is_seen() {
    let framer = Framer::new(&delimited(bai2(), 1));
    for unknown in ["a", "a\n", "a\n8", "a\n88", "a\n88,", "a\n88,b\n", "a\n88,b\n88"] {
        assert_eq!(framer.next(unknown.as_bytes(), false), Ok(None), "{unknown:?}");
    }
    for known in ["a\nb", "a\n89", "a\n88b", "a\n\n"] {
        assert_eq!(framer.next(known.as_bytes(), false).unwrap().unwrap().total, 2, "{known:?}");
    }
    let taken = framer.take(b"a\nb\n88,c\nd\n", false, 9, 99).unwrap();
    assert_eq!((taken.records, taken.bytes), (2, 9));
}

#[test]
fn a_record_that_goes_on_for_ever_is_too_long() {
    let spec = FormatSpec { record_bytes_max: 20, ..delimited(bai2(), 1) };
    let endless = "88,x\n".repeat(9);
    for at_end in [false, true] {
        assert_eq!(Framer::new(&spec).next(endless.as_bytes(), at_end), Err(FrameError::TooLong { max: 20 }));
    }
}

#[test]
fn fields_are_cut_from_what_the_lines_say_together() {
    let table: &[(&str, &[&str])] = &[
        ("1,n,a,2,/", &["'1'", "'n'", "'a,2,'", "2"]),
        ("1,n,a,2,/  ", &["'1'", "'n'", "'a,2,'", "2"]),
        // Where a line ends with its terminator, a field ends.
        ("1,n,a,2,/\n88,b,3,/", &["'1'", "'n'", "'a,2,,b,3,'", "5"]),
        ("1,n/\r\n88,b,3,/", &["'1'", "'n'", "'b,3,'", "3"]),
        // Nothing is written, nothing is summed.
        ("1,n/", &["'1'", "'n'", "NULL", "0"]),
        ("1/", &["'1'", "NULL", "NULL", "0"]),
        ("1,n,/", &["'1'", "'n'", "NULL", "0"]),
        ("1,n,a,,/", &["'1'", "'n'", "'a,,'", "0"]),
        ("1,n,a,-2,,b,+3,/", &["'1'", "'n'", "'a,-2,,b,+3,'", "1"]),
        // Further values, of which none is taken for an amount.
        ("1,n,a,2,S,7,8,b,3,/", &["'1'", "'n'", "'a,2,S,7,8,b,3,'", "5"]),
        ("1,n,a,2,D,2,7,8,9,9,b,3,/", &["'1'", "'n'", "'a,2,D,2,7,8,9,9,b,3,'", "5"]),
        ("1,n,a,2,D,0,b,3,/", &["'1'", "'n'", "'a,2,D,0,b,3,'", "5"]),
    ];
    for (record, expected) in table {
        assert_eq!(decoded(&spec(bai2()), record).unwrap(), *expected, "{record:?}");
    }
    let sum = |code| vec![(Some("sum".to_owned()), code)];
    let table = [
        ("1,n,a,2/", sum(ReasonCode::FieldCount)),
        ("1,n,a,2,,b/", sum(ReasonCode::FieldCount)),
        ("1,n,a,2,S,7/", sum(ReasonCode::FieldCount)),
        ("1,n,a,2,D/", sum(ReasonCode::FieldCount)),
        ("1,n,a,2,D,x,1,2/", sum(ReasonCode::FieldCount)),
        ("1,n,a,2,D,18446744073709551615,1,2/", sum(ReasonCode::FieldCount)),
        ("1,n,a,x,/", sum(ReasonCode::Type)),
        ("1,n,a,2.5,/", sum(ReasonCode::TooLong)),
        ("1,n,a,999999,,b,1,/", sum(ReasonCode::TooLong)),
        // A line that ended within a field leaves its line feed there.
        ("1,n,a,2\n88,b,3,/", sum(ReasonCode::Type)),
    ];
    for (record, expected) in table {
        assert_eq!(decoded(&spec(bai2()), record).unwrap_err(), expected, "{record:?}");
    }
    // Without a word about missing fields, all are due.
    let strict = spec(Delimited { missing_is_null: false, ..bai2() });
    assert_eq!(decoded(&strict, "1,n/").unwrap_err(), [(None, ReasonCode::FieldCount)]);
    assert!(decoded(&strict, "1,n,/").is_ok());
    let no_rest = Delimited { missing_is_null: true, ..bai2() };
    assert_eq!(decoded(&delimited(no_rest, 4), "1,2,3,4,5/").unwrap_err(), [(None, ReasonCode::FieldCount)]);
}

#[test]
fn free_text_keeps_the_line_feed_where_it_was_cut() {
    let mut form = spec(bai2());
    form.fields[3].sum_of = None;
    form.fields.pop();
    let fields = vec![field("code", TEXT), field("name", TEXT), field("rest", TEXT)];
    let mut decoder = Decoder::new(&form, layout(fields)).unwrap();
    let record = b"16,n,some text, with a comma\n88,and more/ of it\n88,to the end/";
    assert_eq!(
        decoder.decode(record).values()[2].to_string(),
        "'some text, with a comma\\nand more/ of it\\nto the end'"
    );
    assert_eq!(decoder.peek(record, 0).unwrap().to_string(), "'16'");
}

#[test]
fn a_point_that_is_not_written_stands_before_the_last_digits() {
    let money = FieldType::Decimal { precision: 6, scale: 2 };
    let spec = |implied_point| FormatSpec {
        fields: vec![FieldForm { implied_point, ..plain() }],
        ..delimited(csv(), 1)
    };
    let one = |text: &str| {
        let mut decoder = Decoder::new(&spec(true), layout(vec![field("f", money)])).unwrap();
        let decoded = decoder.decode(text.as_bytes());
        decoded.reasons().first().map_or(Ok(decoded.values()[0].to_string()), |reason| Err(reason.code))
    };
    let table = [
        ("0000012345", Ok("123.45")),
        ("5", Ok("0.05")),
        ("-100", Ok("-1.00")),
        ("0", Ok("0.00")),
        ("", Ok("NULL")),
        ("999999", Ok("9999.99")),
        ("1000000", Err(ReasonCode::TooLong)),
        ("1.00", Err(ReasonCode::Type)),
        ("1.", Err(ReasonCode::Type)),
        ("1 2", Err(ReasonCode::Type)),
    ];
    for (text, expected) in table {
        assert_eq!(one(text), expected.map(Into::into), "{text}");
    }
}

#[test]
fn a_short_line_is_filled_up_unless_it_ends_within_a_number() {
    let at = |start, length| FieldForm { span: Some((start, length)), trim: super::Trim::Both, ..plain() };
    let mut spec = fixed(FixedFraming::Line, 12, vec![at(0, 4), at(4, 4), at(8, 4)]);
    let one = |spec: &FormatSpec, record: &[u8]| {
        let fields = vec![field("a", TEXT), field("b", WHOLE), field("c", TEXT)];
        let mut decoder = Decoder::new(spec, layout(fields)).unwrap();
        let decoded = decoder.decode(record);
        decoded.reasons().first().map_or(
            Ok(format!("{:?}", decoded.values().iter().map(ToString::to_string).collect::<Vec<_>>())),
            |r| Err(r.code),
        )
    };
    assert_eq!(one(&spec, b"ab  0012"), Err(ReasonCode::FieldCount));
    if let super::Form::Fixed(form) = &mut spec.form {
        form.pads = true;
    }
    assert_eq!(one(&spec, b"ab  0012"), Ok(r#"["'ab'", "12", "NULL"]"#.into()));
    assert_eq!(one(&spec, b"ab  0012cd"), Ok(r#"["'ab'", "12", "'cd'"]"#.into()));
    assert_eq!(one(&spec, b"ab"), Ok(r#"["'ab'", "NULL", "NULL"]"#.into()));
    assert_eq!(one(&spec, b"ab  001"), Err(ReasonCode::FieldCount));
    assert_eq!(one(&spec, b"ab  0012cdefg"), Err(ReasonCode::FieldCount));
}
