//! What was found out about a final table that is there: which columns hold the job's fields, and what stands against
//! it.

use std::fmt;

use domain::words::{grouped, plural};
use schemars::JsonSchema;
use serde::Serialize;

domain::named! {
    /// Whether a column holds what the job writes to it.
    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum Verdict {
        /// It holds every value.
        Fits = "fits",
        /// It holds some values only; a run with others fails before its promotion.
        MayNotFit = "holds only",
        /// It cannot be used; no run is opened.
        DoesNotFit = "does not fit",
        /// The job does not write it.
        NotWritten = "not written",
    }
}

/// A column of a final table, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ColumnLook {
    /// The column's name.
    pub column: String,
    /// Its type as the database spells it.
    #[serde(rename = "type")]
    pub ty: String,
    /// The field that it holds; `null` if it holds none.
    pub field: Option<String>,
    /// Whether it holds what the job writes to it.
    pub verdict: Verdict,
    /// Which values fit, why it does not fit, or where its value comes from.
    pub note: Option<String>,
}

/// A final table that is there, compared with the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TableLook {
    /// The table's name as the job file writes it.
    pub table: String,
    /// Its columns in the table's order.
    pub columns: Vec<ColumnLook>,
    /// Why no run is opened with it; empty if it can be used.
    pub differences: Vec<String>,
    /// What else there is to know: triggers, foreign keys.
    pub notes: Vec<String>,
}

impl TableLook {
    /// A table of which nothing is found out yet.
    #[must_use]
    pub fn of(table: String) -> Self {
        Self { table, columns: Vec::new(), differences: Vec::new(), notes: Vec::new() }
    }

    /// Says where a column that the job does not write has its value from: `filled_by` the database, or NULL. Anything
    /// else is a difference.
    pub fn unwritten(
        &mut self,
        (name, ty): (&str, &str),
        filled_by: Option<&str>,
        not_null: bool,
    ) -> Option<String> {
        if filled_by.is_none() && not_null {
            self.differences.push(format!(
                "column {name} {ty} is NOT NULL without a default, and the job does not write it; give it a default, or \
                 map a field to it with `column`"
            ));
            return None;
        }
        Some(filled_by.unwrap_or("stays NULL").into())
    }
}

/// Values of a field that its column in final does not hold.
#[derive(Debug)]
pub struct Unfit<'a> {
    /// The field that they are of.
    pub field: &'a str,
    /// The column that they do not fit.
    pub column: &'a str,
    /// The column's type.
    pub ty: &'a str,
    /// Which values fit, in words.
    pub words: &'a str,
    /// How many records have such a value.
    pub count: u64,
    /// The number of the first of these records.
    pub first: u64,
}

impl fmt::Display for Unfit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, column, ty, words, count, first } = self;
        write!(
            f,
            "field {field}: {} not fit column {column} {ty}, which holds {words}; the first is record {}; widen the \
             column, or give the field constraints",
            if *count == 1 { "1 value does".into() } else { format!("{} do", plural(*count, "value")) },
            grouped(*first)
        )
    }
}
