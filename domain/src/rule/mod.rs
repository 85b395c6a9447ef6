//! Business rules: what must hold of each record (row rules) and of all of them together (set rules).

pub mod predicate;

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::table::TableName;
pub use predicate::{Predicate, PredicateError, Truth};

crate::named! {
    /// What follows when a rule is broken.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum OnBreach {
        /// The run is not reconciled.
        Fail = "fail",
        /// The record stays in staging and out of final, accounted for as held.
        Hold = "hold",
        /// The run reports the breaches as a warning and can still be promoted.
        Warn = "warn",
    }
}

/// What a rule demands of the rows.
#[derive(Debug, Clone)]
pub enum Condition {
    /// A predicate over one record. Unknown (NULL) is not a pass.
    Row(Predicate),
    /// No two records of the run agree in all of these fields (by index). Records with a NULL among them are not
    /// compared.
    Unique {
        /// The fields by their places in the layout.
        fields: Vec<usize>,
    },
    /// Each record's fields are found together in another table. Records with a NULL among them are not looked up.
    References {
        /// The fields by their places in the layout.
        fields: Vec<usize>,
        /// The table that is looked up.
        table: TableName,
        /// The columns of that table, one for each field.
        columns: Vec<String>,
    },
    /// In each group of records the sum of one field is a given amount.
    Balance {
        /// Index of the summed field.
        sum: usize,
        /// Indexes of the fields that make a group; empty: all records are one group.
        by: Vec<usize>,
        /// What the sum must be.
        to: Amount,
    },
}

/// A rule of a job.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The rule's name, unique within the job.
    pub name: String,
    /// The place, among the job's record types, of the one whose records it is about.
    pub record: usize,
    /// What must hold of the records.
    pub condition: Condition,
    /// What follows when a record or group breaks the rule.
    pub on_breach: OnBreach,
}

/// What came of a rule, over a chunk or over a whole run. It is stored as a pair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct RuleOutcome {
    /// Records (balance: groups) it was applied to.
    pub examined: u64,
    /// Of these, how many broke it.
    pub breached: u64,
}

impl From<(u64, u64)> for RuleOutcome {
    fn from((examined, breached): (u64, u64)) -> Self {
        Self { examined, breached }
    }
}

impl From<RuleOutcome> for (u64, u64) {
    fn from(outcome: RuleOutcome) -> Self {
        (outcome.examined, outcome.breached)
    }
}
