//! A database behind an ODBC driver as a target.

use std::path::Path;

use async_trait::async_trait;
use domain::comparison::TargetSummary;
use odbc_api::{Connection, ConnectionOptions, Cursor, DataType, ResultSetMetadata as _, environment};
use platform::secret::{Secret, ServerUrl, is_open_attribute, odbc_attributes};
use store::target::{Prepared, Relation, RowSink, Target, TargetError, TargetReader, Wanted, WantedColumn};

use crate::dialect::{Dialect, quoted, table};
use crate::kind::Kind;
use crate::value::Slot;

/// How long a driver may take to connect.
const LOGIN_SECONDS: u32 = 30;

/// A database that is only read, through a driver.
#[derive(Debug)]
pub struct OdbcTarget {
    to: Source,
    database: String,
    dialect: Dialect,
    quote: Option<char>,
}

/// Where to connect to.
#[derive(Debug, Clone)]
struct Source {
    attributes: Secret,
    location: String,
    /// Values that no message may show.
    hidden: Vec<Secret>,
}

impl Source {
    fn new(url: &ServerUrl, password_file: Option<&Path>) -> Result<Self, TargetError> {
        let location = url.to_string();
        let failed = |reason: String| TargetError::Unreadable { location: location.clone(), reason };
        let given = url.reveal().strip_prefix("odbc:").unwrap_or_default();
        let Some(all) = odbc_attributes(given).filter(|all| !all.is_empty()) else {
            return Err(failed(
                "invalid connection string: expected odbc:DSN=NAME, or attributes such as \
                 odbc:Driver=NAME;Server=HOST;Database=NAME;UID=USER"
                    .into(),
            ));
        };
        let secret = all.iter().filter(|(name, value)| !is_open_attribute(name) && value.len() > 3);
        let mut hidden: Vec<_> =
            secret.map(|(_, value)| Secret::from(value.trim_matches(['{', '}']))).collect();
        let mut attributes = given.trim_end_matches([';', ' ']).to_owned();
        if let Some(file) = password_file {
            let password = Secret::from_file(file).map_err(|error| {
                failed(format!("cannot read the password file {}: {error}", file.display()))
            })?;
            attributes += &format!(";PWD={}", in_braces(password.reveal()));
            hidden.push(password);
        }
        Ok(Self { attributes: Secret::from(attributes), location, hidden })
    }

    /// An error of the driver on one line, without what is secret.
    fn failed(&self, reason: impl ToString) -> TargetError {
        let mut reason = reason.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in &self.hidden {
            reason = reason.replace(secret.reveal(), "***");
        }
        TargetError::Unreadable { location: self.location.clone(), reason }
    }

    fn connected(&self) -> Result<Connection<'static>, TargetError> {
        let environment = environment().map_err(|error| self.failed(error))?;
        let options = ConnectionOptions { login_timeout_sec: Some(LOGIN_SECONDS), packet_size: None };
        environment
            .connect_with_connection_string(self.attributes.reveal(), options)
            .map_err(|error| self.failed(error))
    }

    /// Runs a statement that returns nothing of interest.
    fn set(&self, connection: &Connection<'_>, sql: &str) -> Result<(), TargetError> {
        connection.execute(sql, (), None).map(drop).map_err(|error| self.failed(error))
    }
}

/// An attribute's value, in braces unless it is plain.
fn in_braces(value: &str) -> String {
    match value.chars().all(|c| c.is_ascii_alphanumeric()) {
        true => value.to_owned(),
        false => format!("{{{}}}", value.replace('}', "}}")),
    }
}

impl OdbcTarget {
    /// Connects with the connection string of `url` (`odbc:DSN=bank;UID=auditor`). The password is the first line of
    /// `password_file`, or the string's.
    ///
    /// # Errors
    /// [`TargetError::Unreadable`].
    pub fn open(url: &ServerUrl, password_file: Option<&Path>) -> Result<Self, TargetError> {
        let to = Source::new(url, password_file)?;
        let (database, quote) = tokio::task::block_in_place(|| {
            let connection = to.connected()?;
            let database = connection.database_management_system_name().map_err(|error| to.failed(error))?;
            let quote = connection.identifier_quote_char().map_err(|error| to.failed(error))?;
            Ok::<_, TargetError>((database, quote.filter(|quote| *quote != ' ')))
        })?;
        Ok(Self { dialect: Dialect::of(&database), to, database, quote })
    }

    /// Looks at a relation's columns, and writes the statement that reads those that are wanted.
    fn looked_at(&self, wanted: &Wanted) -> Result<(String, Vec<Kind>), TargetError> {
        let failed = |error: odbc_api::Error| self.to.failed(error);
        let relation = match &wanted.relation {
            Relation::Table(name) => table(name, self.quote),
            Relation::Query(query) => format!("({query}\n)"),
        };
        let connection = self.to.connected()?;
        for sql in self.dialect.session() {
            self.to.set(&connection, sql)?;
        }
        let probe = format!("SELECT * FROM {relation} t WHERE 1 = 0");
        let mut there = Vec::new();
        if let Some(mut cursor) = connection.execute(&probe, (), None).map_err(failed)? {
            let count = u16::try_from(cursor.num_result_cols().map_err(failed)?).unwrap_or_default();
            for at in 1..=count {
                there.push((cursor.col_name(at).map_err(failed)?, cursor.col_data_type(at).map_err(failed)?));
            }
        }
        let mut names = Vec::new();
        let mut kinds = Vec::new();
        for column in &wanted.columns {
            let (name, data) = found(&there, &column.name).map_err(|reason| self.to.failed(reason))?;
            names.push(format!("t.{}", quoted(name, self.quote)));
            kinds.push((column, data));
        }
        let of_postgres = match self.dialect {
            Dialect::Postgres => self.postgres_types(&connection, &relation, &names)?,
            _ => vec![None; names.len()],
        };
        let kinds = kinds.into_iter().zip(of_postgres).map(|((column, data), known)| {
            known.or_else(|| Kind::of(data, self.dialect, &column.ty)).ok_or_else(|| {
                self.to.failed(format!(
                    "column `{}` is of the type {data:?}, which is not understood; leave the field out \
                     (`leave_out`), or convert it in a `query`",
                    column.name
                ))
            })
        });
        let kinds = kinds.collect::<Result<Vec<_>, _>>()?;
        let expressions = names.iter().zip(&kinds);
        let expressions: Vec<_> = expressions.flat_map(|(name, kind)| kind.expressions(name)).collect();
        let filter = wanted.filter.as_ref().map(|filter| format!(" WHERE ({filter}\n)")).unwrap_or_default();
        Ok((format!("SELECT {} FROM {relation} t{filter}", expressions.join(", ")), kinds))
    }

    /// The columns' types as PostgreSQL calls them: its driver tells times with a zone and without as one type.
    fn postgres_types(
        &self,
        connection: &Connection<'_>,
        relation: &str,
        names: &[String],
    ) -> Result<Vec<Option<Kind>>, TargetError> {
        let failed = |error: odbc_api::Error| self.to.failed(error);
        let types = names.iter().map(|name| {
            format!(
                "(SELECT CAST(CAST(coalesce(nullif(y.typbasetype, 0), y.oid) AS regtype) AS text) FROM pg_type y
                  WHERE y.oid = pg_typeof({name}))"
            )
        });
        let sql = format!(
            "SELECT {} FROM (SELECT 1 AS o) one LEFT JOIN (SELECT * FROM {relation} t WHERE false) t ON true",
            types.collect::<Vec<_>>().join(", ")
        );
        let mut kinds = Vec::new();
        let Some(mut cursor) = connection.execute(&sql, (), None).map_err(failed)? else { return Ok(kinds) };
        if let Some(mut row) = cursor.next_row().map_err(failed)? {
            let mut text = Vec::new();
            for at in 1..=u16::try_from(names.len()).unwrap_or_default() {
                row.get_text(at, &mut text).map_err(failed)?;
                kinds.push(Kind::of_postgres(&String::from_utf8_lossy(&text)));
            }
        }
        Ok(kinds)
    }
}

/// The column of that name; without one, the only one of that name in another case.
fn found<'a>(there: &'a [(String, DataType)], name: &str) -> Result<(&'a str, DataType), String> {
    let all = |is_it: &dyn Fn(&str) -> bool| -> Vec<_> {
        there.iter().filter(|(other, _)| is_it(other)).map(|(other, data)| (other.as_str(), *data)).collect()
    };
    let same = all(&|other| other == name);
    let alike = if same.is_empty() { all(&|other| other.eq_ignore_ascii_case(name)) } else { same };
    match alike[..] {
        [only] => Ok(only),
        [] => Err(format!("there is no column `{name}`")),
        _ => Err(format!(
            "there are several columns `{name}`; name one of them as the database does (`columns`)"
        )),
    }
}

#[async_trait]
impl Target for OdbcTarget {
    fn summary(&self) -> TargetSummary {
        TargetSummary {
            location: self.to.location.clone(),
            kind: format!("{} over ODBC", self.database),
            snapshot: "each table is read by one statement; whether it sees one moment is up to the database"
                .into(),
        }
    }

    async fn prepare(&self, wanted: Wanted) -> Result<Prepared, TargetError> {
        let (sql, kinds) = tokio::task::block_in_place(|| self.looked_at(&wanted))?;
        let types = kinds.iter().map(|kind| kind.name().to_owned()).collect();
        Ok(Prepared { parts: vec![sql], types, wanted })
    }

    fn readers_max(&self) -> usize {
        1
    }

    fn is_of_one_moment(&self) -> bool {
        false
    }

    async fn reader(&self) -> Result<Box<dyn TargetReader>, TargetError> {
        Ok(Box::new(OdbcReader { to: self.to.clone(), dialect: self.dialect }))
    }
}

struct OdbcReader {
    to: Source,
    dialect: Dialect,
}

#[async_trait]
impl TargetReader for OdbcReader {
    async fn read(
        &mut self,
        table: &Prepared,
        part: usize,
        rows: &mut dyn RowSink,
    ) -> Result<u64, TargetError> {
        let Some(sql) = table.parts.get(part) else { return Ok(0) };
        tokio::task::block_in_place(|| {
            let connection = self.to.connected()?;
            for sql in self.dialect.session() {
                self.to.set(&connection, sql)?;
            }
            let kinds: Vec<_> = table.types.iter().filter_map(|name| Kind::named(name)).collect();
            self.read_all(&connection, sql, (&kinds, &table.wanted.columns), rows)
        })
    }
}

impl OdbcReader {
    fn read_all(
        &self,
        connection: &Connection<'_>,
        sql: &str,
        (kinds, columns): (&[Kind], &[WantedColumn]),
        sink: &mut dyn RowSink,
    ) -> Result<u64, TargetError> {
        let failed = |error: odbc_api::Error| self.to.failed(error);
        let Some(mut cursor) = connection.execute(sql, (), None).map_err(failed)? else { return Ok(0) };
        let mut slots: Vec<_> = kinds.iter().map(|kind| Slot::new(*kind)).collect();
        let mut count = 0;
        while let Some(mut row) = cursor.next_row().map_err(failed)? {
            let mut at = 1;
            for (slot, column) in slots.iter_mut().zip(columns) {
                slot.fetch(&mut row, &mut at)
                    .map_err(|reason| self.to.failed(format!("column `{}`: {reason}", column.name)))?;
            }
            let mut cells = Vec::with_capacity(columns.len());
            for (slot, column) in slots.iter_mut().zip(columns) {
                cells.push(slot.cell(&column.ty));
            }
            sink.row(&cells)?;
            count += 1;
        }
        Ok(count)
    }
}
