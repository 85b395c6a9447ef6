//! The samples in SQL: how a database is told to hold one, by way of functions that change nothing.

use domain::comparison::Cell;
use domain::value::FieldType;

use super::{Held, Sample};

/// A column's type and its value in a database's SQL, or why the database has no such value.
pub type Written = Result<(String, String), &'static str>;

/// Puts samples into tables whose names begin with `prefix`: the statements, and where each sample is then held. What
/// is shown otherwise than stored is in `otherwise`.
#[must_use]
pub fn placed(
    prefix: &str,
    write: fn(&Sample) -> Written,
    otherwise: &[(&str, Cell<'static>)],
) -> (Vec<String>, Vec<(&'static str, Held)>) {
    let (mut statements, mut held) = (Vec::new(), Vec::new());
    for (at, sample) in super::samples().into_iter().enumerate() {
        let table = format!("{prefix}_{at}");
        let shown = otherwise.iter().find(|(name, _)| *name == sample.name);
        held.push((
            sample.name,
            match (write(&sample), shown) {
                (Err(why), _) => Held::Nowhere(why),
                (Ok((ty, value)), _) => {
                    statements.push(format!("CREATE TABLE {table} (v {ty})"));
                    statements.push(format!("INSERT INTO {table} VALUES ({value})"));
                    shown.map_or(Held::In(table.clone()), |(_, cell)| Held::Shown(table, *cell))
                }
            },
        ));
    }
    (statements, held)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn hex(bytes: &[u8], head: &str, tail: &str) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{head}{digits}{tail}")
}

fn as_is(ty: impl Into<String>, value: impl Into<String>) -> Written {
    Ok((ty.into(), value.into()))
}

/// A sample in PostgreSQL.
///
/// # Errors
/// The reason why there is none.
pub fn postgresql(sample: &Sample) -> Written {
    match (sample.cell, sample.ty) {
        (Cell::Null, FieldType::Decimal { .. }) => as_is("numeric", "NULL"),
        (Cell::Null, _) => as_is("text", "NULL"),
        (Cell::Text(of), _) if of.contains('\0') => Err("PostgreSQL refuses NUL in texts"),
        (Cell::Text(of), _) => {
            as_is("text", format!("convert_from('{}', 'UTF8')", hex(of.as_bytes(), "\\x", "")))
        }
        (Cell::Bytes(of), _) => as_is("bytea", hex(of, "'\\x", "'")),
        (Cell::Integer(of), _) => as_is("bigint", format!("'{of}'")),
        (Cell::Number(of), FieldType::Decimal { scale, .. }) => {
            as_is(format!("numeric(38,{scale})"), quoted(of))
        }
        (Cell::Number(of), _) => as_is("numeric", quoted(of)),
        (Cell::Date(of), _) => as_is("date", quoted(of)),
        (Cell::Timestamp(of) | Cell::Other(_, of), _) => as_is("timestamp", quoted(of)),
        (Cell::Instant(of), _) => as_is("timestamptz", quoted(of)),
        (Cell::Float(of), _) => as_is("double precision", format!("'{of}'")),
        (Cell::Single(of), _) => as_is("real", format!("'{of}'")),
        (Cell::Boolean(of), _) => as_is("boolean", of.to_string()),
    }
}

/// A sample in MySQL or MariaDB.
///
/// # Errors
/// The reason why there is none.
pub fn mariadb(sample: &Sample) -> Written {
    match (sample.cell, sample.ty) {
        (Cell::Null, FieldType::Decimal { .. }) => as_is("decimal(38,2)", "NULL"),
        (Cell::Null, _) => as_is("text", "NULL"),
        (Cell::Text(of), _) => as_is(
            "mediumtext CHARACTER SET utf8mb4",
            format!("CONVERT({} USING utf8mb4)", hex(of.as_bytes(), "x'", "'")),
        ),
        (Cell::Bytes(of), _) => as_is("varbinary(100)", hex(of, "x'", "'")),
        (Cell::Integer(of), _) => as_is("bigint", of.to_string()),
        (Cell::Number(of), FieldType::Decimal { scale, .. }) => {
            as_is(format!("decimal(38,{scale})"), quoted(of))
        }
        (Cell::Number(of), _) => as_is("decimal(65,0)", quoted(of)),
        (Cell::Date(of), _) => as_is("date", quoted(of)),
        (Cell::Timestamp(of), _) => as_is("datetime(6)", quoted(of)),
        (Cell::Instant(of), _) => as_is("timestamp(6) NULL", quoted(of.trim_end_matches('Z'))),
        (Cell::Other(..), _) => Err("MariaDB has no infinite timestamp"),
        (Cell::Float(of), _) if !of.is_finite() => Err("MariaDB has only finite numbers"),
        (Cell::Float(of), _) => as_is("double", format!("{of:e}")),
        (Cell::Single(of), _) => as_is("float", format!("{of:e}")),
        (Cell::Boolean(of), _) => as_is("boolean", of.to_string()),
    }
}

/// A sample in SQLite.
///
/// # Errors
/// The reason why there is none.
pub fn sqlite(sample: &Sample) -> Written {
    match sample.cell {
        Cell::Null => as_is("TEXT", "NULL"),
        Cell::Text(of) => as_is("TEXT", format!("CAST({} AS TEXT)", hex(of.as_bytes(), "x'", "'"))),
        Cell::Bytes(of) => as_is("BLOB", hex(of, "x'", "'")),
        Cell::Integer(of) => as_is("INTEGER", of.to_string()),
        Cell::Number(of) | Cell::Date(of) | Cell::Timestamp(of) | Cell::Instant(of) => {
            as_is("TEXT", quoted(of))
        }
        Cell::Other(..) => Err("SQLite has no timestamps"),
        Cell::Float(of) if of.is_nan() => Err("SQLite stores NaN as NULL"),
        Cell::Float(of) if of.is_infinite() => as_is("REAL", "9e999"),
        Cell::Float(of) => as_is("REAL", format!("{of:e}")),
        Cell::Single(_) => Err("SQLite has no numbers of single precision"),
        Cell::Boolean(of) => as_is("BOOLEAN", u8::from(of).to_string()),
    }
}
