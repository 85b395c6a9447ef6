//! The columns: their names, their types, and the text that means NULL.

use super::dialect::Found;
use super::header::{self, Header};
use super::names;
use super::rows::{Row, is_null};
use super::types::{self, Typed};

/// Texts that mean NULL in exports, the most specific first; empty text is the default.
const NULLS: [&str; 4] = ["\\N", "NULL", "null", ""];

/// A column of the sample.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its name in the header.
    pub(super) written: Option<String>,
    pub(super) typed: Typed,
    /// Whether the spaces around its values are padding.
    pub(super) padded: bool,
    /// Whether every row of the sample has a value.
    pub(super) always: bool,
}

/// All columns, and the records of the sample.
#[derive(Debug)]
pub(super) struct Columns<'f> {
    pub(super) columns: Vec<Column>,
    pub(super) has_header: bool,
    pub(super) null: &'static str,
    pub(super) records: &'f [Row<'f>],
}

impl<'f> Columns<'f> {
    pub(super) fn find(found: &'f Found<'f>, notes: &mut Vec<String>) -> Self {
        let rows = &found.rows[..];
        let others = rows.get(1..).unwrap_or_default();
        let unnamed = vec![String::new(); found.width];
        let null = null_text(rows, others, &unnamed);
        let header = if found.first_is_whole {
            header::judge(rows, &typed(others, &unnamed, null), null)
        } else {
            Header::No
        };
        note_header(header, others.is_empty(), notes);
        let records = if header.is_there() { others } else { rows };
        let written: Vec<&str> = match rows.first() {
            Some(first) if header.is_there() => first.cells.iter().map(|cell| cell.text.trim()).collect(),
            _ => vec![""; found.width],
        };
        let names = names::columns(&written);
        let types = typed(records, &names, null);
        let mut columns = Vec::with_capacity(found.width);
        for (at, (name, typed)) in names.into_iter().zip(types).enumerate() {
            let cells = || records.iter().map(|row| &row.cells[at]);
            let padded = !typed.is_text() && cells().any(|cell| cell.text.trim_matches(' ') != cell.text);
            let always =
                !records.is_empty() && !cells().any(|cell| is_null(cell, null) || cell.text.is_empty());
            if let Some(remark) = &typed.remark {
                notes.push(format!("{name} is {}: {remark}", typed.ty));
            }
            // A column without a name is found by that too.
            let written = header.is_there().then(|| written[at].to_owned());
            columns.push(Column { name, written, typed, padded, always });
        }
        note_null(null, &columns, records, notes);
        Self { columns, has_header: header.is_there(), null, records }
    }
}

/// Infers the type of each column in `rows`.
fn typed(rows: &[Row<'_>], names: &[String], null: &str) -> Vec<Typed> {
    let of = |(at, name): (usize, &String)| {
        let cells = rows.iter().map(|row| &row.cells[at]).filter(|cell| !is_null(cell, null));
        // A quoted empty value is not NULL, and fits no type except text.
        let values: Vec<&str> = cells.map(|cell| cell.text.trim_matches(' ')).collect();
        let mut typed = types::of(name, &values);
        if typed.is_text() && !values.is_empty() {
            // In text, spaces are significant.
            let lengths = rows.iter().map(|row| row.cells[at].text.chars().count());
            typed.ty = types::text_of(lengths.max().unwrap_or(0));
            let without: Vec<&str> = values.iter().filter(|value| !value.is_empty()).copied().collect();
            if without.len() < values.len() && !without.is_empty() && !types::of(name, &without).is_text() {
                typed.remark = Some(format!(
                    "all values that are not empty are {}, but only {} is read as NULL",
                    types::of(name, &without).ty,
                    if null.is_empty() {
                        "an empty value without quotes".into()
                    } else {
                        format!("`{null}`")
                    }
                ));
            }
        }
        typed
    };
    names.iter().enumerate().map(of).collect()
}

/// Chooses the NULL text that leaves the fewest columns as plain text.
fn null_text(rows: &[Row<'_>], others: &[Row<'_>], names: &[String]) -> &'static str {
    let occurs =
        |null: &str| rows.iter().flat_map(|row| &row.cells).any(|cell| !cell.quoted && cell.text == null);
    let texts = |null: &str| typed(others, names, null).iter().filter(|typed| typed.is_text()).count();
    let candidates = NULLS.into_iter().filter(|null| null.is_empty() || occurs(null));
    candidates.min_by_key(|null| texts(null)).unwrap_or_default()
}

fn note_header(header: Header, single: bool, notes: &mut Vec<String>) {
    match header {
        Header::Probably if single => {
            notes.push("reading the only row as column names; provide a sample with records".into())
        }
        Header::Probably => {
            notes.push("reading the first row as column names; if it is a record, set header = false".into())
        }
        Header::Unclear => notes
            .push("reading the first row as a record; if it has the column names, set header = true".into()),
        Header::Yes | Header::No => {}
    }
}

fn note_null(null: &str, columns: &[Column], records: &[Row<'_>], notes: &mut Vec<String>) {
    if null.is_empty() {
        return;
    }
    let has_empty =
        |at: &usize| records.iter().any(|row| !row.cells[*at].quoted && row.cells[*at].text.is_empty());
    let empties: Vec<&str> =
        (0..columns.len()).filter(has_empty).map(|at| columns[at].name.as_str()).take(5).collect();
    notes.push(format!("reading `{null}` without quotes as NULL"));
    if !empties.is_empty() {
        notes
            .push(format!("empty values, as in {}, are read as empty text, not as NULL", empties.join(", ")));
    }
}
