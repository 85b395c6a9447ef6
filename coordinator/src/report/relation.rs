//! How two neighbouring levels stand to each other, quantity by quantity.

use domain::check::{CheckKind, Stage, Verdict};
use domain::report::{LevelTotals, Report};

/// What one level says of a quantity, next to what the level before it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    /// There is nothing to compare.
    Unknown,
    /// The same.
    Equal,
    /// Not the same, by exactly what the balance names: rejected, held, merged.
    Accounted,
    /// Not the same, and nothing accounts for it.
    Differs,
}

impl Relation {
    /// The sign between the two.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Equal => "=",
            Self::Accounted => "→",
            Self::Differs => "≠",
        }
    }

    /// The sign in words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Unknown => "not compared",
            Self::Equal => "equal",
            Self::Accounted => "differs by exactly what the balance accounts for",
            Self::Differs => "differs",
        }
    }

    const fn when(equal: bool, accounted: bool) -> Self {
        match (equal, accounted) {
            (true, _) => Self::Equal,
            (false, true) => Self::Accounted,
            (false, false) => Self::Differs,
        }
    }
}

/// How `after` stands to `before`, the level before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relations {
    /// Records.
    pub(super) records: Relation,
    /// Sums, in the order of [`Report::amount_names`].
    pub(super) sums: Vec<Relation>,
    /// Fingerprints.
    pub(super) fingerprint: Relation,
}

impl Relations {
    /// Compares two neighbouring levels of `report`.
    pub(super) fn between(report: &Report, before: &LevelTotals, after: &LevelTotals) -> Self {
        let records =
            Relation::when(before.records == after.records, records_accounted(report, before, after));
        let sums = report
            .amount_names
            .iter()
            .enumerate()
            .map(|(place, name)| match (before.sums.get(place), after.sums.get(place)) {
                (Some(left), Some(right)) => {
                    let balance = report.amounts.iter().find(|balance| balance.field == *name);
                    let accounted = balance.is_some_and(|balance| match after.stage {
                        Stage::Staging => {
                            balance.source.checked_add(balance.rejected).as_ref() == Ok(left)
                                && balance.source == *right
                        }
                        Stage::Final => balance.staging == *left && balance.to_promote == *right,
                        _ => false,
                    });
                    Relation::when(left == right, accounted)
                }
                _ => Relation::Unknown,
            })
            .collect();
        let fingerprint = match (before.fingerprint, after.fingerprint) {
            (Some(left), Some(right)) => {
                // Fingerprints of different records cannot be compared here; the check on this level was made
                // against the fingerprint of the records that were due.
                let failed = report.checks.iter().any(|check| {
                    (check.stage, check.kind, check.verdict) == (after.stage, CheckKind::Hash, Verdict::Fail)
                });
                Relation::when(left == right, records == Relation::Accounted && !failed)
            }
            _ => Relation::Unknown,
        };
        Self { records, sums, fingerprint }
    }

    /// The worst of them.
    pub(super) fn overall(&self) -> Relation {
        self.sums.iter().copied().fold(self.records.max(self.fingerprint), Relation::max)
    }
}

fn records_accounted(report: &Report, before: &LevelTotals, after: &LevelTotals) -> bool {
    let Some(balance) = report.balance else { return false };
    match after.stage {
        Stage::Staging => after.records.checked_add(balance.rejected) == Some(before.records),
        Stage::Final => balance.staged == before.records && balance.to_promote() == Some(after.records),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn levels_are_equal_or_accounted_for_or_they_differ() {
        let between = |report: &Report, at: usize| {
            Relations::between(report, &report.levels[at], &report.levels[at + 1])
        };
        let good = fixture::reconciled();
        assert_eq!(between(&good, 0).overall(), Relation::Equal);
        assert_eq!(between(&good, 1).overall(), Relation::Equal);

        let bad = fixture::failed();
        let relations = between(&bad, 0);
        assert_eq!(relations.records, Relation::Differs);
        assert_eq!(relations.overall(), Relation::Differs);

        let held = fixture::held();
        assert_eq!(between(&held, 0).overall(), Relation::Accounted);
        assert_eq!(between(&held, 1).overall(), Relation::Accounted);
        assert_eq!(between(&held, 1).fingerprint, Relation::Accounted);
    }
}
