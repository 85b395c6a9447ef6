//! A span of time as a job file writes it: `90m`, `2h`, `1d`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The longest span around an expected time, in days: a week.
const DAYS_MAX: i64 = 7;

/// A span of whole minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

/// The text is no span.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no span: write minutes, hours or days, as in `90m`, `2h` or `1d`, at most {1}d")]
pub struct NotASpan(String, i64);

impl Span {
    /// The span in milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// The span that a text writes, at most `days_max` days.
    ///
    /// # Errors
    /// [`NotASpan`] of the text.
    pub fn of(text: &str, days_max: i64) -> Result<Self, NotASpan> {
        let bad = || NotASpan(text.escape_debug().to_string(), days_max);
        let unit = text.chars().last().ok_or_else(bad)?;
        let number = text.strip_suffix(unit).unwrap_or_default();
        let unit_ms = match unit {
            'm' => MINUTE_MS,
            'h' => HOUR_MS,
            'd' => DAY_MS,
            _ => return Err(bad()),
        };
        let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let count: i64 = number.parse().ok().filter(|_| is_plain).ok_or_else(bad)?;
        let ms = count.checked_mul(unit_ms).ok_or_else(bad)?;
        if ms <= days_max.saturating_mul(DAY_MS) { Ok(Self(ms)) } else { Err(bad()) }
    }
}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::of(text, DAYS_MAX)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms if ms % DAY_MS == 0 => write!(f, "{}d", ms / DAY_MS),
            ms if ms % HOUR_MS == 0 => write!(f, "{}h", ms / HOUR_MS),
            ms => write!(f, "{}m", ms / MINUTE_MS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_minutes_hours_or_days() {
        for (text, ms, shown) in [
            ("90m", 90 * MINUTE_MS, "90m"),
            ("120m", 2 * HOUR_MS, "2h"),
            ("2h", 2 * HOUR_MS, "2h"),
            ("7d", DAYS_MAX * DAY_MS, "7d"),
            ("0m", 0, "0d"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.ms(), span.to_string()), (ms, shown.to_owned()));
        }
        for bad in ["", "h", "2", "-1h", "+1h", "1.5h", "2 h", "2s", "8d", "99999999999999999999d", "2ü"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        assert_eq!(Span::of("366d", 366).unwrap().to_string(), "366d");
        assert!(Span::of("367d", 366).unwrap_err().to_string().ends_with("at most 366d"));
    }
}
