//! What is wrong with a job file, and where.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, miette};
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
    /// The line and its neighbours, with what is at fault underlined.
    pub shown: String,
}

impl Place {
    /// The place of byte range `span` in `source`, which is of `file`.
    pub(super) fn of(file: &str, source: &str, span: Range<usize>) -> Self {
        let before = source.get(..span.start).unwrap_or(source);
        let in_line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        // Of a table only its head: the rest may be the whole file.
        let first = source.get(span.clone()).and_then(|fault| fault.lines().next()).unwrap_or_default();
        let label = LabeledSpan::underline(before.len()..before.len() + first.len());
        let text = NamedSource::new(file, source.to_owned());
        let shown = underlined(&*miette!(labels = vec![label], "").with_source_code(text));
        Self { line: before.matches('\n').count() + 1, column: in_line.chars().count() + 1, shown }
    }
}

/// The part of a text that is at fault, underlined, without the message.
#[must_use]
pub fn underlined(fault: &dyn Diagnostic) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none()).with_wrap_lines(false);
    let mut out = String::new();
    let _ = handler.without_cause_chain().render_report(&mut out, fault);
    // The first line is the message.
    out.split_once('\n').map_or_else(String::new, |(_, shown)| shown.trim_end().to_owned())
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job file {}", self.file)?;
        match &self.place {
            Some(Place { line, column, shown }) => {
                write!(f, ", line {line}, column {column}: {}\n{shown}", self.message)?;
            }
            None => write!(f, ": {}", self.message)?,
        }
        match &self.advice {
            Some(advice) => write!(f, "\n  {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_characters_and_underlined() {
        let place = Place::of("job.toml", "a = 1\nü = x\n", 11..12);
        assert_eq!((place.line, place.column), (2, 5));
        let lines: Vec<_> = place.shown.lines().collect();
        assert!(lines[0].contains("[job.toml:2:") && lines.contains(&" 2 | ü = x"), "{}", place.shown);
        assert!(lines.contains(&"   :     ^"), "{}", place.shown);
        for (source, span) in [("", 5..9), ("a", 1..1), ("a\n", 2..2), ("a = \"ü", 4..7)] {
            let place = Place::of("job.toml", source, span);
            assert!(place.shown.contains("job.toml:") && !place.shown.contains("Failed"), "{}", place.shown);
        }
    }
}
