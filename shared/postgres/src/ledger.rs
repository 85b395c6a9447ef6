//! The ledger's statements on PostgreSQL.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::RunId;
use domain::table::TableName;
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Column as _, Executor as _, Row as _, TypeInfo as _, ValueRef as _};
use store::database::{Change, Connection, Database, Lock, Syntax, Work};
use store::masking::Masking;
use store::param::{Column, Insert, Param, too_large};
use store::row::{Row, Value};
use store::{Fence, StoreError};

use super::clock::NOW_MS;
use super::connect::{Id, PostgresStore, lock, lock_for, share};
use super::locks::{self, end_promotion};

/// How long an operator's command waits for a lock: he is answered within seconds, be it with the name of who is in
/// the way.
const PROMPTLY: &str = "SET LOCAL lock_timeout = '3500ms'";

/// What is charged and what is a heartbeat must outlive a worker, not a crash of the server: nobody waits for the
/// disk, and what is acknowledged as data is not among it.
const IN_PASSING: &str = "SET LOCAL synchronous_commit = off";

static SYNTAX: Syntax = Syntax {
    now_ms: NOW_MS,
    share_key: "FOR KEY SHARE",
    lock_row: "FOR NO KEY UPDATE",
    lock_all: "FOR UPDATE",
    lock_c: "FOR UPDATE OF c",
    numbers_of_2: "SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST($2 AS json))",
};

pub(crate) fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { what: what.into() }
}

/// Where a page begins: one beyond everything is empty.
pub(crate) fn place(from: u64) -> i64 {
    i64::try_from(from).unwrap_or(i64::MAX)
}

/// PostgreSQL's text has no NUL, and so one is shown as `\0`.
fn words(text: &str) -> String {
    text.replace('\0', "\\0")
}

/// A statement with its parameters. Its text holds only our own words and quoted names.
fn statement(sql: &str, params: Vec<Param>) -> Result<Query<'static, Postgres, PgArguments>, StoreError> {
    let mut query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    for param in params {
        query = match param {
            Param::TooLarge(count) => return Err(too_large(count)),
            Param::Integer(integer) => query.bind(integer),
            Param::Boolean(boolean) => query.bind(boolean),
            Param::Text(text) => query.bind(text),
            Param::Words(text) => query.bind(text.as_deref().map(words)),
            Param::Bytes(bytes) => query.bind(bytes),
            Param::Id(id) => query.bind(id.map(|id| Id(RunId::from(id)))),
        };
    }
    Ok(query)
}

fn value_from(row: &PgRow, at: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let ty = raw.type_info().name().to_owned();
    Ok(match ty.as_str() {
        "INT8" => Value::Integer(row.try_get(at)?),
        "INT4" => Value::Integer(row.try_get::<i32, _>(at)?.into()),
        "INT2" => Value::Integer(row.try_get::<i16, _>(at)?.into()),
        "BOOL" => Value::Boolean(row.try_get(at)?),
        "BYTEA" => Value::Bytes(row.try_get(at)?),
        "UUID" => Value::Text(row.try_get::<Id, _>(at)?.0.to_string()),
        _ => Value::Text(row.try_get(at)?),
    })
}

/// Turns rows of one query into the ledger's.
#[derive(Default)]
struct Rows {
    columns: Option<Arc<[String]>>,
}

impl Rows {
    fn next(&mut self, row: &PgRow) -> Result<Row, sqlx::Error> {
        let names = || row.columns().iter().map(|column| column.name().to_owned()).collect();
        let columns = Arc::clone(self.columns.get_or_insert_with(names));
        let values = (0..columns.len()).map(|at| value_from(row, at));
        Ok(Row::new(columns, values.collect::<Result<_, _>>()?))
    }
}

/// A connection as the ledger uses it, with whichever transaction it has open.
pub(crate) struct Ledger<'c>(pub(crate) &'c mut PgConnection);

#[async_trait]
impl Connection for Ledger<'_> {
    fn syntax(&self) -> &'static Syntax {
        &SYNTAX
    }

    async fn fetch(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, StoreError> {
        let found = statement(sql, params)?.fetch_all(&mut *self.0).await?;
        let mut rows = Rows::default();
        Ok(found.iter().map(|row| rows.next(row)).collect::<Result<_, _>>()?)
    }

    async fn execute(&mut self, sql: &str, params: Vec<Param>) -> Result<u64, StoreError> {
        Ok(statement(sql, params)?.execute(&mut *self.0).await?.rows_affected())
    }

    /// Sends all rows as arrays, in one statement.
    async fn insert(&mut self, rows: Insert) -> Result<u64, StoreError> {
        let (begin, end) = rows.around();
        let same: String = (1..=rows.same.len()).map(|at| format!("${at}, ")).collect();
        let arrays = rows.each.iter().zip(rows.same.len() + 1..).map(|((_, column), at)| match column {
            Column::Integers(_) => format!("${at}::bigint[]"),
            Column::Texts(_) | Column::Words(_) => format!("${at}::text[]"),
            Column::Bytes(_) => format!("${at}::bytea[]"),
        });
        let arrays = arrays.collect::<Vec<_>>().join(", ");
        let names = rows.each.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let sql = format!("{begin}SELECT {same}n.* FROM unnest({arrays}) AS n ({names}){end}");
        let mut query = statement(&sql, rows.same.into_iter().map(|(_, param)| param).collect())?;
        for (_, column) in rows.each {
            query = match column {
                Column::Integers(all) => query.bind(all),
                Column::Texts(all) => query.bind(all),
                Column::Words(all) => query.bind(all.iter().map(|text| words(text)).collect::<Vec<_>>()),
                Column::Bytes(all) => query.bind(all),
            };
        }
        Ok(query.execute(&mut *self.0).await?.rows_affected())
    }

    async fn lock(&mut self, wanted: Lock<'_>) -> Result<(), StoreError> {
        match wanted {
            Lock::Opening(job) => lock_for(self.0, locks::Lock::Opening, job).await,
            Lock::Keys => lock(self.0, locks::Lock::Keys).await,
            Lock::Log => lock(self.0, locks::Lock::Log).await,
            Lock::State(run_id) => lock(self.0, locks::Lock::State(run_id)).await,
        }
    }

    async fn share(&mut self, wanted: Lock<'_>) -> Result<(), StoreError> {
        match wanted {
            Lock::State(run_id) => share(self.0, locks::Lock::State(run_id)).await,
            alone => self.lock(alone).await,
        }
    }

    async fn end_promotion(&mut self, run_id: RunId) -> Result<(), StoreError> {
        end_promotion(self.0, run_id).await
    }
}

impl Database for PostgresStore {
    const SYNTAX: &'static Syntax = &SYNTAX;

    fn shown_url(&self) -> String {
        self.url.clone()
    }

    fn masking(&self) -> &Masking {
        &self.masking
    }

    async fn fold<T, F>(&self, sql: &str, params: Vec<Param>, start: T, mut step: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut T, Row) -> Result<(), StoreError> + Send + 'static,
    {
        let query = statement(sql, params)?;
        let mut session = self.pool.acquire().await?;
        let watch = session.watch();
        let read = async {
            let (mut folded, mut rows) = (start, Rows::default());
            let mut found = query.fetch(&mut *session);
            while let Some(row) = found.try_next().await? {
                watch.heard();
                step(&mut folded, rows.next(&row)?)?;
            }
            Ok::<_, StoreError>(folded)
        };
        let folded = watch.over("a query", read).await?;
        session.keep();
        Ok(folded)
    }

    async fn write<T, F>(&self, change: Change, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut (dyn Connection + 'c)) -> Work<'c, T> + Send + 'static,
    {
        self.change_watched(change.what, move |connection, _| {
            Box::pin(async move {
                if change.is_prompt {
                    connection.execute(PROMPTLY).await?;
                }
                if change.is_in_passing {
                    connection.execute(IN_PASSING).await?;
                }
                work(&mut Ledger(connection)).await
            })
        })
        .await
    }

    async fn empty_staging(&self, fence: Fence, table: &TableName) -> Result<u64, StoreError> {
        self.purge_staging(fence, table.clone()).await
    }
}
