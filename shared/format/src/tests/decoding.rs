//! What fields hold.

use domain::constraint::{Constraint, ReasonCode};
use domain::layout::Field;
use domain::value::{FieldType, Literal};

use super::{csv, delimited, field, fixed, layout, plain};
use crate::{Decoder, Delimited, Encoding, FieldForm, FixedFraming, FormatSpec, Trim};

const DECIMAL: FieldType = FieldType::Decimal { precision: 5, scale: 2 };
const TEXT: FieldType = FieldType::Text { chars_max: 5 };

/// Decodes one field of a `;`-separated record: what it holds, or the first reason against it.
pub(super) fn one(ty: FieldType, form: FieldForm, text: &[u8]) -> Result<String, ReasonCode> {
    let spec = delimited(Delimited { separator: b';', ..csv() }, 1);
    values(&FormatSpec { fields: vec![form], ..spec }, vec![field("f", ty)], text)
        .map(|values| values[0].clone())
        .map_err(|reasons| reasons[0].1)
}

type Reasons = Vec<(Option<String>, ReasonCode, String)>;

fn values(spec: &FormatSpec, fields: Vec<Field>, record: &[u8]) -> Result<Vec<String>, Reasons> {
    let mut decoder = Decoder::new(spec, layout(fields)).unwrap();
    let decoded = decoder.decode(record);
    if decoded.is_accepted() {
        return Ok(decoded.values().iter().map(ToString::to_string).collect());
    }
    let reasons = decoded.reasons().iter();
    Err(reasons.map(|reason| (reason.field.clone(), reason.code, reason.detail.clone())).collect())
}

#[test]
fn text_becomes_the_value_it_spells_or_a_reason() {
    use FieldType::{Boolean, Bytes, Integer};
    use ReasonCode::{Encoding, Quoting, TooLong, Type};
    let wide = FieldType::Decimal { precision: 38, scale: 0 };
    let table: &[(FieldType, &[u8], Result<&str, ReasonCode>)] = &[
        (TEXT, b"", Ok("NULL")),
        (TEXT, b"\"\"", Ok("''")),
        (TEXT, b" a ", Ok("' a '")),
        (TEXT, b"\"a;b\"", Ok("'a;b'")),
        (TEXT, b"\"a\"\"b\"", Ok("'a\\\"b'")),
        (TEXT, b"a\"b", Ok("'a\\\"b'")),
        (TEXT, b"\"a\"b", Err(Quoting)),
        (TEXT, b"\"a\" ", Err(Quoting)),
        (TEXT, b"\"a", Err(Quoting)),
        (TEXT, "äöüßé".as_bytes(), Ok("'äöüßé'")),
        (TEXT, b"abcdef", Err(TooLong)),
        (TEXT, b"a\xE9", Err(Encoding)),
        (TEXT, b"a\0b", Err(Encoding)),
        (Integer, b"0", Ok("0")),
        (Integer, b"-0", Ok("0")),
        (Integer, b"+7", Ok("7")),
        (Integer, b"\"7\"", Ok("7")),
        (Integer, b"\"\"", Err(Type)),
        (Integer, b"0000000000000000000000000000012", Ok("12")),
        (Integer, b"9223372036854775807", Ok("9223372036854775807")),
        (Integer, b"-9223372036854775808", Ok("-9223372036854775808")),
        (Integer, b"9223372036854775808", Err(TooLong)),
        (Integer, b"-9223372036854775809", Err(TooLong)),
        (Integer, b"99999999999999999999x", Err(Type)),
        (Integer, b" 1", Err(Type)),
        (Integer, b"1.0", Err(Type)),
        (Integer, b"1e3", Err(Type)),
        (Integer, b"-", Err(Type)),
        (Integer, b"1\xFF", Err(Encoding)),
        (DECIMAL, b"1.5", Ok("1.50")),
        (DECIMAL, b"-999.99", Ok("-999.99")),
        (DECIMAL, b"1.500", Ok("1.50")),
        (DECIMAL, b"1.505", Err(TooLong)),
        (DECIMAL, b"1000", Err(TooLong)),
        (DECIMAL, b"-1000.00", Err(TooLong)),
        (DECIMAL, b"1,000", Err(Type)),
        (DECIMAL, b"1.50 ", Err(Type)),
        (wide, b"99999999999999999999999999999999999999", Ok("99999999999999999999999999999999999999")),
        (wide, b"1234567890123456789012345678901234567890", Err(TooLong)),
        (Boolean, b"TRUE", Ok("true")),
        (Boolean, b"n", Ok("false")),
        (Boolean, b"maybe", Err(Type)),
        (Bytes, b"00fF", Ok("x'00ff'")),
        (Bytes, b"\"\"", Ok("x''")),
        (Bytes, b"", Ok("NULL")),
        (Bytes, b"0", Err(Type)),
        (Bytes, b"zz", Err(Type)),
        (Bytes, b"\"00\"0", Err(Quoting)),
    ];
    for (ty, text, expected) in table {
        let got = one(*ty, plain(), text);
        assert_eq!(got, expected.map(String::from), "{ty} {}", String::from_utf8_lossy(text));
    }
}

#[test]
fn trimming_is_for_those_who_ask_and_takes_spaces_only() {
    let table: &[(FieldType, Trim, &str, Result<&str, ReasonCode>)] = &[
        (TEXT, Trim::Right, " a  ", Ok("' a'")),
        (TEXT, Trim::Both, " a  ", Ok("'a'")),
        (TEXT, Trim::Both, "   ", Ok("NULL")),
        (TEXT, Trim::Both, "\" \"", Ok("''")),
        (TEXT, Trim::Both, "\ta", Ok("'\\ta'")),
        (FieldType::Integer, Trim::Both, "  7 ", Ok("7")),
        (FieldType::Integer, Trim::Right, "  7 ", Err(ReasonCode::Type)),
        (FieldType::Bytes, Trim::Both, " 07 ", Ok("x'07'")),
    ];
    for (ty, trim, text, expected) in table {
        let got = one(*ty, FieldForm { trim: *trim, ..plain() }, text.as_bytes());
        assert_eq!(got, expected.map(String::from), "{ty} {trim:?} {text:?}");
    }
}

#[test]
fn a_stated_truth_is_taken_to_the_letter() {
    let form = FieldForm { truths: Some((vec!["J".into()], vec!["N".into(), "-".into()])), ..plain() };
    for (text, expected) in
        [("J", Ok("true")), ("-", Ok("false")), ("j", Err(ReasonCode::Type)), ("true", Err(ReasonCode::Type))]
    {
        assert_eq!(one(FieldType::Boolean, form.clone(), text.as_bytes()), expected.map(String::from));
    }
}

#[test]
fn the_text_for_null_is_null_only_without_quotes() {
    let spec = |quote| delimited(Delimited { null: "\\N".into(), quote, ..csv() }, 3);
    let fields = || vec![field("a", TEXT), field("b", TEXT), field("c", TEXT)];
    assert_eq!(values(&spec(Some(b'"')), fields(), b"\\N,\"\\N\",").unwrap(), ["NULL", "'\\\\N'", "''"]);
    assert_eq!(values(&spec(None), fields(), b"\\N,\"x\",").unwrap(), ["NULL", "'\\\"x\\\"'", "''"]);
}

#[test]
fn the_number_of_fields_is_the_only_reason_when_it_is_wrong() {
    let trailing = || Delimited { trailing_separator: true, ..csv() };
    let table: &[(Delimited, usize, &str, Result<usize, &str>)] = &[
        (csv(), 2, "x", Err("1 field; expected 2")),
        (csv(), 2, "1,2,x", Err("3 fields; expected 2")),
        (csv(), 2, "", Err("1 field; expected 2")),
        (csv(), 1, "", Ok(1)),
        (csv(), 2, "\"1,2\",3", Ok(2)),
        (csv(), 2, "1,", Ok(2)),
        (trailing(), 2, "1,2,", Ok(2)),
        (trailing(), 2, "1,,", Ok(2)),
        (trailing(), 2, "1,2", Err("the record does not end with the separator, as every record should")),
        (trailing(), 2, "1,2,3,", Err("3 fields; expected 2")),
        (trailing(), 1, "", Err("the record does not end with the separator, as every record should")),
    ];
    for (form, count, record, expected) in table {
        let fields = (0..*count).map(|_| field("f", TEXT)).collect();
        let got = values(&delimited(form.clone(), *count), fields, record.as_bytes());
        let expected = expected.map_err(|detail| vec![(None, ReasonCode::FieldCount, detail.to_owned())]);
        assert_eq!(got.map(|values| values.len()), expected, "{record:?}");
    }
}

#[test]
fn every_field_gives_its_reasons_and_what_can_be_read_is_read() {
    let fields = vec![
        Field { required: true, ..field("key", TEXT) },
        Field { constraints: vec![Constraint::Min(Literal::Integer(0))], ..field("amount", DECIMAL) },
        field("count", FieldType::Integer),
        Field { constraints: vec![Constraint::LengthMin(3)], ..field("name", TEXT) },
    ];
    let spec = delimited(csv(), 4);
    let mut decoder = Decoder::new(&spec, layout(fields)).unwrap();
    let decoded = decoder.decode(b",-1.5,many,ab");
    let reasons: Vec<_> =
        decoded.reasons().iter().map(|reason| (reason.field.as_deref().unwrap(), reason.code)).collect();
    use ReasonCode::{Length, Range, Required, Type};
    assert_eq!(reasons, [("key", Required), ("amount", Range), ("count", Type), ("name", Length)]);
    assert_eq!((0..5).map(|at| decoded.is_decoded(at)).collect::<Vec<_>>(), [true, true, false, true, false]);
    assert_eq!(decoded.values()[1].to_string(), "-1.50");
    drop(decoded);
    assert!(decoder.decode(b"k,1,2,abc").is_accepted());
    let short = decoder.decode(b"k,1");
    assert_eq!((short.values().len(), short.is_decoded(0)), (4, false));
}

#[test]
fn reasons_quote_forty_characters_at_most() {
    let long = "ä".repeat(50);
    let quoted = format!("'{}…'", "ä".repeat(40));
    let constraints = vec![Constraint::OneOf(vec![Literal::Text("x".into())])];
    let table = [
        (field("f", FieldType::Integer), format!("{quoted} is not an integer")),
        (field("f", TEXT), format!("{quoted} has 50 characters; the maximum is 5")),
        (
            Field { constraints, ..field("f", FieldType::Text { chars_max: 99 }) },
            format!("{quoted} is not one of the 1 allowed values"),
        ),
    ];
    for (field, expected) in table {
        let reasons = values(&delimited(csv(), 1), vec![field], long.as_bytes()).unwrap_err();
        assert_eq!(reasons[0].2, expected);
    }
}

#[test]
fn latin_1_is_understood() {
    let spec = FormatSpec { encoding: Encoding::Latin1 { keeps_controls: true }, ..delimited(csv(), 3) };
    let fields = vec![field("a", TEXT), field("b", TEXT), field("c", FieldType::Integer)];
    assert_eq!(
        values(&spec, fields.clone(), b"\xE4\xF6\xFC\xDF\xE9,\"\xA3\"\"\",1").unwrap(),
        ["'äöüßé'", "'£\\\"'", "1"]
    );
    let reasons = values(&spec, fields, b"a,b,\xA31").unwrap_err();
    assert_eq!(reasons[0], (Some("c".into()), ReasonCode::Type, "'£1' is not an integer".into()));
}

#[test]
fn fixed_fields_are_cut_at_their_positions_and_padding_is_null() {
    let span = |start, length, trim| FieldForm { span: Some((start, length)), trim, ..plain() };
    let forms = vec![
        span(0, 4, Trim::Right),
        span(4, 4, Trim::Both),
        span(8, 2, Trim::Right),
        span(10, 3, Trim::None),
    ];
    let spec = fixed(FixedFraming::Line, 13, forms);
    let fields =
        || vec![field("a", TEXT), field("b", DECIMAL), field("c", FieldType::Bytes), field("d", TEXT)];
    let table: &[(&[u8], Result<[&str; 4], (ReasonCode, &str)>)] = &[
        (b"ab   1.5\x00  \xC3\xA9", Ok(["'ab'", "1.50", "x'0020'", "' é'"])),
        (b" b           ", Ok(["' b'", "NULL", "x'2020'", "'   '"])),
        (b"            -", Ok(["NULL", "NULL", "x'2020'", "'  -'"])),
        (b"ab", Err((ReasonCode::FieldCount, "the record has 2 bytes; expected 13"))),
        (b"ab   1.5      ", Err((ReasonCode::FieldCount, "the record has 14 bytes; expected 13"))),
        (b"ab   1.5   a\xC3", Err((ReasonCode::Encoding, "not valid UTF-8 at byte 2 of the field"))),
    ];
    for (record, expected) in table {
        match (values(&spec, fields(), record), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, *expected),
            (Err(got), Err((code, detail))) => assert_eq!((got[0].1, got[0].2.as_str()), (*code, *detail)),
            (got, expected) => panic!("{}: {got:?}, expected {expected:?}", String::from_utf8_lossy(record)),
        }
    }
}

#[test]
fn a_decoder_is_refused_in_a_sentence() {
    let date = FieldForm { pattern: Some("%Y".into()), ..plain() };
    let far = FieldForm { span: Some((3, 2)), ..plain() };
    let table = [
        (delimited(csv(), 2), TEXT, "the format has 2 fields, but the layout has 1"),
        (fixed(FixedFraming::Line, 4, vec![plain()]), TEXT, "field `f` has no position in the record"),
        (fixed(FixedFraming::Line, 4, vec![far]), TEXT, "field `f` extends beyond the record's 4 bytes"),
        (
            FormatSpec { fields: vec![date], ..delimited(csv(), 1) },
            FieldType::Date,
            "field `f`: the format `%Y` lacks the month or the day",
        ),
    ];
    for (spec, ty, expected) in table {
        assert_eq!(Decoder::new(&spec, layout(vec![field("f", ty)])).unwrap_err(), expected);
    }
}
