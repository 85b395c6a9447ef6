//! What the target of a load that another program made must offer to be read: rows, exactly as they are.
//!
//! A target is only read. Nothing is made in it, nothing is locked against those who write to it, and where its
//! database can show all tables as of one moment, they are read so.

use std::fmt::Write as _;

use async_trait::async_trait;
use domain::comparison::{Cell, TargetSummary, is_number};
use domain::value::FieldType;
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, date};
use thiserror::Error;

use crate::totals::{AskedField, TotalsQuery};
pub use crate::wanted::{Relation, Wanted, WantedColumn};

/// Why a target cannot be read.
#[derive(Debug, Error)]
pub enum TargetError {
    /// It cannot be reached, or has not what was asked for.
    #[error("cannot read the target {location}: {reason}")]
    Unreadable {
        /// Where it is, without secrets.
        location: String,
        /// What its database said, and what to do.
        reason: String,
    },
    /// What was read could not be kept.
    #[error("cannot keep what was read of the target: {0}")]
    Sink(#[from] std::io::Error),
}

/// A table whose columns were looked at: what reads it, part by part.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// One statement for each part. Together they give each row once.
    pub parts: Vec<String>,
    /// The columns' types, as the database calls them, where it has types of its own.
    pub types: Vec<String>,
    /// What was wanted.
    pub wanted: Wanted,
}

/// What a reader in another process needs, so that it sees what the readers of this one see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSnapshot {
    /// What tells the server and the database from all others.
    pub server: String,
    /// The snapshot's name.
    pub snapshot: String,
}

/// Reads a database for another process, in a snapshot of that process.
#[async_trait]
pub trait SharedReaders: Send + Sync {
    /// A connection that sees what the process sees that shares the snapshot.
    ///
    /// # Errors
    /// [`TargetError::Unreadable`], also when the snapshot is of another database than the one that is read here.
    async fn reader(&self, of: &SharedSnapshot) -> Result<Box<dyn TargetReader>, TargetError>;
}

/// Takes rows as they come.
pub trait RowSink: Send {
    /// Takes a row: one cell for each column that was wanted.
    ///
    /// # Errors
    /// [`TargetError::Sink`] when it cannot be kept.
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TargetError>;
}

/// A database that holds what another program loaded.
#[async_trait]
pub trait Target: Send + Sync {
    /// What the target is, and how it is read.
    fn summary(&self) -> TargetSummary;

    /// What besides the summary decides how its rows are read; nothing, where nothing does.
    fn described_by(&self) -> String {
        String::new()
    }

    /// Looks at what is wanted, without reading rows.
    ///
    /// # Errors
    /// [`TargetError::Unreadable`] when it is not there, or may not be read.
    async fn prepare(&self, wanted: Wanted) -> Result<Prepared, TargetError>;

    /// The statement by which the database says what the rows of `prepared` amount to, field by field; `None` if rows
    /// must be read for it.
    fn totals(&self, prepared: &Prepared, fields: &[AskedField]) -> Option<TotalsQuery> {
        let _ = (prepared, fields);
        None
    }

    /// How many connections may read at the same time, all of them as of one moment.
    fn readers_max(&self) -> usize {
        usize::MAX
    }

    /// Whether all rows of a table are seen as of one moment. Where they are not, what differs is looked at twice.
    fn is_of_one_moment(&self) -> bool {
        true
    }

    /// A connection of its own that sees what the others see.
    ///
    /// # Errors
    /// [`TargetError::Unreadable`].
    async fn reader(&self) -> Result<Box<dyn TargetReader>, TargetError>;

    /// What readers in other processes need; `None` where only this process can read as of its moment.
    fn shared(&self) -> Option<SharedSnapshot> {
        None
    }

    /// Says, once all readers are done, whether what they read is still what was prepared. A target that shows all as
    /// of one moment has nothing to look at.
    ///
    /// # Errors
    /// [`TargetError::Unreadable`] with what changed meanwhile.
    async fn unchanged(&self) -> Result<(), TargetError> {
        Ok(())
    }
}

/// A connection to a target.
#[async_trait]
pub trait TargetReader: Send {
    /// Reads the part at `part` of `table`. Returns how many rows it gave.
    ///
    /// # Errors
    /// [`TargetError`] of the database, or of `rows`.
    async fn read(
        &mut self,
        table: &Prepared,
        part: usize,
        rows: &mut dyn RowSink,
    ) -> Result<u64, TargetError>;
}

/// What a text stands for where a database writes values of a field's type as text, in room for its usual form.
///
/// A time may lack its fraction or a part of it, which is then zero. What is no such value stays a text, so that it
/// equals nothing.
pub fn written<'a>(ty: &FieldType, text: &'a str, room: &'a mut String) -> Cell<'a> {
    match ty {
        FieldType::Text { .. } | FieldType::Bytes | FieldType::Boolean => Cell::Text(text),
        FieldType::Integer | FieldType::Decimal { .. } if is_number(text.as_bytes()) => Cell::Number(text),
        FieldType::Date if text.len() == 10 && text.parse::<Date>().is_ok() => Cell::Date(text),
        FieldType::Timestamp => match time(text, room) {
            true => Cell::Timestamp(room),
            false => Cell::Text(text),
        },
        FieldType::Instant => match text.strip_suffix('Z').is_some_and(|text| time(text, room)) {
            true => {
                room.push('Z');
                Cell::Instant(room)
            }
            false => Cell::Text(text),
        },
        FieldType::Integer | FieldType::Decimal { .. } | FieldType::Date => Cell::Text(text),
    }
}

/// Writes `YYYY-MM-DD HH:MM:SS.ffffff` into `room`, if `text` is such a time with up to six digits of a fraction.
pub fn time(text: &str, room: &mut String) -> bool {
    room.clear();
    let (second, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_fraction = fraction.len() <= 6 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if second.len() != 19 || !is_fraction || text.ends_with('.') || second.parse::<DateTime>().is_err() {
        return false;
    }
    room.push_str(&second[..10]);
    room.push(' ');
    room.push_str(&second[11..]);
    room.push('.');
    room.push_str(fraction);
    room.extend(std::iter::repeat_n('0', 6 - fraction.len()));
    true
}

/// Writes the day `days` after 1970-01-01 into `room` as `YYYY-MM-DD`, if its year has at most four digits.
pub fn put_day(days: i64, room: &mut String) -> bool {
    let day = days.checked_mul(86_400).and_then(|seconds| utc(seconds, 0));
    put(day, room, |day, room| write!(room, "{}", day.date()))
}

/// Writes the point in time `nanos` after `seconds` since 1970 into `room` as [`put_time`] does.
pub fn put_moment(seconds: i64, nanos: u32, room: &mut String) -> bool {
    put_time(utc(seconds, nanos), room)
}

/// Writes a time into `room` as `YYYY-MM-DD HH:MM:SS.ffffff`, with nine digits if it has finer ones than microseconds,
/// if it is one and its year has at most four digits.
pub fn put_time(time: Option<DateTime>, room: &mut String) -> bool {
    put(time, room, |time, room| {
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(room, "{} {hour:02}:{minute:02}:{second:02}.", time.date())?;
        let nanos = time.subsec_nanosecond();
        match nanos % 1000 {
            0 => write!(room, "{:06}", nanos / 1000),
            _ => write!(room, "{nanos:09}"),
        }
    })
}

fn utc(seconds: i64, nanos: u32) -> Option<DateTime> {
    let since = SignedDuration::new(seconds, i32::try_from(nanos).ok()?);
    date(1970, 1, 1).to_datetime(Time::midnight()).checked_add(since).ok()
}

fn put(
    time: Option<DateTime>,
    room: &mut String,
    write: impl Fn(DateTime, &mut String) -> std::fmt::Result,
) -> bool {
    room.clear();
    // Records have no years before Christ.
    time.filter(|time| time.year() >= 0).is_some_and(|time| write(time, room).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_all_that_it_has_below_the_second() {
        let mut room = String::new();
        for (seconds, nanos, expected) in [
            (0, 0, Some("1970-01-01 00:00:00.000000")),
            (-1, 999_999_000, Some("1969-12-31 23:59:59.999999")),
            (1_764_248_707, 120_450_001, Some("2025-11-27 13:05:07.120450001")),
            (253_402_300_799, 999_999_999, Some("9999-12-31 23:59:59.999999999")),
            (-62_135_596_800, 0, Some("0001-01-01 00:00:00.000000")),
            (-70_000_000_000, 0, None),
            (i64::MAX, 0, None),
        ] {
            let is_there = put_moment(seconds, nanos, &mut room);
            assert_eq!(is_there.then_some(room.as_str()), expected, "{seconds}");
        }
        assert!(put_day(-719_162, &mut room) && room == "0001-01-01", "{room}");
        assert!(put_day(2_932_896, &mut room) && room == "9999-12-31", "{room}");
        assert!(!put_day(i64::MAX, &mut room) && !put_day(-800_000, &mut room));
    }

    #[test]
    fn a_written_value_is_what_it_says_and_anything_else_is_text() {
        let decimal = FieldType::Decimal { precision: 12, scale: 2 };
        let table = [
            (decimal, "-12.50", Cell::Number("-12.50")),
            (decimal, "1e2", Cell::Text("1e2")),
            (decimal, "12,50", Cell::Text("12,50")),
            (decimal, "12.", Cell::Text("12.")),
            (FieldType::Date, "2026-11-27", Cell::Date("2026-11-27")),
            (FieldType::Date, "2026-11-31", Cell::Text("2026-11-31")),
            (FieldType::Date, "27.11.2026", Cell::Text("27.11.2026")),
            (FieldType::Timestamp, "2026-11-27 13:05:07", Cell::Timestamp("2026-11-27 13:05:07.000000")),
            (FieldType::Timestamp, "2026-11-27T13:05:07.12", Cell::Timestamp("2026-11-27 13:05:07.120000")),
            (FieldType::Timestamp, "2026-11-27 13:05:07.1234567", Cell::Text("2026-11-27 13:05:07.1234567")),
            (FieldType::Timestamp, "2026-11-27", Cell::Text("2026-11-27")),
            (FieldType::Instant, "2026-11-27 13:05:07Z", Cell::Instant("2026-11-27 13:05:07.000000Z")),
            (FieldType::Instant, "2026-11-27 13:05:07", Cell::Text("2026-11-27 13:05:07")),
        ];
        for (ty, text, cell) in table {
            assert_eq!(written(&ty, text, &mut String::new()), cell, "{ty} {text}");
        }
    }
}
