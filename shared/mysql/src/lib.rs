//! A MySQL or MariaDB database that another program loaded, read as of one moment by one connection.
//!
//! Values come as the server writes them in text (its protocol, "Text Resultset"): decimals with all their digits,
//! times with all of their fraction. A consistent snapshot belongs to one connection, and only InnoDB's tables are read
//! in it.

#[cfg(test)]
mod mariadb;

use std::path::Path;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use domain::comparison::{Cell, TargetSummary, is_number};
use domain::hex;
use domain::table::TableName;
use domain::value::FieldType;
use futures_util::StreamExt as _;
use platform::secret::{Secret, ServerUrl};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Executor as _, Row as _, Statement as _, TypeInfo as _,
};
use store::StoreError;
use store::target::{
    Prepared, Relation, RowSink, Target, TargetError, TargetReader, Wanted, WantedColumn, time,
};
use store::totals::{AskedField, ColumnKind, ColumnSql, TotalsQuery};

/// A MySQL or MariaDB database that is only read.
pub struct MysqlTarget {
    options: MySqlConnectOptions,
    location: String,
    version: String,
    /// Whether something is read that need not be a table of InnoDB.
    is_mixed: AtomicBool,
}

fn unreadable(location: &str, reason: impl ToString) -> TargetError {
    TargetError::Unreadable { location: location.to_owned(), reason: reason.to_string() }
}

impl MysqlTarget {
    /// Connects to the database at a URL such as `mysql://USER@HOST:PORT/DATABASE`. The password is the first line of
    /// `password_file`, or the URL's.
    /// `ca_file` names authorities to trust besides the system's.
    ///
    /// # Errors
    /// [`TargetError::Unreadable`].
    pub async fn open(
        url: &ServerUrl,
        password_file: Option<&Path>,
        ca_file: Option<&Path>,
    ) -> Result<Self, TargetError> {
        let location = url.to_string();
        let text = url.reveal().replacen("mariadb://", "mysql://", 1);
        let parsed = MySqlConnectOptions::from_str(&text);
        let mut options =
            parsed.map_err(|_| unreadable(&location, "invalid URL: expected mysql://USER@HOST/DATABASE"))?;
        if let Some(file) = password_file {
            let password = Secret::from_file(file).map_err(|error| {
                unreadable(&location, format!("cannot read the password file {}: {error}", file.display()))
            })?;
            options = options.password(password.reveal());
        }
        if let Some(file) = ca_file {
            options = options.ssl_ca(file);
        }
        options = options.charset("utf8mb4").disable_statement_logging();
        let mut connection =
            options.connect().await.map_err(|error| unreadable(&location, StoreError::from(error)))?;
        let version = sqlx::query("SELECT version() AS version").fetch_one(&mut connection).await;
        let version: String = version
            .and_then(|row| row.try_get("version"))
            .map_err(|error| unreadable(&location, StoreError::from(error)))?;
        Ok(Self { options, location, version, is_mixed: AtomicBool::new(false) })
    }

    /// Whether a relation is a table that is seen as of one moment.
    async fn is_innodb(
        &self,
        connection: &mut MySqlConnection,
        relation: &Relation,
    ) -> Result<bool, TargetError> {
        let Relation::Table(name) = relation else { return Ok(false) };
        let sql = "SELECT COUNT(*) AS tables FROM information_schema.tables
                   WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? AND engine = 'InnoDB'";
        let row = sqlx::query(sql).bind(name.schema()).bind(name.name()).fetch_one(connection).await;
        let count: Result<i64, _> = row.and_then(|row| row.try_get("tables"));
        Ok(count.map_err(|error| unreadable(&self.location, StoreError::from(error)))? > 0)
    }

    async fn connected(&self) -> Result<MySqlConnection, TargetError> {
        let failed = |error: sqlx::Error| unreadable(&self.location, StoreError::from(error));
        let mut connection = self.options.connect().await.map_err(failed)?;
        for sql in
            ["SET SESSION time_zone = '+00:00'", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"]
        {
            connection.execute(sql).await.map_err(failed)?;
        }
        Ok(connection)
    }
}

/// A name in the server's own quotes.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn table(name: &TableName) -> String {
    match name.schema() {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(name.name())),
        None => quoted(name.name()),
    }
}

/// The rows that are wanted.
fn from(wanted: &Wanted) -> String {
    match &wanted.relation {
        Relation::Table(name) => table(name),
        Relation::Query(query) => format!("({query}\n)"),
    }
}

/// A column in a statement that asks for totals.
fn totalled(name: &str, ty: &str, field: &FieldType) -> ColumnSql {
    let is_text = matches!(field, FieldType::Text { .. });
    let kind = match ty {
        "DECIMAL" => ColumnKind::Exact,
        "FLOAT" | "DOUBLE" => ColumnKind::Float,
        "DATE" | "DATETIME" | "TIMESTAMP" => ColumnKind::Time,
        _ if ty.contains("INT") || ty == "BOOLEAN" => ColumnKind::Exact,
        _ if is_text => ColumnKind::Text,
        _ => ColumnKind::Other,
    };
    // A collation takes different texts for the same.
    let exact = match kind {
        ColumnKind::Text | ColumnKind::Other => format!("CAST({name} AS BINARY)"),
        _ => name.to_owned(),
    };
    ColumnSql { name: name.to_owned(), exact, kind }
}

#[async_trait]
impl Target for MysqlTarget {
    fn summary(&self) -> TargetSummary {
        let is_mariadb = self.version.to_ascii_lowercase().contains("mariadb");
        let version = self.version.split('-').next().unwrap_or_default();
        TargetSummary {
            location: self.location.clone(),
            kind: format!("{} {version}", if is_mariadb { "MariaDB" } else { "MySQL" }),
            snapshot: "InnoDB tables are read as of one moment, tables of other engines as they are met"
                .into(),
        }
    }

    async fn prepare(&self, wanted: Wanted) -> Result<Prepared, TargetError> {
        let failed = |error: sqlx::Error| unreadable(&self.location, StoreError::from(error));
        let mut connection = self.connected().await?;
        let relation = from(&wanted);
        let filter = wanted.filter.as_ref().map(|filter| format!(" WHERE ({filter}\n)")).unwrap_or_default();
        let names: Vec<_> =
            wanted.columns.iter().map(|column| format!("t.{}", quoted(&column.name))).collect();
        let probe = format!("SELECT {} FROM {relation} AS t{filter}", names.join(", "));
        let statement =
            connection.prepare(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(probe))).await.map_err(failed)?;
        let types: Vec<_> =
            statement.columns().iter().map(|column| column.type_info().name().to_owned()).collect();
        // A float is written with six digits; as a double, with all that it has.
        let columns = names.iter().zip(&types).map(|(name, ty)| match ty.as_str() {
            "FLOAT" => format!("{name} + 0E0"),
            _ => name.clone(),
        });
        let columns: Vec<_> = columns.collect();
        let sql = format!("SELECT {} FROM {relation} AS t{filter}", columns.join(", "));
        if !self.is_innodb(&mut connection, &wanted.relation).await? {
            self.is_mixed.store(true, Ordering::Relaxed);
        }
        Ok(Prepared { parts: vec![sql], types, wanted })
    }

    fn totals(&self, prepared: &Prepared, fields: &[AskedField]) -> Option<TotalsQuery> {
        let columns = prepared.wanted.columns.iter().zip(&prepared.types);
        let columns: Vec<_> = columns
            .map(|(column, ty)| totalled(&format!("t.{}", quoted(&column.name)), ty, &column.ty))
            .collect();
        Some(TotalsQuery::new(&from(&prepared.wanted), prepared.wanted.filter.as_deref(), &columns, fields))
    }

    fn readers_max(&self) -> usize {
        1
    }

    fn is_of_one_moment(&self) -> bool {
        !self.is_mixed.load(Ordering::Relaxed)
    }

    async fn reader(&self) -> Result<Box<dyn TargetReader>, TargetError> {
        let failed = |error: sqlx::Error| unreadable(&self.location, StoreError::from(error));
        let mut connection = self.connected().await?;
        // In the text protocol: it is no statement that can be prepared.
        let begin = sqlx::raw_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
        begin.execute(&mut connection).await.map_err(failed)?;
        Ok(Box::new(MysqlReader { connection, location: self.location.clone() }))
    }
}

struct MysqlReader {
    connection: MySqlConnection,
    location: String,
}

#[async_trait]
impl TargetReader for MysqlReader {
    async fn read(
        &mut self,
        table: &Prepared,
        part: usize,
        rows: &mut dyn RowSink,
    ) -> Result<u64, TargetError> {
        let Some(sql) = table.parts.get(part) else { return Ok(0) };
        let failed = |error: sqlx::Error| unreadable(&self.location, StoreError::from(error));
        let mut stream = sqlx::raw_sql(AssertSqlSafe(sql.clone())).fetch(&mut self.connection);
        let mut rooms = vec![String::new(); table.types.len()];
        let mut count = 0;
        while let Some(row) = stream.next().await {
            let row = row.map_err(failed)?;
            let mut cells = Vec::with_capacity(rooms.len());
            let columns = table.wanted.columns.iter().zip(&table.types).zip(&mut rooms);
            for (at, ((column, ty), room)) in columns.enumerate() {
                cells.push(cell(value(&row, at).map_err(failed)?, ty, column, room));
            }
            rows.row(&cells)?;
            count += 1;
        }
        Ok(count)
    }
}

/// What the server wrote of a column; `None` for NULL.
fn value(row: &MySqlRow, at: usize) -> Result<Option<&[u8]>, sqlx::Error> {
    row.try_get_unchecked(at)
}

/// What a column holds. `room` is for what is not as it was written.
fn cell<'a>(value: Option<&'a [u8]>, ty: &'a str, column: &WantedColumn, room: &'a mut String) -> Cell<'a> {
    let Some(bytes) = value else { return Cell::Null };
    if ty == "BIT" && bytes.len() == 1 {
        return Cell::Integer(bytes[0].into());
    }
    let is_bytes = ty.ends_with("BLOB") || ty.ends_with("BINARY") || ty == "BIT" || ty == "GEOMETRY";
    // A text whose collation compares bytes is told as bytes; what it holds is text all the same.
    let is_text = matches!(column.ty, FieldType::Text { .. });
    if is_bytes && !is_text {
        return Cell::Bytes(bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        *room = hex::encode(bytes);
        return Cell::Other("bytes", room);
    };
    match ty {
        "DECIMAL" if is_number(text.as_bytes()) => Cell::Number(text),
        "FLOAT" => text.parse().map_or(Cell::Other("float", text), Cell::Single),
        "DOUBLE" => text.parse().map_or(Cell::Other("double", text), Cell::Float),
        "DATE" if !text.starts_with("0000") => Cell::Date(text),
        "DATETIME" if time(text, room) => Cell::Timestamp(room),
        "TIMESTAMP" if time(text, room) => {
            room.push('Z');
            Cell::Instant(room)
        }
        "DATE" | "DATETIME" | "TIMESTAMP" | "TIME" | "DECIMAL" => Cell::Other(ty, text),
        _ if ty.contains("INT") || ty == "BOOLEAN" || ty == "YEAR" => match text.parse() {
            Ok(integer) => Cell::Integer(integer),
            // Of 64 bits without a sign.
            Err(_) => Cell::Number(text),
        },
        _ => Cell::Text(text),
    }
}
