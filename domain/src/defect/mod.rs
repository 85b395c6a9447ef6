//! The catalogue of defects: what may go wrong between a source and its final table, which check must catch it, and how
//! closely it must be located. `crossfoot drill` strikes each of them and holds the controls to what stands here.

mod catalogue;
mod outcome;
mod result;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::invariants::Invariant;

pub use catalogue::CATALOGUE;
pub use outcome::{Evidence, Judgement, Seen, judge};
pub use result::{DRILL_VERSION, DrillReport, Struck, Undamaged};

/// Where along the flow a defect strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strikes {
    /// The source, or what its sender says of it.
    Source,
    /// Messages between coordinator and workers, or the workers themselves.
    Fleet,
    /// The broker's queues, by somebody who may do everything there and nothing in the store.
    Bus,
    /// The staging tables and the rejects.
    Staging,
    /// The ledger.
    Ledger,
    /// How the tables are made: columns, triggers, constraints.
    Tables,
    /// Promotion, and the final tables.
    Final,
    /// The evidence log and what is exported from it.
    Evidence,
}

impl Strikes {
    /// The stage as it is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Fleet => "fleet",
            Self::Bus => "bus",
            Self::Staging => "staging",
            Self::Ledger => "ledger",
            Self::Tables => "tables",
            Self::Final => "final",
            Self::Evidence => "evidence",
        }
    }
}

/// How closely a defect is located, the loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Located {
    /// The run.
    Run,
    /// The chunk, the worker, the event of the log or the part of the pack.
    Part,
    /// The record.
    Record,
    /// The record and the field.
    Field,
}

impl Located {
    /// The place as it is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Part => "part",
            Self::Record => "record",
            Self::Field => "field",
        }
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What must come of a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Catch {
    /// A check of this name fails; `*` stands for any text.
    Check(&'static str),
    /// The run, or the operation, is refused in words that hold this; nothing reaches final.
    Refused(&'static str),
    /// The database does not let it be done, or stores what was there before.
    Prevented,
    /// It does no harm: the run ends reconciled with the fingerprint of the undamaged one, and final holds its rows.
    Withstood,
}

impl fmt::Display for Catch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(name) => f.write_str(name),
            Self::Refused(words) => write!(f, "refused: {words}"),
            Self::Prevented => f.write_str("prevented by the database"),
            Self::Withstood => f.write_str("withstood"),
        }
    }
}

/// One defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Defect {
    /// Its number: a group and a number within it.
    pub id: &'static str,
    /// Where it strikes.
    pub strikes: Strikes,
    /// What happens.
    pub what: &'static str,
    /// The invariant that it breaks.
    pub invariant: Invariant,
    /// What must come of it: one of these.
    pub caught_by: &'static [Catch],
    /// How closely it must be located, when a check catches it.
    pub located: Located,
}

/// Whether `name` is what `pattern` says; `*` stands for any text.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    let mut rest = rest;
    for part in between {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_pattern_stands_for_a_whole_name() {
        let table = [
            ("staging rows", "staging rows", true),
            ("staging rows", "staging rows of x", false),
            ("sum of *, source to staging", "sum of amount, source to staging", true),
            ("sum of *, source to staging", "sum of amount, staging to final", false),
            ("*rows", "posting rows", true),
            ("control *: * in sequence", "control header: number in sequence", true),
            ("a*a", "a", false),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_catalogue_has_at_least_sixty_defects_each_with_a_number_of_its_own_and_a_catch() {
        assert!(CATALOGUE.len() >= 60, "{}", CATALOGUE.len());
        let ids: HashSet<_> = CATALOGUE.iter().map(|defect| defect.id).collect();
        assert_eq!(ids.len(), CATALOGUE.len());
        assert!(CATALOGUE.iter().all(|defect| !defect.caught_by.is_empty() && !defect.what.is_empty()));
        let sorted =
            CATALOGUE.windows(2).all(|pair| pair[0].id[..3] != pair[1].id[..3] || pair[0].id < pair[1].id);
        assert!(sorted, "within a group, by number");
        for stage in [
            Strikes::Source,
            Strikes::Fleet,
            Strikes::Staging,
            Strikes::Ledger,
            Strikes::Tables,
            Strikes::Final,
            Strikes::Evidence,
        ] {
            assert!(CATALOGUE.iter().any(|defect| defect.strikes == stage), "{}", stage.name());
        }
    }
}
