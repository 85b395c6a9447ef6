//! Promotion by attaching: the run's partition of staging becomes a partition of final.
//!
//! Nothing is copied. What takes time happens while the partition is staging's: it is locked, completed, indexed, its
//! keys are looked up in final, and its rows are read back. Only then, in the last few milliseconds before the commit,
//! it changes hands, because that locks all of staging against its readers.

use domain::ids::RunId;
use domain::layout::Layout;
use domain::table::{STAGING_COLUMNS, TableName};
use job::Job;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::StoreError;
use store::failure::refused;
use store::names::{columns, quoted, table as quoted_table};

use super::found::{columns_of, is_there, same_key};
use super::tables::partition;

/// A run's partition, made ready to be attached to final.
pub(crate) struct Ready {
    /// The partition, as staging's.
    partition: TableName,
    /// Records that rules keep out of final: they stay in staging, in a table of their own until then.
    held: Option<TableName>,
    /// How many rows it has.
    pub(crate) rows: u64,
    /// How many rows were moved to `held`.
    moved: u64,
    /// Columns in which final takes no NULL, and the partition has none.
    required: Vec<String>,
}

impl Ready {
    /// The tables that a query reads instead of staging: the partition, and what is kept out of final.
    pub(crate) fn tables(&self) -> (&TableName, Option<&TableName>) {
        (&self.partition, self.held.as_ref())
    }

    /// Waits until no one reads the partition any more. It blocks nothing but this partition, unlike the locks on
    /// staging and final, which are taken after it and are held for milliseconds.
    pub(crate) async fn close_to_readers(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let lock = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", quoted_table(&self.partition));
        connection.execute(AssertSqlSafe(lock)).await?;
        Ok(())
    }
}

/// The schema in which a table is.
async fn schema_of(connection: &mut PgConnection, table: &TableName) -> Result<String, StoreError> {
    let row = sqlx::query(
        "SELECT n.nspname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid = to_regclass($1)",
    )
    .bind(quoted_table(table))
    .fetch_one(connection)
    .await?;
    Ok(row.try_get("name")?)
}

/// The run's staged rows as a relation in a FROM: staging, and final where the run's partition is final's by now.
/// Before that nothing of final is looked at.
pub(crate) async fn staged_rows(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
) -> Result<String, StoreError> {
    let staging = quoted_table(&layout.staging);
    if !layout.is_attached() || !is_there(connection, &partition(&layout.final_table.name, run_id)).await? {
        return Ok(staging);
    }
    let all = columns("", STAGING_COLUMNS.into_iter().chain(layout.columns()));
    let of_final = quoted_table(&layout.final_table.name);
    Ok(format!("(SELECT {all} FROM {staging} UNION ALL SELECT {all} FROM {of_final})"))
}

/// The partitions of a run that are ready to be attached.
pub(crate) struct AllReady {
    /// By the place of the record type; `None` for one whose rows are inserted, and for one without rows.
    pub(crate) ready: Vec<Option<Ready>>,
    /// How many rows they bring into final.
    pub(crate) rows: u64,
    /// How many rows were moved because rules hold them.
    pub(crate) moved: u64,
}

/// Makes the run's partitions ready, of the record types that are attached: see [`prepare`].
///
/// # Errors
/// [`StoreError::FinalRefused`] for a key that is not new.
pub(crate) async fn prepare_all(
    connection: &mut PgConnection,
    run_id: RunId,
    job: &Job,
    excludes: bool,
) -> Result<AllReady, StoreError> {
    let mut all = AllReady { ready: Vec::new(), rows: 0, moved: 0 };
    for layout in job.layouts() {
        let one = match layout.is_attached() {
            true => prepare(connection, layout, run_id, excludes).await?,
            false => None,
        };
        all.rows += one.as_ref().map_or(0, |one| one.rows);
        all.moved += one.as_ref().map_or(0, |one| one.moved);
        all.ready.push(one);
    }
    Ok(all)
}

/// Keeps everyone from changing the run's partition from here on. It can still be read: the workers read it back.
pub(crate) async fn close(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
) -> Result<(), StoreError> {
    let name = partition(&layout.staging, run_id);
    if is_there(connection, &name).await? {
        let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", quoted_table(&name));
        connection.execute(AssertSqlSafe(lock)).await?;
    }
    Ok(())
}

/// Makes the run's partition, which no one else can change, ready: what rules keep out of final is out of it, no
/// value is missing that final requires, and no key is there twice. `excludes`: whether rules keep records out of
/// final.
/// `None`: the run has no row.
///
/// # Errors
/// [`StoreError::FinalRefused`] for a key that is not new.
async fn prepare(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
    excludes: bool,
) -> Result<Option<Ready>, StoreError> {
    let name = partition(&layout.staging, run_id);
    if !is_there(connection, &name).await? {
        return Ok(None);
    }
    let table = quoted_table(&name);
    let (mut held, mut moved) = (None, 0);
    if excludes {
        let (table, rows) = hold(connection, layout, run_id, &name).await?;
        (held, moved) = (Some(table), rows);
    }
    let required = columns_of(connection, &layout.final_table.name).await?.into_iter();
    let required = required.filter(|column| column.not_null && !is_of_staging(&column.name));
    let required: Vec<_> = required.map(|column| quoted(&column.name)).collect();
    let rows = count(connection, &table, &required).await?;
    if !layout.key.is_empty() {
        let index =
            format!("CREATE UNIQUE INDEX ON {table} ({})", columns("", layout.key_columns().into_iter()));
        connection.execute(AssertSqlSafe(index)).await.map_err(refused)?;
        look_up(connection, layout, &table).await?;
    }
    Ok(Some(Ready { partition: name, held, rows, moved, required }))
}

/// Counts the rows of the partition, none of which may lack a value that final requires.
async fn count(connection: &mut PgConnection, table: &str, required: &[String]) -> Result<u64, StoreError> {
    let lacking: String =
        required.iter().map(|name| format!(", count(*) - count({name}) AS {name}")).collect();
    let sql = format!("SELECT count(*) AS \"count(*)\"{lacking} FROM {table}");
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await?;
    for (place, name) in required.iter().enumerate() {
        let nulls: i64 = row.try_get(place + 1)?;
        if nulls > 0 {
            let values = domain::words::plural(nulls.unsigned_abs(), "row");
            return Err(StoreError::FinalRefused { reason: format!("column {name} is NULL in {values}") });
        }
    }
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}

fn is_of_staging(column: &str) -> bool {
    STAGING_COLUMNS.contains(&column)
}

/// A staged record `s` that rules keep out of final.
const EXCLUDED: &str = "EXISTS (SELECT 1 FROM crossfoot_exclusion x
    WHERE x.run_id = s.run_id AND x.chunk_no = s.chunk_no AND x.record_no = s.record_no)";

/// Moves what rules keep out of final into a table of its own, which takes the partition's place in staging later.
async fn hold(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
    name: &TableName,
) -> Result<(TableName, u64), StoreError> {
    let of_run = format!("held{}_{}", layout.among.place, run_id.to_string().replace('-', ""));
    let held = in_schema(connection, name, &of_run).await?;
    let (table, from) = (quoted_table(&held), quoted_table(name));
    // As `make_partition` makes one.
    let make = format!(
        "CREATE TABLE {table} (LIKE {from} INCLUDING CONSTRAINTS)
           WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
         CREATE INDEX ON {table} USING brin (chunk_no) WITH (pages_per_range = 16)"
    );
    connection.execute(AssertSqlSafe(make)).await?;
    let copy = format!("INSERT INTO {table} SELECT s.* FROM {from} s WHERE {EXCLUDED}");
    let copied = connection.execute(AssertSqlSafe(copy)).await?.rows_affected();
    let remove = format!("DELETE FROM {from} s WHERE {EXCLUDED}");
    let removed = connection.execute(AssertSqlSafe(remove)).await?.rows_affected();
    if copied != removed {
        let what = format!("{copied} held records were kept in staging, but {removed} taken out of {name}");
        return Err(StoreError::Damaged { what });
    }
    Ok((held, copied))
}

/// The table called `name` in the schema in which `beside` is.
async fn in_schema(
    connection: &mut PgConnection,
    beside: &TableName,
    name: &str,
) -> Result<TableName, StoreError> {
    let schema = schema_of(connection, beside).await?;
    let text = format!("{}.{}", quoted(&schema), quoted(name));
    TableName::parse(&text).map_err(|error| StoreError::Damaged { what: format!("table {text}: {error}") })
}

/// Refuses keys that a partition of final has already. The partitions' own indexes serve, or final is read as a whole:
/// the planner knows both. As a join, because the run's keys are unique by now and are hashed then, not those of final.
async fn look_up(connection: &mut PgConnection, layout: &Layout, table: &str) -> Result<(), StoreError> {
    let final_table = quoted_table(&layout.final_table.name);
    let equal = same_key(connection, layout, "f").await?.join(" AND ");
    let sql = format!("SELECT count(*) AS n FROM {table} s JOIN {final_table} f ON {equal}");
    let known: i64 = sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await?.try_get("n")?;
    if known == 0 {
        return Ok(());
    }
    Err(StoreError::FinalRefused {
        reason: format!("{} in final already", domain::words::plural(known.unsigned_abs(), "key")),
    })
}

/// Takes back what others may do to the table besides reading it: writers insert into staging, but never into final.
async fn close_to_others(connection: &mut PgConnection, table: &str) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "SELECT DISTINCT coalesce(quote_ident(r.rolname), 'PUBLIC') AS grantee
         FROM pg_class c CROSS JOIN aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
         WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner AND a.privilege_type <> 'SELECT'",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let grantee: String = row.try_get("grantee")?;
        let revoke =
            format!("REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON {table} FROM {grantee}");
        connection.execute(AssertSqlSafe(revoke)).await?;
    }
    Ok(())
}

/// Takes the partition off staging and makes it final's, under final's name. What is held takes its place in staging.
pub(crate) async fn finish(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
    ready: &Ready,
) -> Result<(), StoreError> {
    let Ready { partition: name, held, rows, required, .. } = ready;
    let (staging, table) = (quoted_table(&layout.staging), quoted_table(name));
    let (final_name, final_table) = (&layout.final_table.name, quoted_table(&layout.final_table.name));
    let taken = partition(final_name, run_id);
    let (from, to) = (schema_of(connection, name).await?, schema_of(connection, final_name).await?);
    let moved = TableName::parse(&format!("{}.{}", quoted(&to), quoted(taken.name())));
    let moved = moved.map_err(|error| StoreError::Damaged { what: format!("table {taken}: {error}") })?;
    let renamed = quoted_table(&in_schema(connection, name, taken.name()).await?);
    close_to_others(connection, &table).await?;
    let not_null: String = required
        .iter()
        .map(|column| format!("ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL; "))
        .collect();
    let mut sql = format!(
        "{not_null}ALTER TABLE {staging} DETACH PARTITION {table};
         ALTER TABLE {table} RESET (autovacuum_enabled, toast.autovacuum_enabled);
         ALTER TABLE {table} RENAME TO {};",
        quoted(taken.name()),
    );
    if from != to {
        sql.push_str(&format!(" ALTER TABLE {renamed} SET SCHEMA {};", quoted(&to)));
    }
    let attached = quoted_table(&moved);
    sql.push_str(&format!(
        " ALTER TABLE {final_table} ATTACH PARTITION {attached} FOR VALUES IN ('{run_id}');"
    ));
    if let Some(held) = held {
        let held = quoted_table(held);
        sql.push_str(&format!(
            " ALTER TABLE {held} RENAME TO {};
              ALTER TABLE {staging} ATTACH PARTITION {table} FOR VALUES IN ('{run_id}');",
            quoted(name.name()),
        ));
    }
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.map_err(refused)?;
    // Read by the name that everybody reads it by.
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass($1) AND inhparent = to_regclass($2))
                AS is_there,
                EXISTS (SELECT 1 FROM {final_table} WHERE run_id = '{run_id}') AS has_rows"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(attached).bind(final_table).fetch_one(connection).await?;
    let (is_there, has_rows): (bool, bool) = (row.try_get("is_there")?, row.try_get("has_rows")?);
    if is_there && has_rows == (*rows > 0) {
        return Ok(());
    }
    Err(StoreError::Damaged {
        what: format!("partition {taken} was attached to {final_name}, but is not found there"),
    })
}

/// Makes final's partition of the run staging's again, with what was held. How many rows final had of it; none if it
/// has no such partition.
pub(crate) async fn take_back(
    connection: &mut PgConnection,
    layout: &Layout,
    run_id: RunId,
) -> Result<u64, StoreError> {
    let final_name = &layout.final_table.name;
    let taken = partition(final_name, run_id);
    if !is_there(connection, &taken).await? {
        return Ok(0);
    }
    let (final_table, table) = (quoted_table(final_name), quoted_table(&taken));
    let (staging, home) = (quoted_table(&layout.staging), partition(&layout.staging, run_id));
    let detach = format!("ALTER TABLE {final_table} DETACH PARTITION {table}");
    connection.execute(AssertSqlSafe(detach)).await?;
    let count = format!("SELECT count(*) AS n FROM {table}");
    let rows: i64 = sqlx::query(AssertSqlSafe(count)).fetch_one(&mut *connection).await?.try_get("n")?;
    // Held records may have keys that others have.
    let indexes = "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indrelid = to_regclass($1) AND indisunique";
    for row in sqlx::query(indexes).bind(&table).fetch_all(&mut *connection).await? {
        let drop: String = row.try_get("name")?;
        connection.execute(AssertSqlSafe(format!("DROP INDEX {drop}"))).await?;
    }
    if is_there(connection, &home).await? {
        let held = quoted_table(&home);
        let names = || columns("", STAGING_COLUMNS.into_iter().chain(layout.columns()));
        let sql = format!(
            "INSERT INTO {table} ({0}) SELECT {0} FROM {held};
             ALTER TABLE {staging} DETACH PARTITION {held}; DROP TABLE {held}",
            names()
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    let (from, to) = (schema_of(connection, &taken).await?, schema_of(connection, &layout.staging).await?);
    let renamed = quoted_table(&in_schema(connection, &taken, home.name()).await?);
    let back = quoted_table(&in_schema(connection, &layout.staging, home.name()).await?);
    let mut sql = format!("ALTER TABLE {table} RENAME TO {};", quoted(home.name()));
    if from != to {
        sql.push_str(&format!(" ALTER TABLE {renamed} SET SCHEMA {};", quoted(&to)));
    }
    sql.push_str(&format!(" ALTER TABLE {staging} ATTACH PARTITION {back} FOR VALUES IN ('{run_id}')"));
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    Ok(rows.unsigned_abs())
}
