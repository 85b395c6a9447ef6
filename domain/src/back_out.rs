//! Backing out: which promoted runs can be taken out of final again, and what must be found there.

use thiserror::Error;

use crate::layout::{Layout, Mode};
use crate::words::{grouped, plural};

/// Why the rows of a promoted run cannot be taken out of final.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CannotBackOut {
    /// Rows were replaced, and what they were before is not kept.
    #[error(
        "record {record} has `mode = \"upsert\"`: its rows may have replaced earlier ones, which are not kept; load \
         the earlier source again instead"
    )]
    Replaced {
        /// The name of the record type.
        record: String,
    },
    /// Final does not say which of its rows are the run's.
    #[error(
        "record {record}: the rows of table {table} do not name their run (`run_table`), so they cannot be told"
    )]
    Unnamed {
        /// The name of the record type.
        record: String,
        /// The final table.
        table: String,
    },
    /// Final does not hold what the run promoted.
    #[error(
        "final holds {}, but the run promoted {}; nothing was changed. `crossfoot attest RUN` names the differences",
        plural(*found, "row of this run").replace("row of this runs", "rows of this run"),
        grouped(*promoted)
    )]
    Differs {
        /// How many rows the run promoted.
        promoted: u64,
        /// How many rows of the run final holds.
        found: u64,
    },
}

/// Whether the rows of a run with these record types can be told from all others, and were all new.
///
/// # Errors
/// [`CannotBackOut`] with the first record type of which that is not so.
pub fn can_be_told<'a>(layouts: impl IntoIterator<Item = &'a Layout>) -> Result<(), CannotBackOut> {
    for layout in layouts {
        let record = layout.record.clone();
        if layout.mode == Mode::Upsert {
            return Err(CannotBackOut::Replaced { record });
        }
        if layout.final_table.run_column().is_none() {
            let table = layout.final_table.name.to_string();
            return Err(CannotBackOut::Unnamed { record, table });
        }
    }
    Ok(())
}

/// Whether final holds as many rows of the run as it promoted.
///
/// # Errors
/// [`CannotBackOut::Differs`].
pub const fn is_whole(promoted: u64, found: u64) -> Result<(), CannotBackOut> {
    if promoted == found { Ok(()) } else { Err(CannotBackOut::Differs { promoted, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_backed_out_whole_or_not_at_all() {
        assert_eq!(is_whole(3, 3), Ok(()));
        assert_eq!(is_whole(0, 0), Ok(()));
        for (promoted, found, says) in
            [(3, 2, "2 rows of this run"), (2, 1, "1 row of this run"), (0, 1, "1 row")]
        {
            let refused = is_whole(promoted, found).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
    }
}
