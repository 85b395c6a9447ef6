//! Retention: what of which runs may go, by age, number and size, and why the rest stays.
//!
//! The evidence log always stays, and a run that has rows in final is never forgotten: its rows name it, and its
//! source's digest keeps the same bytes from being loaded twice.

mod fate;
mod parts;
mod policy;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

pub use fate::{Because, Fate, RunFacts, Why, fate, hindrance};
pub use parts::{Part, Parts};
pub use policy::{Policy, Size};

const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;

/// The longest age that can be set: 100 years.
const DAYS_MAX: u64 = 36_500;

/// How long something is kept: `90d` or `36h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(Duration);

/// The text is no age.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no age: write days or hours, as in `90d` or `36h`, at least 1h and at most 36500d")]
pub struct NotAnAge(String);

impl Age {
    /// The age in milliseconds.
    #[must_use]
    pub fn ms(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl FromStr for Age {
    type Err = NotAnAge;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || NotAnAge(text.escape_debug().to_string());
        let (number, unit_s) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
            (Some(days), _) => (days, DAY_S),
            (_, Some(hours)) => (hours, HOUR_S),
            _ => return Err(bad()),
        };
        let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| is_plain).ok_or_else(bad)?;
        let seconds = number.checked_mul(unit_s).ok_or_else(bad)?;
        if (HOUR_S..=DAYS_MAX * DAY_S).contains(&seconds) {
            Ok(Self(Duration::from_secs(seconds)))
        } else {
            Err(bad())
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds.is_multiple_of(DAY_S) {
            write!(f, "{}d", seconds / DAY_S)
        } else {
            write!(f, "{}h", seconds / HOUR_S)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3_600_000;

    #[test]
    fn ages_are_days_or_hours() {
        for (text, ms) in [("90d", 90 * DAY_MS), ("36h", 36 * 3_600_000), ("1h", 3_600_000)] {
            let age: Age = text.parse().unwrap();
            assert_eq!((age.ms(), age.to_string()), (ms, text.to_owned()));
        }
        assert_eq!("48h".parse::<Age>().unwrap().to_string(), "2d");
        let huge = "99999999999999999999d";
        for bad in ["", "d", "0d", "0h", "-1d", "+1d", "1.5d", "90", "90 d", "3w", "36501d", huge] {
            assert!(bad.parse::<Age>().is_err(), "{bad}");
        }
    }
}
