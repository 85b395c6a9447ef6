//! Instants: timestamps with an offset from UTC.

use domain::instant;
use jiff::civil::DateTime;

use super::fault::{Fault, not_a};
use super::field::FieldForm;
use super::patterns::Patterns;
use super::time::exact;

/// Reads the instants of one field.
#[derive(Debug, Clone)]
pub(super) enum Instants {
    /// As ISO 8601 and databases write them.
    Usual,
    /// In forms of the job's own.
    Forms(Patterns),
}

impl Instants {
    /// Fails, with a sentence for the job's author, on a form that does not say the offset from UTC.
    pub(super) fn new(form: &FieldForm) -> Result<Self, String> {
        if form.pattern.is_none() { Ok(Self::Usual) } else { Patterns::of_instants(form).map(Self::Forms) }
    }

    /// The instant, as day and time in UTC.
    pub(super) fn read(&self, text: &[u8]) -> Result<DateTime, Fault> {
        match self {
            Self::Usual => match instant::parse(text) {
                Some(at) => exact(text, at),
                None => Err(not_a(
                    text,
                    "is not a timestamp with an offset from UTC, such as 2024-02-29 13:45:00.123456 +0200 or \
                     2024-02-29T13:45:00Z",
                )),
            },
            Self::Forms(patterns) => patterns.instant(text),
        }
    }
}
