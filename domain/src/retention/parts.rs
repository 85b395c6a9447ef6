//! What can be removed of a run, part by part.

use std::fmt;

crate::named! {
    /// A part of what the store keeps of a run, which is kept for a time of its own.
    #[derive(Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum Part {
        /// Rows in staging, with what was read back of them and which of them were kept out of final.
        Staging = "staging",
        /// Rejects with their bytes and reasons.
        Rejects = "rejects",
        /// What reports list record by record: findings, and records that break rules.
        Reports = "reports",
        /// Chunks and workers' counts. Of a run that has nothing in final the run itself goes with them.
        Runs = "runs",
    }
}

/// Some of the parts of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts(u8);

impl Parts {
    /// No part of a run at all.
    pub const NONE: Self = Self(0);
    /// Every row: what `purge` removes.
    pub const ROWS: Self = Self(0b0111);
    /// Everything that the ledger has of a run.
    pub const ALL: Self = Self(0b1111);

    const fn bit(part: Part) -> u8 {
        1 << part as u8
    }

    /// Whether `part` is among them.
    #[must_use]
    pub const fn has(self, part: Part) -> bool {
        self.0 & Self::bit(part) != 0
    }

    /// These parts, and `part` with them.
    #[must_use]
    pub const fn with(self, part: Part) -> Self {
        Self(self.0 | Self::bit(part))
    }

    /// These parts, and those with them.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These parts without those others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all rows are among them: a run without these was purged.
    #[must_use]
    pub const fn has_rows(self) -> bool {
        self.0 & Self::ROWS.0 == Self::ROWS.0
    }

    /// The parts, in the order in which they are shown.
    #[must_use]
    pub fn list(self) -> Vec<Part> {
        Part::ALL.iter().copied().filter(|part| self.has(*part)).collect()
    }

    /// The parts that a ledger names, with commas between them. `None`: one of them is none of these.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        text.split(',').filter(|name| !name.is_empty()).try_fold(Self::NONE, |parts, name| {
            Some(parts.with(*Part::ALL.iter().find(|part| part.name() == name)?))
        })
    }
}

impl FromIterator<Part> for Parts {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        parts.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.list().into_iter().map(Part::name).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_in_order_and_read_back() {
        for bits in 0..16 {
            let parts = Parts(bits);
            assert_eq!(Parts::of(&parts.to_string()), Some(parts));
            assert_eq!(parts.list().into_iter().collect::<Parts>(), parts);
        }
        assert_eq!(Parts::ALL.to_string(), "staging,rejects,reports,runs");
        assert_eq!(Parts::ROWS.list(), [Part::Staging, Part::Rejects, Part::Reports]);
        assert_eq!(Parts::of("staging,final"), None);
        assert!(Parts::ALL.has_rows() && !Parts::ALL.without(Parts::NONE.with(Part::Rejects)).has_rows());
    }
}
