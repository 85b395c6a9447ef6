//! The job's tables: their DDL, and those of our own: whether they are as they must be. The final table may be the
//! user's: see [`super::final_table`].

use domain::layout::Layout;
use domain::table::TableName;
use domain::value::FieldType;
use rusqlite::Connection;
use store::StoreError;
use store::made_table::MadeTable;

pub(crate) use store::names::{columns, quoted, table as quoted_table};

use super::final_table;
use super::found::{TYPES, affinity, column_type, conflict_handling, found_columns};

fn staging(layout: &Layout) -> MadeTable {
    TYPES.staging(layout, &["run_id", "chunk_no", "record_no"])
}

/// The statements that make the job's tables.
#[must_use]
pub fn ddl(layout: &Layout) -> Vec<String> {
    let tables = [Some(staging(layout)), TYPES.run_table(layout), Some(TYPES.final_table(layout))];
    tables.iter().flatten().map(create).collect()
}

fn create(table: &MadeTable) -> String {
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
        quoted_table(&table.name),
        lines.join("\n")
    )
}

/// Makes the job's tables where they are missing, and compares those that are there.
pub(crate) fn prepare(connection: &Connection, layout: &Layout) -> Result<(), StoreError> {
    let ours: Vec<_> = [Some(staging(layout)), TYPES.run_table(layout)].into_iter().flatten().collect();
    for table in &ours {
        check(connection, table)?;
    }
    let is_there = final_table::check(connection, layout)?.is_some();
    for table in &ours {
        if found_columns(connection, &table.name)?.is_empty() {
            connection.execute_batch(&create(table))?;
        }
    }
    if !is_there {
        connection.execute_batch(&create(&TYPES.final_table(layout)))?;
    }
    Ok(())
}

fn check(connection: &Connection, table: &MadeTable) -> Result<(), StoreError> {
    let found = found_columns(connection, &table.name)?;
    if found.is_empty() {
        return Ok(());
    }
    let mut differences = Vec::new();
    differences.extend(conflict_handling(connection, &table.name)?);
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
        Err(StoreError::TableDiffers { table: table.name.to_string(), differences })
    }
}

/// Whether `table` has these columns, and each stores what its field is; what is wrong, in words, otherwise.
/// SQLite compares across storage classes by coercing: `'007'` would be found among integers.
pub(crate) fn require<'a>(
    connection: &Connection,
    table: &TableName,
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
