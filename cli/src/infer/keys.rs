//! Finds the columns that identify a record.

use std::collections::HashSet;

use domain::words::plural;

use super::columns::{Column, Columns};
use super::types::Type;

/// The minimum number of records at which unique values suggest a key.
const RECORDS_MIN: usize = 20;

/// The number of columns that are tried in pairs.
const PAIRED_MAX: usize = 6;

/// Last words of a name that suggest an identifier.
const KEY_WORDS: [&str; 8] = ["id", "key", "no", "nr", "number", "ref", "uuid", "guid"];

/// The key that the job file proposes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) columns: Vec<String>,
    /// Whether the sample supports it well enough to set it.
    pub(super) sure: bool,
}

pub(super) fn find(columns: &Columns<'_>, notes: &mut Vec<String>) -> Option<Key> {
    let eligible: Vec<usize> =
        (0..columns.columns.len()).filter(|at| is_eligible(&columns.columns[*at])).collect();
    let named = |at: &&usize| is_named_key(&columns.columns[**at].name);
    let unique: Vec<usize> = eligible.iter().copied().filter(|at| is_unique(columns, &[*at])).collect();
    let records = columns.records.len();
    let key = if let Some(&at) = unique.iter().find(named).or_else(|| unique.first()) {
        let sure = records >= RECORDS_MIN && is_named_key(&columns.columns[at].name);
        Some((vec![at], sure))
    } else if records > 1 {
        // Columns with a key-like name first, so that (order, line) is tried before (line, quantity).
        let mut first: Vec<usize> = eligible.iter().filter(named).copied().collect();
        first.extend(eligible.iter().filter(|at| !named(at)));
        first.truncate(PAIRED_MAX);
        let pairs =
            first.iter().enumerate().flat_map(|(at, a)| first[at + 1..].iter().map(move |b| vec![*a, *b]));
        let mut pairs = pairs.filter(|pair| is_unique(columns, pair));
        pairs.next().map(|pair| (pair, false))
    } else {
        None
    };
    let key = key.map(|(key, sure)| Key {
        columns: key.into_iter().map(|at| columns.columns[at].name.clone()).collect(),
        sure,
    });
    notes.push(match &key {
        Some(Key { columns, sure: true }) => {
            format!(
                "key = {}: unique in the sample ({}); check that it is unique in every file",
                columns.join(", "),
                plural(records as u64, "record")
            )
        }
        Some(Key { columns, sure: false }) => {
            format!(
                "no key is set; {} would be unique in the sample ({})",
                columns.join(", "),
                plural(records as u64, "record")
            )
        }
        None => "no key is set; no column or pair of columns is unique in the sample".into(),
    });
    key
}

fn is_eligible(column: &Column) -> bool {
    column.always && matches!(column.typed.ty, Type::Integer | Type::Text(..=60))
}

fn is_named_key(name: &str) -> bool {
    let last = name.rsplit('_').next().unwrap_or_default();
    KEY_WORDS.contains(&last) || last.ends_with("id") || last.ends_with("key")
}

fn is_unique(columns: &Columns<'_>, key: &[usize]) -> bool {
    let mut seen = HashSet::with_capacity(columns.records.len());
    let tuple = |row: &super::rows::Row<'_>| {
        key.iter().map(|at| row.cells[*at].text.trim_matches(' ').to_owned()).collect::<Vec<_>>()
    };
    !columns.records.is_empty() && columns.records.iter().all(|row| seen.insert(tuple(row)))
}
