//! Converts the names in a header to names that a database accepts.

use std::collections::HashSet;

/// Columns that Crossfoot adds to staging and final.
const RESERVED: [&str; 6] = ["run_id", "chunk_no", "record_no", "worker_id", "last_run_id", "last_record_no"];

/// The length to which `PostgreSQL` truncates names.
const BYTES_MAX: usize = 63;

/// Letters with a common ASCII spelling.
const SPELLINGS: [(&str, &str); 13] = [
    ("äæ", "ae"),
    ("öœø", "oe"),
    ("ü", "ue"),
    ("ß", "ss"),
    ("àáâãå", "a"),
    ("çčć", "c"),
    ("èéêëęě", "e"),
    ("ìíîï", "i"),
    ("ñń", "n"),
    ("òóôõ", "o"),
    ("ùúûů", "u"),
    ("šś", "s"),
    ("žźż", "z"),
];

/// Joins the words of a name in lower case with underscores: `Order Date`, `orderDate` and `ORDER-DATE` are
/// `order_date`. Empty when the name has neither letter nor digit.
pub(super) fn plain(name: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if before.is_lowercase() && c.is_uppercase() && out.len() < BYTES_MAX {
            out.push('_');
        }
        before = c;
        for c in c.to_lowercase() {
            match SPELLINGS.iter().find(|(letters, _)| letters.contains(c)) {
                Some((_, spelling)) => out.push_str(spelling),
                None if c.is_ascii_alphanumeric() => out.push(c),
                None if !out.is_empty() && !out.ends_with('_') => out.push('_'),
                None => {}
            }
        }
        if out.len() > 2 * BYTES_MAX {
            break;
        }
    }
    out.truncate(out.trim_end_matches('_').len().min(BYTES_MAX));
    out
}

/// Converts a name to an identifier of at most `bytes_max` bytes, or returns `otherwise` if that is empty.
pub(super) fn identifier(name: &str, otherwise: &str, bytes_max: usize) -> String {
    let mut out = plain(name);
    if out.is_empty() {
        out.push_str(otherwise);
    }
    if out.starts_with(|first: char| first.is_ascii_digit()) {
        out.insert(0, '_');
    }
    out.truncate(bytes_max);
    out
}

/// Converts a name to a table name with room for the prefix `stg_` that is not reserved.
pub(super) fn table(name: &str) -> String {
    let name = identifier(name, "records", BYTES_MAX - "stg_t_".len());
    let is_taken = ["crossfoot_", "sqlite_", "pg_"].iter().any(|start| name.starts_with(start));
    if is_taken { format!("t_{name}") } else { name }
}

/// Converts a name to a job name: letters, digits, `-`, `_` and `.`.
pub(super) fn job(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).take(100).collect();
    if name.is_empty() { "job".into() } else { name }
}

/// Returns a distinct, unreserved column name for each cell of `header`.
pub(super) fn columns(header: &[&str]) -> Vec<String> {
    let mut taken: HashSet<String> = RESERVED.iter().map(|name| (*name).to_owned()).collect();
    let name = |(at, written): (usize, &&str)| {
        let wanted = identifier(written, &format!("column_{}", at + 1), BYTES_MAX);
        let mut name =
            if RESERVED.contains(&wanted.as_str()) { format!("source_{wanted}") } else { wanted.clone() };
        let mut number = 2;
        while taken.contains(&name) {
            let suffix = format!("_{number}");
            name = format!("{}{suffix}", &wanted[..wanted.len().min(BYTES_MAX - suffix.len())]);
            number += 1;
        }
        taken.insert(name.clone());
        name
    };
    header.iter().enumerate().map(name).collect()
}
