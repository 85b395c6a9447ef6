//! Whether a column of a final table holds every value of a field, and how its values are read back.
//!
//! A conversion that PostgreSQL makes of itself when a row is inserted may round, cut blanks off or fill up with them.
//! None of them is relied on: a column holds a value if what is read from it is the value, to the last digit, or the
//! value is found not to fit before any row is inserted.

use domain::constraint::Constraint;
use domain::layout::Field;
use domain::record::{self, Tag};
use domain::value::{FieldType, Literal};
use domain::words::plural;
use store::made_table::ColumnTypes;
use store::names::quoted;

use super::numeric::{self, Decoded};
use super::rows::read_field;

/// The digits that a 64-bit integer may have.
const INTEGER_DIGITS: i64 = 19;

/// Whether a column holds the values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fit {
    /// All of them.
    Always,
    /// Those that the words describe. The condition holds of a staged record `s` whose value is none of these.
    If {
        /// Which values fit, in words.
        words: String,
        /// The condition in SQL that a value does not fit.
        misfit: String,
    },
    /// None, or not for certain: why, and what to do.
    Never(String),
}

/// A column's type as `format_type` spells it, taken apart.
struct Type<'a> {
    name: String,
    /// What stands in the parentheses.
    of: Vec<i64>,
    spelt: &'a str,
}

impl<'a> Type<'a> {
    fn of(spelt: &'a str) -> Self {
        let (head, rest) = spelt.split_once('(').unwrap_or((spelt, ""));
        let (of, tail) = rest.split_once(')').unwrap_or(("", ""));
        let of = of.split(',').filter_map(|number| number.trim().parse().ok()).collect();
        Self { name: format!("{}{tail}", head.trim_end()), of, spelt }
    }
}

/// The least and the greatest number of characters that the values of a text field have.
fn lengths(field: &Field, chars_max: u32) -> (u32, u32) {
    field.constraints.iter().fold((0, chars_max), |(least, most), constraint| match constraint {
        Constraint::LengthMin(min) => (least.max(*min), most),
        Constraint::LengthMax(max) => (least, most.min(*max)),
        Constraint::OneOf(values) => {
            let all = values.iter().filter_map(|value| match value {
                Literal::Text(text) => u32::try_from(text.chars().count()).ok(),
                _ => None,
            });
            let all: Vec<_> = all.collect();
            let (low, high) = (all.iter().min().copied(), all.iter().max().copied());
            (least.max(low.unwrap_or(0)), most.min(high.unwrap_or(u32::MAX)))
        }
        _ => (least, most),
    })
}

/// Whether the constraints of an integer field keep its values between these.
fn is_within(field: &Field, low: i64, high: i64) -> bool {
    let is_bound = |is_it: &dyn Fn(&Constraint) -> bool| field.constraints.iter().any(is_it);
    let one_of = |constraint: &Constraint| {
        matches!(constraint, Constraint::OneOf(values) if values.iter().all(
            |value| matches!(value, Literal::Integer(value) if (low..=high).contains(value))))
    };
    let min = |constraint: &Constraint| matches!(constraint, Constraint::Min(Literal::Integer(least)) if *least >= low);
    let max = |constraint: &Constraint| matches!(constraint, Constraint::Max(Literal::Integer(most)) if *most <= high);
    is_bound(&one_of) || (is_bound(&min) && is_bound(&max))
}

/// Whether a column of type `spelt` holds the values of `field`.
pub(crate) fn fit(field: &Field, spelt: &str) -> Fit {
    let ty = Type::of(spelt);
    let value = format!("s.{}", quoted(&field.name));
    let unless = |words: String, misfit: String| Fit::If { words, misfit };
    match (&field.ty, ty.name.as_str()) {
        (FieldType::Text { chars_max }, name) => text(field, *chars_max, name, &ty, &value),
        (FieldType::Integer, "bigint") => Fit::Always,
        (FieldType::Integer, "integer") => integer(field, (i32::MIN.into(), i32::MAX.into()), &value),
        (FieldType::Integer, "smallint") => integer(field, (i16::MIN.into(), i16::MAX.into()), &value),
        (FieldType::Integer, "numeric") => number(INTEGER_DIGITS, 0, &ty, &value),
        (FieldType::Decimal { precision, scale }, "numeric") => {
            number(i64::from(*precision) - i64::from(*scale), i64::from(*scale), &ty, &value)
        }
        (FieldType::Decimal { precision, scale }, name @ ("bigint" | "integer" | "smallint")) => {
            let (digits, bound) = match name {
                "bigint" => (18, "9223372036854775807"),
                "integer" => (9, "2147483647"),
                _ => (4, "32767"),
            };
            if *scale == 0 && precision - scale <= digits {
                return Fit::Always;
            }
            unless(
                format!("whole numbers up to {bound}"),
                format!("{value} <> trunc({value}) OR abs({value}) > {bound}"),
            )
        }
        (FieldType::Date, "date" | "timestamp without time zone") => Fit::Always,
        (FieldType::Timestamp, "timestamp without time zone")
        | (FieldType::Instant, "timestamp with time zone") => match ty.of.first() {
            None | Some(6) => Fit::Always,
            Some(digits) => {
                let with = if field.ty == FieldType::Instant { "timestamptz" } else { "timestamp" };
                unless(
                    format!(
                        "times with at most {} after the second's point",
                        plural(digits.unsigned_abs(), "digit")
                    ),
                    format!("{value} <> {value}::{with}({digits})"),
                )
            }
        },
        (FieldType::Timestamp, "date") => {
            unless("times at midnight".into(), format!("{value} <> {value}::date::timestamp"))
        }
        (FieldType::Boolean, "boolean") | (FieldType::Bytes, "bytea") => Fit::Always,
        _ => Fit::Never(never(&field.ty, &ty)),
    }
}

fn text(field: &Field, chars_max: u32, name: &str, ty: &Type<'_>, value: &str) -> Fit {
    let (least, most) = lengths(field, chars_max);
    match (name, ty.of.first()) {
        ("text", _) | ("character varying", None) => Fit::Always,
        ("character varying", Some(room)) if i64::from(most) <= *room => Fit::Always,
        ("character varying", Some(room)) => Fit::If {
            words: format!("texts of at most {}", plural(room.unsigned_abs(), "character")),
            misfit: format!("char_length({value}) > {room}"),
        },
        ("character", Some(room)) if i64::from(least) == *room && i64::from(most) == *room => Fit::Always,
        ("character", Some(room)) => Fit::If {
            words: format!(
                "texts of exactly {}, because it fills shorter ones up with blanks",
                plural(room.unsigned_abs(), "character")
            ),
            misfit: format!("char_length({value}) <> {room}"),
        },
        _ => Fit::Never(never(&field.ty, ty)),
    }
}

fn integer(field: &Field, (low, high): (i64, i64), value: &str) -> Fit {
    if is_within(field, low, high) {
        return Fit::Always;
    }
    let (words, misfit) =
        (format!("numbers from {low} to {high}"), format!("{value} NOT BETWEEN {low} AND {high}"));
    Fit::If { words, misfit }
}

/// Whether a NUMERIC holds numbers of `whole` digits before the point and `scale` after it.
fn number(whole: i64, scale: i64, ty: &Type<'_>, value: &str) -> Fit {
    let [precision, digits] = ty.of[..] else { return Fit::Always };
    if precision - digits >= whole && digits >= scale {
        return Fit::Always;
    }
    let value = format!("{value}::numeric");
    let room = precision - digits;
    let bound = match usize::try_from(room) {
        Ok(room) => format!("1{}", "0".repeat(room)),
        Err(_) => format!("0.{}1", "0".repeat(usize::try_from(-room - 1).unwrap_or(0))),
    };
    Fit::If {
        words: format!("numbers that {} holds exactly", ty.spelt),
        misfit: format!("{value} <> round({value}, {digits}) OR abs({value}) >= {bound}"),
    }
}

/// Why a type holds no values of a field for certain, and what to do.
fn never(field: &FieldType, ty: &Type<'_>) -> String {
    let advice = match field {
        FieldType::Text { .. } => "text or varchar",
        FieldType::Integer => "bigint",
        FieldType::Decimal { .. } => "numeric",
        FieldType::Date => "date",
        FieldType::Timestamp => "timestamp without time zone",
        FieldType::Instant => "timestamp with time zone",
        FieldType::Boolean => "boolean",
        FieldType::Bytes => "bytea",
    };
    let why = match ty.name.as_str() {
        "real" | "double precision" => "a float does not hold decimals exactly; ",
        "money" => "money rounds, and how depends on the server's locale; ",
        "timestamp with time zone" => "what it holds depends on a session's time zone; ",
        _ => "",
    };
    format!("{why}change the column to {advice}, or declare the field as what the column holds")
}

/// How the values of a column travel, where it is not as the field's own type does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// As the field's type.
    AsIs,
    /// As an integer of 2, 4 or 8 bytes.
    Integer,
    /// As a NUMERIC, of whatever scale.
    Numeric,
    /// As a day.
    Date,
    /// As a day and time.
    Timestamp,
}

/// How the values of a column of type `spelt` travel, if it holds those of a field of type `ty`.
pub(crate) fn stored(ty: &FieldType, spelt: &str) -> Stored {
    let of = Type::of(spelt);
    match (ty, of.name.as_str()) {
        (FieldType::Integer, "integer" | "smallint")
        | (FieldType::Decimal { .. }, "bigint" | "integer" | "smallint") => Stored::Integer,
        (FieldType::Integer, "numeric") => Stored::Numeric,
        (FieldType::Decimal { scale, .. }, "numeric") if of.of.get(1) != Some(&i64::from(*scale)) => {
            Stored::Numeric
        }
        (FieldType::Date, "timestamp without time zone") => Stored::Timestamp,
        (FieldType::Timestamp, "date") => Stored::Date,
        _ => Stored::AsIs,
    }
}

impl Stored {
    /// Appends a column's binary value as a field of a canonical record, as [`read_field`] does. What is not exactly a
    /// value of the field's type is foreign.
    pub(crate) fn read(self, out: &mut Vec<u8>, ty: &FieldType, value: Option<&[u8]>) {
        let Some(bytes) = value.filter(|_| self != Self::AsIs) else { return read_field(out, ty, value) };
        let start = out.len();
        if self.convert(out, ty, bytes).is_none() {
            out.truncate(start);
            let text = format!("{self:?} x'{}'", domain::hex::encode(bytes)).to_lowercase();
            let shown = match self.decimal(bytes) {
                Some(number) => format!("number {number}"),
                None => text,
            };
            record::put_raw(out, Tag::Foreign, shown.as_bytes());
        }
    }

    /// The number that a column's binary value is.
    fn decimal(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Integer => whole(bytes).map(|number| number.to_string()),
            Self::Numeric => {
                let mut text = Vec::new();
                match numeric::decode(bytes, &mut text)? {
                    Decoded::Number { .. } => String::from_utf8(text).ok(),
                    Decoded::Other(name) => Some(name.into()),
                }
            }
            _ => None,
        }
    }

    fn convert(self, out: &mut Vec<u8>, ty: &FieldType, bytes: &[u8]) -> Option<()> {
        match (self, ty) {
            (Self::Integer | Self::Numeric, FieldType::Integer) => {
                let number = rescaled(&self.decimal(bytes)?, 0)?.parse::<i64>().ok()?;
                record::put_raw(out, Tag::Integer, &number.to_be_bytes());
            }
            (Self::Integer | Self::Numeric, FieldType::Decimal { precision, scale }) => {
                let number = rescaled(&self.decimal(bytes)?, usize::from(*scale))?;
                let digits = number.bytes().filter(u8::is_ascii_digit).count();
                // One digit more: a zero before the point.
                if digits > usize::from(*precision) + 1 {
                    return None;
                }
                record::put_raw(out, Tag::Decimal, number.as_bytes());
            }
            (Self::Timestamp, FieldType::Date) => {
                let mut whole = Vec::new();
                read_field(&mut whole, &FieldType::Timestamp, Some(bytes));
                let read = record::encoded(&whole)?;
                let day = read.content.strip_suffix(b" 00:00:00.000000")?;
                if read.tag != Tag::Timestamp {
                    return None;
                }
                record::put_raw(out, Tag::Date, day);
            }
            (Self::Date, FieldType::Timestamp) => {
                let mut day = Vec::new();
                read_field(&mut day, &FieldType::Date, Some(bytes));
                let read = record::encoded(&day)?;
                if read.tag != Tag::Date {
                    return None;
                }
                let midnight = [read.content, b" 00:00:00.000000"].concat();
                record::put_raw(out, Tag::Timestamp, &midnight);
            }
            _ => return None,
        }
        Some(())
    }
}

fn whole(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        2 => bytes.try_into().ok().map(|bytes| i16::from_be_bytes(bytes).into()),
        4 => bytes.try_into().ok().map(|bytes| i32::from_be_bytes(bytes).into()),
        8 => bytes.try_into().ok().map(i64::from_be_bytes),
        _ => None,
    }
}

/// The number with `scale` digits after the point, if no digit but zeros is lost.
fn rescaled(number: &str, scale: usize) -> Option<String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number =
        !whole.is_empty() && whole.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    let (kept, lost) = fraction.split_at(fraction.len().min(scale));
    if !is_number || lost.bytes().any(|byte| byte != b'0') {
        return None;
    }
    // As it is written in canonical form: zero has no sign.
    let is_zero = !whole.bytes().chain(kept.bytes()).any(|byte| (b'1'..=b'9').contains(&byte));
    let whole = if is_zero { whole.trim_start_matches('-') } else { whole };
    Some(if scale == 0 { whole.to_owned() } else { format!("{whole}.{kept:0<scale$}") })
}

/// The types of PostgreSQL for the columns of the job's tables.
pub(crate) const TYPES: ColumnTypes = ColumnTypes { field: column_type, run: "uuid", number: "bigint" };

/// As `format_type` spells it.
pub(crate) fn column_type(ty: &FieldType) -> String {
    match ty {
        FieldType::Text { .. } => "text".into(),
        FieldType::Integer => "bigint".into(),
        FieldType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
        FieldType::Date => "date".into(),
        FieldType::Timestamp => "timestamp without time zone".into(),
        FieldType::Instant => "timestamp with time zone".into(),
        FieldType::Boolean => "boolean".into(),
        FieldType::Bytes => "bytea".into(),
    }
}
