//! How long, how many and how much is kept.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{Age, Part};

/// A size in bytes: `500MiB`, `20GiB` or `2TiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

/// The text is no size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no size: write MiB, GiB or TiB, as in `500MiB` or `20GiB`, at least 1MiB and at most 1024TiB"
)]
pub struct NotASize(String);

/// The units, the largest first.
const UNITS: [(&str, u32); 3] = [("TiB", 40), ("GiB", 30), ("MiB", 20)];

/// The largest size that can be set.
const SIZE_MAX: u64 = 1 << 50;

impl Size {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || NotASize(text.escape_debug().to_string());
        let of_unit = |(unit, shift): &(&str, u32)| Some((text.strip_suffix(unit)?, *shift));
        let (number, shift) = UNITS.iter().find_map(of_unit).ok_or_else(bad)?;
        let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| is_plain).ok_or_else(bad)?;
        let bytes = number.checked_mul(1 << shift).filter(|bytes| (1..=SIZE_MAX).contains(bytes));
        bytes.map(Self).ok_or_else(bad)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = UNITS.iter().find(|(_, shift)| self.0.is_multiple_of(1 << shift));
        let (unit, shift) = fitting.unwrap_or(&("MiB", 20));
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

/// What is kept of runs that are over. A part without an age is kept until an operator purges it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// How long staging rows are kept.
    pub staging: Option<Age>,
    /// How long rejects are kept; without it as long as staging rows.
    pub rejects: Option<Age>,
    /// How long findings are kept; without it as long as staging rows.
    pub reports: Option<Age>,
    /// How long runs are kept.
    pub runs: Option<Age>,
    /// How many runs of each job are kept, the newest.
    pub runs_per_job: Option<u64>,
    /// How much staging is kept, the newest: bytes of the sources that the rows are from.
    pub staging_bytes: Option<Size>,
}

impl Policy {
    /// Whether everything is kept.
    #[must_use]
    pub fn keeps_everything(&self) -> bool {
        *self == Self::default()
    }

    /// How long `part` is kept; `None`: without a limit.
    #[must_use]
    pub fn age(&self, part: Part) -> Option<Age> {
        match part {
            Part::Staging => self.staging,
            Part::Rejects => self.rejects.or(self.staging),
            Part::Reports => self.reports.or(self.staging),
            Part::Runs => self.runs,
        }
    }
}

impl fmt::Display for Policy {
    /// As `crossfoot.toml` has it: `staging = "90d", runs_per_job = 400`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ages = [
            ("staging", self.staging),
            ("rejects", self.rejects),
            ("reports", self.reports),
            ("runs", self.runs),
        ];
        let ages = ages.into_iter().filter_map(|(key, age)| Some(format!("{key} = \"{}\"", age?)));
        let number = self.runs_per_job.map(|runs| format!("runs_per_job = {runs}"));
        let size = self.staging_bytes.map(|size| format!("staging_bytes = \"{size}\""));
        f.write_str(&ages.chain(number).chain(size).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        for (text, bytes) in [("1MiB", 1 << 20), ("20GiB", 20 << 30), ("2TiB", 2 << 40), ("1024TiB", 1 << 50)]
        {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.bytes(), size.to_string()), (bytes, text.to_owned()));
        }
        assert_eq!("1024MiB".parse::<Size>().unwrap().to_string(), "1GiB");
        for bad in [
            "",
            "MiB",
            "0MiB",
            "-1GiB",
            "+1GiB",
            "1.5GiB",
            "20",
            "20GB",
            "1 GiB",
            "1025TiB",
            "99999999999TiB",
        ] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rejects_and_reports_are_kept_as_long_as_staging_unless_it_is_said() {
        let policy = Policy { staging: "90d".parse().ok(), reports: "2h".parse().ok(), ..Policy::default() };
        let ages = Part::ALL.iter().map(|part| policy.age(*part).map(|age| age.to_string()));
        let ages: Vec<_> = ages.map(Option::unwrap_or_default).collect();
        assert_eq!(ages, ["90d", "90d", "2h", ""]);
        assert_eq!(policy.to_string(), "staging = \"90d\", reports = \"2h\"");
        assert!(Policy::default().keeps_everything() && !policy.keeps_everything());
    }
}
