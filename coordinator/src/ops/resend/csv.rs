//! Rows of cells as RFC 4180 has them: commas between cells, quotes around those that need them.

use std::io::{self, BufRead, Read as _};

use thiserror::Error;

/// No row is longer than this: past it a quote is missing.
const ROW_BYTES_MAX: u64 = 64 << 20;

/// Why a row cannot be read.
#[derive(Debug, Error)]
pub enum CsvError {
    /// The file could not be read.
    #[error("line {line}: {error}")]
    Io {
        /// The line at which the row begins.
        line: u64,
        /// What the system said.
        error: io::Error,
    },
    /// What stands there is no row.
    #[error("line {line}: {what}")]
    Form {
        /// The line at which the row begins.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// Appends a row.
pub(super) fn put_row<'a>(cells: impl Iterator<Item = &'a str>, out: &mut String) {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push('\n');
}

/// Reads rows, one at a time.
#[derive(Debug)]
pub(super) struct Rows<R> {
    input: R,
    /// The line after those that were read.
    next: u64,
}

impl<R: BufRead> Rows<R> {
    pub(super) const fn new(input: R) -> Self {
        Self { input, next: 1 }
    }

    /// The next row and the line at which it begins. Empty lines are passed over.
    pub(super) fn row(&mut self) -> Result<Option<(u64, Vec<String>)>, CsvError> {
        loop {
            let line = self.next;
            let Some(bytes) = self.bytes(line)? else { return Ok(None) };
            let wrong = |what| CsvError::Form { line, what };
            let mut text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
            if text.ends_with('\n') {
                text.pop();
            }
            if text.ends_with('\r') {
                text.pop();
            }
            let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { &text };
            if !text.is_empty() {
                return Ok(Some((
                    line,
                    cells(text).ok_or_else(|| {
                        wrong("a quote stands within a cell without quotes, or does not end its cell")
                    })?,
                )));
            }
        }
    }

    /// The bytes of the next row: up to a line end outside quotes.
    fn bytes(&mut self, line: u64) -> Result<Option<Vec<u8>>, CsvError> {
        let mut row = Vec::new();
        let mut quotes = 0;
        loop {
            let begin = row.len();
            let room = ROW_BYTES_MAX.saturating_sub(begin as u64) + 1;
            let read = (&mut self.input).take(room).read_until(b'\n', &mut row);
            let read = read.map_err(|error| CsvError::Io { line, error })?;
            if row.len() as u64 > ROW_BYTES_MAX {
                return Err(CsvError::Form {
                    line,
                    what: "the row is longer than 64 MiB; a quote may be missing",
                });
            }
            if read > 0 {
                self.next += 1;
            }
            quotes += row[begin..].iter().filter(|byte| **byte == b'"').count();
            match (read, quotes % 2) {
                (0, _) if row.is_empty() => return Ok(None),
                (0, 1) => return Err(CsvError::Form { line, what: "a quote does not close" }),
                (0, _) | (_, 0) => return Ok(Some(row)),
                _ => {}
            }
        }
    }
}

fn cells(text: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut rest = text;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        if !rest.starts_with('"') && cell.contains('"') {
            return None;
        }
        all.push(cell);
        if after.is_empty() {
            return Some(all);
        }
        rest = after.strip_prefix(',')?;
    }
}

/// The cell whose opening quote precedes `text`, and what follows its closing quote.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut cell, mut rest) = (String::new(), text);
    loop {
        let end = rest.find('"')?;
        cell.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None => return Some((cell, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(u64, Vec<String>)>, CsvError> {
        let mut rows = Rows::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(row) = rows.row()? {
            all.push(row);
        }
        Ok(all)
    }

    #[test]
    fn rows_come_back_as_they_were_put() {
        let rows = [vec!["a", "", "b,c"], vec!["\"", "x\ny", " z "], vec!["\\N", "\r", "é"]];
        let mut text = String::new();
        for row in &rows {
            put_row(row.iter().copied(), &mut text);
        }
        let back = read(&text).unwrap();
        assert_eq!(back.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!(back.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), rows);
        // As a spreadsheet saves it: a byte-order mark, CRLF, quotes everywhere, no line end.
        let saved = "\u{feff}\"a\",\"\",\"b,c\"\r\n\r\n\"\"\"\",1,\"\"";
        assert_eq!(read(saved).unwrap()[0].1, ["a", "", "b,c"]);
        assert_eq!(read(saved).unwrap()[1], (3, vec!["\"".into(), "1".into(), String::new()]));
    }

    #[test]
    fn what_is_no_row_is_named_with_its_line() {
        for (text, line) in [("a,b\n\"c", "line 2"), ("a\"b\"\n", "line 1"), ("x\n\"a\"b,c\n", "line 2")] {
            assert!(read(text).unwrap_err().to_string().starts_with(line), "{text}");
        }
    }
}
