//! Decides whether the first row contains the column names.

use super::rows::{Row, is_null};
use super::types::{self, Typed};

/// Words that are column names in files whose values are all text.
const USUAL_WORDS: [&str; 20] = [
    "id",
    "name",
    "date",
    "code",
    "type",
    "key",
    "number",
    "no",
    "nr",
    "amount",
    "amt",
    "status",
    "currency",
    "city",
    "country",
    "description",
    "email",
    "value",
    "title",
    "comment",
];

/// Whether the first row is a header, and how certain that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// A header: its types differ from the other rows.
    Yes,
    /// Probably a header: its cells look like names.
    Probably,
    /// Possibly data: nothing tells the first row from the others.
    Unclear,
    /// Data: it has a value where a name would be, or repeats a cell.
    No,
}

impl Header {
    pub(super) const fn is_there(self) -> bool {
        matches!(self, Self::Yes | Self::Probably)
    }
}

/// Judges the first row; `typed` are the column types without it, and `null` is the NULL text.
pub(super) fn judge(rows: &[Row<'_>], typed: &[Typed], null: &str) -> Header {
    let Some((first, others)) = rows.split_first() else { return Header::No };
    let cells: Vec<&str> = first.cells.iter().map(|cell| cell.text.trim()).collect();
    // A name is not NULL; exporters leave the name of an index column empty.
    if cells.iter().all(|cell| cell.is_empty())
        || cells.iter().any(|cell| !cell.is_empty() && !may_name(cell))
    {
        return Header::No;
    }
    let mut differs = false;
    for (at, typed) in typed.iter().enumerate() {
        let cell = cells.get(at).copied().unwrap_or_default();
        if typed.is_text() || cell.is_empty() || is_null(&first.cells[at], null) {
            continue;
        }
        if types::of("", &[cell]).ty == typed.ty {
            return Header::No;
        }
        differs = true;
    }
    let distinct = (1..cells.len()).all(|at| !cells[..at].contains(&cells[at]));
    let repeats = |row: &Row<'_>| {
        row.cells.iter().zip(&cells).any(|(cell, name)| !name.is_empty() && cell.text.trim() == *name)
    };
    match (differs, distinct && !others.iter().any(repeats)) {
        (true, _) => Header::Yes,
        (false, true)
            if cells.iter().all(|cell| is_namelike(cell)) && cells.iter().any(|cell| is_usual(cell)) =>
        {
            Header::Probably
        }
        (false, true) => Header::Unclear,
        (false, false) => Header::No,
    }
}

/// Whether the text can be a name: it is not a number, a date or a boolean.
fn may_name(cell: &str) -> bool {
    !types::is_number(cell) && types::of("", &[cell]).ty.to_string().starts_with("text") && cell.len() <= 200
}

fn is_namelike(cell: &str) -> bool {
    cell.starts_with(char::is_alphabetic)
        && cell.chars().all(|c| c.is_alphanumeric() || "_-. ()/#".contains(c))
}

fn is_usual(cell: &str) -> bool {
    let name = super::names::plain(cell);
    name.split('_').any(|word| USUAL_WORDS.contains(&word)) || (cell.contains('_') && cell.is_ascii())
}
