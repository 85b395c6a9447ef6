//! An SQLite file that another program loaded, read row by row.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use domain::comparison::{Cell, TargetSummary};
use domain::hex;
use domain::value::FieldType;
use platform::secret::ServerUrl;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use store::names::{quoted, table};
use store::target::{
    Prepared, Relation, RowSink, Target, TargetError, TargetReader, Wanted, WantedColumn, written,
};

use super::connect::read_only;

/// An SQLite file that is only read.
#[derive(Debug)]
pub struct SqliteTarget {
    path: PathBuf,
    location: String,
}

impl SqliteTarget {
    /// The file at `url` (`sqlite:PATH`), which must be there.
    ///
    /// # Errors
    /// [`TargetError::Unreadable`].
    pub fn open(url: &str) -> Result<Self, TargetError> {
        let location = ServerUrl::from(url).to_string();
        let path = url.strip_prefix("sqlite:").unwrap_or(url);
        let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
        if !path.is_file() {
            return Err(TargetError::Unreadable { location, reason: "there is no such file".into() });
        }
        Ok(Self { path, location })
    }
}

fn unreadable(location: &str, reason: impl ToString) -> TargetError {
    TargetError::Unreadable { location: location.to_owned(), reason: reason.to_string() }
}

fn opened(path: &Path, location: &str) -> Result<Connection, TargetError> {
    read_only(path).map_err(|error| unreadable(location, error))
}

#[async_trait]
impl Target for SqliteTarget {
    fn summary(&self) -> TargetSummary {
        TargetSummary {
            location: self.location.clone(),
            kind: format!("SQLite {}", rusqlite::version()),
            snapshot: "each table is read in one transaction".into(),
        }
    }

    async fn prepare(&self, wanted: Wanted) -> Result<Prepared, TargetError> {
        let connection = opened(&self.path, &self.location)?;
        let sql = select(&wanted);
        connection.prepare(&sql).map_err(|error| unreadable(&self.location, error))?;
        Ok(Prepared { parts: vec![sql], types: Vec::new(), wanted })
    }

    async fn reader(&self) -> Result<Box<dyn TargetReader>, TargetError> {
        let connection = opened(&self.path, &self.location)?;
        Ok(Box::new(SqliteReader { connection, location: self.location.clone() }))
    }
}

/// The statement that reads what is wanted. Columns are named with their table, so that a name that is none is an error
/// and not a text.
fn select(wanted: &Wanted) -> String {
    let columns: Vec<_> = wanted.columns.iter().map(|column| format!("t.{}", quoted(&column.name))).collect();
    let relation = match &wanted.relation {
        Relation::Table(name) => table(name),
        Relation::Query(query) => format!("({query}\n)"),
    };
    let filter = wanted.filter.as_ref().map(|filter| format!(" WHERE ({filter}\n)")).unwrap_or_default();
    format!("SELECT {} FROM {relation} AS t{filter}", columns.join(", "))
}

struct SqliteReader {
    connection: Connection,
    location: String,
}

#[async_trait]
impl TargetReader for SqliteReader {
    async fn read(
        &mut self,
        table: &Prepared,
        part: usize,
        rows: &mut dyn RowSink,
    ) -> Result<u64, TargetError> {
        let Some(sql) = table.parts.get(part) else { return Ok(0) };
        tokio::task::block_in_place(|| {
            read(&self.connection, sql, &table.wanted.columns, rows, &self.location)
        })
    }
}

fn read(
    connection: &Connection,
    sql: &str,
    columns: &[WantedColumn],
    sink: &mut dyn RowSink,
    location: &str,
) -> Result<u64, TargetError> {
    let failed = |error: rusqlite::Error| unreadable(location, error);
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut rooms = vec![String::new(); columns.len()];
    let mut count = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        let mut cells = Vec::with_capacity(columns.len());
        for (at, (column, room)) in columns.iter().zip(&mut rooms).enumerate() {
            cells.push(cell(row.get_ref(at).map_err(failed)?, &column.ty, room));
        }
        sink.row(&cells)?;
        count += 1;
    }
    Ok(count)
}

/// What a column holds. SQLite writes exact decimals, dates and times as text.
fn cell<'a>(value: ValueRef<'a>, ty: &FieldType, room: &'a mut String) -> Cell<'a> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(integer) => Cell::Integer(integer),
        ValueRef::Real(real) => Cell::Float(real),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => written(ty, text, room),
            Err(_) => {
                *room = hex::encode(text);
                Cell::Other("text that is not UTF-8:", room)
            }
        },
        ValueRef::Blob(bytes) => Cell::Bytes(bytes),
    }
}
