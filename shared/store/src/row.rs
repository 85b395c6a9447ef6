//! Rows and parameters as the ledger sees them, whatever driver they travel through.
//!
//! The ledger's statements are few for each chunk, and so what a dynamic value costs does not matter. Rows in bulk
//! (staging, final, COPY) never pass here: each adapter moves those in its own way.

use std::str::FromStr;
use std::sync::Arc;

use domain::fingerprint::Hash;
use serde::de::DeserializeOwned;

use crate::{StoreError, damaged};

/// One value of a row. An identifier that the database keeps as a UUID is its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The column is NULL in this row.
    Null,
    /// A number; a boolean too, where the database has none.
    Integer(i64),
    /// A boolean, where the database has the type.
    Boolean(bool),
    /// Text, or an identifier as text.
    Text(String),
    /// A string of bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// The value in a message about what is wrong with it.
    fn shown(&self) -> String {
        match self {
            Self::Null => "NULL".into(),
            Self::Integer(integer) => integer.to_string(),
            Self::Boolean(boolean) => boolean.to_string(),
            Self::Text(text) => format!("`{text}`"),
            Self::Bytes(bytes) => format!("{} bytes", bytes.len()),
        }
    }
}

/// What a column can be read as.
pub trait FromValue: Sized {
    /// The value as this type; `None` when it is of another kind, or out of range.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Integer(integer) = value { Some(*integer) } else { None }
    }
}

impl FromValue for u64 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for u32 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(boolean) => Some(*boolean),
            Value::Integer(integer) => Some(*integer != 0),
            _ => None,
        }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Bytes(bytes) = value { Some(bytes.clone()) } else { None }
    }
}

impl FromValue for Hash {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Bytes(bytes) = value { bytes.as_slice().try_into().ok().map(Hash) } else { None }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        if *value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

/// A row that a query found.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// A row of `values`, named by `columns` in the same order.
    #[must_use]
    pub const fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    fn value(&self, column: &str) -> Result<&Value, StoreError> {
        let at = self.columns.iter().position(|name| name == column);
        at.and_then(|at| self.values.get(at))
            .ok_or_else(|| StoreError::Database { reason: format!("a query has no column {column}") })
    }

    /// The value of `column`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is of another kind, or out of range.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, StoreError> {
        let value = self.value(column)?;
        T::from_value(value).ok_or_else(|| damaged(format!("{column} is {}", value.shown())))
    }

    /// What the text of `column` names.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it names nothing that is known.
    pub fn parsed<T: FromStr>(&self, column: &str) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        text.parse().map_err(|_| damaged(format!("{column} is `{text}`")))
    }

    /// As [`Row::parsed`], of a column that may have no value.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it names nothing that is known.
    pub fn optional_parsed<T: FromStr>(&self, column: &str) -> Result<Option<T>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            _ => self.parsed(column).map(Some),
        }
    }

    /// What the JSON of `column` says. `of` names whose it is in the error.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is not such JSON.
    pub fn json<T: DeserializeOwned>(&self, column: &str, of: &str) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|error| damaged(format!("{column} of {of}: {error}")))
    }

    /// As [`Self::json`]; `None` where the column is NULL.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub fn json_or_null<T: DeserializeOwned>(&self, column: &str, of: &str) -> Result<Option<T>, StoreError> {
        match self.get::<Option<String>>(column)? {
            None => Ok(None),
            Some(_) => self.json(column, of).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let columns = ["n", "none", "text", "bytes", "json"].map(String::from).to_vec();
        let values = vec![
            Value::Integer(-1),
            Value::Null,
            Value::Text("7".into()),
            Value::Bytes(vec![1; 32]),
            Value::Text("[1,2]".into()),
        ];
        Row::new(columns.into(), values)
    }

    #[test]
    fn a_value_is_read_as_what_it_is_and_as_nothing_else() {
        let row = row();
        assert_eq!(row.get::<i64>("n").unwrap(), -1);
        assert_eq!(row.get::<Option<u64>>("none").unwrap(), None);
        assert_eq!(row.parsed::<u8>("text").unwrap(), 7);
        assert_eq!(row.optional_parsed::<u8>("none").unwrap(), None);
        assert_eq!(row.get::<Hash>("bytes").unwrap(), Hash([1; 32]));
        assert_eq!(row.json::<Vec<u8>>("json", "a row").unwrap(), [1, 2]);
        assert!(row.get::<bool>("n").unwrap());
        for error in [
            row.get::<u64>("n").unwrap_err(),
            row.get::<String>("none").unwrap_err(),
            row.get::<i64>("text").unwrap_err(),
            row.parsed::<bool>("text").unwrap_err(),
            row.json::<Vec<u8>>("text", "a row").unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        }
        assert!(row.get::<i64>("n").is_ok() && row.get::<i64>("other").is_err());
    }

    #[test]
    fn bytes_are_not_shown() {
        let error = row().get::<String>("bytes").unwrap_err().to_string();
        assert!(error.ends_with("bytes is 32 bytes"), "{error}");
    }
}
