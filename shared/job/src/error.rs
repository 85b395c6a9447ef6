//! What is wrong with a job file, and where.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

/// A job file that cannot be used. `Display` names file, line and column, shows the line, and gives advice.
#[derive(Debug, Error)]
pub struct JobError {
    /// The job file's name, as it was given.
    pub file: String,
    /// Line and column, from 1, and the line's text, where one place is at fault.
    pub place: Option<Place>,
    /// What is wrong with the job file, in words.
    pub message: String,
    /// What to do about it, if that is not obvious.
    pub advice: Option<String>,
}

/// A place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The line in the file, from 1.
    pub line: usize,
    /// The column in the line, in characters from 1.
    pub column: usize,
    /// How many characters are at fault.
    pub width: usize,
    /// The text of the whole line.
    pub text: String,
}

impl Place {
    /// The place of byte range `span` in `source`.
    pub(super) fn of(source: &str, span: Range<usize>) -> Self {
        let start = floor_boundary(source, span.start);
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let text = source[line_start..].lines().next().unwrap_or("").to_owned();
        let column = source[line_start..start].chars().count() + 1;
        let end = floor_boundary(source, span.end.max(start));
        let width = source[start..end].lines().next().unwrap_or("").chars().count().max(1);
        Self { line: source[..start].matches('\n').count() + 1, column, width, text }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job file {}", self.file)?;
        if let Some(place) = &self.place {
            write!(f, ", line {}, column {}", place.line, place.column)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(place) = &self.place {
            let gutter = place.line.to_string();
            let pad = " ".repeat(gutter.len());
            write!(f, "\n {pad} |\n {gutter} | {}", place.text)?;
            write!(f, "\n {pad} | {}{}", " ".repeat(place.column - 1), "^".repeat(place.width))?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "\n  {advice}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        let place = Place::of("a = 1\nü = x\n", 11..12);
        assert_eq!((place.line, place.column, place.width, place.text.as_str()), (2, 5, 1, "ü = x"));
        assert_eq!(Place::of("", 5..9).line, 1);
    }
}
