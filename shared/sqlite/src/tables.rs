//! The job's tables: their DDL, and those of our own: whether they are as they must be. The final table may be the
//! user's: see [`super::final_table`].

use domain::layout::Layout;
use domain::table::{RunMark, TableName};
use domain::value::FieldType;
use rusqlite::Connection;
use store::StoreError;

pub(crate) use store::names::{columns, quoted, table as quoted_table};

use super::final_table;
use super::found::{affinity, column_type, conflict_handling, found_columns};

struct Column {
    name: String,
    ty: &'static str,
    not_null: bool,
}

struct Table {
    name: TableName,
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

/// Final as Crossfoot makes it.
fn final_as_made(layout: &Layout) -> Table {
    let fields = field_columns(layout).zip(layout.columns());
    let mut columns: Vec<_> =
        fields.map(|(column, name)| Column { name: name.to_owned(), ..column }).collect();
    if let RunMark::Column(run) = &layout.final_table.run {
        columns.push(own(run, "TEXT"));
    }
    if layout.key.is_empty() {
        columns.push(own(&layout.final_table.record_no, "INTEGER"));
    }
    let key = layout.key_columns().into_iter().map(str::to_owned).collect();
    Table { name: layout.final_table.name.clone(), columns, key }
}

/// The table that holds the run of each row of final, if final does not.
fn run_table(layout: &Layout) -> Option<Table> {
    let name = layout.final_table.run_table()?.clone();
    let of_key = field_columns(layout).enumerate().filter(|(at, _)| layout.key.contains(at));
    let mut columns: Vec<_> = of_key.map(|(_, column)| column).collect();
    columns.push(own("last_run_id", "TEXT"));
    let key = layout.key.iter().map(|at| layout.fields[*at].name.clone()).collect();
    Some(Table { name, columns, key })
}

/// The statements that make the job's tables.
#[must_use]
pub fn ddl(layout: &Layout) -> Vec<String> {
    let tables = [Some(staging(layout)), run_table(layout), Some(final_as_made(layout))];
    tables.iter().flatten().map(create).collect()
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
        quoted_table(&table.name),
        lines.join("\n")
    )
}

/// Makes the job's tables where they are missing, and compares those that are there.
pub(crate) fn prepare(connection: &Connection, layout: &Layout) -> Result<(), StoreError> {
    let ours: Vec<_> = [Some(staging(layout)), run_table(layout)].into_iter().flatten().collect();
    for table in &ours {
        check(connection, table)?;
    }
    let is_there = final_table::check(connection, layout)?;
    for table in &ours {
        if found_columns(connection, &table.name)?.is_empty() {
            connection.execute_batch(&create(table))?;
        }
    }
    if !is_there {
        connection.execute_batch(&create(&final_as_made(layout)))?;
    }
    Ok(())
}

fn check(connection: &Connection, table: &Table) -> Result<(), StoreError> {
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
