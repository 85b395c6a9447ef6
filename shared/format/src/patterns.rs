//! The forms in which dates and timestamps of one field may be written: one, or several.

use domain::constraint::ReasonCode;
use jiff::civil::{Date, DateTime};

use super::fault::{Fault, not_a, quoted};
use super::field::FieldForm;
use super::time::Pattern;

/// The forms of one field, in the order in which the job lists them. A text is read in the first that fits all of it;
/// if another fits too, and gives another value, it is a reject: which of the two is meant is not for a loader to
/// guess.
#[derive(Debug, Clone)]
pub(super) struct Patterns(Vec<Pattern>);

impl Patterns {
    /// For dates and local timestamps; `default` is the form of a field that names none.
    pub(super) fn new(form: &FieldForm, default: &str) -> Result<Self, String> {
        let forms = std::iter::once(form.pattern.as_deref().unwrap_or(default));
        let forms = forms.chain(form.or_patterns.iter().map(String::as_str));
        let patterns =
            forms.map(|one| Pattern::new(one)?.with_years(form.year_window)?.with_hour_24(form.hour_24));
        patterns.collect::<Result<_, _>>().map(Self)
    }

    /// For instants, whose forms say the offset from UTC.
    pub(super) fn of_instants(form: &FieldForm) -> Result<Self, String> {
        let forms = form.pattern.iter().chain(&form.or_patterns);
        let patterns = forms.map(|one| Pattern::of_instant(one)?.with_years(form.year_window));
        patterns.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn date(&self, text: &[u8]) -> Result<Date, Fault> {
        self.read(text, "date", Pattern::date)
    }

    pub(super) fn timestamp(&self, text: &[u8]) -> Result<DateTime, Fault> {
        self.read(text, "timestamp", Pattern::timestamp)
    }

    pub(super) fn instant(&self, text: &[u8]) -> Result<DateTime, Fault> {
        self.read(text, "timestamp with an offset from UTC", Pattern::instant)
    }

    fn read<T: PartialEq + Copy + std::fmt::Display>(
        &self,
        text: &[u8],
        what: &str,
        read: impl Fn(&Pattern, &[u8]) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if let [only] = &self.0[..] {
            return read(only, text);
        }
        let mut found: Option<(&Pattern, T)> = None;
        let mut too_long = None;
        for pattern in &self.0 {
            match (read(pattern, text), found) {
                (Ok(value), None) => found = Some((pattern, value)),
                (Ok(value), Some((first, of_first))) if value != of_first => {
                    return Err(Fault::new(
                        ReasonCode::Type,
                        format!(
                            "{} is ambiguous: {of_first} in the format {}, and {value} in the format {}",
                            quoted(text),
                            first.form(),
                            pattern.form()
                        ),
                    ));
                }
                // It fits, but for digits that no table holds: that is what is wrong with it.
                (Err(fault), _) if fault.code == ReasonCode::TooLong => too_long = Some(fault),
                _ => {}
            }
        }
        match (found, too_long) {
            (Some((_, value)), _) => Ok(value),
            (None, Some(fault)) => Err(fault),
            (None, None) => {
                let forms: Vec<_> = self.0.iter().map(Pattern::form).collect();
                Err(not_a(text, &format!("is not a {what} in any of the formats {}", forms.join(", "))))
            }
        }
    }
}
