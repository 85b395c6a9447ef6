//! The job's tables: their DDL, and whether tables that are already there are the ones.

use domain::ids::RunId;
use domain::layout::Layout;
use domain::value::FieldType;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::StoreError;

pub(crate) use store::names::{columns, partition_head, quoted};

use super::connect::{Lock, lock, lock_for};

/// The table of a run's staged rows, a partition of `staging`, unquoted: both names fit into PostgreSQL's 63 bytes.
pub(crate) fn partition(staging: &str, run_id: RunId) -> String {
    format!("{}_{}", partition_head(staging), run_id.to_string().replace('-', ""))
}

/// As `format_type` spells it.
fn column_type(ty: &FieldType) -> String {
    match ty {
        FieldType::Text { .. } => "text".into(),
        FieldType::Integer => "bigint".into(),
        FieldType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
        FieldType::Date => "date".into(),
        FieldType::Timestamp => "timestamp without time zone".into(),
        FieldType::Boolean => "boolean".into(),
        FieldType::Bytes => "bytea".into(),
    }
}

struct Column {
    name: String,
    ty: String,
    not_null: bool,
}

struct Table {
    name: String,
    columns: Vec<Column>,
    /// Empty: a staging table, partitioned by run. Reading staging back finds a row that is there twice, and an index
    /// over it would cost a load a third of its time.
    key: Vec<String>,
}

fn own(name: &str, ty: &str) -> Column {
    Column { name: name.into(), ty: ty.into(), not_null: true }
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
        own("run_id", "uuid"),
        own("chunk_no", "bigint"),
        own("record_no", "bigint"),
        own("worker_id", "bigint"),
    ];
    columns.extend(field_columns(layout).map(|column| Column { not_null: false, ..column }));
    Table { name: layout.staging.clone(), columns, key: Vec::new() }
}

fn final_table(layout: &Layout) -> Table {
    let mut columns: Vec<_> = field_columns(layout).collect();
    columns.push(own("last_run_id", "uuid"));
    let key = if layout.key.is_empty() {
        columns.push(own("last_record_no", "bigint"));
        vec!["last_run_id".into(), "last_record_no".into()]
    } else {
        layout.key.iter().map(|at| layout.fields[*at].name.clone()).collect()
    };
    Table { name: layout.final_table.clone(), columns, key }
}

/// The statements that make the job's tables. A run's partition of staging is made when its first rows come.
#[must_use]
pub fn ddl(layout: &Layout) -> Vec<String> {
    [staging(layout), final_table(layout)].iter().map(create).collect()
}

fn create(table: &Table) -> String {
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
    format!("CREATE TABLE {} (\n{}\n{end}", quoted(&table.name), lines.join(",\n"))
}

/// Makes the job's tables where they are missing, and compares those that are there.
///
/// Jobs do not wait for each other unless they have a table in common; all take their tables' locks in one order.
pub(crate) async fn prepare(connection: &mut PgConnection, layouts: &[&Layout]) -> Result<(), StoreError> {
    let tables: Vec<_> = layouts.iter().flat_map(|layout| [staging(layout), final_table(layout)]).collect();
    let mut names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        lock_for(connection, Lock::Table, name).await?;
    }
    let mut missing = Vec::new();
    for table in &tables {
        if !check(connection, table).await? {
            missing.push(table);
        }
    }
    for table in missing {
        connection.execute(AssertSqlSafe(create(table))).await?;
    }
    Ok(())
}

/// Compares the final table as it is now: it may have been recreated since the run was prepared.
pub(crate) async fn check_final(connection: &mut PgConnection, layout: &Layout) -> Result<(), StoreError> {
    let table = final_table(layout);
    if check(connection, &table).await? {
        return Ok(());
    }
    let differences = vec!["it does not exist".into()];
    Err(StoreError::TableDiffers { table: table.name, differences })
}

/// Makes the run's partition of staging.
///
/// It is attached and not made in place: that would lock the whole of staging against everyone. Autovacuum has nothing
/// to do in rows that are written once and dropped together. The index has an entry for each 128 KiB, and so costs
/// next to nothing: it finds the pages of a few chunks among a run's.
pub(crate) async fn make_partition(
    connection: &mut PgConnection,
    staging: &str,
    run_id: RunId,
) -> Result<(), StoreError> {
    lock(connection, Lock::Partition(run_id)).await?;
    let name = partition(staging, run_id);
    if is_there(connection, &name).await? {
        return Ok(());
    }
    let (name, staging) = (quoted(&name), quoted(staging));
    let statements = format!(
        "CREATE TABLE {name} (LIKE {staging}) WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
         ALTER TABLE {name} ADD CHECK (run_id = '{run_id}'::uuid);
         CREATE INDEX ON {name} USING brin (chunk_no) WITH (pages_per_range = 16);
         ALTER TABLE {staging} ATTACH PARTITION {name} FOR VALUES IN ('{run_id}');"
    );
    connection.execute(AssertSqlSafe(statements)).await?;
    Ok(())
}

/// Whether the search path leads to a table of this name.
pub(crate) async fn is_there(connection: &mut PgConnection, table: &str) -> Result<bool, StoreError> {
    // By way of pg_class and not of the name alone: what another session has just made is known to this one only once
    // it takes a lock on some table, and a name looked up without one is answered from what it knew before.
    let row =
        sqlx::query("SELECT EXISTS (SELECT 1 FROM pg_class WHERE oid = to_regclass(quote_ident($1))) AS x")
            .bind(table)
            .fetch_one(connection)
            .await?;
    Ok(row.try_get("x")?)
}

struct Found {
    name: String,
    ty: String,
    not_null: bool,
    generated: bool,
    /// How to compare with it, so that equal means the same bytes and its indexes serve.
    collation: Option<String>,
    /// Whether its collation tells texts apart by their bytes.
    bytewise: bool,
}

async fn found_columns(connection: &mut PgConnection, table: &str) -> Result<Vec<Found>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS ty, a.attnotnull AS not_null,
                a.attgenerated <> '' AS generated, coalesce(c.collisdeterministic, true) AS bytewise,
                quote_ident(n.nspname) || '.' || quote_ident(c.collname) AS collation
         FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation
         LEFT JOIN pg_namespace n ON n.oid = c.collnamespace
         WHERE a.attrelid = to_regclass(quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
    )
    .bind(table)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Found {
                name: row.try_get("name")?,
                ty: row.try_get("ty")?,
                not_null: row.try_get("not_null")?,
                generated: row.try_get("generated")?,
                bytewise: row.try_get("bytewise")?,
                collation: row.try_get("collation")?,
            })
        })
        .collect()
}

/// Whether the table is there; when it is, it is as it must be.
async fn check(connection: &mut PgConnection, table: &Table) -> Result<bool, StoreError> {
    let relation = sqlx::query(
        "SELECT c.relkind::text AS kind, coalesce(pg_get_partkeydef(c.oid), '') AS partitioned,
                c.relpersistence::text AS persistence, ARRAY(
                  SELECT a.attname::text FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k (attnum, place)
                  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                  WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.place) AS key
         FROM pg_class c WHERE c.oid = to_regclass(quote_ident($1))",
    )
    .bind(&table.name)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(relation) = relation else { return Ok(false) };
    let (kind, partitioned, persistence): (String, String, String) =
        (relation.try_get("kind")?, relation.try_get("partitioned")?, relation.try_get("persistence")?);
    let key: Vec<String> = relation.try_get("key")?;
    let mut differences = Vec::new();
    if kind != "r" && kind != "p" {
        differences.push("it is not a table".into());
    }
    if persistence != "p" {
        differences.push("it is unlogged or temporary, so its content does not survive a crash".into());
    }
    if table.key.is_empty() && partitioned != "LIST (run_id)" {
        differences.push("it is not partitioned by LIST (run_id)".into());
    }
    let found = found_columns(connection, &table.name).await?;
    compare_columns(table, &found, &key, &mut differences);
    if !table.key.is_empty() && key != table.key {
        let shown = if key.is_empty() { "none".into() } else { format!("({})", key.join(", ")) };
        differences.push(format!("primary key is {shown}, but the job needs ({})", table.key.join(", ")));
    }
    if differences.is_empty() {
        Ok(true)
    } else {
        Err(StoreError::TableDiffers { table: table.name.clone(), differences })
    }
}

fn compare_columns(table: &Table, found: &[Found], key: &[String], differences: &mut Vec<String>) {
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
            differences.push(format!(
                "column {} has a collation that treats different texts as equal; the job needs COLLATE \"C\"",
                column.name
            ));
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
    table: &str,
    alias: &str,
    columns: impl Iterator<Item = (&'a str, &'a str, &'a FieldType)>,
) -> Result<Vec<String>, StoreError> {
    let found = found_columns(connection, table).await?;
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
                        there.ty,
                        column_type(ty)
                    ),
                });
            }
            let collation = match (&there.collation, there.bytewise) {
                (None, _) => String::new(),
                (Some(collation), true) => format!(" COLLATE {collation}"),
                (Some(_), false) => " COLLATE \"C\"".into(),
            };
            Ok(format!("{alias}.{} = s.{}{collation}", quoted(column), quoted(field)))
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
        FieldType::Date | FieldType::Timestamp | FieldType::Boolean | FieldType::Bytes => {
            there == column_type(ty)
        }
    }
}
