//! What a column holds, and what is read from it.

use proptest::prelude::*;

use domain::constraint::Constraint;
use domain::layout::Field;
use domain::record::{self, Tag};
use domain::value::{FieldType, Literal};

use super::fit::{Fit, Stored, fit};
use super::numeric;

fn field(ty: FieldType, constraints: Vec<Constraint>) -> Field {
    Field { name: "f".into(), ty, required: false, sensitive: false, constraints }
}

/// What is known of a column beforehand: `always`, `if`, `never`.
fn told(ty: FieldType, constraints: Vec<Constraint>, column: &str) -> &'static str {
    match fit(&field(ty, constraints), column) {
        Fit::Always => "always",
        Fit::If { .. } => "if",
        Fit::Never(_) => "never",
    }
}

#[test]
fn what_a_column_holds_is_known_from_its_type() {
    let (text, decimal) = (FieldType::Text { chars_max: 10 }, FieldType::Decimal { precision: 12, scale: 2 });
    let whole = FieldType::Decimal { precision: 9, scale: 0 };
    for (ty, column, expected) in [
        (text, "text", "always"),
        (text, "character varying", "always"),
        (text, "character varying(10)", "always"),
        (text, "character varying(9)", "if"),
        (text, "character(10)", "if"),
        (text, "\"char\"", "never"),
        (text, "name", "never"),
        (text, "jsonb", "never"),
        (text, "uuid", "never"),
        (text, "bytea", "never"),
        (FieldType::Integer, "bigint", "always"),
        (FieldType::Integer, "integer", "if"),
        (FieldType::Integer, "smallint", "if"),
        (FieldType::Integer, "numeric", "always"),
        (FieldType::Integer, "numeric(19,0)", "always"),
        (FieldType::Integer, "numeric(18,0)", "if"),
        (FieldType::Integer, "double precision", "never"),
        (FieldType::Integer, "text", "never"),
        (decimal, "numeric(12,2)", "always"),
        (decimal, "numeric(14,4)", "always"),
        (decimal, "numeric(12,4)", "if"),
        (decimal, "numeric(10,2)", "if"),
        (decimal, "numeric(14,1)", "if"),
        (decimal, "numeric(3,5)", "if"),
        (decimal, "numeric(3,-2)", "if"),
        (decimal, "numeric", "always"),
        (decimal, "bigint", "if"),
        (decimal, "real", "never"),
        (decimal, "money", "never"),
        (whole, "integer", "always"),
        (whole, "smallint", "if"),
        (FieldType::Date, "date", "always"),
        (FieldType::Date, "timestamp without time zone", "always"),
        (FieldType::Date, "timestamp(0) without time zone", "always"),
        (FieldType::Date, "timestamp with time zone", "never"),
        (FieldType::Timestamp, "timestamp without time zone", "always"),
        (FieldType::Timestamp, "timestamp(6) without time zone", "always"),
        (FieldType::Timestamp, "timestamp(3) without time zone", "if"),
        (FieldType::Timestamp, "timestamp(3) with time zone", "never"),
        (FieldType::Timestamp, "date", "if"),
        (FieldType::Instant, "timestamp with time zone", "always"),
        (FieldType::Instant, "timestamp(6) with time zone", "always"),
        (FieldType::Instant, "timestamp(3) with time zone", "if"),
        (FieldType::Instant, "timestamp without time zone", "never"),
        (FieldType::Instant, "date", "never"),
        (FieldType::Instant, "text", "never"),
        (FieldType::Boolean, "boolean", "always"),
        (FieldType::Boolean, "integer", "never"),
        (FieldType::Bytes, "bytea", "always"),
        (FieldType::Bytes, "text", "never"),
    ] {
        assert_eq!(told(ty, Vec::new(), column), expected, "{ty} in {column}");
    }
}

#[test]
fn constraints_of_the_job_can_make_a_column_wide_enough() {
    let text = FieldType::Text { chars_max: 10 };
    let one_of =
        |texts: &[&str]| Constraint::OneOf(texts.iter().map(|text| Literal::Text((*text).into())).collect());
    assert_eq!(told(text, vec![Constraint::LengthMax(3)], "character varying(3)"), "always");
    assert_eq!(told(text, vec![one_of(&["ab", "äöü"])], "character varying(3)"), "always");
    assert_eq!(told(text, vec![one_of(&["ab", "abc"])], "character(3)"), "if");
    let exactly = vec![Constraint::LengthMin(3), Constraint::LengthMax(3)];
    assert_eq!(told(text, exactly, "character(3)"), "always");
    let bounds =
        |low, high| vec![Constraint::Min(Literal::Integer(low)), Constraint::Max(Literal::Integer(high))];
    assert_eq!(told(FieldType::Integer, bounds(0, 32_767), "smallint"), "always");
    assert_eq!(told(FieldType::Integer, bounds(0, 32_768), "smallint"), "if");
}

fn read(stored: Stored, ty: FieldType, value: &[u8]) -> (Tag, Vec<u8>) {
    let mut out = Vec::new();
    stored.read(&mut out, &ty, Some(value));
    let raw = record::encoded(&out).unwrap();
    (raw.tag, raw.content.to_vec())
}

#[test]
fn a_number_with_more_digits_than_the_field_is_foreign() {
    let decimal = FieldType::Decimal { precision: 5, scale: 2 };
    for (text, expected) in [
        ("1.2300", Some("1.23")),
        ("-1.2", Some("-1.20")),
        ("7", Some("7.00")),
        ("0.000", Some("0.00")),
        ("1.2301", None),
        ("99999.00", None),
    ] {
        let mut sent = Vec::new();
        numeric::encode(text.as_bytes(), &mut sent).unwrap();
        let (tag, content) = read(Stored::Numeric, decimal, &sent);
        assert_eq!((tag == Tag::Decimal).then(|| String::from_utf8(content).unwrap()).as_deref(), expected);
    }
    let nan = [0, 0, 0, 0, 0xc0, 0, 0, 0];
    assert_eq!(read(Stored::Numeric, decimal, &nan).0, Tag::Foreign);
    assert_eq!(read(Stored::Numeric, FieldType::Integer, &nan).0, Tag::Foreign);
    let one_and_a_half = [0, 2, 0, 0, 0, 0, 0, 1, 0, 1, 0x13, 0x88];
    assert_eq!(read(Stored::Numeric, FieldType::Integer, &one_and_a_half).0, Tag::Foreign);
}

#[test]
fn a_time_of_day_in_place_of_a_day_is_foreign() {
    let (day, hour) = (86_400_000_000_i64 * 366, 3_600_000_000_i64);
    let at = |micros: i64| read(Stored::Timestamp, FieldType::Date, &micros.to_be_bytes());
    assert_eq!(at(day), (Tag::Date, b"2001-01-01".to_vec()));
    assert_eq!(at(day + hour).0, Tag::Foreign);
    assert_eq!(at(i64::MAX).0, Tag::Foreign);
    let midnight = read(Stored::Date, FieldType::Timestamp, &366_i32.to_be_bytes());
    assert_eq!(midnight, (Tag::Timestamp, b"2001-01-01 00:00:00.000000".to_vec()));
    assert_eq!(read(Stored::Date, FieldType::Timestamp, &i32::MAX.to_be_bytes()).0, Tag::Foreign);
}

proptest! {
    /// A value that a wider column holds is read back as the value that was written.
    #[test]
    fn what_is_read_is_what_was_written(mantissa in -(10_i64.pow(15))..10_i64.pow(15), more in 0_usize..6) {
        let amount = domain::amount::Amount::new(mantissa.into(), 2).unwrap().to_string();
        let mut sent = Vec::new();
        numeric::encode(format!("{amount}{}", "0".repeat(more)).as_bytes(), &mut sent).unwrap();
        let ty = FieldType::Decimal { precision: 18, scale: 2 };
        prop_assert_eq!(read(Stored::Numeric, ty, &sent), (Tag::Decimal, amount.into_bytes()));
        let whole = read(Stored::Integer, FieldType::Integer, &mantissa.to_be_bytes());
        prop_assert_eq!(whole, (Tag::Integer, mantissa.to_be_bytes().to_vec()));
    }
}
