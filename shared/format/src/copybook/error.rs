//! Why a copybook, or what is asked of it, is refused, and where.

use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

/// A copybook that cannot be used. `Display` is one line with file, line and column; as a [`Diagnostic`] it shows the
/// place in the text.
#[derive(Debug, Clone, Error, Diagnostic)]
#[error("copybook {}, line {line}, column {column}: {message}{}", source_text.name(), tail(advice.as_deref()))]
pub struct CopybookError {
    /// What was found, and what was expected instead.
    pub message: String,
    /// What to do about it, if that is not obvious.
    #[help]
    pub advice: Option<String>,
    /// The line of the copybook, from 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The bytes at fault.
    #[label("here")]
    pub span: SourceSpan,
    #[source_code]
    source_text: Arc<NamedSource<String>>,
}

impl CopybookError {
    /// The text that [`Self::span`] is a part of: the copybook with its tabs replaced by blanks.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source_text.inner()
    }
}

fn tail(advice: Option<&str>) -> String {
    advice.map(|advice| format!("; {advice}")).unwrap_or_default()
}

/// A fault at bytes `at` of the text, not yet put in relation to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) advice: Option<String>,
}

impl Fault {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), advice: None }
    }

    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

/// What parsing steps return.
pub(super) type Checked<T> = Result<T, Fault>;

impl CopybookError {
    /// Puts `fault` into its place in `text`.
    pub(super) fn place(fault: Fault, text: &Arc<NamedSource<String>>) -> Self {
        let source = text.inner();
        let start = floor_boundary(source, fault.span.start);
        let end = floor_boundary(source, fault.span.end.max(start));
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: source[..start].matches('\n').count() + 1,
            column: source[line_start..start].chars().count() + 1,
            span: (start..end).into(),
            message: fault.message,
            advice: fault.advice,
            source_text: Arc::clone(text),
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// At most this much of a copybook is shown in a message.
const SHOWN_CHARS_MAX: usize = 40;

/// `text` between backquotes, cut where it is long, and without the control characters that could alter a terminal.
pub(super) fn shown(text: &str) -> String {
    let mut out: String =
        text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        out.push_str("...");
    }
    format!("`{out}`")
}
