//! What counts as equal, and what becomes of records and rows, as tables.

use std::sync::Arc;

use super::*;
use crate::layout::{Field, Layout, Mode, RecordTypeSlot};
use crate::mask::Masks;
use crate::record::{self, RawField};
use crate::table::{FinalTable, TableName};
use crate::value::{FieldType, Value};

const TEXT: FieldType = FieldType::Text { chars_max: 40 };
const AMOUNT: FieldType = FieldType::Decimal { precision: 12, scale: 2 };

fn source(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    record::put(&mut out, value);
    out
}

fn target(ty: &FieldType, cell: &Cell<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_cell(&mut out, ty, cell);
    out
}

fn raw(bytes: &[u8]) -> RawField<'_> {
    record::encoded(bytes).unwrap()
}

fn decimal(text: &str) -> Value<'_> {
    Value::Decimal(text.parse().unwrap())
}

#[test]
fn a_value_is_the_same_exactly_or_under_named_equalities_and_not_otherwise() {
    use Equality as E;
    let day = jiff::civil::date(2026, 11, 27);
    let time = day.at(13, 5, 7, 120_450_000);
    let exact: &[E] = &[];
    // type, source, target, declared, needed (`None`: they differ)
    #[allow(clippy::type_complexity, reason = "a table, whose columns are named above")]
    let table: &[(FieldType, Value<'_>, Cell<'_>, &[E], Option<&[E]>)] = &[
        (TEXT, Value::Text("a"), Cell::Text("a"), &[], Some(exact)),
        (TEXT, Value::Text("a"), Cell::Text("a  "), &[], None),
        (
            TEXT,
            Value::Text("a"),
            Cell::Text("a  "),
            &[E::TrailingBlanks, E::Case],
            Some(&[E::TrailingBlanks]),
        ),
        (TEXT, Value::Text("a"), Cell::Text(" a"), &[E::TrailingBlanks], None),
        (TEXT, Value::Text(""), Cell::Null, &[], None),
        (TEXT, Value::Text(""), Cell::Null, &[E::EmptyIsNull], Some(&[E::EmptyIsNull])),
        (TEXT, Value::Text("  "), Cell::Null, &[E::EmptyIsNull], None),
        (
            TEXT,
            Value::Text("  "),
            Cell::Null,
            &[E::EmptyIsNull, E::TrailingBlanks],
            Some(&[E::TrailingBlanks, E::EmptyIsNull]),
        ),
        (TEXT, Value::Text("Ä"), Cell::Text("ä"), &[E::Case], Some(&[E::Case])),
        (TEXT, Value::Text("\u{e9}"), Cell::Text("e\u{301}"), &[], None),
        (TEXT, Value::Text("\u{e9}"), Cell::Text("e\u{301}"), &[E::NormalForm], Some(&[E::NormalForm])),
        (TEXT, Value::Text("007"), Cell::Integer(7), &[E::AsText, E::Scale], None),
        (AMOUNT, decimal("1.50"), Cell::Number("1.50"), &[], Some(exact)),
        (AMOUNT, decimal("1.50"), Cell::Number("1.5"), &[], None),
        (AMOUNT, decimal("1.50"), Cell::Number("1.5"), &[E::Scale], Some(&[E::Scale])),
        (AMOUNT, decimal("1.50"), Cell::Number("1.5000"), &[E::Scale], Some(&[E::Scale])),
        (AMOUNT, decimal("1.50"), Cell::Number("1.501"), &[E::Scale], None),
        (AMOUNT, decimal("2.00"), Cell::Integer(2), &[E::Scale], Some(&[E::Scale])),
        (AMOUNT, decimal("0.00"), Cell::Null, &[E::Scale, E::EmptyIsNull], None),
        (AMOUNT, decimal("0.10"), Cell::Float(0.1), &[], None),
        (AMOUNT, decimal("0.10"), Cell::Float(0.1), &[E::NearestFloat], Some(&[E::NearestFloat])),
        (AMOUNT, decimal("0.10"), Cell::Float(0.1 + f64::EPSILON), &[E::NearestFloat], None),
        (AMOUNT, decimal("0.10"), Cell::Single(0.1), &[E::NearestFloat], Some(&[E::NearestFloat])),
        // An exact column is compared exactly, whatever is declared of floats.
        (AMOUNT, decimal("90071992547409.93"), Cell::Number("90071992547409.94"), &[E::NearestFloat], None),
        (AMOUNT, decimal("1.50"), Cell::Text("1.50"), &[], None),
        (AMOUNT, decimal("1.50"), Cell::Text("1.50"), &[E::AsText], Some(&[E::AsText])),
        (AMOUNT, decimal("1.50"), Cell::Text("1,50"), &[E::AsText, E::Scale], None),
        (AMOUNT, decimal("1.50"), Cell::Text("1.5"), &[E::AsText, E::Scale], Some(&[E::Scale, E::AsText])),
        (FieldType::Integer, Value::Integer(7), Cell::Number("7"), &[], Some(exact)),
        (FieldType::Integer, Value::Integer(7), Cell::Number("7.0"), &[], None),
        (FieldType::Integer, Value::Integer(7), Cell::Number("7.0"), &[E::Scale], Some(&[E::Scale])),
        (FieldType::Integer, Value::Integer(7), Cell::Text("007"), &[E::AsText], None),
        (FieldType::Date, Value::Date(day), Cell::Date("2026-11-27"), &[], Some(exact)),
        (FieldType::Date, Value::Date(day), Cell::Timestamp("2026-11-27 00:00:00.000000"), &[], None),
        (
            FieldType::Date,
            Value::Date(day),
            Cell::Timestamp("2026-11-27 00:00:00.000000"),
            &[E::Midnight],
            Some(&[E::Midnight]),
        ),
        (
            FieldType::Date,
            Value::Date(day),
            Cell::Timestamp("2026-11-27 00:00:01.000000"),
            &[E::Midnight],
            None,
        ),
        (FieldType::Date, Value::Date(day), Cell::Text("2026-11-27"), &[E::AsText], Some(&[E::AsText])),
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Timestamp("2026-11-27 13:05:07.120450"),
            &[],
            Some(exact),
        ),
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Timestamp("2026-11-27 13:05:07.120000"),
            &[],
            None,
        ),
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Timestamp("2026-11-27 13:05:07.120000"),
            &[E::Milliseconds],
            Some(&[E::Milliseconds]),
        ),
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Timestamp("2026-11-27 13:05:07.000000"),
            &[E::Milliseconds],
            None,
        ),
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Timestamp("2026-11-27 13:05:07.000000"),
            &[E::Seconds],
            Some(&[E::Seconds]),
        ),
        // What a column has below the microsecond makes it another time, unless an equality passes over it.
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Timestamp("2026-11-27 13:05:07.120450001"),
            &[E::Utc, E::Midnight, E::AsText],
            None,
        ),
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Timestamp("2026-11-27 13:05:07.120999999"),
            &[E::Milliseconds, E::Utc],
            Some(&[E::Milliseconds]),
        ),
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Instant("2026-11-27 13:05:07.999999999Z"),
            &[E::Seconds, E::Utc],
            Some(&[E::Seconds, E::Utc]),
        ),
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Timestamp("2026-11-27 13:05:08.120450001"),
            &[E::Seconds],
            None,
        ),
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Instant("2026-11-27 13:05:07.120450Z"),
            &[],
            None,
        ),
        (
            FieldType::Timestamp,
            Value::Timestamp(time),
            Cell::Instant("2026-11-27 13:05:07.120450Z"),
            &[E::Utc],
            Some(&[E::Utc]),
        ),
        (FieldType::Boolean, Value::Boolean(true), Cell::Integer(1), &[], Some(exact)),
        (FieldType::Boolean, Value::Boolean(true), Cell::Integer(2), &[], None),
        (FieldType::Bytes, Value::Bytes(&[0, 255]), Cell::Bytes(&[0, 255]), &[], Some(exact)),
        (FieldType::Date, Value::Null, Cell::Null, &[], Some(exact)),
        (TEXT, Value::Null, Cell::Text("NULL"), &[E::TrailingBlanks, E::EmptyIsNull, E::Case], None),
    ];
    for (ty, of_source, of_target, declared, needed) in table {
        let (left, right) = (source(of_source), target(ty, of_target));
        let declared: EqualitySet = declared.iter().copied().collect();
        let expected = match needed {
            None => Sameness::Different,
            Some([]) => Sameness::Exact,
            Some(needed) => Sameness::Under(needed.iter().copied().collect()),
        };
        assert_eq!(
            same(ty, declared, &raw(&left), &raw(&right)),
            expected,
            "{ty}: {of_source} and {of_target:?}"
        );
    }
}

fn plan(key: &[usize], equal: EqualitySet, extra: ExtraRows, mode: Mode) -> Plan {
    let field = |name: &str, ty| Field {
        name: name.into(),
        ty,
        required: false,
        sensitive: false,
        constraints: Vec::new(),
    };
    let layout = Layout {
        record: "posting".into(),
        among: RecordTypeSlot::ALONE,
        fields: vec![field("id", FieldType::Integer), field("account", TEXT), field("amount", AMOUNT)],
        key: key.to_vec(),
        amounts: vec![2],
        hashed: vec![0, 1, 2],
        mode,
        promote_by: crate::layout::PromoteBy::Insert,
        staging: TableName::parse("s").unwrap(),
        final_table: FinalTable::from(TableName::parse("f").unwrap()),
        masks: Masks::default(),
    };
    let fields = layout.fields.iter().enumerate();
    let fields = fields.map(|(at, field)| FieldPlan {
        at,
        equal: equal.concerning(&field.ty),
        is_key: key.contains(&at),
    });
    Plan { fields: fields.collect(), extra, layout: Arc::new(layout), names_writer: false }
}

type Line = (i64, &'static str, &'static str);

/// Brings the lines together as an engine does: both sides in entries, by key. Returns what was found, as `kind id`.
fn pair(plan: &Plan, sources: &[Line], targets: &[Line]) -> (Pairing, Vec<String>) {
    let mut keys = std::collections::BTreeMap::<Vec<u8>, (Vec<Vec<u8>>, Vec<Vec<u8>>)>::new();
    let mut scratch = Vec::new();
    for (at, (id, account, amount)) in sources.iter().enumerate() {
        let mut canonical = Vec::new();
        record::begin(&mut canonical, crate::ids::RecordNo(at as u64 + 1));
        [Value::Integer(*id), Value::Text(account), decimal(amount)]
            .iter()
            .for_each(|value| record::put(&mut canonical, value));
        let record = record::records(&canonical, 3).next().unwrap().unwrap();
        let mut entry = Vec::new();
        plan.put_source(&mut entry, &mut scratch, &record, 100 * at as u64);
        let of = Entry::of(&entry).unwrap();
        keys.entry(of.key.to_vec()).or_default().0.push(of.rest.to_vec());
    }
    for (id, account, amount) in targets {
        let mut entry = Vec::new();
        plan.put_target(
            &mut entry,
            &mut scratch,
            &[Cell::Integer(*id), Cell::Text(account), Cell::Number(amount)],
        );
        let of = Entry::of(&entry).unwrap();
        keys.entry(of.key.to_vec()).or_default().1.push(of.rest.to_vec());
    }
    let (mut pairing, mut found) = (Pairing::new(plan), Vec::new());
    for (sources, targets) in keys.values() {
        let sources = sources.iter().map(|rest| SourceRow::of(rest).unwrap()).collect();
        let targets = targets.iter().map(|row| TargetRow::of(plan, row).unwrap()).collect();
        pairing
            .group(plan, sources, targets, false, &mut |one| {
                let row = one.source.map_or_else(|| one.target.unwrap().row, |source| source.row);
                let id = plan.row(row).next().unwrap().value(&FieldType::Integer).unwrap();
                let fields: Vec<_> =
                    one.fields.iter().map(|at| plan.layout.fields[*at].name.as_str()).collect();
                found.push(format!("{} {id} {}", one.kind.name(), fields.join("+")).trim_end().to_owned());
            })
            .unwrap();
    }
    (pairing, found)
}

#[test]
fn records_and_rows_are_brought_together_by_key() {
    let plan = plan(&[0], EqualitySet::NONE, ExtraRows::Refused, Mode::Append);
    let sources = [(1, "a", "1.00"), (2, "b", "2.00"), (3, "c", "3.00"), (4, "d", "4.00")];
    let targets = [(4, "d", "4.01"), (1, "a", "1.00"), (5, "e", "5.00"), (2, "b", "2.00"), (2, "b", "2.00")];
    let (pairing, found) = pair(&plan, &sources, &targets);
    assert_eq!(found, ["doubled 2", "missing 3", "differs 4 amount", "extra 5"]);
    let Pairing { records, rows, exact, differing, missing, doubled, extra, .. } = pairing;
    assert_eq!((records, rows, exact, differing, missing, doubled, extra), (4, 5, 2, 1, 1, 1, 1));
    assert_eq!(
        (pairing.source_sums.0[0].to_string(), pairing.target_sums.0[0].to_string()),
        ("10.00".into(), "14.01".into())
    );
    assert_eq!((pairing.repeated_in_source, pairing.repeated_in_target), (0, 1));
}

#[test]
fn without_a_key_whole_records_are_compared_as_often_as_they_occur() {
    let plan = plan(&[], EqualitySet::NONE, ExtraRows::Refused, Mode::Append);
    let sources = [(1, "a", "1.00"), (1, "a", "1.00"), (2, "b", "2.00")];
    let (pairing, found) = pair(&plan, &sources, &[(1, "a", "1.00"), (2, "b", "2.00"), (2, "b", "2.01")]);
    assert_eq!(found, ["missing 1", "extra 2"]);
    assert_eq!((pairing.exact, pairing.missing, pairing.extra, pairing.repeated_in_source), (2, 1, 1, 0));
}

#[test]
fn a_key_is_found_under_its_equalities_and_other_values_are_not() {
    let blanks = EqualitySet::NONE.with(Equality::TrailingBlanks);
    let plan = plan(&[1], blanks, ExtraRows::Refused, Mode::Append);
    let (pairing, found) =
        pair(&plan, &[(1, "a", "1.00"), (2, "b", "2.00")], &[(1, "a ", "1.00"), (2, " b", "2.00")]);
    assert_eq!(found, ["missing 2", "extra 2"]);
    assert_eq!((pairing.equal, pairing.fields[1].under.get(&blanks)), (1, Some(&1)));
}

#[test]
fn what_would_make_values_equal_is_counted_and_changes_nothing() {
    let plan = plan(&[0], EqualitySet::NONE, ExtraRows::Refused, Mode::Append);
    let (pairing, found) =
        pair(&plan, &[(1, "a", "1.00"), (2, "b", "2.00")], &[(1, "a ", "1.00"), (2, "x", "2.00")]);
    assert_eq!(found, ["differs 1 account", "differs 2 account"]);
    let would_be: Vec<_> =
        pairing.fields[1].would_be.iter().map(|(set, count)| (set.to_string(), *count)).collect();
    assert_eq!((pairing.fields[1].differing, would_be), (2, vec![("trailing-blanks".to_owned(), 1)]));
}

#[test]
fn of_records_that_replace_each_other_the_last_counts() {
    let plan = plan(&[0], EqualitySet::NONE, ExtraRows::Refused, Mode::Upsert);
    let (pairing, found) = pair(&plan, &[(1, "a", "1.00"), (1, "b", "2.00")], &[(1, "b", "2.00")]);
    assert_eq!((pairing.merged, pairing.exact, found.len()), (1, 1, 0));
    let (_, found) = pair(&plan, &[(1, "a", "1.00"), (1, "b", "2.00")], &[(1, "a", "1.00")]);
    assert_eq!(found, ["differs 1 account+amount"]);
}

#[test]
fn rows_of_other_loads_are_allowed_only_where_the_job_says_so() {
    let plan = plan(&[0], EqualitySet::NONE, ExtraRows::Allowed, Mode::Append);
    let (pairing, found) = pair(&plan, &[(1, "a", "1.00")], &[(1, "a", "1.00"), (9, "z", "7.00")]);
    assert_eq!((found.len(), pairing.allowed, pairing.extra), (0, 1, 0));
    assert_eq!(pairing.target_sums, pairing.source_sums, "their amounts are in no sum");
    // A second row of a record is no row of another load.
    let (pairing, found) = pair(&plan, &[(1, "a", "1.00")], &[(1, "a", "1.00"), (1, "a", "1.00")]);
    assert_eq!((found, pairing.allowed), (vec!["doubled 1".to_owned()], 0));
}

#[test]
fn two_amounts_that_change_places_leave_the_sum_and_are_found() {
    let plan = plan(&[0], EqualitySet::NONE, ExtraRows::Refused, Mode::Append);
    let (pairing, found) =
        pair(&plan, &[(1, "a", "1.00"), (2, "a", "2.00")], &[(1, "a", "2.00"), (2, "a", "1.00")]);
    assert_eq!(pairing.source_sums, pairing.target_sums);
    assert_eq!(found, ["differs 1 amount", "differs 2 amount"]);
}

#[test]
fn what_a_later_writer_replaced_is_not_missing_and_hides_nothing_that_is() {
    let mut plan = plan(&[0], EqualitySet::NONE, ExtraRows::Refused, Mode::Upsert);
    plan.names_writer = true;
    let entry = |of: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        of(&mut bytes);
        Entry::of(&bytes).unwrap().rest.to_vec()
    };
    let source = |id: i64, account: &'static str| {
        let mut canonical = Vec::new();
        record::begin(&mut canonical, crate::ids::RecordNo(1));
        [Value::Integer(id), Value::Text(account), decimal("1.00")]
            .iter()
            .for_each(|value| record::put(&mut canonical, value));
        let record = record::records(&canonical, 3).next().unwrap().unwrap();
        entry(&|out| plan.put_source(out, &mut Vec::new(), &record, 0))
    };
    let target = |id: i64, account: &str, writer: i64| {
        let cells = [Cell::Integer(id), Cell::Text(account), Cell::Number("1.00"), Cell::Integer(writer)];
        entry(&|out| plan.put_target(out, &mut Vec::new(), &cells))
    };
    // Each key: its record, its rows, and what is found.
    let table = [
        (source(1, "a"), vec![target(1, "a", 0)], "equal"),
        (source(2, "b"), vec![target(2, "z", 2)], "replaced"),
        (source(3, "c"), vec![], "missing"),
        (source(4, "d"), vec![target(4, "x", 0), target(4, "d", 1)], "differs"),
        (source(5, "e"), vec![target(5, "e", 0), target(5, "e", 1)], "equal"),
    ];
    let (mut pairing, mut all) = (Pairing::new(&plan), Vec::new());
    for (record, rows, expected) in &table {
        let sources = vec![SourceRow::of(record).unwrap()];
        let targets = rows.iter().map(|row| TargetRow::of(&plan, row).unwrap()).collect();
        let before = (pairing.replaced(), pairing.exact);
        let mut found = Vec::new();
        pairing.group(&plan, sources, targets, false, &mut |one| found.push(one.kind.name())).unwrap();
        if pairing.replaced() > before.0 {
            found.push("replaced");
        }
        if pairing.exact > before.1 {
            found.push("equal");
        }
        assert_eq!(found, [*expected]);
        all.push(*expected);
    }
    assert_eq!((pairing.replaced.get(&2), pairing.missing, pairing.due()), (Some(&1), 1, 4));
    assert_eq!((pairing.rows, pairing.allowed, pairing.doubled), (6, 3, 0));
    assert_eq!(pairing.source_sums.0[0].to_string(), "4.00", "of the records that should have a row");
}
