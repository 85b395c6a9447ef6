//! The balance: where every source record went. Each term has a name, and the terms must add up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;

/// Where the records of a run went. `records = staged + rejected`, `staged = promoted + held + merged`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Balance {
    /// Records in the source.
    pub records: u64,
    /// Of these, in staging.
    pub staged: u64,
    /// Of these, kept as rejects.
    pub rejected: u64,
    /// Of the staged, kept out of final by a rule.
    pub held: u64,
    /// Of the staged, replaced by a later record with the same key (upsert).
    pub merged: u64,
}

impl Balance {
    /// How many records final must receive.
    #[must_use]
    pub const fn to_promote(&self) -> Option<u64> {
        match self.staged.checked_sub(self.held) {
            Some(rest) => rest.checked_sub(self.merged),
            None => None,
        }
    }

    /// Whether every source record is either staged or rejected.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.staged.checked_add(self.rejected) == Some(self.records) && self.to_promote().is_some()
    }
}

/// One amount field's balance: what came, and where it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AmountBalance {
    /// The name of the amount field.
    pub field: String,
    /// Sum over the accepted records, from the source's bytes.
    pub source: Amount,
    /// Sum over staging as read back.
    pub staging: Amount,
    /// Sum over the rejects whose amount could be read.
    pub rejected: Amount,
    /// Sum that final must receive.
    pub to_promote: Amount,
    /// Sum over final as read back; `None` before promotion.
    #[serde(rename = "final")]
    pub final_: Option<Amount>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_staged_or_rejected_and_nothing_else() {
        let balance =
            |records, staged, rejected, held, merged| Balance { records, staged, rejected, held, merged };
        //                  records staged rejected held merged        holds  to promote
        assert_eq!(
            (balance(10, 10, 0, 0, 0).holds(), balance(10, 10, 0, 0, 0).to_promote()),
            (true, Some(10))
        );
        assert_eq!((balance(10, 8, 2, 1, 3).holds(), balance(10, 8, 2, 1, 3).to_promote()), (true, Some(4)));
        assert!(!balance(10, 9, 0, 0, 0).holds());
        assert!(!balance(10, 10, 1, 0, 0).holds());
        assert!(!balance(3, 3, 0, 2, 2).holds());
    }
}
