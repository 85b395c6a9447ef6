//! The tests' record, and how a line of a table becomes one.

mod properties;
mod refusals;
mod table;

use super::{Predicate, PredicateError, Truth};
use crate::layout::{Field, Layout, Mode, RecordTypeSlot};
use crate::value::{FieldType, Value};

fn layout() -> Layout {
    let fields = [
        ("id", FieldType::Integer),
        ("qty", FieldType::Integer),
        ("amt", FieldType::Decimal { precision: 11, scale: 2 }),
        ("fee", FieldType::Decimal { precision: 38, scale: 10 }),
        ("big", FieldType::Decimal { precision: 38, scale: 0 }),
        ("type_cd", FieldType::Text { chars_max: 2 }),
        ("name", FieldType::Text { chars_max: 40 }),
        ("pattern", FieldType::Text { chars_max: 40 }),
        ("opened", FieldType::Date),
        ("closed", FieldType::Date),
        ("posted", FieldType::Timestamp),
        ("seen", FieldType::Instant),
        ("active", FieldType::Boolean),
        ("locked", FieldType::Boolean),
        ("raw", FieldType::Bytes),
        ("ACCT-ID", FieldType::Text { chars_max: 11 }),
        ("user", FieldType::Text { chars_max: 8 }),
    ];
    Layout {
        record: "transaction".into(),
        among: RecordTypeSlot::ALONE,
        fields: fields
            .into_iter()
            .map(|(name, ty)| Field {
                name: name.into(),
                ty,
                required: false,
                sensitive: false,
                constraints: Vec::new(),
            })
            .collect(),
        key: Vec::new(),
        amounts: Vec::new(),
        hashed: Vec::new(),
        mode: Mode::Append,
        promote_by: crate::layout::PromoteBy::Insert,
        staging: "stg".into(),
        final_table: "fin".into(),
        masks: crate::mask::Masks::default(),
    }
}

/// The values of a record written as `amt=1.50; name=Ann`; a field that is not written is NULL.
fn record<'a>(layout: &Layout, written: &'a str) -> Vec<Value<'a>> {
    let mut values = vec![Value::Null; layout.fields.len()];
    for part in written.split("; ").filter(|part| !part.is_empty()) {
        let (name, text) = part.split_once('=').unwrap();
        let at = layout.index_of(name).unwrap_or_else(|| panic!("no field {name}"));
        values[at] = match layout.fields[at].ty {
            FieldType::Integer => Value::Integer(text.parse().unwrap()),
            FieldType::Decimal { scale, .. } => {
                let amount: crate::amount::Amount = text.parse().unwrap();
                Value::Decimal(amount.rescale(scale).unwrap())
            }
            FieldType::Text { .. } => Value::Text(text),
            FieldType::Date => Value::Date(text.parse().unwrap()),
            FieldType::Timestamp => Value::Timestamp(text.parse().unwrap()),
            FieldType::Instant => Value::Instant(text.parse().unwrap()),
            FieldType::Boolean => Value::Boolean(text.parse().unwrap()),
            FieldType::Bytes => Value::Bytes(text.as_bytes()),
        };
    }
    values
}

fn evaluated(text: &str, written: &str) -> Result<Truth, PredicateError> {
    let layout = layout();
    Predicate::parse(text, &layout)?.evaluate(&record(&layout, written))
}

#[test]
fn predicates_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + std::fmt::Debug>() {}
    shared::<Predicate>();
}

#[test]
fn a_predicate_keeps_its_text_and_names_the_fields_it_reads() {
    let text = "Amt > 0 AND (type_cd = 'x' OR amt < qty)";
    let predicate = Predicate::parse(text, &layout()).unwrap();
    assert_eq!(predicate.text(), text);
    assert_eq!(predicate.fields(), [1, 2, 5]);
    assert_eq!(Predicate::parse("1 = 1", &layout()).unwrap().fields(), [0_usize; 0]);
}

#[test]
fn instants_are_compared_with_instants_alone() {
    let at = "seen=2024-02-29T00:00:00.5";
    for (text, expected) in [
        ("seen > TIMESTAMPTZ '2024-02-29 01:00:00+01:00'", Truth::True),
        ("seen = TIMESTAMP WITH TIME ZONE '2024-02-28T19:00:00.5 -0500'", Truth::True),
        (
            "seen BETWEEN TIMESTAMPTZ '2024-02-29 00:00:01Z' AND TIMESTAMPTZ '2024-03-01 00:00:00Z'",
            Truth::False,
        ),
        ("coalesce(seen, TIMESTAMPTZ '2024-02-29 00:00:01Z') IS NOT NULL", Truth::True),
    ] {
        assert_eq!(evaluated(text, at), Ok(expected), "{text}");
    }
    for (text, expected) in [
        ("seen = posted", "cannot compare"),
        ("seen = opened", "cannot compare"),
        ("seen = '2024-02-29'", "write TIMESTAMPTZ '2024-02-29'"),
        ("seen - seen > 1", "the only date arithmetic"),
        ("extract(year FROM seen) = 2024", "takes a date or timestamp"),
        ("seen = TIMESTAMPTZ '2024-02-29 00:00:00.1234567Z'", "at most six fractional digits"),
    ] {
        let error = evaluated(text, at).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
