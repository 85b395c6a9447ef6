//! What a defect is: where it strikes, what must catch it, how closely it must be located.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What defects are of one kind: a section of the catalogue and of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Records lost, doubled, moved.
    Counts,
    /// Amounts were changed in rows, batches or sums.
    Amounts,
    /// Values other than amounts were changed.
    Content,
    /// The decoder misreads: every process has the same defect.
    Decoding,
    /// Tables were made differently: columns, triggers, constraints.
    Structure,
    /// Workers and their messages.
    Hands,
    /// Messages in the broker's queues were forged, altered or taken away.
    Bus,
    /// The ledger was altered in the database.
    Ledger,
    /// The source was changed, is empty, or holds records that cannot be decoded.
    Source,
    /// What the sender declares.
    Declared,
    /// Promotion was disturbed, or final was damaged.
    Promotion,
    /// The evidence log, and packs.
    Log,
    /// Loads that another program made, compared with their source.
    Load,
}

impl Group {
    /// Every group, in the order of the catalogue.
    pub const ALL: [Self; 13] = [
        Self::Counts,
        Self::Amounts,
        Self::Content,
        Self::Decoding,
        Self::Structure,
        Self::Hands,
        Self::Bus,
        Self::Ledger,
        Self::Source,
        Self::Declared,
        Self::Promotion,
        Self::Log,
        Self::Load,
    ];

    /// What the numbers of its defects begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Counts => "CNT",
            Self::Amounts => "AMT",
            Self::Content => "CON",
            Self::Decoding => "DEC",
            Self::Structure => "STR",
            Self::Hands => "HND",
            Self::Bus => "BUS",
            Self::Ledger => "LED",
            Self::Source => "SRC",
            Self::Declared => "DCL",
            Self::Promotion => "PRM",
            Self::Log => "LOG",
            Self::Load => "LOD",
        }
    }

    /// Its title in the report.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Counts => "Counts",
            Self::Amounts => "Amounts",
            Self::Content => "Content",
            Self::Decoding => "Decoding",
            Self::Structure => "Structure",
            Self::Hands => "Hands",
            Self::Bus => "The bus",
            Self::Ledger => "Ledger",
            Self::Source => "Source",
            Self::Declared => "Declared",
            Self::Promotion => "Promotion",
            Self::Log => "Log and pack",
            Self::Load => "Loads by another program",
        }
    }
}

/// Where along the flow a defect strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strikes {
    /// The source, or what its sender declares.
    Source,
    /// The decoder of coordinator and processors.
    Decoder,
    /// Messages between coordinator and workers, or the workers themselves.
    Fleet,
    /// The broker's queues, by someone with every permission there and none in the store.
    Bus,
    /// The staging tables and the rejects.
    Staging,
    /// The ledger's tables in the database.
    Ledger,
    /// How the tables are made: columns, triggers, constraints.
    Tables,
    /// Promotion, and the final tables.
    Final,
    /// The evidence log and what is exported from it.
    Evidence,
    /// The tables of another program that loaded the source.
    Target,
}

impl Strikes {
    /// The stage as it is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Decoder => "decoder",
            Self::Fleet => "fleet",
            Self::Bus => "bus",
            Self::Staging => "staging",
            Self::Ledger => "ledger",
            Self::Tables => "tables",
            Self::Final => "final",
            Self::Evidence => "evidence",
            Self::Target => "target",
        }
    }
}

/// How closely a defect is located, the loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Located {
    /// The run that the defect is in.
    Run,
    /// The chunk, the worker, the event of the log or the part of the pack.
    Part,
    /// The record that the defect is in.
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

/// What must catch a defect.
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
}
