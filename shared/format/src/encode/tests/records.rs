//! One field of a delimited or fixed record written anew: every other byte stays.

use domain::layout::Field;
use domain::record::{encoded, put};
use domain::value::{FieldType, Value};
use jiff::civil::date;

use crate::encode::{CannotWrite, FieldWriter};
use crate::tests::{csv, delimited, field, fixed, layout, plain};
use crate::{Columns, Delimited, Encoding, FieldForm, FixedFraming, FormatSpec, REST, Trim};

const TEXT: FieldType = FieldType::Text { chars_max: 40 };
const DECIMAL: FieldType = FieldType::Decimal { precision: 9, scale: 2 };

fn written(
    spec: &FormatSpec,
    fields: &[Field],
    record: &[u8],
    (index, value): (usize, Value<'_>),
) -> Result<String, CannotWrite> {
    let mut writer = FieldWriter::new(spec, &layout(fields.to_vec())).unwrap();
    let (mut record, mut raw) = (record.to_vec(), Vec::new());
    put(&mut raw, &value);
    writer.write(&mut record, index, encoded(&raw).unwrap())?;
    Ok(record.iter().map(|byte| char::from(*byte)).collect())
}

fn amount(text: &str) -> Value<'static> {
    Value::Decimal(text.parse().unwrap())
}

#[test]
fn a_field_between_separators_is_written_with_the_quotes_or_escapes_that_it_needs() {
    let fields = [field("a", TEXT), field("b", DECIMAL), field("c", TEXT)];
    let quoted = delimited(csv(), 3);
    let escaped = delimited(Delimited { quote: None, escape: Some(b'\\'), null: "\\N".into(), ..csv() }, 3);
    let latin = FormatSpec { encoding: Encoding::Latin1 { keeps_controls: false }, ..quoted.clone() };
    let named = delimited(
        Delimited {
            columns: Some(Columns { count: 4, of_fields: vec![3, 0, 2], left_out: vec![1] }),
            ..csv()
        },
        3,
    );
    let ended = delimited(Delimited { trailing_separator: true, ..csv() }, 3);
    let plain = delimited(Delimited { quote: None, ..csv() }, 3);
    for (spec, record, index, value, expected) in [
        (&quoted, "x,1.0x,z", 1, amount("-1.00"), Ok("x,-1.00,z")),
        (&quoted, "x,\"1,0\",z", 1, amount("1.00"), Ok("x,1.00,z")),
        (&quoted, "x,1,z", 0, Value::Text("a,\"b\""), Ok("\"a,\"\"b\"\"\",1,z")),
        (&quoted, "\"x,y\",1,z", 2, Value::Text("new"), Ok("\"x,y\",1,new")),
        (&quoted, "x,1,z", 2, Value::Text("two\nlines"), Ok("x,1,\"two\nlines\"")),
        (&quoted, "x,1,z", 2, Value::Null, Ok("x,1,")),
        (&quoted, "x,1,z", 2, Value::Text(""), Ok("x,1,\"\"")),
        (&escaped, "x,1,z", 0, Value::Text("a,b\\"), Ok("a\\,b\\\\,1,z")),
        (&escaped, "a\\,b,1,z", 1, Value::Null, Ok("a\\,b,\\N,z")),
        (&escaped, "x,1,z", 0, Value::Text(""), Ok(",1,z")),
        (&latin, "x,1,z", 0, Value::Text("\u{e9}"), Ok("\u{e9},1,z")),
        (&latin, "x,1,z", 0, Value::Text("\u{20ac}"), Err(CannotWrite::NoForm)),
        (&named, "1,left,c,a", 0, Value::Text("A"), Ok("1,left,c,A")),
        (&named, "x,left,c,a", 1, amount("2.50"), Ok("2.50,left,c,a")),
        (&ended, "x,1,z,", 2, Value::Text("Z"), Ok("x,1,Z,")),
        (&quoted, "x,1", 2, Value::Text("Z"), Err(CannotWrite::NoPlace)),
        (&quoted, "\"x\"y,1,z", 0, Value::Text("Z"), Err(CannotWrite::NoPlace)),
        (&plain, "x,1,z", 2, Value::Text(""), Err(CannotWrite::NoForm)),
        (&quoted, "x,1,z", 1, Value::Text("1"), Err(CannotWrite::NoForm)),
    ] {
        let found = written(spec, &fields, record.as_bytes(), (index, value));
        assert_eq!(found.as_deref(), expected.as_ref().map(|text| *text), "{record} {index} {value}");
    }
}

#[test]
fn a_field_at_a_position_is_filled_up() {
    let at = |start, length, trim| FieldForm { span: Some((start, length)), trim, ..plain() };
    let fields = [
        field("a", TEXT),
        field("b", DECIMAL),
        field("c", DECIMAL),
        field("d", FieldType::Date),
        field("e", TEXT),
    ];
    let spec = fixed(
        FixedFraming::Line,
        26,
        vec![
            at(0, 4, Trim::Right),
            at(4, 7, Trim::Both),
            FieldForm { implied_point: true, ..at(11, 5, Trim::Right) },
            FieldForm { pattern: Some("%Y%m%d".into()), ..at(16, 8, Trim::Right) },
            at(24, REST, Trim::Right),
        ],
    );
    let record = "name   1.5000xx920240230rest";
    for (index, value, expected) in [
        (0, Value::Text("new"), Ok("new    1.5000xx920240230rest")),
        (0, Value::Null, Ok("       1.5000xx920240230rest")),
        (1, amount("-2.25"), Ok("name  -2.2500xx920240230rest")),
        (2, amount("-1.05"), Ok("name   1.50-010520240230rest")),
        (3, Value::Date(date(2024, 2, 29)), Ok("name   1.5000xx920240229rest")),
        (4, Value::Text("longer than it was"), Ok("name   1.5000xx920240230longer than it was")),
        (0, Value::Text("names"), Err(CannotWrite::NoForm)),
        (2, amount("1000.00"), Err(CannotWrite::NoForm)),
    ] {
        let found = written(&spec, &fields, record.as_bytes(), (index, value));
        let expected = expected.map(str::to_owned);
        assert_eq!(found, expected, "{index} {value}");
    }
    // A record that ends before the field has no such field.
    assert_eq!(written(&spec, &fields, b"name", (2, amount("1.00"))), Err(CannotWrite::NoPlace));
}
