//! What is known of a database: how a session is set up, and how its names are quoted.

use domain::table::TableName;

/// A database of which more is known than that its driver speaks ODBC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Mysql,
    Sqlite,
    Other,
}

impl Dialect {
    /// The dialect of a database that calls itself so.
    pub(crate) fn of(database: &str) -> Self {
        match database.to_ascii_lowercase().as_str() {
            "postgresql" => Self::Postgres,
            "mysql" | "mariadb" => Self::Mysql,
            "sqlite" => Self::Sqlite,
            _ => Self::Other,
        }
    }

    /// What a new session is set to.
    pub(crate) const fn session(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &[
                "SET default_transaction_read_only = on",
                "SET row_security = off",
                "SET TimeZone = 'UTC'",
                "SET DateStyle = 'ISO, YMD'",
                "SET IntervalStyle = 'iso_8601'",
            ],
            Self::Mysql => &["SET time_zone = '+00:00'"],
            Self::Sqlite | Self::Other => &[],
        }
    }
}

/// A name in the database's quotes, if it has any.
pub(crate) fn quoted(name: &str, quote: Option<char>) -> String {
    match quote {
        Some(quote) => format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}"))),
        None => name.to_owned(),
    }
}

/// A table. A plain name has no quotes, so that its case is folded as the database does it.
pub(crate) fn table(name: &TableName, quote: Option<char>) -> String {
    let is_plain = |part: &str| {
        !part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let part = |part: &str| if is_plain(part) { part.to_owned() } else { quoted(part, quote) };
    match name.schema() {
        Some(schema) => format!("{}.{}", part(schema), part(name.name())),
        None => part(name.name()),
    }
}
