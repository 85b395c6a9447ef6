//! A quick look: what both sides amount to, without bringing records and rows together.
//!
//! Counts, sums, the lowest and the highest values, NULLs and the number of different keys can all agree while values
//! are wrong. That is why totals that agree are never called reconciled.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::content::ContentLook;
use super::equality::{Equality, EqualitySet, FLOAT, SINGLE, Sameness, normal, same};
use super::plan::{ExtraRows, FieldPlan, Plan};
use super::report::TargetSummary;
use crate::amount::Amount;
use crate::check::{self, CheckResult, Stage, Subject, Verdict};
use crate::fingerprint::Hash;
use crate::invariants::Invariant;
use crate::layout::Layout;
use crate::record::{self, RawField, Tag};
use crate::report::{CheckCounts, LogHead, SourceSummary};
use crate::value::FieldType;
use crate::words::plural;

/// What a quick look does not see, in sentences for the reader.
pub const NOT_SEEN: [&str; 4] = [
    "two errors that cancel out in a sum, and values that changed places",
    "values of texts, booleans and bytes, but for NULL",
    "which record or row a difference is in",
    "a date or time that is wrong, and is neither the lowest nor the highest",
];

crate::named! {
    /// What a quick look came to.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum QuickOutcome {
        /// Every total that could be compared is equal. Values were not compared.
        TotalsAgree = "totals agree",
        /// A total differs, or a check of the source failed.
        TotalsDiffer = "totals differ",
        /// The rows of a run have the totals and the fingerprint that its evidence has.
        ContentAgrees = "content agrees",
        /// The rows were read for their fingerprint, and it or a total differs.
        ContentDiffers = "content differs",
    }
}

/// What the values of one column amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnTotals {
    /// Values that are NULL, or count as NULL.
    pub nulls: u64,
    /// The lowest number, date or time, as a field of a record; `None` if there is none.
    pub lowest: Option<Vec<u8>>,
    /// The highest one.
    pub highest: Option<Vec<u8>>,
    /// The exact sum of its numbers; `None` if it has more than 38 digits, or none can be formed.
    pub sum: Option<Amount>,
    /// Floats, whose sum is not exact.
    pub floats: u64,
    /// Values of another type than the field's, which are in no sum.
    pub others: u64,
    /// Whether neither extremes nor a sum can be asked for.
    pub is_closed: bool,
}

/// What the rows of one table, or the records of one type, amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableTotals {
    /// How many there are.
    pub rows: u64,
    /// How many different keys they have; `None` without a key.
    pub keys: Option<u64>,
    /// The compared fields, in order.
    pub columns: Vec<ColumnTotals>,
}

/// Whether values of a type are summed.
#[must_use]
pub const fn is_summed(ty: &FieldType) -> bool {
    matches!(ty, FieldType::Integer | FieldType::Decimal { .. })
}

/// Whether values of a type have a lowest and a highest that every database finds alike.
#[must_use]
pub const fn is_ordered(ty: &FieldType) -> bool {
    is_summed(ty) || matches!(ty, FieldType::Date | FieldType::Timestamp | FieldType::Instant)
}

fn number(raw: &RawField<'_>) -> Option<Amount> {
    match raw.tag {
        Tag::Decimal => Amount::parse_bytes(raw.content).ok(),
        Tag::Integer => raw.content.try_into().ok().map(|bytes| Amount::from(i64::from_be_bytes(bytes))),
        _ => None,
    }
}

fn is_float(raw: &RawField<'_>) -> bool {
    let text = std::str::from_utf8(raw.content).unwrap_or_default();
    raw.tag == Tag::Foreign && (text.starts_with(FLOAT) || text.starts_with(SINGLE))
}

fn field(bytes: &[u8]) -> Option<RawField<'_>> {
    record::fields_in(bytes, 1).next()
}

fn kept(raw: &RawField<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    record::put_raw(&mut bytes, raw.tag, raw.content);
    bytes
}

impl ColumnTotals {
    /// The totals of no values.
    #[must_use]
    pub fn none() -> Self {
        Self { sum: Some(Amount::zero(0)), ..Self::default() }
    }

    /// Adds a value of a field of type `ty`.
    pub fn add(&mut self, ty: &FieldType, equal: EqualitySet, raw: &RawField<'_>) {
        if normal(ty, equal, raw).0 == Tag::Null {
            self.nulls += 1;
            return;
        }
        if !is_ordered(ty) {
            return;
        }
        if is_float(raw) {
            self.floats += 1;
            return;
        }
        if is_summed(ty) {
            let Some(amount) = number(raw) else {
                self.others += 1;
                return;
            };
            self.sum = self.sum.and_then(|sum| sum.checked_add(amount).ok());
            let of = |bytes: &Option<Vec<u8>>| {
                bytes.as_deref().and_then(|bytes| field(bytes).and_then(|raw| number(&raw)))
            };
            if of(&self.lowest).is_none_or(|lowest| amount < lowest) {
                self.lowest = Some(kept(raw));
            }
            if of(&self.highest).is_none_or(|highest| amount > highest) {
                self.highest = Some(kept(raw));
            }
            return;
        }
        if !matches!(raw.tag, Tag::Date | Tag::Timestamp | Tag::Instant) {
            self.others += 1;
            return;
        }
        // Days and times have a form of fixed width, in which the order of bytes is that of time.
        let is_beyond = |bytes: &Option<Vec<u8>>, order: std::cmp::Ordering| {
            let content = bytes.as_deref().and_then(field).map(|kept| kept.content);
            content.is_none_or(|content| raw.content.cmp(content) == order)
        };
        if is_beyond(&self.lowest, std::cmp::Ordering::Less) {
            self.lowest = Some(kept(raw));
        }
        if is_beyond(&self.highest, std::cmp::Ordering::Greater) {
            self.highest = Some(kept(raw));
        }
    }

    /// Adds what other values of the same column amount to.
    pub fn merge(&mut self, ty: &FieldType, equal: EqualitySet, other: &Self) {
        let (nulls, floats, others) = (self.nulls, self.floats, self.others);
        let sum = self.sum.zip(other.sum).and_then(|(one, more)| one.checked_add(more).ok());
        for bytes in [&other.lowest, &other.highest].into_iter().flatten() {
            if let Some(raw) = field(bytes) {
                self.add(ty, equal, &raw);
            }
        }
        self.nulls = nulls + other.nulls;
        self.floats = floats + other.floats;
        self.others = others + other.others;
        self.is_closed |= other.is_closed;
        self.sum = sum;
    }
}

impl TableTotals {
    /// The totals of no rows.
    #[must_use]
    pub fn none(plan: &Plan) -> Self {
        Self { rows: 0, keys: None, columns: plan.fields.iter().map(|_| ColumnTotals::none()).collect() }
    }

    /// Adds a row, whose compared fields are `own`.
    pub fn add(&mut self, plan: &Plan, own: &[u8]) {
        self.rows += 1;
        for ((of, column), raw) in plan.fields.iter().zip(&mut self.columns).zip(plan.row(own)) {
            column.add(&plan.layout.fields[of.at].ty, of.equal, &raw);
        }
    }

    /// Adds what other rows of the same table amount to, keys excepted.
    pub fn merge(&mut self, plan: &Plan, other: &Self) {
        self.rows += other.rows;
        for ((of, column), more) in plan.fields.iter().zip(&mut self.columns).zip(&other.columns) {
            column.merge(&plan.layout.fields[of.at].ty, of.equal, more);
        }
    }
}

/// What prevents a quick look at a table; `None` if nothing does.
#[must_use]
pub fn refused(plan: &Plan) -> Option<String> {
    (plan.extra == ExtraRows::Allowed).then(|| {
        format!(
            "record type {}: `extra = \"allowed\"` leaves rows of other loads in the target, whose totals then say \
             nothing; name the rows of this load with `filter`, or compare without --quick",
            plan.layout.record
        )
    })
}

/// Compares what both sides of one table amount to.
#[must_use]
pub fn compare_totals(
    plan: &Plan,
    source: &TableTotals,
    target: &TableTotals,
    at_ms: i64,
) -> Vec<CheckResult> {
    let layout = &plan.layout;
    let name = |what: String| match layout.among.is_alone() {
        true => what,
        false => format!("{}: {what}", layout.record),
    };
    let subject = |what: &str| Subject::new(Stage::Target, Invariant::LoadEqual, name(what.into()));
    let mut checks = Vec::new();
    // Of records that replace each other, as many rows are due as there are keys.
    let replaced = source.keys.filter(|_| plan.merges()).map_or(0, |keys| source.rows - keys);
    let due = source.rows - replaced;
    let told = "accepted records = rows in the target";
    checks.push(check::count(subject("rows, quick look"), due, target.rows, told, at_ms));
    if let (Some(of_source), Some(of_target)) = (source.keys, target.keys) {
        let told = format!("different keys ({}) on both sides", layout.key_names());
        checks.push(check::count(subject("different keys, quick look"), of_source, of_target, told, at_ms));
    }
    if replaced > 0 {
        let told = format!(
            "{} replaced by a later one with the same key: sums and extremes of the source are not those of its rows",
            plural(replaced, "record is")
        );
        let mut none = check::count(subject("fields, quick look"), due, target.rows, told, at_ms);
        none.verdict = Verdict::Vacuous;
        none.discrepancy = String::new();
        checks.push(none);
        return checks;
    }
    for ((of, source), target) in plan.fields.iter().zip(&source.columns).zip(&target.columns) {
        column(layout, of, (source, target), &subject, at_ms, &mut checks);
    }
    checks
}

fn column(
    layout: &Layout,
    of: &FieldPlan,
    (source, target): (&ColumnTotals, &ColumnTotals),
    subject: &dyn Fn(&str) -> Subject,
    at_ms: i64,
    checks: &mut Vec<CheckResult>,
) {
    let (field, ty) = (&layout.fields[of.at].name, &layout.fields[of.at].ty);
    let told = format!("NULLs of {field} on both sides");
    checks.push(check::count(
        subject(&format!("NULLs of {field}, quick look")),
        source.nulls,
        target.nulls,
        told,
        at_ms,
    ));
    if !is_ordered(ty) {
        return;
    }
    let vacuous = |mut check: CheckResult, why: &str| {
        check.verdict = Verdict::Vacuous;
        check.discrepancy = String::new();
        check.message = format!("{field}: nothing to compare: {why}");
        check
    };
    if target.others > 0 && !of.equal.has(Equality::AsText) {
        let told = format!("values of {field} in the target that are no {ty}");
        let subject = subject(&format!("type of {field}, quick look"));
        checks.push(check::count(subject, 0, target.others, told, at_ms));
    }
    let why = match target {
        _ if target.is_closed => {
            Some("the column's type has no order and no sum that are those of the field")
        }
        _ if target.others > 0 => Some("the target has values of another type"),
        _ => None,
    };
    let is_float = target.floats > 0;
    for (what, one, other) in
        [("lowest", &source.lowest, &target.lowest), ("highest", &source.highest, &target.highest)]
    {
        let shown = |bytes: &Option<Vec<u8>>| match bytes.as_deref().and_then(self::field) {
            Some(raw) => layout.shown(of.at, &raw),
            None => "none".into(),
        };
        let subject = subject(&format!("{what} {field}, quick look"));
        let told = format!("the {what} value of {field} on both sides");
        let is_same = match (one.as_deref().and_then(self::field), other.as_deref().and_then(self::field)) {
            (Some(one), Some(other)) => {
                let equal = same(ty, of.equal, &one, &other) != Sameness::Different;
                equal || number(&one).is_some_and(|amount| Some(amount) == number(&other))
            }
            (one, other) => one.is_none() && other.is_none(),
        };
        // What is masked may look the same and not be; what looks different may be equal under an equality.
        let mut check = check::hash(subject, shown(one), shown(other), told, at_ms);
        check.verdict = if is_same { Verdict::Pass } else { Verdict::Fail };
        check.discrepancy = if is_same { String::new() } else { "differs".into() };
        checks.push(match why.or(is_float.then_some("the target has floats")) {
            Some(why) => vacuous(check, why),
            None => check,
        });
    }
    if !is_summed(ty) {
        return;
    }
    let subject = subject(&format!("sum of {field}, quick look"));
    let told = format!("{field} over the accepted records = over the target's rows");
    let zero = Amount::zero(0);
    let sums = (source.sum.unwrap_or(zero), target.sum.unwrap_or(zero));
    let check = check::amount_total(subject, sums.0, sums.1, told, at_ms);
    let why = why.or(is_float.then_some("floats cannot be summed exactly"));
    let is_formed = source.sum.is_some() && target.sum.is_some();
    checks.push(match why.or((!is_formed).then_some("a sum has more than 38 digits or cannot be formed")) {
        Some(why) => vacuous(check, why),
        None => check,
    });
}

/// One table in a quick look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuickTable {
    /// The record type.
    pub record: String,
    /// The table, or that it was a query.
    pub table: String,
    /// The condition that its rows met, if there is one.
    pub filter: Option<String>,
    /// The key whose different values were counted.
    pub key: Vec<String>,
    /// Fields that were not looked at.
    pub left_out: Vec<String>,
    /// Accepted records of the type; rows, if the source is a database.
    pub records: u64,
    /// Rows in the target.
    pub rows: u64,
}

/// What a quick look at a load that another program made came to. It is no comparison of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuickReport {
    /// The version of the shape of this report.
    pub report_version: u32,
    /// Always true: no record was brought together with its row.
    pub quick: bool,
    /// The version of the program that made the report.
    pub crossfoot_version: String,
    /// The name of the job.
    pub job: String,
    /// SHA-256 of the job file.
    pub job_digest: Hash,
    /// What it came to.
    pub outcome: QuickOutcome,
    /// When it began: milliseconds since 1970, UTC.
    pub started_at_ms: i64,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// The source as it was read.
    pub source: SourceSummary,
    /// Records in the source, accepted and rejected; rows, if the source is a database.
    pub records: u64,
    /// Records that do not match the job file. They are in no total.
    pub rejected: u64,
    /// The target, and how it was read.
    pub target: TargetSummary,
    /// Whether the target's database made the totals; otherwise rows were read for them.
    pub by_aggregates: bool,
    /// Every check.
    pub checks: Vec<CheckResult>,
    /// How many checks came out how.
    pub counts: CheckCounts,
    /// The record types and their tables.
    pub tables: Vec<QuickTable>,
    /// Record types that were looked at nowhere, each with its number of accepted records.
    pub not_compared: Vec<(String, u64)>,
    /// Whether the content was compared as well (`attest PACK`); otherwise absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentLook>,
    /// What a quick look cannot see.
    pub not_seen: Vec<String>,
    /// The event of the evidence log that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_head: Option<LogHead>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn totals(ty: &FieldType, values: &[Value<'_>]) -> ColumnTotals {
        let mut totals = ColumnTotals::none();
        for value in values {
            let mut bytes = Vec::new();
            record::put(&mut bytes, value);
            totals.add(ty, EqualitySet::NONE, &field(&bytes).unwrap());
        }
        totals
    }

    #[test]
    fn a_column_has_the_same_totals_in_whatever_parts_it_is_read() {
        let ty = FieldType::Decimal { precision: 12, scale: 2 };
        let amount = |text: &str| Value::Decimal(Amount::parse_bytes(text.as_bytes()).unwrap());
        let values = [amount("9.00"), amount("10.00"), Value::Null, amount("-9.50"), amount("0.00")];
        let whole = totals(&ty, &values);
        assert_eq!((whole.nulls, whole.sum.unwrap().to_string()), (1, "9.50".into()));
        let shown =
            |bytes: &Option<Vec<u8>>| number(&field(bytes.as_deref().unwrap()).unwrap()).unwrap().to_string();
        assert_eq!((shown(&whole.lowest), shown(&whole.highest)), ("-9.50".into(), "10.00".into()));
        for cut in 0..=values.len() {
            let mut parts = totals(&ty, &values[..cut]);
            parts.merge(&ty, EqualitySet::NONE, &totals(&ty, &values[cut..]));
            assert_eq!(parts, whole, "{cut}");
        }
    }
}
