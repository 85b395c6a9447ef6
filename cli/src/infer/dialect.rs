//! Finds the separator and quoting that split the text into rows of equal width.

use std::collections::BTreeMap;

use format::Cell;

use super::rows::{Quoting, Row, Rows, cut};
use super::types::is_number;

/// The candidate separators, the least ambiguous first.
const SEPARATORS: [u8; 4] = *b"\t|;,";

/// The minimum percentage of rows that must have the same width.
const EQUAL_PERCENT_MIN: u64 = 60;

/// The maximum length of a quoted value in bytes; a longer one means that the quote is an ordinary character.
const UNCLOSED_BYTES_MAX: usize = 64 << 10;

/// The number of rows used to compare separators.
const COMPARED_ROWS_MAX: usize = 1000;

/// Rows of equal width, and how they were split.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) separator: u8,
    pub(super) quoting: Quoting,
    /// Whether each row ends with a separator that does not start another cell.
    pub(super) trailing_separator: bool,
    /// The number of cells per row.
    pub(super) width: usize,
    /// The rows with that many cells.
    pub(super) rows: Vec<Row<'a>>,
    /// The lines on which other rows start, except blank ones.
    pub(super) odd_lines: Vec<usize>,
    /// The first blank line.
    pub(super) blank_line: Option<usize>,
    /// Whether the first row has the common width.
    pub(super) first_is_whole: bool,
}

struct Candidate<'a> {
    separator: u8,
    quoting: Quoting,
    cut: Rows<'a>,
    width: usize,
    /// The share of rows with that width, per thousand.
    equal: u64,
    /// The share of cells without another separator, per thousand.
    simple: u64,
}

/// Returns `None` if no separator fits.
pub(super) fn find(text: &str, whole_file: bool) -> Option<Found<'_>> {
    let mut best: Option<Candidate<'_>> = None;
    for separator in SEPARATORS {
        let quotings = [Quoting::Doubled, Quoting::Backslash, Quoting::Off];
        let candidates =
            quotings.into_iter().filter_map(|quoting| weigh(text, separator, quoting, whole_file));
        // The first of equals wins: quotes have their usual meaning unless another rule explains more rows.
        let Some(candidate) = candidates.reduce(|a, b| if b.equal > a.equal { b } else { a }) else {
            continue;
        };
        let rank = |one: &Candidate<'_>| (one.equal * one.equal * one.simple, one.width);
        if best.as_ref().is_none_or(|best| rank(&candidate) > rank(best)) {
            best = Some(candidate);
        }
    }
    best.map(settle)
}

fn weigh(text: &str, separator: u8, quoting: Quoting, whole_file: bool) -> Option<Candidate<'_>> {
    let cut = cut(text, separator, quoting, whole_file);
    if cut.unclosed && (whole_file || cut.rest > UNCLOSED_BYTES_MAX) {
        return None;
    }
    let mut widths: BTreeMap<usize, u64> = BTreeMap::new();
    let mut total = 0;
    for row in cut.rows.iter().filter(|row| !row.is_blank()) {
        total += 1;
        if !row.misquoted {
            *widths.entry(row.cells.len()).or_default() += 1;
        }
    }
    let (&width, &count) = widths.iter().max_by_key(|(width, count)| (**count, **width))?;
    if width < 2 || count * 100 < total * EQUAL_PERCENT_MIN {
        return None;
    }
    let (mut cells, mut simple) = (0, 0);
    for cell in cut.rows.iter().take(COMPARED_ROWS_MAX).flat_map(|row| &row.cells) {
        cells += 1;
        simple += u64::from(is_simple(cell));
    }
    Some(Candidate {
        separator,
        quoting,
        cut,
        width,
        equal: count * 1000 / total,
        simple: simple * 1000 / cells,
    })
}

/// Whether the cell can only be one value: `1,5` is one number, but `a;b` may be two cells.
fn is_simple(cell: &Cell<'_>) -> bool {
    cell.quoted
        || !cell.text.bytes().any(|byte| SEPARATORS.contains(&byte))
        || is_number(&cell.text.replacen(',', ".", 1))
}

fn settle(candidate: Candidate<'_>) -> Found<'_> {
    let Candidate { separator, quoting, cut, mut width, .. } = candidate;
    let mut found = Found {
        separator,
        quoting,
        trailing_separator: false,
        width,
        rows: Vec::new(),
        odd_lines: Vec::new(),
        blank_line: None,
        first_is_whole: true,
    };
    for (at, row) in cut.rows.into_iter().enumerate() {
        if !row.misquoted && row.cells.len() == width {
            found.rows.push(row);
            continue;
        }
        if row.is_blank() {
            found.blank_line.get_or_insert(row.line);
        } else {
            found.odd_lines.push(row.line);
        }
        found.first_is_whole &= at > 0;
    }
    let is_bare = |row: &Row<'_>| row.cells.last().is_some_and(|cell| !cell.quoted && cell.text.is_empty());
    if found.rows.iter().all(is_bare) {
        found.trailing_separator = true;
        width -= 1;
        for row in &mut found.rows {
            row.cells.truncate(width);
        }
    }
    found.width = width;
    found
}
