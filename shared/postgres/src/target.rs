//! A PostgreSQL database that another program loaded, read as of one moment by several connections.
//!
//! The first connection exports its snapshot, and the others take it over, so that all of them see the same rows while
//! others go on writing. A table is read by ranges of its pages. Nothing is locked but against dropping the table.

use async_trait::async_trait;
use domain::comparison::{Cell, TargetSummary};
use domain::hex;
use domain::value::FieldType;
use futures_util::StreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::StoreError;
use store::names::quoted;
use store::target::{
    Prepared, Relation, RowSink, SharedReaders, SharedSnapshot, Target, TargetError, TargetReader, Wanted,
    WantedColumn,
};
use store::totals::{AskedField, ColumnKind, ColumnSql, TotalsQuery};
use tokio::sync::Mutex;

use super::connect::{PostgresSettings, connected};
use super::numeric::{self, Decoded};
use super::rows::{Columns, Tuples, date, timestamp};
use super::tables::quoted_table;

/// The pages of a table that are read at a time: 32 MiB.
const PAGES: i64 = 4096;

/// What each session of a target is set to: it may take its time, and writes nothing. A policy that would hide rows
/// from its user is an error: what is hidden cannot be compared.
const SESSION: &str =
    "SET default_transaction_read_only = on; SET row_security = off; SET statement_timeout = 0;
     SET lock_timeout = '30s';
     SET idle_in_transaction_session_timeout = 0; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD';
     SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 1; SET bytea_output = 'hex'";

/// What tells a server and a database from all others: no two servers start in the same microsecond with the same
/// database.
const SERVER: &str = "(SELECT oid FROM pg_database WHERE datname = current_database())::text || '/'
                      || extract(epoch FROM pg_postmaster_start_time())::text";

/// A PostgreSQL database that is only read.
pub struct PostgresTarget {
    settings: PostgresSettings,
    location: String,
    version: String,
    server: String,
    /// The snapshot that all connections take over; `None` if the server exports none, as a standby does.
    snapshot: Option<String>,
    /// Holds the snapshot as long as the target is open.
    holder: Mutex<PgConnection>,
    has_tid_ranges: bool,
}

impl PostgresTarget {
    /// Connects, and takes the snapshot in which everything is read.
    ///
    /// # Errors
    /// [`TargetError::Unreadable`].
    pub async fn open(settings: PostgresSettings) -> Result<Self, TargetError> {
        let location = settings.url.to_string();
        let mut holder = session(&settings, &location).await?;
        let failed = |error: sqlx::Error| unreadable(&location, StoreError::from(error));
        holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed)?;
        let looked = format!(
            "SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS is_standby,
             current_setting('server_version_num')::int AS number, {SERVER} AS server"
        );
        let row = sqlx::query(AssertSqlSafe(looked)).fetch_one(&mut holder).await.map_err(failed)?;
        let server = row.try_get("server").map_err(failed)?;
        let (version, number): (String, i32) =
            (row.try_get("version").map_err(failed)?, row.try_get("number").map_err(failed)?);
        let is_standby: bool = row.try_get("is_standby").map_err(failed)?;
        let snapshot = match is_standby {
            true => None,
            false => {
                let row = sqlx::query("SELECT pg_export_snapshot() AS snapshot").fetch_one(&mut holder).await;
                Some(row.and_then(|row| row.try_get("snapshot")).map_err(failed)?)
            }
        };
        let version = version.split(' ').next().unwrap_or_default().to_owned();
        Ok(Self {
            location,
            version,
            server,
            snapshot,
            holder: Mutex::new(holder),
            has_tid_ranges: number >= 140_000,
            settings,
        })
    }

    /// The pages of a plain table; `None` for what has none of its own.
    async fn pages(&self, holder: &mut PgConnection, table: &str) -> Result<Option<i64>, sqlx::Error> {
        if !self.has_tid_ranges {
            return Ok(None);
        }
        let sql =
            "SELECT pg_relation_size(c.oid) / current_setting('block_size')::bigint AS pages FROM pg_class c
                   WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'm')
                   AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid)";
        let row = sqlx::query(sql).bind(table).fetch_optional(holder).await?;
        row.map(|row| row.try_get("pages")).transpose()
    }
}

async fn session(settings: &PostgresSettings, location: &str) -> Result<PgConnection, TargetError> {
    let mut connection = connected(settings).await.map_err(|error| match error {
        StoreError::Unreachable { reason, .. } | StoreError::Unfit { reason, .. } => {
            unreadable(location, reason)
        }
        other => unreadable(location, other),
    })?;
    connection.execute(SESSION).await.map_err(|error| unreadable(location, StoreError::from(error)))?;
    Ok(connection)
}

fn unreadable(location: &str, reason: impl ToString) -> TargetError {
    TargetError::Unreadable { location: location.to_owned(), reason: reason.to_string() }
}

/// The rows that are wanted, with these columns.
fn from(wanted: &Wanted) -> String {
    match &wanted.relation {
        Relation::Table(name) => quoted_table(name),
        Relation::Query(query) => format!("({query}\n)"),
    }
}

#[async_trait]
impl Target for PostgresTarget {
    fn summary(&self) -> TargetSummary {
        TargetSummary {
            location: self.location.clone(),
            kind: format!("PostgreSQL {}", self.version),
            snapshot: match self.snapshot {
                Some(_) => "everything is read as of one moment (one snapshot for all connections)".into(),
                None => "everything is read as of one moment (a standby, on one connection)".into(),
            },
        }
    }

    async fn prepare(&self, wanted: Wanted) -> Result<Prepared, TargetError> {
        let mut holder = self.holder.lock().await;
        let names: Vec<_> =
            wanted.columns.iter().map(|column| format!("t.{}", quoted(&column.name))).collect();
        let relation = from(&wanted);
        // The type of a domain is that of its values.
        let types: Vec<_> = names
            .iter()
            .map(|name| {
                format!(
                    "(SELECT coalesce(nullif(y.typbasetype, 0), y.oid)::regtype::text FROM pg_type y
                      WHERE y.oid = pg_typeof({name})::oid)"
                )
            })
            .collect();
        let filter = wanted.filter.as_ref().map(|filter| format!("({filter}\n)"));
        let where_false = filter.as_ref().map(|filter| format!("{filter} AND ")).unwrap_or_default();
        let probe = format!(
            "SELECT ARRAY[{}]::text[] AS types FROM (SELECT 1) one
             LEFT JOIN (SELECT * FROM {relation} AS t WHERE {where_false}false) AS t ON true",
            types.join(", ")
        );
        let failed = |error: sqlx::Error| unreadable(&self.location, StoreError::from(error));
        let types: Vec<String> = sqlx::query(AssertSqlSafe(probe))
            .fetch_one(&mut *holder)
            .await
            .and_then(|row| row.try_get("types"))
            .map_err(failed)?;
        let columns: Vec<_> = names
            .iter()
            .zip(&types)
            .map(|(name, ty)| if is_binary(ty) { name.clone() } else { format!("{name}::text") })
            .collect();
        let pages = match &wanted.relation {
            Relation::Table(_) => self.pages(&mut holder, &relation).await.map_err(failed)?,
            Relation::Query(_) => None,
        };
        let ranges = ranges(pages);
        let parts = ranges.into_iter().map(|range| {
            let conditions: Vec<_> = range.into_iter().chain(filter.clone()).collect();
            let conditions = match conditions.is_empty() {
                true => String::new(),
                false => format!(" WHERE {}", conditions.join(" AND ")),
            };
            format!(
                "COPY (SELECT {} FROM {relation} AS t{conditions}) TO STDOUT (FORMAT binary)",
                columns.join(", ")
            )
        });
        Ok(Prepared { parts: parts.collect(), types, wanted })
    }

    fn totals(&self, prepared: &Prepared, fields: &[AskedField]) -> Option<TotalsQuery> {
        let columns = prepared.wanted.columns.iter().zip(&prepared.types);
        let columns: Vec<_> =
            columns.map(|(column, ty)| totalled(&format!("t.{}", quoted(&column.name)), ty)).collect();
        Some(TotalsQuery::new(&from(&prepared.wanted), prepared.wanted.filter.as_deref(), &columns, fields))
    }

    fn readers_max(&self) -> usize {
        // Without a snapshot to take over, each connection has a moment of its own.
        if self.snapshot.is_some() { usize::MAX } else { 1 }
    }

    async fn reader(&self) -> Result<Box<dyn TargetReader>, TargetError> {
        let connection = session(&self.settings, &self.location).await?;
        in_snapshot(connection, &self.location, self.snapshot.as_deref()).await
    }

    fn shared(&self) -> Option<SharedSnapshot> {
        let snapshot = self.snapshot.clone()?;
        Some(SharedSnapshot { server: self.server.clone(), snapshot })
    }
}

/// What reads by `connection`, in `snapshot` if there is one.
async fn in_snapshot(
    mut connection: PgConnection,
    location: &str,
    snapshot: Option<&str>,
) -> Result<Box<dyn TargetReader>, TargetError> {
    let failed = |error: sqlx::Error| unreadable(location, StoreError::from(error));
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed)?;
    if let Some(snapshot) = snapshot {
        let take_over = format!("SET TRANSACTION SNAPSHOT '{}'", snapshot.replace('\'', ""));
        connection.execute(AssertSqlSafe(take_over)).await.map_err(failed)?;
    }
    Ok(Box::new(PostgresReader { connection, location: location.to_owned() }))
}

/// Reads a PostgreSQL database for other processes, in their snapshots.
pub struct PostgresReaders {
    /// The database.
    pub settings: PostgresSettings,
}

#[async_trait]
impl SharedReaders for PostgresReaders {
    async fn reader(&self, of: &SharedSnapshot) -> Result<Box<dyn TargetReader>, TargetError> {
        let location = self.settings.url.to_string();
        let mut connection = session(&self.settings, &location).await?;
        let failed = |error: sqlx::Error| unreadable(&location, StoreError::from(error));
        let looked = sqlx::query(AssertSqlSafe(format!("SELECT {SERVER} AS server")));
        let row = looked.fetch_one(&mut connection).await;
        let server: String = row.and_then(|row| row.try_get("server")).map_err(failed)?;
        // A snapshot's name is no proof: another server may have one of the same name.
        if server != of.server {
            return Err(unreadable(
                &location,
                "this worker reads another database than the one that is compared; name that one as `target` under \
                 [reconcile] in the worker's settings",
            ));
        }
        in_snapshot(connection, &location, Some(&of.snapshot)).await
    }
}

/// The conditions on a row's place that cut `pages` into parts; a single one without a condition, if it has none.
fn ranges(pages: Option<i64>) -> Vec<Option<String>> {
    let Some(pages) = pages.filter(|pages| *pages > PAGES) else { return vec![None] };
    let firsts = (0..).map(|part| part * PAGES).take_while(|first| *first < pages);
    let range = |first: i64| {
        // The last one has no end: the table may grow, and a row that is not of the snapshot is not seen anyway.
        let end = (first + PAGES < pages).then(|| format!(" AND t.ctid < '({},0)'", first + PAGES));
        Some(format!("t.ctid >= '({first},0)'{}", end.unwrap_or_default()))
    };
    firsts.map(range).collect()
}

/// A column in a statement that asks for totals.
fn totalled(name: &str, ty: &str) -> ColumnSql {
    let kind = match ty {
        "smallint" | "integer" | "bigint" | "numeric" => ColumnKind::Exact,
        "real" | "double precision" => ColumnKind::Float,
        "date" | "timestamp without time zone" | "timestamp with time zone" => ColumnKind::Time,
        "text" | "character varying" | "character" | "name" => ColumnKind::Text,
        _ => ColumnKind::Other,
    };
    let exact = match kind {
        // A collation may take different texts for the same. Types without an order of their own are told by text.
        ColumnKind::Text => format!("{name}::text COLLATE \"C\""),
        ColumnKind::Other => format!("{name}::text"),
        _ => name.to_owned(),
    };
    ColumnSql { name: name.to_owned(), exact, kind }
}

/// Whether values of the type are understood as they travel; others are asked for as text.
fn is_binary(ty: &str) -> bool {
    matches!(
        ty,
        "smallint"
            | "integer"
            | "bigint"
            | "numeric"
            | "real"
            | "double precision"
            | "text"
            | "character varying"
            | "character"
            | "name"
            | "date"
            | "timestamp without time zone"
            | "timestamp with time zone"
            | "boolean"
            | "bytea"
    )
}

struct PostgresReader {
    connection: PgConnection,
    location: String,
}

#[async_trait]
impl TargetReader for PostgresReader {
    async fn read(
        &mut self,
        table: &Prepared,
        part: usize,
        rows: &mut dyn RowSink,
    ) -> Result<u64, TargetError> {
        let Some(sql) = table.parts.get(part) else { return Ok(0) };
        let failed = |error: sqlx::Error| unreadable(&self.location, StoreError::from(error));
        let mut tuples = Tuples::default();
        let mut out =
            Rows { table, sink: rows, rooms: vec![Vec::new(); table.types.len()], count: 0, failed: None };
        let mut pieces = self.connection.copy_out_raw(sql).await.map_err(failed)?;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(failed)?;
            let fed = tuples.feed(&piece, table.types.len(), |tuple| out.push(tuple));
            if let Some(error) = out.failed.take() {
                return Err(error);
            }
            fed.map_err(|error| unreadable(&self.location, error))?;
        }
        let count = out.count;
        drop(pieces);
        tuples.end().map_err(|error| unreadable(&self.location, error))?;
        Ok(count)
    }
}

struct Rows<'a> {
    table: &'a Prepared,
    sink: &'a mut dyn RowSink,
    rooms: Vec<Vec<u8>>,
    count: u64,
    failed: Option<TargetError>,
}

impl Rows<'_> {
    fn push(&mut self, mut tuple: Columns<'_>) -> Result<(), StoreError> {
        let mut cells = Vec::with_capacity(self.rooms.len());
        for ((column, ty), room) in
            self.table.wanted.columns.iter().zip(&self.table.types).zip(&mut self.rooms)
        {
            cells.push(cell(tuple.take(), ty, column, room));
        }
        self.count += 1;
        self.sink.row(&cells).map_err(|error| {
            let said = StoreError::Database { reason: error.to_string() };
            self.failed = Some(error);
            said
        })
    }
}

/// What a column holds. `room` is for what is not as it travels.
fn cell<'a>(value: Option<&'a [u8]>, ty: &'a str, column: &WantedColumn, room: &'a mut Vec<u8>) -> Cell<'a> {
    let Some(value) = value else { return Cell::Null };
    room.clear();
    let understood = match ty {
        "smallint" => value.try_into().ok().map(|bytes| Cell::Integer(i16::from_be_bytes(bytes).into())),
        "integer" => value.try_into().ok().map(|bytes| Cell::Integer(i32::from_be_bytes(bytes).into())),
        "bigint" => value.try_into().ok().map(|bytes| Cell::Integer(i64::from_be_bytes(bytes))),
        "real" => value.try_into().ok().map(|bytes| Cell::Single(f32::from_be_bytes(bytes))),
        "double precision" => value.try_into().ok().map(|bytes| Cell::Float(f64::from_be_bytes(bytes))),
        "boolean" => matches!(value, [0 | 1]).then(|| Cell::Boolean(value == [1])),
        "bytea" => Some(Cell::Bytes(value)),
        "text" | "character varying" | "character" | "name" => {
            std::str::from_utf8(value).ok().map(Cell::Text)
        }
        "numeric" => return number(value, room),
        "date" => return day(value, room),
        "timestamp without time zone" | "timestamp with time zone" => {
            return time(value, ty == "timestamp with time zone", room);
        }
        // As text: of a type that only text can be compared with.
        _ => std::str::from_utf8(value).ok().map(|text| match column.ty {
            FieldType::Text { .. } => Cell::Text(text),
            _ => Cell::Other(ty, text),
        }),
    };
    understood.unwrap_or_else(|| unknown(value, ty, room))
}

fn day<'a>(value: &[u8], room: &'a mut Vec<u8>) -> Cell<'a> {
    let form = value.try_into().ok().map(i32::from_be_bytes).and_then(|days| date(days.into()));
    let Some(form) = form else { return unknown(value, "date", room) };
    room.extend_from_slice(&form);
    std::str::from_utf8(room).map_or(Cell::Other("date", "that is not readable"), Cell::Date)
}

fn number<'a>(value: &[u8], room: &'a mut Vec<u8>) -> Cell<'a> {
    match numeric::decode(value, room) {
        Some(Decoded::Number { .. }) => match std::str::from_utf8(room) {
            Ok(text) => Cell::Number(text),
            Err(_) => Cell::Other("numeric", "that is not readable"),
        },
        Some(Decoded::Other(name)) => Cell::Other("numeric", name),
        None => unknown(value, "numeric", room),
    }
}

fn time<'a>(value: &[u8], is_instant: bool, room: &'a mut Vec<u8>) -> Cell<'a> {
    let form = value.try_into().ok().map(i64::from_be_bytes).and_then(timestamp);
    let Some(form) = form else {
        return unknown(value, if is_instant { "timestamptz" } else { "timestamp" }, room);
    };
    room.extend_from_slice(&form);
    if is_instant {
        room.push(b'Z');
    }
    match (std::str::from_utf8(room), is_instant) {
        (Ok(text), true) => Cell::Instant(text),
        (Ok(text), false) => Cell::Timestamp(text),
        (Err(_), _) => Cell::Other("timestamp", "that is not readable"),
    }
}

/// A value that no field can hold: infinities, and whatever is not as its type travels.
fn unknown<'a>(value: &[u8], ty: &'a str, room: &'a mut Vec<u8>) -> Cell<'a> {
    let text = match value.split_first() {
        Some((0x7f, rest)) if rest.iter().all(|byte| *byte == 0xff) => "infinity".to_owned(),
        Some((0x80, rest)) if rest.iter().all(|byte| *byte == 0) => "-infinity".to_owned(),
        _ => format!("x'{}'", hex::encode(value)),
    };
    *room = text.into_bytes();
    Cell::Other(ty, std::str::from_utf8(room).unwrap_or_default())
}
