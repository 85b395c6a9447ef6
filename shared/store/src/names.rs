//! Names in SQL, as every database takes them.

use domain::table::TableName;

/// `name` as an SQL identifier. Names come checked from the job file; quoting keeps reserved words usable.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table as SQL names it: quoted, and with its schema if the job names one.
#[must_use]
pub fn table(name: &TableName) -> String {
    match name.schema() {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(name.name())),
        None => quoted(name.name()),
    }
}

/// `names`, quoted, with `prefix` before each, between commas.
#[must_use]
pub fn columns<'a>(prefix: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("{prefix}{}", quoted(name))).collect();
    quoted.join(", ")
}

/// The first 30 letters of the staging table's name, with which the names of its partitions begin in PostgreSQL. No two
/// staging tables of a job may have them in common ([`crate::bounds`]).
#[must_use]
pub fn partition_head(staging: &TableName) -> &str {
    let staging = staging.name();
    staging.char_indices().nth(30).map_or(staging, |(end, _)| &staging[..end])
}
