//! How two neighbouring levels compare, quantity by quantity.

use domain::check::{CheckKind, CheckResult, Stage, Verdict};
use domain::report::{LevelTotals, Report};

use super::format::{count, shortened};

/// How one level's value of a quantity compares with the level before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    /// There is nothing to compare.
    Unknown,
    /// Both levels have the same value.
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

/// How `after` compares with `before`, the level before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relations {
    /// How the numbers of records compare.
    pub(super) records: Relation,
    /// Sums, in the order of [`Report::amount_names`].
    pub(super) sums: Vec<Relation>,
    /// How the content fingerprints compare.
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
                // The fingerprint before covers records that are not due after: rejects, which staging's has as
                // source and staging were compared, and records held or merged. What decides is the check, which
                // compares with the fingerprint of the records that were due.
                let accounts = records == Relation::Accounted || leaves_out(report, after.stage);
                let is_due = fingerprint_check(report, after.stage)
                    .is_some_and(|check| check.verdict == Verdict::Pass && check.actual == right.to_string());
                Relation::when(left == right, accounts && is_due)
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

/// What final was compared with, where that is not the fingerprint shown for staging: the fingerprint of the records
/// due in final, and which records these are.
pub(super) fn due_in_final(report: &Report) -> Option<String> {
    let [.., before, after] = &report.levels[..] else { return None };
    let relation = Relations::between(report, before, after).fingerprint;
    if after.stage != Stage::Final || relation == Relation::Equal {
        return None;
    }
    let (check, balance) = (fingerprint_check(report, Stage::Final)?, report.balance?);
    let left_out: Vec<_> =
        [(balance.rejected, "rejected"), (balance.held, "held back"), (balance.merged, "merged")]
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", count(number)))
            .collect();
    let of = match left_out.is_empty() {
        true => "the records due in final".to_owned(),
        false => format!("the records due in final (all but {})", left_out.join(", ")),
    };
    let sign = if relation == Relation::Accounted { "=" } else { "≠" };
    let [expected, actual] = [&check.expected, &check.actual].map(|hash| shortened(hash));
    Some(format!("final was compared with the fingerprint of {of}: {expected} {sign} {actual}"))
}

fn fingerprint_check(report: &Report, stage: Stage) -> Option<&CheckResult> {
    // That of the level; those of single record types have the type's name in theirs.
    report.checks.iter().find(|check| {
        (check.stage, check.kind) == (stage, CheckKind::Hash) && check.name.starts_with("fingerprint, ")
    })
}

/// Whether some of the records before a level are not due in it.
fn leaves_out(report: &Report, stage: Stage) -> bool {
    report.balance.is_some_and(|balance| {
        stage == Stage::Final && (balance.rejected > 0 || balance.held > 0 || balance.merged > 0)
    })
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
    use domain::balance::Balance;

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
        assert!(due_in_final(&held).unwrap().contains("(all but 12 rejected, 3 held back, 40 merged): "));
        assert_eq!(due_in_final(&good), None);

        // Rejects alone: as many records in final as in staging, of which the fingerprint covers the rejects too.
        let mut rejects = held;
        rejects.balance = rejects.balance.map(|balance| Balance { held: 0, merged: 0, ..balance });
        rejects.levels[2].records = rejects.levels[1].records;
        let sums = rejects.levels[1].sums.clone();
        rejects.levels[2].sums = sums;
        rejects.amounts[0].to_promote = rejects.amounts[0].staging;
        assert_eq!(between(&rejects, 1).records, Relation::Equal);
        assert_eq!(between(&rejects, 1).overall(), Relation::Accounted);
        let of_final =
            |check: &&mut CheckResult| check.stage == Stage::Final && check.kind == CheckKind::Hash;
        rejects.checks.iter_mut().find(of_final).unwrap().verdict = Verdict::Fail;
        assert_eq!(between(&rejects, 1).overall(), Relation::Differs);
    }
}
