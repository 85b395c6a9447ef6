//! Whether a copy of final has the content that a run's evidence has the fingerprint of, without the run's source.
//!
//! Final's fingerprint is a tree with a leaf for every record of the source: of one that final holds, its number and
//! its values, and of any other one that it is not there. Rows that name their records give all of it again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::check::{self, CheckResult, Stage, Subject};
use crate::fingerprint::Hash;
use crate::ids::RecordNo;
use crate::invariants::Invariant;
use crate::layout::Layout;
use crate::record::{self, RawRecord, Tag, encoded};
use crate::totals::{ControlTotals, TotalsError};
use crate::value::{FieldType, Value};

use super::cell::{Cell, put_cell};

/// How a time ends that is a midnight, as [`Cell::Timestamp`] has it.
const MIDNIGHT: &[u8] = b" 00:00:00.000000";

/// How long a date is (`YYYY-MM-DD`).
const DATE_BYTES: usize = 10;

/// Whether the content of a run's rows was compared, by their fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContentLook {
    /// Whether it was compared. Otherwise only totals were.
    pub compared: bool,
    /// Why it was not compared; absent if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// Fields that the fingerprint does not cover, whose values were not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_covered: Vec<String>,
}

/// Appends what a column holds as a field whose type is `ty`, in the one form that the field's values have.
///
/// It is the form in which final was read back: where a column of final had another type that holds the field's values,
/// an exact number of the same value gets the field's scale, and a date and its midnight are the same. Everything else
/// is as [`put_cell`] has it, so that a value of another type, a finer time or one more blank gives another field.
pub fn put_value(out: &mut Vec<u8>, ty: &FieldType, cell: &Cell<'_>) {
    let start = out.len();
    put_cell(out, ty, cell);
    let Some(raw) = encoded(&out[start..]) else { return };
    let amount = match raw.tag {
        Tag::Decimal => Amount::parse_bytes(raw.content).ok(),
        Tag::Integer => raw.content.try_into().ok().map(|bytes| Amount::from(i64::from_be_bytes(bytes))),
        _ => None,
    };
    let of_moment = match (ty, raw.tag, raw.content) {
        (FieldType::Date, Tag::Timestamp, content) => {
            content.strip_suffix(MIDNIGHT).map(|date| (Tag::Date, date.to_vec()))
        }
        (FieldType::Timestamp, Tag::Date, date) if date.len() == DATE_BYTES => {
            Some((Tag::Timestamp, [date, MIDNIGHT].concat()))
        }
        _ => None,
    };
    if let Some((tag, content)) = of_moment {
        out.truncate(start);
        record::put_raw(out, tag, &content);
        return;
    }
    let value = match (ty, amount) {
        (FieldType::Decimal { scale, .. }, Some(amount)) => amount.rescale(*scale).ok().map(Value::Decimal),
        (FieldType::Integer, Some(amount)) => {
            amount.rescale(0).ok().and_then(|whole| whole.to_string().parse().ok()).map(Value::Integer)
        }
        _ => None,
    };
    if let Some(value) = value {
        out.truncate(start);
        record::put(out, &value);
    }
}

/// The rows of one record type in a copy of final, as they come in the order of their records.
#[derive(Debug, Clone)]
pub struct CopyRows {
    totals: ControlTotals,
    /// How many records the source has.
    records: u64,
    /// Rows that name no record of the source, or one that another row has named.
    out_of_place: u64,
}

impl CopyRows {
    /// None yet, of a source with so many records.
    #[must_use]
    pub fn of(layout: &Layout, records: u64) -> Self {
        Self { totals: ControlTotals::starting_at(0, layout), records, out_of_place: 0 }
    }

    /// Counts a row that names no record.
    pub const fn nowhere(&mut self, rows: u64) {
        self.out_of_place += rows;
    }

    /// Takes the next row, whose number is not below that of the row before it.
    ///
    /// # Errors
    /// [`TotalsError::Overflow`] past 38 digits.
    pub fn row(&mut self, layout: &Layout, record: &RawRecord<'_>) -> Result<(), TotalsError> {
        let RecordNo(record_no) = record.record_no;
        if record_no <= self.totals.tree.end() || record_no > self.records {
            self.out_of_place += 1;
            return Ok(());
        }
        self.up_to(layout, record_no - 1);
        self.totals.accept(layout, record)
    }

    /// Hashes that records are not there, as reading final back does.
    fn up_to(&mut self, layout: &Layout, record_no: u64) {
        while self.totals.tree.end() < record_no {
            self.totals.unseen(layout, RecordNo::from_leaf(self.totals.tree.end()));
        }
    }

    /// What all rows come to.
    #[must_use]
    pub fn finished(mut self, layout: &Layout) -> (ControlTotals, u64) {
        self.up_to(layout, self.records);
        (self.totals, self.out_of_place)
    }
}

/// The checks of a copy's content. `expected` is the fingerprint of final in the evidence, `found` that of the copy's
/// rows, of which `out_of_place` name no record of their own.
#[must_use]
pub fn content_checks(expected: Hash, (found, out_of_place): (Hash, u64), at_ms: i64) -> [CheckResult; 2] {
    let subject = |what: &str| Subject::new(Stage::Target, Invariant::LoadEqual, what);
    [
        check::count(
            subject("rows of no record"),
            0,
            out_of_place,
            "rows that name no record of the source, or one that another row names",
            at_ms,
        ),
        check::hash(
            subject("fingerprint of the run's rows"),
            expected,
            found,
            "the fingerprint of final in the pack = that of the run's rows in the target; which record differs is told \
             with the run's source",
            at_ms,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn field(ty: &FieldType, cell: &Cell<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        put_value(&mut out, ty, cell);
        out
    }

    fn value(value: &Value<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        record::put(&mut out, value);
        out
    }

    #[test]
    fn an_equal_number_has_the_fields_form_and_any_other_value_its_own() {
        let money = FieldType::Decimal { precision: 12, scale: 2 };
        let ten = value(&Value::Decimal("10.00".parse().unwrap()));
        for cell in [Cell::Number("10.00"), Cell::Number("10"), Cell::Number("10.0000"), Cell::Integer(10)] {
            assert_eq!(field(&money, &cell), ten, "{cell:?}");
        }
        for cell in [Cell::Number("10.001"), Cell::Float(10.0), Cell::Text("10.00"), Cell::Null] {
            assert_ne!(field(&money, &cell), ten, "{cell:?}");
        }
        let three = value(&Value::Integer(3));
        assert_eq!(field(&FieldType::Integer, &Cell::Number("3.00")), three);
        assert_ne!(field(&FieldType::Integer, &Cell::Number("3.01")), three);
        assert_ne!(field(&FieldType::Integer, &Cell::Text("3")), three);
        let (leap, midnight) = (date(2024, 2, 29), date(2024, 2, 29).at(0, 0, 0, 0));
        let day = value(&Value::Date(leap));
        assert_eq!(field(&FieldType::Date, &Cell::Timestamp("2024-02-29 00:00:00.000000")), day);
        assert_ne!(field(&FieldType::Date, &Cell::Timestamp("2024-02-29 00:00:00.000001")), day);
        assert_ne!(field(&FieldType::Date, &Cell::Timestamp("2024-02-29 00:00:00.000000001")), day);
        assert_ne!(field(&FieldType::Date, &Cell::Instant("2024-02-29 00:00:00.000000Z")), day);
        let began = value(&Value::Timestamp(midnight));
        assert_eq!(field(&FieldType::Timestamp, &Cell::Date("2024-02-29")), began);
        assert_ne!(field(&FieldType::Timestamp, &Cell::Date("infinity")), began);
        assert_ne!(field(&FieldType::Instant, &Cell::Date("2024-02-29")), began);
    }
}
