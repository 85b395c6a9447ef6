//! A delimited record's fields as they are written, before a type is read from them.

use std::borrow::Cow;

use super::delimited::{Piece, Place, Splitter, State};
use super::spec::Delimited;

/// A field of a delimited record, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell<'a> {
    /// Its text, without quotes and escapes.
    pub text: Cow<'a, str>,
    /// Whether it is quoted, and so never stands for NULL.
    pub quoted: bool,
    /// Whether text follows the closing quote, so that the meaning is unclear.
    pub misquoted: bool,
}

/// Splits a record without its line end into its cells; `None` if a quote does not close.
#[must_use]
pub fn cells<'a>(form: &Delimited, record: &'a str) -> Option<Vec<Cell<'a>>> {
    let (mut scratch, mut pieces) = (Vec::new(), Vec::new());
    Splitter::new(form).split(record.as_bytes(), &mut scratch, &mut pieces).ok()?;
    let cell = |piece: Piece| Cell {
        text: match piece.place {
            Place::Record => String::from_utf8_lossy(&record.as_bytes()[piece.start..piece.end]),
            Place::Scratch => String::from_utf8_lossy(&scratch[piece.start..piece.end]).into_owned().into(),
        },
        quoted: piece.state != State::Plain,
        misquoted: piece.state == State::Misquoted,
    };
    Some(pieces.into_iter().map(cell).collect())
}
