//! Splits text into rows and cells with the rules of the loader: a quote opens only at the start of a
//! cell, and lines end at LF or CRLF outside quotes.

use std::borrow::Cow;

/// How quotes work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// A quote inside quotes is written twice.
    Doubled,
    /// A quote inside quotes is escaped with a backslash.
    Backslash,
    /// Quotes are ordinary characters.
    Off,
}

/// A cell of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell<'a> {
    pub(super) text: Cow<'a, str>,
    /// Whether it was quoted, and so cannot be NULL.
    pub(super) quoted: bool,
}

impl Cell<'_> {
    /// Whether the decoder would read it as NULL, ignoring surrounding spaces.
    pub(super) fn is_null(&self, null: &str) -> bool {
        !self.quoted && (self.text == null || self.text.trim_matches(' ') == null)
    }
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

const QUOTE: u8 = b'"';

pub(super) fn cut<'a>(text: &'a str, separator: u8, quoting: Quoting, whole_file: bool) -> Rows<'a> {
    let bytes = text.as_bytes();
    let mut out = Rows { rows: Vec::new(), rest: 0, unclosed: false };
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let row_start = at;
        let mut row = Row { cells: Vec::new(), line, misquoted: false };
        loop {
            let mut cell = None;
            if quoting != Quoting::Off && bytes.get(at) == Some(&QUOTE) {
                let Some(end) = closing(bytes, at + 1, quoting) else {
                    out.rest = bytes.len() - row_start;
                    out.unclosed = true;
                    return out;
                };
                line += bytes[at..end].iter().filter(|byte| **byte == b'\n').count();
                cell = Some(Cell { text: unescaped(&text[at + 1..end], quoting), quoted: true });
                at = end + 1;
            }
            let start = at;
            while at < bytes.len() && bytes[at] != separator && bytes[at] != b'\n' {
                at += 1;
            }
            let is_end = bytes.get(at) != Some(&separator);
            let plain = &text[start..at];
            let plain = if is_end { plain.strip_suffix('\r').unwrap_or(plain) } else { plain };
            row.misquoted |= cell.is_some() && !plain.is_empty();
            row.cells.push(cell.unwrap_or(Cell { text: Cow::Borrowed(plain), quoted: false }));
            if is_end {
                break;
            }
            at += 1;
        }
        if at == bytes.len() && !whole_file {
            out.rest = at - row_start;
            return out;
        }
        out.rows.push(row);
        at += 1;
        line += 1;
    }
    out
}

/// Finds the closing quote.
fn closing(bytes: &[u8], mut at: usize, quoting: Quoting) -> Option<usize> {
    loop {
        match (*bytes.get(at)?, bytes.get(at + 1)) {
            (QUOTE, Some(&QUOTE)) => at += 2,
            (QUOTE, _) => return Some(at),
            (b'\\', Some(b'"' | b'\\')) if quoting == Quoting::Backslash => at += 2,
            _ => at += 1,
        }
    }
}

fn unescaped(content: &str, quoting: Quoting) -> Cow<'_, str> {
    let backslash = quoting == Quoting::Backslash && content.contains('\\');
    if !backslash && !content.contains('"') {
        return Cow::Borrowed(content);
    }
    let mut out = String::with_capacity(content.len());
    let mut chars = content.chars().peekable();
    while let Some(c) = chars.next() {
        let is_pair = match (c, chars.peek()) {
            ('"', Some('"')) => true,
            ('\\', Some('"' | '\\')) => backslash,
            _ => false,
        };
        out.push(if is_pair { chars.next().unwrap_or(c) } else { c });
    }
    Cow::Owned(out)
}
