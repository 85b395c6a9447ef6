//! What a column's values are, as its logical type says, and how one becomes a cell.

use domain::comparison::Cell;
use domain::hex;
use domain::value::FieldType;
use num_bigint::BigInt;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::schema::types::ColumnDescriptor;
use store::target::{put_day, put_moment};

/// The first day of 1970 as days of the Julian period, in which INT96 counts.
const JULIAN_1970: i64 = 2_440_588;

const DAY_NANOS: u64 = 86_400_000_000_000;

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Integer,
    Unsigned,
    Decimal {
        scale: usize,
    },
    Single,
    Double,
    Text,
    Bytes,
    Uuid,
    Date,
    Time {
        unit: i64,
    },
    /// Counted in so many parts of a second since 1970.
    Timestamp {
        unit: i64,
        is_instant: bool,
    },
    /// As Impala and older versions of Spark write it.
    Int96,
}

/// One value as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stored<'a> {
    Boolean(bool),
    Int32(i32),
    Int64(i64),
    Int96(&'a [u32]),
    Single(f32),
    Double(f64),
    Bytes(&'a [u8]),
}

const fn parts(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    }
}

impl Kind {
    /// The kind of a column; else its type, which is not understood.
    pub(crate) fn of(column: &ColumnDescriptor) -> Result<Self, String> {
        let (physical, logical) = (column.physical_type(), column.logical_type_ref());
        let kind = match logical {
            Some(logical) => of_logical(logical, physical),
            None => of_converted(column, physical),
        };
        kind.ok_or_else(|| match logical {
            Some(logical) => format!("{logical:?} ({physical})"),
            None => format!("{:?} ({physical})", column.converted_type()),
        })
    }
}

fn of_logical(logical: &LogicalType, physical: Type) -> Option<Kind> {
    let kind = match (logical, physical) {
        (LogicalType::String | LogicalType::Enum | LogicalType::Json, Type::BYTE_ARRAY) => Kind::Text,
        (LogicalType::Uuid, Type::FIXED_LEN_BYTE_ARRAY) => Kind::Uuid,
        (LogicalType::Date, Type::INT32) => Kind::Date,
        (LogicalType::Decimal(of), _) => return decimal(of.scale, physical),
        (LogicalType::Integer(of), Type::INT32 | Type::INT64) => integer(of.is_signed),
        (LogicalType::Time(of), Type::INT32 | Type::INT64) => Kind::Time { unit: parts(of.unit) },
        (LogicalType::Timestamp(of), Type::INT64) => {
            Kind::Timestamp { unit: parts(of.unit), is_instant: of.is_adjusted_to_u_t_c }
        }
        _ => return None,
    };
    Some(kind)
}

const fn integer(is_signed: bool) -> Kind {
    if is_signed { Kind::Integer } else { Kind::Unsigned }
}

fn decimal(scale: i32, physical: Type) -> Option<Kind> {
    let scale = usize::try_from(scale).ok()?;
    match physical {
        Type::INT32 | Type::INT64 | Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => {
            Some(Kind::Decimal { scale })
        }
        _ => None,
    }
}

/// The older annotation. Its timestamps are points in time, as the format defines.
fn of_converted(column: &ColumnDescriptor, physical: Type) -> Option<Kind> {
    let kind = match (column.converted_type(), physical) {
        (ConvertedType::NONE, Type::BOOLEAN) => Kind::Boolean,
        (ConvertedType::NONE, Type::INT32 | Type::INT64) => Kind::Integer,
        (ConvertedType::NONE, Type::INT96) => Kind::Int96,
        (ConvertedType::NONE, Type::FLOAT) => Kind::Single,
        (ConvertedType::NONE, Type::DOUBLE) => Kind::Double,
        (ConvertedType::NONE, Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY) => Kind::Bytes,
        (ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON, Type::BYTE_ARRAY) => Kind::Text,
        (ConvertedType::DECIMAL, _) => return decimal(column.type_scale(), physical),
        (ConvertedType::DATE, Type::INT32) => Kind::Date,
        (ConvertedType::TIME_MILLIS, Type::INT32) => Kind::Time { unit: 1_000 },
        (ConvertedType::TIME_MICROS, Type::INT64) => Kind::Time { unit: 1_000_000 },
        (ConvertedType::TIMESTAMP_MILLIS, Type::INT64) => Kind::Timestamp { unit: 1_000, is_instant: true },
        (ConvertedType::TIMESTAMP_MICROS, Type::INT64) => {
            Kind::Timestamp { unit: 1_000_000, is_instant: true }
        }
        (ConvertedType::INT_8 | ConvertedType::INT_16 | ConvertedType::INT_32, Type::INT32)
        | (ConvertedType::INT_64, Type::INT64) => Kind::Integer,
        (ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32, Type::INT32)
        | (ConvertedType::UINT_64, Type::INT64) => Kind::Unsigned,
        _ => return None,
    };
    Some(kind)
}

/// What a stored value is, compared with a field of type `ty`. `room` is for what is not as it is stored.
pub(crate) fn cell<'a>(kind: Kind, stored: Stored<'a>, ty: &FieldType, room: &'a mut String) -> Cell<'a> {
    room.clear();
    match (kind, stored) {
        (Kind::Boolean, Stored::Boolean(truth)) => Cell::Boolean(truth),
        (Kind::Integer, Stored::Int32(integer)) => Cell::Integer(integer.into()),
        (Kind::Integer, Stored::Int64(integer)) => Cell::Integer(integer),
        (Kind::Unsigned, Stored::Int32(integer)) => Cell::Integer(integer.cast_unsigned().into()),
        (Kind::Unsigned, Stored::Int64(integer)) => match i64::try_from(integer.cast_unsigned()) {
            Ok(integer) => Cell::Integer(integer),
            Err(_) => {
                room.push_str(&integer.cast_unsigned().to_string());
                Cell::Number(room)
            }
        },
        (Kind::Decimal { scale }, Stored::Int32(unscaled)) => number(&unscaled.to_string(), scale, room),
        (Kind::Decimal { scale }, Stored::Int64(unscaled)) => number(&unscaled.to_string(), scale, room),
        (Kind::Decimal { scale }, Stored::Bytes(bytes)) => match (bytes, small(bytes)) {
            ([], _) => Cell::Other("decimal", "without a byte"),
            (_, Some(unscaled)) => number(&unscaled.to_string(), scale, room),
            (_, None) => number(&BigInt::from_signed_bytes_be(bytes).to_string(), scale, room),
        },
        (Kind::Single, Stored::Single(float)) => Cell::Single(float),
        (Kind::Double, Stored::Double(float)) => Cell::Float(float),
        // Some writers do not say which of their bytes are text.
        (Kind::Bytes, Stored::Bytes(bytes)) => match ty {
            FieldType::Text { .. } => text(bytes, room),
            _ => Cell::Bytes(bytes),
        },
        (Kind::Text, Stored::Bytes(bytes)) => text(bytes, room),
        (Kind::Uuid, Stored::Bytes(bytes)) => uuid(bytes, ty, room),
        (Kind::Date, Stored::Int32(days)) => match put_day(days.into(), room) {
            true => Cell::Date(room),
            false => days_apart(days.into(), "date", room),
        },
        (Kind::Time { unit }, Stored::Int32(count)) => time(count.into(), unit, ty, room),
        (Kind::Time { unit }, Stored::Int64(count)) => time(count, unit, ty, room),
        (Kind::Timestamp { unit, is_instant }, Stored::Int64(count)) => {
            let nanos = count.rem_euclid(unit) * (1_000_000_000 / unit);
            // Below 1,000,000,000, whatever the unit.
            let nanos = u32::try_from(nanos).unwrap_or_default();
            match put_moment(count.div_euclid(unit), nanos, room) {
                true => moment(is_instant, room),
                false => days_apart(count, "timestamp", room),
            }
        }
        (Kind::Int96, Stored::Int96(parts)) => int96(parts, room),
        _ => Cell::Other("value", "that is not of its column's type"),
    }
}

/// The number that up to 16 bytes in two's complement stand for, the highest byte first.
fn small(bytes: &[u8]) -> Option<i128> {
    let first = bytes.first()?;
    let mut wide = [if first & 0x80 == 0 { 0 } else { 0xff }; 16];
    wide.get_mut(16_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some(i128::from_be_bytes(wide))
}

/// An unscaled number with its point.
fn number<'a>(unscaled: &str, scale: usize, room: &'a mut String) -> Cell<'a> {
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled),
    };
    room.push_str(sign);
    let whole = digits.len().saturating_sub(scale);
    room.push_str(if whole == 0 { "0" } else { &digits[..whole] });
    if scale > 0 {
        room.push('.');
        room.extend(std::iter::repeat_n('0', scale.saturating_sub(digits.len())));
        room.push_str(&digits[whole..]);
    }
    Cell::Number(room)
}

fn text<'a>(bytes: &'a [u8], room: &'a mut String) -> Cell<'a> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cell::Text(text),
        Err(_) => {
            *room = hex::encode(bytes);
            Cell::Other("text that is not UTF-8:", room)
        }
    }
}

fn uuid<'a>(bytes: &'a [u8], ty: &FieldType, room: &'a mut String) -> Cell<'a> {
    let digits = hex::encode(bytes);
    match ty {
        FieldType::Text { .. } if digits.len() == 32 => {
            let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
            room.push_str(&parts.join("-"));
            Cell::Text(room)
        }
        FieldType::Bytes => Cell::Bytes(bytes),
        _ => {
            *room = digits;
            Cell::Other("uuid", room)
        }
    }
}

/// A time of day: `HH:MM:SS`, and what it has of a fraction without the zeros at its end.
fn time<'a>(count: i64, unit: i64, ty: &FieldType, room: &'a mut String) -> Cell<'a> {
    let (seconds, fraction) = (count.div_euclid(unit), count.rem_euclid(unit));
    if !(0..86_400).contains(&seconds) {
        return days_apart(count, "time", room);
    }
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    *room = format!("{hour:02}:{minute:02}:{second:02}");
    if fraction > 0 {
        let digits = format!("{:09}", fraction * (1_000_000_000 / unit));
        room.push('.');
        room.push_str(digits.trim_end_matches('0'));
    }
    match ty {
        FieldType::Text { .. } => Cell::Text(room),
        _ => Cell::Other("time", room),
    }
}

fn moment(is_instant: bool, room: &mut String) -> Cell<'_> {
    if is_instant {
        room.push('Z');
        return Cell::Instant(room);
    }
    Cell::Timestamp(room)
}

/// Nanoseconds of a day, and the day of the Julian period. Nothing says whether it is of a zone.
fn int96<'a>(parts: &[u32], room: &'a mut String) -> Cell<'a> {
    let [low, high, day] = parts else { return Cell::Other("INT96", "of another length") };
    let nanos = u64::from(*high) << 32 | u64::from(*low);
    let seconds = (i64::from(*day) - JULIAN_1970) * 86_400;
    let is_in_day = nanos < DAY_NANOS;
    let (of_day, below) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (of_day, below) =
        (i64::try_from(of_day).unwrap_or_default(), u32::try_from(below).unwrap_or_default());
    if is_in_day && put_moment(seconds + of_day, below, room) {
        return Cell::Timestamp(room);
    }
    *room = format!("day {day}, nanosecond {nanos}");
    Cell::Other("INT96", room)
}

/// What is so far from 1970, or from midnight, that no field holds it: the number as it is stored.
fn days_apart<'a>(count: i64, name: &'a str, room: &'a mut String) -> Cell<'a> {
    *room = format!("{count} (out of range)");
    Cell::Other(name, room)
}
