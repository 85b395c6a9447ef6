//! The names of a job's tables, and how a record type's fields lie in its final table.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

/// The most bytes of a name, which is PostgreSQL's limit.
const NAME_BYTES_MAX: usize = 63;

/// The column of a final table that holds the id of the run that wrote the row last, unless the job names another.
pub const LAST_RUN_ID: &str = "last_run_id";

/// The column of a final table that holds the number of the record that wrote the row last, unless the job names
/// another. Tables without a key need it.
pub const LAST_RECORD_NO: &str = "last_record_no";

/// The columns that staging has beside those of the fields, and so has a final table to which it is attached: the run,
/// and where in it each row comes from.
pub const STAGING_COLUMNS: [&str; 4] = ["run_id", "chunk_no", "record_no", "worker_id"];

/// The name of a table: alone, or with the schema that it is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    schema: Option<String>,
    name: String,
}

/// Why a text is not the name of a table or column.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadName {
    /// Its form is not that of a name.
    #[error(
        "use a letter or `_`, then letters, digits or `_`, at most 63 characters, or any characters in double quotes"
    )]
    Form,
    /// More than two names are joined by points.
    #[error("write a table as `table` or `schema.table`; a database cannot be named")]
    Parts,
    /// The name begins with letters that are not for a job's tables.
    #[error(
        "names that begin with `crossfoot_`, `sqlite_` or `pg_` are reserved for Crossfoot or the database"
    )]
    Reserved,
}

/// Whether `name` can stand in SQL without quotes, but for its case.
fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= NAME_BYTES_MAX
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The name of a column as a database may have it: whatever it consists of, it is quoted.
///
/// # Errors
/// [`BadName::Form`] if it is empty, too long, or holds control characters.
pub fn column_name(text: &str) -> Result<String, BadName> {
    let is_good = !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control);
    if is_good { Ok(text.to_owned()) } else { Err(BadName::Form) }
}

/// Takes the first part of a name: in double quotes, or up to the next point.
fn part(text: &str) -> Result<(String, &str), BadName> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        return if is_plain(name) { Ok((name.to_owned(), rest)) } else { Err(BadName::Form) };
    };
    let (mut name, mut rest) = (String::new(), quoted);
    loop {
        let end = rest.find('"').ok_or(BadName::Form)?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Ok((column_name(&name)?, rest)),
        }
    }
}

impl TableName {
    /// The table that a job file names by `text`: `table` or `schema.table`, each part plain or in double quotes.
    ///
    /// # Errors
    /// [`BadName`] if the text is not such a name.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let (first, rest) = part(text)?;
        let parsed = match rest.strip_prefix('.') {
            None if rest.is_empty() => Self { schema: None, name: first },
            None => return Err(BadName::Form),
            Some(rest) => {
                let (name, rest) = part(rest)?;
                if !rest.is_empty() {
                    return Err(if rest.starts_with('.') { BadName::Parts } else { BadName::Form });
                }
                Self { schema: Some(first), name }
            }
        };
        let is_reserved = |name: &str, head: &str| name.to_ascii_lowercase().starts_with(head);
        let of_table = ["crossfoot_", "sqlite_", "pg_"];
        let is_bad = of_table.iter().any(|head| is_reserved(&parsed.name, head))
            || parsed.schema.as_deref().is_some_and(|schema| is_reserved(schema, "pg_"));
        if is_bad { Err(BadName::Reserved) } else { Ok(parsed) }
    }

    /// The schema that the table is in; `None` if the database decides.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The table's name without its schema.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The table called `name` in the schema of this one.
    #[must_use]
    pub fn beside(&self, name: String) -> Self {
        Self { schema: self.schema.clone(), name }
    }

    /// Whether both names may mean one table: names differ in case only by mistake.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let same = |one: &Option<String>, other: &Option<String>| match (one, other) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            (one, other) => one == other,
        };
        same(&self.schema, &other.schema) && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl From<&str> for TableName {
    /// A table of this name, which holds no schema.
    fn from(name: &str) -> Self {
        Self { schema: None, name: name.to_owned() }
    }
}

/// The name as a job file writes it.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |part: &str| {
            if is_plain(part) { part.to_owned() } else { format!("\"{}\"", part.replace('"', "\"\"")) }
        };
        match &self.schema {
            Some(schema) => f.pad(&format!("{}.{}", shown(schema), shown(&self.name))),
            None => f.pad(&shown(&self.name)),
        }
    }
}

/// Where it is kept which run wrote a row of final last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunMark {
    /// In this column of the final table.
    Column(String),
    /// In a table of ours, which holds the key and the run of each row.
    Table(TableName),
}

/// A record type's final table, and where its fields lie in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalTable {
    /// The table's name.
    pub name: TableName,
    /// The columns of fields that are not called as their fields are, by the place of the field.
    pub columns: BTreeMap<usize, String>,
    /// Where it is kept which run wrote a row last.
    pub run: RunMark,
    /// The column that holds the record's number: where there is no key, and in other tables that have it.
    pub record_no: String,
    /// The table's triggers that may change rows of other tables.
    pub triggers: Vec<String>,
}

impl From<TableName> for FinalTable {
    /// A table whose columns are all called as Crossfoot calls them.
    fn from(name: TableName) -> Self {
        Self {
            name,
            columns: BTreeMap::new(),
            run: RunMark::Column(LAST_RUN_ID.into()),
            record_no: LAST_RECORD_NO.into(),
            triggers: Vec::new(),
        }
    }
}

impl From<&str> for FinalTable {
    fn from(name: &str) -> Self {
        TableName::from(name).into()
    }
}

impl FinalTable {
    /// The column that holds the id of the run, if it is in the table itself.
    #[must_use]
    pub fn run_column(&self) -> Option<&str> {
        match &self.run {
            RunMark::Column(name) => Some(name),
            RunMark::Table(_) => None,
        }
    }

    /// The tables that a promotion writes to.
    pub fn written(&self) -> impl Iterator<Item = &TableName> {
        [&self.name].into_iter().chain(self.run_table())
    }

    /// The table of ours that holds the id of the run, if the final table does not.
    #[must_use]
    pub fn run_table(&self) -> Option<&TableName> {
        match &self.run {
            RunMark::Column(_) => None,
            RunMark::Table(name) => Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain_or_quoted_with_or_without_a_schema() {
        let table = [
            ("entries", None, "entries"),
            ("bank.entries", Some("bank"), "entries"),
            ("\"Bank & Co\".\"Daily \"\"Ledger\"\"\"", Some("Bank & Co"), "Daily \"Ledger\""),
            ("bank.\"a.b\"", Some("bank"), "a.b"),
        ];
        for (text, schema, name) in table {
            let parsed = TableName::parse(text).unwrap();
            assert_eq!((parsed.schema(), parsed.name()), (schema, name), "{text}");
            assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "x".repeat(64);
        for text in ["", ".", "a.", ".b", "a b", "a-b", "\"a", "\"\"", "\"a\"b", "a.\"b\"c", "1a", &long] {
            assert_eq!(TableName::parse(text), Err(BadName::Form), "{text}");
        }
        assert_eq!(TableName::parse("db.bank.entries"), Err(BadName::Parts));
        for text in ["crossfoot_run", "x.Crossfoot_run", "sqlite_x", "pg_class", "pg_catalog.x", "\"pg_x\""] {
            assert_eq!(TableName::parse(text), Err(BadName::Reserved), "{text}");
        }
    }

    #[test]
    fn names_that_differ_in_case_only_are_the_same() {
        let is_same = |one: &str, other: &str| {
            TableName::parse(one).unwrap().is_same_as(&TableName::parse(other).unwrap())
        };
        assert!(is_same("a.Entries", "A.entries") && is_same("x", "X"));
        assert!(!is_same("a.x", "b.x") && !is_same("x", "a.x"));
    }
}
