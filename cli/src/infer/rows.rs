//! Splits text into rows and cells, as the loader does.

use format::spec::{Delimited, Encoding, Form, FormatSpec, Outside};
use format::{Cell, Frame, Framer, cells};

/// How quotes and escapes work in a delimited file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// A quote inside quotes is written twice.
    Doubled,
    /// A quote inside quotes is escaped with a backslash.
    Backslash,
    /// Quotes are ordinary characters.
    Off,
}

impl Quoting {
    /// The form of rows whose cells are quoted like this.
    fn form(self, separator: u8) -> Delimited {
        Delimited {
            separator,
            quote: (self != Self::Off).then_some(b'"'),
            escape: (self == Self::Backslash).then_some(b'\\'),
            header: false,
            null: String::new(),
            trailing_separator: false,
            terminator: None,
            continuation: None,
            missing_is_null: false,
            columns: None,
            lead_lines: 0,
            skips: format::spec::Skips::default(),
        }
    }
}

/// Whether the decoder would read the cell as NULL, ignoring surrounding spaces.
pub(super) fn is_null(cell: &Cell<'_>, null: &str) -> bool {
    !cell.quoted && (cell.text == null || cell.text.trim_matches(' ') == null)
}

/// A row of the sample.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) cells: Vec<Cell<'a>>,
    /// The line it starts on, counted from 1.
    pub(super) line: usize,
    /// Whether there is text after a closing quote.
    pub(super) misquoted: bool,
}

impl Row<'_> {
    pub(super) fn is_blank(&self) -> bool {
        matches!(&self.cells[..], [only] if !only.quoted && only.text.trim_matches(' ').is_empty())
    }
}

/// The complete rows of a text.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) rows: Vec<Row<'a>>,
    /// The number of bytes at the end that are not a complete row.
    pub(super) rest: usize,
    /// Whether the rest follows an unclosed quote.
    pub(super) unclosed: bool,
}

pub(super) fn cut<'a>(text: &'a str, separator: u8, quoting: Quoting, whole_file: bool) -> Rows<'a> {
    let form = quoting.form(separator);
    let framer = Framer::new(&FormatSpec {
        form: Form::Delimited(form.clone()),
        encoding: Encoding::Utf8,
        record_bytes_max: usize::MAX,
        outside: Outside::default(),
        fields: Vec::new(),
        stage: None,
    });
    let mut out = Rows { rows: Vec::new(), rest: 0, unclosed: false };
    let (mut left, mut line) = (text, 1);
    while !left.is_empty() {
        let framed = framer.next(left.as_bytes(), true).ok().flatten();
        let row = framed.and_then(|frame| Some((frame, cells(&form, &left[frame.start..frame.end])?)));
        let is_whole = |frame: &Frame| whole_file || left[..frame.total].ends_with('\n');
        let Some((frame, cells)) = row.filter(|(frame, _)| is_whole(frame)) else {
            out.rest = left.len();
            out.unclosed = framed.is_none();
            return out;
        };
        out.rows.push(Row { line, misquoted: cells.iter().any(|cell| cell.misquoted), cells });
        let (row, rest) = left.split_at(frame.total);
        line += row.matches('\n').count();
        left = rest;
    }
    out
}
