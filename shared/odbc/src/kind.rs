//! How the values of a column are read.

use domain::value::FieldType;
use odbc_api::DataType;

use crate::dialect::Dialect;

domain::named! {
    /// How the values of a column are read.
    pub enum Kind {
        /// Exact numbers, as text.
        Number = "number",
        /// Floating point numbers of double precision.
        Double = "double",
        /// Floating point numbers of single precision.
        Single = "single",
        /// Floating point numbers of single precision that are asked for as doubles.
        WideSingle = "single as double",
        /// Texts, as the bytes that the driver gives.
        Text = "text",
        /// Texts, in UTF-16.
        Wide = "wide text",
        /// Bytes as they are.
        Bytes = "bytes",
        /// Booleans, as a bit each.
        Bit = "bit",
        /// Days without a time.
        Date = "date",
        /// Times without a zone, to the nanosecond.
        Timestamp = "timestamp",
        /// What only text can be compared with, such as a time of day.
        AsText = "as text",
        /// PostgreSQL's booleans, as integers.
        PgBoolean = "PostgreSQL boolean",
        /// PostgreSQL's bytes, in hexadecimal.
        PgBytes = "PostgreSQL bytea",
        /// PostgreSQL's dates, as text.
        PgDate = "PostgreSQL date",
        /// PostgreSQL's timestamps, as text.
        PgTimestamp = "PostgreSQL timestamp",
        /// PostgreSQL's timestamps with a zone, as text in UTC.
        PgInstant = "PostgreSQL timestamptz",
        /// Other types of PostgreSQL, as text.
        PgOther = "PostgreSQL text",
        /// SQLite's values, each with its own type.
        Sqlite = "SQLite",
    }
}

impl Kind {
    /// The kind of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// How a column of a type is read that is compared with a field of type `ty`; `None` if that is not known.
    pub(crate) fn of(data: DataType, dialect: Dialect, ty: &FieldType) -> Option<Self> {
        if dialect == Dialect::Sqlite {
            return Some(Self::Sqlite);
        }
        let is_text = matches!(ty, FieldType::Text { .. });
        let text = match dialect {
            // Their drivers give texts in UTF-8, and a text in UTF-16 would end at a NUL.
            Dialect::Postgres | Dialect::Mysql => Self::Text,
            Dialect::Sqlite | Dialect::Other => Self::Wide,
        };
        Some(match data {
            DataType::Numeric { .. }
            | DataType::Decimal { .. }
            | DataType::Integer
            | DataType::SmallInt
            | DataType::BigInt
            | DataType::TinyInt => Self::Number,
            DataType::Float { precision } if precision > 0 && precision <= 24 => single(dialect),
            DataType::Real => single(dialect),
            DataType::Float { .. } | DataType::Double => Self::Double,
            DataType::Char { .. } | DataType::Varchar { .. } | DataType::LongVarchar { .. } => Self::Text,
            DataType::WChar { .. } | DataType::WVarchar { .. } | DataType::WLongVarchar { .. } => text,
            DataType::Binary { .. } | DataType::Varbinary { .. } | DataType::LongVarbinary { .. } => {
                Self::Bytes
            }
            DataType::Bit => Self::Bit,
            DataType::Date => Self::Date,
            DataType::Timestamp { .. } => Self::Timestamp,
            DataType::Time { .. } if is_text => Self::AsText,
            DataType::Unknown | DataType::Other { .. } if is_text => Self::AsText,
            DataType::Time { .. } | DataType::Unknown | DataType::Other { .. } => return None,
        })
    }

    /// What is asked for where a column of this kind is wanted.
    pub(crate) fn expressions(self, column: &str) -> Vec<String> {
        match self {
            Self::PgBoolean => vec![format!("CAST({column} AS int)")],
            Self::PgBytes => vec![format!("encode({column}, 'hex')")],
            Self::PgDate | Self::PgTimestamp | Self::PgInstant | Self::PgOther => {
                vec![format!("CAST({column} AS text)")]
            }
            // Written with six digits; as a double, with all that it has.
            Self::WideSingle => vec![format!("{column} + 0E0")],
            // Each value has a type of its own. In hexadecimal a text does not end at a NUL.
            Self::Sqlite => vec![
                format!("typeof({column})"),
                format!(
                    "hex(CASE typeof({column}) WHEN 'real' THEN printf('%!.17g', {column}) ELSE {column} END)"
                ),
            ],
            _ => vec![column.to_owned()],
        }
    }

    /// How a column of a type of PostgreSQL is read; `None` if as the driver tells.
    pub(crate) fn of_postgres(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" => Self::PgBoolean,
            "bytea" => Self::PgBytes,
            "date" => Self::PgDate,
            "timestamp without time zone" => Self::PgTimestamp,
            "timestamp with time zone" => Self::PgInstant,
            "text" | "character varying" | "character" | "name" => Self::Text,
            "smallint" | "integer" | "bigint" | "numeric" => Self::Number,
            "real" => Self::Single,
            "double precision" => Self::Double,
            _ => Self::PgOther,
        })
    }
}

const fn single(dialect: Dialect) -> Kind {
    match dialect {
        Dialect::Mysql => Kind::WideSingle,
        _ => Kind::Single,
    }
}
