//! What a table that is there consists of.

use domain::table::TableName;
use domain::value::FieldType;
use rusqlite::{Connection, OptionalExtension};
use store::StoreError;
use store::made_table::ColumnTypes;

/// The types of SQLite for the columns of the job's tables.
pub(crate) const TYPES: ColumnTypes =
    ColumnTypes { field: |ty| column_type(ty).to_owned(), run: "TEXT", number: "INTEGER" };

/// Amounts and dates are text: SQLite has no exact decimal, and a NUMERIC column would make floats of them.
pub(crate) const fn column_type(ty: &FieldType) -> &'static str {
    match ty {
        FieldType::Integer | FieldType::Boolean => "INTEGER",
        FieldType::Bytes => "BLOB",
        FieldType::Text { .. }
        | FieldType::Decimal { .. }
        | FieldType::Date
        | FieldType::Timestamp
        | FieldType::Instant => "TEXT",
    }
}

/// A column that is there.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) not_null: bool,
    pub(crate) key_place: i64,
    pub(crate) has_default: bool,
    pub(crate) generated: bool,
}

/// `table`'s columns in their order; none if it is not there.
pub(crate) fn found_columns(connection: &Connection, table: &TableName) -> Result<Vec<Found>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT name, type, \"notnull\", pk, dflt_value IS NOT NULL, hidden IN (2, 3) FROM pragma_table_xinfo(?1)
         WHERE hidden <> 1",
    )?;
    let rows = statement.query_map([table.name()], |row| {
        Ok(Found {
            name: row.get(0)?,
            ty: row.get(1)?,
            not_null: row.get(2)?,
            key_place: row.get(3)?,
            has_default: row.get(4)?,
            generated: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// SQLite's own rule for what a declared type stores (section 3.1 of its data type document).
pub(crate) fn affinity(declared: &str) -> &'static str {
    let upper = declared.to_ascii_uppercase();
    let has = |part: &str| upper.contains(part);
    if has("INT") {
        "INTEGER"
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        "TEXT"
    } else if has("BLOB") || upper.is_empty() {
        "BLOB"
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        "REAL"
    } else {
        "NUMERIC"
    }
}

/// What stands against a table that says what is done with rows in conflict.
pub(crate) fn conflict_handling(
    connection: &Connection,
    table: &TableName,
) -> Result<Option<String>, StoreError> {
    let words = words_of(connection, table)?;
    let words: Vec<_> = words.split_whitespace().collect();
    let declares = words.windows(2).any(|pair| pair[0].ends_with("ON") && pair[1].starts_with("CONFLICT"));
    // A REPLACE deletes other rows, and SQLite does not even count them as changed.
    Ok(declares
        .then(|| "it is declared with an ON CONFLICT clause, which can silently drop or delete rows".into()))
}

/// The statement that made a table, in capitals.
pub(crate) fn words_of(connection: &Connection, table: &TableName) -> Result<String, StoreError> {
    let sql: Option<String> = connection
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?1)",
            [table.name()],
            |row| row.get(0),
        )
        .optional()?
        .flatten();
    Ok(sql.unwrap_or_default().to_ascii_uppercase())
}
