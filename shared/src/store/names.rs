//! Names in SQL, as every database takes them.

/// `name` as an SQL identifier. Names come checked from the job file; quoting keeps reserved words usable.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `names`, quoted, with `prefix` before each, between commas.
#[must_use]
pub fn columns<'a>(prefix: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("{prefix}{}", quoted(name))).collect();
    quoted.join(", ")
}
