//! Placeholder.

use thiserror::Error;

use crate::layout::Layout;
use crate::value::Value;

/// The three truth values of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// NULL took part.
    Unknown,
}

/// Why a predicate is refused, or could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct PredicateError {
    /// What is wrong.
    pub message: String,
    /// Line in the predicate's text, from 1, where known.
    pub line: Option<u64>,
    /// Column, from 1, where known.
    pub column: Option<u64>,
}

/// A row rule's predicate, parsed and typed against a layout.
#[derive(Debug, Clone)]
pub struct Predicate {
    text: String,
}

impl Predicate {
    /// Parses `text` as a SQL predicate over the fields of `layout` and types it.
    ///
    /// # Errors
    /// [`PredicateError`] for what does not parse, names an unknown field, or is not evaluated here.
    pub fn parse(text: &str, _layout: &Layout) -> Result<Self, PredicateError> {
        Ok(Self { text: text.into() })
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Evaluates it on a record's values, in layout order.
    ///
    /// # Errors
    /// [`PredicateError`] when an intermediate result does not fit (it is never rounded).
    pub fn evaluate(&self, _values: &[Value<'_>]) -> Result<Truth, PredicateError> {
        Ok(Truth::True)
    }
}
