//! The job's tables: their DDL, and those of our own: whether they are there, and as they must be.
//!
//! Staging, and a table of runs, are ours to the letter. The final table may be the user's: see [`super::final_table`].

use domain::ids::RunId;
use domain::layout::{Durability, Layout};
use domain::table::TableName;
use domain::value::FieldType;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _};
use store::StoreError;
use store::made_table::MadeTable;

pub(crate) use store::names::{columns, partition_head, quoted, table as quoted_table};

use super::connect::{Lock, lock, lock_for};
use super::final_table;
use super::fit::{TYPES, column_type};
use super::found::{Found, UNLOGGED, collation, columns_of, is_there, not_bytewise, relation, unmade};
use super::place::Place;
use super::roles::share_with_workers;
use super::unlogged;

/// The table of a run's staged rows, a partition of `staging`: both names fit into PostgreSQL's 63 bytes.
pub(crate) fn partition(staging: &TableName, run_id: RunId) -> TableName {
    staging.beside(format!("{}_{}", partition_head(staging), run_id.to_string().replace('-', "")))
}

/// Without a key, and partitioned by run: reading staging back finds a row that is there twice, and an index over it
/// would cost a load a third of its time.
fn staging(layout: &Layout) -> MadeTable {
    TYPES.staging(layout, &[])
}

/// The statements that make the job's tables. A run's partition of staging is made when its first rows come.
#[must_use]
pub fn ddl(layout: &Layout) -> Vec<String> {
    let tables = [Some(staging(layout)), TYPES.run_table(layout), Some(TYPES.final_table(layout))];
    tables.iter().flatten().map(create).collect()
}

fn create(table: &MadeTable) -> String {
    let width = table.columns.iter().map(|column| quoted(&column.name).len()).max().unwrap_or(0);
    let mut lines: Vec<_> = table
        .columns
        .iter()
        .map(|column| {
            let null = if column.not_null { " NOT NULL" } else { "" };
            // By byte, not by a locale: equal is what is the same, and sorting is faster.
            let collation = if column.ty == "text" { " COLLATE \"C\"" } else { "" };
            format!("    {:width$} {}{collation}{null}", quoted(&column.name), column.ty)
        })
        .collect();
    let end = if table.key.is_empty() {
        ") PARTITION BY LIST (\"run_id\")"
    } else {
        lines.push(format!("    PRIMARY KEY ({})", columns("", table.key.iter().map(String::as_str))));
        ")"
    };
    format!("CREATE TABLE {} (\n{}\n{end}", quoted_table(&table.name), lines.join(",\n"))
}

/// Makes the job's tables where they are missing, and compares those that are there.
///
/// Jobs do not wait for each other unless they have a table in common; all take their tables' locks in one order.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    place: &Place,
    layouts: &[&Layout],
) -> Result<(), StoreError> {
    let ours: Vec<_> = layouts
        .iter()
        .flat_map(|layout| [Some(staging(layout)), TYPES.run_table(layout)])
        .flatten()
        .collect();
    let finals = || layouts.iter().map(|layout| &layout.final_table.name);
    let mut names: Vec<_> =
        ours.iter().map(|table| &table.name).chain(finals()).map(ToString::to_string).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        lock_for(connection, Lock::Table, &name).await?;
    }
    let mut missing = Vec::new();
    for table in &ours {
        if !check(connection, table).await? {
            missing.push((table.name.clone(), create(table)));
        }
    }
    for layout in layouts {
        if final_table::check(connection, layout).await?.is_none() {
            missing.push((layout.final_table.name.clone(), create(&TYPES.final_table(layout))));
        }
    }
    different(connection, ours.iter().map(|table| &table.name).chain(finals())).await?;
    if !missing.is_empty() {
        place.begin_making(connection).await?;
    }
    for (table, _) in &missing {
        makeable(connection, table).await?;
    }
    for (_, statement) in &missing {
        connection.execute(AssertSqlSafe(statement.as_str())).await?;
    }
    for (table, _) in missing.iter().filter(|(name, _)| layouts.iter().any(|one| one.staging == *name)) {
        share_with_workers(connection, table).await?;
    }
    Ok(())
}

/// Refuses a table that is missing and cannot be made.
async fn makeable(connection: &mut PgConnection, table: &TableName) -> Result<(), StoreError> {
    match unmade(connection, table).await? {
        None => Ok(()),
        Some(why) => Err(StoreError::TableDiffers { table: table.to_string(), differences: vec![why] }),
    }
}

/// Refuses two names of one table: one of them says the schema, the other leaves it to the search path.
async fn different(
    connection: &mut PgConnection,
    tables: impl Iterator<Item = &TableName>,
) -> Result<(), StoreError> {
    let mut seen: Vec<(i64, &TableName)> = Vec::new();
    for table in tables {
        let Some(found) = relation(connection, table).await? else { continue };
        if let Some((_, other)) = seen.iter().find(|(oid, _)| *oid == found.oid) {
            let differences = vec![format!("it is the same table as {other}, and each has a use of its own")];
            return Err(StoreError::TableDiffers { table: table.to_string(), differences });
        }
        seen.push((found.oid, table));
    }
    Ok(())
}

/// Makes the run's partition of staging.
///
/// It is attached and not made in place: that would lock the whole of staging against everyone. Autovacuum has nothing
/// to do in rows that are written once and dropped together. The index has an entry for each 128 KiB, and so costs
/// next to nothing: it finds the pages of a few chunks among a run's.
pub(crate) async fn make_partition(
    connection: &mut PgConnection,
    place: &Place,
    (staging, durability): (&TableName, Durability),
    run_id: RunId,
) -> Result<(), StoreError> {
    lock(connection, Lock::Partition(run_id)).await?;
    let name = partition(staging, run_id);
    if is_there(connection, &name).await? {
        return Ok(());
    }
    place.begin_making(connection).await?;
    let made = name.clone();
    let (name, staging) = (quoted_table(&name), quoted_table(staging));
    let unlogged = match durability {
        Durability::Logged => "",
        Durability::Redrive => {
            unlogged::mark(connection, run_id).await?;
            "UNLOGGED "
        }
    };
    let statements = format!(
        "CREATE {unlogged}TABLE {name} (LIKE {staging}) WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
         ALTER TABLE {name} ADD CHECK (run_id = '{run_id}'::uuid);
         CREATE INDEX ON {name} USING brin (chunk_no) WITH (pages_per_range = 16);
         ALTER TABLE {staging} ATTACH PARTITION {name} FOR VALUES IN ('{run_id}');"
    );
    connection.execute(AssertSqlSafe(statements)).await?;
    share_with_workers(connection, &made).await
}

/// Whether a table of ours is there; when it is, it is as it must be.
async fn check(connection: &mut PgConnection, table: &MadeTable) -> Result<bool, StoreError> {
    let Some(relation) = relation(connection, &table.name).await? else { return Ok(false) };
    let mut differences = Vec::new();
    if relation.kind != "r" && relation.kind != "p" {
        differences.push("it is not a table".into());
    }
    if !relation.is_permanent {
        differences.push(UNLOGGED.into());
    }
    if table.key.is_empty() && relation.partitioned != "LIST (run_id)" {
        differences.push("it is not partitioned by LIST (run_id)".into());
    }
    let found = columns_of(connection, &table.name).await?;
    let key = relation.keys.first().filter(|_| relation.has_primary_key).map_or(&[][..], Vec::as_slice);
    compare_columns(table, &found, key, &mut differences);
    if !table.key.is_empty() && key != table.key {
        let shown = if key.is_empty() { "none".into() } else { format!("({})", key.join(", ")) };
        differences.push(format!("primary key is {shown}, but the job needs ({})", table.key.join(", ")));
    }
    if differences.is_empty() {
        Ok(true)
    } else {
        Err(StoreError::TableDiffers { table: table.name.to_string(), differences })
    }
}

fn compare_columns(table: &MadeTable, found: &[Found], key: &[String], differences: &mut Vec<String>) {
    for column in &table.columns {
        let Some(there) = found.iter().find(|there| there.name == column.name) else {
            differences.push(format!("column {} {} is missing", column.name, column.ty));
            continue;
        };
        // Without a bound `varchar` is another name of `text`; with one it would cut blanks off.
        if there.ty != column.ty && !(column.ty == "text" && there.ty == "character varying") {
            differences
                .push(format!("column {} is {}, but the job needs {}", column.name, there.ty, column.ty));
        } else if !there.bytewise {
            differences.push(not_bytewise(&column.name));
        }
        if there.generated {
            differences.push(format!("column {} is generated, but the job writes it", column.name));
        }
        if there.not_null && !column.not_null && !key.contains(&there.name) {
            differences.push(format!("column {} is NOT NULL, but the job does not require it", column.name));
        }
        if column.not_null && !there.not_null && table.key.is_empty() {
            differences.push(format!("column {} must be NOT NULL", column.name));
        }
    }
    for there in found {
        if !table.columns.iter().any(|column| column.name == there.name) {
            differences.push(format!("column {} {} is not in the job", there.name, there.ty));
        }
    }
}

/// How each of the columns of `table` is compared with `s.field`, so that equal means the same bytes and an index
/// of theirs serves; what is missing or of another type, in words, otherwise.
pub(crate) async fn equalities<'a>(
    connection: &mut PgConnection,
    table: &TableName,
    alias: &str,
    columns: impl Iterator<Item = (&'a str, &'a str, &'a FieldType)>,
) -> Result<Vec<String>, StoreError> {
    let found = columns_of(connection, table).await?;
    if found.is_empty() {
        return Err(StoreError::NoSuchTable {
            what: format!("a rule references table {table}, which does not exist in the store"),
        });
    }
    columns
        .map(|(column, field, ty)| {
            let Some(there) = found.iter().find(|there| there.name == column) else {
                return Err(StoreError::NoSuchTable {
                    what: format!("a rule references column {column} of table {table}, which does not exist"),
                });
            };
            if !compares(&there.ty, ty) {
                return Err(StoreError::NoSuchTable {
                    what: format!(
                        "a rule references column {column} of table {table}, which is {}, but the field is \
                         {ty}, stored as {}",
                        there.declared,
                        column_type(ty)
                    ),
                });
            }
            Ok(format!("{alias}.{} = s.{}{}", quoted(column), quoted(field), collation(there)))
        })
        .collect()
}

/// Whether a column of type `there` compares exactly with a field: no float, and no `char(n)`, which ignores blanks.
fn compares(there: &str, ty: &FieldType) -> bool {
    match ty {
        FieldType::Text { .. } => there == "text" || there.starts_with("character varying"),
        FieldType::Integer | FieldType::Decimal { .. } => {
            there.starts_with("numeric") || ["smallint", "integer", "bigint"].contains(&there)
        }
        FieldType::Date
        | FieldType::Timestamp
        | FieldType::Instant
        | FieldType::Boolean
        | FieldType::Bytes => there == column_type(ty),
    }
}
