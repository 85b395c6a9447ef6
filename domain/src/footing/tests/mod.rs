//! Footing, held to tables and to a second reckoning over the whole list of records.

mod bytes;
mod properties;
mod sequences;
mod table;

use std::sync::Arc;

use super::*;
use crate::amount::Amount;
use crate::check::{CheckResult, Verdict};
use crate::layout::{Field, Layout, Mode, RecordTypeSlot};
use crate::rule::Predicate;
use crate::value::{FieldType, Literal, Value};

pub(super) const HEADER: usize = 0;
pub(super) const OPEN: usize = 1;
pub(super) const ENTRY: usize = 2;
pub(super) const CLOSE: usize = 3;
pub(super) const TRAILER: usize = 4;

/// A record as tests write it: its type, its values, and which of them cannot be read.
#[derive(Debug, Clone)]
pub(super) struct Rec {
    pub(super) ty: Option<usize>,
    pub(super) values: Vec<Literal>,
    pub(super) broken: Option<usize>,
    pub(super) lines: u64,
}

pub(super) fn rec<const N: usize>(ty: usize, numbers: [&str; N]) -> Rec {
    let values = numbers.iter().map(|n| n.parse().map_or(Literal::Text((*n).into()), Literal::Decimal));
    Rec { ty: Some(ty), values: values.collect(), broken: None, lines: 1 }
}

pub(super) fn layouts() -> Vec<Arc<Layout>> {
    let decimal = FieldType::Decimal { precision: 38, scale: 2 };
    let whole = FieldType::Decimal { precision: 38, scale: 0 };
    let layout = |record: &str, fields: &[(&str, FieldType)]| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, ty)| Field {
                name: (*name).into(),
                ty: *ty,
                required: false,
                sensitive: false,
                constraints: vec![],
            })
            .collect();
        Arc::new(Layout {
            record: record.into(),
            among: RecordTypeSlot::ALONE,
            hashed: (0..fields.len()).collect(),
            fields,
            key: vec![],
            amounts: vec![],
            mode: Mode::Append,
            promote_by: crate::layout::PromoteBy::Insert,
            staging: format!("stg_{record}").as_str().into(),
            final_table: record.into(),
            masks: crate::mask::Masks::default(),
        })
    };
    vec![
        layout("header", &[("file_no", FieldType::Integer), ("day", FieldType::Text { chars_max: 10 })]),
        layout("opening", &[("kind", whole)]),
        layout("entry", &[("amount", decimal), ("code", whole)]),
        layout("closing", &[("entries", whole), ("cents", whole)]),
        layout("trailer", &[("records", whole), ("total", decimal), ("hash", whole), ("blocks", whole)]),
    ]
}

pub(super) fn counts(records: &[usize]) -> Measure {
    let part = |record: &usize| Part { record: *record, field: None, only: None };
    Measure { what: What::Records, parts: Some(records.iter().map(part).collect()) }
}

pub(super) fn sums(record: usize, field: usize, only: Option<&str>) -> Measure {
    let only = only.map(|text| Predicate::parse(text, &layouts()[record]).unwrap());
    Measure {
        what: What::Sum { absolute: false },
        parts: Some(vec![Part { record, field: Some(field), only }]),
    }
}

pub(super) fn total(field: usize, measure: Measure) -> Total {
    Total { field, measure, scale: 0, last_digits: None, blocks_of: None }
}

pub(super) fn control(name: &str, record: usize, cover: Cover, totals: Vec<Total>) -> Control {
    Control {
        name: name.into(),
        record,
        cover,
        optional: false,
        outside: Outside::Fails,
        totals,
        demands: vec![],
    }
}

/// Batches of entries in a file: counts, sums in cents, a hash of two digits, blocks of four, children's totals.
pub(super) fn batches() -> Vec<Control> {
    let all = Measure { what: What::Records, parts: None };
    vec![
        control(
            "batch",
            CLOSE,
            Cover::From(vec![OPEN]),
            vec![
                total(0, counts(&[ENTRY])),
                Total { scale: 2, ..total(1, sums(ENTRY, 0, Some("code < 50"))) },
            ],
        ),
        control(
            "file",
            TRAILER,
            Cover::File,
            vec![
                total(0, all.clone()),
                total(1, sums(ENTRY, 0, None)),
                Total { last_digits: Some(2), ..total(2, sums(ENTRY, 1, None)) },
                Total { blocks_of: Some(4), ..total(3, Measure { what: What::Lines, ..all }) },
            ],
        ),
    ]
}

pub(super) fn plan(controls: Vec<Control>) -> Arc<FootingPlan> {
    Arc::new(FootingPlan::new(&layouts(), controls).unwrap())
}

/// The footing of the records from `from` on, which go by way of bytes.
pub(super) fn footing(plan: &Arc<FootingPlan>, records: &[Rec], from: u64) -> Footing {
    let mut footer = FootingBuilder::new(plan, RecordNo(from));
    for (at, rec) in records.iter().enumerate() {
        let mut values: Vec<_> = rec.values.iter().map(Literal::value).collect();
        if let Some(broken) = rec.broken {
            values[broken] = Value::Null;
        }
        let no = RecordNo(from + at as u64);
        footer.record(rec.ty, no, rec.lines, &values, |at| rec.broken != Some(at)).unwrap();
    }
    let made = footer.finish().unwrap();
    let read = Footing::from_bytes(plan, &made.to_bytes(plan)).unwrap();
    assert_eq!(read, made);
    read
}

/// The outcome when the records are cut into chunks of these lengths, the last taking the rest.
pub(super) fn outcome(plan: &Arc<FootingPlan>, records: &[Rec], cuts: &[usize], given: Given) -> Outcome {
    let mut fold = Fold::new(plan, given);
    let mut at = 0;
    for cut in cuts.iter().copied().chain([records.len()]) {
        let end = (at + cut).min(records.len());
        fold.chunk(&footing(plan, &records[at..end], at as u64 + 1)).unwrap();
        at = end;
    }
    fold.finish().unwrap()
}

pub(super) fn checks(plan: &Arc<FootingPlan>, records: &[Rec]) -> Vec<CheckResult> {
    outcome(plan, records, &[], Given::default()).checks(0)
}

/// The names of the checks that do not pass, each with what it says.
pub(super) fn failed(checks: &[CheckResult]) -> Vec<String> {
    let failed = checks.iter().filter(|check| check.verdict != Verdict::Pass);
    failed
        .map(|c| format!("{} [{}]: {} / {}: {}", c.name, c.verdict, c.expected, c.actual, c.message))
        .collect()
}

pub(super) fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

/// A file that foots: two batches in the file.
pub(super) fn good() -> Vec<Rec> {
    vec![
        rec(HEADER, ["7", "2024-02-29"]),
        rec(OPEN, ["1"]),
        rec(ENTRY, ["10.50", "40"]),
        rec(ENTRY, ["0.25", "90"]),
        rec(CLOSE, ["2", "1050"]),
        rec(OPEN, ["2"]),
        rec(ENTRY, ["-3.00", "30"]),
        rec(CLOSE, ["1", "-300"]),
        rec(TRAILER, ["9", "7.75", "60", "3"]),
    ]
}
