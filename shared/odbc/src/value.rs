//! One value: as it is read, piece by piece, and as a cell.

use std::borrow::Cow;

use domain::comparison::{Cell, is_number};
use domain::hex;
use domain::value::FieldType;
use jiff::civil::DateTime;
use odbc_api::buffers::Indicator;
use odbc_api::handles::CDataMut;
use odbc_api::parameter::{CElement, Text, VarCell, VarKind, WideText};
use odbc_api::sys::{Date, Timestamp};
use odbc_api::{CursorRow, Nullable};
use store::target::{put_time, time, written};

use crate::kind::Kind;

/// The most bytes of one value. A record is far shorter.
const VALUE_BYTES_MAX: usize = 64 << 20;

/// How much is read at a time.
const PIECE: usize = 8 << 10;

/// Room for one column's value, used again from row to row.
#[derive(Debug)]
pub(crate) struct Slot {
    kind: Kind,
    read: Read,
    bytes: Vec<u8>,
    wide: Vec<u16>,
    text: String,
    piece: Vec<u8>,
    wide_piece: Vec<u16>,
    type_name: Vec<u8>,
}

/// What a driver gave.
#[derive(Debug, Clone, Copy)]
enum Read {
    Null,
    /// Bytes, or a text in bytes or in UTF-16.
    Long,
    Double(f64),
    Single(f32),
    Day(Date),
    Time(Timestamp),
}

impl Slot {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            read: Read::Null,
            bytes: Vec::new(),
            wide: Vec::new(),
            text: String::new(),
            piece: vec![0; PIECE],
            wide_piece: vec![0; PIECE / 2],
            type_name: Vec::new(),
        }
    }

    /// Reads the value at `at`, and what belongs to it. `at` is then the place of the next one.
    pub(crate) fn fetch(&mut self, row: &mut CursorRow<'_>, at: &mut u16) -> Result<(), String> {
        let column = *at;
        *at += 1;
        self.read = match self.kind {
            Kind::Double | Kind::WideSingle => one(row, column)?.map_or(Read::Null, Read::Double),
            Kind::Single => one(row, column)?.map_or(Read::Null, Read::Single),
            Kind::Date => one(row, column)?.map_or(Read::Null, Read::Day),
            Kind::Timestamp => one(row, column)?.map_or(Read::Null, Read::Time),
            Kind::Bytes => {
                long::<odbc_api::parameter::Binary>(row, column, &mut self.piece, &mut self.bytes)?
            }
            Kind::Wide => long::<WideText>(row, column, &mut self.wide_piece, &mut self.wide)?,
            Kind::Sqlite => {
                long::<Text>(row, column, &mut self.piece, &mut self.type_name)?;
                *at += 1;
                long::<Text>(row, column + 1, &mut self.piece, &mut self.bytes)?
            }
            _ => long::<Text>(row, column, &mut self.piece, &mut self.bytes)?,
        };
        Ok(())
    }

    /// What was read, compared with a field of type `ty`.
    pub(crate) fn cell(&mut self, ty: &FieldType) -> Cell<'_> {
        let Self { kind, read, bytes, wide, text, type_name, .. } = self;
        text.clear();
        match read {
            Read::Null => return Cell::Null,
            // Widened by the database, so that this loses nothing.
            #[allow(clippy::cast_possible_truncation, reason = "the database made it of a single one")]
            Read::Double(double) if *kind == Kind::WideSingle => return Cell::Single(*double as f32),
            Read::Double(double) => return Cell::Float(*double),
            Read::Single(single) => return Cell::Single(*single),
            Read::Day(day) => return of_day(day, text),
            Read::Time(time) => return of_time(time, text),
            Read::Long => {}
        }
        if *kind == Kind::Wide {
            return match String::from_utf16(wide) {
                Ok(read) => {
                    *text = read;
                    Cell::Text(text)
                }
                Err(_) => Cell::Other("text", "that is not UTF-16"),
            };
        }
        if *kind == Kind::Sqlite {
            return of_sqlite(type_name, bytes, ty, text);
        }
        if *kind == Kind::PgBytes {
            let Some(plain) = decoded(bytes) else { return Cell::Other("bytea", "that is not hexadecimal") };
            *bytes = plain;
        }
        let is_text = matches!(ty, FieldType::Text { .. });
        // Bytes that are compared with a text are the text that they are in UTF-8.
        if matches!(kind, Kind::Bytes | Kind::PgBytes) && !is_text {
            return Cell::Bytes(bytes);
        }
        let Ok(read) = std::str::from_utf8(bytes) else {
            *text = hex::encode(bytes);
            return Cell::Other("text that is not UTF-8:", text);
        };
        of_text(*kind, read, is_text, text)
    }
}

fn of_text<'a>(kind: Kind, read: &'a str, is_text: bool, text: &'a mut String) -> Cell<'a> {
    match kind {
        Kind::Number => match plain(read) {
            Some(Cow::Borrowed(number)) => Cell::Number(number),
            Some(Cow::Owned(number)) => {
                *text = number;
                Cell::Number(text)
            }
            None => Cell::Other("number", read),
        },
        Kind::Bit | Kind::PgBoolean => match read {
            "0" | "1" => Cell::Boolean(read == "1"),
            _ => Cell::Other("boolean", read),
        },
        Kind::PgDate if read.len() == 10 => Cell::Date(read),
        Kind::PgTimestamp if time(read, text) => Cell::Timestamp(text),
        Kind::PgInstant if read.strip_suffix("+00").is_some_and(|read| time(read, text)) => {
            text.push('Z');
            Cell::Instant(text)
        }
        Kind::PgDate | Kind::PgTimestamp | Kind::PgInstant => Cell::Other(kind.name(), read),
        Kind::PgOther if !is_text => Cell::Other(kind.name(), read),
        _ => Cell::Text(read),
    }
}

/// A value of fixed length; `None` for NULL.
fn one<T>(row: &mut CursorRow<'_>, column: u16) -> Result<Option<T>, String>
where
    Nullable<T>: CElement + CDataMut,
    T: odbc_api::Pod + Default + Copy,
{
    let mut value = Nullable::<T>::null();
    row.get_data(column, &mut value).map_err(|error| error.to_string())?;
    Ok(value.into_opt())
}

/// A value of any length, piece by piece until it is whole.
fn long<K: VarKind>(
    row: &mut CursorRow<'_>,
    column: u16,
    piece: &mut [K::Element],
    whole: &mut Vec<K::Element>,
) -> Result<Read, String>
where
    K::Element: Copy,
{
    whole.clear();
    loop {
        let mut target = VarCell::<&mut [K::Element], K>::from_buffer(&mut *piece, Indicator::Null);
        row.get_data(column, &mut target).map_err(|error| error.to_string())?;
        let Some(more) = target.as_slice() else { return Ok(Read::Null) };
        whole.extend_from_slice(more);
        if target.is_complete() {
            return Ok(Read::Long);
        }
        if size_of_val(whole.as_slice()) > VALUE_BYTES_MAX {
            return Err(format!("a value is longer than {} MiB", VALUE_BYTES_MAX >> 20));
        }
    }
}

/// A number in plain notation: drivers leave out a zero before the point, or fill up with zeros.
fn plain(read: &str) -> Option<Cow<'_, str>> {
    let unsigned = read.strip_prefix(['-', '+']).unwrap_or(read);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_written = !whole.is_empty() || !fraction.is_empty();
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_written || !digits(whole) || !digits(fraction) {
        return None;
    }
    let short = whole.trim_start_matches('0');
    let is_plain = is_number(read.as_bytes()) && (whole == "0" || short.len() == whole.len());
    if is_plain {
        return Some(Cow::Borrowed(read));
    }
    let sign = if read.starts_with('-') { "-" } else { "" };
    let whole = if short.is_empty() { "0" } else { short };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(Cow::Owned(format!("{sign}{whole}{point}{fraction}")))
}

fn civil(parts: [i64; 7]) -> Option<DateTime> {
    let [year, month, day, hour, minute, second, nanos] = parts;
    let small = |number: i64| i8::try_from(number).ok();
    DateTime::new(
        i16::try_from(year).ok()?,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        i32::try_from(nanos).ok()?,
    )
    .ok()
}

fn of_day<'a>(day: &Date, text: &'a mut String) -> Cell<'a> {
    let parts = [day.year.into(), day.month.into(), day.day.into(), 0, 0, 0, 0];
    if put_time(civil(parts), text) {
        text.truncate(10);
        return Cell::Date(text);
    }
    *text = format!("{:04}-{:02}-{:02}", day.year, day.month, day.day);
    Cell::Other("date", text)
}

fn of_time<'a>(of: &Timestamp, text: &'a mut String) -> Cell<'a> {
    let (hour, minute, second) = (of.hour, of.minute, of.second);
    let date = [of.year.into(), of.month.into(), of.day.into()];
    let parts = [date[0], date[1], date[2], hour.into(), minute.into(), second.into(), of.fraction.into()];
    if put_time(civil(parts), text) {
        return Cell::Timestamp(text);
    }
    let [year, month, day] = date;
    *text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:09}", of.fraction);
    Cell::Other("timestamp", text)
}

/// A value of SQLite: its type, and in hexadecimal what it is.
fn of_sqlite<'a>(
    type_name: &[u8],
    digits: &'a mut Vec<u8>,
    ty: &FieldType,
    text: &'a mut String,
) -> Cell<'a> {
    let Some(plain) = decoded(digits) else { return Cell::Other("value", "that is not hexadecimal") };
    *digits = plain;
    let read = std::str::from_utf8(digits);
    match (type_name, read) {
        (b"null", _) => Cell::Null,
        (b"blob", _) => Cell::Bytes(digits),
        (b"text", Ok(read)) => written(ty, read, text),
        (b"text", Err(_)) => {
            *text = hex::encode(digits);
            Cell::Other("text that is not UTF-8:", text)
        }
        (b"integer", Ok(read)) => read.parse().map_or(Cell::Other("integer", read), Cell::Integer),
        (b"real", Ok(read)) => read.parse().map_or(Cell::Other("real", read), Cell::Float),
        _ => Cell::Other("value", "of an unknown type"),
    }
}

/// The bytes that hexadecimal digits stand for.
fn decoded(digits: &[u8]) -> Option<Vec<u8>> {
    hex::decode(std::str::from_utf8(digits).ok()?)
}
