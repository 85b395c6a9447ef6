//! The ledger's statements on SQLite.
//!
//! Only one transaction writes at a time, so it needs no further locks. No statement waits for a server either: what is
//! asynchronous elsewhere completes at once here, on a thread that may block.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::RunId;
use domain::table::TableName;
use futures_util::FutureExt as _;
use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use rusqlite::{Connection as Raw, Statement};
use store::database::{Change, Connection, Database, Lock, Syntax, Work, places};
use store::masking::Masking;
use store::names::table as quoted_table;
use store::param::{Insert, Param, too_large};
use store::row::{Row, Value};
use store::runs::hold_fence;
use store::{Fence, StoreError};

use super::connect::{BUSY, SqliteStore, Writing};

/// How long an operator's command waits for another process to finish writing: nobody can end that one from here.
const PROMPTLY: Duration = Duration::from_secs(4);

/// Every process of an embedded store is on one host, whose clock SQLite shows.
static SYNTAX: Syntax = Syntax {
    now_ms: "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)",
    share_key: "",
    lock_row: "",
    lock_all: "",
    lock_c: "",
    numbers_of_2: "SELECT value FROM json_each($2)",
};

fn value_of(param: &Param) -> Result<ToSqlOutput<'_>, StoreError> {
    let value = match param {
        Param::TooLarge(count) => return Err(too_large(*count)),
        Param::Integer(Some(integer)) => SqlValue::Integer(*integer),
        Param::Boolean(boolean) => SqlValue::Integer((*boolean).into()),
        Param::Text(Some(text)) | Param::Words(Some(text)) => {
            return Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())));
        }
        Param::Bytes(Some(bytes)) => return Ok(ToSqlOutput::Borrowed(ValueRef::Blob(bytes))),
        Param::Id(Some(id)) => SqlValue::Text(id.to_string()),
        Param::Integer(None)
        | Param::Text(None)
        | Param::Words(None)
        | Param::Bytes(None)
        | Param::Id(None) => SqlValue::Null,
    };
    Ok(ToSqlOutput::Owned(value))
}

/// Binds `params`. To SQLite `$1` is a name, and names are numbered as they come.
fn bind(statement: &mut Statement<'_>, params: &[Param]) -> Result<(), StoreError> {
    for at in 1..=statement.parameter_count() {
        let place = statement.parameter_name(at).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let param = params.get(place.unwrap_or(at).wrapping_sub(1));
        let param = param.ok_or_else(|| StoreError::Database { reason: format!("no parameter {at}") })?;
        statement.raw_bind_parameter(at, value_of(param)?)?;
    }
    Ok(())
}

fn value_from(value: ValueRef<'_>) -> Result<Value, StoreError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Text(real.to_string()),
        ValueRef::Text(text) => Value::Text(
            std::str::from_utf8(text)
                .map_err(|error| StoreError::Damaged { what: format!("a text: {error}") })?
                .to_owned(),
        ),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    })
}

/// Passes each row that a query finds to `step`.
fn for_each(
    connection: &Raw,
    sql: &str,
    params: &[Param],
    mut step: impl FnMut(Row) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    let columns: Arc<[String]> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let values = (0..columns.len()).map(|at| value_from(row.get_ref(at)?));
        step(Row::new(Arc::clone(&columns), values.collect::<Result<_, StoreError>>()?))?;
    }
    Ok(())
}

/// The rows that a query finds.
pub(crate) fn fetch(connection: &Raw, sql: &str, params: &[Param]) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for_each(connection, sql, params, |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

fn execute(connection: &Raw, sql: &str, params: &[Param]) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    Ok(statement.raw_execute()? as u64)
}

/// Inserts rows one by one: there is no round trip to save.
pub(crate) fn insert(connection: &Raw, rows: &Insert) -> Result<u64, StoreError> {
    let (begin, end) = rows.around();
    let values = places(rows.same.len() + rows.each.len());
    let mut statement = connection.prepare_cached(&format!("{begin}VALUES ({values}){end}"))?;
    let mut params: Vec<_> = rows.same.iter().map(|(_, param)| param.clone()).collect();
    let mut inserted = 0;
    for at in 0..rows.rows() {
        params.truncate(rows.same.len());
        params.extend(rows.each.iter().map(|(_, column)| column.param(at)));
        bind(&mut statement, &params)?;
        inserted += statement.raw_execute()? as u64;
    }
    Ok(inserted)
}

#[async_trait]
impl Connection for Writing<'_> {
    fn syntax(&self) -> &'static Syntax {
        &SYNTAX
    }

    async fn fetch(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, StoreError> {
        fetch(self, sql, &params)
    }

    async fn execute(&mut self, sql: &str, params: Vec<Param>) -> Result<u64, StoreError> {
        execute(self, sql, &params)
    }

    async fn insert(&mut self, rows: Insert) -> Result<u64, StoreError> {
        insert(self, &rows)
    }

    async fn lock(&mut self, _: Lock<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn share(&mut self, _: Lock<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn end_promotion(&mut self, _: RunId) -> Result<(), StoreError> {
        // A promotion writes. This transaction could not have begun while one was under way.
        Ok(())
    }
}

/// Runs `work` to its end. It never has to wait: see [`self`].
pub(crate) fn now<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    work.now_or_never().unwrap_or_else(|| {
        Err(StoreError::Database { reason: "a change of the ledger waits for something".into() })
    })
}

fn empty(writing: &mut Writing<'_>, fence: Fence, table: &TableName) -> Result<u64, StoreError> {
    now(hold_fence(writing, fence))?;
    let is_there = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1 COLLATE NOCASE";
    if fetch(writing, is_there, &[table.name().into()])?.is_empty() {
        return Ok(0);
    }
    execute(
        writing,
        &format!("DELETE FROM {} WHERE run_id = $1", quoted_table(table)),
        &[fence.run_id.into()],
    )
}

impl Database for SqliteStore {
    const SYNTAX: &'static Syntax = &SYNTAX;

    fn shown_url(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    fn masking(&self) -> &Masking {
        &self.masking
    }

    async fn fold<T, F>(&self, sql: &str, params: Vec<Param>, start: T, mut step: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut T, Row) -> Result<(), StoreError> + Send + 'static,
    {
        let sql = sql.to_owned();
        self.reading(move |connection| {
            let mut folded = start;
            for_each(connection, &sql, &params, |row| step(&mut folded, row))?;
            Ok(folded)
        })
        .await
    }

    async fn write<T, F>(&self, change: Change, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut (dyn Connection + 'c)) -> Work<'c, T> + Send + 'static,
    {
        let busy = if change.is_prompt { PROMPTLY } else { BUSY };
        self.change_within(busy, move |writing| now(work(writing))).await
    }

    async fn empty_staging(&self, fence: Fence, table: &TableName) -> Result<u64, StoreError> {
        let table = table.clone();
        self.change(move |writing| empty(writing, fence, &table)).await
    }
}
