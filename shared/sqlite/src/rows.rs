//! Rows between canonical form and SQLite's columns.

use domain::layout::Layout;
use domain::record::{self, RawField, Tag};
use domain::value::FieldType;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Row, Statement};
use store::StoreError;

/// Binds a field to parameter `at` (from 1).
pub(crate) fn bind(statement: &mut Statement<'_>, at: usize, field: RawField<'_>) -> Result<(), StoreError> {
    let value = match field.tag {
        Tag::Null => ToSqlOutput::Owned(Value::Null),
        Tag::Text | Tag::Decimal | Tag::Date | Tag::Timestamp | Tag::Instant => {
            ToSqlOutput::Borrowed(ValueRef::Text(field.content))
        }
        Tag::Integer => {
            let bytes = field.content.try_into().map_err(|_| malformed())?;
            ToSqlOutput::Owned(Value::Integer(i64::from_be_bytes(bytes)))
        }
        Tag::Boolean => ToSqlOutput::Owned(Value::Integer(i64::from(field.content == [1]))),
        Tag::Bytes => ToSqlOutput::Borrowed(ValueRef::Blob(field.content)),
        Tag::Foreign => return Err(malformed()),
    };
    Ok(statement.raw_bind_parameter(at, value)?)
}

fn malformed() -> StoreError {
    StoreError::Damaged { what: "a batch holds a value that no field of the job can have".into() }
}

/// Appends the columns of `row` from number `from` on as the fields of a canonical record.
///
/// A value of another storage class than the column's is encoded as foreign, so that it never equals a real one.
pub(crate) fn read(row: &Row<'_>, from: usize, layout: &Layout, out: &mut Vec<u8>) -> Result<(), StoreError> {
    for (index, field) in layout.fields.iter().enumerate() {
        put(row.get_ref(from + index)?, &field.ty, out);
    }
    Ok(())
}

/// Appends one column's value as a field of type `ty`.
pub(crate) fn put(value: ValueRef<'_>, ty: &FieldType, out: &mut Vec<u8>) {
    match (value, ty) {
        (ValueRef::Null, _) => record::put_raw(out, Tag::Null, &[]),
        (
            ValueRef::Text(text),
            FieldType::Text { .. }
            | FieldType::Decimal { .. }
            | FieldType::Date
            | FieldType::Timestamp
            | FieldType::Instant,
        ) => record::put_raw(out, Tag::of(ty), text),
        (ValueRef::Integer(integer), FieldType::Integer) => {
            record::put_raw(out, Tag::Integer, &integer.to_be_bytes());
        }
        (ValueRef::Integer(integer @ (0 | 1)), FieldType::Boolean) => {
            record::put_raw(out, Tag::Boolean, &[u8::from(integer == 1)]);
        }
        (ValueRef::Blob(bytes), FieldType::Bytes) => record::put_raw(out, Tag::Bytes, bytes),
        (foreign, _) => record::put_raw(out, Tag::Foreign, foreign_text(foreign).as_bytes()),
    }
}

fn foreign_text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".into(),
        ValueRef::Integer(integer) => format!("integer {integer}"),
        ValueRef::Real(real) => format!("real {real:?}"),
        ValueRef::Text(text) => format!("text '{}'", String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => format!("blob x'{}'", domain::hex::encode(bytes)),
    }
}
