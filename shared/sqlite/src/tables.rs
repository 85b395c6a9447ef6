//! The job's tables: their DDL, and whether tables that are already there are the ones.

use domain::layout::Layout;
use domain::value::FieldType;
use rusqlite::{Connection, OptionalExtension};
use store::StoreError;

pub(crate) use store::names::{columns, quoted};

/// Amounts and dates are text: SQLite has no exact decimal, and a NUMERIC column would make floats of them.
const fn column_type(ty: &FieldType) -> &'static str {
    match ty {
        FieldType::Integer | FieldType::Boolean => "INTEGER",
        FieldType::Bytes => "BLOB",
        FieldType::Text { .. } | FieldType::Decimal { .. } | FieldType::Date | FieldType::Timestamp => "TEXT",
    }
}

struct Column {
    name: String,
    ty: &'static str,
    not_null: bool,
}

struct Table {
    name: String,
    columns: Vec<Column>,
    key: Vec<String>,
}

fn own(name: &str, ty: &'static str) -> Column {
    Column { name: name.into(), ty, not_null: true }
}

fn field_columns(layout: &Layout) -> impl Iterator<Item = Column> + '_ {
    layout.fields.iter().map(|field| Column {
        name: field.name.clone(),
        ty: column_type(&field.ty),
        not_null: field.required,
    })
}

fn staging(layout: &Layout) -> Table {
    let mut columns = vec![
        own("run_id", "TEXT"),
        own("chunk_no", "INTEGER"),
        own("record_no", "INTEGER"),
        own("worker_id", "INTEGER"),
    ];
    columns.extend(field_columns(layout).map(|column| Column { not_null: false, ..column }));
    let key = ["run_id", "chunk_no", "record_no"].map(String::from).to_vec();
    Table { name: layout.staging.clone(), columns, key }
}

fn final_table(layout: &Layout) -> Table {
    let mut columns: Vec<_> = field_columns(layout).collect();
    columns.push(own("last_run_id", "TEXT"));
    let key = if layout.key.is_empty() {
        columns.push(own("last_record_no", "INTEGER"));
        vec!["last_run_id".into(), "last_record_no".into()]
    } else {
        layout.key.iter().map(|at| layout.fields[*at].name.clone()).collect()
    };
    Table { name: layout.final_table.clone(), columns, key }
}

/// The statements that make the job's tables.
#[must_use]
pub fn ddl(layout: &Layout) -> Vec<String> {
    [staging(layout), final_table(layout)].iter().map(create).collect()
}

fn create(table: &Table) -> String {
    let width = table.columns.iter().map(|column| quoted(&column.name).len()).max().unwrap_or(0);
    let lines: Vec<_> = table
        .columns
        .iter()
        .map(|column| {
            let null = if column.not_null { " NOT NULL" } else { "" };
            format!("    {:width$} {}{null},", quoted(&column.name), column.ty)
        })
        .collect();
    let key = columns("", table.key.iter().map(String::as_str));
    format!(
        "CREATE TABLE {} (\n{}\n    PRIMARY KEY ({key})\n) STRICT, WITHOUT ROWID",
        quoted(&table.name),
        lines.join("\n")
    )
}

/// Makes the job's tables where they are missing, and compares those that are there.
pub(crate) fn prepare(connection: &Connection, layout: &Layout) -> Result<(), StoreError> {
    let tables = [staging(layout), final_table(layout)];
    for table in &tables {
        check(connection, table)?;
    }
    for table in &tables {
        if found_columns(connection, &table.name)?.is_empty() {
            connection.execute_batch(&create(table))?;
        }
    }
    Ok(())
}

/// Compares the final table as it is now: it may have been recreated since the run was prepared.
pub(crate) fn check_final(connection: &Connection, layout: &Layout) -> Result<(), StoreError> {
    check(connection, &final_table(layout))
}

struct Found {
    name: String,
    ty: String,
    not_null: bool,
    key_place: i64,
}

fn found_columns(connection: &Connection, table: &str) -> Result<Vec<Found>, StoreError> {
    let mut statement =
        connection.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1)")?;
    let rows = statement.query_map([table], |row| {
        Ok(Found { name: row.get(0)?, ty: row.get(1)?, not_null: row.get(2)?, key_place: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// SQLite's own rule for what a declared type stores (section 3.1 of its data type document).
fn affinity(declared: &str) -> &'static str {
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

fn check(connection: &Connection, table: &Table) -> Result<(), StoreError> {
    let found = found_columns(connection, &table.name)?;
    if found.is_empty() {
        return Ok(());
    }
    let mut differences = Vec::new();
    if declares_conflict_handling(connection, &table.name)? {
        // A REPLACE deletes other rows, and SQLite does not even count them as changed.
        differences
            .push("it is declared with an ON CONFLICT clause, which can silently drop or delete rows".into());
    }
    for column in &table.columns {
        let Some(there) = found.iter().find(|there| there.name.eq_ignore_ascii_case(&column.name)) else {
            differences.push(format!("column {} {} is missing", column.name, column.ty));
            continue;
        };
        if affinity(&there.ty) != column.ty {
            differences.push(format!(
                "column {} is declared as {}, which stores {}, but the job needs {}",
                column.name,
                if there.ty.is_empty() { "without a type" } else { &there.ty },
                affinity(&there.ty),
                column.ty
            ));
        }
        if there.not_null && !column.not_null && there.key_place == 0 {
            differences.push(format!("column {} is NOT NULL, but the job does not require it", column.name));
        }
    }
    for there in &found {
        if !table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(&there.name)) {
            differences.push(format!("column {} {} is not in the job", there.name, there.ty));
        }
    }
    let mut key: Vec<_> = found.iter().filter(|there| there.key_place > 0).collect();
    key.sort_by_key(|there| there.key_place);
    let key: Vec<_> = key.iter().map(|there| there.name.to_ascii_lowercase()).collect();
    let wanted: Vec<_> = table.key.iter().map(|name| name.to_ascii_lowercase()).collect();
    if key != wanted {
        let shown = if key.is_empty() { "none".into() } else { format!("({})", key.join(", ")) };
        differences.push(format!("primary key is {shown}, but the job needs ({})", table.key.join(", ")));
    }
    if differences.is_empty() {
        Ok(())
    } else {
        Err(StoreError::TableDiffers { table: table.name.clone(), differences })
    }
}

fn declares_conflict_handling(connection: &Connection, table: &str) -> Result<bool, StoreError> {
    let sql: Option<String> = connection
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?1)",
            [table],
            |row| row.get(0),
        )
        .optional()?
        .flatten();
    let words = sql.unwrap_or_default().to_ascii_uppercase();
    let words: Vec<_> = words.split_whitespace().collect();
    Ok(words.windows(2).any(|pair| pair[0].ends_with("ON") && pair[1].starts_with("CONFLICT")))
}

/// Whether `table` has these columns, and each stores what its field is; what is wrong, in words, otherwise.
/// SQLite compares across storage classes by coercing: `'007'` would be found among integers.
pub(crate) fn require<'a>(
    connection: &Connection,
    table: &str,
    columns: impl Iterator<Item = (&'a str, &'a FieldType)>,
) -> Result<(), StoreError> {
    let found = found_columns(connection, table)?;
    if found.is_empty() {
        return Err(StoreError::NoSuchTable {
            what: format!("a rule references table {table}, which does not exist in the store"),
        });
    }
    for (column, ty) in columns {
        let Some(there) = found.iter().find(|there| there.name.eq_ignore_ascii_case(column)) else {
            return Err(StoreError::NoSuchTable {
                what: format!("a rule references column {column} of table {table}, which does not exist"),
            });
        };
        if affinity(&there.ty) != column_type(ty) {
            return Err(StoreError::NoSuchTable {
                what: format!(
                    "a rule references column {column} of table {table}, which stores {}, but the field is \
                     {ty}, stored as {}",
                    affinity(&there.ty),
                    column_type(ty)
                ),
            });
        }
    }
    Ok(())
}
