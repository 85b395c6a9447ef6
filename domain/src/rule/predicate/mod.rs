//! Row rules as SQL predicates: parsed once, typed against a layout, evaluated exactly on each record.
//!
//! `parse` reads the text, `typing` (with `names`, `literals`, `calls` and `cases`) turns it into the tree of
//! `expr`, and `eval` (with `functions` and `like`) runs that. Whatever is not known to the evaluator is refused
//! by name when the predicate is parsed, never skipped, so that a rule means the same whatever store the records
//! go to.
//!
//! Where databases differ, this holds:
//!
//! | what | here |
//! |---|---|
//! | numbers | exact, 38 digits; one more is an error, nothing is rounded; `/` is refused |
//! | `%`, `mod` | the remainder has the sign of the dividend; by zero it is an error |
//! | text order and equality | by Unicode code point, trailing blanks count |
//! | `''` | empty text, not NULL |
//! | LIKE | case matters; nothing escapes unless ESCAPE says so |
//! | `upper`, `lower` | Unicode's full mapping, without a locale |
//! | `trim`, `ltrim`, `rtrim` | take off blanks (U+0020), or the one character given |
//! | `substring` | counts characters from 1; a start below 1 uses up the length, as the standard says |
//! | `greatest`, `least` | NULL if any argument is |
//! | date and timestamp | a date compares as its midnight; `date - date` is a number of days |
//! | AND, OR, IN, CASE, `coalesce` | left to right; what is not needed is not evaluated and cannot fail |
//! | operator precedence | PostgreSQL's |

mod calls;
mod cases;
mod eval;
mod expr;
mod functions;
mod like;
mod literals;
mod names;
mod parse;
mod typing;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use thiserror::Error;

use crate::layout::Layout;
use crate::value::Value;
use expr::Test;

/// The three truth values of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// The predicate holds for the record.
    True,
    /// The predicate does not hold for the record.
    False,
    /// Neither true nor false: a NULL decided it.
    Unknown,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// Why a predicate is refused, or could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct PredicateError {
    /// What is wrong, in words for the author of the job.
    pub message: String,
    /// Line in the predicate's text, from 1, where known.
    pub line: Option<u64>,
    /// Column, in characters from 1, where known.
    pub column: Option<u64>,
}

/// A row rule's predicate, parsed and typed against a layout. A clone shares the tree.
#[derive(Debug, Clone)]
pub struct Predicate {
    text: Arc<str>,
    test: Arc<Test>,
    fields: Arc<[usize]>,
}

impl Predicate {
    /// Parses `text` as a SQL predicate over the fields of `layout` and types it.
    ///
    /// # Errors
    /// [`PredicateError`] for what does not parse, names an unknown field, mixes types, is not a condition, is
    /// not evaluated here, or is longer or nested deeper than is taken.
    pub fn parse(text: &str, layout: &Layout) -> Result<Self, PredicateError> {
        let (test, fields) = typing::condition(&parse::expression(text)?, layout)?;
        Ok(Self { text: text.into(), test: Arc::new(test), fields: fields.into() })
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Indexes of the fields it reads, ascending, each once.
    #[must_use]
    pub fn fields(&self) -> &[usize] {
        &self.fields
    }

    /// Evaluates it on a record's values, in layout order.
    ///
    /// # Errors
    /// [`PredicateError`] when an intermediate result does not fit (it is never rounded), when an argument is
    /// outside a function's domain (a negative length, a remainder by zero), or when `values` are not of the
    /// layout it was parsed against.
    pub fn evaluate(&self, values: &[Value<'_>]) -> Result<Truth, PredicateError> {
        self.test.truth(values)
    }
}

/// Where in the text something stands; all zeros when that is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    line: u64,
    column: u64,
}

impl Place {
    fn error(self, message: impl Into<String>) -> PredicateError {
        let known = |at: u64| (at > 0).then_some(at);
        PredicateError { message: message.into(), line: known(self.line), column: known(self.column) }
    }
}
