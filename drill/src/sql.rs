//! SQL in the two dialects: names, values.

use domain::hex;
use domain::value::Value;
use store::names;

pub(crate) use store::names::{quoted, table as quoted_table};

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// A text as an SQL literal.
pub(crate) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Dialect {
    /// An expression of what `column` holds, as text that tells any two values apart.
    pub(crate) fn shown(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("quote({column})"),
            Self::Postgres => format!("CAST({column} AS TEXT)"),
        }
    }

    /// A value as the tables of this store hold it.
    pub(crate) fn literal(self, value: &Value<'_>) -> String {
        match (value, self) {
            (Value::Null, _) => "NULL".into(),
            (Value::Text(value), _) => text(value),
            (Value::Integer(value), _) => value.to_string(),
            // SQLite keeps amounts as text, so that no float is made of them.
            (Value::Decimal(value), Self::Sqlite) => format!("'{value}'"),
            (Value::Decimal(value), Self::Postgres) => value.to_string(),
            (Value::Date(value), _) => format!("'{value}'"),
            (Value::Timestamp(at), _) => format!("'{}'", at.strftime("%Y-%m-%d %H:%M:%S%.6f")),
            (Value::Instant(_), _) => format!("'{value}'"),
            (Value::Boolean(value), Self::Sqlite) => u8::from(*value).to_string(),
            (Value::Boolean(value), Self::Postgres) => value.to_string(),
            (Value::Bytes(value), Self::Sqlite) => format!("x'{}'", hex::encode(value)),
            (Value::Bytes(value), Self::Postgres) => format!("'\\x{}'::bytea", hex::encode(value)),
        }
    }
}

/// The columns of a record type's own fields.
pub(crate) fn columns(layout: &domain::layout::Layout) -> String {
    names::columns("", layout.fields.iter().map(|field| field.name.as_str()))
}
